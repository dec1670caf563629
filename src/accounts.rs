//! People: registration, passwords, and the tokens that say who is asking. It never decides what a
//! caller may do with an offering; that is the box office's.

mod tokens;

pub use tokens::{Caller, TokenError, Tokens};

pub use crate::store::Role;

/// Users and their tokens.
pub struct Accounts {
    tokens: Tokens,
}

impl Accounts {
    /// Who an access token speaks for.
    ///
    /// # Errors
    /// [`TokenError`] unless this server signed it and it is still valid.
    pub fn verify(&self, token: &str) -> Result<Caller, TokenError> {
        self.tokens.verify(token)
    }
}
