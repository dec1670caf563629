//! Changes of an event by administrators: its catalogue entry in the store, its sale by a command.

use std::sync::Arc;

use crate::box_office::View;
use crate::ids::{OfferingId, Seq, UserId};
use crate::inventory::{Command, Idempotency, NewProduct, OfferingChange, ProductDefinition};
use crate::offerings::draft::{CancellationDraft, EventDraft, FoundPlan, PlanDraft, ProductDraft};
use crate::offerings::{OfferingError, Offerings};
use crate::store::{Answered, EventChange, EventRow, Key, NewEvent, OnPaymentFailure, StoreError};
use crate::text::{self, InvalidField};
use crate::venues::{self, VenueError};

/// The changes to make to an event; `None` and defaults leave values as they are.
#[derive(Clone, Debug, Default)]
pub struct EventEdit {
    /// The name; 1 to 200 characters.
    pub name: Option<String>,
    /// The description; at most 10,000 characters.
    pub description: Option<String>,
    /// The venue; at most 200 characters.
    pub venue: Option<String>,
    /// The name of an IANA time zone.
    pub time_zone: Option<String>,
    /// What becomes of a reservation whose payment failed.
    pub on_payment_failure: Option<OnPaymentFailure>,
    /// The refund terms of cancelled reservations.
    pub cancellation: Option<CancellationDraft>,
    /// The changes that the box office decides: times and the sale's switch. Its own `cancellation`
    /// is replaced by the field above.
    pub sale: OfferingChange,
}

/// The client's idempotency key, as the store and the box office remember it.
#[derive(Clone, Debug, Default)]
#[expect(missing_docs, reason = "the names say it")]
pub struct EventKeys {
    pub row: Option<Key>,
    pub command: Option<Idempotency>,
}

/// A change that took effect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Changed {
    /// The last row of the journal that belongs to the change; 0 if there is none.
    pub seq: Seq,
    /// True if it repeats an earlier request with the same key.
    pub replayed: bool,
}

impl Offerings {
    /// Checks an event to create, with the plan that it names. Returns it with its id.
    ///
    /// # Errors
    /// Names the field that is not allowed.
    pub async fn check_event(
        &self,
        draft: EventDraft,
        by: UserId,
    ) -> Result<NewEvent, OfferingError> {
        let found = match &draft.plan {
            None => None,
            Some(PlanDraft { venue: id, version, .. }) => {
                let venue = self.venues.venue(*id).await.map_err(at_plan)?;
                let (row, plan) = self.venues.plan(*id, *version).await.map_err(at_plan)?;
                Some(FoundPlan { venue, version: row.version, plan })
            }
        };
        Ok(draft.check(by, found)?)
    }

    /// Stores a new event. Returns its id and whether this repeats an earlier request with the key.
    ///
    /// # Errors
    /// The store failed, or the key was used for another request.
    pub async fn create_event(
        &self,
        new: &NewEvent,
        key: Option<&Key>,
        now: i64,
    ) -> Result<(OfferingId, bool), OfferingError> {
        match self.store.event_create(new, key, now).await? {
            Answered::Now(()) => Ok((new.id, false)),
            Answered::Before(id) => {
                let damaged = |_| StoreError::Damaged(format!("event id {id}"));
                Ok((id.parse().map_err(damaged)?, true))
            }
        }
    }

    /// Returns an event's row.
    ///
    /// # Errors
    /// [`OfferingError::NoSuchEvent`].
    pub async fn event(&self, event: OfferingId) -> Result<EventRow, OfferingError> {
        // Classes are no events, and have routes of their own.
        let row = self.offering(event).await?;
        if row.is_class { Err(OfferingError::NoSuchEvent) } else { Ok(row) }
    }

    /// Returns the row of an event or a class.
    ///
    /// # Errors
    /// [`OfferingError::NoSuchEvent`].
    pub async fn offering(&self, id: OfferingId) -> Result<EventRow, OfferingError> {
        self.store.event_get(id).await?.ok_or(OfferingError::NoSuchEvent)
    }

