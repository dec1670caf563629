//! Access tokens: JWT with HS256 and no other algorithm, for this audience and from this issuer,
//! with a numeric expiry. Every request verifies one, so valid tokens are remembered once they come
//! again.

mod ended;
mod revoked;
mod sighted;

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering::Relaxed};
use std::time::Duration;

use dashmap::DashMap;
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use serde::{Deserialize, Serialize};

use ended::EndedSessions;
use revoked::Revoked;
use sighted::Sighted;

use super::Role;
use crate::caller::Caller;
use crate::clock::Clock;
use crate::ids::{SessionId, UserId};
use crate::inventory::TimestampMs;

const ISSUER: &str = "admitone";
const AUDIENCE: &str = "admitone-api";
/// How long the access token of a guest lives. Guests have no refresh token.
pub(super) const GUEST_TTL: Duration = Duration::from_secs(24 * 3_600);
/// A longer token was not made here: ours have about 300 bytes.
const MAX_TOKEN_BYTES: usize = 1_024;
/// The clocks of instances may differ by as much as the clock guard tolerates, and no more.
const LEEWAY_MS: i64 = 1_000;
/// A revocation is kept this much longer than any earlier token could live, because clocks differ.
const KEPT_LONGER_MS: i64 = 60_000;
/// 64 Ki callers take about 25 MiB.
const MAX_REMEMBERED: usize = 65_536;
/// The use of a token is reported once in this time.
const SEEN_EVERY_MS: i64 = 300_000;
/// The most sessions whose use waits to be stored; the use of others is not noted while there are
/// as many.
const MAX_SEEN: usize = 10_000;

/// Why a token is not accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TokenError {
    /// The token was valid once.
    #[error("the access token has expired")]
    Expired,
    /// The token is not ours, damaged, of an earlier password or of a closed account.
    #[error("the access token is not valid")]
    Invalid,
}

#[derive(Serialize, Deserialize)]
struct Claims {
    sub: UserId,
    /// Written for instances of the version before, and never read: roles are read at use.
    #[serde(skip_deserializing, default = "no_role")]
    role: Role,
    iss: String,
    aud: String,
    iat: i64,
    exp: i64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    nbf: Option<i64>,
    /// Version of the account when the token was issued; 0 in tokens from before there were
    /// versions.
    #[serde(default)]
    ver: i64,
    /// True in the tokens of guests.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    guest: bool,
    /// The session; none in the tokens of guests, and in those from before there were sessions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    sid: Option<SessionId>,
}

fn no_role() -> Role {
    Role::User
}

/// What a valid access token proves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Access {
    /// The account or guest, without a role: no token says what its caller may do.
    pub caller: Caller,
    /// The login that the token belongs to; `None` for guests.
    pub session: Option<SessionId>,
    /// The version of the account when the token was issued.
    pub(super) version: i64,
    expires_at: TimestampMs,
}

impl From<Caller> for Access {
    /// The access of a caller without a session.
    fn from(caller: Caller) -> Self {
        Self { caller, session: None, version: i64::MAX, expires_at: i64::MAX }
    }
}

/// The account, session and version that a token is issued for.
#[derive(Clone, Copy, Debug)]
pub(super) struct Subject {
    pub(super) caller: Caller,
    pub(super) session: Option<SessionId>,
    pub(super) version: i64,
}

/// A token that was verified before.
struct Remembered {
    access: Access,
    /// When its use was last reported.
    seen_at: AtomicI64,
}

/// Signs and verifies access tokens.
pub struct Tokens {
    encoding: EncodingKey,
    decoding: DecodingKey,
    /// The encoded header of every token of ours. No other is accepted, so nothing that a header could
    /// ask for (another algorithm, a key by name or address, an extension) is ever read.
    header: String,
    validation: Validation,
    ttl: Duration,
    clock: Arc<dyn Clock>,
    /// Tokens that were verified before, as whole texts, so that a forged token matches none.
    remembered: DashMap<Box<str>, Remembered>,
    /// Valid tokens that came once: a crowd in which each asks once is not worth remembering.
    sighted: Sighted,
    revoked: Revoked,
    ended: EndedSessions,
    /// Sessions that were used and are not stored as such yet.
    seen: DashMap<SessionId, ()>,
}

