//! How the body of an answer is passed to its connection: not at all for HEAD, and a long one in
//! slices of one buffer, so that a client that reads slowly occupies a slice and not a whole copy.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};

use actix_web::body::{BodySize, BoxBody, MessageBody};
use actix_web::dev::ServiceResponse;
use actix_web::http::Method;
use actix_web::http::header::{self, HeaderValue};
use bytes::Bytes;

use crate::http::middleware::connections::{self, Connection, UnderWay};

/// Bytes that a connection takes at a time. It copies them.
const SLICE: usize = 32 * 1_024;
/// The most bytes of unsent long answers that are one buffer each. Large seat maps are sent in
/// pieces and do not count.
const MOST_UNSENT: usize = 256 * 1_024 * 1_024;

/// The unsent long answers. If they exceed the bound, the one that has waited longest is given up
/// together with its connection, because its client has had the most time.
#[derive(Clone, Default)]
pub struct Unsent(Arc<Mutex<Waiting>>);

#[derive(Default)]
struct Waiting {
    bytes: usize,
    begun: u64,
    /// Length and connection of each answer, in the order in which the answers began.
    answers: BTreeMap<u64, (usize, Option<Arc<Connection>>)>,
}

impl Unsent {
    fn sliced(&self, bytes: Bytes, under_way: Option<UnderWay>) -> Sliced {
        let mut waiting = self.lock();
        while waiting.bytes.saturating_add(bytes.len()) > MOST_UNSENT
            && let Some((_, (length, connection))) = waiting.answers.pop_first()
        {
            waiting.bytes -= length;
            if let Some(connection) = connection {
                connections::unsent();
                connection.end();
            }
        }
        let nth = waiting.begun;
        waiting.begun += 1;
        waiting.bytes += bytes.len();
        let connection = under_way.as_ref().map(|it| Arc::clone(it.connection()));
        waiting.answers.insert(nth, (bytes.len(), connection));
        Sliced { bytes, nth, unsent: self.clone(), _under_way: under_way }
    }

    fn sent(&self, nth: u64) {
        let mut waiting = self.lock();
        if let Some((length, _)) = waiting.answers.remove(&nth) {
            waiting.bytes -= length;
        }
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        // No code panics while holding this lock.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Returns the length of a body that is sent in slices; `None` for other bodies.
fn long(size: BodySize) -> Option<usize> {
    match size {
        BodySize::Sized(length) if length > SLICE as u64 => usize::try_from(length).ok(),
        BodySize::None | BodySize::Sized(_) | BodySize::Stream => None,
    }
}

/// Returns the answer in the form for a request of this method. With a long answer, the request
/// stays under way until the answer is sent or given up.
#[must_use]
pub fn fit(
    answer: ServiceResponse<BoxBody>,
    method: &Method,
    (under_way, unsent): (Option<UnderWay>, &Unsent),
) -> ServiceResponse<BoxBody> {
    if method == Method::HEAD {
        return headers_only(answer);
    }
    let size = answer.response().body().size();
    if long(size).is_none() && size != BodySize::Stream {
        return answer;
    }
    if let Some(under_way) = &under_way {
        under_way.is_sending();
    }
    answer.map_body(|_, body| match body.try_into_bytes() {
        Ok(bytes) => BoxBody::new(unsent.sliced(bytes, under_way)),
        // A body of several pieces, which are sent one by one.
        Err(body) => BoxBody::new(InPieces { body, _under_way: under_way }),
    })
}

/// Removes the body of an answer to HEAD; dropping it ends the task that feeds it, such as a
/// stream. The length is set here, because with pipelined requests the framework attributes an
/// answer to HEAD to the request after it.
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

/// An empty body whose length the framework leaves to the headers.
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

/// The unsent rest of a buffer; the whole buffer is kept until the last slice is taken.
struct Sliced {
    bytes: Bytes,
    nth: u64,
    unsent: Unsent,
    _under_way: Option<UnderWay>,
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
        self.unsent.sent(self.nth);
    }
}

/// A body that is sent in pieces.
struct InPieces {
    body: BoxBody,
    _under_way: Option<UnderWay>,
}

impl MessageBody for InPieces {
    type Error = <BoxBody as MessageBody>::Error;

    fn size(&self) -> BodySize {
        self.body.size()
    }

    fn poll_next(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Bytes, Self::Error>>> {
        Pin::new(&mut self.body).poll_next(context)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::middleware::connections::{Connections, Limits};
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
        let answer = fit(answer(length), &Method::GET, (None, &unsent));
        assert_eq!(answer.response().body().size(), BodySize::Sized(length as u64));
        assert_eq!(unsent.lock().bytes, length);
        let (_, answer) = answer.into_parts();
        let mut body = answer.into_body();
        let mut context = Context::from_waker(std::task::Waker::noop());
        let mut lengths = Vec::new();
        while let Poll::Ready(Some(slice)) = Pin::new(&mut body).poll_next(&mut context) {
            lengths.push(slice.expect("it is in memory").len());
        }
        assert_eq!(lengths, [SLICE, SLICE, SLICE, 7]);
        drop(body);
        assert_eq!(unsent.lock().bytes, 0);
    }

    #[test]
    fn where_too_much_waits_the_oldest_long_answer_is_given_up() {
        const LIMITS: Limits = Limits {
            connections: 4,
            connections_per_address: 4,
            streams: 4,
            streams_per_address: 4,
        };
        let connections = Connections::new(LIMITS);
        let open: Vec<_> = (0..3).map(|_| connections.accept(None).ok().unwrap()).collect();
        let unsent = Unsent::default();
        let send = |nth: usize, length| {
            let under_way = connections.begin_request(open[nth].connection());
            fit(answer(length), &Method::GET, (Some(under_way), &unsent))
        };
        let ended = || open.iter().map(|it| it.connection().is_ended()).collect::<Vec<_>>();
        let (first, _second) = (send(0, MOST_UNSENT / 2), send(1, MOST_UNSENT / 2));
        assert_eq!(ended(), [false, false, false]);
        let _short = send(2, SLICE);
        assert_eq!(ended(), [false, false, false], "it is not counted");
        let _third = send(2, MOST_UNSENT / 2);
        assert_eq!(ended(), [true, false, false]);
        drop(first);
        assert_eq!(unsent.lock().bytes, MOST_UNSENT, "it is taken off once");
    }
}
