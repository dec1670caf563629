//! Deliberate defects. The simulation's tests plant each of them to prove that they would detect
//! it. Without the feature `planted`, which only tests turn on, none can be planted and the checks
//! below are compiled out.

/// A defect that a programmer could introduce.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bug {
    /// An append takes the journal's current head as its predecessor and ignores the epoch.
    NoEpochInSwap,
    /// An append is accepted wherever the row before it exists.
    FenceByPredecessorAlone,
    /// An append of unknown outcome counts as lost because its row is not there yet.
    UnknownAppendResolvedByRereading,
    /// Commands are answered when they are decided, before the append.
    AckBeforeAppend,
    /// A forwarded command loses its idempotency key.
    LostIdempotencyKey,
    /// A hold is still valid in the very millisecond of its deadline.
    OffByOneExpiry,
    /// An owner goes into service without having appended a takeover.
    TakeoverWithoutRecord,
    /// A batch whose append failed is answered as if the append had succeeded.
    ReplyReleasedOnFailure,
    /// Information about an earlier owner replaces the known later owner.
    CacheGoesBackAnEpoch,
    /// A lease is released in the name of its current holder, whichever instance that is.
    ReleaseOfAnothersLease,
    /// A lease that has expired counts as renewed.
    RenewalAfterLoss,
    /// Commands that wait while an offering is handed over are dropped.
    HandoffDropsTheQueue,
    /// Freed places are offered to the waitlist one transition later.
    LateWaitlistOffer,
    /// A snapshot carries the position of the row before its last one.
    SnapshotAheadOfTail,
    /// Refusals are answered without a proof of ownership.
    RefusalWithoutProof,
    /// A view's delta is applied to another view.
    DeltaOnAnyView,
    /// A batch that changes nothing advances the state's time, and forgets entries that are then
    /// too old.
    RefusalMovesTime,
    /// A snapshot that does not fit is an error, instead of being skipped.
    SnapshotIsTrusted,
    /// A ticket that was cancelled can be cancelled again.
    TicketCancelledTwice,
    /// An applicant gets a place that is free while others wait in line.
    LineJumped,
    /// A free place goes to the last in line.
    LineFromTheBack,
    /// A decision about an application ignores the version that it was made for.
    VersionIgnored,
    /// An enrollment stays approved after its place was not paid in time.
    UnpaidStaysApproved,
    /// Places are held without a pass while a waiting room is on.
    HoldWithoutPass,
    /// A waiting room admits more than its limit of open sessions.
    ActiveLimitIgnored,
    /// A waiting room admits more than the places left are enough for.
    AdmitsBeyondStock,
    /// A waiting room admits faster than its rate.
    RateIgnored,
    /// A waiting room passes over some who wait in its line.
    LineSkipsOne,
}

impl Bug {
    /// All defects.
    pub const ALL: &[Self] = &[
        Self::NoEpochInSwap,
        Self::FenceByPredecessorAlone,
        Self::UnknownAppendResolvedByRereading,
        Self::AckBeforeAppend,
        Self::LostIdempotencyKey,
        Self::OffByOneExpiry,
        Self::TakeoverWithoutRecord,
        Self::ReplyReleasedOnFailure,
        Self::CacheGoesBackAnEpoch,
        Self::ReleaseOfAnothersLease,
        Self::RenewalAfterLoss,
        Self::HandoffDropsTheQueue,
        Self::LateWaitlistOffer,
        Self::SnapshotAheadOfTail,
        Self::RefusalWithoutProof,
        Self::DeltaOnAnyView,
        Self::RefusalMovesTime,
        Self::SnapshotIsTrusted,
        Self::TicketCancelledTwice,
        Self::LineJumped,
        Self::LineFromTheBack,
        Self::VersionIgnored,
        Self::UnpaidStaysApproved,
        Self::HoldWithoutPass,
        Self::ActiveLimitIgnored,
        Self::AdmitsBeyondStock,
        Self::RateIgnored,
        Self::LineSkipsOne,
    ];
}

#[cfg(feature = "planted")]
mod plant {
    use std::cell::Cell;

    use super::Bug;

    thread_local! {
        static PLANTED: Cell<Option<Bug>> = const { Cell::new(None) };
    }

    /// Plants a defect in this thread; `None` removes it.
    pub fn plant(bug: Option<Bug>) {
        PLANTED.set(bug);
    }

    /// True if this defect is planted in this thread.
    #[must_use]
    pub fn is_planted(bug: Bug) -> bool {
        PLANTED.get() == Some(bug)
    }
}

#[cfg(feature = "planted")]
pub use plant::{is_planted, plant};

/// Always false: without the feature no defect can be planted.
#[cfg(not(feature = "planted"))]
#[must_use]
#[inline]
pub const fn is_planted(_: Bug) -> bool {
    false
}
