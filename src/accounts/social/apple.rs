//! Apple's client secret: not a word that Apple issues, but a short-lived token that this server signs
//! with the key of the developer's account
//! (<https://developer.apple.com/documentation/accountorganizationaldatasharing/creating-a-client-secret>).

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use serde::Serialize;

use crate::inventory::TimestampMs;

/// Apple's issuer, which is the audience of client secrets too.
pub(super) const ISSUER: &str = "https://appleid.apple.com";
/// How long a client secret is valid; Apple allows six months.
const LIFE_S: i64 = 300;

/// The key of a developer's account.
pub(super) struct AppleKey {
    team: String,
    key: String,
    client: String,
    encoding: EncodingKey,
}

#[derive(Serialize)]
struct Claims<'a> {
    iss: &'a str,
    sub: &'a str,
    aud: &'static str,
    iat: i64,
    exp: i64,
}

impl AppleKey {
    /// Reads a key; `pem` is the file `AuthKey_….p8`.
    pub(super) fn new(team: &str, key: &str, client: &str, pem: &str) -> Result<Self, String> {
        let encoding = read(pem)?;
        Ok(Self { team: team.into(), key: key.into(), client: client.into(), encoding })
    }

    /// Returns a client secret.
    pub(super) fn client_secret(&self, now: TimestampMs) -> Result<String, String> {
        let iat = now.div_euclid(1_000);
        let (iss, sub) = (&*self.team, &*self.client);
        let claims = Claims { iss, sub, aud: ISSUER, iat, exp: iat + LIFE_S };
        let header = Header { kid: Some(self.key.clone()), ..Header::new(Algorithm::ES256) };
        jsonwebtoken::encode(&header, &claims, &self.encoding).map_err(|error| error.to_string())
    }
}

/// Checks that a text is a private key of Apple's form.
///
/// # Errors
/// What is wrong with it, without showing it.
pub fn check_private_key(pem: &str) -> Result<(), String> {
    let encoding = read(pem)?;
    // Only signing shows whether the bytes are a key.
    let signed = jsonwebtoken::encode(&Header::new(Algorithm::ES256), &(), &encoding);
    signed.map(drop).map_err(|_| "is not a private key for ES256".to_owned())
}

/// Reads PKCS #8 in PEM. In an environment variable, `\n` may stand for the ends of lines.
fn read(pem: &str) -> Result<EncodingKey, String> {
    let wrong = || "is not the text of the file AuthKey_….p8".to_owned();
    let pem = pem.replace("\\n", "\n");
    let body = pem.trim().strip_prefix("-----BEGIN PRIVATE KEY-----").ok_or_else(wrong)?;
    let body = body.strip_suffix("-----END PRIVATE KEY-----").ok_or_else(wrong)?;
    let body: String = body.split_whitespace().collect();
    let der = STANDARD.decode(body).map_err(|_| wrong())?;
    Ok(EncodingKey::from_ec_der(&der))
}
