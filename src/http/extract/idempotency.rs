//! `Idempotency-Key`: the header that makes a retry recognisable, and its conversion into the
//! identity that a box office or a table row remembers.

use std::future::{Ready, ready};

use actix_web::dev::Payload;
use actix_web::{FromRequest, HttpRequest};
use serde::Serialize;

use crate::http::error::{ApiError, ErrorCode};
use crate::ids::UserId;
use crate::inventory::Idempotency;
use crate::store::Key;

const MAX_KEY_BYTES: usize = 255;

/// The client's key; `None` if it sent none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IdempotencyKey(pub Option<String>);

impl IdempotencyKey {
    /// Returns the key for an operation that requires one: 422 if it is absent.
    ///
    /// # Errors
    /// [`ErrorCode::IdempotencyKeyRequired`].
    pub fn required(&self) -> Result<&str, ApiError> {
        self.0.as_deref().ok_or_else(|| ApiError::of(ErrorCode::IdempotencyKeyRequired))
    }

    /// Returns the identity of this request: scoped to the caller and the operation, with a
    /// fingerprint of the parsed `body` (without values that the server generated). `None` without
    /// a key.
    #[must_use]
    pub fn identity(
        &self,
        principal: UserId,
        operation: &str,
        body: &impl Serialize,
    ) -> Option<Idempotency> {
        let key = self.0.as_deref()?;
        let mut hasher = blake3::Hasher::new();
        hasher.update(principal.0.as_bytes());
        // Lengths first, so that no two pairs of texts concatenate to the same bytes.
        hasher.update(&(operation.len() as u64).to_be_bytes());
        hasher.update(operation.as_bytes());
        hasher.update(key.as_bytes());
        // A struct's fields are written in the order of its declaration, so each value has one
        // text.
        let canonical = serde_json::to_vec(body).expect("bodies are made of plain JSON types");
        Some(Idempotency {
            key: first_half(&hasher.finalize()),
            fingerprint: first_half(&blake3::hash(&canonical)),
            principal,
        })
    }
}

impl IdempotencyKey {
    /// [`Self::identity`] for operations that no box office decides: the key of a table row.
    #[must_use]
    pub fn row_key(
        &self,
        principal: UserId,
        operation: &'static str,
        body: &impl Serialize,
    ) -> Option<Key> {
        self.identity(principal, operation, body).map(|identity| Key {
            principal,
            operation,
            key_hash: identity.key,
            fingerprint: identity.fingerprint,
        })
    }
}

fn first_half(hash: &blake3::Hash) -> [u8; 16] {
    let mut half = [0; 16];
    half.copy_from_slice(&hash.as_bytes()[..16]);
    half
}

impl FromRequest for IdempotencyKey {
    type Error = ApiError;
    type Future = Ready<Result<Self, ApiError>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let mut values = request.headers().get_all("idempotency-key");
        let key = match (values.next(), values.next()) {
            (None, _) => Ok(Self(None)),
            (Some(value), None) => visible(value.as_bytes()).map(|key| Self(Some(key))),
            (Some(_), Some(_)) => Err(()),
        };
        ready(key.map_err(|()| ApiError::of(ErrorCode::MalformedIdempotencyKey)))
    }
}

fn visible(bytes: &[u8]) -> Result<String, ()> {
    if bytes.is_empty() || bytes.len() > MAX_KEY_BYTES || !bytes.iter().all(u8::is_ascii_graphic) {
        return Err(());
    }
    Ok(bytes.iter().copied().map(char::from).collect())
}
