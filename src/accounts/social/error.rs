//! Why a login by a provider did not happen. The texts of causes are for the log.

/// Why a login by a provider, or a change of the ways to sign in, did not happen.
#[derive(Debug, thiserror::Error)]
pub enum SocialError {
    /// The operator has not registered with this provider.
    #[error("there is no login by this provider")]
    NotOffered,
    /// The login was begun in another browser or with another provider, has been used, or took too long.
    #[error("this login was begun elsewhere, was used before or took too long: begin again")]
    State,
    /// The provider refused the person, most often because the person cancelled.
    #[error("the provider refused the person: {0}")]
    Denied(String),
    /// The provider's answer proves nothing.
    #[error("the provider's answer was refused: {0}")]
    Answer(String),
    /// The provider does not answer.
    #[error("the provider does not answer: {0}")]
    Unavailable(String),
    /// Another account has the address that the provider confirms.
    #[error(
        "an account with this e-mail address exists: sign in to it and link the provider there"
    )]
    EmailTaken,
    /// The identity belongs to another account.
    #[error("this identity belongs to another account")]
    IdentityTaken,
    /// The account has another identity of the same provider.
    #[error("the account has another identity of this provider: unlink that one first")]
    HasOther,
    /// The account has no identity of this provider.
    #[error("the account has no identity of this provider")]
    NotLinked,
    /// The account would have no way in.
    #[error(
        "this is the only way to sign in: set a password (with an e-mail address) or link another provider first"
    )]
    LastWayIn,
    /// The person signed in too long ago for this change, or the session has ended meanwhile.
    #[error("sign in again first: this session is older than 10 minutes, or has ended")]
    LoginTooOld,
    /// The account has an address.
    #[error("the account has an e-mail address")]
    HasEmail,
}
