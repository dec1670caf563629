//! Terms that people agree to: their versions, and who is asked for which. A version never changes,
//! so that a text that a person agreed to can be shown for ever. This module stops nothing by itself:
//! callers ask which required terms are missing.

mod agreements;
mod error;

pub use agreements::Agreement;
pub use error::TermError;

pub use crate::store::{TermFilter, TermKind, TermRow, TermsOf};

use uuid::Uuid;

use crate::ids::{OfferingId, TermId, UserId, time_ordered};
use crate::inventory::TimestampMs;
use crate::store::{Answered, Key, Store, StoreError};
use crate::text::{self, InvalidField};

/// The most characters of a title.
pub const MAX_TITLE: usize = 200;
/// The most characters of a text.
pub const MAX_CONTENT: usize = 50_000;

/// The terms of this store, and the agreements to them.
pub struct Terms {
    store: Store,
}

/// The text of a version.
#[derive(Clone, Debug, Default)]
#[expect(missing_docs, reason = "the names say it")]
pub struct TermText {
    pub title: String,
    pub content: String,
    pub is_required: bool,
}

impl TermText {
    /// Returns the text as it is stored: trimmed, with one kind of line end.
    fn checked(self) -> Result<Self, InvalidField> {
        let title = text::line("title", &self.title, MAX_TITLE)?;
        let content = self.content.replace("\r\n", "\n");
        let content = text::paragraph("content", &content, MAX_CONTENT)?;
        if !content.chars().any(text::is_visible) {
            return Err(InvalidField::new("content", "must not be empty"));
        }
        Ok(Self { title, content, ..self })
    }
}

impl Terms {
    /// Creates the service over a store.
    #[must_use]
    pub fn new(store: Store) -> Self {
        Self { store }
    }

    /// Returns current terms by kind and title, after the version `cursor`; at most `limit`.
    ///
    /// # Errors
    /// `cursor` is no version of terms, or the store failed.
    pub async fn list(
        &self,
        filter: TermFilter,
        cursor: Option<TermId>,
        limit: u64,
    ) -> Result<Vec<TermRow>, TermError> {
        // The version at the end of the page before may have been replaced since: its place stays.
        let after = match cursor {
            Some(cursor) => Some(self.store.term_get(cursor).await?.ok_or_else(|| {
                InvalidField::new("cursor", "must be the nextCursor of a page of this list")
            })?),
            None => None,
        };
        Ok(self.store.term_list(filter, after.as_ref(), limit).await?)
    }

    /// Returns a version of terms, current or not.
    ///
    /// # Errors
    /// [`TermError::NoSuchTerm`].
    pub async fn term(&self, id: TermId) -> Result<TermRow, TermError> {
        self.store.term_get(id).await?.ok_or(TermError::NoSuchTerm)
    }

    /// Returns the current version of the same terms; `None` if they are retired.
    ///
    /// # Errors
    /// The store failed.
    pub async fn current_of(&self, row: &TermRow) -> Result<Option<TermId>, TermError> {
        Ok(self.store.term_current(row.series).await?)
    }

    /// Creates terms, for one class or for all. Returns the first version and whether this repeats
    /// an earlier request with the key.
    ///
    /// # Errors
    /// The field that is not allowed, or the store failed.
    pub async fn create(
        &self,
        by: UserId,
        (kind, class): (TermKind, Option<OfferingId>),
        text: TermText,
        key: Option<&Key>,
        now: TimestampMs,
    ) -> Result<(TermRow, bool), TermError> {
        if class.is_some() && kind != TermKind::Enrollment {
            let reason = "goes with the type ENROLLMENT only";
            return Err(InvalidField::new("mclassId", reason).into());
        }
        if let Some(class) = class
            && self.store.class_get(class).await?.is_none()
        {
            return Err(InvalidField::new("mclassId", "must be the id of a class").into());
        }
        let id = time_ordered(now.unsigned_abs());
        let row = version_of((kind, class), (id, 1), text, (by, now))?;
        match self.store.term_create(&row, key).await? {
            Answered::Now(()) => Ok((row, false)),
            Answered::Before(id) => self.first_answer(&id).await,
        }
    }

    /// Replaces a current version by the next one, which has another id. Returns it and whether this
    /// repeats an earlier request with the key.
    ///
    /// # Errors
    /// The field that is not allowed, [`TermError::NoSuchTerm`], or [`TermError::NotCurrent`].
    pub async fn replace(
        &self,
        by: UserId,
        id: TermId,
        text: TermText,
        key: Option<&Key>,
        now: TimestampMs,
    ) -> Result<(TermRow, bool), TermError> {
        let old = self.term(id).await?;
        let next = (old.series, old.version.saturating_add(1));
        let row = version_of((old.kind, old.class), next, text, (by, now))?;
        match self.store.term_replace(id, &row, key).await? {
            Some(Answered::Now(())) => Ok((row, false)),
            Some(Answered::Before(id)) => self.first_answer(&id).await,
            None => Err(self.not_current(&old).await?),
        }
    }

    /// Retires terms: no one is asked for them any more, and agreements stay. Returns whether this
    /// repeats an earlier request with the key.
    ///
    /// # Errors
    /// [`TermError::NoSuchTerm`] or [`TermError::NotCurrent`].
    pub async fn retire(
        &self,
        id: TermId,
        key: Option<&Key>,
        now: TimestampMs,
    ) -> Result<bool, TermError> {
        let old = self.term(id).await?;
        match self.store.term_retire(id, key, now).await? {
            Some(answered) => Ok(matches!(answered, Answered::Before(_))),
            None => Err(self.not_current(&old).await?),
        }
    }

    /// Returns the answer to the first request with a key: the version that it made.
    async fn first_answer(&self, id: &str) -> Result<(TermRow, bool), TermError> {
        let damaged = |_| StoreError::Damaged(format!("term id {id}"));
        Ok((self.term(id.parse().map_err(damaged)?).await?, true))
    }

    /// Returns the refusal of a version that is not current.
    async fn not_current(&self, old: &TermRow) -> Result<TermError, TermError> {
        Ok(TermError::NotCurrent { current: self.current_of(old).await? })
    }
}

/// Makes a version. The first has the id of its series.
fn version_of(
    (kind, class): (TermKind, Option<OfferingId>),
    (series, version): (Uuid, u32),
    text: TermText,
    (created_by, created_at): (UserId, TimestampMs),
) -> Result<TermRow, InvalidField> {
    let TermText { title, content, is_required } = text.checked()?;
    let id = match version {
        1 => series,
        _ => time_ordered(created_at.unsigned_abs()),
    };
    Ok(TermRow {
        id: TermId(id),
        series,
        version,
        kind,
        class,
        title,
        content,
        is_required,
        is_current: true,
        created_at,
        created_by,
    })
}
