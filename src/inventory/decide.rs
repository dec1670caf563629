//! Decides which changes a command causes, or why it is refused. Nothing is changed here.

use super::claim::{Claim, Ending, Hold, Kind, Reservation, State};
use super::queue::Shown;
use super::{
    Change, Command, HoldId, Inventory, Rejection, ReservationId, SaleState, SaleWindow,
    TimestampMs, UserId,
};
use crate::ids::{PaymentId, ProductId};
use crate::inventory::Refusal;
use crate::planted::{Bug, is_planted};

pub(super) type Decided = Result<Vec<Change>, Refusal>;

impl Inventory {
    /// Takes `&mut self` only because choosing seats for several lines marks them temporarily.
    pub(super) fn decide(&mut self, command: &Command) -> Decided {
        self.decide_shown(command, Shown::None)
    }

    /// As [`Self::decide`], for a customer who shows a pass.
    fn decide_shown(&mut self, command: &Command, shown: Shown) -> Decided {
        self.fits_offering(command)?;
        if let Command::PlaceHold { customer, .. }
        | Command::Reserve { customer, .. }
        | Command::Participate { customer, .. } = command
        {
            self.admits(*customer, shown)?;
        }
        match command {
            Command::PlaceHold { hold, customer, lines } => {
                self.decide_hold(*hold, *customer, lines).map(|placed| vec![placed])
            }
            Command::Reserve { hold, reservation, customer, lines } => {
                self.decide_reserve(*hold, *reservation, *customer, lines)
            }
            Command::Participate { hold, reservation, customer } => {
                self.decide_participate(*hold, *reservation, *customer)
            }
            Command::IssueComplimentary { hold, reservation, customer, lines } => {
                self.decide_complimentary(*hold, *reservation, *customer, lines)
            }
            Command::ExtendHold { hold, customer } => self.decide_extend(*hold, *customer),
            Command::ChangeHold { hold, customer, places, seats } => {
                self.decide_change_hold(*hold, *customer, places, seats)
            }
            Command::ReleaseHold { hold, customer } => {
                self.active_hold(*hold, *customer)?;
                Ok(vec![Change::HoldReleased { hold: *hold }])
            }
            Command::CheckOut { hold, reservation, customer } => {
                self.decide_check_out(*hold, *reservation, *customer)
            }
            Command::BeginPayment { reservation, payment, customer } => {
                self.decide_begin_payment(*reservation, *payment, *customer)
            }
            Command::ConfirmPayment { reservation, payment } => {
                self.decide_confirm(*reservation, *payment)
            }
            Command::FailPayment { reservation, payment } => {
                self.decide_fail_payment(*reservation, *payment)
            }
            Command::CancelReservation { reservation, by } => {
                self.decide_cancel_reservation(*reservation, *by)
            }
            Command::CancelTickets { reservation, tickets, refund, by } => {
                self.decide_cancel_tickets(*reservation, tickets, *refund, *by)
            }
            Command::FailAndCancel { reservation, payment } => {
                self.decide_fail_and_cancel(*reservation, *payment)
            }
            Command::DeferPayment { reservation, payment, until } => {
                self.decide_defer_payment(*reservation, *payment, *until)
            }
            Command::CheckIn { reservation, ticket } => {
                self.decide_check_in(*reservation, *ticket, None)
            }
            Command::CheckInAtGate { reservation, ticket, gate } => {
                self.decide_check_in(*reservation, *ticket, Some(gate))
            }
            Command::UndoCheckIn { reservation, ticket } => {
                self.decide_undo_check_in(*reservation, *ticket)
            }
            Command::JoinWaitlist { entry, customer, product, party_size } => {
                self.decide_join_waitlist(*entry, *customer, *product, *party_size)
            }
            Command::LeaveWaitlist { entry, customer } => {
                self.decide_leave_waitlist(*entry, *customer)
            }
            Command::AcceptOffer { entry, customer } => self.decide_accept(*entry, *customer),
            Command::EndClaims { customer } => self.decide_end_claims(*customer),
            Command::BlockSeats { .. }
            | Command::UnblockSeats { .. }
            | Command::BlockPlaces { .. }
            | Command::UnblockPlaces { .. }
            | Command::Resize { .. }
            | Command::AddRow { .. }
            | Command::RemoveSeats { .. }
            | Command::KeepSeats { .. }
            | Command::Reprice { .. }
            | Command::SetSaleWindow { .. }
            | Command::ChangeSale { .. }
            | Command::OpenSale
            | Command::PauseSale
            | Command::CloseSale
            | Command::CancelOffering => self.decide_admin(command),
            Command::AddProduct { product } => self.decide_add_product(product),
            Command::ChangeProduct { product, change } => {
                self.decide_change_product(*product, change)
            }
            Command::ChangeOffering { change } => self.decide_change_offering(change),
            Command::Apply { enrollment, customer, answers } => {
                self.decide_apply(*enrollment, *customer, *answers)
            }
            Command::ReplaceAnswers { enrollment, customer, answers, version } => {
                self.decide_replace_answers(*enrollment, *customer, *answers, *version)
            }
            Command::CancelEnrollment { enrollment, by, reason, version } => {
                self.decide_cancel_enrollment(*enrollment, *by, *reason, *version)
            }
            Command::AcceptPlace { enrollment, customer } => {
                self.decide_accept_place(*enrollment, *customer)
            }
            Command::DecideEnrollment { verdict } => self.decide_enrollment(verdict),
            Command::DecideEnrollments { verdicts } => self.decide_enrollments(verdicts),
            Command::MoveUp { enrollment, position, reason } => {
                self.decide_move_up(*enrollment, *position, *reason)
            }
            Command::RecordAttendance { marks } => self.decide_attendance(marks),
            Command::ChangeClass { change } => self.decide_change_class(change),
            Command::CancelClass { with_enrollments } => {
                self.decide_cancel_class(*with_enrollments)
            }
            Command::ByAdmin { admin, command } => self.decide_by_admin(*admin, command),
            Command::SetQueue { .. }
            | Command::EnterQueue { .. }
            | Command::LeaveQueue { .. }
            | Command::DrawQueue { .. }
            | Command::SetAside { .. }
            | Command::VoidEntries { .. }
            | Command::Prioritise { .. }
            | Command::UsePass { .. } => self.decide_queue(command),
            Command::WithPass { pass, command } => match **command {
                Command::WithPass { .. } | Command::ByAdmin { .. } => {
                    Err(Rejection::Invalid { reason: "one pass opens one session".into() }.into())
                }
                _ => self.decide_shown(command, pass.map_or(Shown::OfCustomer, Shown::Pass)),
            },
        }
    }

