//! Measurements of box offices that are taken when they are read, and not as things happen.

use std::time::Duration;

use crate::box_office::telemetry::counters::Counts;
use crate::box_office::telemetry::metrics;
use crate::box_office::views::view::View;
use crate::box_office::{BoxOffices, TOLERATED_MS};
use crate::ids::OfferingId;

/// A label and a count.
pub type Count = (&'static str, u64);

/// The figures of one live offering.
#[derive(Clone, Debug)]
pub struct OfferingFigures {
    /// The offering.
    pub offering: OfferingId,
    /// Its places by state, once it is in service.
    pub places: Vec<Count>,
    /// Commands that wait or are at work.
    pub pending: usize,
    /// Commands that had an effect since it became live here, by kind.
    pub committed: Vec<Count>,
    /// Commands that were refused since then, by reason.
    pub refused: Vec<Count>,
}

impl BoxOffices {
    /// Returns the offerings that have answered the most since they became live, at most `limit` of
    /// them.
    #[must_use]
    pub fn busiest(&self, limit: usize) -> Vec<OfferingFigures> {
        let mut sums: Vec<(u64, OfferingId)> = Vec::with_capacity(self.live());
        self.each_handle(|offering, handle| sums.push((handle.counters.lock().sum(), offering)));
        sums.sort_unstable_by(|one, other| other.cmp(one));
        sums.truncate(limit);
        sums.into_iter().filter_map(|(_, offering)| self.figures(offering)).collect()
    }

    /// Returns the figures of an offering; `None` if it is not live here.
    #[must_use]
    pub fn figures(&self, offering: OfferingId) -> Option<OfferingFigures> {
        let handle = self.handle(offering)?;
        let Counts { committed, refused } = handle.counters.lock().clone();
        Some(OfferingFigures {
            offering,
            places: handle.view.load().as_deref().map(places).unwrap_or_default(),
            pending: handle.permits.taken(),
            committed: committed.into(),
            refused: refused.into(),
        })
    }

    /// True if this machine's clock has stepped and the step is not believed yet.
    #[must_use]
    pub fn clock_stepped(&self) -> bool {
        self.clock_step().unsigned_abs() > TOLERATED_MS.unsigned_abs()
    }

    /// The size of that step in milliseconds.
    fn clock_step(&self) -> i64 {
        self.shared().guard.step_ms()
    }

    /// Sets the gauges of this process.
    pub(crate) fn publish_gauges(&self) {
        metrics::live(self.live());
        metrics::clock(self.clock_trusted(), self.clock_skew(), self.clock_step());
        let (followed, oldest_ms) = self.followed().count(self.monotonic_ms());
        metrics::followed(followed, Duration::from_millis(oldest_ms));
    }

    /// Sets the gauges of waiting commands. Called when the gauges are read, because they change
    /// within milliseconds.
    pub fn measure_pending(&self) {
        let (mut all, mut highest) = (0, 0);
        self.each_handle(|_, handle| {
            let pending = handle.permits.taken();
            all += pending;
            highest = highest.max(pending);
        });
        let settings = &self.shared().settings;
        let limit = settings.max_pending.saturating_sub(settings.reserved_pending);
        metrics::pending(all, highest, limit);
    }
}

fn places(view: &View) -> Vec<Count> {
    let sum = |count: fn(&crate::inventory::Counts) -> u32| -> u64 {
        view.products.iter().map(|product| u64::from(count(&product.counts))).sum()
    };
    vec![
        ("available", sum(|counts| counts.available)),
        ("held", sum(|counts| counts.held)),
        ("sold", sum(|counts| counts.sold)),
        ("blocked", sum(|counts| counts.blocked)),
    ]
}