impl Tokens {
    /// Signs tokens with `secret`; they live for `ttl`.
    #[must_use]
    pub fn new(secret: &str, ttl: Duration, clock: Arc<dyn Clock>) -> Self {
        let mut validation = Validation::new(Algorithm::HS256);
        validation.set_audience(&[AUDIENCE]);
        validation.set_issuer(&[ISSUER]);
        validation.set_required_spec_claims(&["exp", "aud", "iss", "sub"]);
        // The library would read the machine's clock; `verify` checks `exp` by the clock given
        // here.
        validation.validate_exp = false;
        let encoding = EncodingKey::from_secret(secret.as_bytes());
        let empty = jsonwebtoken::encode(&Header::new(Algorithm::HS256), &(), &encoding);
        let empty = empty.expect("HMAC signs");
        let header = empty.split('.').next().unwrap_or_default().to_owned();
        Self {
            encoding,
            header,
            decoding: DecodingKey::from_secret(secret.as_bytes()),
            validation,
            ttl,
            clock,
            remembered: DashMap::new(),
            sighted: Sighted::default(),
            revoked: Revoked::default(),
            ended: EndedSessions::default(),
            seen: DashMap::new(),
        }
    }

    /// Returns how long the token of an account lives.
    #[must_use]
    pub fn ttl(&self) -> Duration {
        self.ttl
    }

    /// Issues a token that identifies `caller` from now on, for an account that never had a token
    /// revoked.
    ///
    /// # Errors
    /// When signing fails; HMAC does not.
    pub fn issue(&self, caller: Caller) -> Result<String, jsonwebtoken::errors::Error> {
        let subject = Subject { caller, session: None, version: 0 };
        self.issue_at(subject, self.clock.now_ms())
    }

    pub(super) fn issue_at(
        &self,
        Subject { caller, session, version }: Subject,
        at: TimestampMs,
    ) -> Result<String, jsonwebtoken::errors::Error> {
        let now_s = at.div_euclid(1_000);
        let ttl_s = self.ttl_ms(caller).div_euclid(1_000);
        let claims = Claims {
            sub: caller.user,
            role: caller.role,
            iss: ISSUER.into(),
            aud: AUDIENCE.into(),
            iat: now_s,
            exp: now_s.saturating_add(ttl_s),
            nbf: None,
            ver: version,
            guest: caller.guest,
            sid: session,
        };
        jsonwebtoken::encode(&Header::new(Algorithm::HS256), &claims, &self.encoding)
    }

    /// Returns what the token proves.
    ///
    /// # Errors
    /// [`TokenError`] unless it was signed with this key and is still valid.
    pub fn verify(&self, token: &str) -> Result<Access, TokenError> {
        if token.len() > MAX_TOKEN_BYTES {
            return Err(TokenError::Invalid);
        }
        let now = self.clock.now_ms();
        if let Some(known) = self.remembered.get(token) {
            let access = known.access;
            let is_due = now.saturating_sub(known.seen_at.load(Relaxed)) >= SEEN_EVERY_MS;
            if is_due {
                known.seen_at.store(now, Relaxed);
            }
            drop(known);
            let checked = self.check(&access, now);
            match checked {
                Ok(()) if is_due => self.note(&access),
                Ok(()) | Err(TokenError::Invalid) => {}
                Err(TokenError::Expired) => drop(self.remembered.remove(token)),
            }
            return checked.map(|()| access);
        }
        let (access, issued_at) = self.decode(token)?;
        self.check(&access, now)?;
        // A login is its own first use.
        let is_new = now.saturating_sub(issued_at) < SEEN_EVERY_MS;
        if !is_new {
            self.note(&access);
        }
        if self.sighted.again(token) {
            self.remember(token, access, if is_new { issued_at } else { now });
        }
        Ok(access)
    }

    /// Checks that the access has neither expired nor ended.
    pub(super) fn check(&self, access: &Access, now: TimestampMs) -> Result<(), TokenError> {
        if now >= access.expires_at.saturating_add(LEEWAY_MS) {
            return Err(TokenError::Expired);
        }
        let has_ended = access.session.is_some_and(|session| self.ended.has(session))
            || self.revoked.has(access.caller.user, access.version);
        if has_ended { Err(TokenError::Invalid) } else { Ok(()) }
    }

