//! Folds the changes of a class: applications, decisions, the line, attendance.

use super::apply::{Applied, violation};
use super::cancelled::CancelledTickets;
use super::claim::{Claim, Kind, Lines, Reservation, State};
use super::class::{
    CancelCause, ClassRules, EnrollmentStatus, EnrollmentView, Entered, MAX_CLASS_WAITLIST, Moved,
};
use super::enrollments::Class;
use super::{Change, Inventory, Line, TimestampMs, Violation};
use crate::ids::EnrollmentId;
use crate::inventory::decide_class::PLACES;

impl Inventory {
    pub(super) fn apply_class(&mut self, change: &Change) -> Applied {
        match change {
            Change::ClassRulesSet { rules } => self.set_rules(*rules),
            Change::Enrolled { enrollment, customer, into, .. } => {
                let (status, rank) = match into {
                    // The approval follows.
                    Entered::Applied | Entered::Approved => (EnrollmentStatus::Applied, None),
                    Entered::Waitlisted { rank } => (EnrollmentStatus::Waitlisted, Some(*rank)),
                };
                let version = u32::from(*into != Entered::Approved);
                let (id, customer, applied_at) = (*enrollment, *customer, self.now);
                let (had_place, attendance) = (false, None);
                let new = EnrollmentView {
                    id,
                    customer,
                    status,
                    version,
                    rank,
                    had_place,
                    applied_at,
                    attendance,
                };
                if self.class_mut()?.enrollments.add(new) {
                    return Ok(());
                }
                violation(format!("{id} or its customer is enrolled already"))
            }
            Change::AnswersReplaced { enrollment, version, .. } => {
                let stays = Moved { from: EnrollmentStatus::Applied, version: *version };
                self.turn(*enrollment, stays, |_| {})
            }
            Change::EnrollmentApproved { enrollment, line, pay_by, moved, .. } => {
                self.approve(*enrollment, line, *pay_by, *moved)
            }
            Change::EnrollmentWaitlisted { enrollment, rank, moved, .. } => {
                let from = moved.from;
                if !matches!(from, EnrollmentStatus::Applied | EnrollmentStatus::Rejected) {
                    return violation(format!("{enrollment} cannot join the line"));
                }
                self.turn(*enrollment, *moved, |found| {
                    (found.status, found.rank) = (EnrollmentStatus::Waitlisted, Some(*rank));
                })
            }
            Change::PlaceOffered { enrollment, customer, line, expires_at, moved } => {
                if moved.from != EnrollmentStatus::Waitlisted {
                    return violation(format!("{enrollment} does not wait"));
                }
                self.turn(*enrollment, *moved, |found| {
                    (found.status, found.rank) = (EnrollmentStatus::Offered, None);
                })?;
                let lines = Lines::One(line.clone());
                self.place(enrollment.offer(), *customer, lines, *expires_at, true)
            }
            Change::EnrollmentRejected { enrollment, moved, .. } => {
                self.end_enrollment(*enrollment, *moved, EnrollmentStatus::Rejected)
            }
            Change::EnrollmentsCanceled { enrollments, cause, .. } => {
                let is_cancelled = self.sale_state == super::SaleState::Cancelled;
                if *cause == CancelCause::ClassCancelled && !is_cancelled {
                    return violation("the class takes place");
                }
                enrollments.iter().try_for_each(|one| {
                    self.end_enrollment(one.enrollment, one.moved, EnrollmentStatus::Canceled)
                })
            }
            Change::EnrollmentRevived { enrollment, moved, .. } => {
                self.revive_place(*enrollment, *moved)
            }
            Change::WaitlistMoved { enrollment, rank, version, .. } => {
                let stays = Moved { from: EnrollmentStatus::Waitlisted, version: *version };
                self.turn(*enrollment, stays, |found| found.rank = Some(*rank))
            }
            Change::AttendanceRecorded { enrollment, attendance, version } => {
                let stays = Moved { from: EnrollmentStatus::Approved, version: *version };
                self.turn(*enrollment, stays, |found| found.attendance = *attendance)
            }
            other => violation(format!("not a change of a class: {other:?}")),
        }
    }

    fn class_mut(&mut self) -> Result<&mut Class, Violation> {
        self.class.as_deref_mut().ok_or_else(|| Violation("this is no class".into()))
    }

    fn set_rules(&mut self, rules: ClassRules) -> Applied {
        let is_one_product = self.products.len() == 1 && !self.products[PLACES.index()].numbered;
        let windows = [rules.offer_ttl_ms, rules.pay_window_ms];
        if !is_one_product
            || rules.waitlist > MAX_CLASS_WAITLIST
            || windows.iter().any(|ms| *ms <= 0)
        {
            return violation("the rules do not fit a class");
        }
        match &mut self.class {
            Some(class) if class.rules.selection != rules.selection => {
                if class.enrollments.len() > 0 {
                    return violation("selectionType changes after the first application");
                }
                class.rules = rules;
            }
            Some(class) => class.rules = rules,
            None if self.claims.all() > 0 || self.waitlist.len() > 0 => {
                return violation("an event with claims becomes no class");
            }
            none => *none = Some(Box::new(Class::new(rules))),
        }
        Ok(())
    }

