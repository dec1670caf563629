//! The time limits of requests. One timer per request checks once a second: a timer for the body
//! and another for the answer would cost a hold more than its decision does.

use std::cell::Cell;
use std::future::poll_fn;
use std::pin::pin;
use std::rc::Rc;
use std::task::Poll;
use std::time::Duration;

use actix_web::{HttpMessage, HttpRequest};
use tokio::time::Sleep;

use crate::http::middleware::lifecycle::Lifecycle;

/// Interval of the checks of a slow request; time limits are rounded up to it.
const LOOK: Duration = Duration::from_secs(1);
/// The longest a client may take to send a body.
const BODY_TIMEOUT: Duration = Duration::from_secs(15);

/// True while the request's body is still arriving; kept in the request's extensions.
#[derive(Clone, Debug, Default)]
pub struct Arrival(Rc<Cell<bool>>);

impl Arrival {
    /// Marks this request's body as arriving until the returned value is dropped.
    pub fn begin(request: &HttpRequest) -> Arriving {
        let arrival = request.extensions().get::<Self>().cloned().unwrap_or_default();
        arrival.0.set(true);
        Arriving(arrival)
    }
}

/// A body that is being read.
#[derive(Debug)]
pub struct Arriving(Arrival);

impl Drop for Arriving {
    fn drop(&mut self) {
        self.0.0.set(false);
    }
}

/// The reason why the server stops waiting for a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Overdue {
    /// Its body did not arrive in time.
    Body,
    /// Its body had not arrived when the server stopped, so the request was not accepted yet.
    Stopping,
    /// No answer was ready in time.
    Answer,
}

/// Waits for `call`, including the arrival of the body, within their time limits. Calls `waits` at
/// every poll that is still pending, with true if the body is still arriving.
///
/// # Errors
/// [`Overdue`]; `call` is then dropped.
pub async fn in_time<T>(
    call: impl Future<Output = T>,
    arrival: &Arrival,
    lifecycle: &Lifecycle,
    longest: Duration,
    waits: impl Fn(bool),
) -> Result<T, Overdue> {
    let (mut call, mut look) = (pin!(call), pin!(None::<Sleep>));
    let (mut waited, mut stopping) = (Duration::ZERO, false);
    loop {
        let next = poll_fn(|context| match call.as_mut().poll(context) {
            Poll::Ready(done) => Poll::Ready(Some(done)),
            Poll::Pending => {
                waits(arrival.0.get());
                // A request that is answered at once needs no timer.
                if look.is_none() {
                    look.set(Some(tokio::time::sleep(LOOK)));
                }
                look.as_mut()
                    .as_pin_mut()
                    .map_or(Poll::Pending, |look| look.poll(context).map(|()| None))
            }
        });
        if let Some(done) = next.await {
            return Ok(done);
        }
        look.set(None);
        waited += LOOK;
        if let Some(overdue) = overdue(waited, arrival.0.get(), stopping, longest) {
            return Err(overdue);
        }
        stopping = lifecycle.is_stopping();
    }
}

/// Returns the limit that is exceeded after `waited`. `stopping` is from the previous check, so the
/// server has been stopping for at least one second.
fn overdue(waited: Duration, arriving: bool, stopping: bool, longest: Duration) -> Option<Overdue> {
    match waited {
        _ if arriving && stopping => Some(Overdue::Stopping),
        waited if arriving && waited >= BODY_TIMEOUT.min(longest) => Some(Overdue::Body),
        waited if waited >= longest => Some(Overdue::Answer),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_kind_of_wait_has_its_own_end() {
        let s = Duration::from_secs;
        for (waited, arriving, stopping, longest, expected) in [
            (s(1), true, false, s(30), None),
            (s(15), true, false, s(30), Some(Overdue::Body)),
            (s(3), true, false, s(3), Some(Overdue::Body)),
            (s(2), true, false, s(3), None),
            (s(15), false, false, s(30), None),
            (s(30), false, false, s(30), Some(Overdue::Answer)),
            (s(2), true, true, s(30), Some(Overdue::Stopping)),
            // An accepted request is answered even by a server that stops.
            (s(2), false, true, s(30), None),
        ] {
            let found = overdue(waited, arriving, stopping, longest);
            assert_eq!(found, expected, "{waited:?} {arriving} {stopping} {longest:?}");
        }
    }
}
