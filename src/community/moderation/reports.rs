//! Reports of people to the moderators.

use std::collections::HashMap;

use uuid::Uuid;

use super::{MAX_REASON, Moderation, ModerationError};
use crate::caller::Caller;
use crate::community::metrics;
use crate::ids::{ArticleId, CommentId, ReportId, RoomId, time_ordered};
use crate::inventory::TimestampMs;
use crate::store::{
    Answered, BanScope, Key, MemberState, ReportReason, ReportRow, Reported, RoomKind, StoreError,
    ThingKind,
};
use crate::text::{self, InvalidField};

/// A report to make.
#[derive(Clone, Debug)]
#[expect(missing_docs, reason = "the names say it")]
pub struct NewReport {
    pub kind: ThingKind,
    pub thing: Uuid,
    pub reason: ReportReason,
    /// May be empty, but for the reason `Other`.
    pub note: String,
}

/// The reports to list.
#[derive(Clone, Copy, Debug)]
#[expect(missing_docs, reason = "the names say it")]
pub struct ReportFilter {
    pub is_open: bool,
    pub kind: Option<ThingKind>,
    /// The last report of the page before.
    pub after: Option<ReportId>,
}

impl Moderation {
    /// Reports a thing, once per person. Returns the report, and whether this repeats an earlier request
    /// with the key.
    ///
    /// # Errors
    /// [`ModerationError`].
    pub async fn report(
        &self,
        caller: Caller,
        new: NewReport,
        key: Option<&Key>,
        now: TimestampMs,
    ) -> Result<(ReportRow, bool), ModerationError> {
        self.allow(caller, BanScope::All, None, now).await?;
        let note = text::paragraph("note", &new.note, MAX_REASON)?;
        if new.reason == ReportReason::Other && !note.chars().any(text::is_visible) {
            let reason = "must say what is wrong where the reason is OTHER";
            return Err(InvalidField::new("note", reason).into());
        }
        if !self.is_readable(caller, new.kind, new.thing).await? {
            return Err(ModerationError::NoSuchThing);
        }
        let row = ReportRow {
            id: ReportId(time_ordered(now.unsigned_abs())),
            kind: new.kind,
            thing: new.thing,
            reporter: caller.user,
            reason: new.reason,
            note,
            closed: None,
            created_at: now,
        };
        match self.store.report_create(&row, key).await? {
            Reported::Stored(Answered::Now(())) => {
                metrics::wrote("report");
                Ok((row, false))
            }
            Reported::Stored(Answered::Before(id)) => {
                let damaged = || StoreError::Damaged(format!("report id {id}"));
                let id = id.parse().map_err(|_| damaged())?;
                let first = self.store.report_get(id).await?;
                Ok((first.ok_or(ModerationError::NoSuchThing)?, true))
            }
            Reported::Before => Err(ModerationError::AlreadyReported),
        }
    }

    /// Returns reports, newest first, and how many there are about each of their things; at most `limit`.
    ///
    /// # Errors
    /// The store failed.
    pub async fn reports(
        &self,
        filter: ReportFilter,
        limit: u64,
    ) -> Result<(Vec<ReportRow>, HashMap<Uuid, i64>), ModerationError> {
        let ReportFilter { is_open, kind, after } = filter;
        let rows = self.store.report_list(is_open, kind, after, limit).await?;
        let counts = self.store.report_counts(rows.iter().map(|row| row.thing)).await?;
        Ok((rows, counts))
    }

    /// Closes the open reports about a thing, which stays. Returns how many there were.
    ///
    /// # Errors
    /// The store failed.
    pub async fn dismiss(
        &self,
        by: Caller,
        thing: (ThingKind, Uuid),
        now: TimestampMs,
    ) -> Result<u64, ModerationError> {
        Ok(self.store.reports_dismiss(thing, by.user, now).await?)
    }

    /// True if a person may read a thing.
    async fn is_readable(
        &self,
        caller: Caller,
        kind: ThingKind,
        id: Uuid,
    ) -> Result<bool, ModerationError> {
        let article = match kind {
            ThingKind::Article => id,
            ThingKind::Comment => match self.store.comment_get(CommentId(id)).await? {
                Some(comment) if !comment.is_deleted => comment.article.0,
                _ => return Ok(false),
            },
            ThingKind::Message => return self.is_message_readable(caller, id).await,
        };
        let found = self.store.article_get(ArticleId(article)).await?;
        let is_published = found.is_some_and(|row| row.head.is_published);
        let hidden = self.hidden(ThingKind::Article, [article]).await?;
        Ok(is_published && (hidden.is_empty() || self.is_moderator(caller)))
    }

    /// True if a person may read a message: in an open room, or in a private one that it has joined.
    async fn is_message_readable(&self, caller: Caller, id: Uuid) -> Result<bool, ModerationError> {
        let found = self.store.things(ThingKind::Message, &[id]).await?.remove(&id);
        let room = found.filter(|message| !message.is_deleted).and_then(|message| message.within);
        let Some(room) = room.map(RoomId) else { return Ok(false) };
        let row = self.store.chat_room_get(room).await?.filter(|room| room.closed_at.is_none());
        let Some(row) = row else { return Ok(false) };
        let member = self.store.chat_member_get(room, caller.user).await?;
        let has_joined = member.is_some_and(|member| member.state == MemberState::Joined);
        Ok(row.kind != RoomKind::Private || has_joined)
    }
}
