//! Accounts of people: registration, passwords, and the tokens that identify a caller. This module
//! never decides what a caller may do with an offering; the box office decides that.

mod changes;
mod error;
mod guests;
mod identities;
mod learned;
mod limiter;
mod mail_links;
mod notify;
mod passwords;
mod registration;
mod revocation;
mod social;
mod tokens;
mod validate;

pub use changes::{PasswordChange, ProfileChange};
pub use error::AccountError;
pub use guests::{GuestContact, GuestSession, Identity, Profile, may_be_claim_code};
pub use identities::{SocialEnd, SocialOutcome, WaysIn};
pub use mail_links::Confirmed;
pub use social::{
    AnswerMode, Attempt, Returned, SocialError, SocialStart, SocialWish, check_private_key,
};
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use uuid::Uuid;

pub use passwords::generated_password;
pub use registration::Registration;
pub use tokens::{TokenError, Tokens};
pub use validate::{check_name, check_password, normalise_email, normalise_phone};

pub use crate::caller::Caller;
pub use crate::store::{Role, SocialProvider};

use crate::clock::Clock;
use crate::config::{Config, MailMode};
use crate::ids::UserId;
use crate::inventory::TimestampMs;
use crate::network;
use crate::store::{RefreshToken, Rotation, Store, UserRow};
use crate::telemetry::metrics;
use learned::Learned;
use limiter::Limiter;
use passwords::{Passwords, Place};
use social::Social;
use tokens::Grant;

/// Users and their tokens.
pub struct Accounts {
    store: Store,
    clock: Arc<dyn Clock>,
    tokens: Tokens,
    learned: Learned,
    passwords: Passwords,
    social: Social,
    refresh_ttl_ms: i64,
    /// Derives the refresh tokens of requests with an idempotency key.
    successor_key: [u8; 32],
    /// Failed logins by e-mail address.
    by_email: Limiter,
    /// Failed logins and all registrations by network address.
    by_address: Limiter,
    /// Addresses that guests leave, by network address: more than registrations, which cost more.
    guests_by_address: Limiter,
    /// Derives the claim codes of guests.
    claim_key: [u8; 32],
    /// Derives the tokens of links in mails.
    link_key: [u8; 32],
    /// True if notices reach people.
    notifies: bool,
}

/// A login: the account, and the tokens that prove the login from now on.
#[derive(Clone, Debug)]
#[expect(missing_docs, reason = "the names say it")]
pub struct Session {
    pub user: UserRow,
    pub access_token: String,
    pub access_ttl: Duration,
    pub refresh_token: String,
    pub refresh_expires_at: TimestampMs,
}

impl Accounts {
    /// Accounts that are kept in `store`; passwords are hashed on threads of `runtime`.
    #[must_use]
    pub fn new(
        store: Store,
        clock: Arc<dyn Clock>,
        config: &Config,
        runtime: tokio::runtime::Handle,
    ) -> Self {
        let attempts = config.login_attempts_per_minute;
        Self {
            store,
            tokens: Tokens::new(config.jwt_secret.expose(), config.access_token_ttl, clock.clone()),
            learned: Learned::default(),
            passwords: Passwords::new(config.password_hashers, runtime, clock.clone()),
            social: Social::new(config, &clock),
            successor_key: blake3::derive_key(
                "admitone 2026 refresh token successors",
                config.jwt_secret.expose().as_bytes(),
            ),
            refresh_ttl_ms: i64::try_from(config.refresh_token_ttl.as_millis()).unwrap_or(i64::MAX),
            by_email: Limiter::new(attempts, clock.clone()),
            by_address: Limiter::new(attempts.saturating_mul(20), clock.clone()),
            guests_by_address: Limiter::new(attempts.saturating_mul(200), clock.clone()),
            claim_key: blake3::derive_key(
                "admitone 2026 claim codes of guests",
                config.jwt_secret.expose().as_bytes(),
            ),
            link_key: blake3::derive_key(
                "admitone 2026 tokens of links in mails",
                config.jwt_secret.expose().as_bytes(),
            ),
            notifies: config.mail_mode() != MailMode::Off,
            clock,
        }
    }

    /// Returns the caller that an access token identifies.
    ///
    /// # Errors
    /// [`TokenError`] unless this server signed it and it is still valid.
    pub fn verify(&self, token: &str) -> Result<Caller, TokenError> {
        self.tokens.verify(token)
    }

    /// Logs in by password. Takes as long for an unknown address as for a known one.
    ///
    /// # Errors
    /// [`AccountError::InvalidCredentials`], no matter which of the two was wrong.
    pub async fn login(
        &self,
        email: &str,
        password: String,
        from: Option<IpAddr>,
    ) -> Result<Session, AccountError> {
        // An address in a form that no account has counts as unknown like any other, but the
        // database is not queried for it: it may contain characters that cannot be stored.
        let (email, possible) = match normalise_email(email) {
            Ok(email) => (email, true),
            Err(_) => (email.to_owned(), false),
        };
        let network = counted(from);
        let counted = network.map(|network| network.to_string());
        let within = match &counted {
            Some(network) => self.by_address.check(network),
            None => Ok(()),
        };
        // Counted before the password is known to be wrong, so that concurrent guesses are all
        // counted in time.
        if let Err(limited) = within.and_then(|()| self.by_email.attempt(&email)) {
            metrics::login("limited");
            return Err(limited);
        }
        let user = if possible { self.store.user_by_email(&email).await? } else { None };
        let hash = user.as_ref().map(|user| user.password_hash.clone());
        let right = self.passwords.verify(Place::of(network, &email), password, hash).await?;
        match user.filter(|_| right) {
            Some(user) => {
                self.by_email.forget(&email);
                metrics::login("ok");
                self.open_session(user).await
            }
            None => {
                if let Some(network) = &counted {
                    self.by_address.count(network);
                }
                metrics::login("refused");
                Err(AccountError::InvalidCredentials)
            }
        }
    }

