//! Venues, the versions of their seat plans, and the plans of events. A version and an event's plan
//! are written once and never changed.

use std::collections::{BTreeMap, HashMap};

use entities::{event_plan, venue, venue_plan};
use sea_orm::ActiveValue::{NotSet, Set};
use sea_orm::{
    ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect,
    TransactionTrait,
};
use uuid::Uuid;

use crate::ids::{OfferingId, ProductId, UserId, VenueId};
use crate::inventory::TimestampMs;
use crate::store::tables::idempotency;
use crate::store::{Answered, Key, Store, StoreError};

/// A venue as it is stored.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say it")]
pub struct VenueRow {
    pub id: VenueId,
    pub name: String,
    pub place: String,
    /// The name of an IANA time zone.
    pub time_zone: String,
    pub created_at: TimestampMs,
    pub updated_at: TimestampMs,
}

/// Changes of a venue; a field that is `None` stays as it is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say it")]
pub struct VenueChange {
    pub name: Option<String>,
    pub place: Option<String>,
    pub time_zone: Option<String>,
}

/// A version of a plan without its document.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say it")]
pub struct PlanRow {
    pub venue: VenueId,
    pub version: u32,
    pub seats: u64,
    pub created_at: TimestampMs,
    pub created_by: UserId,
}

/// A new version of a plan.
#[derive(Clone, Debug)]
pub struct NewPlan {
    /// The document, JSON.
    pub plan: String,
    /// The number of its seats.
    pub seats: u64,
    /// The administrator who adds it.
    pub created_by: UserId,
}

/// The plan of an event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EventPlan {
    /// The venue of the plan.
    pub venue: VenueId,
    /// The version of the plan.
    pub version: u32,
    /// The product of each zone that has seats.
    pub zones: BTreeMap<String, ProductId>,
}

