//! The public record of a queue: what happened in it, from the rows of the journal, as lines of
//! JSON without any person's id. Anybody can check it (`record/verify.rs`, `tests/queue_verify.py`).
//! Reads a journal page by page, and never holds one in memory.

pub mod line;
pub mod transcript;
pub mod verify;

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use dashmap::DashMap;
use tokio::sync::{Mutex, OwnedSemaphorePermit, Semaphore, mpsc};
use tokio::time::{Instant, timeout, timeout_at};

use crate::ids::{OfferingId, Seq};
use crate::inventory::{Inventory, TimestampMs};
use crate::journal::{Head, LoadError, Record, Row};
use crate::store::{Archived, Store};
use transcript::{Switches, Transcript};

/// Rows read at a time: one may have thousands of entries.
const PAGE: u64 = 32;
/// A piece is sent once it has this many bytes.
const PIECE: usize = 64 * 1_024;
/// Readers of all events at a time: each keeps up to 64 MB for the entries of a queue.
const READERS: usize = 8;
/// How long a reader waits for those before it.
const PATIENCE: Duration = Duration::from_secs(5);
/// A reader that holds others up is cut off: it may be this late at a rate of [`BYTES_PER_SECOND`].
const GRACE: Duration = Duration::from_secs(30);
const BYTES_PER_SECOND: f64 = 65_536.0;
/// One that takes nothing for so long is cut off at once.
const STALL: Duration = Duration::from_secs(5);
/// Most journals of which it is remembered where their newest queue begins.
const MAX_KEPT: usize = 10_000;

/// Why there is no record.
#[derive(Debug, thiserror::Error)]
pub enum RecordError {
    /// No queue was ever on.
    #[error("the event has never had a waiting room")]
    NoQueue,
    /// Other readers take too long.
    #[error("the record is being read by others: try again in a moment")]
    Busy,
    /// The queue began in rows that are in files.
    #[error("the queue began in the rows up to {seq}, which are archived")]
    Archived {
        /// The last row that is archived.
        seq: Seq,
    },
    /// The journal cannot be read; [`LoadError::NotFound`] if there is no such event.
    #[error(transparent)]
    Journal(#[from] LoadError),
}

/// The records of all events of a store.
#[derive(Clone)]
pub struct Records {
    store: Store,
    known: Arc<DashMap<OfferingId, Arc<Mutex<Known>>>>,
    readers: Arc<Semaphore>,
}

impl Records {
    /// Returns the records of that store's journals.
    #[must_use]
    pub fn new(store: Store) -> Self {
        Self { store, known: Arc::default(), readers: Arc::new(Semaphore::new(READERS)) }
    }

    /// Opens the record of the newest queue of an event, up to the last row there is now. A few
    /// readers at a time: the others wait some seconds.
    ///
    /// The first call for an event reads its whole journal to find where the queue begins; later
    /// ones read on from there. The record follows from [`Reader::next`], or whole from
    /// [`Reader::feed`], which a handler gives to `respond::fed_by`:
    ///
    /// ```ignore
    /// let reader = state.queue_records.open(event).await.map_err(refused)?;
    /// let body = fed_by(move |tx| reader.feed(tx, |error| {
    ///     InternalError::new(error.to_string(), Default::default()).into()
    /// }));
    /// Ok(HttpResponse::Ok().content_type("application/x-ndjson").streaming(body))
    /// ```
    ///
    /// # Errors
    /// [`RecordError`].
    pub async fn open(&self, offering: OfferingId) -> Result<Reader, RecordError> {
        let turn = async {
            let permit = Arc::clone(&self.readers).acquire_owned().await;
            (self.of(offering).lock_owned().await, permit)
        };
        let (mut known, permit) = timeout(PATIENCE, turn).await.map_err(|_| RecordError::Busy)?;
        let permit = permit.map_err(|_| RecordError::Busy)?;
        let begin = match known.read_on(&self.store, offering).await {
            Ok(()) => known.begin()?,
            Err(error) => {
                // A wrong row may have been one that was archived meanwhile.
                *known = Known::default();
                self.known.remove_if(&offering, |_, _| matches!(error, LoadError::NotFound));
                return Err(error.into());
            }
        };
        Ok(Reader {
            store: self.store.clone(),
            offering,
            head: begin.before,
            at: known.at,
            end: known.head.seq,
            rows: VecDeque::new(),
            transcript: Transcript::new(offering, known.switches.begun, begin.switches),
            is_complete: false,
            _permit: permit,
        })
    }

