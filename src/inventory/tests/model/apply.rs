//! The naive model's changes.

use super::*;

impl Model {
    pub(super) fn apply_one(&mut self, change: &Change) {
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
            Change::HoldChanged { hold, lines, .. } => {
                let at = self.claims.iter().position(|claim| claim.hold == *hold).unwrap();
                let old = std::mem::replace(&mut self.claims[at].lines, lines.clone());
                for line in &old {
                    self.set_seats(&line.seats, SeatStatus::Available);
                }
                for line in lines {
                    self.set_seats(&line.seats, SeatStatus::Held);
                }
            }
            Change::OfferAccepted { entry, expires_at, .. } => {
                let placed = self.at;
                self.ended_entries.push((*entry, EntryEnding::Accepted, placed));
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
                let cancelled = self.state == SaleState::Cancelled;
                let how = if cancelled { EntryEnding::EventCancelled } else { EntryEnding::Left };
                self.stop_waiting(*entry, how);
            }
            Change::WaitlistPassedOver { entry } => {
                self.stop_waiting(*entry, EntryEnding::PassedOver);
            }
            Change::PaymentBegun { .. }
            | Change::ReservationConfirmed { .. }
            | Change::ReservationGranted { .. }
            | Change::PaymentFailed { .. }
            | Change::ReservationsExpired { .. }
            | Change::ReservationRevived { .. }
            | Change::ReservationsCancelled { .. }
            | Change::ReservationCancelledFor { .. }
            | Change::PaymentDeferred { .. }
            | Change::CheckedIn { .. }
            | Change::CheckedInAtGate { .. }
            | Change::CheckInUndone { .. } => self.apply_reservation(change),
            Change::TicketsCancelled { reservation, tickets, refund } => {
                self.tickets_cancelled(*reservation, tickets, *refund);
            }
            Change::SeatsBlocked { seats } => self.set_seats(seats, SeatStatus::Blocked),
            Change::SeatsUnblocked { seats } => self.set_seats(seats, SeatStatus::Available),
            Change::SeatsRemoved { seats } => {
                self.set_seats(seats, SeatStatus::Removed);
                self.kept.retain(|seat, _| !seats.contains(seat));
            }
            Change::SeatsKept { seats, until } => {
                self.kept.extend(seats.iter().map(|seat| (*seat, *until)));
            }
            Change::KeptSeatsReleased { seats } => {
                self.kept.retain(|seat, _| !seats.contains(seat));
            }
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
            Change::SaleStateSet { state } => {
                self.state = *state;
                if *state == SaleState::Cancelled {
                    self.queue = None;
                }
            }
            Change::ProductAdded { definition, .. } => {
                self.definition.products.push(definition.clone());
            }
            Change::ProductWithdrawn { product } => {
                self.withdrawn.insert(*product, self.at);
            }
            Change::ProductRestored { product } => {
                self.withdrawn.remove(product).unwrap();
            }
            Change::EventTimesSet { starts_at, ends_at } => {
                self.times = Some((*starts_at, *ends_at));
            }
            Change::CancellationPolicySet { policy } => self.cancellation = *policy,
            Change::ClassRulesSet { .. }
            | Change::Enrolled { .. }
            | Change::AnswersReplaced { .. }
            | Change::EnrollmentApproved { .. }
            | Change::EnrollmentWaitlisted { .. }
            | Change::PlaceOffered { .. }
            | Change::EnrollmentRejected { .. }
            | Change::EnrollmentsCanceled { .. }
            | Change::EnrollmentRevived { .. }
            | Change::WaitlistMoved { .. }
            | Change::AttendanceRecorded { .. } => self.apply_class(change),
            Change::QueueSet { .. }
            | Change::QueueEntered { .. }
            | Change::QueueReturned { .. }
            | Change::QueueClosed { .. }
            | Change::QueueDrawn { .. }
            | Change::QueueAdmitted { .. }
            | Change::QueueLeft { .. }
            | Change::QueueSetAside { .. }
            | Change::QueueVoided { .. }
            | Change::QueuePrioritised { .. }
            | Change::PassUsed { .. }
            | Change::SessionsEnded { .. }
            | Change::QueueEnded { .. } => self.apply_queue(change),
            Change::Refused { .. }
            | Change::VerdictRefused { .. }
            | Change::ActedBy { .. }
            | Change::ProductDescribed { .. } => {}
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
        let (bought, gone, refunded) = (Vec::new(), Vec::new(), 0);
        self.claims.push(Claim { hold, customer, lines, state, bought, gone, refunded });
    }

    pub(super) fn end_hold(&mut self, hold: HoldId, how: Ended) {
        let at = self.claims.iter().position(|claim| claim.hold == hold).unwrap();
        let claim = self.claims.remove(at);
        // A class remembers its offers by its enrollments.
        if let (State::Hold { offered: true, .. }, None) = (&claim.state, &self.class) {
            let how = match how {
                _ if self.state == SaleState::Cancelled => EntryEnding::EventCancelled,
                Ended::Expired => EntryEnding::Expired,
                Ended::Otherwise => EntryEnding::Declined,
            };
            self.ended_entries.push((hold, how, self.at));
        }
        for line in &claim.lines {
            self.set_seats(&line.seats, SeatStatus::Available);
        }
        self.ended.push((hold, claim.customer, how, self.at));
    }

    fn stop_waiting(&mut self, entry: HoldId, how: EntryEnding) {
        self.waiting.retain(|waiting| waiting.entry != entry);
        self.ended_entries.push((entry, how, self.at));
    }
}
