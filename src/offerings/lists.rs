//! Summaries of the events of a list. The summary of a sleeping event is kept until a row is added to
//! its journal, so that lists do not fold it again.

use std::collections::HashMap;
use std::sync::Arc;

use futures_util::{StreamExt, stream};

use crate::ids::{OfferingId, Seq};
use crate::offerings::summaries::{AT_A_TIME, MOST_KEPT};
use crate::offerings::{EventSummary, OfferingError, Offerings};

impl Offerings {
    /// Summaries of several events. An event that cannot be read at the moment is left out: it must
    /// not keep the others from being listed.
    ///
    /// # Errors
    /// The store cannot be reached.
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

    /// The summary of an event whose last row is `last` or a later one.
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
            // Any eighth of them: the others need not be read again.
            let gone: Vec<_> = all.iter().take(MOST_KEPT / 8).map(|kept| *kept.key()).collect();
            for event in gone {
                all.remove(&event);
            }
        }
        all.insert(event, Arc::clone(&summary));
        Some(summary)
    }
}
