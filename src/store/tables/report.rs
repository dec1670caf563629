//! What people reported to the moderators, once per person and thing.

use std::collections::HashMap;

use entities::report;
use sea_orm::ActiveValue::Set;
use sea_orm::sea_query::{Expr, OnConflict};
use sea_orm::{
    ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect,
    TransactionTrait,
};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::ids::{ReportId, UserId};
use crate::inventory::TimestampMs;
use crate::store::tables::idempotency;
use crate::store::{Answered, Key, Store, StoreError};

/// What people write that moderators can hide.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "UPPERCASE")]
pub enum ThingKind {
    /// An article.
    Article,
    /// A comment on an article.
    Comment,
    /// A message of a chat.
    Message,
}

impl ThingKind {
    /// All kinds.
    pub const ALL: [Self; 3] = [Self::Article, Self::Comment, Self::Message];

    /// Returns the name of the kind in rows and answers.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Article => "ARTICLE",
            Self::Comment => "COMMENT",
            Self::Message => "MESSAGE",
        }
    }

    fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == text)
    }
}

/// What is wrong with a thing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "UPPERCASE")]
pub enum ReportReason {
    /// Advertising, or the same over and over.
    Spam,
    /// It attacks a person or a group.
    Abuse,
    /// It is not for all ages.
    Sexual,
    /// It is against the law, or sells tickets unlawfully.
    Illegal,
    /// It gives a person's data away.
    Privacy,
    /// Another reason, which the note tells.
    Other,
}

impl ReportReason {
    /// All reasons.
    pub const ALL: [Self; 6] =
        [Self::Spam, Self::Abuse, Self::Sexual, Self::Illegal, Self::Privacy, Self::Other];

    /// Returns the name of the reason in rows and answers.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Spam => "SPAM",
            Self::Abuse => "ABUSE",
            Self::Sexual => "SEXUAL",
            Self::Illegal => "ILLEGAL",
            Self::Privacy => "PRIVACY",
            Self::Other => "OTHER",
        }
    }

    fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|reason| reason.as_str() == text)
    }
}

/// What the moderators made of a report.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "UPPERCASE")]
pub enum ReportOutcome {
    /// The thing was hidden.
    Hidden,
    /// The thing stays.
    Dismissed,
}

impl ReportOutcome {
    fn as_str(self) -> &'static str {
        match self {
            Self::Hidden => "HIDDEN",
            Self::Dismissed => "DISMISSED",
        }
    }

    fn parse(text: &str) -> Option<Self> {
        [Self::Hidden, Self::Dismissed].into_iter().find(|outcome| outcome.as_str() == text)
    }
}

/// A report.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say it")]
pub struct ReportRow {
    pub id: ReportId,
    pub kind: ThingKind,
    pub thing: Uuid,
    pub reporter: UserId,
    pub reason: ReportReason,
    /// May be empty.
    pub note: String,
    /// Who closed it, when, and how; `None` while it is open.
    pub closed: Option<(UserId, TimestampMs, ReportOutcome)>,
    pub created_at: TimestampMs,
}

/// What became of a new report.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reported {
    /// It is stored, or was by an earlier request with the key.
    Stored(Answered<()>),
    /// The person has reported this thing.
    Before,
}

