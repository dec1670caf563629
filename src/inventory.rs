//! The pure core of one offering: what is for sale, who claims what, until when.
//!
//! It talks to nobody: no IO, clock, randomness, async or logging. Times and ids come in with
//! commands, so that the same commands give the same state everywhere and always.

mod apply;
mod apply_admin;
mod best_available;
mod check;
mod chunks;
mod claim;
mod command;
mod customers;
mod decide;
mod decide_admin;
mod decide_event;
mod decide_hold;
mod decide_reservation;
mod definition;
mod due;
mod forgetting;
mod holdings;
mod id_map;
mod keys;
mod participate;
mod places;
mod rejection;
mod run_tree;
mod seat_map;
mod snapshot;
mod terms;
mod transition;
mod validate;
mod views;
mod waitlist;

#[cfg(test)]
mod tests;

pub use command::{Command, Idempotency, LineRequest, Request, Requester};
pub use definition::{
    Definition, Minor, Policy, ProductDefinition, RowDefinition, SaleState, SaleWindow,
    SectionDefinition, TimestampMs,
};
pub use holdings::{EntryCursor, HoldCursor, Holdings, LiveEntry, LiveHold, Waiting};
pub use rejection::{Rejection, SaleEnd};
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
use decide::Refusal;
use keys::Keys;
use seat_map::SeatMap;
pub use waitlist::EntryEnding;
use waitlist::Waitlist;

use crate::ids::{HoldId, ProductId, ReservationId, SeatId, Seq, UserId};
use crate::planted::{Bug, is_planted};

/// Where in a journal a transition stands: its row, and its place in the row's batch.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, serde::Serialize, serde::Deserialize,
)]
pub struct Place {
    /// The row.
    pub seq: Seq,
    /// The position in the row's batch.
    pub index: u32,
}

/// What became of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Decision {
    /// It had this effect, which is already applied.
    Decided(Transition),
    /// It had its effect before, there.
    Replayed(Place),
    /// It had none.
    Rejected(Rejection),
}

/// How the places of one product are spread. The invariant:
/// `available + held + sold + blocked = total`.
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

/// What a seat map shows of one seat.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub enum SeatStatus {
    /// Free.
    Available,
    /// Held, reserved and unpaid, or offered.
    Held,
    /// Paid for.
    Sold,
    /// Off sale.
    Blocked,
    /// No longer part of the map.
    Removed,
}

/// The state of one offering; the fold of its journal.
#[derive(Clone, Debug)]
pub struct Inventory {
    /// Where the next transition will stand.
    cursor: Place,
    /// The time of the open batch, at which everything is decided. Not part of the state.
    now: TimestampMs,
    /// The time of the last row.
    at: TimestampMs,
    /// The open batch is a row: time has passed in the state. Until then nothing has changed.
    is_row: bool,
    currency: [u8; 3],
    policy: Policy,
    sale: SaleWindow,
    sale_state: SaleState,
    /// Unknown for offerings that were made before their journals said it.
    times: Option<EventTimes>,
    cancellation: CancellationPolicy,
    products: Vec<Product>,
    seats: SeatMap,
    claims: Claims,
    customers: Customers,
    waitlist: Waitlist,
    keys: Keys,
    /// Reservations that are pending or confirmed.
    live_reservations: u32,
    /// The next deadline of any claim; kept, so that asking for it costs nothing.
    next_deadline: Option<TimestampMs>,
    /// What is left to end after the offering was cancelled; made when it is first needed.
    cancelling: Option<Vec<due::ToCancel>>,
}

/// One ticket type, as it stands.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
struct Product {
    price: Minor,
    max_per_customer: Option<u32>,
    sale: SaleWindow,
    numbered: bool,
    counts: Counts,
    /// Since when no new holds are taken of it.
    withdrawn_at: Option<TimestampMs>,
}

