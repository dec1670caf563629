//! How the naive model changes.

use super::*;

impl Model {
    pub(super) fn apply(&mut self, change: &Change) {
        match change {
            Change::Created { .. } => unreachable!("made by new"),
            Change::HoldPlaced { hold, customer, lines, expires_at } => {
                self.claim(*hold, *customer, lines.clone(), *expires_at, false);
            }
            Change::OfferMade { entry, customer, line, expires_at } => {
                self.waiting.retain(|waiting| waiting.entry != *entry);
                self.claim(*entry, *customer, vec![line.clone()], *expires_at, true);
            }
            Change::HoldExtended { hold, expires_at, .. } => {
                let at = self.claims.iter().position(|claim| claim.hold == *hold).unwrap();
                let State::Hold { expires, .. } = &mut self.claims[at].state else { panic!() };
                *expires = *expires_at;
            }
            Change::OfferAccepted { entry, expires_at, .. } => {
                let placed = self.at;
                let at = self.claims.iter().position(|claim| claim.hold == *entry).unwrap();
                let expires = *expires_at;
                self.claims[at].state = State::Hold { placed, expires, offered: false };
            }
            Change::HoldReleased { hold } => self.end_hold(*hold, Ended::Otherwise),
            Change::HoldsExpired { holds } => {
                for hold in holds {
                    self.end_hold(*hold, Ended::Expired);
                }
            }
            Change::CheckedOut { hold, reservation, pay_by, .. } => {
                let at = self.claims.iter().position(|claim| claim.hold == *hold).unwrap();
                let (id, pay_by) = (*reservation, *pay_by);
                self.claims[at].state =
                    State::Pending { id, pay_by, window: pay_by, payment: None };
                self.ended.push((*hold, self.claims[at].customer, Ended::Otherwise, self.at));
            }
            Change::WaitlistJoined { entry, customer, product, party_size } => {
                let (entry, customer, product) = (*entry, *customer, *product);
                self.waiting.push(Waiting { entry, customer, product, party: *party_size });
            }
            Change::WaitlistLeft { entry } => {
                self.waiting.retain(|waiting| waiting.entry != *entry);
            }
            Change::PaymentBegun { .. }
            | Change::ReservationConfirmed { .. }
            | Change::PaymentFailed { .. }
            | Change::ReservationsExpired { .. }
            | Change::ReservationRevived { .. }
            | Change::ReservationsCancelled { .. }
            | Change::CheckedIn { .. } => self.apply_reservation(change),
            Change::SeatsBlocked { seats } => self.set_seats(seats, SeatStatus::Blocked),
            Change::SeatsUnblocked { seats } => self.set_seats(seats, SeatStatus::Available),
            Change::SeatsRemoved { seats } => self.set_seats(seats, SeatStatus::Removed),
            Change::PlacesBlocked { product, quantity } => {
                *self.blocked.entry(*product).or_default() += quantity;
            }
            Change::PlacesUnblocked { product, quantity } => {
                *self.blocked.entry(*product).or_default() -= quantity;
            }
            Change::Resized { product, total } => {
                self.definition.products[product.index()].capacity = Some(*total);
            }
            Change::RowAdded { section, name, seats, .. } => {
                let of = &mut self.definition.sections[section.index()];
                of.rows.push(RowDefinition { name: name.clone(), seats: *seats });
                let (section, row, product) = (section.index(), of.rows.len() - 1, of.product);
                let status = SeatStatus::Available;
                for _ in 0..*seats {
                    self.seats.push(Seat { product, section, row, status });
                }
            }
            Change::Repriced { product, price } => {
                self.definition.products[product.index()].price = *price;
            }
            Change::SaleWindowSet { product, window } => match product {
                Some(product) => self.definition.products[product.index()].sale = *window,
                None => self.definition.sale = *window,
            },
            Change::SaleStateSet { state } => self.state = *state,
            Change::Refused { .. } => {}
        }
    }

    pub(super) fn apply_reservation(&mut self, change: &Change) {
        let (now, place) = (self.at, self.place);
        let ids: Vec<ReservationId> = match change {
            Change::PaymentBegun { reservation, .. }
            | Change::ReservationConfirmed { reservation, .. }
            | Change::PaymentFailed { reservation, .. }
            | Change::ReservationRevived { reservation }
            | Change::CheckedIn { reservation, .. } => vec![*reservation],
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
                    let (payment, used) = (*payment, Vec::new());
                    (State::Confirmed { id, payment, place, used }, Some(SeatStatus::Sold))
                }
                (Change::ReservationsExpired { .. }, State::Pending { window, payment, .. }) => {
                    let payment = payment.map(|(payment, _)| payment);
                    let expired = State::Expired { id, at: now, window, payment };
                    (expired, Some(SeatStatus::Available))
                }
                (
                    Change::ReservationsCancelled { .. },
                    State::Pending { .. } | State::Confirmed { .. },
                ) => (State::Cancelled { id, at: now }, Some(SeatStatus::Available)),
                (
                    Change::CheckedIn { ticket, .. },
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

    pub(super) fn claim(
        &mut self,
        hold: HoldId,
        customer: UserId,
        lines: Vec<Line>,
        expires: i64,
        offered: bool,
    ) {
        for line in &lines {
            self.set_seats(&line.seats, SeatStatus::Held);
        }
        let state = State::Hold { placed: self.at, expires, offered };
        self.claims.push(Claim { hold, customer, lines, state });
    }

    pub(super) fn end_hold(&mut self, hold: HoldId, how: Ended) {
        let at = self.claims.iter().position(|claim| claim.hold == hold).unwrap();
        let claim = self.claims.remove(at);
        for line in &claim.lines {
            self.set_seats(&line.seats, SeatStatus::Available);
        }
        self.ended.push((hold, claim.customer, how, self.at));
    }
}
