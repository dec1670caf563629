//! The pure core of one offering: the products and seats on sale, the claims on them, and the
//! deadlines of those claims.
//!
//! The core does no IO, reads no clock, draws no random numbers, awaits nothing and logs nothing.
//! Times and ids come in with commands, so that the same commands give the same state everywhere
//! and always.

mod apply;
mod apply_admin;
mod apply_class;
mod apply_queue;
mod best_available;
mod cancel_tickets;
mod cancelled;
mod change_class;
mod check;
mod chunks;
mod claim;
mod class;
mod command;
mod complimentary;
mod customers;
mod decide;
mod decide_admin;
mod decide_change;
mod decide_class;
mod decide_enrollment;
mod decide_event;
mod decide_hold;
mod decide_queue;
mod decide_reservation;
mod decide_waitlist;
mod defer_payment;
mod definition;
mod due;
mod enrollments;
mod forgetting;
mod holdings;
mod id_map;
mod kept;
mod keys;
mod participate;
mod places;
mod promote;
mod queue;
mod queue_views;
mod rejection;
mod run_queue;
mod run_tree;
mod seat_map;
mod snapshot;
mod status;
mod terms;
mod transition;
mod validate;
mod views;
mod waitlist;

#[cfg(test)]
mod tests;

pub use change_class::{MAX_CLASS_WINDOW_MS, MIN_CLASS_WINDOW_MS};
pub use class::{
    Approval, Attendance, CancelCause, CanceledEnrollment, ClassChange, ClassRules,
    EnrollmentStatus, EnrollmentView, Entered, MAX_CLASS_WAITLIST, MAX_MARKS, MAX_VERDICTS, Moved,
    Promotion, Ruling, Selection, Verdict,
};
pub use command::{Command, Idempotency, LineRequest, Request, Requester};
pub use decide_class::MAX_APPLICATIONS;
pub use definition::{
    Definition, Minor, Policy, ProductDefinition, RowDefinition, SaleState, SaleWindow,
    SectionDefinition, TimestampMs,
};
pub use holdings::{EntryCursor, HoldCursor, Holdings, LiveEntry, LiveHold, Waiting};
pub use queue::{
    Admission, CLOSING_MS, Draw, Lane, MAX_QUEUE_BATCH, MAX_QUEUE_ENTRIES, MAX_QUEUE_TEXT, Pass,
    QueueChange, QueueEnd, QueueEntry, QueueRules, QueueTotals, SessionEnd, chained, commitment_of,
    first_link, seed_of,
};
pub use queue_views::{QueueEntryView, QueuePhase, QueuePlace, QueueProgress};
pub use rejection::{Rejection, SaleEnd};
pub use status::{HoldStatus, Place, SeatStatus, Violation};
use status::{Refusal, ToCancel};
pub use terms::{
    Availability, CancellationPolicy, DEFAULT_EVENT_LENGTH_MS, EventTimes, NewProduct,
    OfferingChange, ProductChange,
};
pub use transition::{Change, Fit, Line, Transition};
pub use validate::{
    DefinitionError, MAX_NAME_CHARS, MAX_PLACES, MAX_PRICE, MAX_PRODUCTS, MAX_ROW, MAX_SEATS,
    MAX_SECTIONS, MAX_WAITLIST,
};

use claim::Claims;
use customers::Customers;
use enrollments::Class;
use keys::Keys;
use seat_map::SeatMap;
pub use waitlist::EntryEnding;
use waitlist::Waitlist;

use crate::ids::{HoldId, ProductId, ReservationId, SeatId, Seq, UserId};
use crate::planted::{Bug, is_planted};

/// The outcome of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Decision {
    /// The request had this effect, which is already applied.
    Decided(Transition),
    /// The request had its effect before, in the transition at this place.
    Replayed(Place),
    /// The request had no effect.
    Rejected(Rejection),
}

/// The places of one product by state. The invariant: `available + held + sold + blocked = total`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[expect(missing_docs, reason = "the names say it")]
pub struct Counts {
    pub total: u32,
    pub available: u32,
    /// Held, reserved and unpaid, or offered to the waitlist.
    pub held: u32,
    pub sold: u32,
    pub blocked: u32,
}

/// The state of one offering; the fold of its journal.
#[derive(Clone, Debug)]
pub struct Inventory {
    /// The place of the next transition.
    cursor: Place,
    /// The time of the open batch, at which every command in it is decided. Not part of the state.
    now: TimestampMs,
    /// The time of the last row.
    at: TimestampMs,
    /// True once the open batch is a row: time has passed in the state. Until then nothing has
    /// changed.
    is_row: bool,
    currency: [u8; 3],
    policy: Policy,
    sale: SaleWindow,
    sale_state: SaleState,
    /// `None` for offerings created before journals recorded the event's times.
    times: Option<EventTimes>,
    cancellation: CancellationPolicy,
    products: Vec<Product>,
    seats: SeatMap,
    claims: Claims,
    customers: Customers,
    waitlist: Waitlist,
    keys: Keys,
    /// Number of reservations that are pending or confirmed.
    live_reservations: u32,
    /// The next deadline of any claim; cached, so that reading it costs nothing.
    next_deadline: Option<TimestampMs>,
    /// `Some` in a class.
    class: Option<Box<Class>>,
    /// `Some` while a waiting room is on.
    queue: Option<Box<queue::Queue>>,
    /// How many queues there have been.
    queue_generation: u32,
    /// The claims still to end after the offering was cancelled; built when first needed.
    cancelling: Option<Vec<ToCancel>>,
}

