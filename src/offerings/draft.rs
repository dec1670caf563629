//! An event that is to be created, and the rules that it must meet. Errors name the field as the API
//! does.

use std::collections::HashSet;

use crate::ids::{OfferingId, ProductId, UserId};
use crate::inventory::{
    CancellationPolicy, DEFAULT_EVENT_LENGTH_MS, Definition, EventTimes, Minor, Policy,
    ProductDefinition, RowDefinition, SaleState, SaleWindow, SectionDefinition, TimestampMs,
};
use crate::store::{EventDetails, NewEvent, Terms};
use crate::text::{self, InvalidField};

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
    pub policy: Policy,
    pub cancellation: CancellationDraft,
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
    /// Checks the draft and gives the event its id.
    ///
    /// # Errors
    /// Names the field that is not allowed.
    pub fn check(self, created_by: UserId) -> Result<NewEvent, InvalidField> {
        let currency = self.currency()?;
        let names = self.product_names()?;
        let sections = self.section_definitions(&names)?;
        let definition = Definition {
            currency,
            products: self.product_definitions(&sections)?,
            sections,
            policy: self.policy,
            sale: self.sale,
            sale_state: self.sale_state,
        };
        definition.validate().map_err(|error| InvalidField::new(error.field, error.reason))?;
        let details = EventDetails {
            name: text::line("name", &self.name, 200)?,
            description: text::paragraph("description", &self.description, 10_000)?,
            venue: text::paragraph("venue", &self.venue, 200)?,
            event_date: self.starts_at,
        };
        let mut products = Vec::with_capacity(names.len());
        for (index, (name, product)) in names.into_iter().zip(&self.products).enumerate() {
            let field = format!("products[{index}].description");
            products.push((name, text::paragraph(&field, &product.description, 2_000)?));
        }
        let terms = self.terms()?;
        Ok(NewEvent { id: OfferingId::new(), details, products, definition, terms, created_by })
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
        Ok(Terms { times, cancellation: self.cancellation.policy()? })
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
            sections.push(SectionDefinition { name, product, rows });
        }
        Ok(sections)
    }

    fn product_definitions(
        &self,
        sections: &[SectionDefinition],
    ) -> Result<Vec<ProductDefinition>, InvalidField> {
        let mut products = Vec::with_capacity(self.products.len());
        for (index, product) in self.products.iter().enumerate() {
            let of_product = |section: &&SectionDefinition| section.product.index() == index;
            let rows = sections.iter().filter(of_product).flat_map(|section| &section.rows);
            let seats: Vec<u64> = rows.map(|row| u64::from(row.seats)).collect();
            let field = || format!("products[{index}].totalStock");
            if product.total_stock == Some(0) {
                return Err(InvalidField::new(field(), "must be at least 1"));
            }
            let capacity = if seats.is_empty() {
                product.total_stock
            } else {
                let seats: u64 = seats.iter().sum();
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