    /// Returns how long the access lasts, unless it ends before.
    pub(super) fn left(&self, access: &Access) -> Duration {
        let left = access.expires_at.saturating_add(LEEWAY_MS) - self.clock.now_ms();
        Duration::from_millis(u64::try_from(left).unwrap_or_default())
    }

    fn note(&self, access: &Access) {
        if let Some(session) = access.session
            && self.seen.len() < MAX_SEEN
        {
            self.seen.insert(session, ());
        }
    }

    /// Returns the sessions that were used since the last call.
    pub(super) fn take_seen(&self) -> Vec<SessionId> {
        let mut seen: Vec<SessionId> = self.seen.iter().map(|entry| *entry.key()).collect();
        for session in &seen {
            self.seen.remove(session);
        }
        seen.sort_unstable();
        seen
    }

    /// Refuses the tokens of a session that ended at `at`.
    pub(super) fn end(&self, session: SessionId, at: TimestampMs) {
        self.ended.add(session, at.saturating_add(self.longest_ttl_ms() + KEPT_LONGER_MS));
    }

    /// Forgets the ended sessions whose tokens have expired since.
    pub(super) fn expire_sessions(&self) {
        self.ended.expire(self.clock.now_ms());
    }

    /// Refuses all tokens of this account below `version` from now on; they were revoked at `at`.
    pub(super) fn revoke(&self, user: UserId, version: i64, at: TimestampMs) {
        self.revoked.add(user, version, at.saturating_add(self.longest_ttl_ms() + KEPT_LONGER_MS));
    }

    /// Forgets the revocations of tokens that have expired since.
    pub(super) fn expire_revocations(&self) {
        self.revoked.expire(self.clock.now_ms());
    }

    /// Returns the time before which all revoked tokens have expired.
    pub(super) fn oldest(&self) -> TimestampMs {
        self.clock.now_ms().saturating_sub(self.longest_ttl_ms() + KEPT_LONGER_MS)
    }

    fn ttl_ms(&self, caller: Caller) -> i64 {
        let ttl = if caller.guest { GUEST_TTL } else { self.ttl };
        i64::try_from(ttl.as_millis()).unwrap_or(i64::MAX / 2)
    }

    /// A guest who has registered may still use a token of before: revocations of the account's
    /// tokens are kept for as long as that token lives.
    fn longest_ttl_ms(&self) -> i64 {
        let longest = self.ttl.max(GUEST_TTL);
        i64::try_from(longest.as_millis()).unwrap_or(i64::MAX / 2)
    }

    /// Returns what a token proves, and when it was issued.
    fn decode(&self, token: &str) -> Result<(Access, TimestampMs), TokenError> {
        let is_ours = token.split('.').next() == Some(self.header.as_str());
        if !is_ours {
            return Err(TokenError::Invalid);
        }
        let claims = jsonwebtoken::decode::<Claims>(token, &self.decoding, &self.validation)
            .map_err(|_| TokenError::Invalid)?
            .claims;
        let caller = Caller { user: claims.sub, role: Role::User, guest: claims.guest };
        // Revocations are kept for as long as tokens live by the current setting: a token issued
        // under an earlier, longer setting must not outlive them.
        let issued_at = claims.iat.saturating_mul(1_000);
        let begins = claims.nbf.map_or(issued_at, |nbf| issued_at.max(nbf.saturating_mul(1_000)));
        if begins > self.clock.now_ms().saturating_add(LEEWAY_MS) {
            return Err(TokenError::Invalid);
        }
        let longest = issued_at.saturating_add(self.ttl_ms(caller));
        let expires_at = claims.exp.saturating_mul(1_000).min(longest);
        let access = Access { caller, session: claims.sid, version: claims.ver, expires_at };
        Ok((access, issued_at))
    }

    fn remember(&self, token: &str, access: Access, seen_at: TimestampMs) {
        if self.remembered.len() >= MAX_REMEMBERED {
            let now = self.clock.now_ms();
            self.remembered.retain(|_, known| known.access.expires_at > now);
            // All are still valid: starting over costs each caller a few verifications.
            if self.remembered.len() >= MAX_REMEMBERED {
                self.remembered.clear();
            }
        }
        self.remembered
            .insert(token.into(), Remembered { access, seen_at: AtomicI64::new(seen_at) });
    }
}

#[cfg(test)]
mod tests;
