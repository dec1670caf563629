//! Signatures of notifications: Standard Webhooks (<https://www.standardwebhooks.com>) and Stripe's
//! scheme (<https://docs.stripe.com/webhooks#verify-manually>). Both sign the time with the raw body,
//! so that an old notification cannot be sent again.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use super::{BadNotification, Headers};
use crate::inventory::TimestampMs;

/// How far the time of a signature may be from now, as both schemes recommend.
const TOLERANCE_S: i64 = 300;

fn mac(key: &[u8], parts: &[&[u8]]) -> Hmac<Sha256> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("HMAC takes keys of any length");
    for (nth, part) in parts.iter().enumerate() {
        if nth > 0 {
            mac.update(b".");
        }
        mac.update(part);
    }
    mac
}

fn check_time(seconds: &str, now: TimestampMs) -> Result<(), BadNotification> {
    let at: i64 = seconds.parse().map_err(|_| BadNotification::Signature)?;
    let is_near = (now.div_euclid(1_000)).abs_diff(at) <= TOLERANCE_S.unsigned_abs();
    if is_near { Ok(()) } else { Err(BadNotification::Time) }
}

/// Returns the headers `webhook-id`, `-timestamp` and `-signature` of a body.
pub(super) fn sign_standard(
    secret: &[u8],
    id: &str,
    body: &[u8],
    now: TimestampMs,
) -> [(&'static str, String); 3] {
    let at = now.div_euclid(1_000).to_string();
    let signed = mac(secret, &[id.as_bytes(), at.as_bytes(), body]).finalize().into_bytes();
    let signature = format!("v1,{}", STANDARD.encode(signed));
    [("webhook-id", id.to_owned()), ("webhook-timestamp", at), ("webhook-signature", signature)]
}

/// Proves the signature of a body by Standard Webhooks; returns the id.
pub(super) fn verify_standard(
    secret: &[u8],
    headers: Headers<'_>,
    body: &[u8],
    now: TimestampMs,
) -> Result<String, BadNotification> {
    let header = |name| headers(name).ok_or(BadNotification::Signature);
    let (id, at) = (header("webhook-id")?, header("webhook-timestamp")?);
    let signatures = header("webhook-signature")?;
    let is_signed = signatures.split(' ').any(|one| {
        let signature = one.strip_prefix("v1,").and_then(|text| STANDARD.decode(text).ok());
        let expected = mac(secret, &[id.as_bytes(), at.as_bytes(), body]);
        signature.is_some_and(|signature| expected.verify_slice(&signature).is_ok())
    });
    if !is_signed {
        return Err(BadNotification::Signature);
    }
    check_time(&at, now)?;
    Ok(id)
}

/// Proves the signature of a body by Stripe's scheme: `t=…,v1=…`, with several `v1` while a secret is
/// replaced.
pub(super) fn verify_stripe(
    secret: &[u8],
    headers: Headers<'_>,
    body: &[u8],
    now: TimestampMs,
) -> Result<(), BadNotification> {
    let header = headers("stripe-signature").ok_or(BadNotification::Signature)?;
    let parts = || header.split(',').filter_map(|part| part.trim().split_once('='));
    let at = parts().find(|(name, _)| *name == "t").map(|(_, at)| at);
    let at = at.ok_or(BadNotification::Signature)?;
    let is_signed = parts().filter(|(name, _)| *name == "v1").any(|(_, text)| {
        let expected = mac(secret, &[at.as_bytes(), body]);
        unhex(text).is_some_and(|signature| expected.verify_slice(&signature).is_ok())
    });
    if !is_signed {
        return Err(BadNotification::Signature);
    }
    check_time(at, now)
}

fn unhex(text: &str) -> Option<Vec<u8>> {
    if !text.len().is_multiple_of(2) || !text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return None;
    }
    (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: TimestampMs = 1_614_265_330_000;

    fn headers<'a>(pairs: &'a [(&'a str, &'a str)]) -> impl Fn(&str) -> Option<String> + Sync + 'a {
        move |name| pairs.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned())
    }

    /// The example of the specification of Standard Webhooks.
    #[test]
    fn the_published_example_of_standard_webhooks_verifies() {
        let secret = STANDARD.decode("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").unwrap();
        let body = br#"{"test": 2432232314}"#;
        let sent = [
            ("webhook-id", "msg_p5jXN8AQM9LWM0D4loKWxJek"),
            ("webhook-timestamp", "1614265330"),
            ("webhook-signature", "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="),
        ];
        let id = verify_standard(&secret, &headers(&sent), body, NOW);
        assert_eq!(id.as_deref(), Ok("msg_p5jXN8AQM9LWM0D4loKWxJek"));
        let signed = sign_standard(&secret, "msg_p5jXN8AQM9LWM0D4loKWxJek", body, NOW);
        let signed: Vec<(&str, &str)> =
            signed.iter().map(|(name, text)| (*name, &**text)).collect();
        assert_eq!(signed, sent);
    }

    #[test]
    fn a_standard_signature_that_is_wrong_in_any_way_is_refused() {
        let (secret, body) = (b"secret".as_slice(), b"{}".as_slice());
        let signed = sign_standard(secret, "msg_1", body, NOW);
        let good: Vec<(&str, &str)> = signed.iter().map(|(name, text)| (*name, &**text)).collect();
        assert!(verify_standard(secret, &headers(&good), body, NOW + 299_000).is_ok());
        for at in [NOW + 302_000, NOW - 302_000, i64::MAX, i64::MIN] {
            assert_eq!(
                verify_standard(secret, &headers(&good), body, at),
                Err(BadNotification::Time),
                "{at}"
            );
        }
        let refused = |pairs: &[(&str, &str)], key: &[u8], body: &[u8]| {
            assert_eq!(
                verify_standard(key, &headers(pairs), body, NOW),
                Err(BadNotification::Signature),
                "{pairs:?}"
            );
        };
        refused(&good, b"another", body);
        refused(&good, secret, b"{ }");
        refused(&good, secret, b"{");
        for nth in 0..3 {
            let mut without = good.clone();
            without.remove(nth);
            refused(&without, secret, body);
            for other in ["", "x", "v1,", "v1,!", "v2,AAAA", "99999999999999999999"] {
                let mut changed = good.clone();
                changed[nth].1 = other;
                refused(&changed, secret, body);
            }
        }
    }

    #[test]
    fn a_signature_of_stripe_holds_for_its_body_and_five_minutes() {
        let (secret, body) = (b"whsec_test".as_slice(), b"{\"id\":\"evt_1\"}".as_slice());
        let at = (NOW / 1_000).to_string();
        let signature: String = mac(secret, &[at.as_bytes(), body])
            .finalize()
            .into_bytes()
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect();
        let check = |header: &str, body: &[u8], now| {
            verify_stripe(secret, &headers(&[("stripe-signature", header)]), body, now)
        };
        let good = format!("t={at},v1={signature},v0=beef");
        assert_eq!(check(&good, body, NOW), Ok(()));
        let two = format!("t={at}, v1={}, v1={signature}", "00".repeat(32));
        assert_eq!(check(&two, body, NOW), Ok(()), "while a secret is replaced there are two");
        assert_eq!(check(&good, body, NOW + 302_000), Err(BadNotification::Time));
        assert_eq!(check(&good, b"{\"id\":\"evt_2\"}", NOW), Err(BadNotification::Signature));
        let other_time = format!("t={},v1={signature}", NOW / 1_000 + 1);
        for bad in [
            "",
            "t=",
            "v1=",
            &format!("v1={signature}"),
            &format!("t={at}"),
            &format!("t={at},v1=zz"),
            &format!("t={at},v1={}", &signature[1..]),
            &format!("t={at},v0={signature}"),
            &other_time,
        ] {
            assert_eq!(check(bad, body, NOW), Err(BadNotification::Signature), "{bad}");
        }
    }
}
