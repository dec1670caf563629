//! The naive model's decisions about the commands of classes.

use super::class::{Class, Enrollment};
use super::*;
use crate::ids::EnrollmentId;
use crate::inventory::{
    Approval, CancelCause, ClassChange, EnrollmentStatus, Entered, MAX_APPLICATIONS, Ruling,
    Selection, Verdict,
};

const DAY: i64 = 24 * HOUR;

/// What earlier decisions of one command leave.
struct Left {
    free: u32,
    line: u32,
    next_rank: i64,
}

impl Model {
    pub(super) fn fits(&self, command: &Command) -> Result<(), Rejection> {
        use Command as C;
        let is_class = self.class.is_some();
        let fits = match command {
            C::ByAdmin { command, .. } => return self.fits(command),
            C::Apply { .. }
            | C::ReplaceAnswers { .. }
            | C::CancelEnrollment { .. }
            | C::AcceptPlace { .. }
            | C::DecideEnrollment { .. }
            | C::DecideEnrollments { .. }
            | C::MoveUp { .. }
            | C::RecordAttendance { .. }
            | C::ChangeClass { .. }
            | C::CancelClass { .. } => is_class,
            C::BeginPayment { .. }
            | C::ConfirmPayment { .. }
            | C::FailPayment { .. }
            | C::FailAndCancel { .. }
            | C::DeferPayment { .. }
            | C::CancelReservation { .. }
            | C::CancelTickets { .. }
            | C::CheckIn { .. }
            | C::CheckInAtGate { .. }
            | C::UndoCheckIn { .. }
            | C::BlockPlaces { .. }
            | C::UnblockPlaces { .. }
            | C::Resize { .. }
            | C::Reprice { .. }
            | C::EndClaims { .. } => true,
            _ => !is_class,
        };
        if fits { Ok(()) } else { Err(Rejection::WrongOffering { is_class }) }
    }

    fn free_now(&self) -> u32 {
        self.counts(ProductId(0)).available
    }

    /// A place for a customer who is not in line.
    pub(super) fn free_for_anyone(&self, class: &Class) -> bool {
        class.line.is_empty() && self.free_now() > 0
    }

    pub(super) fn decide_class(&self, command: &Command) -> Answer {
        let class = self.class.as_ref().unwrap();
        match command {
            Command::Apply { enrollment, customer, answers } => {
                self.recruits()?;
                let (enrollment, customer, answers) = (*enrollment, *customer, *answers);
                if let Some(last) = class.last_of(customer) {
                    let id = last.id;
                    if last.lives() {
                        return Err(Rejection::AlreadyEnrolled { enrollment: id }.into());
                    }
                    if !class.rules.allow_reapply {
                        return Err(Rejection::ReapplyRefused { enrollment: id }.into());
                    }
                    let before = class.enrollments.iter().filter(|one| one.customer == customer);
                    if before.count() >= MAX_APPLICATIONS as usize {
                        return Err(
                            Rejection::TooManyApplications { limit: MAX_APPLICATIONS }.into()
                        );
                    }
                }
                if class.find(enrollment).is_some() {
                    return Ok(vec![invalid()?]);
                }
                let enrolled = |into| Change::Enrolled { enrollment, customer, answers, into };
                if class.rules.selection == Selection::Review {
                    return Ok(vec![enrolled(Entered::Applied)]);
                }
                if self.free_for_anyone(class) {
                    let one = Enrollment {
                        id: enrollment,
                        customer,
                        status: EnrollmentStatus::Applied,
                        version: 0,
                        applied_at: self.at,
                        attendance: None,
                        is_spent: false,
                    };
                    let approved = self.approval(&one, Approval::FirstCome);
                    return Ok(vec![enrolled(Entered::Approved), approved]);
                }
                let waitlist = class.rules.waitlist;
                if class.line.len() < waitlist as usize {
                    let rank = class.next_rank();
                    return Ok(vec![enrolled(Entered::Waitlisted { rank })]);
                }
                let capacity = self.counts(ProductId(0)).total;
                Err(Rejection::ClassFull { capacity, waitlist }.into())
            }
            Command::ReplaceAnswers { enrollment, customer, answers, version } => {
                self.alive()?;
                let by = Requester::Customer(*customer);
                let one = Self::living(class, *enrollment, by, *version)?;
                if one.status != EnrollmentStatus::Applied {
                    return Err(wrong().into());
                }
                let (enrollment, customer, answers) = (one.id, one.customer, *answers);
                let version = one.version + 1;
                Ok(vec![Change::AnswersReplaced { enrollment, customer, answers, version }])
            }
            Command::CancelEnrollment { enrollment, by, reason, version } => {
                let one = Self::living(class, *enrollment, *by, *version)?;
                let mut changes = self.gives_back(one, *by)?;
                let cause = match by {
                    Requester::Customer(_) => CancelCause::Customer,
                    Requester::Admin => CancelCause::Admin,
                };
                let (enrollments, reason) = (vec![one.canceled()], *reason);
                changes.push(Change::EnrollmentsCanceled { enrollments, cause, reason });
                Ok(changes)
            }
            Command::AcceptPlace { enrollment, customer } => {
                self.alive()?;
                let by = Requester::Customer(*customer);
                let one = Self::living(class, *enrollment, by, None)?;
                if one.status != EnrollmentStatus::Offered {
                    return Err(wrong().into());
                }
                Ok(vec![self.approval(one, Approval::Accepted)])
            }
            Command::DecideEnrollment { verdict } => {
                self.alive()?;
                self.judge(class, verdict, &mut self.left(class))
            }
            Command::DecideEnrollments { verdicts } => self.judge_all(class, verdicts),
            Command::MoveUp { enrollment, position, reason } => {
                self.alive()?;
                let one = Self::living(class, *enrollment, Requester::Admin, None)?;
                let now = class.line.iter().position(|(id, _)| id == enrollment);
                let Some(now) = now else { return Err(wrong().into()) };
                let position = *position as usize;
                if position == 0 || position > now {
                    return Ok(vec![invalid()?]);
                }
                let Some(rank) = class.rank_at(position) else { return Ok(vec![invalid()?]) };
                let (enrollment, reason, version) = (one.id, *reason, one.version + 1);
                Ok(vec![Change::WaitlistMoved { enrollment, rank, reason, version }])
            }
            Command::RecordAttendance { marks } => {
                self.alive()?;
                let early = self.times.is_some_and(|(starts, _)| self.at < starts - DAY);
                let ids: Vec<_> = marks.iter().map(|(id, _)| *id).collect();
                if marks.is_empty() || early || has_twice(&ids) {
                    return Ok(vec![invalid()?]);
                }
                let mut changes = Vec::new();
                for (enrollment, attendance) in marks {
                    let one = Self::living(class, *enrollment, Requester::Admin, None)?;
                    let paid = self.claims.iter().any(|claim| match claim.state {
                        State::Confirmed { id, .. } => id == one.id.reservation(),
                        _ => false,
                    });
                    if !paid {
                        return Err(wrong().into());
                    }
                    let (enrollment, attendance) = (one.id, *attendance);
                    let version = one.version + 1;
                    changes.push(Change::AttendanceRecorded { enrollment, attendance, version });
                }
                Ok(changes)
            }
            Command::ChangeClass { change } => self.change_class(class, change),
            Command::CancelClass { with_enrollments } => {
                self.alive()?;
                let living = class.enrollments.iter().filter(|one| one.lives()).count();
                if living > 0 && !with_enrollments {
                    let living = u32::try_from(living).unwrap();
                    return Err(Rejection::HasEnrollments { living }.into());
                }
                Ok(vec![Change::SaleStateSet { state: SaleState::Cancelled }])
            }
            other => unreachable!("{other:?}"),
        }
    }

