//! `X-Queue-Proof`: the proof of work of a request to enter a queue, as it came. A header, because
//! entering has no body, and clients of other queue services send none.

use std::convert::Infallible;
use std::future::{Ready, ready};

use actix_web::dev::Payload;
use actix_web::{FromRequest, HttpRequest};

/// The header.
pub const PROOF_HEADER: &str = "x-queue-proof";

/// The proof that a request shows; `None` if it shows none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QueueProof(pub Option<String>);

impl FromRequest for QueueProof {
    type Error = Infallible;
    type Future = Ready<Result<Self, Infallible>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let sent = request.headers().get(PROOF_HEADER);
        let text = sent.map(|value| String::from_utf8_lossy(value.as_bytes()).trim().to_owned());
        ready(Ok(Self(text)))
    }
}
