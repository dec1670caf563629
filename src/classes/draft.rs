//! A class that is to be created, and the rules that it must meet. Errors name the field as the API
//! does.

use crate::classes::{ClassError, Classes, currencies};
use crate::ids::{OfferingId, UserId};
use crate::inventory::{
    CancellationPolicy, ClassRules, Definition, EventTimes, MAX_PLACES, MAX_PRICE, Minor, Policy,
    ProductDefinition, Promotion, Rejection, SaleState, SaleWindow, Selection, TimestampMs,
};
use crate::store::{
    Answered, EventDetails, Key, NewClass, NewEvent, OnPaymentFailure, StoreError, Terms,
    Visibility,
};
use crate::text::{self, InvalidField};
use crate::venues;

/// A class to create.
#[derive(Clone, Debug)]
#[expect(missing_docs, reason = "the names say it")]
pub struct ClassDraft {
    pub title: String,
    pub description: String,
    pub location: String,
    pub capacity: u32,
    pub waitlist: WaitlistDraft,
    pub visibility: Visibility,
    /// The amount, and its ISO 4217 code.
    pub fee: (Minor, String),
    pub selection: Selection,
    pub promotion: Promotion,
    pub allow_reapply: bool,
    /// At once, if `None`.
    pub recruit_start: Option<TimestampMs>,
    /// The start of the class, if `None`.
    pub recruit_end: Option<TimestampMs>,
    pub starts_at: TimestampMs,
    pub ends_at: TimestampMs,
    pub is_online: bool,
    pub pay_window_ms: i64,
    pub offer_ttl_ms: i64,
    pub cancellation: CancellationPolicy,
    /// The name of an IANA time zone.
    pub time_zone: Option<String>,
}

/// The waitlist of a class, as two fields that must agree.
#[derive(Clone, Copy, Debug, Default)]
pub struct WaitlistDraft {
    /// Whether there is one; if `None`, there is one if it has places.
    pub allowed: Option<bool>,
    /// Its places.
    pub capacity: Option<u32>,
}

impl WaitlistDraft {
    /// Returns the number of places; 0 means that there is no waitlist.
    ///
    /// # Errors
    /// The fields contradict each other.
    pub fn places(self) -> Result<u32, InvalidField> {
        match (self.allowed, self.capacity) {
            (Some(false), Some(1..)) => {
                let reason = "must be 0 or left out where allowWaitlist is false";
                Err(InvalidField::new("waitlistCapacity", reason))
            }
            (None, Some(1..)) => {
                let reason = "needs allowWaitlist: true";
                Err(InvalidField::new("waitlistCapacity", reason))
            }
            (Some(true), None | Some(0)) => {
                let reason = "must be at least 1 where allowWaitlist is true";
                Err(InvalidField::new("waitlistCapacity", reason))
            }
            (_, capacity) => Ok(capacity.unwrap_or(0)),
        }
    }
}

impl ClassDraft {
    fn rules(&self) -> Result<ClassRules, ClassError> {
        let rules = ClassRules {
            selection: self.selection,
            waitlist: self.waitlist.places()?,
            promotion: self.promotion,
            offer_ttl_ms: self.offer_ttl_ms,
            pay_window_ms: self.pay_window_ms,
            allow_reapply: self.allow_reapply,
        };
        rules.validate()?;
        Ok(rules)
    }

    fn definition(&self) -> Result<Definition, ClassError> {
        let (price, currency) = &self.fee;
        let currency = currencies::parse(currency).ok_or_else(|| {
            InvalidField::new("fee.currency", "must be a currency of ISO 4217, such as KRW")
        })?;
        if !(0..=MAX_PRICE).contains(price) {
            let reason = format!("must be 0 to {MAX_PRICE}");
            return Err(InvalidField::new("fee.amount", reason).into());
        }
        if self.capacity == 0 || u64::from(self.capacity) > MAX_PLACES {
            let reason = format!("must be 1 to {MAX_PLACES}");
            return Err(InvalidField::new("capacity", reason).into());
        }
        let places = ProductDefinition {
            price: *price,
            capacity: Some(self.capacity),
            max_per_customer: None,
            sale: SaleWindow::default(),
        };
        Ok(Definition {
            currency,
            products: vec![places],
            sections: Vec::new(),
            // The line of a class has rules of its own.
            policy: Policy { waitlist_capacity: 0, ..Policy::default() },
            sale: self.recruitment()?,
            sale_state: SaleState::Open,
        })
    }

