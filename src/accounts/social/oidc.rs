//! OpenID Connect: discovery, the code flow with PKCE and nonce, and the checks of the signed token.
//! The metadata and keys of an issuer are kept; a token that is signed by an unknown key has them
//! fetched again, at most once a minute.

use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwapOption;
use chrono::DateTime;
use openidconnect::core::{
    CoreAuthDisplay, CoreAuthenticationFlow, CoreClaimName, CoreClaimType, CoreClient,
    CoreClientAuthMethod, CoreGrantType, CoreIdTokenClaims, CoreJsonWebKey,
    CoreJweContentEncryptionAlgorithm, CoreJweKeyManagementAlgorithm, CoreJwsSigningAlgorithm,
    CoreResponseMode, CoreResponseType, CoreSubjectIdentifierType, CoreTokenResponse,
    CoreUserInfoClaims,
};
use openidconnect::{
    AccessTokenHash, AdditionalProviderMetadata, AuthType, AuthorizationCode,
    ClaimsVerificationError, ClientId, ClientSecret, CsrfToken, DiscoveryError, EndpointMaybeSet,
    EndpointNotSet, EndpointSet, HttpRequest, IssuerUrl, Nonce, OAuth2TokenResponse,
    PkceCodeChallenge, PkceCodeVerifier, ProviderMetadata, RedirectUrl, RequestTokenError, Scope,
    SignatureVerificationError, TokenResponse, UserInfoError,
};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tokio::sync::Mutex;

use super::apple::AppleKey;
use super::error::SocialError;
use super::known::{Known, short};
use super::provider_http::{NoAnswer, ProviderHttp, is_safe_address, of_call};
use super::transient::Transient;
use crate::clock::Clock;

/// The least time between fetches for unknown keys.
const KEYS_AT_MOST_EVERY: Duration = Duration::from_secs(60);
/// After which metadata is fetched again.
const METADATA_FOR: Duration = Duration::from_secs(24 * 3_600);
/// After a failed fetch, logins fail at once for this long instead of waiting in a row.
const PAUSE_AFTER_FAILURE: Duration = Duration::from_secs(3);
/// How far a provider's clock may be ahead.
const CLOCKS_DIFFER_S: i64 = 300;

/// Signatures that only the provider can make. Never `none`, and never the secret that both sides know.
const ALGORITHMS: [CoreJwsSigningAlgorithm; 5] = [
    CoreJwsSigningAlgorithm::RsaSsaPkcs1V15Sha256,
    CoreJwsSigningAlgorithm::RsaSsaPssSha256,
    CoreJwsSigningAlgorithm::EcdsaP256Sha256,
    CoreJwsSigningAlgorithm::EcdsaP384Sha384,
    CoreJwsSigningAlgorithm::EdDsa,
];

/// What an issuer may say of itself beyond OpenID Connect.
#[derive(Clone, Debug, Deserialize, Serialize)]
struct More {
    /// True if every answer of a login names its issuer (RFC 9207).
    #[serde(default)]
    authorization_response_iss_parameter_supported: Value,
}

impl AdditionalProviderMetadata for More {}

type Metadata = ProviderMetadata<
    More,
    CoreAuthDisplay,
    CoreClientAuthMethod,
    CoreClaimName,
    CoreClaimType,
    CoreGrantType,
    CoreJweContentEncryptionAlgorithm,
    CoreJweKeyManagementAlgorithm,
    CoreJsonWebKey,
    CoreResponseMode,
    CoreResponseType,
    CoreSubjectIdentifierType,
>;

type Client = CoreClient<
    EndpointSet,
    EndpointNotSet,
    EndpointNotSet,
    EndpointNotSet,
    EndpointMaybeSet,
    EndpointMaybeSet,
>;

/// By what this server proves to be the registered client.
pub(super) enum Credential {
    /// The secret that the provider has issued.
    Secret(String),
    /// A key that signs such secrets.
    Apple(AppleKey),
}

/// The registration with an issuer.
pub(super) struct OidcSettings {
    pub(super) issuer: String,
    pub(super) client_id: String,
    pub(super) credential: Credential,
    pub(super) redirect: RedirectUrl,
    pub(super) scopes: &'static [&'static str],
    /// How the credential is sent; by the issuer's metadata if `None`.
    pub(super) auth: Option<AuthType>,
    /// True if the browser comes back with a form.
    pub(super) is_form_post: bool,
}

/// An issuer.
pub(super) struct Oidc {
    settings: OidcSettings,
    http: ProviderHttp,
    clock: Arc<dyn Clock>,
    /// What the issuer said last of itself.
    known: ArcSwapOption<Metadata>,
    /// When the last fetch ended, in monotonic time, and whether it failed. Who fetches holds the lock.
    last: Mutex<Option<(Duration, bool)>>,
}

