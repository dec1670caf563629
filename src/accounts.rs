//! Accounts of people: registration, passwords, and the tokens that identify a caller. This module
//! never decides what a caller may do with an offering; the box office decides that.

mod changes;
mod device;
mod devices;
mod error;
mod guests;
mod identities;
mod learned;
mod limiter;
mod lockout;
mod mail_links;
mod notify;
mod passwords;
mod registration;
mod revocation;
mod sessions;
mod social;
mod tokens;
mod validate;

pub use changes::{PasswordChange, ProfileChange, Updated};
pub use device::device_name;
pub use error::AccountError;
pub use guests::{Claimed, GuestContact, GuestSession, Identity, Profile, may_be_claim_code};
pub use identities::{SocialEnd, SocialOutcome, WaysIn};
pub use lockout::LoginFrom;
pub use mail_links::Confirmed;
pub use social::{
    AnswerMode, Attempt, Returned, SocialError, SocialStart, SocialWish, check_private_key,
    is_safe_address,
};
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use uuid::Uuid;

pub use passwords::generated_password;
pub use registration::Registration;
pub use tokens::{Access, TokenError, Tokens};
pub use validate::{check_name, check_password, normalise_email, normalise_phone};

pub use crate::caller::Caller;
pub use crate::store::{Device, Role, SessionRow, SocialProvider};

use crate::clock::Clock;
use crate::config::{Config, MailMode};
use crate::ids::{OfferingId, SessionId, UserId};
use crate::inventory::TimestampMs;
use crate::limits::Limits;
use crate::network;
use crate::roles::{Permission, Roles};
use crate::store::{NewIdentity, Proof, RefreshToken, Rotation, Store, UserRow};
use crate::telemetry::metrics;
use devices::Devices;
use learned::Learned;
use limiter::Limiter;
use passwords::{Passwords, Place};
use social::Social;
use tokens::Subject;

/// Users and their tokens.
pub struct Accounts {
    store: Store,
    clock: Arc<dyn Clock>,
    tokens: Tokens,
    roles: Arc<Roles>,
    learned: Learned,
    /// True if other processes may end sessions.
    has_other_processes: bool,
    /// Changes whenever sessions have ended.
    news: tokio::sync::watch::Sender<()>,
    passwords: Passwords,
    /// Where work goes that no answer waits for.
    runtime: tokio::runtime::Handle,
    social: Social,
    refresh_ttl_ms: i64,
    /// Derives the refresh tokens of requests with an idempotency key.
    successor_key: [u8; 32],
    /// Counts wrong passwords, with the other instances.
    limits: Arc<Limits>,
    /// The devices that people have logged in on.
    devices: Devices,
    /// Mails that strangers cause, by the address that they go to.
    by_email: Limiter,
    /// Addresses that guests leave, by network address: each is sent a mail.
    guests_by_address: Limiter,
    /// Derives the claim codes of guests.
    claim_key: [u8; 32],
    /// Derives the tokens of links in mails.
    link_key: [u8; 32],
    /// True if notices reach people.
    notifies: bool,
}

/// Mails that strangers may cause to one address in a minute.
const MAILS_A_MINUTE: u32 = 10;
/// Addresses that guests of one network may leave in a minute.
const GUESTS_A_MINUTE: u32 = 2_000;

