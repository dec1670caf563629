//! The demonstration: a hall with a seat plan, standing places, a sale with a waiting room that opens in
//! five minutes, and one that is sold out with a waitlist; two classes, and what fans find.

mod classes;
mod community;

use super::StartError;
use super::admin::Admin;
use crate::http::state::AppState;
use crate::ids::{OfferingId, ProductId, UserId, VenueId};
use crate::inventory::{Change, Minor, Policy, QueueChange, SaleState, SaleWindow, TimestampMs};
use crate::offerings::{CancellationDraft, EventDraft, PlanDraft, ProductDraft};
use crate::venues::{CheckedPlan, PlanSpec, VenueDraft, generate};

/// Name by which a later start recognises the event that the banner sells.
const NAME: &str = "Admit One Demo Night";
const MINUTE_MS: TimestampMs = 60_000;
const HOUR_MS: TimestampMs = 60 * MINUTE_MS;
const DAY_MS: TimestampMs = 24 * HOUR_MS;

/// The hall: about a thousand seats in four blocks.
const HALL: &str = r#"{"name":"The Little Theatre","blocks":[
    {"kind":"arc","section":"Stalls","zone":"Stalls","rows":12,"seatsPerRow":32,"aisles":[8,24],"accessible":4},
    {"kind":"arc","section":"Circle","zone":"Circle","rows":10,"seatsPerRow":40,"aisles":[20]},
    {"kind":"tribune","section":"Balcony","zone":"Balcony","rows":6,"seatsPerRow":34,"aisles":[17]}]}"#;

/// Returns the demo event of this store; makes the demonstration if the store has no event at all.
pub(super) async fn find_or_make(
    state: &AppState,
    admin: Option<&Admin>,
) -> Result<Option<OfferingId>, StartError> {
    // Ids are ordered by time: on a store with many events only the first ones are searched for the
    // demo.
    let events = state.store.event_list(None, 50).await?;
    if !events.is_empty() {
        return Ok(events.iter().find(|event| event.details.name == NAME).map(|event| event.id));
    }
    let by = match admin {
        Some(admin) => Some(admin.id),
        // A start may have been killed between the two: the administrator exists, the event does not.
        None => state.store.user_by_email(&state.config.admin_email).await?.map(|user| user.id),
    };
    let Some(by) = by else { return Ok(None) };
    let demo = Demo { state, by, now: state.clock.now_ms() };
    demo.make().await.map(Some)
}

struct Demo<'a> {
    state: &'a AppState,
    by: UserId,
    now: TimestampMs,
}

impl Demo<'_> {
    /// Makes all events. The hall is the last, so that lists with the newest first begin with it.
    async fn make(&self) -> Result<OfferingId, StartError> {
        let venue = self.hall().await?;
        let full = EventDraft {
            description: "All places are kept back. Join the waitlist, unblock places on the \
                          organiser's page, and an offer comes."
                .into(),
            products: vec![standing("Floor", 40, 60_000)],
            ..self.draft("Sold out, with a waitlist", "The Cellar", 20)
        };
        self.add(full, vec![Change::PlacesBlocked { product: ProductId(0), quantity: 40 }]).await?;
        let soon = EventDraft {
            description: "Has a waiting room: enter before the sale opens, and the order is drawn."
                .into(),
            sale: SaleWindow { start: Some(self.now + 5 * MINUTE_MS), end: None },
            products: vec![standing("Day ticket", 500, 45_000)],
            ..self.draft("Opens in five minutes", "The Riverside", 45)
        };
        let soon = self.add(soon, Vec::new()).await?;
        let room = QueueChange { enabled: Some(true), ..QueueChange::default() };
        self.state.waiting_rooms.set(soon, self.by, room, None).await.map_err(failed)?;
        let open_air = EventDraft {
            products: vec![
                standing("Front of the stage", 300, 90_000),
                standing("Lawn", 2_000, 50_000),
            ],
            ..self.draft("Open-Air Night, standing", "The Riverside", 60)
        };
        self.add(open_air, Vec::new()).await?;
        classes::make(self.state, self.by, self.now).await?;
        let seated =
            |name: &str, price| ProductDraft { total_stock: None, ..standing(name, 0, price) };
        let night = EventDraft {
            description: "Made at the first start, to try things out. ADMITONE_DEMO=false starts \
                          without it."
                .into(),
            products: vec![
                seated("Stalls", 150_000),
                seated("Circle", 110_000),
                seated("Balcony", 70_000),
                standing("Standing", 200, 50_000),
            ],
            plan: Some(PlanDraft {
                venue,
                version: None,
                zones: std::collections::BTreeMap::new(),
                keep_accessible_until: Some(self.now + 89 * DAY_MS),
            }),
            ..self.draft(NAME, "The Little Theatre", 90)
        };
        let night = self.add(night, Vec::new()).await?;
        community::make(self.state, self.by, night, self.now).await?;
        Ok(night)
    }

    async fn hall(&self) -> Result<VenueId, StartError> {
        let venues = &self.state.venues;
        let draft = VenueDraft {
            name: "The Little Theatre".into(),
            place: "1 Market Street".into(),
            time_zone: self.state.config.time_zone.clone(),
        };
        let (venue, _) = venues.create(&draft, None, self.now).await.map_err(failed)?;
        let spec: PlanSpec = serde_json::from_str(HALL).map_err(failed)?;
        let plan = CheckedPlan::new(generate(&spec).map_err(failed)?).map_err(failed)?;
        venues.add_plan(venue.id, self.by, plan, None, self.now).await.map_err(failed)?;
        Ok(venue.id)
    }

    fn draft(&self, name: &str, venue: &str, days: TimestampMs) -> EventDraft {
        // On the hour, as events begin.
        let starts_at = (self.now / HOUR_MS + 1) * HOUR_MS + days * DAY_MS;
        EventDraft {
            name: name.into(),
            description: String::new(),
            venue: venue.into(),
            starts_at,
            ends_at: None,
            sale: SaleWindow { start: Some(self.now), end: Some(starts_at) },
            sale_state: SaleState::Open,
            products: Vec::new(),
            sections: Vec::new(),
            plan: None,
            time_zone: None,
            policy: Policy {
                max_per_customer: self.state.config.max_per_customer,
                ..Policy::default()
            },
            cancellation: CancellationDraft::default(),
            on_payment_failure: crate::store::OnPaymentFailure::default(),
        }
    }

    async fn add(&self, draft: EventDraft, further: Vec<Change>) -> Result<OfferingId, StartError> {
        let offerings = &self.state.offerings;
        let mut new = offerings.check_event(draft, self.by).await.map_err(failed)?;
        new.further.extend(further);
        let (id, _) = offerings.create_event(&new, None, self.now).await.map_err(failed)?;
        Ok(id)
    }
}

fn standing(name: &str, places: u32, price: Minor) -> ProductDraft {
    ProductDraft {
        name: name.into(),
        description: String::new(),
        price,
        currency: "KRW".into(),
        total_stock: Some(places),
        max_per_customer: None,
        sale: SaleWindow::default(),
    }
}

fn failed(error: impl std::fmt::Display) -> StartError {
    StartError::Machine(format!("the demonstration cannot be made: {error}"))
}