impl Store {
    /// Stores a new venue, or answers a retry with the id of the first.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn venue_create(
        &self,
        new: &VenueRow,
        key: Option<&Key>,
    ) -> Result<Answered<()>, StoreError> {
        let transaction = self.writes().begin().await?;
        let (id, now) = (new.id.to_string(), new.created_at);
        if let Some(before) = idempotency::claim(&transaction, key, &id, now).await? {
            transaction.rollback().await?;
            return Ok(Answered::Before(before));
        }
        let row = venue::ActiveModel {
            id: Set(new.id.0),
            name: Set(new.name.clone()),
            place: Set(new.place.clone()),
            time_zone: Set(new.time_zone.clone()),
            created_at: Set(new.created_at),
            updated_at: Set(new.updated_at),
        };
        venue::Entity::insert(row).exec_without_returning(&transaction).await?;
        transaction.commit().await?;
        Ok(Answered::Now(()))
    }

    /// Returns one venue.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn venue_get(&self, id: VenueId) -> Result<Option<VenueRow>, StoreError> {
        let found = venue::Entity::find_by_id(id.0).one(self.reads()).await?;
        Ok(found.map(venue_row))
    }

    /// Returns venues, newest first, after `cursor`; at most `limit`.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn venue_list(
        &self,
        cursor: Option<VenueId>,
        limit: u64,
    ) -> Result<Vec<VenueRow>, StoreError> {
        let mut query = venue::Entity::find().order_by_desc(venue::Column::Id).limit(limit);
        if let Some(cursor) = cursor {
            query = query.filter(venue::Column::Id.lt(cursor.0));
        }
        Ok(query.all(self.reads()).await?.into_iter().map(venue_row).collect())
    }

    /// Changes a venue, or answers a retry.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn venue_update(
        &self,
        id: VenueId,
        change: VenueChange,
        key: Option<&Key>,
        now: TimestampMs,
    ) -> Result<Answered<()>, StoreError> {
        let transaction = self.writes().begin().await?;
        if let Some(before) = idempotency::claim(&transaction, key, "", now).await? {
            transaction.rollback().await?;
            return Ok(Answered::Before(before));
        }
        let VenueChange { name, place, time_zone } = change;
        let set = venue::ActiveModel {
            name: name.map_or(NotSet, Set),
            place: place.map_or(NotSet, Set),
            time_zone: time_zone.map_or(NotSet, Set),
            ..Default::default()
        };
        touch(&transaction, id, set, now).await?;
        transaction.commit().await?;
        Ok(Answered::Now(()))
    }

    /// Adds the next version of a venue's plan and returns it, or answers a retry with the version
    /// of the first. `None` if there is no such venue.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn venue_plan_add(
        &self,
        venue: VenueId,
        new: NewPlan,
        key: Option<&Key>,
        now: TimestampMs,
    ) -> Result<Option<Answered<PlanRow>>, StoreError> {
        let transaction = self.writes().begin().await?;
        // The changed row is locked: versions are counted by one transaction at a time.
        if touch(&transaction, venue, venue::ActiveModel::default(), now).await? == 0 {
            transaction.rollback().await?;
            return Ok(None);
        }
        let last: Option<i32> = venue_plan::Entity::find()
            .select_only()
            .column(venue_plan::Column::Version)
            .filter(venue_plan::Column::VenueId.eq(venue.0))
            .order_by_desc(venue_plan::Column::Version)
            .into_tuple()
            .one(&transaction)
            .await?;
        let version = last.unwrap_or(0) + 1;
        let response = version.to_string();
        if let Some(before) = idempotency::claim(&transaction, key, &response, now).await? {
            transaction.rollback().await?;
            return Ok(Some(Answered::Before(before)));
        }
        let row = venue_plan::ActiveModel {
            venue_id: Set(venue.0),
            version: Set(version),
            plan: Set(new.plan),
            seats: Set(i64::try_from(new.seats).expect("plans have fewer seats")),
            created_at: Set(now),
            created_by: Set(new.created_by.0),
        };
        venue_plan::Entity::insert(row).exec_without_returning(&transaction).await?;
        transaction.commit().await?;
        let (seats, created_by) = (new.seats, new.created_by);
        let version = u32::try_from(version).expect("versions count from 1");
        Ok(Some(Answered::Now(PlanRow { venue, version, seats, created_at: now, created_by })))
    }

    /// Returns the versions of a venue's plan before `before`, newest first; at most `limit`.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn venue_plan_list(
        &self,
        venue: VenueId,
        before: Option<u32>,
        limit: u64,
    ) -> Result<Vec<PlanRow>, StoreError> {
        use venue_plan::Column;
        let mut query = venue_plan::Entity::find()
            .select_only()
            .columns([Column::Version, Column::Seats, Column::CreatedAt, Column::CreatedBy])
            .filter(Column::VenueId.eq(venue.0))
            .order_by_desc(Column::Version)
            .limit(limit);
        if let Some(before) = before {
            query = query.filter(Column::Version.lt(i64::from(before)));
        }
        let found: Vec<(i32, i64, i64, Uuid)> = query.into_tuple().all(self.reads()).await?;
        found.into_iter().map(|row| plan_row(venue, row)).collect()
    }

    /// Returns a version of a venue's plan with its document; without `version`, the newest.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn venue_plan_get(
        &self,
        venue: VenueId,
        version: Option<u32>,
    ) -> Result<Option<(PlanRow, String)>, StoreError> {
        let mut query = venue_plan::Entity::find()
            .filter(venue_plan::Column::VenueId.eq(venue.0))
            .order_by_desc(venue_plan::Column::Version);
        if let Some(version) = version {
            query = query.filter(venue_plan::Column::Version.eq(i64::from(version)));
        }
        let Some(found) = query.one(self.reads()).await? else { return Ok(None) };
        let columns = (found.version, found.seats, found.created_at, found.created_by);
        Ok(Some((plan_row(venue, columns)?, found.plan)))
    }

    /// Returns the newest version of the plan of each of `venues` that has one.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn venue_plan_latest(
        &self,
        venues: &[VenueId],
    ) -> Result<HashMap<VenueId, u32>, StoreError> {
        let found: Vec<(Uuid, i32)> = venue_plan::Entity::find()
            .select_only()
            .column(venue_plan::Column::VenueId)
            .column_as(venue_plan::Column::Version.max(), "version")
            .filter(venue_plan::Column::VenueId.is_in(venues.iter().map(|venue| venue.0)))
            .group_by(venue_plan::Column::VenueId)
            .into_tuple()
            .all(self.reads())
            .await?;
        let version = |version| u32::try_from(version).unwrap_or_default();
        Ok(found.into_iter().map(|(venue, last)| (VenueId(venue), version(last))).collect())
    }

    /// Returns the events with a plan of a venue and the versions, newest first; at most `limit`.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn events_of_venue(
        &self,
        venue: VenueId,
        limit: u64,
    ) -> Result<Vec<(OfferingId, u32)>, StoreError> {
        use event_plan::Column;
        let found: Vec<(Uuid, i32)> = event_plan::Entity::find()
            .select_only()
            .columns([Column::OfferingId, Column::Version])
            .filter(Column::VenueId.eq(venue.0))
            .order_by_desc(Column::OfferingId)
            .limit(limit)
            .into_tuple()
            .all(self.reads())
            .await?;
        let version = |version| u32::try_from(version).unwrap_or_default();
        Ok(found.into_iter().map(|(event, of)| (OfferingId(event), version(of))).collect())
    }

    /// Returns the plan of an event; `None` if it was created without one.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn event_plan_get(
        &self,
        offering: OfferingId,
    ) -> Result<Option<EventPlan>, StoreError> {
        let found = event_plan::Entity::find_by_id(offering.0).one(self.reads()).await?;
        let Some(found) = found else { return Ok(None) };
        let damaged = || StoreError::Damaged(format!("the plan of event {offering}"));
        Ok(Some(EventPlan {
            venue: VenueId(found.venue_id),
            version: u32::try_from(found.version).map_err(|_| damaged())?,
            zones: serde_json::from_str(&found.zones).map_err(|_| damaged())?,
        }))
    }
}

