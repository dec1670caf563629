//! An event that is to be created, and the rules that it must meet. Errors name the field as the API
//! does.

use std::collections::{BTreeMap, HashSet};

use crate::ids::{OfferingId, ProductId, SeatId, UserId, VenueId};
use crate::inventory::{
    CancellationPolicy, Change, DEFAULT_EVENT_LENGTH_MS, Definition, EventTimes, Minor, Policy,
    ProductDefinition, RowDefinition, SaleState, SaleWindow, SectionDefinition, TimestampMs,
};
use crate::store::{EventDetails, EventPlan, NewEvent, OnPaymentFailure, Terms, VenueRow};
use crate::text::{self, InvalidField};
use crate::venues::{self, Plan, PlanSeats};

/// An event to create.
#[derive(Clone, Debug)]
#[expect(missing_docs, reason = "the names say it")]
pub struct EventDraft {
    pub name: String,
    pub description: String,
    pub venue: String,
    pub starts_at: TimestampMs,
    /// The end of the event; if `None`, 24 hours after the start, or the end of the sale if that is
    /// later.
    pub ends_at: Option<TimestampMs>,
    pub sale: SaleWindow,
    pub sale_state: SaleState,
    pub products: Vec<ProductDraft>,
    pub sections: Vec<SectionDraft>,
    /// The seat plan of a venue, instead of `sections`.
    pub plan: Option<PlanDraft>,
    /// The name of an IANA time zone; if `None`, that of the plan's venue, or of the settings.
    pub time_zone: Option<String>,
    pub policy: Policy,
    pub cancellation: CancellationDraft,
    pub on_payment_failure: OnPaymentFailure,
}

/// The plan of an event.
#[derive(Clone, Debug)]
pub struct PlanDraft {
    /// The venue.
    pub venue: VenueId,
    /// The version; the newest if `None`.
    pub version: Option<u32>,
    /// The names of the products of zones that have other names.
    pub zones: BTreeMap<String, String>,
    /// Until when accessible and companion seats are kept from best available.
    pub keep_accessible_until: Option<TimestampMs>,
}

/// A plan as it was read from its venue.
#[derive(Clone, Debug)]
#[expect(missing_docs, reason = "the names say it")]
pub struct FoundPlan {
    pub venue: VenueRow,
    pub version: u32,
    pub plan: Plan,
}

/// A product of the event.
#[derive(Clone, Debug)]
#[expect(missing_docs, reason = "the names say it")]
pub struct ProductDraft {
    pub name: String,
    pub description: String,
    pub price: Minor,
    /// ISO 4217.
    pub currency: String,
    /// `None` for a product of the seat map.
    pub total_stock: Option<u32>,
    pub max_per_customer: Option<u32>,
    pub sale: SaleWindow,
}

/// A block of rows of numbered seats.
#[derive(Clone, Debug)]
#[expect(missing_docs, reason = "the names say it")]
pub struct SectionDraft {
    pub name: String,
    /// The name of the product whose places these seats are.
    pub product: String,
    /// The rows, front to back.
    pub rows: Vec<RowDefinition>,
}

/// Until when a customer may cancel a paid reservation, and the share that is refunded.
#[derive(Clone, Copy, Debug, Default)]
pub struct CancellationDraft {
    /// `Some(false)` if customers may never cancel.
    pub allowed: Option<bool>,
    /// The first moment at which a cancellation is too late; if `None`, the start of the event.
    pub until: Option<TimestampMs>,
    /// The share in percent; 100 if `None`.
    pub refund_percent: Option<u8>,
}

impl CancellationDraft {
    /// Returns the policy.
    ///
    /// # Errors
    /// Names the field that is not allowed.
    pub fn policy(self) -> Result<CancellationPolicy, InvalidField> {
        let Self { allowed, until, refund_percent } = self;
        if allowed == Some(false) {
            if until.is_some() || refund_percent.is_some() {
                let reason = "is false: then neither until nor refundPercent mean anything";
                return Err(InvalidField::new("cancellation.allowed", reason));
            }
            return Ok(CancellationPolicy::Never);
        }
        let refund_percent = refund_percent.unwrap_or(100);
        if refund_percent > 100 {
            return Err(InvalidField::new("cancellation.refundPercent", "must be 0 to 100"));
        }
        Ok(CancellationPolicy::Until { until, refund_percent })
    }
}

