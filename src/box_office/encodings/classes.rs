//! What the journal, commands and snapshots hold of classes.

use super::{Sample, check_pinned, every, id};
use crate::ids::{EnrollmentId, ReasonId, UserId};
use crate::inventory::{
    Approval, Attendance, CancelCause, CanceledEnrollment, ClassChange, ClassRules,
    EnrollmentStatus, Entered, Moved, OfferingChange, Promotion, Ruling, SaleState, Selection,
    Verdict,
};

pub(super) const ENROLLMENT: EnrollmentId = EnrollmentId(uuid::Uuid::from_bytes([0x21; 16]));
pub(super) const REASON: ReasonId = ReasonId(uuid::Uuid::from_bytes([0x22; 16]));

pub(super) fn rules() -> ClassRules {
    ClassRules {
        selection: Selection::Review,
        waitlist: 30,
        promotion: Promotion::Offer,
        offer_ttl_ms: 86_400_000,
        pay_window_ms: 172_800_000,
        allow_reapply: true,
    }
}

pub(super) fn moved() -> Moved {
    Moved { from: EnrollmentStatus::Waitlisted, version: 3 }
}

pub(super) fn canceled() -> Vec<CanceledEnrollment> {
    let customer = UserId(id(4));
    let other = Moved { from: EnrollmentStatus::Offered, version: 300 };
    vec![
        CanceledEnrollment { enrollment: ENROLLMENT, customer, moved: moved() },
        CanceledEnrollment { enrollment: EnrollmentId(id(0x23)), customer, moved: other },
    ]
}

pub(super) fn verdict() -> Verdict {
    let (ruling, reason, version) = (Ruling::ApproveOrWaitlist, Some(REASON), Some(3));
    Verdict { enrollment: ENROLLMENT, ruling, reason, version }
}

pub(super) fn change() -> ClassChange {
    ClassChange {
        capacity: Some(250),
        fee: Some(30_000),
        rules: Some(rules()),
        terms: OfferingChange { state: Some(SaleState::Open), ..OfferingChange::default() },
    }
}

#[test]
fn the_parts_of_classes_keep_their_bytes() {
    let mut samples = Vec::new();
    let mut pin = |named: Vec<Sample>| samples.extend(named);
    macro_rules! pin_all {
        ($($named:expr),+ $(,)?) => {
            $(pin($named.iter().flat_map(|(name, value)| {
                [Sample::of(name, value), Sample::json(name, value)]
            }).collect());)+
        };
    }
    let reason = Some(REASON);
    pin_all!(
        every!(Selection { FirstCome, Review }),
        every!(Promotion { Auto, Offer }),
        every!(EnrollmentStatus { Applied, Waitlisted, Offered, Approved, Rejected, Canceled }),
        every!(Entered { Applied, Waitlisted { rank: -1_048_576 }, Approved }),
        every!(Approval { FirstCome, Decided { reason }, Promoted, Accepted }),
        every!(CancelCause {
            Customer,
            Admin,
            Unpaid,
            OfferExpired,
            ClassCancelled,
            AccountClosed,
        }),
        every!(Attendance { Present, Late, Absent }),
        every!(Ruling { Approve, ApproveOrWaitlist, Waitlist, Reject }),
        [("ClassRules", rules())],
        [("Moved", moved())],
        [("CanceledEnrollment", canceled()[1])],
        [("Verdict", verdict())],
        [("ClassChange", change())],
    );
    check_pinned(&samples, "src/box_office/encodings/classes.txt", include_str!("classes.txt"));
}