    fn recruitment(&self) -> Result<SaleWindow, InvalidField> {
        let end = self.recruit_end.unwrap_or(self.starts_at);
        in_order(self.recruit_start, end, self.starts_at, self.ends_at)?;
        Ok(SaleWindow { start: self.recruit_start, end: Some(end) })
    }

    /// Checks the draft and gives the class its id.
    ///
    /// # Errors
    /// Names the field that is not allowed.
    pub fn check(self, created_by: UserId) -> Result<NewEvent, ClassError> {
        let (rules, definition) = (self.rules()?, self.definition()?);
        let refused =
            |error: crate::inventory::DefinitionError| InvalidField::new(error.field, error.reason);
        definition.validate().map_err(refused)?;
        let title = text::line("title", &self.title, 200)?;
        let zone = self.time_zone.as_ref().map(|zone| venues::time_zone("timeZone", zone));
        let times = EventTimes { starts_at: self.starts_at, ends_at: self.ends_at };
        Ok(NewEvent {
            id: OfferingId::new(),
            details: EventDetails {
                name: title.clone(),
                description: text::paragraph("description", &self.description, 10_000)?,
                venue: text::paragraph("location", &self.location, 200)?,
                event_date: self.starts_at,
            },
            products: vec![(product_name(&title), String::new())],
            definition,
            terms: Terms {
                times: Some(times),
                cancellation: self.cancellation,
                on_payment_failure: OnPaymentFailure::default(),
            },
            further: Vec::new(),
            plan: None,
            time_zone: zone.transpose()?,
            class: Some(NewClass { rules, visibility: self.visibility, is_online: self.is_online }),
            created_by,
        })
    }
}

/// The name of a class's only product, which tickets show: it takes fewer characters than a title.
pub(super) fn product_name(title: &str) -> String {
    title.chars().take(100).collect()
}

/// Checks the order of a class's times.
pub(super) fn in_order(
    recruit_start: Option<TimestampMs>,
    recruit_end: TimestampMs,
    starts_at: TimestampMs,
    ends_at: TimestampMs,
) -> Result<(), InvalidField> {
    if ends_at <= starts_at {
        return Err(InvalidField::new("endAt", "must be after startAt"));
    }
    if recruit_start.is_some_and(|start| start >= recruit_end) {
        return Err(InvalidField::new("recruitEndAt", "must be after recruitStartAt"));
    }
    if recruit_end > starts_at {
        return Err(InvalidField::new("recruitEndAt", "must not be after startAt"));
    }
    Ok(())
}

impl Classes {
    /// Stores a new class. Returns its id and whether this repeats an earlier request with the key.
    ///
    /// # Errors
    /// Names the field that is not allowed; the store failed, or the key was used for another
    /// request.
    pub async fn create(
        &self,
        draft: ClassDraft,
        by: UserId,
        key: Option<&Key>,
        now: TimestampMs,
    ) -> Result<(OfferingId, bool), ClassError> {
        let new = draft.check(by)?;
        match self.store.event_create(&new, key, now).await? {
            Answered::Now(()) => Ok((new.id, false)),
            Answered::Before(id) => {
                let damaged = |_| StoreError::Damaged(format!("class id {id}"));
                Ok((id.parse().map_err(damaged)?, true))
            }
        }
    }
}

impl From<crate::inventory::DefinitionError> for ClassError {
    fn from(error: crate::inventory::DefinitionError) -> Self {
        Rejection::Invalid { reason: format!("{} {}", error.field, error.reason).into() }.into()
    }
}