impl Store {
    /// Stores a report, or answers a retry with the id of the first.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn report_create(
        &self,
        new: &ReportRow,
        key: Option<&Key>,
    ) -> Result<Reported, StoreError> {
        let transaction = self.writes().begin().await?;
        let (id, now) = (new.id.to_string(), new.created_at);
        if let Some(before) = idempotency::claim(&transaction, key, &id, now).await? {
            transaction.rollback().await?;
            return Ok(Reported::Stored(Answered::Before(before)));
        }
        let row = report::ActiveModel {
            id: Set(new.id.0),
            kind: Set(new.kind.as_str().into()),
            thing_id: Set(new.thing),
            reporter_id: Set(new.reporter.0),
            reason: Set(new.reason.as_str().into()),
            note: Set(new.note.clone()),
            outcome: Set(None),
            closed_at: Set(None),
            closed_by: Set(None),
            created_at: Set(now),
        };
        let inserted = report::Entity::insert(row)
            .on_conflict(OnConflict::new().do_nothing().to_owned())
            .exec_without_returning(&transaction)
            .await?;
        if inserted == 0 {
            transaction.rollback().await?;
            return Ok(Reported::Before);
        }
        transaction.commit().await?;
        Ok(Reported::Stored(Answered::Now(())))
    }

    /// Returns a report.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn report_get(&self, id: ReportId) -> Result<Option<ReportRow>, StoreError> {
        let found = report::Entity::find_by_id(id.0).one(self.reads()).await?;
        found.map(row_of).transpose()
    }

    /// Returns open or closed reports, newest first: of one kind of thing, or of all; at most `limit`.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn report_list(
        &self,
        is_open: bool,
        kind: Option<ThingKind>,
        after: Option<ReportId>,
        limit: u64,
    ) -> Result<Vec<ReportRow>, StoreError> {
        use report::Column;
        let state = match is_open {
            true => Column::ClosedAt.is_null(),
            false => Column::ClosedAt.is_not_null(),
        };
        let mut query = report::Entity::find().filter(state).order_by_desc(Column::Id).limit(limit);
        if let Some(kind) = kind {
            query = query.filter(Column::Kind.eq(kind.as_str()));
        }
        if let Some(after) = after {
            query = query.filter(Column::Id.lt(after.0));
        }
        query.all(self.reads()).await?.into_iter().map(row_of).collect()
    }

    /// Returns how many reports there are about each of these things, open or closed.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn report_counts(
        &self,
        things: impl IntoIterator<Item = Uuid>,
    ) -> Result<HashMap<Uuid, i64>, StoreError> {
        let counts: Vec<(Uuid, i64)> = report::Entity::find()
            .select_only()
            .column(report::Column::ThingId)
            .column_as(report::Column::Id.count(), "reports")
            .filter(report::Column::ThingId.is_in(things))
            .group_by(report::Column::ThingId)
            .into_tuple()
            .all(self.reads())
            .await?;
        Ok(counts.into_iter().collect())
    }

    /// Closes the open reports about a thing: it stays. Returns how many there were.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn reports_dismiss(
        &self,
        thing: (ThingKind, Uuid),
        by: UserId,
        now: TimestampMs,
    ) -> Result<u64, StoreError> {
        close(self.writes(), thing, ReportOutcome::Dismissed, by, now).await
    }
}

/// Closes the open reports about a thing; returns how many there were.
pub(crate) async fn close(
    connection: &impl ConnectionTrait,
    (kind, thing): (ThingKind, Uuid),
    outcome: ReportOutcome,
    by: UserId,
    now: TimestampMs,
) -> Result<u64, StoreError> {
    use report::Column;
    let update = report::Entity::update_many()
        .col_expr(Column::Outcome, Expr::value(outcome.as_str()))
        .col_expr(Column::ClosedAt, Expr::value(now))
        .col_expr(Column::ClosedBy, Expr::value(by.0))
        .filter(Column::Kind.eq(kind.as_str()))
        .filter(Column::ThingId.eq(thing))
        .filter(Column::ClosedAt.is_null());
    Ok(update.exec(connection).await?.rows_affected)
}

fn row_of(row: report::Model) -> Result<ReportRow, StoreError> {
    let damaged = |what| StoreError::Damaged(format!("the {what} of report {}", row.id));
    let closed = match (row.closed_by, row.closed_at, row.outcome.as_deref()) {
        (Some(by), Some(at), Some(outcome)) => {
            let outcome = ReportOutcome::parse(outcome).ok_or_else(|| damaged("outcome"))?;
            Some((UserId(by), at, outcome))
        }
        _ => None,
    };
    Ok(ReportRow {
        id: ReportId(row.id),
        kind: ThingKind::parse(&row.kind).ok_or_else(|| damaged("kind"))?,
        thing: row.thing_id,
        reporter: UserId(row.reporter_id),
        reason: ReportReason::parse(&row.reason).ok_or_else(|| damaged("reason"))?,
        note: row.note,
        closed,
        created_at: row.created_at,
    })
}
