//! Access tokens: JWT with HS256 and no other algorithm, for this audience and from this issuer,
//! with a numeric expiry. Every request verifies one, so valid tokens are remembered once they come
//! again.

mod revoked;
mod sighted;

use std::sync::Arc;
use std::time::Duration;

use dashmap::DashMap;
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use serde::{Deserialize, Serialize};

use revoked::Revoked;
use sighted::Sighted;

use super::Role;
use crate::caller::Caller;
use crate::clock::Clock;
use crate::ids::UserId;
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
    /// Version of the account when the token was issued; 0 in tokens from before there were
    /// versions.
    #[serde(default)]
    ver: i64,
    /// True in the tokens of guests.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    guest: bool,
}

fn no_role() -> Role {
    Role::User
}

/// The caller that a token identifies, without a role, and the version of the account for which it was issued.
#[derive(Clone, Copy, Debug)]
pub(super) struct Grant {
    pub(super) caller: Caller,
    pub(super) version: i64,
}

/// Signs and verifies access tokens.
pub struct Tokens {
    encoding: EncodingKey,
    decoding: DecodingKey,
    validation: Validation,
    ttl: Duration,
    clock: Arc<dyn Clock>,
    /// Tokens that were verified before, as whole texts, so that a forged token matches none.
    remembered: DashMap<Box<str>, (Grant, TimestampMs)>,
    /// Valid tokens that came once: a crowd in which each asks once is not worth remembering.
    sighted: Sighted,
    revoked: Revoked,
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
        Self {
            encoding: EncodingKey::from_secret(secret.as_bytes()),
            decoding: DecodingKey::from_secret(secret.as_bytes()),
            validation,
            ttl,
            clock,
            remembered: DashMap::new(),
            sighted: Sighted::default(),
            revoked: Revoked::default(),
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
        self.issue_at(Grant { caller, version: 0 }, self.clock.now_ms())
    }

    pub(super) fn issue_at(
        &self,
        Grant { caller, version }: Grant,
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
            ver: version,
            guest: caller.guest,
        };
        jsonwebtoken::encode(&Header::new(Algorithm::HS256), &claims, &self.encoding)
    }

    /// Returns the caller that the token identifies.
    ///
    /// # Errors
    /// [`TokenError`] unless it was signed with this key and is still valid.
    pub fn verify(&self, token: &str) -> Result<Caller, TokenError> {
        if token.len() > MAX_TOKEN_BYTES {
            return Err(TokenError::Invalid);
        }
        let now = self.clock.now_ms();
        let known = self.remembered.get(token).map(|entry| *entry);
        let (grant, expires_at) = match known {
            Some(known) => known,
            None => self.decode(token)?,
        };
        if now >= expires_at.saturating_add(LEEWAY_MS) {
            self.remembered.remove(token);
            return Err(TokenError::Expired);
        }
        if self.revoked.has(grant.caller.user, grant.version) {
            return Err(TokenError::Invalid);
        }
        if known.is_none() && self.sighted.again(token) {
            self.remember(token, grant, expires_at, now);
        }
        Ok(grant.caller)
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

    fn decode(&self, token: &str) -> Result<(Grant, TimestampMs), TokenError> {
        let claims = jsonwebtoken::decode::<Claims>(token, &self.decoding, &self.validation)
            .map_err(|_| TokenError::Invalid)?
            .claims;
        let caller = Caller { user: claims.sub, role: Role::User, guest: claims.guest };
        // Revocations are kept for as long as tokens live by the current setting: a token issued
        // under an earlier, longer setting must not outlive them.
        let longest = claims.iat.saturating_mul(1_000).saturating_add(self.ttl_ms(caller));
        let expires_at = claims.exp.saturating_mul(1_000).min(longest);
        Ok((Grant { caller, version: claims.ver }, expires_at))
    }

    fn remember(&self, token: &str, grant: Grant, expires_at: TimestampMs, now: TimestampMs) {
        if self.remembered.len() >= MAX_REMEMBERED {
            self.remembered.retain(|_, (_, expires_at)| *expires_at > now);
            // All are still valid: starting over costs each caller a few verifications.
            if self.remembered.len() >= MAX_REMEMBERED {
                self.remembered.clear();
            }
        }
        self.remembered.insert(token.into(), (grant, expires_at));
    }
}

#[cfg(test)]
mod tests;
