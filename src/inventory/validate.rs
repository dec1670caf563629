//! The rules for a definition. Checked once, before an offering exists.

use std::collections::HashSet;

use super::{Definition, Policy, SaleWindow};

/// The most products of one offering.
pub const MAX_PRODUCTS: usize = 1_000;
/// The most sections of one offering.
pub const MAX_SECTIONS: usize = 10_000;
/// The most places of one offering, seats and general admission together.
pub const MAX_PLACES: u64 = 10_000_000;
/// The most numbered seats an offering can ever have, removed ones included.
pub const MAX_SEATS: u32 = 1_000_000;
/// The longest name of a section or a row, in characters.
pub const MAX_NAME_CHARS: usize = 100;
/// The most entries on a waitlist.
pub const MAX_WAITLIST: u32 = 100_000;
/// The highest price of one place: times the most places in a hold it is far from overflowing.
pub const MAX_PRICE: i64 = 1_000_000_000_000;

/// The reason why a definition is refused, and the field.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{field}: {reason}")]
pub struct DefinitionError {
    /// The field, as in `products[1].price`.
    pub field: String,
    /// The reason.
    pub reason: String,
}

fn error(field: impl Into<String>, reason: impl Into<String>) -> DefinitionError {
    DefinitionError { field: field.into(), reason: reason.into() }
}

impl Definition {
    /// Checks every field.
    ///
    /// # Errors
    /// The first invalid field.
    pub fn validate(&self) -> Result<(), DefinitionError> {
        if !self.currency.iter().all(u8::is_ascii_uppercase) {
            return Err(error("currency", "must be three capital letters (ISO 4217)"));
        }
        if self.products.is_empty() || self.products.len() > MAX_PRODUCTS {
            return Err(error("products", format!("must have 1 to {MAX_PRODUCTS} items")));
        }
        if self.sections.len() > MAX_SECTIONS {
            return Err(error(
                "seatMap.sections",
                format!("must have at most {MAX_SECTIONS} items"),
            ));
        }
        check_window("", self.sale)?;
        self.check_products()?;
        let seats = self.check_sections()?;
        let standing: u64 =
            self.products.iter().filter_map(|product| product.capacity).map(u64::from).sum();
        if seats > u64::from(MAX_SEATS) {
            return Err(error("seatMap", format!("must have at most {MAX_SEATS} seats in all")));
        }
        if seats + standing > MAX_PLACES {
            let reason = format!("must have at most {MAX_PLACES} places in all");
            return Err(error("products", reason));
        }
        self.policy.validate()
    }

    /// True if two sections have one name: they are of different products.
    pub(super) fn has_namesakes(&self) -> bool {
        let mut names = HashSet::new();
        !self.sections.iter().all(|section| names.insert(&section.name))
    }

    fn check_products(&self) -> Result<(), DefinitionError> {
        let seated: HashSet<_> = self.sections.iter().map(|section| section.product).collect();
        for (index, product) in self.products.iter().enumerate() {
            let field = |name: &str| format!("products[{index}].{name}");
            if !(0..=MAX_PRICE).contains(&product.price) {
                return Err(error(field("price.amount"), format!("must be 0 to {MAX_PRICE}")));
            }
            if product.max_per_customer == Some(0) {
                return Err(error(field("maxPerCustomer"), "must be at least 1"));
            }
            check_window(&field(""), product.sale)?;
            let seated = u16::try_from(index)
                .is_ok_and(|index| seated.contains(&crate::ids::ProductId(index)));
            match (product.capacity, seated) {
                (Some(_), true) => {
                    let reason = "must be left out: its places are the seats of the seat map";
                    return Err(error(field("totalStock"), reason));
                }
                (None, false) => {
                    let reason = "is needed: the product has no seats in the seat map";
                    return Err(error(field("totalStock"), reason));
                }
                (Some(_), false) | (None, true) => {}
            }
        }
        Ok(())
    }

