//! The naive model of a class: all enrollments in one list, the line in another.

use super::*;
use crate::ids::EnrollmentId;
use crate::inventory::{
    Approval, Attendance, CancelCause, CanceledEnrollment, ClassRules, EnrollmentStatus, Entered,
    Moved, Promotion,
};

/// The distance between two that join the line one after the other.
const STEP: i64 = 1_048_576;

#[derive(Clone, Debug)]
pub(in crate::inventory::tests) struct Class {
    pub(in crate::inventory::tests) rules: ClassRules,
    /// The one that came to life last is the last.
    pub(in crate::inventory::tests) enrollments: Vec<Enrollment>,
    /// From the front, with their ranks.
    pub(in crate::inventory::tests) line: Vec<(EnrollmentId, i64)>,
}

#[derive(Clone, Debug)]
pub(in crate::inventory::tests) struct Enrollment {
    pub(in crate::inventory::tests) id: EnrollmentId,
    pub(in crate::inventory::tests) customer: UserId,
    pub(in crate::inventory::tests) status: EnrollmentStatus,
    pub(in crate::inventory::tests) version: u32,
    pub(in crate::inventory::tests) applied_at: i64,
    pub(in crate::inventory::tests) attendance: Option<Attendance>,
    /// True if its offer was lost, or it has had a place.
    pub(in crate::inventory::tests) is_spent: bool,
}

impl Enrollment {
    pub(super) fn moved(&self) -> Moved {
        Moved { from: self.status, version: self.version + 1 }
    }

    pub(super) fn canceled(&self) -> CanceledEnrollment {
        let (enrollment, customer) = (self.id, self.customer);
        CanceledEnrollment { enrollment, customer, moved: self.moved() }
    }

    pub(super) fn lives(&self) -> bool {
        !matches!(self.status, EnrollmentStatus::Rejected | EnrollmentStatus::Canceled)
    }
}

impl Class {
    pub(super) fn find(&self, id: EnrollmentId) -> Option<&Enrollment> {
        self.enrollments.iter().find(|one| one.id == id)
    }

    pub(super) fn last_of(&self, customer: UserId) -> Option<&Enrollment> {
        self.enrollments.iter().rev().find(|one| one.customer == customer)
    }

    pub(super) fn next_rank(&self) -> i64 {
        self.line.last().map_or(0, |(_, rank)| rank + STEP)
    }

    /// The rank for a position from 1; `None` if there is none between its neighbours.
    pub(super) fn rank_at(&self, position: usize) -> Option<i64> {
        let behind = self.line[position - 1].1;
        if position == 1 {
            return Some(behind - STEP);
        }
        let ahead = self.line[position - 2].1;
        (behind - ahead > 1).then(|| ahead.midpoint(behind))
    }
}

impl Model {
    fn class_mut(&mut self) -> &mut Class {
        self.class.as_mut().unwrap()
    }

    /// Gives an enrollment another status; one that comes to life moves to the end of the list.
    fn turn(&mut self, id: EnrollmentId, moved: Moved, into: EnrollmentStatus) {
        let class = self.class_mut();
        let at = class.enrollments.iter().position(|one| one.id == id).unwrap();
        let mut one = class.enrollments.remove(at);
        assert_eq!((one.status, one.version + 1), (moved.from, moved.version), "{id}");
        let lived = one.lives();
        (one.status, one.version) = (into, moved.version);
        let at = if one.lives() && !lived { class.enrollments.len() } else { at };
        let lost_offer = moved.from == EnrollmentStatus::Offered && !one.lives();
        one.is_spent |= into == EnrollmentStatus::Approved || lost_offer;
        class.enrollments.insert(at, one);
        if into != EnrollmentStatus::Waitlisted {
            class.line.retain(|(waiting, _)| *waiting != id);
        }
    }

