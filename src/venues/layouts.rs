//! The plans of events as they are used: kept in memory, since they never change. That an event has
//! no plan is kept too.

use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::Relaxed;

use dashmap::DashMap;

use crate::ids::{OfferingId, SeatId};
use crate::venues::plan::Plan;
use crate::venues::seats::{PlanSeats, ZoneProducts};

/// The most that is kept, in rows and own labels of plans; beyond, an eighth of the events is
/// forgotten.
const MOST_KEPT: usize = 1_000_000;

/// The seats of an event, for their labels; without a plan the label of a seat is its number.
#[derive(Clone, Debug, Default)]
pub struct EventSeats(Option<Arc<PlanSeats>>);

impl EventSeats {
    /// Returns the seats of an event with a plan.
    #[must_use]
    pub fn of(plan: Plan, products: ZoneProducts) -> Self {
        Self(Some(Arc::new(PlanSeats::new(plan, products))))
    }

    /// Returns the plan's seats; `None` for an event without a plan.
    #[must_use]
    pub fn plan(&self) -> Option<&PlanSeats> {
        self.0.as_deref()
    }

    /// Returns the label of a seat as it is printed on a ticket; `number` is its number in its row of
    /// the core.
    #[must_use]
    pub fn label(&self, seat: SeatId, number: u32) -> String {
        let planned = self.0.as_ref().and_then(|plan| plan.label(seat));
        planned.unwrap_or_else(|| number.to_string())
    }

    /// Returns the properties of a seat; none for an event without a plan.
    #[must_use]
    pub fn marks(&self, seat: SeatId) -> SeatMarks {
        let found = self.0.as_ref().and_then(|plan| Some((plan, plan.position(seat)?)));
        let Some((plan, (of, position))) = found else { return SeatMarks::default() };
        let (_, row) = plan.row(of);
        SeatMarks {
            accessible: row.accessible.contains(&position),
            companion: row.companion.contains(&position),
            restricted: row.restricted.contains(&position),
        }
    }

    /// Returns the properties that any seat of the event has.
    #[must_use]
    pub fn all_marks(&self) -> SeatMarks {
        let Some(plan) = self.plan() else { return SeatMarks::default() };
        let rows = || plan.plan().sections.iter().flat_map(|section| &section.rows);
        SeatMarks {
            accessible: rows().any(|row| !row.accessible.is_empty()),
            companion: rows().any(|row| !row.companion.is_empty()),
            restricted: rows().any(|row| !row.restricted.is_empty()),
        }
    }
}

/// The properties of a seat that its buyer has to know.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[expect(missing_docs, reason = "as in a plan")]
pub struct SeatMarks {
    pub accessible: bool,
    pub companion: bool,
    pub restricted: bool,
}

/// The seats of events, shared by all workers.
#[derive(Default)]
pub(crate) struct Layouts {
    kept: DashMap<OfferingId, EventSeats>,
    weight: AtomicUsize,
}

impl Layouts {
    pub(crate) fn get(&self, event: OfferingId) -> Option<EventSeats> {
        self.kept.get(&event).map(|kept| kept.value().clone())
    }

    pub(crate) fn keep(&self, event: OfferingId, seats: EventSeats) {
        let weight = weight(&seats);
        if self.weight.load(Relaxed) + weight > MOST_KEPT {
            let eighth = self.kept.len().div_ceil(8);
            let gone: Vec<_> = self.kept.iter().take(eighth).map(|kept| *kept.key()).collect();
            for (_, seats) in gone.iter().filter_map(|event| self.kept.remove(event)) {
                self.weight.fetch_sub(self::weight(&seats), Relaxed);
            }
        }
        self.weight.fetch_add(weight, Relaxed);
        if let Some(before) = self.kept.insert(event, seats) {
            self.weight.fetch_sub(self::weight(&before), Relaxed);
        }
    }
}

/// The size of an event's seats; an event without a plan counts too.
fn weight(seats: &EventSeats) -> usize {
    /// An entry of the map, in rows.
    const ENTRY: usize = 100;
    let Some(seats) = seats.plan() else { return ENTRY };
    let rows = seats.plan().sections.iter().flat_map(|section| &section.rows);
    let labels = rows.filter_map(|row| row.numbering.as_ref()?.labels.as_ref()).map(Vec::len);
    ENTRY + seats.rows().len() + labels.sum::<usize>()
}
