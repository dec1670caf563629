//! Everything that happened to one order, from the event's journal: its hold or waitlist entry, the
//! order itself, its payments and its check-ins. Read backwards, and bounded.

use crate::ids::{HoldId, OfferingId, ReservationId, Seq, UserId};
use crate::inventory::{Change, TimestampMs};
use crate::journal::{LoadError, Record};
use crate::offerings::{OfferingError, Offerings};
use crate::store::StoreError;

/// Rows of the journal read at a time, from its end.
const PAGE: u64 = 500;
/// The most pages read.
const MOST_PAGES: usize = 40;

/// Something that happened to an order.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say it")]
pub struct Happening {
    pub seq: Seq,
    pub at: TimestampMs,
    /// A word such as `HELD` or `CONFIRMED`.
    pub what: &'static str,
    /// The position of the ticket from 1, for check-ins.
    pub ticket: Option<u8>,
    pub gate: Option<String>,
    /// The administrator who asked for it, if one did.
    pub by: Option<UserId>,
}

/// The history of an order, newest first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct History {
    /// What happened.
    pub happenings: Vec<Happening>,
    /// True if the journal was not read as far back as the order's beginning.
    pub is_cut: bool,
}

impl Offerings {
    /// Returns what happened to an order and to the hold that it was made from.
    ///
    /// # Errors
    /// The journal cannot be read.
    pub async fn history(
        &self,
        event: OfferingId,
        (reservation, hold): (ReservationId, HoldId),
    ) -> Result<History, OfferingError> {
        let mut history = History { happenings: Vec::new(), is_cut: true };
        let mut before = Seq(u64::MAX);
        for _ in 0..MOST_PAGES {
            let rows = self.store.journal_rows_before(event, before, PAGE).await;
            let rows = rows.map_err(|error| match error {
                LoadError::NotFound => OfferingError::NoSuchEvent,
                error => StoreError::Damaged(format!("the journal of {event}: {error}")).into(),
            })?;
            let Some((last, _)) = rows.last() else { return Ok(history) };
            before = last.seq;
            for (row, record) in &rows {
                let Record::Batch(transitions) = record else { continue };
                for transition in transitions.iter().rev() {
                    let by = transition.changes.iter().find_map(|change| match change {
                        Change::ActedBy { admin } => Some(*admin),
                        _ => None,
                    });
                    for change in transition.changes.iter().rev() {
                        let Some((what, ticket, gate)) = happened(change, reservation, hold) else {
                            continue;
                        };
                        let (seq, at) = (row.seq, row.at);
                        history.happenings.push(Happening { seq, at, what, ticket, gate, by });
                        if begins(change) {
                            history.is_cut = false;
                            return Ok(history);
                        }
                    }
                }
            }
        }
        Ok(history)
    }
}

/// True for the change with which every order begins. An offer of the waitlist has an entry before it,
/// which may be far back: it is not looked for.
fn begins(change: &Change) -> bool {
    matches!(change, Change::HoldPlaced { .. } | Change::OfferMade { .. })
}

type What = (&'static str, Option<u8>, Option<String>);

/// Returns what a change did to an order or to its hold; `None` if it concerns neither.
fn happened(change: &Change, order: ReservationId, from: HoldId) -> Option<What> {
    let what = |is_meant: bool, what: &'static str| is_meant.then_some((what, None, None));
    let number = |ticket: u8| Some(ticket.saturating_add(1));
    match change {
        Change::HoldPlaced { hold, .. } => what(*hold == from, "HELD"),
        Change::HoldExtended { hold, .. } => what(*hold == from, "EXTENDED"),
        Change::HoldChanged { hold, .. } => what(*hold == from, "CHANGED"),
        Change::HoldReleased { hold } => what(*hold == from, "RELEASED"),
        Change::HoldsExpired { holds } => what(holds.contains(&from), "HOLD_EXPIRED"),
        Change::OfferMade { entry, .. } => what(*entry == from, "OFFERED"),
        Change::OfferAccepted { entry, .. } => what(*entry == from, "OFFER_ACCEPTED"),
        Change::WaitlistJoined { entry, .. } => what(*entry == from, "JOINED_WAITLIST"),
        Change::CheckedOut { reservation, .. } => what(*reservation == order, "CHECKED_OUT"),
        Change::PaymentBegun { reservation, .. } => what(*reservation == order, "PAYMENT_BEGUN"),
        Change::PaymentFailed { reservation, .. } => what(*reservation == order, "PAYMENT_FAILED"),
        Change::ReservationConfirmed { reservation, .. } => {
            what(*reservation == order, "CONFIRMED")
        }
        Change::ReservationGranted { reservation, .. } => what(*reservation == order, "GRANTED"),
        Change::ReservationsExpired { reservations } => {
            what(reservations.contains(&order), "EXPIRED")
        }
        Change::ReservationRevived { reservation } => what(*reservation == order, "REVIVED"),
        Change::ReservationsCancelled { reservations } => {
            what(reservations.contains(&order), "CANCELLED")
        }
        Change::ReservationCancelledFor { reservation, .. } => {
            what(*reservation == order, "CANCELLED_FOR")
        }
        Change::TicketsCancelled { reservation, .. } => {
            what(*reservation == order, "TICKETS_CANCELLED")
        }
        Change::PaymentDeferred { reservation, .. } => {
            what(*reservation == order, "PAYMENT_DEFERRED")
        }
        Change::CheckedIn { reservation, ticket } => {
            (*reservation == order).then(|| ("CHECKED_IN", number(*ticket), None))
        }
        Change::CheckedInAtGate { reservation, ticket, gate } => {
            (*reservation == order).then(|| ("CHECKED_IN", number(*ticket), Some(gate.clone())))
        }
        Change::CheckInUndone { reservation, ticket } => {
            (*reservation == order).then(|| ("CHECK_IN_UNDONE", number(*ticket), None))
        }
        _ => None,
    }
}
