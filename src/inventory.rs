//! The pure core of one offering: what is for sale, who claims what, until when.
//!
//! It talks to nobody: no IO, clock, randomness, async or logging. Times and ids come in with
//! commands, so that the same commands give the same state everywhere and always.

mod command;
mod definition;
mod rejection;
mod transition;

pub use command::{Command, Idempotency, LineRequest, Request, Requester};
pub use definition::{
    Definition, Minor, Policy, ProductDefinition, RowDefinition, SaleState, SaleWindow,
    SectionDefinition, TimestampMs,
};
pub use rejection::Rejection;
pub use transition::{Change, Fit, Line, Transition};

use crate::ids::{HoldId, ProductId, ReservationId, SeatId, SectionId, Seq, UserId};

/// Where in a journal a transition stands: its row, and its place in the row's batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
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
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
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
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
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
pub struct Inventory {}

#[expect(
    unused_variables,
    clippy::unimplemented,
    missing_docs,
    reason = "replaced by the core branch"
)]
impl Inventory {
    /// Before its first transition ([`Change::Created`]).
    #[must_use]
    pub fn empty() -> Self {
        unimplemented!()
    }
    /// Opens the batch that will be journal row `seq`. All that is decided or applied until the
    /// next call happens at `max(now, last at)`, which is returned.
    pub fn begin_batch(&mut self, seq: Seq, now: TimestampMs) -> TimestampMs {
        unimplemented!()
    }
    /// Decides a request and applies what it decided.
    pub fn execute(&mut self, request: &Request) -> Decision {
        unimplemented!()
    }
    /// One bounded round of due work (expiry, lapsed offers, pages of a cancelled offering), or
    /// `None` when nothing is due. Called until `None` before a batch is decided.
    pub fn run_due(&mut self) -> Option<Transition> {
        unimplemented!()
    }
    /// The time of the last batch.
    pub fn at(&self) -> TimestampMs {
        unimplemented!()
    }
    /// When there will next be due work.
    pub fn next_due_at(&self) -> Option<TimestampMs> {
        unimplemented!()
    }
    /// Folds one transition of the current batch.
    ///
    /// # Errors
    /// When it does not fit the state: a damaged journal, or a bug.
    pub fn apply(&mut self, transition: &Transition) -> Result<(), Violation> {
        unimplemented!()
    }
    /// Canonical: equal states have equal snapshots.
    pub fn to_snapshot(&self) -> Vec<u8> {
        unimplemented!()
    }
    /// # Errors
    /// When the bytes are not a snapshot of this format.
    pub fn from_snapshot(bytes: &[u8]) -> Result<Self, Violation> {
        unimplemented!()
    }
    /// Every invariant, by looking at everything. For audits and tests; the hot path asserts
    /// what it touched.
    ///
    /// # Errors
    /// The first invariant found broken.
    pub fn check(&self) -> Result<(), Violation> {
        unimplemented!()
    }
    pub fn currency(&self) -> [u8; 3] {
        unimplemented!()
    }
    pub fn policy(&self) -> &Policy {
        unimplemented!()
    }
    pub fn sale_state(&self) -> SaleState {
        unimplemented!()
    }
    pub fn sale_window(&self) -> SaleWindow {
        unimplemented!()
    }
    pub fn products(&self) -> usize {
        unimplemented!()
    }
    pub fn counts(&self, product: ProductId) -> Counts {
        unimplemented!()
    }
    pub fn price(&self, product: ProductId) -> Minor {
        unimplemented!()
    }
    pub fn product_window(&self, product: ProductId) -> SaleWindow {
        unimplemented!()
    }
    pub fn is_numbered(&self, product: ProductId) -> bool {
        unimplemented!()
    }
    pub fn sections(&self) -> usize {
        unimplemented!()
    }
    /// Changes whenever any seat of the section changes its status.
    pub fn section_version(&self, section: SectionId) -> u64 {
        unimplemented!()
    }
    pub fn section(&self, section: SectionId) -> SectionView {
        unimplemented!()
    }
    /// Section name, row name and number (from 1) of a seat.
    pub fn seat_label(&self, seat: SeatId) -> Option<(&str, &str, u32)> {
        unimplemented!()
    }
    pub fn hold(&self, hold: HoldId) -> Option<HoldView> {
        unimplemented!()
    }
    pub fn reservation(&self, reservation: ReservationId) -> Option<ReservationView> {
        unimplemented!()
    }
    pub fn waitlist_entry(&self, entry: HoldId) -> Option<WaitlistView> {
        unimplemented!()
    }
}

/// A broken invariant, or a transition that does not fit.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Violation(pub String);

/// A block of seats as the seat map shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say it")]
pub struct SectionView {
    pub name: String,
    pub product: ProductId,
    pub rows: Vec<RowView>,
}

/// A row; its seats have the ids `first_seat`, `first_seat + 1`, … and the numbers 1, 2, …
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say it")]
pub struct RowView {
    pub name: String,
    pub first_seat: SeatId,
    pub seats: Vec<SeatStatus>,
}

/// How a hold stands.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say it")]
pub struct HoldView {
    pub customer: UserId,
    pub lines: Vec<Line>,
    pub status: HoldStatus,
    /// The last deadline; in the past when it has ended.
    pub expires_at: TimestampMs,
}

/// A hold ends exactly once. Ended holds are remembered for a while, without their lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
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
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say it")]
pub enum ReservationStatus {
    PaymentPending { pay_by: TimestampMs, payment: Option<crate::ids::PaymentId> },
    Confirmed { payment: crate::ids::PaymentId },
    Expired,
    Cancelled,
}

/// How somebody stands in the waitlist.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say it")]
pub struct WaitlistView {
    pub customer: UserId,
    pub product: ProductId,
    pub party_size: u32,
    /// From 1, among those who wait for the same product.
    pub position: u32,
}
