//! How the body of an answer is handed to its connection: nothing of it for HEAD, and a long one in
//! slices of one buffer, so that a client that reads slowly is owed a slice and not a copy of it.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::task::{Context, Poll};

use actix_web::body::{BodySize, BoxBody, MessageBody};
use actix_web::dev::ServiceResponse;
use actix_web::http::Method;
use actix_web::http::header::{self, HeaderValue};
use bytes::Bytes;

/// What a connection takes at a time, in bytes. It copies what it takes.
const SLICE: usize = 32 * 1_024;
/// The most bytes of long answers, of those that are a buffer each, that may wait to be sent. Seat
/// maps of many seats are none of them.
const MOST_UNSENT: usize = 256 * 1_024 * 1_024;

/// The bytes of long answers that wait to be sent.
#[derive(Clone, Default)]
pub struct Unsent(Arc<AtomicUsize>);

impl Unsent {
    /// Whether there is no room for another answer if it is long.
    #[must_use]
    pub fn is_full_for(&self, answer: &ServiceResponse<BoxBody>) -> bool {
        let length = long(answer.response().body().size());
        length.is_some_and(|length| self.0.load(Relaxed).saturating_add(length) > MOST_UNSENT)
    }

    fn sliced(&self, bytes: Bytes) -> Sliced {
        let counted = bytes.len();
        self.0.fetch_add(counted, Relaxed);
        Sliced { bytes, counted, unsent: self.clone() }
    }
}

/// The length of a body that is sent in slices.
fn long(size: BodySize) -> Option<usize> {
    match size {
        BodySize::Sized(length) if length > SLICE as u64 => usize::try_from(length).ok(),
        BodySize::None | BodySize::Sized(_) | BodySize::Stream => None,
    }
}

/// The answer as it is sent to a request of this method.
#[must_use]
pub fn fit(
    answer: ServiceResponse<BoxBody>,
    method: &Method,
    unsent: &Unsent,
) -> ServiceResponse<BoxBody> {
    if method == Method::HEAD {
        return headers_only(answer);
    }
    if long(answer.response().body().size()).is_none() {
        return answer;
    }
    answer.map_body(|_, body| match body.try_into_bytes() {
        Ok(bytes) => BoxBody::new(unsent.sliced(bytes)),
        // Of several pieces, which come one by one.
        Err(body) => body,
    })
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

/// What is left of a buffer, all of which is kept until the last slice is taken.
struct Sliced {
    bytes: Bytes,
    counted: usize,
    unsent: Unsent,
}

impl MessageBody for Sliced {
    type Error = Infallible;

    fn size(&self) -> BodySize {
        BodySize::Sized(self.bytes.len() as u64)
    }

    fn poll_next(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Bytes, Infallible>>> {
        let next = self.bytes.len().min(SLICE);
        Poll::Ready((next > 0).then(|| Ok(self.bytes.split_to(next))))
    }
}

impl Drop for Sliced {
    fn drop(&mut self) {
        self.unsent.0.fetch_sub(self.counted, Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use actix_web::HttpResponse;
    use actix_web::test::TestRequest;

    fn answer(length: usize) -> ServiceResponse<BoxBody> {
        let answer = HttpResponse::Ok().body(vec![b'x'; length]);
        ServiceResponse::new(TestRequest::default().to_http_request(), answer)
    }

    #[test]
    fn a_long_answer_is_sent_in_slices_and_counted_until_it_is_gone() {
        let unsent = Unsent::default();
        let length = 3 * SLICE + 7;
        let answer = fit(answer(length), &Method::GET, &unsent);
        assert_eq!(answer.response().body().size(), BodySize::Sized(length as u64));
        assert_eq!(unsent.0.load(Relaxed), length);
        let (_, answer) = answer.into_parts();
        let mut body = answer.into_body();
        let mut context = Context::from_waker(std::task::Waker::noop());
        let mut lengths = Vec::new();
        while let Poll::Ready(Some(slice)) = Pin::new(&mut body).poll_next(&mut context) {
            lengths.push(slice.expect("it is in memory").len());
        }
        assert_eq!(lengths, [SLICE, SLICE, SLICE, 7]);
        drop(body);
        assert_eq!(unsent.0.load(Relaxed), 0);
    }

    #[test]
    fn long_answers_that_nobody_takes_leave_room_for_short_ones() {
        let unsent = Unsent::default();
        unsent.0.store(MOST_UNSENT - SLICE, Relaxed);
        assert!(unsent.is_full_for(&answer(SLICE + 1)));
        assert!(!unsent.is_full_for(&answer(SLICE)));
        let short = fit(answer(SLICE), &Method::GET, &unsent);
        assert_eq!(unsent.0.load(Relaxed), MOST_UNSENT - SLICE, "it is not counted");
        drop(short);
    }
}