    /// Returns the names of an event's products, by `ProductId`.
    ///
    /// # Errors
    /// [`OfferingError::NoSuchEvent`].
    pub async fn product_names(&self, event: OfferingId) -> Result<Vec<String>, OfferingError> {
        let row = self.offering(event).await?;
        Ok(row.products.into_iter().map(|product| product.name).collect())
    }

    /// Returns an event's row and its view after a row of its journal, so that an answer shows the
    /// effect of its own command.
    ///
    /// # Errors
    /// [`OfferingError::NoSuchEvent`], or another error if the event cannot be read.
    pub async fn event_after(
        &self,
        event: OfferingId,
        row: Seq,
    ) -> Result<(EventRow, Arc<View>), OfferingError> {
        let stored = self.event(event).await?;
        let view = self.offices.view_after(event, row).await?;
        Ok((stored, view))
    }

    /// Changes an event.
    ///
    /// # Errors
    /// The refusal, in which case nothing has changed; or a failure half-way, after which a retry with
    /// the same key does the rest and nothing twice.
    pub async fn change_event(
        &self,
        event: OfferingId,
        admin: UserId,
        edit: EventEdit,
        keys: EventKeys,
        now: i64,
    ) -> Result<Changed, OfferingError> {
        let stored = self.event(event).await?;
        let text = |field, value: Option<String>, longest| {
            value.map(|value| text::paragraph(field, &value, longest)).transpose()
        };
        let shown = EventChange {
            name: edit.name.map(|name| text::line("name", &name, 200)).transpose()?,
            description: text("description", edit.description, 10_000)?,
            venue: text("venue", edit.venue, 200)?,
            time_zone: edit
                .time_zone
                .map(|zone| venues::time_zone("timeZone", &zone))
                .transpose()?,
            on_payment_failure: edit.on_payment_failure,
        };
        let mut sale = edit.sale;
        if sale.ends_at.is_some() && stored.event_end.is_none() {
            // The event was created before its times were journalled: now both are.
            sale.starts_at = sale.starts_at.or(Some(stored.details.event_date));
        }
        // Checked before anything changes: the key may have been used for another request.
        self.store.idempotency_check(keys.row.as_ref()).await?;
        // The sale first, in one command, because it can be refused.
        sale.cancellation = edit.cancellation.map(CancellationDraft::policy).transpose()?;
        let mut seq = Seq(0);
        if sale != OfferingChange::default() {
            let command = Command::ChangeOffering { change: sale };
            seq = self.submit_by_admin(event, admin, command, keys.command).await?.seq;
        }
        let answered = self.store.event_update(event, shown, keys.row.as_ref(), now).await?;
        Ok(Changed { seq, replayed: matches!(answered, Answered::Before(_)) })
    }

    /// Checks a product that is to be added to an event; it is sold by quantity.
    ///
    /// # Errors
    /// Names the field that is not allowed.
    pub async fn check_new_product(
        &self,
        event: OfferingId,
        draft: &ProductDraft,
    ) -> Result<NewProduct, OfferingError> {
        let name = text::line("name", &draft.name, 100)?;
        let description = text::paragraph("description", &draft.description, 2_000)?;
        let capacity = draft.total_stock.filter(|places| *places > 0);
        let capacity =
            capacity.ok_or_else(|| InvalidField::new("totalStock", "is needed, and at least 1"))?;
        if draft.max_per_customer == Some(0) {
            return Err(InvalidField::new("maxPerCustomer", "must be at least 1").into());
        }
        let currency = self.event(event).await?.currency;
        if draft.currency != currency {
            return Err(InvalidField::new("price.currency", format!("must be {currency}")).into());
        }
        let definition = ProductDefinition {
            price: draft.price,
            capacity: Some(capacity),
            max_per_customer: draft.max_per_customer,
            sale: draft.sale,
        };
        Ok(NewProduct { name, description, definition })
    }
}

/// Returns the refusal of a plan that an event names.
fn at_plan(error: VenueError) -> OfferingError {
    match error {
        VenueError::Invalid(error) => error.into(),
        VenueError::NoSuchVenue => {
            InvalidField::new("plan.venueId", "must be the id of a venue").into()
        }
        VenueError::NoSuchPlan => {
            InvalidField::new("plan.version", "must be a version of the venue's plan").into()
        }
        VenueError::Store(error) => error.into(),
    }
}
