//! Venues and the versions of their plans, over the store: the calls of handlers and pages.

use crate::ids::{OfferingId, UserId, VenueId};
use crate::inventory::TimestampMs;
use crate::store::{
    Answered, EventPlan, Key, NewPlan, PlanRow, Store, StoreError, VenueChange, VenueRow,
};
use crate::text::{self, InvalidField};
use crate::venues::layouts::Layouts;
use crate::venues::plan::Plan;
use crate::venues::{EventSeats, VenueError};

/// Venues, their plans and the plans of events.
pub struct Venues {
    store: Store,
    layouts: Layouts,
}

/// A venue to create.
#[derive(Clone, Debug, Default)]
pub struct VenueDraft {
    /// 1 to 200 characters.
    pub name: String,
    /// The address or city; at most 200 characters.
    pub place: String,
    /// The name of an IANA time zone, such as `Asia/Seoul`.
    pub time_zone: String,
}

/// Changes of a venue; a field that is `None` stays as it is.
#[derive(Clone, Debug, Default)]
#[expect(missing_docs, reason = "as in the draft")]
pub struct VenueEdit {
    pub name: Option<String>,
    pub place: Option<String>,
    pub time_zone: Option<String>,
}

/// A plan that passed every check, as it is stored.
#[derive(Clone, Debug)]
pub struct CheckedPlan {
    json: String,
    seats: u64,
}

impl CheckedPlan {
    /// Checks a plan. Takes a second or more for the largest plans: run it off the workers.
    ///
    /// # Errors
    /// The first field that is not allowed.
    pub fn new(plan: Plan) -> Result<Self, InvalidField> {
        let plan = plan.check()?;
        let json = serde_json::to_string(&plan).expect("a plan is plain data");
        Ok(Self { json, seats: plan.seats() })
    }
}

/// A version of a plan that was added.
#[derive(Clone, Debug)]
pub struct AddedPlan {
    /// The version.
    pub row: PlanRow,
    /// True if it repeats an earlier request with the same key.
    pub replayed: bool,
}

/// Checks the name of an IANA time zone.
///
/// # Errors
/// Names the field.
pub fn time_zone(field: &str, name: &str) -> Result<String, InvalidField> {
    let found: Result<chrono_tz::Tz, _> = name.trim().parse();
    let reason = "must be the name of a time zone of the IANA database, such as Asia/Seoul";
    found.map(|zone| zone.name().to_owned()).map_err(|_| InvalidField::new(field, reason))
}

impl Venues {
    /// Creates the service over a store.
    #[must_use]
    pub fn new(store: Store) -> Self {
        Self { store, layouts: Layouts::default() }
    }

    /// Creates a venue. Returns it and whether this repeats an earlier request with the key.
    ///
    /// # Errors
    /// The field that is not allowed, or the store failed.
    pub async fn create(
        &self,
        draft: &VenueDraft,
        key: Option<&Key>,
        now: TimestampMs,
    ) -> Result<(VenueRow, bool), VenueError> {
        let at_ms = u64::try_from(now).unwrap_or_default();
        let row = VenueRow {
            id: VenueId(crate::ids::time_ordered(at_ms)),
            name: text::line("name", &draft.name, 200)?,
            place: text::paragraph("place", &draft.place, 200)?,
            time_zone: time_zone("timeZone", &draft.time_zone)?,
            created_at: now,
            updated_at: now,
        };
        match self.store.venue_create(&row, key).await? {
            Answered::Now(()) => Ok((row, false)),
            Answered::Before(id) => {
                let damaged = |_| StoreError::Damaged(format!("venue id {id}"));
                Ok((self.venue(id.parse().map_err(damaged)?).await?, true))
            }
        }
    }

    /// Returns venues, newest first, after `cursor`; at most `limit`.
    ///
    /// # Errors
    /// The store cannot be read.
    pub async fn list(
        &self,
        cursor: Option<VenueId>,
        limit: u64,
    ) -> Result<Vec<VenueRow>, VenueError> {
        Ok(self.store.venue_list(cursor, limit).await?)
    }

    /// Returns the newest version of the plan of each of `venues` that has one.
    ///
    /// # Errors
    /// The store cannot be read.
    pub async fn newest_versions(
        &self,
        venues: &[VenueId],
    ) -> Result<std::collections::HashMap<VenueId, u32>, VenueError> {
        Ok(self.store.venue_plan_latest(venues).await?)
    }

    /// Returns a venue.
    ///
    /// # Errors
    /// [`VenueError::NoSuchVenue`].
    pub async fn venue(&self, id: VenueId) -> Result<VenueRow, VenueError> {
        self.store.venue_get(id).await?.ok_or(VenueError::NoSuchVenue)
    }

