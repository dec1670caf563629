//! Classes: the rules, and the types that the journal records of applications for them. Data only.
//!
//! Journalled and sent between instances: no type here ever gains, loses or reorders a field or a
//! variant, except that new variants are appended (`box_office/encodings.rs` pins the bytes).

use serde::{Deserialize, Serialize};

use super::definition::{Minor, TimestampMs};
use super::terms::OfferingChange;
use crate::ids::{EnrollmentId, ReasonId, UserId};

/// The most places of a class's waitlist.
pub const MAX_CLASS_WAITLIST: u32 = 100_000;
/// The most applications that one command decides.
pub const MAX_VERDICTS: usize = 1_000;
/// The most marks of attendance in one command.
pub const MAX_MARKS: usize = 1_000;

/// The rules by which a class takes applications.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClassRules {
    /// How applicants are selected; cannot change after the first application.
    pub selection: Selection,
    /// Places of the waitlist; 0 turns it off.
    pub waitlist: u32,
    /// How a free place goes to the first in line.
    pub promotion: Promotion,
    /// Time to take a place that is offered.
    pub offer_ttl_ms: i64,
    /// Time to pay the fee after the approval.
    pub pay_window_ms: i64,
    /// True if a customer whose enrollment has ended may apply again.
    pub allow_reapply: bool,
}

/// How applicants are selected.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Selection {
    /// First come, first served.
    FirstCome,
    /// An administrator decides each application.
    Review,
}

/// How a free place goes to the first in line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Promotion {
    /// The first in line is approved.
    Auto,
    /// The place is held for the first in line, who takes it until a deadline or loses it.
    Offer,
}

/// The status of an enrollment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum EnrollmentStatus {
    /// Waits for a decision; holds no place.
    Applied,
    /// Waits in line; holds no place.
    Waitlisted,
    /// A place is held until the customer takes it. The API says `WAITLISTED`.
    Offered,
    /// Has a place.
    Approved,
    /// Was rejected.
    Rejected,
    /// Has ended for another reason.
    Canceled,
}

impl EnrollmentStatus {
    /// True if the enrollment is not over.
    #[must_use]
    pub fn is_living(self) -> bool {
        match self {
            Self::Applied | Self::Waitlisted | Self::Offered | Self::Approved => true,
            Self::Rejected | Self::Canceled => false,
        }
    }
}

/// What becomes of a new application at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Entered {
    /// It waits for a decision.
    Applied,
    /// It waits in line at this rank.
    Waitlisted {
        /// Orders the line, the least first.
        rank: i64,
    },
    /// It gets a place; the approval follows in the same transition.
    Approved,
}

/// Why an enrollment was approved.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Approval {
    /// A place was free when the customer applied.
    FirstCome,
    /// An administrator approved it.
    Decided {
        /// In the administrator's words.
        reason: Option<ReasonId>,
    },
    /// A place became free for the first in line.
    Promoted,
    /// The customer took the place that was offered.
    Accepted,
}

/// Why an enrollment ended without being rejected.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum CancelCause {
    /// The customer cancelled it.
    Customer,
    /// An administrator cancelled it.
    Admin,
    /// The fee was not paid in time, or the payment failed for good.
    Unpaid,
    /// The offered place was not taken in time.
    OfferExpired,
    /// The class does not take place.
    ClassCancelled,
    /// The customer closed their account.
    AccountClosed,
}

/// The status before a change, and the version after it. Counters and lists follow from the change
/// alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Moved {
    /// The status before.
    pub from: EnrollmentStatus,
    /// The version from now on.
    pub version: u32,
}

/// One of several enrollments that ended together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CanceledEnrollment {
    /// The enrollment.
    pub enrollment: EnrollmentId,
    /// Its customer.
    pub customer: UserId,
    /// The status before, and the version.
    pub moved: Moved,
}

/// Whether a customer attended the class.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the names say it")]
pub enum Attendance {
    Present,
    Late,
    Absent,
}

/// A decision about one application.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Verdict {
    /// The application.
    pub enrollment: EnrollmentId,
    /// The decision.
    pub ruling: Ruling,
    /// The reason in words.
    pub reason: Option<ReasonId>,
    /// The version that the administrator saw; another one is refused.
    pub version: Option<u32>,
}

/// What an administrator decides.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Ruling {
    /// Give a place; refused if none is left.
    Approve,
    /// Give a place, or put on the waitlist if none is left.
    ApproveOrWaitlist,
    /// Put on the waitlist; refused while an approval would get a place.
    Waitlist,
    /// Reject; a place that it had is freed, and paid back.
    Reject,
}

/// The changes to a class, all or nothing; `None` leaves a field unchanged.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClassChange {
    /// Number of places; never below those taken.
    pub capacity: Option<u32>,
    /// The fee for new approvals.
    pub fee: Option<Minor>,
    /// The rules.
    pub rules: Option<ClassRules>,
    /// Recruitment, times and cancellation policy.
    pub terms: OfferingChange,
}

/// The state of one enrollment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the names say it")]
pub struct EnrollmentView {
    pub id: EnrollmentId,
    pub customer: UserId,
    pub status: EnrollmentStatus,
    pub version: u32,
    /// Orders the line, while the enrollment waits.
    pub rank: Option<i64>,
    /// True once it has had a place, or lost one that was offered: it gets no second one.
    pub had_place: bool,
    pub applied_at: TimestampMs,
    pub attendance: Option<Attendance>,
}
