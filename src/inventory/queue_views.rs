//! Read-only views of a waiting room. Sent between instances: `box_office/encodings.rs` pins the
//! bytes, and a field is added only with a new variant of the message.

use serde::{Deserialize, Serialize};

use super::queue::{EntryState, Queue, QueueRules, QueueTotals, SessionEnd};
use super::{Inventory, TimestampMs, Violation};
use crate::ids::{QueueEntryId, UserId};

/// How far a queue is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum QueuePhase {
    /// Those who come take part in a draw.
    PreQueue,
    /// The list is closed, and the draw is not made yet.
    Drawing,
    /// First come, first served.
    Open,
}

/// The state of a queue as a whole. Public but for the rules' details; the same for all readers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct QueueProgress {
    /// Which of the event's queues; counts from 1.
    pub generation: u32,
    /// How far it is.
    pub phase: QueuePhase,
    /// The time of the draw, if known.
    pub opens_at: Option<TimestampMs>,
    /// The rules.
    pub rules: QueueRules,
    /// The hash of the draw's secret.
    pub commitment: [u8; 32],
    /// The hash of the ids of all entries so far.
    pub chain: [u8; 32],
    /// Entries on the list of the draw, and its hash, once it is closed.
    pub closed: Option<(u32, [u8; 32])>,
    /// The draw's seed.
    pub seed: Option<[u8; 32]>,
    /// The number of entries so far.
    pub entered: u32,
    /// The first place of the line that is not served yet.
    pub next: u32,
    /// Entries ahead of the line.
    pub ahead: u32,
    /// Entries that wait.
    pub waiting: u32,
    /// Open sessions.
    pub sessions: u32,
    /// Open sessions that hold nothing yet.
    pub idle: u32,
    /// What happened so far.
    pub totals: QueueTotals,
    /// True if places are on sale now.
    pub on_sale: bool,
    /// Places that a session could hold now.
    pub places_left: u32,
    /// Places held or reserved and not paid yet, which may become free.
    pub places_held: u32,
    /// Places in all, without those off sale.
    pub places: u32,
}

/// Where a customer is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum QueuePlace {
    /// Waits for the draw.
    BeforeDraw,
    /// Waits at this place of the line.
    InLine {
        /// Counts from 0 and never changes.
        place: u32,
    },
    /// Waits ahead of the line, behind this many others there.
    Ahead {
        /// How many are before it.
        before: u32,
    },
    /// Passed over for silence.
    Aside,
    /// Has an open session.
    Inside {
        /// When it was admitted.
        admitted_at: TimestampMs,
        /// When the session ends, unless something is held until then.
        ends_at: TimestampMs,
        /// True once something was held.
        is_used: bool,
    },
    /// The pass was not used in time.
    Lapsed,
    /// The session is over.
    Served,
    /// Left.
    Left,
    /// Voided by an organiser.
    Voided,
}

/// The newest entry of a customer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct QueueEntryView {
    /// Which of the event's queues.
    pub generation: u32,
    /// The id in the public record.
    pub id: QueueEntryId,
    /// The number, by the order of arrival.
    pub number: u32,
    /// Where the customer is.
    pub place: QueuePlace,
    /// How often the customer may enter again.
    pub turns_left: u8,
}

impl QueueEntryView {
    /// True if the entry has ended and entering would make a new one.
    #[must_use]
    pub fn may_enter_again(&self) -> bool {
        match self.place {
            QueuePlace::Lapsed | QueuePlace::Served | QueuePlace::Left => self.turns_left > 0,
            QueuePlace::BeforeDraw
            | QueuePlace::InLine { .. }
            | QueuePlace::Ahead { .. }
            | QueuePlace::Aside
            | QueuePlace::Inside { .. }
            | QueuePlace::Voided => false,
        }
    }
}