impl Product {
    /// All its places are free; those of numbered ones come with their seats.
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
    /// Before its first transition ([`Change::Created`]).
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
            cancelling: None,
        }
    }

    /// Opens the batch that may become journal row `seq`. All that is decided or applied until the
    /// next call happens at `max(now, time of the last row)`, which is returned. The state does not
    /// change: a batch without a transition leaves no trace in it.
    pub fn begin_batch(&mut self, seq: Seq, now: TimestampMs) -> TimestampMs {
        self.cursor = Place { seq, index: 0 };
        self.now = self.at.max(now);
        self.is_row = false;
        if is_planted(Bug::RefusalMovesTime) {
            self.begin_row();
        }
        self.now
    }

    /// Makes the open batch a row: time passes in the state, and what is too old is forgotten. The
    /// first transition does it; call it for rows that have none (takeovers).
    pub fn begin_row(&mut self) {
        if self.is_row {
            return;
        }
        self.is_row = true;
        self.at = self.now;
        self.keys.prune(self.now, &mut self.customers);
        self.claims.prune(self.now);
    }

    /// Decides a request and applies what it decided.
    ///
    /// # Panics
    /// When an invariant breaks: the state is of no further use then.
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
        // It is journalled even if it has nothing to change.
        self.begin_row();
        for change in &changes {
            self.apply_live(change);
        }
        if !is_planted(Bug::LateWaitlistOffer) {
            self.offer_freed_places(&mut changes);
        }
        let transition = Transition { idempotency: request.idempotency, changes };
        self.finish(&transition);
        Decision::Decided(transition)
    }

    /// Makes the refusal of a request final: remembers it under the request's key. `None` if it has
    /// no key, or one that is used up already.
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

    /// One bounded round of due work (expiry, lapsed offers, pages of a cancelled offering), or
    /// `None` when nothing is due. Called until `None` before a batch is decided.
    ///
    /// # Panics
    /// As for [`Self::execute`].
    pub fn run_due(&mut self) -> Option<Transition> {
        let mut changes = self.decide_due();
        for change in &changes {
            self.apply_live(change);
        }
        self.offer_freed_places(&mut changes);
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
    /// When it does not fit the state: a damaged journal, or a bug. The state is of no further
    /// use then.
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

    /// What was decided is applied by the very code that folds the journal; that it fits is an
    /// invariant, kept in release builds too.
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

/// A broken invariant, or a transition that does not fit.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Violation(pub String);

/// A block of seats as the seat map shows it.
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

/// How a hold stands.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[expect(missing_docs, reason = "the names say it")]
pub struct HoldView {
    pub customer: UserId,
    pub lines: Vec<Line>,
    pub status: HoldStatus,
    /// The last deadline; in the past when it has ended.
    pub expires_at: TimestampMs,
}

/// A hold ends exactly once. Ended holds are remembered for a while, without their lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[expect(missing_docs, reason = "the names say it")]
pub enum HoldStatus {
    Active,
    /// A waitlist offer not yet accepted.
    Offered,
    Converted {
        reservation: ReservationId,
    },
    Released,
    Expired,
}

/// How a reservation stands.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say it")]
pub struct ReservationView {
    pub customer: UserId,
    pub lines: Vec<Line>,
    pub status: ReservationStatus,
}

/// The life of a reservation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[expect(missing_docs, reason = "the names say it")]
pub enum ReservationStatus {
    PaymentPending {
        pay_by: TimestampMs,
        payment: Option<crate::ids::PaymentId>,
    },
    Confirmed {
        /// As in `claim::State`.
        #[serde(with = "claim::nil_is_none")]
        payment: Option<crate::ids::PaymentId>,
    },
    Expired,
    Cancelled,
}

/// How somebody stands in the waitlist.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[expect(missing_docs, reason = "the names say it")]
pub struct WaitlistView {
    pub customer: UserId,
    pub product: ProductId,
    pub party_size: u32,
    /// From 1, among those who wait for the same product.
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

/// A seat and who has it.
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

/// What takes a seat.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[expect(missing_docs, reason = "the names say it")]
pub struct SeatClaim {
    pub customer: UserId,
    pub kind: SeatClaimKind,
}

/// Whether a seat is held, or reserved and perhaps paid.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[expect(missing_docs, reason = "the names say it")]
pub enum SeatClaimKind {
    Hold { hold: HoldId, status: HoldStatus, expires_at: TimestampMs },
    Reservation { reservation: ReservationId, status: ReservationStatus },
}
