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
mod tests;
