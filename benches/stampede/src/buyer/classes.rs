//! The steps of those who apply for classes.

use uuid::Uuid;

use super::answers::{EnrollmentData, read};
use super::steps::Buyer;
use super::{Known, LOOK_EVERY, WAITLIST_LOOKS, done};
use crate::ledger::{Answered, Asked};
use crate::measure::Op;

/// An enrollment of the buyer.
pub(super) struct Enrolled {
    enrollment: Uuid,
    /// True if it waits in line.
    waits: bool,
}

impl Buyer<'_> {
    /// Applies; returns `None` when the application was refused.
    pub(super) async fn apply(&mut self) -> Option<Enrolled> {
        let number = self.worker.number();
        self.apply_under(number).await
    }

    /// Applies under a new key, and records the answer.
    async fn apply_under(&mut self, number: u64) -> Option<Enrolled> {
        let entry = self.worker.note(self.number, self.event, number, Asked::Apply);
        let known = self.send_application(number).await;
        let enrolled = self.read_enrollment(&known);
        let answered = match (&known, &enrolled) {
            (Known::Success(_), Some(Enrolled { enrollment, waits })) => {
                Answered::Enrolled { enrollment: *enrollment, waits: *waits }
            }
            (Known::Success(_), None) => Answered::Unknown,
            (Known::Refused(_) | Known::Unknown, _) => done(&known),
        };
        self.worker.answered(entry, answered);
        enrolled
    }

    /// Sends the same application twice under one key: both answers must name the same enrollment.
    pub(super) async fn apply_again(&mut self) {
        let number = self.worker.number();
        let Some(first) = self.apply_under(number).await else { return };
        let known = self.send_application(number).await;
        let Known::Success(_) = known else { return };
        let second = self.read_enrollment(&known).map(|enrolled| enrolled.enrollment);
        if second != Some(first.enrollment) {
            self.worker.violation(format!(
                "key {} was answered with enrollment {} first and then with {second:?}",
                self.worker.plan.header.key(number),
                first.enrollment,
            ));
        }
    }

    /// Applies under two keys: the second application must be refused.
    pub(super) async fn apply_twice(&mut self) {
        let Some(first) = self.apply().await else { return };
        if let Some(second) = self.apply().await {
            self.worker.violation(format!(
                "a buyer with enrollment {} got {} too",
                first.enrollment, second.enrollment
            ));
        }
    }

    /// Applies and, after a while, cancels.
    pub(super) async fn withdraw(&mut self) {
        let Some(enrolled) = self.apply().await else { return };
        self.think(LOOK_EVERY).await;
        self.unenroll(&enrolled).await;
    }

    /// Applies and, in line, reads its place until it has one; cancels when it has waited in vain.
    pub(super) async fn queue(&mut self) {
        let Some(enrolled) = self.apply().await else { return };
        if !enrolled.waits {
            return;
        }
        for _ in 0..WAITLIST_LOOKS {
            self.think(LOOK_EVERY * 2).await;
            if self.look_at_place(&enrolled).await == Some(false) {
                return;
            }
        }
        self.unenroll(&enrolled).await;
    }

    /// Reads the place in line; returns whether the enrollment waits.
    async fn look_at_place(&mut self, enrolled: &Enrolled) -> Option<bool> {
        let path = self.class_path(&format!("/{}", enrolled.enrollment));
        let known = self.ask(Op::LookAtEnrollment, "GET", &path, "", None, None).await;
        self.read_enrollment(&known).map(|enrolled| enrolled.waits)
    }

    async fn unenroll(&mut self, enrolled: &Enrolled) {
        let path = self.class_path(&format!("/{}", enrolled.enrollment));
        let asked = Asked::Unenroll { enrollment: enrolled.enrollment };
        let (known, entry) = self.change(Op::Unenroll, "DELETE", &path, "", asked).await;
        self.worker.answered(entry, done(&known));
    }

    fn class_path(&self, rest: &str) -> String {
        format!("/api/mclasses/{}/enrollments{rest}", self.worker.plan.events[self.event].id)
    }

    async fn send_application(&mut self, number: u64) -> Known {
        let path = self.class_path("");
        self.ask(Op::Apply, "POST", &path, "{}", Some(number), None).await
    }

    fn read_enrollment(&self, known: &Known) -> Option<Enrolled> {
        let Known::Success(answer) = known else { return None };
        let read = read::<EnrollmentData<'_>>(&answer.body).and_then(|data| {
            let EnrollmentData { id, status, waitlist_position, waitlist_total } = data;
            let waits = match (status, waitlist_position, waitlist_total) {
                ("APPROVED", None, None) => false,
                ("WAITLISTED", Some(position), Some(total)) if (1..=total).contains(&position) => {
                    true
                }
                other => return Err(format!("{id} is at {other:?}")),
            };
            Ok(Enrolled { enrollment: id, waits })
        });
        self.or_violation("enrollment", read)
    }
}
