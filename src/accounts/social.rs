//! Providers of identities: OpenID Connect (Google, Kakao, Apple, and any issuer that the operator sets)
//! and OAuth 2.0 with a profile (Naver). This module proves who a person is at a provider. It knows no
//! account: what follows from the proof is decided in `accounts/identities.rs`.

mod apple;
mod attempt;
mod error;
mod known;
mod naver;
mod oidc;
mod provider_http;
mod transient;

pub use apple::check_private_key;
pub use attempt::{AnswerMode, Attempt, LinkTo, SocialWish};
pub use error::SocialError;
pub use provider_http::is_safe_address;

use std::sync::Arc;

use openidconnect::{AuthType, RedirectUrl};

use crate::clock::Clock;
use crate::config::{Config, SocialClient};
use crate::inventory::TimestampMs;
use crate::store::{IdentityRow, SocialProvider};
use apple::AppleKey;
use attempt::Attempts;
pub(super) use known::Known;
use known::short;
use naver::Naver;
use oidc::{Credential, Oidc, OidcSettings};

/// The longest subject that OpenID Connect allows, in bytes.
const MAX_SUBJECT: usize = 255;
/// The longest code of a provider, in bytes.
const MAX_CODE: usize = 4_096;

/// What a browser brought back from a provider.
#[derive(Clone, Debug, Default)]
pub struct Returned {
    /// The code to exchange.
    pub code: Option<String>,
    /// The state of the login.
    pub state: Option<String>,
    /// Why the provider refused the person.
    pub error: Option<String>,
    /// The issuer, of providers that say it (RFC 9207).
    pub issuer: Option<String>,
    /// The name that the person gave to the provider for this shop; not signed, so good for nothing else.
    pub name: Option<String>,
}

/// The begin of a login: where the browser goes, and the cookie that binds the login to it.
#[derive(Clone, Debug)]
#[expect(missing_docs, reason = "the names say it")]
pub struct SocialStart {
    pub url: String,
    pub cookie: String,
}

/// The providers that the operator has registered this shop with.
pub(super) struct Social {
    attempts: Attempts,
    offered: Vec<Offered>,
    clock: Arc<dyn Clock>,
}

/// One provider.
struct Offered {
    provider: SocialProvider,
    name: String,
    protocol: Protocol,
}

enum Protocol {
    Oidc(Box<Oidc>),
    Naver(Naver),
}

impl Social {
    pub(super) fn new(config: &Config, clock: &Arc<dyn Clock>) -> Self {
        let offered = SocialProvider::ALL.into_iter().filter_map(|provider| {
            let protocol = protocol(config, provider, clock)?;
            let name = match provider {
                SocialProvider::Google => "Google",
                SocialProvider::Kakao => "Kakao",
                SocialProvider::Naver => "Naver",
                SocialProvider::Apple => "Apple",
                SocialProvider::Oidc => config.social.oidc_name.as_deref().unwrap_or("OpenID"),
            };
            Some(Offered { provider, name: name.to_owned(), protocol })
        });
        Self {
            offered: offered.collect(),
            attempts: Attempts::new(config.jwt_secret.expose()),
            clock: clock.clone(),
        }
    }

    /// Returns the providers and their names.
    pub(super) fn offered(&self) -> impl Iterator<Item = (SocialProvider, &str)> {
        self.offered.iter().map(|offer| (offer.provider, &*offer.name))
    }

    /// Returns the name of a provider as people know it.
    pub(super) fn name_of(&self, provider: SocialProvider) -> &str {
        self.offer_of(provider).map_or(provider.as_str(), |offer| &*offer.name)
    }

    /// True if the person of this identity can sign in by it.
    pub(super) fn knows(&self, identity: &IdentityRow) -> bool {
        self.offer_of(identity.provider).is_ok_and(|offer| match &offer.protocol {
            Protocol::Oidc(oidc) if identity.provider == SocialProvider::Oidc => {
                oidc.issuer() == identity.issuer
            }
            Protocol::Oidc(_) | Protocol::Naver(_) => true,
        })
    }

    /// Begins a login.
    pub(super) async fn begin(
        &self,
        provider: SocialProvider,
        wish: SocialWish,
    ) -> Result<SocialStart, SocialError> {
        let offer = self.offer_of(provider)?;
        let attempt = Attempt::new(provider, wish, self.clock.now_ms());
        let transient = self.attempts.transient(&attempt);
        let url = match &offer.protocol {
            Protocol::Oidc(oidc) => oidc.authorize(&transient).await?,
            Protocol::Naver(naver) => naver.authorize(&transient),
        };
        Ok(SocialStart { url, cookie: self.attempts.seal(&attempt) })
    }

    /// Returns the login that a cookie binds to its browser, unless it is over.
    pub(super) fn attempt(&self, cookie: &str) -> Option<Attempt> {
        self.attempts.open(cookie, self.clock.now_ms())
    }

