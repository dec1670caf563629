//! The commands that a box office has answered since it became live, for the series of its
//! offering. They are counted here and not by the metrics recorder, which would show an offering
//! for ever that has long gone to sleep, or moved to another instance.

use std::sync::{Mutex, MutexGuard, PoisonError};

/// Commands whose effects are counted for each offering: how a place is sold and comes back.
const STEPS: [&str; 8] = [
    "place_hold",
    "reserve",
    "participate",
    "check_out",
    "confirm_payment",
    "release_hold",
    "cancel_reservation",
    "join_waitlist",
];
/// Reasons of refusals, the most common first.
const REASONS: [&str; 9] = [
    "sold_out",
    "seats_taken",
    "limit_exceeded",
    "not_on_sale",
    "expired",
    "wrong_state",
    "not_found",
    "idempotency",
    "invalid",
];

/// The counts of one box office.
#[derive(Debug)]
pub(crate) struct OfferingCounters(Mutex<Counts>);

/// Counts of answered commands, by label.
#[derive(Clone, Debug)]
pub(crate) struct Counts {
    pub(crate) committed: [(&'static str, u64); STEPS.len()],
    pub(crate) refused: [(&'static str, u64); REASONS.len()],
}

impl OfferingCounters {
    pub(crate) fn new() -> Self {
        let (committed, refused) = (STEPS.map(|step| (step, 0)), REASONS.map(|reason| (reason, 0)));
        Self(Mutex::new(Counts { committed, refused }))
    }

    /// Locks the counts, so that a batch is counted under one lock; only a scrape contends for it.
    pub(crate) fn lock(&self) -> MutexGuard<'_, Counts> {
        // No code panics while the lock is held.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Counts {
    pub(crate) fn committed(&mut self, kind: &'static str) {
        count(&mut self.committed, kind);
    }

    pub(crate) fn refused(&mut self, reason: &'static str) {
        count(&mut self.refused, reason);
    }

    /// The sum of all counts.
    pub(crate) fn sum(&self) -> u64 {
        self.committed.iter().chain(&self.refused).map(|(_, count)| count).sum()
    }
}

/// Adds one to the count under `label`, if there is one.
fn count(counts: &mut [(&'static str, u64)], label: &'static str) {
    if let Some((_, count)) = counts.iter_mut().find(|(known, _)| *known == label) {
        *count += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_listed_is_counted_and_nothing_else() {
        let counters = OfferingCounters::new();
        let mut counts = counters.lock();
        counts.committed("place_hold");
        counts.committed("place_hold");
        counts.committed("reprice");
        counts.refused("sold_out");
        assert_eq!(counts.committed[0], ("place_hold", 2));
        assert_eq!(counts.refused[0], ("sold_out", 1));
        assert_eq!(counts.sum(), 3);
    }
}