/// The current state of one ticket type.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
struct Product {
    price: Minor,
    max_per_customer: Option<u32>,
    sale: SaleWindow,
    numbered: bool,
    counts: Counts,
    /// The time since which no new holds of the product are taken.
    withdrawn_at: Option<TimestampMs>,
}

impl Product {
    /// A product whose places are all free; numbered places are added with their seats.
    fn new(definition: &ProductDefinition) -> Self {
        let places = definition.capacity.unwrap_or(0);
        Self {
            price: definition.price,
            max_per_customer: definition.max_per_customer,
            sale: definition.sale,
            numbered: definition.capacity.is_none(),
            counts: Counts { total: places, available: places, ..Counts::default() },
            withdrawn_at: None,
        }
    }
}

impl Inventory {
    /// The state before the first transition ([`Change::Created`]).
    #[must_use]
    pub fn empty() -> Self {
        Self {
            cursor: Place { seq: Seq(0), index: 0 },
            now: TimestampMs::MIN,
            at: TimestampMs::MIN,
            is_row: true,
            currency: *b"XXX",
            policy: Policy::default(),
            sale: SaleWindow::default(),
            sale_state: SaleState::Scheduled,
            times: None,
            cancellation: CancellationPolicy::default(),
            products: Vec::new(),
            seats: SeatMap::default(),
            claims: Claims::default(),
            customers: Customers::default(),
            waitlist: Waitlist::default(),
            keys: Keys::default(),
            live_reservations: 0,
            next_deadline: None,
            class: None,
            queue: None,
            queue_generation: 0,
            cancelling: None,
        }
    }

    /// Opens the batch that may become journal row `seq`. Every command decided and every
    /// transition applied until the next call happens at `max(now, time of the last row)`, which is
    /// returned. The state does not change: a batch without a transition leaves no trace in it.
    pub fn begin_batch(&mut self, seq: Seq, now: TimestampMs) -> TimestampMs {
        self.cursor = Place { seq, index: 0 };
        self.now = self.at.max(now);
        self.is_row = false;
        if is_planted(Bug::RefusalMovesTime) {
            self.begin_row();
        }
        self.now
    }

    /// Makes the open batch a row: time passes in the state, and entries that are too old are
    /// forgotten. The first transition does this; the caller does it for rows without transitions
    /// (takeovers).
    pub fn begin_row(&mut self) {
        if self.is_row {
            return;
        }
        self.is_row = true;
        self.at = self.now;
        self.keys.prune(self.now, &mut self.customers);
        self.claims.prune(self.now);
    }

    /// Decides a request and applies the changes it decided.
    ///
    /// # Panics
    /// When an invariant breaks: the state must not be used any further.
    pub fn execute(&mut self, request: &Request) -> Decision {
        if let Some(idempotency) = &request.idempotency {
            match self.keys.find(idempotency, self.now, &self.customers) {
                Ok(Some(place)) => return Decision::Replayed(place),
                Ok(None) => {}
                Err(rejection) => return Decision::Rejected(rejection),
            }
        }
        let mut changes = match self.decide(&request.command) {
            Ok(changes) => changes,
            Err(Refusal::Rejected(rejection)) => return Decision::Rejected(rejection),
            Err(Refusal::HappenedAt(place)) => return Decision::Replayed(place),
        };
        self.follow_enrollments(Some(&request.command), &mut changes);
        // A decided command is journalled even if it changes nothing.
        self.begin_row();
        for change in &changes {
            self.apply_live(change);
        }
        if !is_planted(Bug::LateWaitlistOffer) {
            self.offer_freed_places(&mut changes);
        }
        self.follow_queue(&mut changes, queue::FEW_LOOKS);
        let transition = Transition { idempotency: request.idempotency, changes };
        self.finish(&transition);
        Decision::Decided(transition)
    }

    /// Makes the refusal of a request final by remembering it under the request's key. Returns
    /// `None` if the request has no key, or one that is used up already.
    pub fn settle(&mut self, request: &Request, rejection: &Rejection) -> Option<Transition> {
        let idempotency = request.idempotency?;
        if self.keys.remembers(idempotency.key, self.now) {
            return None;
        }
        self.begin_row();
        let refused = Change::Refused { rejection: Box::new(rejection.clone()) };
        let transition = Transition { idempotency: Some(idempotency), changes: vec![refused] };
        self.finish(&transition);
        Some(transition)
    }

