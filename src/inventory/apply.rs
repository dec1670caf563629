//! Folds one change into the state: the only code that changes it, live and in replay. Every change
//! is checked, since a journal may be damaged.

use super::cancelled::{CancelledTickets, bit};
use super::claim::{Claim, EndedHold, Ending, Hold, Kind, Lines, Reservation, State};
use super::waitlist::{EndedEntry, Entry, EntryEnding};
use super::{
    Change, Counts, Definition, HoldId, Inventory, Line, Policy, Product, ReservationId, SaleState,
    SeatMap, TimestampMs, UserId, Violation,
};
use crate::ids::{PaymentId, ProductId};

pub(super) type Applied = Result<(), Violation>;

pub(super) fn violation<T>(what: impl Into<String>) -> Result<T, Violation> {
    Err(Violation(what.into()))
}

/// Moves `places` from one count to another, as named by the caller.
pub(super) fn shift(from: &mut u32, to: &mut u32, places: u32) -> Applied {
    match (from.checked_sub(places), to.checked_add(places)) {
        (Some(less), Some(more)) => {
            (*from, *to) = (less, more);
            Ok(())
        }
        _ => violation("a count of places would become negative or overflow"),
    }
}

impl Inventory {
    pub(super) fn apply_change(&mut self, change: &Change) -> Applied {
        match change {
            Change::Created { definition } => self.create(definition),
            Change::HoldPlaced { hold, customer, lines, expires_at } => {
                self.place(*hold, *customer, lines.as_slice().into(), *expires_at, false)
            }
            Change::HoldExtended { hold, expires_at, .. } => {
                self.update_hold(*hold, *expires_at, |_| Ok(()))
            }
            Change::HoldChanged { hold, lines, expires_at } => {
                self.change_hold(*hold, lines, *expires_at)
            }
            Change::HoldReleased { hold } => self.end_hold(*hold, Ending::Released),
            Change::HoldsExpired { holds } => {
                holds.iter().try_for_each(|hold| self.end_hold(*hold, Ending::Expired))
            }
            Change::CheckedOut { hold, reservation, pay_by, .. } => {
                self.check_out(*hold, *reservation, *pay_by)
            }
            Change::PaymentBegun { reservation, payment, pay_by } => {
                self.begin_payment(*reservation, *payment, *pay_by)
            }
            Change::ReservationConfirmed { reservation, payment, .. } => {
                self.confirm(*reservation, Some(*payment))
            }
            Change::ReservationGranted { reservation, .. } => self.grant(*reservation),
            Change::PaymentFailed { reservation, payment, pay_by } => {
                self.fail_payment(*reservation, *payment, *pay_by)
            }
            Change::PaymentDeferred { reservation, payment, pay_by } => {
                self.defer_payment(*reservation, *payment, *pay_by)
            }
            Change::ReservationsExpired { reservations } => {
                reservations.iter().try_for_each(|id| self.expire_reservation(*id))
            }
            Change::ReservationRevived { reservation } => self.revive(*reservation),
            Change::ReservationsCancelled { reservations } => {
                let cancelled = State::Cancelled { at: self.now };
                reservations.iter().try_for_each(|id| self.end_reservation(*id, cancelled))
            }
            Change::ReservationCancelledFor { reservation, .. } => {
                self.end_reservation(*reservation, State::Cancelled { at: self.now })
            }
            Change::TicketsCancelled { reservation, tickets, refund } => {
                self.cancel_tickets(*reservation, tickets, *refund)
            }
            Change::CheckedIn { reservation, ticket }
            | Change::CheckedInAtGate { reservation, ticket, .. } => {
                self.turn_check_in(*reservation, *ticket, true)
            }
            Change::CheckInUndone { reservation, ticket } => {
                self.turn_check_in(*reservation, *ticket, false)
            }
            Change::WaitlistJoined { entry, customer, product, party_size } => {
                self.join(*entry, *customer, *product, *party_size)
            }
            Change::WaitlistLeft { entry } => {
                let cancelled = self.sale_state == SaleState::Cancelled;
                let how = if cancelled { EntryEnding::EventCancelled } else { EntryEnding::Left };
                self.end_entry(*entry, how)
            }
            Change::WaitlistPassedOver { entry } => self.end_entry(*entry, EntryEnding::PassedOver),
            Change::OfferMade { entry, customer, line, expires_at } => {
                self.leave(*entry)?;
                self.place(*entry, *customer, Lines::One(line.clone()), *expires_at, true)
            }
            Change::OfferAccepted { entry, expires_at, .. } => self.accept(*entry, *expires_at),
            Change::SeatsBlocked { .. }
            | Change::SeatsUnblocked { .. }
            | Change::PlacesBlocked { .. }
            | Change::PlacesUnblocked { .. }
            | Change::Resized { .. }
            | Change::RowAdded { .. }
            | Change::SeatsRemoved { .. }
            | Change::SeatsKept { .. }
            | Change::KeptSeatsReleased { .. }
            | Change::Repriced { .. }
            | Change::SaleWindowSet { .. }
            | Change::SaleStateSet { .. }
            | Change::ProductAdded { .. }
            | Change::ProductWithdrawn { .. }
            | Change::ProductRestored { .. }
            | Change::EventTimesSet { .. }
            | Change::CancellationPolicySet { .. } => self.apply_admin(change),
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
            // A product's name and description are not part of the state.
            Change::Refused { .. }
            | Change::VerdictRefused { .. }
            | Change::ActedBy { .. }
            | Change::ProductDescribed { .. } => Ok(()),
        }
    }

