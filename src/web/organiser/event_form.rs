//! The form of an event as it was entered, and the draft that follows from it. What people entered
//! stays as text, so that a refused form is shown again as it was.

use std::collections::{BTreeMap, HashSet};

use chrono_tz::Tz;

use super::details_form::{DetailsForm, Times, end_of_event};
use super::entered;
pub(super) use super::entered::Pairs;
use super::refused::Refused;
use crate::ids::VenueId;
use crate::inventory::{
    MAX_PLACES, MAX_PRICE, Policy, RowDefinition, SaleState, SaleWindow, TimestampMs,
};
use crate::offerings::{EventDraft, PlanDraft, ProductDraft, SectionDraft};
use crate::store::VenueRow;
use crate::venues::Plan;
use crate::web::visitor::Visitor;

/// The most products and sections of one form; more come from an imported seat plan.
const MOST: usize = 200;

/// The most places of a ticket type, and the most that one person may have.
pub(super) const PLACES: (u32, u32) = (1, 10_000_000);
const _: () = assert!(PLACES.1 as u64 == MAX_PLACES, "the limit of the rules");
/// The minutes to choose and to pay: 30 days at most.
pub(super) const MINUTES: (u32, u32) = (1, 30 * 24 * 60);
/// The most places in one hold.
pub(super) const PER_HOLD: (u32, u32) = (1, Policy::MAX_PLACES_PER_HOLD);

/// The fields of a new event.
#[derive(Clone, Debug, Default)]
pub(super) struct EventForm {
    pub(super) key: String,
    pub(super) details: DetailsForm,
    pub(super) currency: String,
    pub(super) products: Vec<ProductForm>,
    pub(super) sections: Vec<SectionForm>,
    /// The id of the venue whose newest plan has the seats, or empty.
    pub(super) plan: String,
    /// Until when the plan's accessible and companion seats are kept.
    pub(super) keep_until: String,
    pub(super) hold_minutes: String,
    pub(super) pay_minutes: String,
    pub(super) max_places: String,
    pub(super) max_per_customer: String,
    pub(super) has_waitlist: bool,
}

/// The fields of a ticket type.
#[derive(Clone, Debug, Default)]
pub(super) struct ProductForm {
    pub(super) name: String,
    pub(super) price: String,
    /// Empty for numbered seats.
    pub(super) stock: String,
    pub(super) limit: String,
}

/// The fields of a section of numbered seats.
#[derive(Clone, Debug, Default)]
pub(super) struct SectionForm {
    pub(super) name: String,
    /// The position of its ticket type in the form, since names may still change.
    pub(super) product: String,
    pub(super) rows: String,
}

impl EventForm {
    /// An empty form with the usual values.
    pub(super) fn empty(zone: Tz, max_per_customer: Option<u32>) -> Self {
        let policy = Policy::default();
        Self {
            key: uuid::Uuid::new_v4().to_string(),
            details: DetailsForm {
                refund_percent: "100".into(),
                time_zone: zone.name().into(),
                ..DetailsForm::default()
            },
            currency: "KRW".into(),
            products: vec![ProductForm::default()],
            sections: Vec::new(),
            plan: String::new(),
            keep_until: String::new(),
            hold_minutes: (policy.hold_ttl_ms / 60_000).to_string(),
            pay_minutes: (policy.pay_window_ms / 60_000).to_string(),
            max_places: policy.max_places_per_hold.to_string(),
            max_per_customer: max_per_customer.map(|max| max.to_string()).unwrap_or_default(),
            has_waitlist: true,
        }
    }

    /// Reads the fields from a form.
    pub(super) fn read(pairs: &[(String, String)]) -> Self {
        let pairs = Pairs(pairs);
        let product = |index: usize| {
            let of = |what| pairs.value(&format!("product-{index}-{what}")).map(str::to_owned);
            let [stock, limit] = ["stock", "limit"].map(|what| of(what).unwrap_or_default());
            Some(ProductForm {
                name: of("name")?,
                price: of("price").unwrap_or_default(),
                stock,
                limit,
            })
        };
        let section = |index: usize| {
            let of = |what| pairs.value(&format!("section-{index}-{what}")).map(str::to_owned);
            let product = of("product").unwrap_or_default();
            Some(SectionForm { name: of("name")?, product, rows: of("rows").unwrap_or_default() })
        };
        Self {
            key: pairs.entered("key"),
            details: DetailsForm::read(&pairs),
            currency: pairs.entered("currency").trim().to_uppercase(),
            products: (0..MOST).map_while(product).collect(),
            sections: (0..MOST).map_while(section).collect(),
            plan: pairs.entered("plan"),
            keep_until: pairs.entered("keep_until"),
            hold_minutes: pairs.entered("hold_minutes"),
            pay_minutes: pairs.entered("pay_minutes"),
            max_places: pairs.entered("max_places"),
            max_per_customer: pairs.entered("max_per_customer"),
            has_waitlist: pairs.value("waitlist").is_some(),
        }
    }

