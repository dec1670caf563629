//! The secrets that sign messages, in the form of Standard Webhooks:
//! <https://github.com/standard-webhooks/standard-webhooks>.

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

const PREFIX: &str = "whsec_";

/// The secret of an endpoint: `whsec_` and 32 random bytes in base64. Its `Debug` hides it.
#[derive(Clone, PartialEq, Eq)]
pub struct SigningSecret(String);

impl SigningSecret {
    /// Draws a new one.
    #[must_use]
    pub fn draw() -> Self {
        let bytes: [u8; 32] = rand::random();
        Self(format!("{PREFIX}{}", STANDARD.encode(bytes)))
    }

    /// Wraps a secret that was stored.
    #[must_use]
    pub fn stored(text: String) -> Self {
        Self(text)
    }

    /// Returns the text, for the store and for the one answer that shows it.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// Signs a message: `v1,` and the signature. `None` if the stored secret is damaged.
    #[must_use]
    pub fn sign(&self, message_id: &str, at_seconds: i64, body: &str) -> Option<String> {
        let signer = standardwebhooks::Webhook::new(&self.0).ok()?;
        signer.sign(message_id, at_seconds, body.as_bytes()).ok()
    }
}

impl fmt::Debug for SigningSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("(secret)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_are_signed_as_the_specification_s_example() {
        let secret = SigningSecret::stored("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw".into());
        let signed =
            secret.sign("msg_p5jXN8AQM9LWM0D4loKWxJek", 1_614_265_330, "{\"test\": 2432232314}");
        assert_eq!(signed.as_deref(), Some("v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="));
        assert_eq!(format!("{secret:?}"), "(secret)");
        assert_eq!(SigningSecret::stored("whsec_?".into()).sign("m", 0, ""), None);
    }

    #[test]
    fn secrets_differ_and_have_32_bytes() {
        let (a, b) = (SigningSecret::draw(), SigningSecret::draw());
        assert_ne!(a, b);
        let bytes = STANDARD.decode(a.expose().strip_prefix("whsec_").unwrap()).unwrap();
        assert_eq!(bytes.len(), 32);
    }
}
