//! The secrets of one login: the state that the browser carries, and what is derived from it.

/// The secrets of one login.
pub(super) struct Transient {
    /// The value that comes back with the browser.
    pub(super) state: String,
    /// The value that comes back inside the signed token.
    pub(super) nonce: String,
    /// The secret of which the provider knows only the hash until the code is exchanged.
    pub(super) verifier: String,
}
