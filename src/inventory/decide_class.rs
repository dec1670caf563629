//! Decides what customers do in a class: apply, change answers, take an offered place, cancel.

use super::class::{
    Approval, CancelCause, CanceledEnrollment, EnrollmentStatus, EnrollmentView, Entered, Moved,
    Selection,
};
use super::decide::Decided;
use super::enrollments::{Class, over};
use super::{
    Change, Command, Fit, Inventory, Line, Rejection, Requester, SaleState, TimestampMs, UserId,
};
use crate::ids::{AnswersId, EnrollmentId, ProductId, ReasonId};
use crate::planted::{Bug, is_planted};

/// The most applications of one customer for one class: ended ones are kept until it is over.
pub const MAX_APPLICATIONS: u32 = 20;

/// The only product of a class: its places.
pub(super) const PLACES: ProductId = ProductId(0);

impl Inventory {
    /// Refuses the commands of a sale in a class, and those of a class in an event.
    pub(super) fn fits_offering(&self, command: &Command) -> Result<(), Rejection> {
        let is_class = self.class.is_some();
        let of = match command {
            Command::ByAdmin { command, .. } | Command::WithPass { command, .. } => {
                return self.fits_offering(command);
            }
            Command::Apply { .. }
            | Command::ReplaceAnswers { .. }
            | Command::CancelEnrollment { .. }
            | Command::AcceptPlace { .. }
            | Command::DecideEnrollment { .. }
            | Command::DecideEnrollments { .. }
            | Command::MoveUp { .. }
            | Command::RecordAttendance { .. }
            | Command::ChangeClass { .. }
            | Command::CancelClass { .. } => true,
            Command::PlaceHold { .. }
            | Command::ExtendHold { .. }
            | Command::ChangeHold { .. }
            | Command::ReleaseHold { .. }
            | Command::CheckOut { .. }
            | Command::Reserve { .. }
            | Command::Participate { .. }
            | Command::IssueComplimentary { .. }
            | Command::JoinWaitlist { .. }
            | Command::LeaveWaitlist { .. }
            | Command::AcceptOffer { .. }
            | Command::BlockSeats { .. }
            | Command::UnblockSeats { .. }
            | Command::RemoveSeats { .. }
            | Command::KeepSeats { .. }
            | Command::SetQueue { .. }
            | Command::EnterQueue { .. }
            | Command::LeaveQueue { .. }
            | Command::DrawQueue { .. }
            | Command::SetAside { .. }
            | Command::VoidEntries { .. }
            | Command::Prioritise { .. }
            | Command::UsePass { .. }
            | Command::AddRow { .. }
            | Command::AddProduct { .. }
            | Command::ChangeProduct { .. }
            | Command::ChangeOffering { .. }
            | Command::ChangeSale { .. }
            | Command::SetSaleWindow { .. }
            | Command::OpenSale
            | Command::PauseSale
            | Command::CloseSale
            | Command::CancelOffering => false,
            // Both have places, prices, payments and an end.
            Command::BlockPlaces { .. }
            | Command::UnblockPlaces { .. }
            | Command::Resize { .. }
            | Command::Reprice { .. }
            | Command::BeginPayment { .. }
            | Command::ConfirmPayment { .. }
            | Command::FailPayment { .. }
            | Command::FailAndCancel { .. }
            | Command::DeferPayment { .. }
            | Command::CancelReservation { .. }
            | Command::CancelTickets { .. }
            | Command::CheckIn { .. }
            | Command::CheckInAtGate { .. }
            | Command::UndoCheckIn { .. }
            | Command::EndClaims { .. } => is_class,
        };
        if of == is_class { Ok(()) } else { Err(Rejection::WrongOffering { is_class }) }
    }

    pub(super) fn class(&self) -> Result<&Class, Rejection> {
        self.class.as_deref().ok_or(Rejection::WrongOffering { is_class: false })
    }