    fn recruits(&self) -> Result<(), Rejection> {
        let window = self.windows(ProductId(0))[0];
        let opens_at = window.start;
        match self.state {
            SaleState::Cancelled => return Err(Rejection::Cancelled),
            SaleState::Scheduled => return Err(Rejection::RecruitmentNotOpen { opens_at }),
            SaleState::Paused | SaleState::Closed => {
                return Err(Rejection::RecruitmentOver { ended_at: None });
            }
            SaleState::Open => {}
        }
        if opens_at.is_some_and(|start| self.at < start) {
            return Err(Rejection::RecruitmentNotOpen { opens_at });
        }
        match window.end {
            Some(end) if self.at >= end => Err(Rejection::RecruitmentOver { ended_at: Some(end) }),
            _ => Ok(()),
        }
    }

    fn living(
        class: &Class,
        id: EnrollmentId,
        by: Requester,
        version: Option<u32>,
    ) -> Result<&Enrollment, Rejection> {
        let one = class.find(id).filter(|one| match by {
            Requester::Customer(customer) => customer == one.customer,
            Requester::Admin => true,
        });
        let one = one.ok_or(Rejection::EnrollmentNotFound)?;
        if version.is_some_and(|version| version != one.version) {
            return Err(Rejection::VersionConflict { current: one.version });
        }
        if one.lives() { Ok(one) } else { Err(wrong()) }
    }

    /// The end of the place or offer of an enrollment.
    fn gives_back(&self, one: &Enrollment, by: Requester) -> Answer {
        match one.status {
            EnrollmentStatus::Approved => {
                let reservation = one.id.reservation();
                self.decide_reservation(&Command::CancelReservation { reservation, by })
            }
            EnrollmentStatus::Offered => Ok(vec![Change::HoldReleased { hold: one.id.offer() }]),
            _ => Ok(Vec::new()),
        }
    }

    fn left(&self, class: &Class) -> Left {
        let line = u32::try_from(class.line.len()).unwrap();
        Left { free: self.free_now(), line, next_rank: class.next_rank() }
    }

