//! The log of administrative acts. A row is written before the act and completed after it.

use entities::audit_entry;
use sea_orm::sea_query::ExprTrait;
use sea_orm::{
    ActiveValue::Set, ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, QueryOrder,
    QuerySelect,
};
use uuid::Uuid;

use crate::ids::{OfferingId, UserId};
use crate::inventory::TimestampMs;
use crate::store::{Store, StoreError, older};

/// An administrative act.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say it")]
pub struct AuditEntry {
    /// Ordered by time.
    pub id: Uuid,
    pub at: TimestampMs,
    /// `None` on the command line.
    pub actor: Option<UserId>,
    pub session: Option<Uuid>,
    /// The network address, or `command line`.
    pub address: Option<String>,
    /// What was done, such as `event.change`.
    pub action: String,
    pub offering: Option<OfferingId>,
    /// The id of the thing that the act is about.
    pub target: Option<String>,
    /// JSON.
    pub before: Option<String>,
    /// JSON.
    pub after: Option<String>,
    pub request_id: Option<String>,
    /// `BEGUN`, `DONE`, or the code of the refusal.
    pub outcome: String,
}

/// What is known of an act when it is over.
#[derive(Clone, Debug, Default)]
#[expect(missing_docs, reason = "the names say it")]
pub struct AuditOutcome {
    pub outcome: String,
    /// `None` where the row keeps what it has.
    pub offering: Option<OfferingId>,
    pub target: Option<String>,
    pub values: Option<(Option<String>, Option<String>)>,
}

/// The acts to list.
#[derive(Clone, Debug, Default)]
pub struct AuditFilter {
    /// Only those of one person.
    pub actor: Option<UserId>,
    /// Only those whose action is this, or begins with this and a dot.
    pub action: Option<String>,
    /// Only those about one of these offerings.
    pub offerings: Option<Vec<OfferingId>>,
    /// Only those at this time or later.
    pub from: Option<TimestampMs>,
    /// Only those before this time.
    pub until: Option<TimestampMs>,
    /// Only those after this one in the list, given by its time and id.
    pub after: Option<(TimestampMs, Uuid)>,
}

impl Store {
    /// Writes a row.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn audit_put(&self, entry: &AuditEntry) -> Result<(), StoreError> {
        put(self.writes(), entry.clone()).await
    }

    /// Completes a row.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn audit_complete(&self, id: Uuid, with: AuditOutcome) -> Result<(), StoreError> {
        let mut row = audit_entry::ActiveModel {
            outcome: Set(with.outcome),
            ..audit_entry::ActiveModel::default()
        };
        if let Some(offering) = with.offering {
            row.offering_id = Set(Some(offering.0));
        }
        if let Some(target) = with.target {
            row.target = Set(Some(target));
        }
        if let Some((before, after)) = with.values {
            (row.before, row.after) = (Set(before), Set(after));
        }
        audit_entry::Entity::update_many()
            .set(row)
            .filter(audit_entry::Column::Id.eq(id))
            .exec(self.writes())
            .await?;
        Ok(())
    }

    /// Returns acts, newest first; at most `limit`.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn audit_list(
        &self,
        filter: &AuditFilter,
        limit: u64,
    ) -> Result<Vec<AuditEntry>, StoreError> {
        use audit_entry::Column;
        let mut query = audit_entry::Entity::find()
            .order_by_desc(Column::At)
            .order_by_desc(Column::Id)
            .limit(limit);
        if let Some(actor) = filter.actor {
            query = query.filter(Column::Actor.eq(actor.0));
        }
        if let Some(action) = &filter.action {
            let within = Column::Action.starts_with(format!("{action}."));
            query = query.filter(Column::Action.eq(action.as_str()).or(within));
        }
        if let Some(offerings) = &filter.offerings {
            query = query.filter(Column::OfferingId.is_in(offerings.iter().map(|id| id.0)));
        }
        if let Some(from) = filter.from {
            query = query.filter(Column::At.gte(from));
        }
        if let Some(until) = filter.until {
            query = query.filter(Column::At.lt(until));
        }
        if let Some((at, id)) = filter.after {
            query = query.filter(older((Column::At, at), (Column::Id, id)));
        }
        Ok(query.all(self.reads()).await?.into_iter().map(entry).collect())
    }
}

/// Writes a row, perhaps within the transaction of its act.
pub(crate) async fn put(
    connection: &impl ConnectionTrait,
    entry: AuditEntry,
) -> Result<(), StoreError> {
    let row = audit_entry::ActiveModel {
        id: Set(entry.id),
        at: Set(entry.at),
        actor: Set(entry.actor.map(|id| id.0)),
        session: Set(entry.session),
        address: Set(entry.address),
        action: Set(entry.action),
        offering_id: Set(entry.offering.map(|id| id.0)),
        target: Set(entry.target),
        before: Set(entry.before),
        after: Set(entry.after),
        request_id: Set(entry.request_id),
        outcome: Set(entry.outcome),
    };
    audit_entry::Entity::insert(row).exec_without_returning(connection).await?;
    Ok(())
}

fn entry(row: audit_entry::Model) -> AuditEntry {
    AuditEntry {
        id: row.id,
        at: row.at,
        actor: row.actor.map(UserId),
        session: row.session,
        address: row.address,
        action: row.action,
        offering: row.offering_id.map(OfferingId),
        target: row.target,
        before: row.before,
        after: row.after,
        request_id: row.request_id,
        outcome: row.outcome,
    }
}