    /// Changes an enrollment that has the status, and the version before the one, that are stated.
    fn turn(
        &mut self,
        id: EnrollmentId,
        moved: Moved,
        change: impl FnOnce(&mut EnrollmentView),
    ) -> Applied {
        let enrollments = &mut self.class_mut()?.enrollments;
        let fits = enrollments.get(id).is_some_and(|found| {
            found.status == moved.from && found.version.checked_add(1) == Some(moved.version)
        });
        let done = fits
            && enrollments.update(id, |found| {
                found.version = moved.version;
                change(found);
            });
        if done { Ok(()) } else { violation(format!("{id} is not in the state of {moved:?}")) }
    }

    fn approve(
        &mut self,
        id: EnrollmentId,
        line: &Line,
        pay_by: Option<TimestampMs>,
        moved: Moved,
    ) -> Applied {
        let has_had_place = |found: &EnrollmentView| found.had_place;
        let found = self.class.as_ref().and_then(|class| class.enrollments.get(id));
        let is_offered = moved.from == EnrollmentStatus::Offered;
        if line.quantity != 1 || found.is_some_and(has_had_place) {
            return violation(format!("{id} has had a place, or gets several"));
        }
        let Some(customer) = found.map(|found| found.customer) else {
            return violation(format!("no enrollment {id}"));
        };
        self.turn(id, moved, |found| {
            (found.status, found.rank) = (EnrollmentStatus::Approved, None);
            found.had_place = true;
        })?;
        let pays_until = pay_by.unwrap_or(self.now);
        if is_offered {
            self.check_out(id.offer(), id.reservation(), pays_until)?;
        } else {
            self.reserve_place(id, customer, line, pays_until)?;
        }
        match pay_by {
            Some(_) => Ok(()),
            None => self.grant(id.reservation()),
        }
    }

    fn reserve_place(
        &mut self,
        id: EnrollmentId,
        customer: crate::ids::UserId,
        line: &Line,
        pay_by: TimestampMs,
    ) -> Applied {
        let state = State::Pending { pay_by, payment: None };
        let (checked_in, cancelled) = (0, CancelledTickets::default());
        let (id, window_end) = (id.reservation(), pay_by);
        let reservation = Reservation { id, state, window_end, checked_in, cancelled };
        let kind = Kind::Reservation(Box::new(reservation));
        let claim = Claim::new(customer, Lines::One(line.clone()), kind);
        let Some(slot) = self.claims.insert(claim) else {
            return violation(format!("{id} is in use"));
        };
        self.claims.push_deadline(pay_by, slot);
        self.live_reservations += 1;
        self.take_places(slot)
    }

    /// Ends an enrollment whose offer or place has ended before.
    fn end_enrollment(
        &mut self,
        id: EnrollmentId,
        moved: Moved,
        into: EnrollmentStatus,
    ) -> Applied {
        if !moved.from.is_living() || self.has_claim(id) {
            return violation(format!("{id} is over already, or has a place"));
        }
        self.turn(id, moved, |found| {
            (found.status, found.rank) = (into, None);
            // The offer's id is used up: a second offer would need another one.
            found.had_place |= moved.from == EnrollmentStatus::Offered;
        })
    }

    fn revive_place(&mut self, id: EnrollmentId, moved: Moved) -> Applied {
        let enrollments = &self.class_mut()?.enrollments;
        let has_another = enrollments
            .get(id)
            .and_then(|found| enrollments.last_of(found.customer))
            .is_some_and(|last| last.status.is_living());
        if moved.from != EnrollmentStatus::Canceled || has_another || !self.has_claim(id) {
            return violation(format!("{id} has no place again"));
        }
        self.turn(id, moved, |found| found.status = EnrollmentStatus::Approved)
    }

    /// True if the enrollment has an offer, or a reservation that lives.
    pub(super) fn has_claim(&self, id: EnrollmentId) -> bool {
        let reservation = self.claims.reservation(id.reservation());
        self.claims.hold(id.offer()).is_some()
            || reservation.is_some_and(|(claim, _)| claim.is_living())
    }

    /// Checks that enrollments and claims are each other's, by reading all of them.
    pub(super) fn check_class(&self) -> Applied {
        let Some(class) = &self.class else { return Ok(()) };
        let mut with_claims = 0;
        for found in class.enrollments.iter() {
            let waits = found.status == EnrollmentStatus::Waitlisted;
            let has_offer = self.claims.hold(found.id.offer()).is_some();
            let (offered, approved) = (
                found.status == EnrollmentStatus::Offered,
                found.status == EnrollmentStatus::Approved,
            );
            if waits != found.rank.is_some()
                || has_offer != offered
                || self.has_claim(found.id) != (offered || approved)
            {
                return violation(format!("{} is not what its claim says", found.id));
            }
            with_claims += usize::from(offered || approved);
        }
        let claims = self.claims.live_holds() + self.live_reservations as usize;
        if claims != with_claims {
            return violation(format!("{claims} claims for {with_claims} enrollments"));
        }
        let living = class.enrollments.iter().filter(|found| found.status.is_living()).count();
        let waiting = class.enrollments.count(EnrollmentStatus::Waitlisted);
        let counted = (class.enrollments.living() as usize, class.enrollments.waiting());
        if counted != (living, waiting) {
            return violation("enrollments are miscounted");
        }
        Ok(())
    }
}
