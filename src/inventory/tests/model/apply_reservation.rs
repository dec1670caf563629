//! The naive model's changes of reservations.

use super::*;

impl Model {
    pub(super) fn apply_reservation(&mut self, change: &Change) {
        let (now, place) = (self.at, self.place);
        let ids: Vec<ReservationId> = match change {
            Change::PaymentBegun { reservation, .. }
            | Change::ReservationConfirmed { reservation, .. }
            | Change::ReservationGranted { reservation, .. }
            | Change::PaymentFailed { reservation, .. }
            | Change::PaymentDeferred { reservation, .. }
            | Change::ReservationRevived { reservation }
            | Change::ReservationCancelledFor { reservation, .. }
            | Change::CheckedIn { reservation, .. }
            | Change::CheckedInAtGate { reservation, .. }
            | Change::CheckInUndone { reservation, .. } => vec![*reservation],
            Change::ReservationsExpired { reservations }
            | Change::ReservationsCancelled { reservations } => reservations.clone(),
            other => unreachable!("{other:?}"),
        };
        for id in ids {
            let at = self.find_reservation(id).unwrap();
            let state = self.claims[at].state.clone();
            let (next, seats) = match (change, state) {
                (Change::PaymentBegun { payment, pay_by, .. }, State::Pending { window, .. }) => {
                    let (pay_by, payment) = (*pay_by, Some((*payment, place)));
                    (State::Pending { id, pay_by, window, payment }, None)
                }
                (
                    Change::PaymentDeferred { pay_by, .. },
                    State::Pending { window, payment, .. },
                ) => (State::Pending { id, pay_by: *pay_by, window, payment }, None),
                (Change::PaymentFailed { .. }, State::Pending { window, .. }) => {
                    (State::Pending { id, pay_by: window, window, payment: None }, None)
                }
                (Change::PaymentFailed { .. }, State::Expired { at, window, .. }) => {
                    (State::Expired { id, at, window, payment: None }, None)
                }
                (Change::ReservationRevived { .. }, State::Expired { window, .. }) => {
                    let revived = State::Pending { id, pay_by: now, window, payment: None };
                    (revived, Some(SeatStatus::Held))
                }
                (Change::ReservationConfirmed { payment, .. }, State::Pending { .. }) => {
                    let (payment, used) = (Some(*payment), Vec::new());
                    (State::Confirmed { id, payment, place, used }, Some(SeatStatus::Sold))
                }
                (Change::ReservationGranted { .. }, State::Pending { .. }) => {
                    let used = Vec::new();
                    let granted = State::Confirmed { id, payment: None, place, used };
                    (granted, Some(SeatStatus::Sold))
                }
                (Change::ReservationsExpired { .. }, State::Pending { window, payment, .. }) => {
                    let payment = payment.map(|(payment, _)| payment);
                    let expired = State::Expired { id, at: now, window, payment };
                    (expired, Some(SeatStatus::Available))
                }
                (
                    Change::ReservationsCancelled { .. },
                    State::Pending { .. } | State::Confirmed { .. },
                )
                | (Change::ReservationCancelledFor { .. }, State::Confirmed { .. }) => {
                    (State::Cancelled { id, at: now }, Some(SeatStatus::Available))
                }
                (
                    Change::CheckInUndone { ticket, .. },
                    State::Confirmed { payment, place, mut used, .. },
                ) => {
                    used.retain(|used| used != ticket);
                    (State::Confirmed { id, payment, place, used }, None)
                }
                (
                    Change::CheckedIn { ticket, .. } | Change::CheckedInAtGate { ticket, .. },
                    State::Confirmed { payment, place, mut used, .. },
                ) => {
                    used.push(*ticket);
                    (State::Confirmed { id, payment, place, used }, None)
                }
                (change, state) => panic!("{change:?} of {state:?}"),
            };
            self.claims[at].state = next;
            if let Some(status) = seats {
                for line in self.claims[at].lines.clone() {
                    self.set_seats(&line.seats, status);
                }
            }
        }
    }
}
