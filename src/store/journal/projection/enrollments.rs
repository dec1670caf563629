//! Turns the changes of a class into its rows. Every number follows from the changes alone, which name
//! the status before.

use serde_json::json;

use crate::ids::{AnswersId, EnrollmentId, ReasonId, UserId};
use crate::inventory::{Approval, Change, EnrollmentStatus, Entered, Line, Moved, TimestampMs};
use crate::journal::messages::{self, cause_name};
use crate::store::journal::projection::class_rows::{
    EnrollmentChange, Lined, Logged, Reasoned, column,
};
use crate::store::journal::projection::{NewReservation, Projection};
use crate::store::states::{ReservationState, attendance_name};

impl Projection {
    /// Adds a change of a class. `by` is the administrator who asked for it, if one did.
    pub(super) fn take_of_class(&mut self, change: &Change, by: Option<UserId>) {
        match change {
            Change::ClassRulesSet { rules } => self.class.rules = Some(*rules),
            Change::Enrolled { enrollment, customer, answers, into } => {
                self.enrolled(*enrollment, *customer, *answers, *into);
            }
            Change::AnswersReplaced { enrollment, customer, answers, version } => {
                let row = self.enrollment(*enrollment, *version);
                row.answers = Some(*answers);
                self.note(0, *enrollment, Some(*customer), "ANSWERS_CHANGED", None, None);
            }
            Change::EnrollmentApproved { enrollment, customer, line, pay_by, how, moved } => {
                self.approved(*enrollment, (*customer, by), line, *pay_by, *how, *moved);
            }
            Change::EnrollmentWaitlisted { enrollment, rank, reason, moved, .. } => {
                self.moved(*enrollment, *moved, EnrollmentStatus::Waitlisted);
                self.decided(*enrollment, by, *reason, None);
                let line = Lined { rank: Some(*rank), offer_expires_at: None };
                self.enrollment(*enrollment, moved.version).line = Some(line);
                self.class.happened[2] += 1;
                self.note(0, *enrollment, by, "WAITLISTED", None, *reason);
                self.tell_of(0, "enrollment.waitlisted", *enrollment);
            }
            Change::PlaceOffered { enrollment, expires_at, moved, .. } => {
                self.moved(*enrollment, *moved, EnrollmentStatus::Offered);
                let at = self.at;
                let row = self.enrollment(*enrollment, moved.version);
                row.line = Some(Lined { rank: None, offer_expires_at: Some(*expires_at) });
                row.promoted_at = Some(at);
                self.note(0, *enrollment, None, "OFFERED", None, None);
                self.tell_of(0, "enrollment.offered", *enrollment);
            }
            Change::EnrollmentRejected { enrollment, reason, moved, .. } => {
                self.moved(*enrollment, *moved, EnrollmentStatus::Rejected);
                self.decided(*enrollment, by, *reason, Some("REJECT"));
                self.class.happened[3] += 1;
                self.note(0, *enrollment, by, "REJECTED", None, *reason);
                self.tell_of(0, "enrollment.rejected", *enrollment);
            }
            Change::EnrollmentsCanceled { enrollments, cause, reason } => {
                for (offset, one) in (0..).zip(enrollments) {
                    self.moved(one.enrollment, one.moved, EnrollmentStatus::Canceled);
                    let (at, cause) = (self.at, cause_name(*cause));
                    let row = self.enrollment(one.enrollment, one.moved.version);
                    row.reason = Some(Reasoned {
                        reason: *reason,
                        kind: Some("CANCEL"),
                        cause: Some(cause),
                        canceled_at: Some(at),
                    });
                    self.class.happened[4] += 1;
                    let is_own = matches!(cause, "CUSTOMER" | "ACCOUNT_CLOSED");
                    let actor = if is_own { Some(one.customer) } else { by };
                    let detail = Some(cause.to_owned());
                    self.note(offset, one.enrollment, actor, "CANCELED", detail, *reason);
                    self.tell_of(offset, "enrollment.canceled", one.enrollment);
                }
            }
            Change::EnrollmentRevived { enrollment, customer, moved } => {
                self.moved(*enrollment, *moved, EnrollmentStatus::Approved);
                let row = self.enrollment(*enrollment, moved.version);
                row.reason = Some(Reasoned::default());
                self.note(0, *enrollment, Some(*customer), "PAID_LATE", None, None);
                self.tell_of(0, "enrollment.approved", *enrollment);
            }
            Change::WaitlistMoved { enrollment, rank, reason, version } => {
                let row = self.enrollment(*enrollment, *version);
                row.line = Some(Lined { rank: Some(*rank), offer_expires_at: None });
                self.note(0, *enrollment, by, "MOVED_UP", None, Some(*reason));
            }
            Change::AttendanceRecorded { enrollment, attendance, version } => {
                self.enrollment(*enrollment, *version).attendance = Some(*attendance);
                let detail = attendance.map(|mark| attendance_name(mark).to_owned());
                self.note(0, *enrollment, by, "ATTENDANCE", detail, None);
            }
            other => unreachable!("not a change of a class: {other:?}"),
        }
    }

