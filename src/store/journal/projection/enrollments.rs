//! The rows of a class: enrollments, their numbers by status and by hour, and who did what. Every
//! number follows from the changes alone, which name the status before.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use uuid::Uuid;

use crate::ids::{AnswersId, EnrollmentId, ReasonId, UserId};
use crate::inventory::{
    Approval, Attendance, Change, ClassRules, EnrollmentStatus, Entered, Line, Moved, TimestampMs,
};
use crate::journal::messages::{self, cause_name};
use crate::store::journal::projection::{NewReservation, Projection};
use crate::store::states::{
    ReservationState, attendance_name, enrollment_status, promotion_name, selection_name,
};

/// An hour in milliseconds.
const HOUR_MS: i64 = 3_600_000;

/// All rows that a batch writes of a class.
#[derive(Debug, Default)]
pub(crate) struct ClassRows {
    enrollments: BTreeMap<EnrollmentId, EnrollmentChange>,
    rules: Option<ClassRules>,
    /// By status, in the order of [`column`].
    counts: [i64; 5],
    /// Applications, approvals, waitlistings, rejections, cancellations.
    happened: [i64; 5],
    log: Vec<Logged>,
}

/// What a batch changes of an enrollment; `None` leaves a column as it is.
#[derive(Debug, Default)]
struct EnrollmentChange {
    created: Option<UserId>,
    status: Option<EnrollmentStatus>,
    version: u32,
    answers: Option<AnswersId>,
    reason: Option<Reasoned>,
    line: Option<Lined>,
    promoted_at: Option<TimestampMs>,
    attendance: Option<Option<Attendance>>,
    decided_at: Option<TimestampMs>,
    decided_by: Option<UserId>,
}

/// The reason of the present status.
#[derive(Debug, Default)]
struct Reasoned {
    reason: Option<ReasonId>,
    kind: Option<&'static str>,
    cause: Option<&'static str>,
    canceled_at: Option<TimestampMs>,
}

/// The place in line, or the offer.
#[derive(Debug, Default)]
struct Lined {
    rank: Option<i64>,
    offer_expires_at: Option<TimestampMs>,
}

#[derive(Debug)]
struct Logged {
    position: u32,
    enrollment: EnrollmentId,
    actor: Option<UserId>,
    action: &'static str,
    detail: Option<String>,
    reason: Option<ReasonId>,
}

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

impl ClassRows {
    pub(crate) fn is_empty(&self) -> bool {
        self.enrollments.is_empty() && self.rules.is_none()
    }

    pub(crate) fn new_enrollments(&self) -> Vec<Value> {
        let new = self.enrollments.iter().filter(|(_, row)| row.created.is_some());
        new.map(|(id, row)| row.to_json(*id)).collect()
    }

    pub(crate) fn enrollment_changes(&self) -> Vec<Value> {
        let changed = self.enrollments.iter().filter(|(_, row)| row.created.is_none());
        changed.map(|(id, row)| row.to_json(*id)).collect()
    }

    pub(crate) fn rules(&self) -> Vec<Value> {
        let row = |rules: ClassRules| {
            json!({
                "selection": selection_name(rules.selection),
                "promotion": promotion_name(rules.promotion),
                "waitlist": rules.waitlist,
                "reapply": i32::from(rules.allow_reapply),
                "pay": rules.pay_window_ms,
                "offer": rules.offer_ttl_ms,
            })
        };
        self.rules.map(row).into_iter().collect()
    }

    pub(crate) fn counts(&self) -> Vec<Value> {
        match self.counts.iter().any(|count| *count != 0) {
            true => vec![json!(self.counts)],
            false => Vec::new(),
        }
    }

    pub(crate) fn hours(&self, at: TimestampMs) -> Vec<Value> {
        let [applications, approvals, waitlistings, rejections, cancellations] = self.happened;
        let hour = at.div_euclid(HOUR_MS);
        match self.happened.iter().any(|count| *count != 0) {
            true => vec![json!([
                hour,
                applications,
                approvals,
                waitlistings,
                rejections,
                cancellations
            ])],
            false => Vec::new(),
        }
    }

    pub(crate) fn log(&self, seq: i64) -> Vec<Value> {
        let row = |row: &Logged| {
            json!({
                "seq": seq,
                "position": row.position,
                "id": hex(row.enrollment.0),
                "actor": row.actor.map(|actor| hex(actor.0)),
                "action": row.action,
                "detail": row.detail,
                "reason": row.reason.map(|reason| hex(reason.0)),
            })
        };
        self.log.iter().map(row).collect()
    }
}

impl EnrollmentChange {
    fn to_json(&self, id: EnrollmentId) -> Value {
        let (reason, line) = (self.reason.as_ref(), self.line.as_ref());
        json!({
            "id": hex(id.0),
            "user": self.created.map(|user| hex(user.0)),
            "status": self.status.map(enrollment_status),
            "version": self.version,
            "answers": self.answers.map(|answers| hex(answers.0)),
            "reasoned": reason.is_some(),
            "reason": reason.and_then(|found| found.reason).map(|reason| hex(reason.0)),
            "reason_type": reason.and_then(|found| found.kind),
            "cause": reason.and_then(|found| found.cause),
            "canceled": reason.and_then(|found| found.canceled_at),
            "lined": line.is_some(),
            "rank": line.and_then(|found| found.rank),
            "offer": line.and_then(|found| found.offer_expires_at),
            "promoted": self.promoted_at,
            "attended": self.attendance.is_some(),
            "attendance": self.attendance.flatten().map(attendance_name),
            "decided": self.decided_at,
            "decided_by": self.decided_by.map(|by| hex(by.0)),
        })
    }
}

/// The column of a status among the counts: an offered place is not taken yet.
fn column(status: EnrollmentStatus) -> usize {
    match status {
        EnrollmentStatus::Applied => 0,
        EnrollmentStatus::Approved => 1,
        EnrollmentStatus::Waitlisted | EnrollmentStatus::Offered => 2,
        EnrollmentStatus::Rejected => 3,
        EnrollmentStatus::Canceled => 4,
    }
}

fn hex(id: Uuid) -> String {
    id.simple().to_string()
}