    /// Changes a venue. Returns it and whether this repeats an earlier request with the key.
    ///
    /// # Errors
    /// The field that is not allowed, or [`VenueError::NoSuchVenue`].
    pub async fn change(
        &self,
        id: VenueId,
        edit: &VenueEdit,
        key: Option<&Key>,
        now: TimestampMs,
    ) -> Result<(VenueRow, bool), VenueError> {
        self.venue(id).await?;
        let (name, place, zone) = (&edit.name, &edit.place, &edit.time_zone);
        let change = VenueChange {
            name: name.as_ref().map(|name| text::line("name", name, 200)).transpose()?,
            place: place.as_ref().map(|place| text::paragraph("place", place, 200)).transpose()?,
            time_zone: zone.as_ref().map(|zone| time_zone("timeZone", zone)).transpose()?,
        };
        let answered = self.store.venue_update(id, change, key, now).await?;
        Ok((self.venue(id).await?, matches!(answered, Answered::Before(_))))
    }

    /// Adds the next version of a venue's plan. Versions are never changed.
    ///
    /// # Errors
    /// [`VenueError::NoSuchVenue`].
    pub async fn add_plan(
        &self,
        venue: VenueId,
        by: UserId,
        plan: CheckedPlan,
        key: Option<&Key>,
        now: TimestampMs,
    ) -> Result<AddedPlan, VenueError> {
        let new = NewPlan { plan: plan.json, seats: plan.seats, created_by: by };
        match self.store.venue_plan_add(venue, new, key, now).await? {
            None => Err(VenueError::NoSuchVenue),
            Some(Answered::Now(row)) => Ok(AddedPlan { row, replayed: false }),
            Some(Answered::Before(version)) => {
                let damaged = |_| StoreError::Damaged(format!("plan version {version}"));
                let version = version.parse().map_err(damaged)?;
                let found = self.store.venue_plan_get(venue, Some(version)).await?;
                let (row, _) = found.ok_or(VenueError::NoSuchPlan)?;
                Ok(AddedPlan { row, replayed: true })
            }
        }
    }

    /// Returns the versions of a venue's plan before `before`, newest first; at most `limit`.
    ///
    /// # Errors
    /// [`VenueError::NoSuchVenue`].
    pub async fn plans(
        &self,
        venue: VenueId,
        before: Option<u32>,
        limit: u64,
    ) -> Result<Vec<PlanRow>, VenueError> {
        self.venue(venue).await?;
        Ok(self.store.venue_plan_list(venue, before, limit).await?)
    }

    /// Returns a version of a venue's plan; without `version`, the newest.
    ///
    /// # Errors
    /// [`VenueError::NoSuchPlan`].
    pub async fn plan(
        &self,
        venue: VenueId,
        version: Option<u32>,
    ) -> Result<(PlanRow, Plan), VenueError> {
        let found = self.store.venue_plan_get(venue, version).await?;
        let (row, text) = found.ok_or(VenueError::NoSuchPlan)?;
        let damaged = |_| StoreError::Damaged(format!("plan {} of venue {venue}", row.version));
        let plan = serde_json::from_str(&text).map_err(damaged)?;
        Ok((row, plan))
    }

    /// Returns the plan that an event was created from.
    ///
    /// # Errors
    /// The store cannot be read.
    pub async fn event_plan(&self, event: OfferingId) -> Result<Option<EventPlan>, VenueError> {
        Ok(self.store.event_plan_get(event).await?)
    }

    /// Returns the seats of an event that exists, for their labels and positions. Read from the
    /// store once for each event.
    ///
    /// # Errors
    /// The store cannot be read.
    pub async fn seats(&self, event: OfferingId) -> Result<EventSeats, VenueError> {
        if let Some(kept) = self.layouts.get(event) {
            return Ok(kept);
        }
        let seats = match self.event_plan(event).await? {
            None => EventSeats::default(),
            Some(found) => {
                let (_, plan) = self.plan(found.venue, Some(found.version)).await?;
                EventSeats::of(plan, found.zones)
            }
        };
        self.layouts.keep(event, seats.clone());
        Ok(seats)
    }

    /// [`Self::seats`] for answers that must not fail once their command took effect: if the store
    /// cannot be read, the labels are the numbers.
    pub async fn labels(&self, event: OfferingId) -> EventSeats {
        self.seats(event).await.unwrap_or_else(|error| {
            tracing::warn!(%event, %error, "seats are shown without the labels of their plan");
            EventSeats::default()
        })
    }
}