    fn decide_by_admin(&mut self, admin: UserId, command: &Command) -> Decided {
        if let Command::ByAdmin { .. } = command {
            let reason = "one administrator acts at a time";
            return Err(Rejection::Invalid { reason: reason.into() }.into());
        }
        let mut changes = self.decide(command)?;
        if !changes.is_empty() {
            changes.push(Change::ActedBy { admin });
        }
        Ok(changes)
    }

    /// The customer's hold if it has not ended, offers included.
    pub(super) fn active_hold(
        &self,
        id: HoldId,
        customer: UserId,
    ) -> Result<(&Claim, &Hold), Rejection> {
        let Some((claim, hold)) = self.claims.hold(id) else {
            let ended = self.ended_hold(id);
            return Err(match ended.filter(|ended| ended.customer == customer) {
                None => Rejection::HoldNotFound,
                Some(ended) => match ended.how {
                    Ending::Expired => Rejection::HoldExpired,
                    Ending::Converted(_) | Ending::Released => Rejection::HoldEnded,
                },
            });
        };
        if claim.customer != customer {
            return Err(Rejection::HoldNotFound);
        }
        // Due work runs first, but a deadline must hold even where it has not run.
        let extra = i64::from(is_planted(Bug::OffByOneExpiry));
        if hold.expires_at + extra <= self.now {
            return Err(Rejection::HoldExpired);
        }
        Ok((claim, hold))
    }

    /// As [`Self::active_hold`], without offers, which must be accepted first.
    pub(super) fn accepted_hold(
        &self,
        id: HoldId,
        customer: UserId,
    ) -> Result<(&Claim, &Hold), Rejection> {
        let (claim, hold) = self.active_hold(id, customer)?;
        if hold.offered {
            return Err(Rejection::WrongState {
                what: "offer".into(),
                state: "not accepted yet".into(),
            });
        }
        Ok((claim, hold))
    }

    fn decide_extend(&self, id: HoldId, customer: UserId) -> Decided {
        let (claim, hold) = self.accepted_hold(id, customer)?;
        self.not_cancelled()?;
        let latest = hold.placed_at.saturating_add(self.policy.hold_max_ms);
        let expires_at = self.now.saturating_add(self.policy.hold_ttl_ms).min(latest);
        if expires_at <= hold.expires_at {
            return Err(Rejection::ExtensionExhausted.into());
        }
        let lines = claim.lines.to_vec();
        Ok(vec![Change::HoldExtended { hold: id, lines, expires_at }])
    }