    /// Does what a button of the form asks for: adds or removes a ticket type or a section. Returns
    /// false if the button means to save.
    pub(super) fn rearrange(&mut self, button: &str) -> bool {
        let nth = |prefix| button.strip_prefix(prefix).and_then(|nth| nth.parse::<usize>().ok());
        if button == "add-product" && self.products.len() < MOST {
            self.products.push(ProductForm::default());
        } else if button == "add-section" && self.sections.len() < MOST {
            let seated = self.products.iter().position(|product| product.stock.trim().is_empty());
            let product = seated.unwrap_or_default().to_string();
            self.sections.push(SectionForm { product, ..SectionForm::default() });
        } else if let Some(nth) = nth("remove-product-").filter(|nth| *nth < self.products.len()) {
            self.products.remove(nth);
            for section in &mut self.sections {
                match section.product.parse::<usize>() {
                    Ok(product) if product > nth => section.product = (product - 1).to_string(),
                    Ok(product) if product == nth => section.product.clear(),
                    _ => {}
                }
            }
        } else if let Some(nth) = nth("remove-section-").filter(|nth| *nth < self.sections.len()) {
            self.sections.remove(nth);
        } else {
            return !matches!(button, "save" | "publish");
        }
        true
    }

    /// Takes over the seats of a venue's plan: a ticket type for each of its zones, its time zone, and
    /// its name as the place.
    pub(super) fn take_plan(&mut self, venue: &VenueRow, plan: &Plan) {
        self.details.time_zone = venue.time_zone.clone();
        if self.details.venue.trim().is_empty() {
            let place = [venue.name.as_str(), &venue.place];
            let place: Vec<_> = place.into_iter().filter(|part| !part.is_empty()).collect();
            self.details.venue = place.join(", ");
        }
        self.sections.clear();
        let is_blank = |product: &ProductForm| {
            [&product.name, &product.price, &product.stock]
                .iter()
                .all(|text| text.trim().is_empty())
        };
        self.products.retain(|product| !is_blank(product));
        for zone in &plan.zones {
            if !self.products.iter().any(|product| product.name.trim() == zone.name) {
                let name = zone.name.clone();
                self.products.push(ProductForm { name, ..ProductForm::default() });
            }
        }
    }

    /// Returns what is allowed and unusual in a draft of this form.
    pub(super) fn unusual(
        &self,
        visitor: &Visitor,
        draft: &EventDraft,
        now: TimestampMs,
    ) -> Vec<Refused> {
        let has_end = !self.details.ends.trim().is_empty();
        let times = Times {
            starts_at: draft.starts_at,
            ends_at: draft.ends_at.filter(|_| has_end),
            sale: draft.sale,
            cancellation: draft.cancellation,
        };
        let mut found = times.unusual(visitor, now);
        let kept = draft.plan.as_ref().and_then(|plan| plan.keep_accessible_until);
        if kept.is_some_and(|until| until > draft.starts_at) {
            found.push(Refused::new(visitor, "keep_until", "organiser_form.warn_keep_late"));
        }
        found
    }

    /// Reads the draft of the event.
    pub(super) fn draft(
        &self,
        visitor: &Visitor,
        sale_state: SaleState,
    ) -> Result<EventDraft, Refused> {
        let times = self.details.times(visitor)?;
        let plan = match self.plan.as_str() {
            "" => None,
            venue => Some(PlanDraft {
                venue: venue
                    .parse::<VenueId>()
                    .map_err(|_| Refused::new(visitor, "plan", "organiser_form.no_such_plan"))?,
                version: None,
                zones: BTreeMap::new(),
                keep_accessible_until: entered::local_time(
                    &self.keep_until,
                    self.details.zone(visitor)?,
                )
                .map_err(|key| Refused::new(visitor, "keep_until", key))?,
            }),
        };
        let sections = self.sections(visitor)?;
        Ok(EventDraft {
            name: self.details.name.clone(),
            description: self.details.description.clone(),
            venue: self.details.venue.clone(),
            starts_at: times.starts_at,
            ends_at: Some(end_of_event(times.starts_at, times.ends_at, times.sale.end)),
            sale: times.sale,
            sale_state,
            products: self.products(visitor, &sections)?,
            sections,
            plan,
            time_zone: Some(self.details.time_zone.trim().to_owned()),
            policy: self.policy(visitor)?,
            cancellation: times.cancellation,
            on_payment_failure: self.details.payment_failure(visitor)?.unwrap_or_default(),
        })
    }

