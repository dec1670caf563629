//! The metrics of classes for Prometheus: every name with its help text.

use metrics::{counter, describe_counter, describe_gauge, gauge};

use crate::inventory::{Approval, Change, Entered};
use crate::store::ClassCounts;

const ENROLLMENTS: &str = "admitone_enrollments_total";
const CHANGES: &str = "admitone_enrollment_changes_total";
const NOW: &str = "admitone_enrollments";

const OUTCOMES: [&str; 4] = ["applied", "approved", "waitlisted", "refused"];
const ACTIONS: [&str; 9] = [
    "answers_changed",
    "approved",
    "waitlisted",
    "rejected",
    "canceled",
    "offered",
    "promoted",
    "moved_up",
    "attendance",
];

/// Registers names and help texts with the recorder, once at start.
pub fn describe() {
    describe_counter!(
        ENROLLMENTS,
        "Applications for classes that this instance answered, by outcome (applied, approved, waitlisted, refused)."
    );
    describe_counter!(
        CHANGES,
        "Changes of enrollments by commands that this instance answered, by action."
    );
    describe_gauge!(NOW, "Enrollments in all classes that were not deleted, by status.");
    // A counter that first appears with the value 1 has no rate to alert on.
    for outcome in OUTCOMES {
        counter!(ENROLLMENTS, "outcome" => outcome).absolute(0);
    }
    for action in ACTIONS {
        counter!(CHANGES, "action" => action).absolute(0);
    }
}

/// Counts an application that was refused.
pub(super) fn refused() {
    counter!(ENROLLMENTS, "outcome" => "refused").increment(1);
}

/// Counts the changes that a command caused.
pub(super) fn changes(changes: &[Change]) {
    for change in changes {
        if let Change::Enrolled { into, .. } = change {
            let outcome = match into {
                Entered::Applied => "applied",
                Entered::Approved => "approved",
                Entered::Waitlisted { .. } => "waitlisted",
            };
            counter!(ENROLLMENTS, "outcome" => outcome).increment(1);
            continue;
        }
        if let Some((action, times)) = action(change) {
            counter!(CHANGES, "action" => action).increment(times);
        }
    }
}

fn action(change: &Change) -> Option<(&'static str, u64)> {
    Some(match change {
        Change::AnswersReplaced { .. } => ("answers_changed", 1),
        Change::EnrollmentApproved { how: Approval::FirstCome, .. } => return None,
        Change::EnrollmentApproved { how: Approval::Promoted, .. } => ("promoted", 1),
        Change::EnrollmentApproved { .. } => ("approved", 1),
        Change::EnrollmentWaitlisted { .. } => ("waitlisted", 1),
        Change::EnrollmentRejected { .. } => ("rejected", 1),
        Change::EnrollmentsCanceled { enrollments, .. } => ("canceled", enrollments.len() as u64),
        Change::PlaceOffered { .. } => ("offered", 1),
        Change::WaitlistMoved { .. } => ("moved_up", 1),
        Change::AttendanceRecorded { .. } => ("attendance", 1),
        // Not changes of enrollments.
        _ => return None,
    })
}

/// Sets the numbers of enrollments by status. They are the same in every instance: they come from
/// the database.
#[expect(clippy::cast_precision_loss, reason = "there are far fewer enrollments than 2^52")]
pub fn measure(counts: &ClassCounts) {
    for (status, number) in [
        ("applied", counts.applied),
        ("approved", counts.approved),
        ("waitlisted", counts.waitlisted),
        ("rejected", counts.rejected),
        ("canceled", counts.canceled),
    ] {
        gauge!(NOW, "status" => status).set(number as f64);
    }
}