impl Oidc {
    /// Returns `None` if the machine can make no client.
    pub(super) fn new(settings: OidcSettings, clock: Arc<dyn Clock>) -> Option<Self> {
        let http = ProviderHttp::new(&settings.issuer)?;
        let (known, last) = (ArcSwapOption::empty(), Mutex::default());
        Some(Self { settings, http, clock, known, last })
    }

    pub(super) fn issuer(&self) -> &str {
        &self.settings.issuer
    }

    /// True if the issuer promises to name itself in each answer, so that one without its name is not its own.
    pub(super) async fn says_issuer(&self) -> Result<bool, SocialError> {
        let metadata = self.metadata(METADATA_FOR).await?;
        let said = &metadata.additional_metadata().authorization_response_iss_parameter_supported;
        Ok(*said == Value::Bool(true))
    }

    /// Returns where the browser goes.
    pub(super) async fn authorize(&self, transient: &Transient) -> Result<String, SocialError> {
        let client = self.client(&*self.metadata(METADATA_FOR).await?)?;
        let verifier = PkceCodeVerifier::new(transient.verifier.clone());
        let (state, nonce) = (transient.state.clone(), transient.nonce.clone());
        let mut request = client
            .authorize_url(
                CoreAuthenticationFlow::AuthorizationCode,
                move || CsrfToken::new(state),
                move || Nonce::new(nonce),
            )
            .set_pkce_challenge(PkceCodeChallenge::from_code_verifier_sha256(&verifier))
            .add_scopes(self.settings.scopes.iter().map(|scope| Scope::new((*scope).into())));
        if self.settings.is_form_post {
            request = request.add_extra_param("response_mode", "form_post");
        }
        let (url, ..) = request.url();
        if !is_safe_address(&url) {
            return Err(SocialError::Answer("its page for logins is not at https".into()));
        }
        Ok(url.into())
    }

    /// Exchanges a code, and checks the signed token that comes for it.
    pub(super) async fn identify(
        &self,
        code: String,
        transient: &Transient,
    ) -> Result<Known, SocialError> {
        let mut metadata = self.metadata(METADATA_FOR).await?;
        let client = self.client(&metadata)?;
        let call = |request: HttpRequest| self.http.call(request);
        let answer = client
            .exchange_code(AuthorizationCode::new(code))
            .map_err(|error| SocialError::Answer(error.to_string()))?
            .set_pkce_verifier(PkceCodeVerifier::new(transient.verifier.clone()))
            .request_async(&call)
            .await
            .map_err(of_exchange)?;
        let claims = match self.claims(&metadata, &answer, transient) {
            Err(ClaimsVerificationError::SignatureVerification(
                SignatureVerificationError::NoMatchingKey,
            )) => {
                metadata = self.metadata(KEYS_AT_MOST_EVERY).await?;
                self.claims(&metadata, &answer, transient)
            }
            other => other,
        };
        let claims = claims.map_err(|error| SocialError::Answer(describe(&error)))?;
        let mut known = Known {
            issuer: String::new(),
            subject: claims.subject().to_string(),
            email: claims.email().map(|email| email.to_string()),
            is_email_verified: claims.email_verified().unwrap_or(false),
            name: claims.name().and_then(|name| name.get(None)).map(|name| name.to_string()),
        };
        known.name = known.name.or_else(|| {
            claims.nickname().and_then(|name| name.get(None)).map(|name| name.to_string())
        });
        // Many issuers put no more than the subject into the token.
        let is_complete = known.email.is_some() && claims.email_verified().is_some();
        if !is_complete && metadata.userinfo_endpoint().is_some() {
            let asked = client
                .user_info(answer.access_token().clone(), Some(claims.subject().clone()))
                .map_err(|error| SocialError::Answer(error.to_string()))?;
            let said: CoreUserInfoClaims = asked.request_async(&call).await.map_err(of_userinfo)?;
            let name = said.name().or(said.nickname().map(as_name).as_ref()).cloned();
            known.email = said.email().map(|email| email.to_string());
            known.is_email_verified = said.email_verified().unwrap_or(false);
            known.name = known.name.or(name.and_then(|name| Some(name.get(None)?.to_string())));
        }
        Ok(known)
    }

    /// Checks issuer, audience, expiry, nonce and signature of the token, and that it goes with the
    /// access token.
    fn claims(
        &self,
        metadata: &Metadata,
        answer: &CoreTokenResponse,
        transient: &Transient,
    ) -> Result<CoreIdTokenClaims, ClaimsVerificationError> {
        let other = |text: String| ClaimsVerificationError::Other(text);
        let client = self.client(metadata).map_err(|error| other(error.to_string()))?;
        let token = answer.id_token().ok_or_else(|| other("it sent no token".into()))?;
        let now_s = self.clock.now_ms().div_euclid(1_000);
        let verifier = client
            .id_token_verifier()
            .set_allowed_algs(ALGORITHMS)
            .set_time_fn(move || DateTime::from_timestamp(now_s, 0).unwrap_or_default())
            .set_issue_time_verifier_fn(move |issued| {
                let is_possible = issued.timestamp() <= now_s + CLOCKS_DIFFER_S;
                if is_possible { Ok(()) } else { Err("issued in the future".into()) }
            });
        let claims = token.claims(&verifier, &Nonce::new(transient.nonce.clone()))?;
        if let Some(expected) = claims.access_token_hash() {
            let of_token = |error| ClaimsVerificationError::SignatureVerification(error);
            let (algorithm, key) = (token.signing_alg(), token.signing_key(&verifier));
            let actual = AccessTokenHash::from_token(
                answer.access_token(),
                algorithm.map_err(of_token)?,
                key.map_err(of_token)?,
            );
            if actual.map_err(|error| other(error.to_string()))? != *expected {
                return Err(other("the access token is another one's".into()));
            }
        }
        Ok(claims.clone())
    }