    fn check_sections(&self) -> Result<u64, DefinitionError> {
        let mut names = HashSet::new();
        let mut seats = 0_u64;
        for (index, section) in self.sections.iter().enumerate() {
            let field = format!("seatMap.sections[{index}]");
            if let Some(reason) = bad_name(&section.name) {
                return Err(error(format!("{field}.name"), reason));
            }
            // A section of a plan with several products is several sections here.
            if !names.insert((&section.name, section.product)) {
                return Err(error(format!("{field}.name"), "is the name of another section"));
            }
            if section.product.index() >= self.products.len() {
                return Err(error(format!("{field}.product"), "must be a product of this event"));
            }
            if section.rows.is_empty() {
                return Err(error(format!("{field}.rows"), "must not be empty"));
            }
            let mut rows = HashSet::new();
            for (row_index, row) in section.rows.iter().enumerate() {
                let field = format!("{field}.rows[{row_index}]");
                if let Some(reason) = bad_name(&row.name) {
                    return Err(error(format!("{field}.name"), reason));
                }
                if !rows.insert(&row.name) {
                    return Err(error(
                        format!("{field}.name"),
                        "is the name of another row of this section",
                    ));
                }
                if row.seats == 0 || row.seats > MAX_ROW {
                    return Err(error(format!("{field}.seats"), format!("must be 1 to {MAX_ROW}")));
                }
                seats += u64::from(row.seats);
            }
        }
        Ok(seats)
    }
}

/// The most seats in a row: a change in a row costs a scan of the row.
pub const MAX_ROW: u32 = 1_000;

impl Policy {
    pub(super) fn validate(&self) -> Result<(), DefinitionError> {
        const DAY_MS: i64 = 86_400_000;
        for (field, duration) in [
            ("policy.holdTtlSeconds", self.hold_ttl_ms),
            ("policy.holdMaxSeconds", self.hold_max_ms),
            ("policy.offerTtlSeconds", self.offer_ttl_ms),
        ] {
            if !(1_000..=30 * DAY_MS).contains(&duration) {
                return Err(error(field, "must be 1 to 2592000 (30 days)"));
            }
        }
        if self.pay_window_ms != 0 && !(1_000..=30 * DAY_MS).contains(&self.pay_window_ms) {
            let reason = "must be 1 to 2592000 (30 days), or 0 for what is left of the hold";
            return Err(error("policy.payWindowSeconds", reason));
        }
        if !(0..=DAY_MS).contains(&self.payment_grace_ms) {
            return Err(error("policy.paymentGraceSeconds", "must be 0 to 86400 (a day)"));
        }
        if self.hold_max_ms < self.hold_ttl_ms {
            return Err(error("policy.holdMaxSeconds", "must not be below holdTtlSeconds"));
        }
        if !(1..=Self::MAX_PLACES_PER_HOLD).contains(&self.max_places_per_hold) {
            let reason = format!("must be 1 to {}", Self::MAX_PLACES_PER_HOLD);
            return Err(error("policy.maxPlacesPerHold", reason));
        }
        if self.max_per_customer == Some(0) {
            return Err(error("policy.maxPerCustomer", "must be at least 1"));
        }
        if self.waitlist_capacity > MAX_WAITLIST {
            return Err(error("policy.waitlistCapacity", format!("must be 0 to {MAX_WAITLIST}")));
        }
        Ok(())
    }
}

/// Checks a window. `prefix` is empty, or the product with its dot: `products[0].`.
fn check_window(prefix: &str, window: SaleWindow) -> Result<(), DefinitionError> {
    match (window.start, window.end) {
        (Some(start), Some(end)) if start >= end => {
            Err(error(format!("{prefix}saleEndAt"), "must be after saleStartAt"))
        }
        _ => Ok(()),
    }
}

/// The longest description of a product, in bytes.
const MAX_TEXT_BYTES: usize = 8_000;

/// The reason why a text of several lines is refused; `None` if it is valid.
pub(super) fn bad_text(text: &str) -> Option<&'static str> {
    if text.len() > MAX_TEXT_BYTES {
        return Some("must have at most 8,000 bytes");
    }
    text.contains('\0').then_some("must not hold the character NUL")
}

/// The reason why the name of a section or a row is refused; `None` if it is valid.
pub(super) fn bad_name(name: &str) -> Option<&'static str> {
    if name.trim().is_empty() {
        return Some("must not be empty");
    }
    if name.chars().count() > MAX_NAME_CHARS {
        return Some("must have at most 100 characters");
    }
    name.chars().any(char::is_control).then_some("must not contain control characters")
}