    pub(super) fn apply_class(&mut self, change: &Change) {
        match change {
            Change::ClassRulesSet { rules } => match &mut self.class {
                Some(class) => class.rules = *rules,
                none => {
                    let (enrollments, line) = (Vec::new(), Vec::new());
                    *none = Some(Class { rules: *rules, enrollments, line });
                }
            },
            Change::Enrolled { enrollment, customer, into, .. } => {
                let (status, version) = match into {
                    Entered::Applied => (EnrollmentStatus::Applied, 1),
                    Entered::Approved => (EnrollmentStatus::Applied, 0),
                    Entered::Waitlisted { .. } => (EnrollmentStatus::Waitlisted, 1),
                };
                let (id, customer, applied_at) = (*enrollment, *customer, self.at);
                let (attendance, is_spent) = (None, false);
                let new =
                    Enrollment { id, customer, status, version, applied_at, attendance, is_spent };
                let class = self.class_mut();
                class.enrollments.push(new);
                if let Entered::Waitlisted { rank } = into {
                    class.line.push((id, *rank));
                }
            }
            Change::AnswersReplaced { enrollment, version, .. } => {
                let same = EnrollmentStatus::Applied;
                self.turn(*enrollment, Moved { from: same, version: *version }, same);
            }
            Change::EnrollmentApproved { enrollment, customer, line, pay_by, moved, .. } => {
                self.approve((*enrollment, *customer), line, *pay_by, *moved);
            }
            Change::EnrollmentWaitlisted { enrollment, rank, moved, .. } => {
                self.turn(*enrollment, *moved, EnrollmentStatus::Waitlisted);
                self.class_mut().line.push((*enrollment, *rank));
            }
            Change::PlaceOffered { enrollment, customer, line, expires_at, moved } => {
                self.turn(*enrollment, *moved, EnrollmentStatus::Offered);
                let lines = vec![line.clone()];
                self.claim(enrollment.offer(), *customer, lines, *expires_at, true);
            }
            Change::EnrollmentRejected { enrollment, moved, .. } => {
                self.turn(*enrollment, *moved, EnrollmentStatus::Rejected);
            }
            Change::EnrollmentsCanceled { enrollments, .. } => {
                for one in enrollments {
                    self.turn(one.enrollment, one.moved, EnrollmentStatus::Canceled);
                }
            }
            Change::EnrollmentRevived { enrollment, moved, .. } => {
                self.turn(*enrollment, *moved, EnrollmentStatus::Approved);
            }
            Change::WaitlistMoved { enrollment, rank, version, .. } => {
                let same = EnrollmentStatus::Waitlisted;
                self.turn(*enrollment, Moved { from: same, version: *version }, same);
                let line = &mut self.class_mut().line;
                line.retain(|(waiting, _)| waiting != enrollment);
                line.push((*enrollment, *rank));
                line.sort_unstable_by_key(|(_, rank)| *rank);
            }
            Change::AttendanceRecorded { enrollment, attendance, version } => {
                let same = EnrollmentStatus::Approved;
                self.turn(*enrollment, Moved { from: same, version: *version }, same);
                let all = &mut self.class_mut().enrollments;
                all.iter_mut().find(|one| one.id == *enrollment).unwrap().attendance = *attendance;
            }
            other => unreachable!("{other:?}"),
        }
    }

    fn approve(
        &mut self,
        (id, customer): (EnrollmentId, UserId),
        line: &Line,
        pay_by: Option<i64>,
        moved: Moved,
    ) {
        self.turn(id, moved, EnrollmentStatus::Approved);
        let (hold, reservation) = (id.offer(), id.reservation());
        if moved.from == EnrollmentStatus::Offered {
            self.claims.retain(|claim| claim.hold != hold);
            self.ended.push((hold, customer, Ended::Otherwise, self.at));
        }
        let state = match pay_by {
            Some(pay_by) => {
                State::Pending { id: reservation, pay_by, window: pay_by, payment: None }
            }
            None => {
                let (place, used) = (self.place, Vec::new());
                State::Confirmed { id: reservation, payment: None, place, used }
            }
        };
        let (lines, bought, gone, refunded) = (vec![line.clone()], Vec::new(), Vec::new(), 0);
        self.claims.push(Claim { hold, customer, lines, state, bought, gone, refunded });
    }

    /// Adds what follows from the ends of offers and reservations.
    pub(super) fn with_consequences(
        &self,
        command: Option<&Command>,
        mut changes: Vec<Change>,
    ) -> Vec<Change> {
        let Some(class) = &self.class else { return changes };
        let acted = match changes.last() {
            Some(Change::ActedBy { .. }) => changes.pop(),
            _ => None,
        };
        let named: Vec<EnrollmentId> = changes.iter().flat_map(settled).collect();
        let ended: Vec<EnrollmentId> = changes.iter().flat_map(ended).collect();
        let mut unpaid: Vec<&Enrollment> = ended.iter().filter_map(|id| class.find(*id)).collect();
        unpaid.retain(|one| !named.contains(&one.id));
        let lapsed = unpaid.extract_if(.., |one| one.status == EnrollmentStatus::Offered);
        let lapsed: Vec<_> = lapsed.collect();
        let why = self.why(command);
        for (ends, cause) in [(lapsed, CancelCause::OfferExpired), (unpaid, CancelCause::Unpaid)] {
            if !ends.is_empty() {
                let (cause, reason) = (why.unwrap_or(cause), None);
                let enrollments = ends.into_iter().map(Enrollment::canceled).collect();
                changes.push(Change::EnrollmentsCanceled { enrollments, cause, reason });
            }
        }
        if let Some(Change::ReservationRevived { reservation }) = changes.first() {
            let one = class.find(EnrollmentId(reservation.0)).unwrap();
            let (enrollment, customer, moved) = (one.id, one.customer, one.moved());
            changes.insert(1, Change::EnrollmentRevived { enrollment, customer, moved });
        }
        changes.extend(acted);
        changes
    }

