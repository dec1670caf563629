//! How far this instance has read the revocations of others.

use std::sync::atomic::AtomicI64;

/// How far this instance has read the revocations in the database.
#[derive(Default)]
pub(crate) struct Learned {
    /// The number of the last revocation that was read; 0 before the first read.
    pub(super) number: AtomicI64,
}
