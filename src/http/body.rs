//! How the body of an answer is handed to its connection: nothing of it for HEAD, and a long one in
//! slices of one buffer, so that a client that reads slowly is owed a slice and not a copy of it.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};

use actix_web::body::{BodySize, BoxBody, MessageBody};
use actix_web::dev::ServiceResponse;
use actix_web::http::Method;
use actix_web::http::header::{self, HeaderValue};
use bytes::Bytes;

/// What a connection takes at a time, in bytes. It copies what it takes.
pub const SLICE: usize = 32 * 1_024;

/// The answer as it is sent to a request of this method.
#[must_use]
pub fn fit(answer: ServiceResponse<BoxBody>, method: &Method) -> ServiceResponse<BoxBody> {
    if method == Method::HEAD {
        return headers_only(answer);
    }
    match answer.response().body().size() {
        BodySize::Sized(length) if length > SLICE as u64 => {
            answer.map_body(|_, body| match body.try_into_bytes() {
                Ok(bytes) => BoxBody::new(Sliced(bytes)),
                // Of several pieces, which come one by one.
                Err(body) => body,
            })
        }
        BodySize::None | BodySize::Sized(_) | BodySize::Stream => answer,
    }
}

/// The body is dropped here: who feeds it, as a stream is fed, ends. Its length is said by us: where
/// requests are pipelined, the framework takes an answer to HEAD for one to the request after it.
fn headers_only(mut answer: ServiceResponse<BoxBody>) -> ServiceResponse<BoxBody> {
    let length = match answer.response().body().size() {
        BodySize::None => None,
        BodySize::Sized(length) => Some((header::CONTENT_LENGTH, HeaderValue::from(length))),
        BodySize::Stream => Some((header::TRANSFER_ENCODING, HeaderValue::from_static("chunked"))),
    };
    if let Some((name, value)) = length {
        answer.headers_mut().insert(name, value);
        answer.response_mut().head_mut().no_chunking(true);
    }
    answer.map_body(|_, _| BoxBody::new(NoBody))
}

/// Nothing, of a length that the framework leaves to the headers.
struct NoBody;

impl MessageBody for NoBody {
    type Error = Infallible;

    fn size(&self) -> BodySize {
        BodySize::Stream
    }

    fn poll_next(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Bytes, Infallible>>> {
        Poll::Ready(None)
    }
}

/// What is left of a buffer.
struct Sliced(Bytes);

impl MessageBody for Sliced {
    type Error = Infallible;

    fn size(&self) -> BodySize {
        BodySize::Sized(self.0.len() as u64)
    }

    fn poll_next(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Bytes, Infallible>>> {
        let next = self.0.len().min(SLICE);
        Poll::Ready((next > 0).then(|| Ok(self.0.split_to(next))))
    }
}