    fn enrolled(
        &mut self,
        id: EnrollmentId,
        customer: UserId,
        answers: Option<AnswersId>,
        into: Entered,
    ) {
        let (status, rank, version) = match into {
            Entered::Applied => (EnrollmentStatus::Applied, None, 1),
            // The approval makes version 1.
            Entered::Approved => (EnrollmentStatus::Applied, None, 0),
            Entered::Waitlisted { rank } => (EnrollmentStatus::Waitlisted, Some(rank), 1),
        };
        self.class.counts[column(status)] += 1;
        self.class.happened[0] += 1;
        let row = self.enrollment(id, version);
        row.created = Some(customer);
        row.status = Some(status);
        row.answers = answers;
        row.line = Some(Lined { rank, offer_expires_at: None });
        match into {
            Entered::Applied => self.tell_of(0, "enrollment.applied", id),
            Entered::Waitlisted { .. } => {
                self.class.happened[2] += 1;
                self.tell_of(0, "enrollment.waitlisted", id);
            }
            Entered::Approved => {}
        }
    }

    fn approved(
        &mut self,
        id: EnrollmentId,
        (customer, by): (UserId, Option<UserId>),
        line: &Line,
        pay_by: Option<TimestampMs>,
        how: Approval,
        moved: Moved,
    ) {
        self.moved(id, moved, EnrollmentStatus::Approved);
        let at = self.at;
        // Who asked for the transition has decided nothing about those whom it promotes.
        let (actor, decided_by, reason, detail) = match how {
            Approval::Decided { reason } => (by, by, reason, None),
            Approval::Accepted => (Some(customer), None, None, Some("ACCEPTED")),
            Approval::Promoted => (None, None, None, Some("PROMOTED")),
            Approval::FirstCome => (None, None, None, None),
        };
        self.decided(id, decided_by, reason, None);
        let row = self.enrollment(id, moved.version);
        row.line = Some(Lined::default());
        let kind = match how {
            Approval::Promoted => {
                row.promoted_at = Some(at);
                "enrollment.promoted"
            }
            Approval::FirstCome | Approval::Decided { .. } | Approval::Accepted => {
                "enrollment.approved"
            }
        };
        self.class.happened[1] += 1;
        if how != Approval::FirstCome {
            self.note(0, id, actor, "APPROVED", detail.map(str::to_owned), reason);
        }
        self.reserve(id, customer, line, pay_by);
        self.tell_of(0, kind, id);
    }

    /// The reservation of the place, with its ticket if nothing is to be paid.
    fn reserve(
        &mut self,
        id: EnrollmentId,
        customer: UserId,
        line: &Line,
        pay_by: Option<TimestampMs>,
    ) {
        let lines = std::slice::from_ref(line);
        let text = serde_json::to_string(lines).expect("lines hold only encodable types");
        let (hold, total_price) = (id.offer(), line.unit_price);
        let at = self.at;
        let row = self.reservation(id.reservation());
        row.created = Some(NewReservation { customer, hold, total_price, lines: text });
        row.pay_by = Some(pay_by.unwrap_or(at));
        row.state = Some(match pay_by {
            Some(_) => ReservationState::PaymentPending,
            None => ReservationState::Confirmed,
        });
        if pay_by.is_none() {
            self.issue_tickets(id.reservation(), customer, lines);
        }
    }

    fn decided(
        &mut self,
        id: EnrollmentId,
        by: Option<UserId>,
        reason: Option<ReasonId>,
        kind: Option<&'static str>,
    ) {
        let at = self.at;
        let row = self.class.enrollments.entry(id).or_default();
        row.decided_at = Some(at);
        row.decided_by = by.or(row.decided_by);
        row.reason = Some(Reasoned { reason, kind, ..Reasoned::default() });
    }

    fn enrollment(&mut self, id: EnrollmentId, version: u32) -> &mut EnrollmentChange {
        let row = self.class.enrollments.entry(id).or_default();
        row.version = version;
        row
    }

    fn moved(&mut self, id: EnrollmentId, moved: Moved, into: EnrollmentStatus) {
        self.class.counts[column(moved.from)] -= 1;
        self.class.counts[column(into)] += 1;
        let row = self.enrollment(id, moved.version);
        row.status = Some(into);
        row.line = Some(Lined::default());
    }

    fn note(
        &mut self,
        offset: u32,
        enrollment: EnrollmentId,
        actor: Option<UserId>,
        action: &'static str,
        detail: Option<String>,
        reason: Option<ReasonId>,
    ) {
        let position = self.position + offset;
        self.class.log.push(Logged { position, enrollment, actor, action, detail, reason });
    }

    fn tell_of(&mut self, offset: u32, kind: &'static str, id: EnrollmentId) {
        debug_assert!(messages::KINDS.contains(&kind));
        self.tell_at(offset, kind, &json!({ "enrollmentId": id }));
    }
}