    fn create(&mut self, definition: &Definition) -> Applied {
        if !self.products.is_empty() {
            return violation("the offering exists already");
        }
        if let Err(error) = definition.validate() {
            return violation(format!("the definition is not valid: {error}"));
        }
        self.currency = definition.currency;
        self.policy = definition.policy;
        self.sale = definition.sale;
        self.sale_state = definition.sale_state;
        self.seats = SeatMap::new(definition);
        self.products = definition.products.iter().map(Product::new).collect();
        for section in self.seats.sections() {
            let counts = &mut self.products[section.product.index()].counts;
            counts.total += section.free;
            counts.available += section.free;
        }
        Ok(())
    }

    pub(super) fn product_mut(&mut self, id: ProductId) -> Result<&mut Product, Violation> {
        self.products.get_mut(id.index()).ok_or_else(|| Violation(format!("{id:?} is unknown")))
    }

    pub(super) fn place(
        &mut self,
        id: HoldId,
        customer: UserId,
        lines: Lines,
        expires_at: TimestampMs,
        offered: bool,
    ) -> Applied {
        if self.knows_hold(id) || self.waitlist.get(id).is_some() {
            return violation(format!("{id} is in use"));
        }
        let hold = Hold { id, placed_at: self.now, expires_at, offered };
        let claim = Claim::new(customer, lines, Kind::Hold(hold));
        let Some(slot) = self.claims.insert(claim) else {
            return violation(format!("{id} is in use"));
        };
        self.claims.push_deadline(expires_at, slot);
        self.session_claims_more(customer, !offered);
        self.take_places(slot)
    }

    fn hold_slot(&self, id: HoldId) -> Result<u32, Violation> {
        self.claims.hold_slot(id).ok_or_else(|| Violation(format!("no hold {id}")))
    }

    fn update_hold(
        &mut self,
        id: HoldId,
        expires_at: TimestampMs,
        update: impl FnOnce(&mut Hold) -> Applied,
    ) -> Applied {
        let slot = self.hold_slot(id)?;
        let claim = self.claims.slab.get_mut(slot);
        let Some(hold) = claim.and_then(|claim| claim.kind.as_hold_mut()) else {
            return violation(format!("{id} is no hold"));
        };
        hold.expires_at = expires_at;
        update(hold)?;
        self.claims.push_deadline(expires_at, slot);
        Ok(())
    }

    fn change_hold(&mut self, id: HoldId, lines: &[Line], expires_at: TimestampMs) -> Applied {
        let slot = self.hold_slot(id)?;
        let claim = self.claims.slab.get(slot);
        let is_as_stated = claim.is_some_and(|claim| match &claim.kind {
            Kind::Hold(hold) => !hold.offered && hold.expires_at == expires_at,
            Kind::Reservation(_) => false,
        });
        if !is_as_stated || lines.iter().all(|line| line.quantity == 0) {
            return violation(format!("{id} is no hold with that deadline, or would be empty"));
        }
        self.free_places(slot, false)?;
        if let Some(claim) = self.claims.slab.get_mut(slot) {
            claim.lines = lines.into();
        }
        self.take_places(slot)
    }

    fn accept(&mut self, id: HoldId, expires_at: TimestampMs) -> Applied {
        let at = self.now;
        self.offer_ended(self.hold_slot(id)?, EntryEnding::Accepted);
        self.update_hold(id, expires_at, |hold| {
            if !hold.offered {
                return violation(format!("{id} is not an offer"));
            }
            hold.offered = false;
            hold.placed_at = at;
            Ok(())
        })
    }