    fn of(&self, offering: OfferingId) -> Arc<Mutex<Known>> {
        if self.known.len() >= MAX_KEPT && !self.known.contains_key(&offering) {
            // Those that are being read stay, so that they have no second reader.
            self.known.retain(|_, known| Arc::strong_count(known) > 1);
        }
        Arc::clone(self.known.entry(offering).or_default().value())
    }
}

/// Where the newest queue of a journal begins.
#[derive(Clone, Copy, Debug)]
struct Begin {
    /// The row before the one in which it begins.
    before: Head,
    /// The state after that row.
    switches: Switches,
}

/// What is known of a journal's queues, from the rows up to `head`.
#[derive(Debug, Default)]
struct Known {
    head: Head,
    at: TimestampMs,
    switches: Switches,
    newest: Option<Begin>,
    archived: Option<Seq>,
}

impl Known {
    async fn read_on(&mut self, store: &Store, offering: OfferingId) -> Result<(), LoadError> {
        if let Some(archived) = store.archived(offering).await? {
            self.archived = Some(archived.head.seq);
            if archived.head.seq > self.head.seq {
                self.switches = switches_after(store, offering, &archived).await?;
                (self.head, self.at, self.newest) = (archived.head, archived.at, None);
            }
        }
        loop {
            let rows = store.journal_rows(offering, self.head, PAGE).await?;
            for (row, record) in &rows {
                let begin = Begin { before: self.head, switches: self.switches };
                if self.switches.take_row(record) {
                    self.newest = Some(begin);
                }
                (self.head, self.at) = (row.head(), row.at);
            }
            if (rows.len() as u64) < PAGE {
                break;
            }
        }
        if self.head == Head::EMPTY { Err(LoadError::NotFound) } else { Ok(()) }
    }

    fn begin(&self) -> Result<Begin, RecordError> {
        let is_there = |begin: &Begin| self.archived.is_none_or(|last| last <= begin.before.seq);
        match (self.newest.filter(is_there), self.archived) {
            (Some(begin), _) => Ok(begin),
            (None, Some(seq)) if self.switches.begun > 0 => Err(RecordError::Archived { seq }),
            (None, _) => Err(RecordError::NoQueue),
        }
    }
}

/// The queues of the archived rows, from the state that is kept of them.
async fn switches_after(
    store: &Store,
    offering: OfferingId,
    archived: &Archived,
) -> Result<Switches, LoadError> {
    let seq = archived.head.seq;
    let lost = |what: &str| LoadError::Damaged {
        seq,
        reason: format!("the state after the archived rows {what}: run `admitone archive rebuild`"),
    };
    let state = store.snapshot_of(offering, archived.head).await?;
    let state = state.ok_or_else(|| lost("is not kept"))?;
    let state = Inventory::from_snapshot(&state).map_err(|_| lost("cannot be read"))?;
    Ok(Switches { begun: state.queue_generation(), is_on: state.queue_progress().is_some() })
}

/// A record that is being read.
pub struct Reader {
    store: Store,
    offering: OfferingId,
    head: Head,
    /// The time of the last row.
    at: TimestampMs,
    /// The last row.
    end: Seq,
    rows: VecDeque<(Row, Record)>,
    transcript: Transcript,
    is_complete: bool,
    _permit: OwnedSemaphorePermit,
}

impl Reader {
    /// Returns the next lines, all of them whole; `None` after the last.
    ///
    /// # Errors
    /// [`RecordError::Journal`]: a row is damaged or was archived meanwhile, or the database cannot
    /// be reached. The record has no last line then.
    pub async fn next(&mut self) -> Result<Option<Bytes>, RecordError> {
        let mut piece = Vec::new();
        while !self.is_complete && piece.len() < PIECE {
            if self.rows.is_empty() && self.head.seq < self.end {
                let wanted = PAGE.min(self.end.0 - self.head.seq.0);
                self.rows = self.store.journal_rows(self.offering, self.head, wanted).await?.into();
                if self.rows.is_empty() {
                    let (seq, reason) = (self.head.seq.next(), "it is gone".into());
                    return Err(LoadError::Damaged { seq, reason }.into());
                }
            }
            match self.rows.pop_front() {
                Some((row, record)) if !self.transcript.has_ended() => {
                    self.transcript.row(&row, &record, &mut piece)?;
                    self.head = row.head();
                }
                Some(_) | None => {
                    self.transcript.complete(self.end, self.at, &mut piece);
                    self.is_complete = true;
                }
            }
        }
        Ok((!piece.is_empty()).then(|| Bytes::from(piece)))
    }

    /// Sends the record piece by piece. Ends early if nobody receives any more, and after an error,
    /// which `broken` turns into one of the receiver.
    pub async fn feed<E>(
        mut self,
        to: mpsc::Sender<Result<Bytes, E>>,
        broken: impl Fn(RecordError) -> E,
    ) {
        let mut due = Instant::now() + GRACE;
        loop {
            let piece = match self.next().await {
                Ok(Some(piece)) => piece,
                Ok(None) => return,
                Err(error) => {
                    tracing::warn!(offering = %self.offering, %error, "a record of a queue broke off");
                    let _ = timeout_at(due, to.send(Err(broken(error)))).await;
                    return;
                }
            };
            due += Duration::from_secs_f64(piece.len() as f64 / BYTES_PER_SECOND);
            // A reader that is too slow gets no last line, and so does not take this for the end.
            let until = due.min(Instant::now() + STALL);
            match timeout_at(until, to.send(Ok(piece))).await {
                Ok(Ok(())) => {}
                Ok(Err(_)) | Err(_) => return,
            }
        }
    }
}
