//! The feed of an offering: its messages in their order, read from the journal, as often as one
//! likes and from the first on.

use super::envelope::Envelope;
use crate::ids::{OfferingId, Seq};
use crate::journal::LoadError;
use crate::journal::messages::{self, Position};
use crate::store::{Store, StoreError};

/// Rows of a journal read at a time.
const ROWS: u64 = 64;

/// A part of the feed.
#[derive(Debug)]
pub struct FeedPage {
    /// Messages, each as one line of JSON, with its position.
    pub messages: Vec<(Position, String)>,
    /// The last message of the page, or that after which was asked.
    pub last: Position,
    /// True if there was nothing more when the page was read.
    pub is_end: bool,
}

/// Why the feed was not read.
#[derive(Debug, thiserror::Error)]
pub enum FeedError {
    /// The cursor names no message of this offering.
    #[error("there is no message at this cursor")]
    NoSuchMessage,
    /// Rows after the cursor were moved to files.
    #[error("the rows up to {0} were archived")]
    Archived(Seq),
    /// No such offering, or its journal cannot be read.
    #[error(transparent)]
    Journal(#[from] LoadError),
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Reads the messages after a position, at least `wanted` if there are so many.
///
/// # Errors
/// [`FeedError`].
pub async fn read(
    store: &Store,
    offering: OfferingId,
    after: Position,
    wanted: usize,
) -> Result<FeedPage, FeedError> {
    let end = store.journal_head(offering).await?.seq;
    let archived = store.archived(offering).await?.map_or(Seq(0), |archived| archived.head.seq);
    if after.seq < archived || (after == Position::START && archived > Seq(0)) {
        return Err(FeedError::Archived(archived));
    }
    let mut page = FeedPage { messages: Vec::new(), last: after, is_end: false };
    if after.seq > end {
        return Err(FeedError::NoSuchMessage);
    }
    // The row of the cursor may have more messages.
    let mut next = after.seq;
    if after != Position::START {
        let rows = store.journal_rows_at(offering, [after.seq]).await?;
        let of_row = rows.iter().flat_map(|(row, record)| messages::of_row(row, record));
        let of_row: Vec<_> = of_row.collect();
        if !of_row.iter().any(|message| message.position == after) {
            return Err(FeedError::NoSuchMessage);
        }
        page.add(offering, of_row.into_iter().filter(|message| message.position > after));
    }
    while page.messages.len() < wanted && next < end {
        let seqs = (next.0 + 1..=end.0.min(next.0 + ROWS)).map(Seq);
        for (row, record) in store.journal_rows_at(offering, seqs).await? {
            page.add(offering, messages::of_row(&row, &record));
        }
        next = Seq(end.0.min(next.0 + ROWS));
    }
    page.is_end = next >= end;
    Ok(page)
}

impl FeedPage {
    fn add(&mut self, offering: OfferingId, messages: impl IntoIterator<Item = messages::Message>) {
        for message in messages {
            let envelope = Envelope::of(offering, &message, self.last);
            self.messages.push((message.position, envelope.to_json()));
            self.last = message.position;
        }
    }
}