    fn end_hold(&mut self, id: HoldId, how: Ending) -> Applied {
        let slot = self.hold_slot(id)?;
        let of_offer = match how {
            _ if self.sale_state == SaleState::Cancelled => EntryEnding::EventCancelled,
            Ending::Expired => EntryEnding::Expired,
            Ending::Released | Ending::Converted(_) => EntryEnding::Declined,
        };
        self.offer_ended(slot, of_offer);
        self.free_places(slot, false)?;
        let customer = self.claims.remove_hold(id).map(|claim| claim.customer);
        let customer = customer.ok_or_else(|| Violation(format!("no hold {id}")))?;
        self.claims.hold_ended(EndedHold { id, customer, how, at: self.now });
        self.session_claims_less(customer, false);
        Ok(())
    }

    pub(super) fn check_out(
        &mut self,
        id: HoldId,
        reservation: ReservationId,
        pay_by: TimestampMs,
    ) -> Applied {
        let state = State::Pending { pay_by, payment: None };
        let (checked_in, cancelled) = (0, CancelledTickets::default());
        let reserved =
            Reservation { id: reservation, state, window_end: pay_by, checked_in, cancelled };
        let Some((slot, customer)) = self.claims.convert(id, reserved) else {
            return violation(format!("{id} cannot become {reservation}"));
        };
        let how = Ending::Converted(reservation);
        self.claims.hold_ended(EndedHold { id, customer, how, at: self.now });
        self.claims.push_deadline(pay_by, slot);
        self.live_reservations += 1;
        Ok(())
    }

    pub(super) fn reservation_mut(
        &mut self,
        id: ReservationId,
    ) -> Result<(u32, &mut Reservation), Violation> {
        let unknown = || Violation(format!("no reservation {id}"));
        let slot = self.claims.reservation_slot(id).ok_or_else(unknown)?;
        let claim = self.claims.slab.get_mut(slot).ok_or_else(unknown)?;
        Ok((slot, claim.kind.as_reservation_mut().ok_or_else(unknown)?))
    }

    fn begin_payment(
        &mut self,
        id: ReservationId,
        payment: PaymentId,
        pay_by: TimestampMs,
    ) -> Applied {
        let place = self.cursor.into();
        let (slot, reservation) = self.reservation_mut(id)?;
        let State::Pending { payment: None, .. } = reservation.state else {
            return violation(format!("{id} cannot begin a payment"));
        };
        reservation.state = State::Pending { pay_by, payment: Some((payment, place)) };
        self.claims.push_deadline(pay_by, slot);
        Ok(())
    }

    fn fail_payment(
        &mut self,
        id: ReservationId,
        payment: PaymentId,
        pay_by: TimestampMs,
    ) -> Applied {
        let (slot, reservation) = self.reservation_mut(id)?;
        match &mut reservation.state {
            State::Pending { payment: Some((begun, _)), .. } if *begun == payment => {
                reservation.state = State::Pending { pay_by, payment: None };
                self.claims.push_deadline(pay_by, slot);
            }
            State::Expired { payment: late, .. } if *late == Some(payment) => *late = None,
            _ => return violation(format!("{id} has no such payment in progress")),
        }
        Ok(())
    }

    pub(super) fn confirm(&mut self, id: ReservationId, payment: Option<PaymentId>) -> Applied {
        let place = self.cursor.into();
        let (slot, reservation) = self.reservation_mut(id)?;
        let State::Pending { .. } = reservation.state else {
            return violation(format!("{id} cannot be confirmed"));
        };
        reservation.state = State::Confirmed { payment, place };
        let Self { claims, products, seats, .. } = self;
        let claim = claims.slab.get(slot).ok_or_else(|| Violation("no such claim".into()))?;
        for line in &*claim.lines {
            let counts = &mut products[line.product.index()].counts;
            shift(&mut counts.held, &mut counts.sold, line.quantity)?;
            assert_sums(counts)?;
            seats.sell(&line.seats, slot)?;
        }
        let customer = claim.customer;
        self.session_claims_less(customer, true);
        Ok(())
    }

