//! Summaries of events for lists: the status of the sale and the places that are left, without the
//! seats. An event that sleeps is folded once and not for every list: its summary is unchanged as
//! long as no row is added to its journal.

use std::collections::HashMap;
use std::sync::Arc;

use dashmap::DashMap;
use futures_util::{StreamExt, stream};

use crate::box_office::{ProductView, View};
use crate::ids::{OfferingId, Seq};
use crate::inventory::{SaleState, SaleWindow, TimestampMs};
use crate::offerings::sale_status::SaleStatus;
use crate::offerings::{OfferingError, Offerings};

/// The most summaries that are kept. Beyond that, an eighth of them is dropped.
const MOST_KEPT: usize = 4_096;
/// Events of one list that are read at the same time: each waits if its owner has just died.
const AT_A_TIME: usize = 32;

/// A view without its seats.
#[derive(Clone, Debug)]
pub struct EventSummary {
    seq: Seq,
    state: SaleState,
    /// The window of the whole sale.
    pub sale: SaleWindow,
    /// By `ProductId`.
    pub products: Vec<ProductView>,
}

/// The summaries of events that were listed, shared by all workers.
#[derive(Default)]
pub struct EventSummaries {
    kept: DashMap<OfferingId, Arc<EventSummary>>,
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

impl Offerings {
    /// Returns the summaries of several events. An event that cannot be read at the moment is left
    /// out: it must not keep the others from being listed.
    ///
    /// # Errors
    /// If the store cannot be reached.
    pub async fn summaries(
        &self,
        events: &[OfferingId],
    ) -> Result<HashMap<OfferingId, Arc<EventSummary>>, OfferingError> {
        let heads = self.store.event_rows_until(events).await?;
        let reads = heads.into_iter().map(|(event, last)| async move {
            let summary = self.summary(event, last).await?;
            Some((event, summary))
        });
        let found = stream::iter(reads).buffer_unordered(AT_A_TIME);
        Ok(found.filter_map(std::future::ready).collect().await)
    }

    /// Returns the summary of an event whose last row is `last` or a later one.
    async fn summary(&self, event: OfferingId, last: Seq) -> Option<Arc<EventSummary>> {
        let all = &self.summaries.kept;
        let kept = all.get(&event).map(|kept| Arc::clone(kept.value()));
        if let Some(kept) = kept.filter(|kept| kept.seq >= last) {
            return Some(kept);
        }
        let view = match self.offices.view(event).await {
            Ok(view) => view,
            Err(error) => {
                tracing::debug!(%event, %error, "an event is listed without what is left of it");
                return None;
            }
        };
        let summary = Arc::new(EventSummary::of(&view));
        if all.len() >= MOST_KEPT {
            // Any eighth of the summaries: the others need not be read again.
            let gone: Vec<_> = all.iter().take(MOST_KEPT / 8).map(|kept| *kept.key()).collect();
            for event in gone {
                all.remove(&event);
            }
        }
        all.insert(event, Arc::clone(&summary));
        Some(summary)
    }
}
