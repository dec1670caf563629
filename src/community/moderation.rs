//! Moderation of what people write: reports, hidden things and bans. Articles and comments use it, and
//! every other part in which people write can: [`Moderation::allow`] before something is written,
//! [`Moderation::hidden`] before it is shown. Moderators are the administrators: a role for all offerings
//! that is not theirs would have to be known to everything that gives, takes and shows roles.

mod bans;
mod error;
mod reports;

use std::collections::HashMap;
use std::sync::Arc;

use uuid::Uuid;

pub use bans::NewBan;
pub use error::{Banned, ModerationError};
pub use reports::{NewReport, ReportFilter};

pub use crate::store::{
    BanRow, BanScope, Hidden, ReportOutcome, ReportReason, ReportRow, ThingKind, ThingRow,
};

use crate::caller::Caller;
use crate::ids::{ArticleId, CommentId};
use crate::inventory::TimestampMs;
use crate::roles::Roles;
use crate::store::{Store, StoreError};
use crate::text::{self, InvalidField};

/// The most characters of a reason or a note.
pub const MAX_REASON: usize = 500;

/// A thing that was reported.
#[derive(Clone, Debug)]
#[expect(missing_docs, reason = "the names say it")]
pub struct ReportedThing {
    pub kind: ThingKind,
    pub row: ThingRow,
    /// True if it is hidden, or deleted.
    pub is_hidden: bool,
}

/// The moderation of this store.
pub struct Moderation {
    store: Store,
    roles: Arc<Roles>,
}

impl Moderation {
    /// Creates the service over a store.
    #[must_use]
    pub fn new(store: Store, roles: Arc<Roles>) -> Self {
        Self { store, roles }
    }

    /// True for those who may read and delete what others must not.
    #[must_use]
    pub fn is_moderator(&self, caller: Caller) -> bool {
        !caller.guest && self.roles.is_admin(caller.user)
    }

    /// Returns why those of `ids` are hidden that are.
    ///
    /// # Errors
    /// The store failed.
    pub async fn hidden(
        &self,
        kind: ThingKind,
        ids: impl IntoIterator<Item = Uuid>,
    ) -> Result<HashMap<Uuid, Hidden>, StoreError> {
        self.store.things_hidden(kind, ids).await
    }

    /// Hides a thing from all but its author and moderators, and closes the reports about it. Hidden
    /// again, it keeps its time and gets the new reason.
    ///
    /// # Errors
    /// The reason is not allowed, or there is no such thing.
    pub async fn hide(
        &self,
        by: Caller,
        (kind, id): (ThingKind, Uuid),
        reason: &str,
        now: TimestampMs,
    ) -> Result<(), ModerationError> {
        let reason = given_reason(reason)?;
        self.expect_thing(kind, id).await?;
        Ok(self.store.thing_hide((kind, id), &reason, by.user, now).await?)
    }

    /// Shows a thing again. One that is not hidden stays as it is.
    ///
    /// # Errors
    /// There is no such thing.
    pub async fn restore(&self, kind: ThingKind, id: Uuid) -> Result<(), ModerationError> {
        self.expect_thing(kind, id).await?;
        self.store.thing_restore(kind, id).await?;
        Ok(())
    }

    /// Checks a moderator's reason, before what it is given for is done.
    ///
    /// # Errors
    /// The reason is not allowed.
    pub fn check_reason(&self, reason: &str) -> Result<(), ModerationError> {
        given_reason(reason)?;
        Ok(())
    }

    /// Returns the things that reports are about, by their ids; a query or two for each kind.
    ///
    /// # Errors
    /// The store failed.
    pub async fn things(
        &self,
        of: impl IntoIterator<Item = (ThingKind, Uuid)>,
    ) -> Result<HashMap<Uuid, ReportedThing>, ModerationError> {
        let of: Vec<(ThingKind, Uuid)> = of.into_iter().collect();
        let mut found = HashMap::new();
        for kind in ThingKind::ALL {
            let ids = of.iter().filter(|(of, _)| *of == kind).map(|(_, id)| *id);
            let ids: Vec<Uuid> = ids.collect();
            let things = self.store.things(kind, &ids).await?;
            let hidden = self.hidden(kind, ids).await?;
            found.extend(things.into_iter().map(|(id, row)| {
                let is_hidden = hidden.contains_key(&id) || row.is_deleted;
                (id, ReportedThing { kind, row, is_hidden })
            }));
        }
        Ok(found)
    }

    /// Checks that there is such a thing.
    async fn expect_thing(&self, kind: ThingKind, id: Uuid) -> Result<(), ModerationError> {
        let is_there = match kind {
            ThingKind::Article => self.store.article_get(ArticleId(id)).await?.is_some(),
            ThingKind::Comment => {
                let found = self.store.comment_get(CommentId(id)).await?;
                found.is_some_and(|comment| !comment.is_deleted)
            }
            // One that is deleted is hidden: hiding it deletes it.
            ThingKind::Message => !self.store.things(kind, &[id]).await?.is_empty(),
        };
        if is_there { Ok(()) } else { Err(ModerationError::NoSuchThing) }
    }
}

/// Checks a moderator's reason, which the person concerned is told.
fn given_reason(entered: &str) -> Result<String, InvalidField> {
    let reason = text::paragraph("reason", entered, MAX_REASON)?;
    if !reason.chars().any(text::is_visible) {
        return Err(InvalidField::new("reason", "must say why"));
    }
    Ok(reason)
}