    /// Returns what the issuer says of itself, fetched within `max_age`. While one request fetches it
    /// anew, others go on with what is known.
    async fn metadata(&self, max_age: Duration) -> Result<Arc<Metadata>, SocialError> {
        let known = self.known.load_full();
        let mut last = match (known, self.last.try_lock()) {
            (_, Ok(last)) => last,
            (Some(known), Err(_)) if max_age > KEYS_AT_MOST_EVERY => return Ok(known),
            (_, Err(_)) => self.last.lock().await,
        };
        let (known, now) = (self.known.load_full(), self.clock.monotonic());
        let is_within = |at: Duration, span: Duration| now.saturating_sub(at) < span;
        match (known, *last) {
            (Some(known), Some((at, false))) if is_within(at, max_age) => return Ok(known),
            (Some(known), Some((at, true))) if is_within(at, KEYS_AT_MOST_EVERY) => {
                return Ok(known);
            }
            (None, Some((at, true))) if is_within(at, PAUSE_AFTER_FAILURE) => {
                return Err(SocialError::Unavailable("it failed a moment ago".into()));
            }
            _ => {}
        }
        // So it stays if this request ends before the issuer answers.
        *last = Some((now, true));
        let fetched = self.fetch().await.map(Arc::new);
        *last = Some((self.clock.monotonic(), fetched.is_err()));
        match fetched {
            Ok(metadata) => {
                self.known.store(Some(metadata.clone()));
                Ok(metadata)
            }
            // What was known before is better than no login.
            Err(error) => self.known.load_full().ok_or(error),
        }
    }

    async fn fetch(&self) -> Result<Metadata, SocialError> {
        let issuer = IssuerUrl::new(self.settings.issuer.clone())
            .map_err(|error| SocialError::Answer(error.to_string()))?;
        let call = |request: HttpRequest| self.http.call(request);
        Metadata::discover_async(issuer, &call).await.map_err(|error| match error {
            DiscoveryError::Request(error) => of_call(&error),
            other => SocialError::Answer(describe(&other)),
        })
    }

    fn client(&self, metadata: &Metadata) -> Result<Client, SocialError> {
        let secret = match &self.settings.credential {
            Credential::Secret(secret) => secret.clone(),
            Credential::Apple(key) => {
                key.client_secret(self.clock.now_ms()).map_err(SocialError::Answer)?
            }
        };
        let auth = self.settings.auth.clone().unwrap_or_else(|| {
            let methods = metadata.token_endpoint_auth_methods_supported();
            let takes = |method| methods.is_none_or(|methods| methods.contains(&method));
            match takes(CoreClientAuthMethod::ClientSecretBasic) {
                true => AuthType::BasicAuth,
                false => AuthType::RequestBody,
            }
        });
        let client_id = ClientId::new(self.settings.client_id.clone());
        let secret = Some(ClientSecret::new(secret));
        Ok(CoreClient::from_provider_metadata(metadata.clone(), client_id, secret)
            .set_redirect_uri(self.settings.redirect.clone())
            .set_auth_type(auth))
    }
}

type Names = openidconnect::LocalizedClaim<openidconnect::EndUserName>;
type Nicknames = openidconnect::LocalizedClaim<openidconnect::EndUserNickname>;

fn as_name(nickname: &Nicknames) -> Names {
    let name = nickname.get(None).map(|name| openidconnect::EndUserName::new(name.to_string()));
    name.map_or_else(Names::new, Names::from)
}

fn of_exchange<E: openidconnect::ErrorResponse + 'static>(
    error: RequestTokenError<NoAnswer, E>,
) -> SocialError {
    match error {
        RequestTokenError::Request(error) => of_call(&error),
        RequestTokenError::ServerResponse(refusal) => {
            SocialError::Answer(short(&format!("the code was refused: {refusal:?}")))
        }
        other => SocialError::Answer(describe(&other)),
    }
}

fn of_userinfo(error: UserInfoError<NoAnswer>) -> SocialError {
    match error {
        UserInfoError::Request(error) => of_call(&error),
        other => SocialError::Answer(describe(&other)),
    }
}

/// Returns an error with its causes.
fn describe(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    text
}