impl EventDraft {
    /// Checks the draft and gives the event its id. `found` is the plan that the draft names, as read
    /// by [`super::Offerings::check_event`].
    ///
    /// # Errors
    /// Names the field that is not allowed.
    pub fn check(
        self,
        created_by: UserId,
        found: Option<FoundPlan>,
    ) -> Result<NewEvent, InvalidField> {
        let currency = self.currency()?;
        let names = self.product_names()?;
        let seated = match (&self.plan, found) {
            (Some(draft), Some(found)) => Some(seated(draft, found, &names)?),
            _ => None,
        };
        if self.plan.is_some() && !self.sections.is_empty() {
            let reason = "must be left out: the seats are those of the plan";
            return Err(InvalidField::new("seatMap", reason));
        }
        let (sections, removed) = match &seated {
            Some(seated) => (seated.seats.definitions(), seated.seats.placeholders()),
            None => (self.section_definitions(&names)?, Vec::new()),
        };
        let definition = Definition {
            currency,
            products: self.product_definitions(&sections, &removed)?,
            sections,
            policy: self.policy,
            sale: self.sale,
            sale_state: self.sale_state,
        };
        definition.validate().map_err(|error| InvalidField::new(error.field, error.reason))?;
        let details = self.details(seated.as_ref())?;
        let mut products = Vec::with_capacity(names.len());
        for (index, (name, product)) in names.into_iter().zip(&self.products).enumerate() {
            let field = format!("products[{index}].description");
            products.push((name, text::paragraph(&field, &product.description, 2_000)?));
        }
        let mut further = Vec::new();
        if !removed.is_empty() {
            further.push(Change::SeatsRemoved { seats: removed });
        }
        if let Some(kept) = self.kept(seated.as_ref()) {
            further.push(kept);
        }
        let zone = match &self.time_zone {
            Some(zone) => Some(venues::time_zone("timeZone", zone)?),
            None => seated.as_ref().map(|seated| seated.venue.time_zone.clone()),
        };
        Ok(NewEvent {
            id: OfferingId::new(),
            details,
            products,
            definition,
            terms: self.terms()?,
            further,
            plan: seated.map(|seated| seated.plan),
            time_zone: zone,
            class: None,
            created_by,
        })
    }

    /// Returns the change that keeps accessible and companion seats from best available.
    fn kept(&self, seated: Option<&Seated>) -> Option<Change> {
        let until = self.plan.as_ref()?.keep_accessible_until?;
        let of_plan = &seated?.seats;
        let mut seats = of_plan.marked(|row| &row.accessible);
        seats.extend(of_plan.marked(|row| &row.companion));
        seats.sort_unstable();
        seats.dedup();
        (!seats.is_empty()).then_some(Change::SeatsKept { seats, until })
    }

    fn details(&self, seated: Option<&Seated>) -> Result<EventDetails, InvalidField> {
        let mut venue = text::paragraph("venue", &self.venue, 200)?;
        if let Some(seated) = seated.filter(|_| venue.is_empty()) {
            venue.clone_from(&seated.venue.name);
        }
        Ok(EventDetails {
            name: text::line("name", &self.name, 200)?,
            description: text::paragraph("description", &self.description, 10_000)?,
            venue,
            event_date: self.starts_at,
        })
    }

    fn terms(&self) -> Result<Terms, InvalidField> {
        let (starts_at, sale_end) = (self.starts_at, self.sale.end);
        let default_end = (starts_at + DEFAULT_EVENT_LENGTH_MS).max(sale_end.unwrap_or(i64::MIN));
        let ends_at = self.ends_at.unwrap_or(default_end);
        if ends_at <= starts_at {
            return Err(InvalidField::new("eventEndAt", "must be after eventDate"));
        }
        if sale_end.is_some_and(|end| end > ends_at) {
            return Err(InvalidField::new("saleEndAt", "must not be after eventEndAt"));
        }
        let times = Some(EventTimes { starts_at, ends_at });
        let cancellation = self.cancellation.policy()?;
        Ok(Terms { times, cancellation, on_payment_failure: self.on_payment_failure })
    }

    fn currency(&self) -> Result<[u8; 3], InvalidField> {
        let first = self.products.first();
        let first =
            first.ok_or_else(|| InvalidField::new("products", "must have at least one item"))?;
        for (index, product) in self.products.iter().enumerate() {
            if product.currency != first.currency {
                let field = format!("products[{index}].price.currency");
                return Err(InvalidField::new(field, "must be the same for all products"));
            }
        }
        let code = <[u8; 3]>::try_from(first.currency.as_bytes()).ok();
        code.filter(|code| code.iter().all(u8::is_ascii_uppercase)).ok_or_else(|| {
            let reason = "must be three capital letters (ISO 4217)";
            InvalidField::new("products[0].price.currency", reason)
        })
    }

