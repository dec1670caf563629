//! Logins under way. Each is in a cookie of the browser that began it, sealed by a key of this server,
//! so that any instance can finish it and a login that is begun costs no row. The nonce and the PKCE
//! verifier are derived from its state by another key, and never leave this server before they have to.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};

use super::transient::Transient;
use crate::ids::{SessionId, UserId};
use crate::inventory::TimestampMs;
use crate::store::SocialProvider;

/// How long a person may take at the provider.
const LIFE_MS: i64 = 10 * 60_000;
/// The longest cookie that is read.
const MAX_COOKIE: usize = 4_096;
/// The bytes of a seal.
const SEAL: usize = 32;

/// How the result of a login is answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum AnswerMode {
    /// As a page, with cookies.
    Page,
    /// As JSON, with tokens.
    Token,
}

/// The account to add an identity to, and the session that wishes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LinkTo {
    /// The account.
    pub user: UserId,
    /// Its session.
    pub session: SessionId,
}

/// What a login is begun for.
#[derive(Clone, Debug)]
pub struct SocialWish {
    /// How the result is answered.
    pub mode: AnswerMode,
    /// The page to go on to.
    pub redirect: String,
    /// Where the identity is added; `None` signs in.
    pub link_to: Option<LinkTo>,
}

/// A login under way.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attempt {
    /// The provider that was asked.
    pub provider: SocialProvider,
    /// How the result is answered.
    pub mode: AnswerMode,
    /// The page to go on to.
    pub redirect: String,
    /// Where the identity is added; `None` signs in.
    pub link_to: Option<LinkTo>,
    state: String,
    pub(super) expires_at: TimestampMs,
}

impl Attempt {
    pub(super) fn new(provider: SocialProvider, wish: SocialWish, now: TimestampMs) -> Self {
        let SocialWish { mode, redirect, link_to } = wish;
        let state = blake3::Hash::from_bytes(rand::random()).to_hex().to_string();
        let expires_at = now.saturating_add(LIFE_MS);
        Self { provider, mode, redirect, link_to, state, expires_at }
    }

    /// True if `state` is this login's. Takes as long for a state that is almost right.
    pub(in crate::accounts) fn is_of(&self, state: &str) -> bool {
        blake3::hash(state.as_bytes()) == blake3::hash(self.state.as_bytes())
    }

    pub(super) fn state_hash(&self) -> [u8; 32] {
        *blake3::hash(self.state.as_bytes()).as_bytes()
    }
}

/// Seals logins under way, and derives their secrets.
pub(super) struct Attempts {
    seal_key: [u8; 32],
    secrets_key: [u8; 32],
}

impl Attempts {
    pub(super) fn new(secret: &str) -> Self {
        let key = |context| blake3::derive_key(context, secret.as_bytes());
        Self {
            seal_key: key("admitone 2026 seals of logins by a provider"),
            secrets_key: key("admitone 2026 nonces and verifiers of logins by a provider"),
        }
    }

    /// Returns the value of the cookie.
    pub(super) fn seal(&self, attempt: &Attempt) -> String {
        let mut bytes = postcard::to_stdvec(attempt).unwrap_or_default();
        let seal = blake3::keyed_hash(&self.seal_key, &bytes);
        bytes.extend_from_slice(seal.as_bytes());
        URL_SAFE_NO_PAD.encode(bytes)
    }

    /// Reads a cookie; `None` if this server did not seal it, or it is over.
    pub(super) fn open(&self, cookie: &str, now: TimestampMs) -> Option<Attempt> {
        if cookie.len() > MAX_COOKIE {
            return None;
        }
        let bytes = URL_SAFE_NO_PAD.decode(cookie).ok()?;
        let (body, seal) = bytes.split_at_checked(bytes.len().checked_sub(SEAL)?)?;
        let seal: [u8; SEAL] = seal.try_into().ok()?;
        // Comparing hashes takes the same time wherever they differ.
        if blake3::keyed_hash(&self.seal_key, body) != blake3::Hash::from_bytes(seal) {
            return None;
        }
        let attempt: Attempt = postcard::from_bytes(body).ok()?;
        (now < attempt.expires_at).then_some(attempt)
    }

    pub(super) fn transient(&self, attempt: &Attempt) -> Transient {
        let derive = |purpose: &str| {
            let mut hasher = blake3::Hasher::new_keyed(&self.secrets_key);
            hasher.update(purpose.as_bytes()).update(attempt.state.as_bytes());
            hasher.finalize().to_hex().to_string()
        };
        let state = attempt.state.clone();
        Transient { state, nonce: derive("nonce "), verifier: derive("verifier ") }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn attempt(now: TimestampMs) -> Attempt {
        let wish = SocialWish { mode: AnswerMode::Page, redirect: "/orders".into(), link_to: None };
        Attempt::new(SocialProvider::Google, wish, now)
    }

    #[test]
    fn a_cookie_is_read_by_servers_with_the_same_secret_and_only_in_time() {
        let (one, other) = (Attempts::new("one secret"), Attempts::new("another secret"));
        let begun = attempt(1_000);
        let cookie = one.seal(&begun);
        assert_eq!(Attempts::new("one secret").open(&cookie, 1_000), Some(begun.clone()));
        assert_eq!(one.open(&cookie, 1_000 + LIFE_MS), None);
        assert_eq!(other.open(&cookie, 1_000), None);
        for bad in ["", "a", "!!", &cookie[1..], &format!("{cookie}AA"), &"A".repeat(9_000)] {
            assert_eq!(one.open(bad, 1_000), None, "{bad}");
        }
        for at in 0..cookie.len() - 1 {
            let mut changed = cookie.clone().into_bytes();
            changed[at] = if changed[at] == b'A' { b'B' } else { b'A' };
            let changed = String::from_utf8(changed).expect("ASCII");
            assert_eq!(one.open(&changed, 1_000), None, "{at}");
        }
    }

    #[test]
    fn the_secrets_of_two_logins_differ_and_follow_from_the_state() {
        let attempts = Attempts::new("one secret");
        let (one, other) = (attempt(0), attempt(0));
        let secrets = [attempts.transient(&one), attempts.transient(&other)];
        assert_ne!(secrets[0].state, secrets[1].state);
        assert_ne!(secrets[0].nonce, secrets[1].nonce);
        assert_ne!(secrets[0].verifier, secrets[1].verifier);
        assert_ne!(secrets[0].nonce, secrets[0].verifier);
        assert_eq!(attempts.transient(&one).verifier, secrets[0].verifier);
        assert!(one.is_of(&secrets[0].state) && !one.is_of(&secrets[1].state) && !one.is_of(""));
    }
}