    fn expire_reservation(&mut self, id: ReservationId) -> Applied {
        let at = self.now;
        let payment = match self.reservation_mut(id)?.1.state {
            State::Pending { payment, .. } => payment.map(|(payment, _)| payment),
            State::Confirmed { .. } | State::Expired { .. } | State::Cancelled { .. } => None,
        };
        self.end_reservation(id, State::Expired { at, payment })
    }

    fn end_reservation(&mut self, id: ReservationId, ended: State) -> Applied {
        let at = self.now;
        let (slot, reservation) = self.reservation_mut(id)?;
        let sold = match (reservation.state, ended) {
            (State::Pending { .. }, _) => false,
            (State::Confirmed { .. }, State::Cancelled { .. }) => true,
            _ => return violation(format!("{id} has ended already, or cannot expire")),
        };
        reservation.state = ended;
        self.free_places(slot, sold)?;
        if let Some(claim) = self.claims.slab.get(slot).filter(|_| !sold) {
            let customer = claim.customer;
            self.session_claims_less(customer, false);
        }
        self.claims.reservation_ended(at, id);
        self.live_reservations -= 1;
        Ok(())
    }

    fn revive(&mut self, id: ReservationId) -> Applied {
        let at = self.now;
        let (slot, reservation) = self.reservation_mut(id)?;
        let State::Expired { at: ended_at, .. } = reservation.state else {
            return violation(format!("{id} has not expired"));
        };
        reservation.state = State::Pending { pay_by: at, payment: None };
        self.claims.reservation_revived(ended_at, id);
        self.live_reservations += 1;
        self.claims.push_deadline(at, slot);
        if let Some(claim) = self.claims.slab.get(slot) {
            let customer = claim.customer;
            self.session_claims_more(customer, false);
        }
        self.take_places(slot)
    }

    fn turn_check_in(&mut self, id: ReservationId, ticket: u8, is_in: bool) -> Applied {
        let (_, reservation) = self.reservation_mut(id)?;
        let bit = bit(u32::from(ticket));
        let confirmed = matches!(reservation.state, State::Confirmed { .. });
        let was_in = reservation.checked_in & bit != 0;
        let is_void = reservation.cancelled.tickets & bit != 0;
        if !confirmed || bit == 0 || is_void || was_in == is_in {
            return violation(format!("ticket {ticket} of {id} cannot be checked in or out"));
        }
        reservation.checked_in ^= bit;
        Ok(())
    }

    fn join(
        &mut self,
        id: HoldId,
        customer: UserId,
        product: ProductId,
        party_size: u32,
    ) -> Applied {
        self.check_party(product, party_size)?;
        if self.waitlist.join(Entry { id, customer, product, party_size }) {
            return Ok(());
        }
        violation(format!("{id} or its customer waits already"))
    }

    /// Checks the bounds of a party that best available relies on.
    pub(super) fn check_party(&self, product: ProductId, party_size: u32) -> Applied {
        let known = product.index() < self.products.len();
        if known && (1..=Policy::MAX_PLACES_PER_HOLD).contains(&party_size) {
            return Ok(());
        }
        violation(format!("a party of {party_size} waits for {product:?}"))
    }

    fn end_entry(&mut self, id: HoldId, how: EntryEnding) -> Applied {
        let entry = self.leave(id)?;
        self.waitlist.ended(EndedEntry { entry, how, at: self.now });
        Ok(())
    }

    /// Remembers how an offer ended, if the hold in this slot is an offer.
    fn offer_ended(&mut self, slot: u32, how: EntryEnding) {
        // A class remembers the ends of its offers by its enrollments.
        let Some(claim) = self.claims.slab.get(slot).filter(|_| self.class.is_none()) else {
            return;
        };
        let (Kind::Hold(Hold { id, offered: true, .. }), [line, ..]) = (&claim.kind, &*claim.lines)
        else {
            return;
        };
        let (product, party_size) = (line.product, line.quantity);
        let entry = Entry { id: *id, customer: claim.customer, product, party_size };
        self.waitlist.ended(EndedEntry { entry, how, at: self.now });
    }

    fn leave(&mut self, id: HoldId) -> Result<Entry, Violation> {
        self.waitlist.leave(id).ok_or_else(|| Violation(format!("{id} does not wait")))
    }
}

/// Checks invariant 1 for the counts just changed.
pub(super) fn assert_sums(counts: &Counts) -> Applied {
    let Counts { total, available, held, sold, blocked } = *counts;
    let sum = u64::from(available) + u64::from(held) + u64::from(sold) + u64::from(blocked);
    if sum == u64::from(total) { Ok(()) } else { violation("counts do not add up to the total") }
}