    fn product_names(&self) -> Result<Vec<String>, InvalidField> {
        let mut names: Vec<String> = Vec::with_capacity(self.products.len());
        let mut seen = HashSet::new();
        for (index, product) in self.products.iter().enumerate() {
            let field = format!("products[{index}].name");
            let name = text::line(&field, &product.name, 100)?;
            if !seen.insert(name.clone()) {
                return Err(InvalidField::new(field, "is the name of another product"));
            }
            names.push(name);
        }
        Ok(names)
    }

    fn section_definitions(
        &self,
        names: &[String],
    ) -> Result<Vec<SectionDefinition>, InvalidField> {
        let mut sections = Vec::with_capacity(self.sections.len());
        let mut seen = HashSet::new();
        for (index, section) in self.sections.iter().enumerate() {
            let field = format!("seatMap.sections[{index}]");
            let product = names.iter().position(|name| *name == section.product.trim());
            let product = product.and_then(|index| u16::try_from(index).ok()).map(ProductId);
            let product = product.ok_or_else(|| {
                InvalidField::new(format!("{field}.product"), "must be the name of a product")
            })?;
            let mut rows = Vec::with_capacity(section.rows.len());
            for (row_index, row) in section.rows.iter().enumerate() {
                let name = text::line(&format!("{field}.rows[{row_index}].name"), &row.name, 50)?;
                rows.push(RowDefinition { name, seats: row.seats });
            }
            let name = text::line(&format!("{field}.name"), &section.name, 100)?;
            if !seen.insert(name.clone()) {
                let reason = "is the name of another section";
                return Err(InvalidField::new(format!("{field}.name"), reason));
            }
            sections.push(SectionDefinition { name, product, rows });
        }
        Ok(sections)
    }

    fn product_definitions(
        &self,
        sections: &[SectionDefinition],
        removed: &[SeatId],
    ) -> Result<Vec<ProductDefinition>, InvalidField> {
        let mut products = Vec::with_capacity(self.products.len());
        let counts = seat_counts(self.products.len(), sections, removed);
        for (index, (product, seats)) in self.products.iter().zip(counts).enumerate() {
            let field = || format!("products[{index}].totalStock");
            if product.total_stock == Some(0) {
                return Err(InvalidField::new(field(), "must be at least 1"));
            }
            let capacity = if seats == 0 {
                product.total_stock
            } else {
                if product.total_stock.is_some_and(|stock| u64::from(stock) != seats) {
                    let reason =
                        format!("must be left out or be {seats}, the seats of its sections");
                    return Err(InvalidField::new(field(), reason));
                }
                None
            };
            products.push(ProductDefinition {
                price: product.price,
                capacity,
                max_per_customer: product.max_per_customer,
                sale: product.sale,
            });
        }
        Ok(products)
    }
}

/// A plan with the products of an event.
struct Seated {
    venue: VenueRow,
    plan: EventPlan,
    seats: PlanSeats,
}

/// Maps the zones of a plan to the products of the event.
fn seated(draft: &PlanDraft, found: FoundPlan, names: &[String]) -> Result<Seated, InvalidField> {
    let used = venues::zones_in_use(&found.plan);
    for zone in draft.zones.keys() {
        if !used.contains(&zone.as_str()) {
            let reason = format!("names {zone:?}, which is no zone of seats in the plan");
            return Err(InvalidField::new("plan.zones", reason));
        }
    }
    let mut zones = BTreeMap::new();
    for zone in used {
        let wanted = draft.zones.get(zone).map_or(zone, |name| name.trim());
        let product = names.iter().position(|name| name == wanted);
        let product = product.and_then(|index| u16::try_from(index).ok()).map(ProductId);
        let product = product.ok_or_else(|| {
            let reason = format!(
                "has no product for the zone {zone:?}: add a product {wanted:?}, or map the zone"
            );
            InvalidField::new("plan.zones", reason)
        })?;
        zones.insert(zone.to_owned(), product);
    }
    let FoundPlan { venue, version, plan } = found;
    let seats = PlanSeats::new(plan, zones.clone());
    Ok(Seated { plan: EventPlan { venue: venue.id, version, zones }, venue, seats })
}

/// Returns the number of seats of each product.
fn seat_counts(products: usize, sections: &[SectionDefinition], removed: &[SeatId]) -> Vec<u64> {
    let mut counts = vec![0_u64; products];
    let (mut next, mut removed) = (0_u32, removed.iter().peekable());
    for section in sections {
        for row in &section.rows {
            next = next.saturating_add(row.seats);
            let mut gone = 0;
            while removed.next_if(|seat| seat.0 < next).is_some() {
                gone += 1;
            }
            if let Some(count) = counts.get_mut(section.product.index()) {
                *count += u64::from(row.seats) - gone;
            }
        }
    }
    counts
}