    pub(super) fn decide_apply(
        &self,
        enrollment: EnrollmentId,
        customer: UserId,
        answers: Option<AnswersId>,
    ) -> Decided {
        let class = self.class()?;
        self.recruits()?;
        self.may_apply(class, customer)?;
        let is_used = class.enrollments.get(enrollment).is_some()
            || self.known_reservation(enrollment.reservation()).is_some()
            || self.knows_hold(enrollment.offer());
        if is_used {
            let reason = "this enrollment id is in use".into();
            return Err(Rejection::Invalid { reason }.into());
        }
        let enrolled = |into| Change::Enrolled { enrollment, customer, answers, into };
        match class.rules.selection {
            Selection::Review => Ok(vec![enrolled(Entered::Applied)]),
            Selection::FirstCome if self.places_left() > 0 => {
                let moved = Moved { from: EnrollmentStatus::Applied, version: 1 };
                let approved = self.approval(enrollment, customer, Approval::FirstCome, moved);
                Ok(vec![enrolled(Entered::Approved), approved])
            }
            Selection::FirstCome if self.waitlist_left(class) > 0 => {
                let rank = class.enrollments.next_rank();
                Ok(vec![enrolled(Entered::Waitlisted { rank })])
            }
            Selection::FirstCome => {
                let capacity = self.products[PLACES.index()].counts.total;
                Err(Rejection::ClassFull { capacity, waitlist: class.rules.waitlist }.into())
            }
        }
    }

    /// Succeeds while the class takes applications.
    fn recruits(&self) -> Result<(), Rejection> {
        self.not_cancelled()?;
        let opens_at = self.sale.start;
        match self.sale_state {
            SaleState::Scheduled => return Err(Rejection::RecruitmentNotOpen { opens_at }),
            SaleState::Paused | SaleState::Closed => {
                return Err(Rejection::RecruitmentOver { ended_at: None });
            }
            SaleState::Open | SaleState::Cancelled => {}
        }
        if opens_at.is_some_and(|start| self.now < start) {
            return Err(Rejection::RecruitmentNotOpen { opens_at });
        }
        let ended_at = self.sale_window().end;
        if ended_at.is_some_and(|end| end <= self.now) {
            return Err(Rejection::RecruitmentOver { ended_at });
        }
        Ok(())
    }

    fn may_apply(&self, class: &Class, customer: UserId) -> Result<(), Rejection> {
        let Some(last) = class.enrollments.last_of(customer) else { return Ok(()) };
        if last.status.is_living() {
            return Err(Rejection::AlreadyEnrolled { enrollment: last.id });
        }
        if !class.rules.allow_reapply {
            return Err(Rejection::ReapplyRefused { enrollment: last.id });
        }
        if class.enrollments.applications_of(customer) >= MAX_APPLICATIONS {
            return Err(Rejection::TooManyApplications { limit: MAX_APPLICATIONS });
        }
        Ok(())
    }

    /// Places that an applicant can have: none while others wait in line.
    pub(super) fn places_left(&self) -> u32 {
        let waits = self.class.as_ref().is_some_and(|class| class.enrollments.waiting() > 0);
        if waits && !is_planted(Bug::LineJumped) {
            return 0;
        }
        self.products[PLACES.index()].counts.available
    }

    pub(super) fn waitlist_left(&self, class: &Class) -> usize {
        (class.rules.waitlist as usize).saturating_sub(class.enrollments.waiting())
    }

    /// The change that gives a place; paid places have time until the pay window ends.
    pub(super) fn approval(
        &self,
        enrollment: EnrollmentId,
        customer: UserId,
        how: Approval,
        moved: Moved,
    ) -> Change {
        let line = match self.claims.hold(enrollment.offer()).map(|(claim, _)| &*claim.lines) {
            // The offer said what the place costs.
            Some([line, ..]) => line.clone(),
            Some([]) | None => self.place_of_class(),
        };
        let pay_by = (line.unit_price > 0).then(|| self.pay_window_end());
        Change::EnrollmentApproved { enrollment, customer, line, pay_by, how, moved }
    }

    pub(super) fn place_of_class(&self) -> Line {
        let unit_price = self.products[PLACES.index()].price;
        Line { product: PLACES, quantity: 1, unit_price, seats: Box::default(), fit: Fit::Exact }
    }

    fn pay_window_end(&self) -> TimestampMs {
        let window = self.class.as_ref().map_or(0, |class| class.rules.pay_window_ms);
        self.now.saturating_add(window)
    }