impl Inventory {
    /// The state of the queue; `None` while there is no waiting room.
    #[must_use]
    pub fn queue_progress(&self) -> Option<QueueProgress> {
        let queue = self.queue.as_deref()?;
        let line = &queue.line;
        let phase = match (line.closed, line.draw) {
            (_, Some(_)) => QueuePhase::Open,
            (Some(_), None) => QueuePhase::Drawing,
            (None, None) => QueuePhase::PreQueue,
        };
        let count = |of: fn(&super::Counts) -> u32| {
            self.products.iter().map(|product| of(&product.counts)).fold(0, u32::saturating_add)
        };
        Some(QueueProgress {
            generation: self.queue_generation,
            phase,
            opens_at: self.queue_opens_at(),
            rules: queue.rules.clone(),
            commitment: queue.commitment,
            chain: line.chain(),
            closed: line.closed.map(|closed| (closed.count, closed.root)),
            seed: line.draw.map(|draw| *draw.seed()),
            entered: line.len(),
            next: line.next,
            ahead: u32::try_from(line.ahead().len()).unwrap_or(u32::MAX),
            waiting: line.waiting(),
            sessions: u32::try_from(queue.sessions.open()).unwrap_or(u32::MAX),
            idle: queue.sessions.idle(),
            totals: queue.totals,
            on_sale: (0_u16..)
                .take(self.products.len())
                .any(|id| self.on_sale(crate::ids::ProductId(id)).is_ok()),
            places_left: self.places_for_queue(),
            places_held: count(|counts| counts.held),
            places: count(|counts| counts.total - counts.blocked),
        })
    }

    /// The newest entry of a customer.
    #[must_use]
    pub fn queue_entry(&self, customer: UserId) -> Option<QueueEntryView> {
        let queue = self.queue.as_deref()?;
        let (number, entry) = queue.line.newest_of(customer)?;
        let turns = queue.line.turns_of(customer);
        Some(QueueEntryView {
            generation: self.queue_generation,
            id: entry.id,
            number,
            place: self.queue_place(queue, customer, number),
            turns_left: queue.rules.turns.saturating_sub(turns),
        })
    }

    fn queue_place(&self, queue: &Queue, customer: UserId, number: u32) -> QueuePlace {
        let Some(entry) = queue.line.entry(number) else { return QueuePlace::Left };
        match entry.state {
            EntryState::Waiting => match queue.line.place_of(number) {
                Some(place) => QueuePlace::InLine { place },
                None => QueuePlace::BeforeDraw,
            },
            EntryState::Returned | EntryState::Priority => {
                let before = queue.line.ahead().iter().position(|one| *one == number);
                let before = before.and_then(|before| u32::try_from(before).ok());
                QueuePlace::Ahead { before: before.unwrap_or_default() }
            }
            EntryState::Aside => QueuePlace::Aside,
            EntryState::Inside => match queue.sessions.of(customer) {
                Some(session) if session.ends_at > self.now => QueuePlace::Inside {
                    admitted_at: session.admitted_at,
                    ends_at: session.ends_at,
                    is_used: session.used_at.is_some(),
                },
                Some(session) if session.end() == SessionEnd::Lapsed => QueuePlace::Lapsed,
                Some(_) | None => QueuePlace::Served,
            },
            EntryState::Lapsed => QueuePlace::Lapsed,
            EntryState::Served => QueuePlace::Served,
            EntryState::Left => QueuePlace::Left,
            EntryState::Voided => QueuePlace::Voided,
        }
    }

    /// The numbers of those next in line, at most `most`, and the customer of each.
    #[must_use]
    pub fn queue_front(&self, most: usize) -> Vec<(u32, UserId)> {
        /// Gaps looked at beyond those who wait.
        const GAPS: usize = 4_000;
        let Some(queue) = self.queue.as_deref().filter(|queue| queue.line.draw.is_some()) else {
            return Vec::new();
        };
        let line = &queue.line;
        let places = line.next
            ..line
                .len()
                .min(line.next.saturating_add(u32::try_from(most + GAPS).unwrap_or(u32::MAX)));
        let in_line = places.filter_map(|place| line.number_at(place));
        // Who is ahead has a place in the line as well, which counts as a gap.
        let waits_there = |number: &u32| {
            line.entry(*number).is_some_and(|entry| entry.state == EntryState::Waiting)
        };
        let all = line.ahead().iter().copied().chain(in_line.filter(waits_there));
        let named = all.filter_map(|number| Some((number, line.entry(number)?.customer)));
        named.take(most).collect()
    }

    /// Which of the event's queues is on, or was the last.
    #[must_use]
    pub fn queue_generation(&self) -> u32 {
        self.queue_generation
    }

    pub(super) fn check_queue(&self) -> Result<(), Violation> {
        let Some(queue) = self.queue.as_deref() else { return Ok(()) };
        queue.check()?;
        for (customer, session) in queue.sessions.iter() {
            if session.claims != self.open_claims_of(customer) {
                return Err(Violation(format!("the claims of {customer} are miscounted")));
            }
        }
        Ok(())
    }
}