    fn products(
        &self,
        visitor: &Visitor,
        sections: &[SectionDraft],
    ) -> Result<Vec<ProductDraft>, Refused> {
        if self.products.is_empty() {
            return Err(Refused::new(visitor, "add-product", "organiser_form.no_products"));
        }
        let mut names = HashSet::new();
        let mut drafts = Vec::with_capacity(self.products.len());
        for (index, product) in self.products.iter().enumerate() {
            let refused =
                |what, key| Err(Refused::new(visitor, &format!("product-{index}-{what}"), key));
            let name = product.name.trim();
            if name.is_empty() {
                return refused("name", "organiser_form.product_name_missing");
            }
            if !names.insert(name) {
                return refused("name", "organiser_form.product_name_twice");
            }
            let price = match entered::amount(&product.price, &self.currency) {
                Ok(price) if price <= MAX_PRICE => price,
                Ok(_) => return refused("price", "organiser_form.price_too_high"),
                Err(key) => return refused("price", key),
            };
            let number = |what, text: &str| {
                number_within(visitor, &format!("product-{index}-{what}"), text, PLACES)
            };
            let total_stock = number("stock", &product.stock)?;
            let limit = number("limit", &product.limit)?;
            let has_seats = sections.iter().any(|section| section.product == name);
            if total_stock.is_none() && !has_seats && self.plan.is_empty() {
                return refused("stock", "organiser_form.no_places");
            }
            drafts.push(ProductDraft {
                name: name.to_owned(),
                description: String::new(),
                price,
                currency: self.currency.clone(),
                total_stock,
                max_per_customer: limit,
                sale: SaleWindow::default(),
            });
        }
        Ok(drafts)
    }

    fn sections(&self, visitor: &Visitor) -> Result<Vec<SectionDraft>, Refused> {
        let mut drafts = Vec::with_capacity(self.sections.len());
        for (index, section) in self.sections.iter().enumerate() {
            let input = format!("section-{index}-rows");
            let rows = entered::rows(&section.rows);
            let rows: Vec<RowDefinition> =
                rows.map_err(|key| Refused::new(visitor, &input, key))?;
            if rows.is_empty() {
                return Err(Refused::new(visitor, &input, "organiser_form.bad_rows"));
            }
            let name = section.name.trim();
            if name.is_empty() {
                let input = format!("section-{index}-name");
                return Err(Refused::new(visitor, &input, "organiser_form.section_name_missing"));
            }
            let product = section.product.parse::<usize>().ok();
            let product = product.and_then(|product| self.products.get(product));
            let product = product.map(|product| product.name.trim()).ok_or_else(|| {
                let input = format!("section-{index}-product");
                Refused::new(visitor, &input, "organiser_form.section_product_missing")
            })?;
            drafts.push(SectionDraft { name: name.to_owned(), product: product.to_owned(), rows });
        }
        Ok(drafts)
    }

    fn policy(&self, visitor: &Visitor) -> Result<Policy, Refused> {
        let default = Policy::default();
        let number = |input, text: &str, within| number_within(visitor, input, text, within);
        let minutes = |minutes: Option<u32>, default: i64| {
            minutes.map_or(default, |minutes| i64::from(minutes) * 60_000)
        };
        let hold_ttl_ms =
            minutes(number("hold_minutes", &self.hold_minutes, MINUTES)?, default.hold_ttl_ms);
        let pay = number("pay_minutes", &self.pay_minutes, MINUTES)?;
        let max_places = number("max_places", &self.max_places, PER_HOLD)?;
        Ok(Policy {
            hold_ttl_ms,
            hold_max_ms: default.hold_max_ms.max(hold_ttl_ms),
            pay_window_ms: minutes(pay, default.pay_window_ms),
            max_places_per_hold: max_places.unwrap_or(default.max_places_per_hold),
            max_per_customer: number("max_per_customer", &self.max_per_customer, PLACES)?,
            waitlist_capacity: if self.has_waitlist { default.waitlist_capacity } else { 0 },
            ..default
        })
    }
}

/// Reads a whole number within limits; `None` if the field is empty.
pub(super) fn number_within(
    visitor: &Visitor,
    input: &str,
    text: &str,
    (least, most): (u32, u32),
) -> Result<Option<u32>, Refused> {
    let read = entered::whole(text).map_err(|key| Refused::new(visitor, input, key))?;
    match read {
        Some(number) if !(least..=most).contains(&number) => {
            Err(Refused::between(visitor, input, (least, most)))
        }
        read => Ok(read),
    }
}