    fn decide_check_out(
        &self,
        id: HoldId,
        reservation: ReservationId,
        customer: UserId,
    ) -> Decided {
        let (claim, hold) = self.accepted_hold(id, customer)?;
        self.not_cancelled()?;
        self.unused_reservation(reservation)?;
        let (lines, pay_by) = (claim.lines.to_vec(), self.pay_by(hold.expires_at));
        Ok(vec![Change::CheckedOut { hold: id, reservation, customer, lines, pay_by }])
    }

    /// The end of the pay window of a hold that is checked out now and would otherwise have ended
    /// at `hold_ends`.
    pub(super) fn pay_by(&self, hold_ends: TimestampMs) -> TimestampMs {
        match self.policy.pay_window_ms {
            0 => hold_ends,
            window => self.now.saturating_add(window),
        }
    }

    pub(super) fn unused_reservation(&self, id: ReservationId) -> Result<(), Rejection> {
        match self.known_reservation(id) {
            Some(_) => Err(Rejection::Invalid { reason: "this reservation id is in use".into() }),
            None => Ok(()),
        }
    }

    pub(super) fn own_reservation(
        &self,
        id: ReservationId,
        customer: UserId,
    ) -> Result<(&Claim, &Reservation), Rejection> {
        let found = self.known_reservation(id).filter(|(claim, _)| claim.customer == customer);
        found.ok_or(Rejection::ReservationNotFound)
    }

    fn decide_begin_payment(
        &self,
        id: ReservationId,
        payment: PaymentId,
        customer: UserId,
    ) -> Decided {
        let (_, reservation) = self.own_reservation(id, customer)?;
        match reservation.state {
            State::Pending { payment: Some((begun, place)), .. } if begun == payment => {
                Err(Refusal::HappenedAt(place.into()))
            }
            State::Pending { pay_by, .. } if pay_by <= self.now => {
                Err(Rejection::ReservationExpired.into())
            }
            State::Pending { payment: Some(_), .. } => Err(Rejection::PaymentInProgress.into()),
            State::Pending { payment: None, .. } => {
                let pay_by = reservation.window_end.saturating_add(self.policy.payment_grace_ms);
                Ok(vec![Change::PaymentBegun { reservation: id, payment, pay_by }])
            }
            other => Err(ended(other).into()),
        }
    }

    fn decide_confirm(&self, id: ReservationId, payment: PaymentId) -> Decided {
        let (claim, reservation) =
            self.known_reservation(id).ok_or(Rejection::ReservationNotFound)?;
        let confirmed = Change::ReservationConfirmed {
            reservation: id,
            payment,
            customer: claim.customer,
            lines: claim.lines.to_vec(),
        };
        match reservation.state {
            State::Confirmed { payment: by, place } if by == Some(payment) => {
                Err(Refusal::HappenedAt(place.into()))
            }
            State::Pending { payment: Some((begun, _)), .. } if begun == payment => {
                Ok(vec![confirmed])
            }
            State::Pending { payment: Some(_), .. } => Err(Rejection::PaymentInProgress.into()),
            State::Pending { payment: None, .. } => {
                Err(Rejection::WrongState { what: "payment".into(), state: "not begun".into() }
                    .into())
            }
            // The payment was confirmed late, but the places are still free: take them again.
            State::Expired { payment: late, .. }
                if late == Some(payment) && self.can_revive(claim) =>
            {
                Ok(vec![Change::ReservationRevived { reservation: id }, confirmed])
            }
            other => Err(ended(other).into()),
        }
    }

    fn can_revive(&self, claim: &Claim) -> bool {
        // Two lines of one product need their places together.
        let mut wanted: Vec<(ProductId, u32)> = Vec::with_capacity(claim.lines.len());
        for line in &*claim.lines {
            match wanted.iter_mut().find(|(product, _)| *product == line.product) {
                Some((_, places)) => *places += line.quantity,
                None => wanted.push((line.product, line.quantity)),
            }
        }
        let mut seats = claim.lines.iter().flat_map(|line| &line.seats);
        self.sale_state != SaleState::Cancelled
            && wanted
                .iter()
                .all(|(product, places)| self.available_past_waitlist(*product) >= *places)
            && seats.all(|seat| self.seats.is_free(*seat))
            && self.within_limits(claim.customer, &wanted).is_ok()
            && self.class.as_ref().is_none_or(|class| {
                let last = class.enrollments.last_of(claim.customer);
                last.is_none_or(|last| !last.status.is_living())
            })
    }

    /// Places that any customer may claim, kept seats included: 0 while a waiting entry could be
    /// offered the free places. Offers are mostly made in the transition that frees the places, but
    /// a large number of offers takes more than one transition.
    pub(super) fn available_past_waitlist(&self, product: ProductId) -> u32 {
        if self.class.is_some() {
            return self.places_left();
        }
        let waits = || self.waitlist.first_fitting(product, self.offerable(product)).is_some();
        if self.waitlist.len() > 0 && waits() {
            return 0;
        }
        self.products[product.index()].counts.available
    }