    /// Runs one bounded round of due work (expiry, new offers, pages of a cancelled offering; where
    /// nothing of this is due, a page of the queue). Returns `None` when nothing is due.
    ///
    /// # Panics
    /// As for [`Self::execute`].
    pub fn run_due(&mut self) -> Option<Transition> {
        let mut changes = self.decide_due();
        self.follow_enrollments(None, &mut changes);
        for change in &changes {
            self.apply_live(change);
        }
        self.offer_freed_places(&mut changes);
        let looks = if changes.is_empty() { queue::LOOKS } else { queue::FEW_LOOKS };
        self.follow_queue(&mut changes, looks);
        if changes.is_empty() {
            return None;
        }
        let transition = Transition { idempotency: None, changes };
        self.finish(&transition);
        Some(transition)
    }

    /// Folds one transition of the current batch.
    ///
    /// # Errors
    /// When the transition does not fit the state: a damaged journal, or a bug. The state must not
    /// be used any further.
    pub fn apply(&mut self, transition: &Transition) -> Result<(), Violation> {
        self.begin_row();
        if transition.idempotency.is_some_and(|idempotency| self.keys.knows(idempotency.key)) {
            return Err(Violation("an idempotency key had an effect twice".into()));
        }
        for change in &transition.changes {
            self.apply_change(change)?;
        }
        self.finish(transition);
        Ok(())
    }

    /// Applies a change just decided, with the code that folds the journal. That the change fits is
    /// an invariant, checked in release builds too.
    fn apply_live(&mut self, change: &Change) {
        self.begin_row();
        if let Err(violation) = self.apply_change(change) {
            panic!("what was just decided does not fit the state: {violation}");
        }
    }

    fn finish(&mut self, transition: &Transition) {
        if let Some(idempotency) = transition.idempotency {
            let Place { seq, index } = self.cursor;
            let (at, seq) = (self.now, seq.0);
            let kept = keys::Remembered { idempotency, at, seq, index };
            self.keys.remember(kept, &mut self.customers);
        }
        self.cursor.index += 1;
        self.next_deadline = self.claims.next_deadline().map(|(deadline, _)| deadline);
    }
}

/// A block of seats in a seat map.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[expect(missing_docs, reason = "the names say it")]
pub struct SectionView {
    pub name: String,
    pub product: ProductId,
    pub rows: Vec<RowView>,
}

/// A row; its seats have the ids `first_seat`, `first_seat + 1`, … and the numbers 1, 2, …
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[expect(missing_docs, reason = "the names say it")]
pub struct RowView {
    pub name: String,
    pub first_seat: SeatId,
    pub seats: Vec<SeatStatus>,
}

/// The state of a hold.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[expect(missing_docs, reason = "the names say it")]
pub struct HoldView {
    pub customer: UserId,
    pub lines: Vec<Line>,
    pub status: HoldStatus,
    /// The hold's last deadline; in the past once the hold has ended.
    pub expires_at: TimestampMs,
}

/// The state of a reservation.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say it")]
pub struct ReservationView {
    pub customer: UserId,
    pub lines: Vec<Line>,
    pub status: ReservationStatus,
}

/// The status of a reservation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[expect(missing_docs, reason = "the names say it")]
pub enum ReservationStatus {
    PaymentPending {
        pay_by: TimestampMs,
        payment: Option<crate::ids::PaymentId>,
    },
    Confirmed {
        /// Serialized as in `claim::State`.
        #[serde(with = "claim::nil_is_none")]
        payment: Option<crate::ids::PaymentId>,
    },
    Expired,
    Cancelled,
}

/// The position of an entry in the waitlist.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[expect(missing_docs, reason = "the names say it")]
pub struct WaitlistView {
    pub customer: UserId,
    pub product: ProductId,
    pub party_size: u32,
    /// From 1, among the entries that wait for the same product.
    pub position: u32,
}

/// How an entry of the waitlist ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[expect(missing_docs, reason = "the names say it")]
pub struct EndedEntryView {
    pub customer: UserId,
    pub product: ProductId,
    pub party_size: u32,
    pub how: EntryEnding,
    pub at: TimestampMs,
}

/// A seat and the claim on it.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[expect(missing_docs, reason = "the names say it")]
pub struct SeatView {
    pub section: String,
    pub row: String,
    /// From 1.
    pub number: u32,
    pub product: ProductId,
    pub status: SeatStatus,
    pub claim: Option<SeatClaim>,
}

/// The claim that takes a seat.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[expect(missing_docs, reason = "the names say it")]
pub struct SeatClaim {
    pub customer: UserId,
    pub kind: SeatClaimKind,
}

/// The kind of claim on a seat: a hold, or a reservation, paid or not.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[expect(missing_docs, reason = "the names say it")]
pub enum SeatClaimKind {
    Hold { hold: HoldId, status: HoldStatus, expires_at: TimestampMs },
    Reservation { reservation: ReservationId, status: ReservationStatus },
}
