//! The rows of a class as values: what a batch leaves of each enrollment, the numbers that change, and
//! who did what.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use uuid::Uuid;

use crate::ids::{AnswersId, EnrollmentId, ReasonId, UserId};
use crate::inventory::{Attendance, ClassRules, EnrollmentStatus, TimestampMs};
use crate::store::states::{attendance_name, enrollment_status, promotion_name, selection_name};

/// An hour in milliseconds.
const HOUR_MS: i64 = 3_600_000;

/// All rows that a batch writes of a class.
#[derive(Debug, Default)]
pub(crate) struct ClassRows {
    pub(super) enrollments: BTreeMap<EnrollmentId, EnrollmentChange>,
    pub(super) rules: Option<ClassRules>,
    /// By status, in the order of `column`.
    pub(super) counts: [i64; 5],
    /// Applications, approvals, waitlistings, rejections, cancellations.
    pub(super) happened: [i64; 5],
    pub(super) log: Vec<Logged>,
}

/// What a batch changes of an enrollment; `None` leaves a column as it is.
#[derive(Debug, Default)]
pub(super) struct EnrollmentChange {
    pub(super) created: Option<UserId>,
    pub(super) status: Option<EnrollmentStatus>,
    pub(super) version: u32,
    pub(super) answers: Option<AnswersId>,
    pub(super) reason: Option<Reasoned>,
    pub(super) line: Option<Lined>,
    pub(super) promoted_at: Option<TimestampMs>,
    pub(super) attendance: Option<Option<Attendance>>,
    pub(super) decided_at: Option<TimestampMs>,
    pub(super) decided_by: Option<UserId>,
}

/// The reason of the present status.
#[derive(Debug, Default)]
pub(super) struct Reasoned {
    pub(super) reason: Option<ReasonId>,
    pub(super) kind: Option<&'static str>,
    pub(super) cause: Option<&'static str>,
    pub(super) canceled_at: Option<TimestampMs>,
}

/// The place in line, or the offer.
#[derive(Debug, Default)]
pub(super) struct Lined {
    pub(super) rank: Option<i64>,
    pub(super) offer_expires_at: Option<TimestampMs>,
}

#[derive(Debug)]
pub(super) struct Logged {
    pub(super) position: u32,
    pub(super) enrollment: EnrollmentId,
    pub(super) actor: Option<UserId>,
    pub(super) action: &'static str,
    pub(super) detail: Option<String>,
    pub(super) reason: Option<ReasonId>,
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
pub(super) fn column(status: EnrollmentStatus) -> usize {
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
