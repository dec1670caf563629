//! Naver: plain OAuth 2.0, and a profile that is fetched with the access token
//! (<https://developers.naver.com/docs/login/api/>). The profile's address is one that the person wrote
//! down and nothing says that it is theirs, so it counts as not confirmed.

use openidconnect::{HttpRequest, http};
use serde::Deserialize;
use sha2::{Digest, Sha256};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::error::SocialError;
use super::known::{Known, short};
use super::provider_http::{ProviderHttp, of_call};
use super::transient::Transient;

const LOGIN: &str = "https://nid.naver.com";
const PROFILE: &str = "https://openapi.naver.com";

/// The registration with Naver.
pub(super) struct Naver {
    client_id: String,
    secret: String,
    callback: String,
    /// Where people sign in and codes are exchanged.
    login: String,
    /// Where profiles are.
    profile: String,
    http: ProviderHttp,
}

#[derive(Deserialize)]
struct TokenAnswer {
    access_token: Option<String>,
    error: Option<String>,
}

#[derive(Deserialize)]
struct ProfileAnswer {
    response: Option<Profile>,
}

#[derive(Deserialize)]
struct Profile {
    id: String,
    email: Option<String>,
    name: Option<String>,
    nickname: Option<String>,
}

impl Naver {
    /// `at` stands for both of Naver's hosts, for tests and proxies.
    pub(super) fn new(id: &str, secret: &str, callback: String, at: Option<&str>) -> Option<Self> {
        let login = at.unwrap_or(LOGIN);
        Some(Self {
            client_id: id.into(),
            secret: secret.into(),
            callback,
            login: login.into(),
            profile: at.unwrap_or(PROFILE).into(),
            http: ProviderHttp::new(login)?,
        })
    }

    /// Returns where the browser goes.
    pub(super) fn authorize(&self, transient: &Transient) -> String {
        let challenge = URL_SAFE_NO_PAD.encode(Sha256::digest(&transient.verifier));
        let query = form_urlencoded::Serializer::new(String::new())
            .append_pair("response_type", "code")
            .append_pair("client_id", &self.client_id)
            .append_pair("redirect_uri", &self.callback)
            .append_pair("state", &transient.state)
            .append_pair("code_challenge", &challenge)
            .append_pair("code_challenge_method", "S256")
            .finish();
        format!("{}/oauth2.0/authorize?{query}", self.login)
    }

    /// Exchanges a code and reads the profile.
    pub(super) async fn identify(
        &self,
        code: String,
        transient: &Transient,
    ) -> Result<Known, SocialError> {
        let form = form_urlencoded::Serializer::new(String::new())
            .append_pair("grant_type", "authorization_code")
            .append_pair("client_id", &self.client_id)
            .append_pair("client_secret", &self.secret)
            .append_pair("redirect_uri", &self.callback)
            .append_pair("code", &code)
            .append_pair("state", &transient.state)
            .append_pair("code_verifier", &transient.verifier)
            .finish();
        let request = http::Request::post(format!("{}/oauth2.0/token", self.login))
            .header(http::header::CONTENT_TYPE, "application/x-www-form-urlencoded");
        let answer: TokenAnswer = self.read(request.body(form.into_bytes())).await?;
        // Naver reports errors with the status 200.
        let token = answer.access_token.filter(|token| !token.is_empty()).ok_or_else(|| {
            let error = answer.error.as_deref().map(short).unwrap_or_default();
            SocialError::Answer(format!("no access token: {error}"))
        })?;
        let request = http::Request::get(format!("{}/v1/nid/me", self.profile))
            .header(http::header::AUTHORIZATION, format!("Bearer {token}"));
        let answer: ProfileAnswer = self.read(request.body(Vec::new())).await?;
        let profile = answer.response.ok_or_else(|| SocialError::Answer("no profile".into()))?;
        Ok(Known {
            issuer: String::new(),
            subject: profile.id,
            email: profile.email,
            is_email_verified: false,
            name: profile.name.or(profile.nickname),
        })
    }

    async fn read<T: for<'de> Deserialize<'de>>(
        &self,
        request: Result<HttpRequest, http::Error>,
    ) -> Result<T, SocialError> {
        let request = request.map_err(|error| SocialError::Answer(error.to_string()))?;
        let answer = self.http.call(request).await.map_err(|error| of_call(&error))?;
        let status = answer.status();
        if !status.is_success() {
            return Err(SocialError::Answer(format!("the status was {status}")));
        }
        serde_json::from_slice(answer.body())
            .map_err(|_| SocialError::Answer("the body has another form".into()))
    }
}
