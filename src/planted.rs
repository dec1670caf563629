//! Deliberate defects. The simulation's tests plant each of them to prove that they would find it;
//! without the feature `planted`, which only tests turn on, none can be planted and the questions
//! below vanish from the program.

/// A defect that somebody might make.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bug {
    /// The append finds the journal's end by itself and ignores who may append.
    NoEpochInSwap,
    /// An append is let in wherever the row before it exists.
    FenceByPredecessorAlone,
    /// An append of unknown outcome counts as lost because its row is not there yet.
    UnknownAppendResolvedByRereading,
    /// Commands are answered when they are decided.
    AckBeforeAppend,
    /// A command that is handed on loses its idempotency key.
    LostIdempotencyKey,
    /// A hold lives through the very millisecond of its deadline.
    OffByOneExpiry,
    /// An owner goes into service without having appended a takeover.
    TakeoverWithoutRecord,
    /// A batch whose append failed is answered as if it had not.
    ReplyReleasedOnFailure,
    /// What is heard of an earlier owner replaces what is known of a later one.
    CacheGoesBackAnEpoch,
    /// An entry is released in the name of whoever has it.
    ReleaseOfAnothersLease,
    /// A lease that has run out counts as if it had been renewed.
    RenewalAfterLoss,
    /// Commands that wait when an offering is handed over are forgotten.
    HandoffDropsTheQueue,
    /// Freed places go to the waitlist a transition later.
    LateWaitlistOffer,
    /// A snapshot bears the place of the row before the one it is of.
    SnapshotAheadOfTail,
    /// Refusals are given without a proof of ownership.
    RefusalWithoutProof,
    /// What changed in one view is applied to another.
    DeltaOnAnyView,
    /// A turn that changes nothing moves the state's time, and forgets what is too old by it.
    RefusalMovesTime,
    /// A snapshot that does not fit is an error, and not a detour.
    SnapshotIsTrusted,
}

impl Bug {
    /// All of them.
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
    ];
}

#[cfg(feature = "planted")]
mod plant {
    use std::cell::Cell;

    use super::Bug;

    thread_local! {
        static PLANTED: Cell<Option<Bug>> = const { Cell::new(None) };
    }

    /// Plants a defect in this thread; `None` mends it.
    pub fn plant(bug: Option<Bug>) {
        PLANTED.set(bug);
    }

    /// Whether this thread has that defect.
    #[must_use]
    pub fn is_planted(bug: Bug) -> bool {
        PLANTED.get() == Some(bug)
    }
}

#[cfg(feature = "planted")]
pub use plant::{is_planted, plant};

/// There are none without the feature.
#[cfg(not(feature = "planted"))]
#[must_use]
#[inline]
pub const fn is_planted(_: Bug) -> bool {
    false
}
