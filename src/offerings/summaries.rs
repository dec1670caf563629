//! What is kept of events: their policies, which never change, and summaries for lists, which are the
//! status of the sale and the places that are left, without the seats. An event that sleeps is folded
//! once and not for every list: its summary is unchanged as long as no row is added to its journal.

use std::sync::Arc;

use crate::box_office::{ProductView, View};
use crate::ids::{OfferingId, Seq};
use crate::inventory::{Policy, SaleState, SaleWindow, TimestampMs};
use crate::offerings::sale_status::SaleStatus;
use dashmap::DashMap;

/// The most events that are kept. Beyond, all are forgotten.
pub(crate) const MOST_KEPT: usize = 4_096;
/// Events of one list that are read at a time: of an owner that has just died, each is waited for.
pub(crate) const AT_A_TIME: usize = 32;

/// A view without its seats.
#[derive(Clone, Debug)]
pub struct EventSummary {
    pub(crate) seq: Seq,
    state: SaleState,
    /// The window of the whole sale.
    pub sale: SaleWindow,
    /// By `ProductId`.
    pub products: Vec<ProductView>,
}

/// The summaries of events that were listed, shared by all workers.
#[derive(Default)]
pub struct EventSummaries {
    pub(crate) kept: DashMap<OfferingId, Arc<EventSummary>>,
}

/// The deadlines and limits of events, shared by all workers.
#[derive(Default)]
pub(crate) struct EventPolicies {
    pub(crate) kept: DashMap<OfferingId, Policy>,
}

impl EventSummary {
    /// Returns the summary of a view.
    #[must_use]
    pub fn of(view: &View) -> Self {
        Self {
            seq: view.seq,
            state: view.sale_state,
            sale: view.sale,
            products: view.products.clone(),
        }
    }

    /// Returns the status of the sale at `now`.
    #[must_use]
    pub fn status(&self, now: TimestampMs) -> SaleStatus {
        let products = self.products.iter();
        let products = products.map(|product| (product.sale, product.counts.available > 0));
        SaleStatus::by(self.state, self.sale, products, now)
    }
}