    /// The cause of what a command ends; `None` where it is a deadline or a failed payment.
    fn why(&self, command: Option<&Command>) -> Option<CancelCause> {
        match command {
            None => (self.state == SaleState::Cancelled).then_some(CancelCause::ClassCancelled),
            Some(Command::ByAdmin { command, .. }) => {
                Some(self.why(Some(command)).unwrap_or(CancelCause::Admin))
            }
            Some(Command::FailAndCancel { .. }) => None,
            Some(Command::EndClaims { .. }) => Some(CancelCause::AccountClosed),
            Some(Command::CancelReservation { by, .. } | Command::CancelTickets { by, .. }) => {
                Some(match by {
                    Requester::Customer(_) => CancelCause::Customer,
                    Requester::Admin => CancelCause::Admin,
                })
            }
            Some(_) => Some(CancelCause::Admin),
        }
    }

    /// True while free places go to the line.
    pub(super) fn line_moves(&self) -> bool {
        let has_started = self.times.is_some_and(|(starts, _)| starts <= self.at);
        self.state != SaleState::Cancelled && !has_started
    }

    pub(super) fn next_in_line(&self) -> Option<Change> {
        let class = self.class.as_ref()?;
        let (first, _) = class.line.first()?;
        if !self.line_moves() || self.counts(ProductId(0)).available == 0 {
            return None;
        }
        let one = class.find(*first).unwrap();
        let (enrollment, customer, moved) = (one.id, one.customer, one.moved());
        let line = self.line(ProductId(0), 1, Box::default(), Fit::Exact);
        Some(match class.rules.promotion {
            Promotion::Auto => self.approval(one, Approval::Promoted),
            Promotion::Offer => {
                let expires_at = self.at + class.rules.offer_ttl_ms;
                Change::PlaceOffered { enrollment, customer, line, expires_at, moved }
            }
        })
    }

    pub(super) fn approval(&self, one: &Enrollment, how: Approval) -> Change {
        let offer = self.claims.iter().find(|claim| {
            claim.hold == one.id.offer() && matches!(claim.state, State::Hold { .. })
        });
        let line = match offer {
            Some(offer) => offer.lines[0].clone(),
            None => self.line(ProductId(0), 1, Box::default(), Fit::Exact),
        };
        let window = self.class.as_ref().unwrap().rules.pay_window_ms;
        let pay_by = if line.unit_price == 0 { None } else { Some(self.at + window) };
        let (enrollment, customer, moved) = (one.id, one.customer, one.moved());
        Change::EnrollmentApproved { enrollment, customer, line, pay_by, how, moved }
    }

    /// All that is left of a cancelled class once its claims have ended.
    pub(super) fn rest_of_class(&self) -> Vec<Change> {
        let Some(class) = &self.class else { return Vec::new() };
        let mut living: Vec<_> = class.enrollments.iter().filter(|one| one.lives()).collect();
        living.sort_by_key(|one| (one.applied_at, one.id));
        let enrollments: Vec<_> = living.into_iter().map(Enrollment::canceled).collect();
        if enrollments.is_empty() {
            return Vec::new();
        }
        let cause = CancelCause::ClassCancelled;
        vec![Change::EnrollmentsCanceled { enrollments, cause, reason: None }]
    }
}

/// Enrollments whose end is among the changes already.
fn settled(change: &Change) -> Vec<EnrollmentId> {
    match change {
        Change::EnrollmentRejected { enrollment, .. } => vec![*enrollment],
        Change::EnrollmentsCanceled { enrollments, .. } => {
            enrollments.iter().map(|one| one.enrollment).collect()
        }
        _ => Vec::new(),
    }
}

/// Enrollments whose offer or reservation ends.
fn ended(change: &Change) -> Vec<EnrollmentId> {
    match change {
        Change::HoldReleased { hold } => vec![EnrollmentId(hold.0)],
        Change::HoldsExpired { holds } => holds.iter().map(|id| EnrollmentId(id.0)).collect(),
        Change::ReservationsExpired { reservations }
        | Change::ReservationsCancelled { reservations } => {
            reservations.iter().map(|id| EnrollmentId(id.0)).collect()
        }
        Change::ReservationCancelledFor { reservation, .. } => vec![EnrollmentId(reservation.0)],
        _ => Vec::new(),
    }
}