    /// A living enrollment at the version that the command names, if it names one.
    pub(super) fn living_enrollment(
        &self,
        id: EnrollmentId,
        by: Requester,
        version: Option<u32>,
    ) -> Result<EnrollmentView, Rejection> {
        let found = self.enrollment_of(id, by)?;
        if version.is_some_and(|version| version != found.version) {
            return Err(Rejection::VersionConflict { current: found.version });
        }
        if !found.status.is_living() {
            return Err(wrong_state(found.status));
        }
        Ok(found)
    }

    pub(super) fn enrollment_of(
        &self,
        id: EnrollmentId,
        by: Requester,
    ) -> Result<EnrollmentView, Rejection> {
        let found = self.class()?.enrollments.get(id).ok_or(Rejection::EnrollmentNotFound)?;
        match by {
            Requester::Customer(customer) if customer != found.customer => {
                Err(Rejection::EnrollmentNotFound)
            }
            Requester::Customer(_) | Requester::Admin => Ok(*found),
        }
    }

    pub(super) fn decide_replace_answers(
        &self,
        enrollment: EnrollmentId,
        customer: UserId,
        answers: AnswersId,
        version: Option<u32>,
    ) -> Decided {
        self.not_cancelled()?;
        let found = self.living_enrollment(enrollment, Requester::Customer(customer), version)?;
        if found.status != EnrollmentStatus::Applied {
            return Err(wrong_state(found.status).into());
        }
        let version = found.version.saturating_add(1);
        Ok(vec![Change::AnswersReplaced { enrollment, customer, answers, version }])
    }

    pub(super) fn decide_cancel_enrollment(
        &self,
        enrollment: EnrollmentId,
        by: Requester,
        reason: Option<ReasonId>,
        version: Option<u32>,
    ) -> Decided {
        let found = self.living_enrollment(enrollment, by, version)?;
        let mut changes = match found.status {
            EnrollmentStatus::Approved => {
                self.decide_cancel_reservation(enrollment.reservation(), by)?
            }
            EnrollmentStatus::Offered => vec![Change::HoldReleased { hold: enrollment.offer() }],
            _ => Vec::new(),
        };
        let cause = match by {
            Requester::Customer(_) => CancelCause::Customer,
            Requester::Admin => CancelCause::Admin,
        };
        let enrollments = vec![canceled(&found)];
        changes.push(Change::EnrollmentsCanceled { enrollments, cause, reason });
        Ok(changes)
    }

    pub(super) fn decide_accept_place(
        &self,
        enrollment: EnrollmentId,
        customer: UserId,
    ) -> Decided {
        self.not_cancelled()?;
        let found = self.living_enrollment(enrollment, Requester::Customer(customer), None)?;
        if found.status != EnrollmentStatus::Offered {
            return Err(wrong_state(found.status).into());
        }
        // Due work runs first, but a deadline must hold even where it has not run.
        let offer = self.claims.hold(enrollment.offer());
        if offer.is_none_or(|(_, hold)| hold.expires_at <= self.now) {
            return Err(Rejection::HoldExpired.into());
        }
        let moved = moved(&found);
        Ok(vec![self.approval(enrollment, customer, Approval::Accepted, moved)])
    }

    /// The time from which no place is given away any more.
    pub(super) fn is_over(&self) -> bool {
        over(self.times.map(|times| times.starts_at), self.now)
    }
}

/// The status that a change leaves, and the version that it makes.
pub(super) fn moved(found: &EnrollmentView) -> Moved {
    Moved { from: found.status, version: found.version.saturating_add(1) }
}

pub(super) fn canceled(found: &EnrollmentView) -> CanceledEnrollment {
    CanceledEnrollment { enrollment: found.id, customer: found.customer, moved: moved(found) }
}

pub(super) fn wrong_state(status: EnrollmentStatus) -> Rejection {
    let state = match status {
        EnrollmentStatus::Applied => "not decided yet",
        EnrollmentStatus::Waitlisted => "on the waitlist",
        EnrollmentStatus::Offered => "offered a place",
        EnrollmentStatus::Approved => "approved",
        EnrollmentStatus::Rejected => "rejected",
        EnrollmentStatus::Canceled => "canceled",
    };
    Rejection::WrongState { what: "enrollment".into(), state: state.into() }
}