/// A login: the account, and the tokens that prove the login from now on.
#[derive(Clone, Debug)]
#[expect(missing_docs, reason = "the names say it")]
pub struct Session {
    pub id: SessionId,
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
        let secret = config.jwt_secret.expose();
        Self {
            roles: Arc::new(Roles::new(store.clone(), config.jwt_secret.expose())),
            store,
            limits: Arc::new(Limits::alone(secret, clock.clone())),
            devices: Devices::new(secret),
            tokens: Tokens::new(config.jwt_secret.expose(), config.access_token_ttl, clock.clone()),
            learned: Learned::default(),
            has_other_processes: config.is_postgres(),
            news: tokio::sync::watch::Sender::new(()),
            passwords: Passwords::new(config.password_hashers, runtime.clone(), clock.clone()),
            runtime,
            social: Social::new(config, &clock),
            successor_key: blake3::derive_key(
                "admitone 2026 refresh token successors",
                config.jwt_secret.expose().as_bytes(),
            ),
            refresh_ttl_ms: i64::try_from(config.refresh_token_ttl.as_millis()).unwrap_or(i64::MAX),
            by_email: Limiter::new(MAILS_A_MINUTE, clock.clone()),
            guests_by_address: Limiter::new(GUESTS_A_MINUTE, clock.clone()),
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

    /// Counts wrong passwords by these limits.
    #[must_use]
    pub fn with_limits(self, limits: Arc<Limits>) -> Self {
        Self { limits, ..self }
    }

    /// Returns the caller that an access token identifies.
    ///
    /// # Errors
    /// [`TokenError`] unless this server signed it and it is still valid.
    pub fn verify(&self, token: &str) -> Result<Caller, TokenError> {
        self.access(token).map(|access| access.caller)
    }

    /// Returns the roles of all people.
    #[must_use]
    pub fn roles(&self) -> &Arc<Roles> {
        &self.roles
    }

    /// True if the caller may do that with an offering.
    #[must_use]
    pub fn may(&self, caller: Caller, permission: Permission, offering: OfferingId) -> bool {
        self.roles.may(caller, permission, offering)
    }

    /// Reads the grants that were changed since the last call, also by other processes.
    ///
    /// # Errors
    /// [`AccountError::Store`].
    pub async fn learn_roles(&self) -> Result<(), AccountError> {
        Ok(self.roles.learn().await?)
    }

    /// Logs in by password. Takes as long for an unknown address as for a known one.
    ///
    /// # Errors
    /// [`AccountError::InvalidCredentials`], no matter which of the two was wrong;
    /// [`AccountError::Locked`] after too many wrong passwords, no matter whether this one is right.
    pub async fn login<'a>(
        &self,
        email: &str,
        password: String,
        from: impl Into<LoginFrom<'a>>,
    ) -> Result<Session, AccountError> {
        let from = from.into();
        // An address in a form that no account has counts as unknown like any other, but the
        // database is not queried for it: it may contain characters that cannot be stored.
        let (email, possible) = match normalise_email(email) {
            Ok(email) => (email, true),
            Err(_) => (email.to_owned(), false),
        };
        let user = if possible { self.store.user_by_email(&email).await? } else { None };
        match self.prove_password(&email, user, password, &from).await {
            Ok(user) => {
                metrics::login("ok");
                self.open_session(user, None, &from.device).await
            }
            Err(error) => {
                match &error {
                    AccountError::Locked { .. } => metrics::login("limited"),
                    AccountError::InvalidCredentials => metrics::login("refused"),
                    _ => {}
                }
                Err(error)
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

    /// Opens a session for a client that has proved to know the password of `user`, or to be the
    /// person of an identity. Fails if the password was changed, the identity unlinked or the account
    /// closed meanwhile.
    async fn open_session(
        &self,
        user: UserRow,
        identity: Option<&NewIdentity>,
        device: &Device,
    ) -> Result<Session, AccountError> {
        let (refresh_token, row) = self.refresh_token(rand::random(), SessionId::random(), user.id);
        let proof = match identity {
            Some(identity) => Proof::Identity(identity),
            None => Proof::Password(&user.password_hash),
        };
        let opened = self.store.refresh_token_open(&row, proof, device).await?;
        let opened = opened.ok_or(AccountError::InvalidCredentials)?;
        opened.ended.iter().for_each(|ended| self.refuse_session(*ended));
        self.session(opened.user, row.session, refresh_token, (row.issued_at, row.expires_at))
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
        // The store takes the session and the user from the token that is used up.
        let (nil, none) = (SessionId(Uuid::nil()), UserId(Uuid::nil()));
        let (successor, row) = self.refresh_token(successor, nil, none);
        let (now, expires_at) = (row.issued_at, row.expires_at);
        match self.store.refresh_token_rotate(hash_of(token), row, now).await? {
            Rotation::Rotated(user, id) => self.session(user, id, successor, (now, expires_at)),
            Rotation::Repeated(user, id, expires_at) => {
                self.session(user, id, successor, (now, expires_at))
            }
            Rotation::Refused => Err(AccountError::RefreshRefused),
            Rotation::Reused(session) => {
                self.refuse_session(session);
                tracing::warn!("a refresh token came a second time; its login is revoked");
                Err(AccountError::RefreshReused)
            }
        }
    }

    /// Ends the session of a refresh token: all its tokens become invalid. Unknown tokens are no
    /// error.
    ///
    /// # Errors
    /// [`AccountError::Store`].
    pub async fn logout(&self, token: &str) -> Result<(), AccountError> {
        let ended = self.store.refresh_token_revoke(hash_of(token), self.clock.now_ms()).await?;
        ended.into_iter().for_each(|session| self.refuse_session(session));
        Ok(())
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
        id: SessionId,
        refresh_token: String,
        (issued_at, refresh_expires_at): (TimestampMs, TimestampMs),
    ) -> Result<Session, AccountError> {
        let caller = Caller::account(user.id, user.role);
        let subject = Subject { caller, session: Some(id), version: user.token_version };
        let access_token = self.tokens.issue_at(subject, issued_at);
        let access_token =
            access_token.map_err(|error| AccountError::Internal(error.to_string()))?;
        let access_ttl = self.tokens.ttl();
        Ok(Session { id, user, access_token, access_ttl, refresh_token, refresh_expires_at })
    }

    /// Returns a refresh token and its row. The token has 256 bits that cannot be guessed, so that
    /// a plain hash in the database is enough.
    fn refresh_token(
        &self,
        bits: [u8; 32],
        session: SessionId,
        user: UserId,
    ) -> (String, RefreshToken) {
        let token = blake3::Hash::from_bytes(bits).to_hex().to_string();
        let issued_at = self.clock.now_ms();
        let expires_at = issued_at.saturating_add(self.refresh_ttl_ms);
        let token_hash = hash_of(&token);
        (token, RefreshToken { session, user, token_hash, issued_at, expires_at })
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
    from.map(network::counted)
}