/// Inserts the plan of a new event, as part of the transaction that creates it.
pub(crate) async fn insert_event_plan(
    transaction: &impl ConnectionTrait,
    offering: OfferingId,
    plan: &EventPlan,
) -> Result<(), StoreError> {
    let zones = serde_json::to_string(&plan.zones).expect("names and numbers are plain data");
    let row = event_plan::ActiveModel {
        offering_id: Set(offering.0),
        venue_id: Set(plan.venue.0),
        version: Set(i32::try_from(plan.version).expect("versions are counted by one")),
        zones: Set(zones),
    };
    event_plan::Entity::insert(row).exec_without_returning(transaction).await?;
    Ok(())
}

/// Changes a venue's row and its time of change; returns the number of rows found.
async fn touch(
    transaction: &impl ConnectionTrait,
    id: VenueId,
    set: venue::ActiveModel,
    now: TimestampMs,
) -> Result<u64, StoreError> {
    let set = venue::ActiveModel { updated_at: Set(now), ..set };
    let update = venue::Entity::update_many().set(set).filter(venue::Column::Id.eq(id.0));
    Ok(update.exec(transaction).await?.rows_affected)
}

fn venue_row(row: venue::Model) -> VenueRow {
    VenueRow {
        id: VenueId(row.id),
        name: row.name,
        place: row.place,
        time_zone: row.time_zone,
        created_at: row.created_at,
        updated_at: row.updated_at,
    }
}

fn plan_row(
    venue: VenueId,
    (version, seats, created_at, created_by): (i32, i64, TimestampMs, Uuid),
) -> Result<PlanRow, StoreError> {
    let damaged = |_| StoreError::Damaged(format!("a plan of venue {venue}"));
    Ok(PlanRow {
        venue,
        version: u32::try_from(version).map_err(damaged)?,
        seats: u64::try_from(seats).map_err(damaged)?,
        created_at,
        created_by: UserId(created_by),
    })
}