    /// True if this is the password of an account. This is no login, and is not counted as one.
    ///
    /// # Errors
    /// The store or the hashing failed.
    pub async fn is_password_of(
        &self,
        email: &str,
        password: String,
    ) -> Result<bool, AccountError> {
        let Ok(email) = normalise_email(email) else { return Ok(false) };
        let user = self.store.user_by_email(&email).await?;
        let from = Place::of(None, &email);
        self.passwords.verify(from, password, user.map(|user| user.password_hash)).await
    }

    /// Opens a session for a client that has proved to know the password of `user`. Fails if the
    /// password was changed or the account closed meanwhile.
    async fn open_session(&self, user: UserRow) -> Result<Session, AccountError> {
        let (refresh_token, row) = self.refresh_token(rand::random(), Uuid::new_v4(), user.id);
        let opened = self.store.refresh_token_open(&row, &user.password_hash).await?;
        let user = opened.ok_or(AccountError::InvalidCredentials)?;
        self.session(user, refresh_token, (row.issued_at, row.expires_at))
    }

    /// Exchanges a refresh token for new tokens. Each refresh token works once: a second use means
    /// that another party has a copy, and ends the whole login. A retry with the same `client_key`
    /// gets the same refresh token again, until that token is used.
    ///
    /// # Errors
    /// [`AccountError::RefreshRefused`], [`AccountError::RefreshReused`].
    pub async fn refresh(
        &self,
        token: &str,
        client_key: Option<&str>,
    ) -> Result<Session, AccountError> {
        let successor = match client_key {
            None => rand::random(),
            // No answer is stored for a retry: the same token is derived once more.
            Some(key) => {
                let mut hasher = blake3::Hasher::new_keyed(&self.successor_key);
                hasher.update(&hash_of(token));
                hasher.update(key.as_bytes());
                *hasher.finalize().as_bytes()
            }
        };
        // The store takes the family and the user from the token that is used up.
        let (successor, row) = self.refresh_token(successor, Uuid::nil(), UserId(Uuid::nil()));
        let (now, expires_at) = (row.issued_at, row.expires_at);
        match self.store.refresh_token_rotate(hash_of(token), row, now).await? {
            Rotation::Rotated(user) => self.session(user, successor, (now, expires_at)),
            Rotation::Repeated(user, expires_at) => {
                self.session(user, successor, (now, expires_at))
            }
            Rotation::Refused => Err(AccountError::RefreshRefused),
            Rotation::Reused => {
                tracing::warn!("a refresh token came a second time; its login is revoked");
                Err(AccountError::RefreshReused)
            }
        }
    }

    /// Ends a login: its refresh tokens become invalid. Unknown tokens are no error.
    ///
    /// # Errors
    /// [`AccountError::Store`].
    pub async fn logout(&self, token: &str) -> Result<(), AccountError> {
        Ok(self.store.refresh_token_revoke(hash_of(token), self.clock.now_ms()).await?)
    }

    /// Returns an account.
    ///
    /// # Errors
    /// [`AccountError::NotFound`].
    pub async fn user(&self, id: UserId) -> Result<UserRow, AccountError> {
        self.store.user_get(id).await?.ok_or(AccountError::NotFound)
    }

    /// Issues an access token for an account without its password. For the server's own start and
    /// for tests.
    ///
    /// # Errors
    /// [`AccountError::Internal`] when signing fails.
    pub fn access_token(&self, caller: Caller) -> Result<String, AccountError> {
        self.tokens.issue(caller).map_err(|error| AccountError::Internal(error.to_string()))
    }

    /// Returns the session of a login. `issued_at` was read before the account was, so that a token
    /// that is revoked later has an earlier issue time.
    fn session(
        &self,
        user: UserRow,
        refresh_token: String,
        (issued_at, refresh_expires_at): (TimestampMs, TimestampMs),
    ) -> Result<Session, AccountError> {
        let caller = Caller::account(user.id, user.role);
        let grant = Grant { caller, version: user.token_version };
        let access_token = self.tokens.issue_at(grant, issued_at);
        let access_token =
            access_token.map_err(|error| AccountError::Internal(error.to_string()))?;
        let access_ttl = self.tokens.ttl();
        Ok(Session { user, access_token, access_ttl, refresh_token, refresh_expires_at })
    }

    /// Returns a refresh token and its row. The token has 256 bits that cannot be guessed, so that
    /// a plain hash in the database is enough.
    fn refresh_token(&self, bits: [u8; 32], family: Uuid, user: UserId) -> (String, RefreshToken) {
        let token = blake3::Hash::from_bytes(bits).to_hex().to_string();
        let issued_at = self.clock.now_ms();
        let expires_at = issued_at.saturating_add(self.refresh_ttl_ms);
        let token_hash = hash_of(&token);
        (token, RefreshToken { family, user, token_hash, issued_at, expires_at })
    }
}

fn hash_of(token: &str) -> [u8; 32] {
    *blake3::hash(token.as_bytes()).as_bytes()
}

fn invalid(field: &'static str, reason: String) -> AccountError {
    AccountError::Invalid { field, reason }
}

/// Returns the network that attempts are counted under.
fn counted(from: Option<IpAddr>) -> Option<IpAddr> {
    from.and_then(network::counted)
}