    fn judge_all(&self, class: &Class, verdicts: &[Verdict]) -> Answer {
        self.alive()?;
        let ids: Vec<_> = verdicts.iter().map(|verdict| verdict.enrollment).collect();
        if verdicts.is_empty() || has_twice(&ids) {
            return Ok(vec![invalid()?]);
        }
        let (mut left, mut changes) = (self.left(class), Vec::new());
        for verdict in verdicts {
            match self.judge(class, verdict, &mut left) {
                Ok(decided) => changes.extend(decided),
                Err(No::Because(rejection)) => {
                    let (enrollment, rejection) = (verdict.enrollment, Box::new(rejection));
                    changes.push(Change::VerdictRefused { enrollment, rejection });
                }
                Err(No::Already(_)) => unreachable!("a verdict has no key"),
            }
        }
        Ok(changes)
    }

    fn judge(&self, class: &Class, verdict: &Verdict, left: &mut Left) -> Answer {
        use EnrollmentStatus::{Applied, Approved, Canceled, Offered, Rejected, Waitlisted};
        let one = class.find(verdict.enrollment).ok_or(Rejection::EnrollmentNotFound)?;
        if verdict.version.is_some_and(|version| version != one.version) {
            return Err(Rejection::VersionConflict { current: one.version }.into());
        }
        let is_newest = class.last_of(one.customer).unwrap().id == one.id;
        if one.status == Canceled || one.status == Rejected && (one.is_spent || !is_newest) {
            return Err(wrong().into());
        }
        let reason = verdict.reason;
        let (enrollment, customer, moved) = (one.id, one.customer, one.moved());
        let free = match left.line {
            0 => left.free,
            line if self.line_moves() => left.free.saturating_sub(line),
            _ => 0,
        };
        let wants_place = matches!(verdict.ruling, Ruling::Approve | Ruling::ApproveOrWaitlist);
        match (verdict.ruling, one.status) {
            (Ruling::Reject, Rejected) => return Err(wrong().into()),
            (Ruling::Reject, _) => {
                let mut changes = self.gives_back(one, Requester::Admin)?;
                left.free += u32::from(matches!(one.status, Approved | Offered));
                left.line -= u32::from(one.status == Waitlisted);
                changes.push(Change::EnrollmentRejected { enrollment, customer, reason, moved });
                return Ok(changes);
            }
            (_, Approved) => return Err(wrong().into()),
            (_, Offered) if wants_place => {
                return Ok(vec![self.approval(one, Approval::Decided { reason })]);
            }
            _ if wants_place && free > 0 => {
                left.free -= 1;
                return Ok(vec![self.approval(one, Approval::Decided { reason })]);
            }
            _ => {}
        }
        if verdict.ruling == Ruling::Approve {
            return Err(Rejection::NoPlacesLeft { left: 0 }.into());
        }
        if !matches!(one.status, Applied | Rejected) {
            return Err(wrong().into());
        }
        if free > 0 {
            return Err(Rejection::PlacesLeft { left: free }.into());
        }
        if left.line >= class.rules.waitlist {
            let full = class.rules.waitlist > 0;
            return Err(Rejection::WaitlistUnavailable { full }.into());
        }
        let rank = left.next_rank;
        left.line += 1;
        left.next_rank += 1_048_576;
        Ok(vec![Change::EnrollmentWaitlisted { enrollment, customer, rank, reason, moved }])
    }

    fn change_class(&self, class: &Class, change: &ClassChange) -> Answer {
        let mut changes = self.change_offering(&change.terms)?;
        let counts = self.counts(ProductId(0));
        let product = ProductId(0);
        if let Some(total) = change.capacity
            && total != counts.total
        {
            if total == 0 {
                return Ok(vec![invalid()?]);
            }
            let taken = counts.held + counts.sold + counts.blocked;
            if total < taken {
                return Err(Rejection::BelowTaken { taken }.into());
            }
            changes.push(Change::Resized { product, total });
        }
        if let Some(price) = change.fee
            && price != self.product(product).price
        {
            if price < 0 {
                return Ok(vec![invalid()?]);
            }
            changes.push(Change::Repriced { product, price });
        }
        if let Some(rules) = change.rules
            && rules != class.rules
        {
            if rules.offer_ttl_ms < 60_000 || rules.pay_window_ms < 60_000 {
                return Ok(vec![invalid()?]);
            }
            if rules.selection != class.rules.selection && !class.enrollments.is_empty() {
                return Err(Rejection::SelectionFrozen.into());
            }
            changes.push(Change::ClassRulesSet { rules });
        }
        Ok(changes)
    }

    /// The end of an enrollment that has neither place nor offer, of a customer who leaves.
    pub(super) fn undecided(&self, customer: UserId) -> Option<Change> {
        let last = self.class.as_ref()?.last_of(customer)?;
        let waits = matches!(last.status, EnrollmentStatus::Applied | EnrollmentStatus::Waitlisted);
        let (enrollments, cause) = (vec![last.canceled()], CancelCause::AccountClosed);
        waits.then_some(Change::EnrollmentsCanceled { enrollments, cause, reason: None })
    }

    /// A place paid late comes back only to a customer without a living enrollment.
    pub(super) fn has_none_living(&self, customer: UserId) -> bool {
        let last = self.class.as_ref().and_then(|class| class.last_of(customer));
        last.is_none_or(|last| !last.lives())
    }
}

fn has_twice(ids: &[EnrollmentId]) -> bool {
    ids.iter().enumerate().any(|(nth, id)| ids[..nth].contains(id))
}