    pub(super) fn decide_fail_payment(&self, id: ReservationId, payment: PaymentId) -> Decided {
        let (_, reservation) = self.known_reservation(id).ok_or(Rejection::ReservationNotFound)?;
        match reservation.state {
            State::Pending { payment: Some((begun, _)), .. } if begun == payment => {
                // The window itself may have ended by now: then due work ends the reservation.
                let pay_by = reservation.window_end;
                Ok(vec![Change::PaymentFailed { reservation: id, payment, pay_by }])
            }
            State::Pending { .. } => Err(Rejection::WrongState {
                what: "payment".into(),
                state: "not in progress".into(),
            }
            .into()),
            // The payment can no longer be confirmed late: the money is refunded.
            State::Expired { payment: late, .. } if late == Some(payment) => {
                let pay_by = reservation.window_end;
                Ok(vec![Change::PaymentFailed { reservation: id, payment, pay_by }])
            }
            other => Err(ended(other).into()),
        }
    }

    pub(super) fn knows_hold(&self, id: HoldId) -> bool {
        self.claims.hold_slot(id).is_some() || self.ended_hold(id).is_some()
    }

    pub(super) fn not_cancelled(&self) -> Result<(), Rejection> {
        match self.sale_state {
            SaleState::Cancelled => Err(Rejection::Cancelled),
            SaleState::Scheduled | SaleState::Open | SaleState::Paused | SaleState::Closed => {
                Ok(())
            }
        }
    }

    /// Succeeds if new claims on a product are taken now.
    pub(super) fn on_sale(&self, product: ProductId) -> Result<(), Rejection> {
        let of_product = self.products[product.index()].sale;
        match self.sale_state {
            SaleState::Cancelled => return Err(Rejection::Cancelled),
            SaleState::Paused => return Err(Rejection::SaleClosed { paused: true }),
            SaleState::Closed => return Err(Rejection::SaleClosed { paused: false }),
            SaleState::Scheduled => {
                let opens_at = latest(self.sale.start, of_product.start);
                return Err(Rejection::SaleNotOpen { opens_at });
            }
            SaleState::Open => {}
        }
        if self.products[product.index()].withdrawn_at.is_some() {
            return Err(Rejection::ProductWithdrawn);
        }
        for window in [self.sale_window(), of_product] {
            if window.end.is_some_and(|end| self.now >= end) {
                return Err(Rejection::SaleClosed { paused: false });
            }
        }
        let opens_at = latest(self.sale.start, of_product.start);
        if opens_at.is_some_and(|start| self.now < start) {
            return Err(Rejection::SaleNotOpen { opens_at });
        }
        Ok(())
    }

    /// The opening time of a product that is not on sale only because its time has not come yet.
    pub(super) fn opens_at(&self, product: ProductId) -> Option<TimestampMs> {
        let of_product = self.effective_window(product);
        let opens_at = latest(self.sale.start, of_product.start)?;
        let ends = |window: SaleWindow| window.end.is_none_or(|end| end > opens_at);
        let ahead = opens_at > self.now && self.sale_state == SaleState::Open;
        (ahead && ends(self.sale_window()) && ends(of_product)).then_some(opens_at)
    }
}

/// The refusal of a command on a reservation that is no longer pending.
pub(super) fn ended(state: State) -> Rejection {
    match state {
        State::Pending { .. } => Rejection::PaymentInProgress,
        State::Confirmed { .. } => {
            Rejection::WrongState { what: "reservation".into(), state: "already confirmed".into() }
        }
        State::Expired { .. } => Rejection::ReservationExpired,
        State::Cancelled { .. } => {
            Rejection::WrongState { what: "reservation".into(), state: "cancelled".into() }
        }
    }
}

fn latest(a: Option<TimestampMs>, b: Option<TimestampMs>) -> Option<TimestampMs> {
    match (a, b) {
        (Some(a), Some(b)) => Some(a.max(b)),
        (a, b) => a.or(b),
    }
}

impl Kind {
    pub(super) fn as_reservation_mut(&mut self) -> Option<&mut Reservation> {
        match self {
            Self::Reservation(reservation) => Some(reservation),
            Self::Hold(_) => None,
        }
    }

    pub(super) fn as_hold_mut(&mut self) -> Option<&mut Hold> {
        match self {
            Self::Hold(hold) => Some(hold),
            Self::Reservation(_) => None,
        }
    }
}
