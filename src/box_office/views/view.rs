//! The published view of an offering: built by its owner once a batch is durable, shown to readers,
//! never changed. Readers do not reach the actor. Instances send views to each other
//! (`encodings.rs` pins the bytes): a field is added or removed only with a new protocol.

use std::sync::Arc;

use crate::ids::{OfferingId, ProductId, SeatId, SectionId, Seq};
use crate::inventory::{
    Counts, Inventory, Minor, RowView, SaleState, SaleWindow, SeatStatus, SectionView, TimestampMs,
};
use crate::journal::Hash;
use crate::journal::Head;

/// An immutable view of an offering after a durable batch.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct View {
    /// The offering.
    pub offering: OfferingId,
    /// The last durable row that the view includes.
    pub seq: Seq,
    /// That row's hash; with `seq` it makes the ETag.
    pub hash: Hash,
    /// The time at which the view was built.
    pub as_of: TimestampMs,
    /// ISO 4217 code.
    pub currency: [u8; 3],
    /// The administrator's switch.
    pub sale_state: SaleState,
    /// The window of the whole sale.
    pub sale: SaleWindow,
    /// By `ProductId`.
    pub products: Vec<ProductView>,
    /// By `SectionId`; sections that did not change are shared with the view before.
    pub sections: Vec<Arc<SectionView>>,
}

impl View {
    /// True if the view shows this seat.
    #[must_use]
    pub fn has_seat(&self, seat: SeatId) -> bool {
        self.label(seat).is_some()
    }

    /// True if both show the same, whichever rows they include.
    pub(crate) fn shows_the_same(&self, other: &Self) -> bool {
        self.currency == other.currency
            && self.sale_state == other.sale_state
            && self.sale == other.sale
            && self.products == other.products
            && self.sections == other.sections
    }

    /// Returns the section name, row name and number (from 1) of a seat.
    #[must_use]
    pub fn label(&self, seat: SeatId) -> Option<(&str, &str, u32)> {
        let (section, row) = self.row_of(seat)?;
        Some((&section.name, &row.name, seat.0 - row.first_seat.0 + 1))
    }

    /// Returns the state of a seat.
    #[must_use]
    pub fn status(&self, seat: SeatId) -> Option<SeatStatus> {
        let (_, row) = self.row_of(seat)?;
        row.seats.get((seat.0 - row.first_seat.0) as usize).copied()
    }

    fn row_of(&self, seat: SeatId) -> Option<(&SectionView, &RowView)> {
        self.sections.iter().find_map(|section| {
            let row = section.rows.iter().find(|row| {
                let end = row.first_seat.0 as usize + row.seats.len();
                row.first_seat <= seat && seat.index() < end
            })?;
            Some((&**section, row))
        })
    }
}

/// A product in a [`View`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct ProductView {
    /// The number of places in each state.
    pub counts: Counts,
    /// The price of one place, for new holds.
    pub price: Minor,
    /// The window in which it is on sale.
    pub sale: SaleWindow,
    /// True if it is sold by numbered seat.
    pub numbered: bool,
}

/// Builds views that share the parts that did not change.
#[derive(Default)]
pub(crate) struct ViewBuilder {
    sections: Vec<(u64, Arc<SectionView>)>,
}

impl ViewBuilder {
    /// Builds the view of `inventory`, which is the fold up to `head`.
    pub(crate) fn paint(
        &mut self,
        offering: OfferingId,
        inventory: &Inventory,
        head: &Head,
        as_of: TimestampMs,
    ) -> View {
        for section in ids(inventory.sections()).map(SectionId) {
            let version = inventory.section_version(section);
            match self.sections.get_mut(section.index()) {
                Some((painted, _)) if *painted == version => {}
                Some(stale) => *stale = (version, Arc::new(inventory.section(section))),
                None => self.sections.push((version, Arc::new(inventory.section(section)))),
            }
        }
        let product = |product| ProductView {
            counts: inventory.counts(product),
            price: inventory.price(product),
            sale: inventory.effective_window(product),
            numbered: inventory.is_numbered(product),
        };
        View {
            offering,
            seq: head.seq,
            hash: head.hash,
            as_of,
            currency: inventory.currency(),
            sale_state: inventory.sale_state(),
            sale: inventory.sale_window(),
            products: ids(inventory.products()).map(ProductId).map(product).collect(),
            sections: self.sections.iter().map(|(_, section)| Arc::clone(section)).collect(),
        }
    }
}

fn ids(count: usize) -> impl Iterator<Item = u16> {
    let end = u16::try_from(count).expect("a definition has at most 65,535 products and sections");
    0..end
}