    /// Returns the attempt that `returned` belongs to: begun with this provider, by this browser, and not
    /// over. Also returns the hash under which it is used up, and when it ends.
    pub(super) fn check(
        &self,
        provider: SocialProvider,
        returned: &Returned,
        cookie: Option<&str>,
    ) -> Result<(Attempt, [u8; 32], TimestampMs), SocialError> {
        self.offer_of(provider)?;
        let attempt = cookie.and_then(|cookie| self.attempt(cookie)).ok_or(SocialError::State)?;
        let state = returned.state.as_deref().unwrap_or_default();
        if attempt.provider != provider || !attempt.is_of(state) {
            return Err(SocialError::State);
        }
        let (hash, ends) = (attempt.state_hash(), attempt.expires_at);
        Ok((attempt, hash, ends))
    }

    /// Asks the provider whose code this is.
    pub(super) async fn identify(
        &self,
        attempt: &Attempt,
        returned: Returned,
    ) -> Result<Known, SocialError> {
        let offer = self.offer_of(attempt.provider)?;
        let issuer = match &offer.protocol {
            Protocol::Oidc(oidc) => Some(oidc.issuer()),
            Protocol::Naver(_) => None,
        };
        if let (Some(said), Some(issuer)) = (&returned.issuer, issuer)
            && said != issuer
        {
            return Err(SocialError::State);
        }
        if let Some(error) = returned.error {
            return Err(SocialError::Denied(short(&error)));
        }
        let code = returned.code.filter(|code| (1..=MAX_CODE).contains(&code.len()));
        let code = code.ok_or_else(|| SocialError::Answer("it sent no code".into()))?;
        let transient = self.attempts.transient(attempt);
        let mut known = match &offer.protocol {
            Protocol::Oidc(oidc) => {
                if returned.issuer.is_none() && oidc.says_issuer().await? {
                    return Err(SocialError::State);
                }
                oidc.identify(code, &transient).await?
            }
            Protocol::Naver(naver) => naver.identify(code, &transient).await?,
        };
        if !(1..=MAX_SUBJECT).contains(&known.subject.len()) || known.subject.contains('\0') {
            return Err(SocialError::Answer("the id of the person has a wrong length".into()));
        }
        if attempt.provider == SocialProvider::Oidc {
            known.issuer = issuer.unwrap_or_default().to_owned();
        }
        known.name = known.name.or(returned.name);
        Ok(known)
    }

    fn offer_of(&self, provider: SocialProvider) -> Result<&Offered, SocialError> {
        let found = self.offered.iter().find(|offer| offer.provider == provider);
        found.ok_or(SocialError::NotOffered)
    }
}

/// Returns how to talk to a provider; `None` if the operator has not registered with it.
fn protocol(config: &Config, provider: SocialProvider, clock: &Arc<dyn Clock>) -> Option<Protocol> {
    let social = &config.social;
    let path = provider.as_str().to_ascii_lowercase();
    let callback = format!("{}/api/auth/{path}/callback", config.public_url.as_deref()?);
    let redirect = RedirectUrl::new(callback.clone()).ok()?;
    let oidc = |client: &SocialClient, default: &str, scopes, auth| {
        let settings = OidcSettings {
            issuer: client.issuer.clone().unwrap_or_else(|| default.to_owned()),
            client_id: client.client_id.clone()?,
            credential: Credential::Secret(client.client_secret.as_ref()?.expose().to_owned()),
            redirect: redirect.clone(),
            scopes,
            auth,
            is_form_post: false,
        };
        Some(Protocol::Oidc(Box::new(Oidc::new(settings, clock.clone())?)))
    };
    match provider {
        SocialProvider::Google => oidc(
            &social.google,
            "https://accounts.google.com",
            &["email", "profile"],
            Some(AuthType::RequestBody),
        ),
        SocialProvider::Kakao => oidc(
            &social.kakao,
            "https://kauth.kakao.com",
            &["account_email", "profile_nickname"],
            Some(AuthType::RequestBody),
        ),
        SocialProvider::Oidc => {
            oidc(&social.oidc, social.oidc.issuer.as_deref()?, &["email", "profile"], None)
        }
        SocialProvider::Apple => {
            let apple = &social.apple;
            let key = AppleKey::new(
                apple.team_id.as_deref()?,
                apple.key_id.as_deref()?,
                apple.client_id.as_deref()?,
                apple.private_key.as_ref()?.expose(),
            );
            let issuer = apple.issuer.as_deref().unwrap_or(apple::ISSUER);
            let settings = OidcSettings {
                issuer: issuer.to_owned(),
                client_id: apple.client_id.clone()?,
                credential: Credential::Apple(key.ok()?),
                redirect,
                scopes: &["name", "email"],
                auth: Some(AuthType::RequestBody),
                is_form_post: true,
            };
            Some(Protocol::Oidc(Box::new(Oidc::new(settings, clock.clone())?)))
        }
        SocialProvider::Naver => {
            let client = &social.naver;
            let secret = client.client_secret.as_ref()?.expose();
            let naver = Naver::new(
                client.client_id.as_deref()?,
                secret,
                callback,
                client.issuer.as_deref(),
            );
            Some(Protocol::Naver(naver?))
        }
    }
}
