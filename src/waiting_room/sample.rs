//! A line for the tests of this folder.

use crate::inventory::{QueuePhase, QueueProgress, QueueRules, QueueTotals};

/// An open line of 10,000 for 5,000 places, of which the first `next` were served.
pub(super) fn line(next: u32) -> QueueProgress {
    QueueProgress {
        generation: 1,
        phase: QueuePhase::Open,
        opens_at: Some(0),
        rules: QueueRules::default(),
        commitment: [0; 32],
        chain: [0; 32],
        closed: Some((0, [0; 32])),
        seed: Some([0; 32]),
        entered: 10_000,
        next,
        ahead: 0,
        waiting: 10_000 - next,
        sessions: 0,
        idle: 0,
        totals: QueueTotals { admitted: next, ..QueueTotals::default() },
        on_sale: true,
        places_left: 5_000,
        places_held: 0,
        places: 5_000,
    }
}
