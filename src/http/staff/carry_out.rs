//! Carries an act out, in a task of its own: the row is written, the handler does its work, and the row is
//! completed. A client that goes away, and a server that no longer waits for the answer, end the request and
//! not the act: its row says what came of it.

use std::pin::Pin;
use std::task::{Context, Poll};

use actix_web::body::MessageBody;
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::middleware::Next;
use actix_web::{Error, HttpRequest, web};
use tokio::runtime::Handle;

use super::begun::{Begun, Facts, complete};
use crate::audit_log::{self, Act};
use crate::http::error::{ApiError, ErrorCode};
use crate::http::state::AppState;
use crate::trace;

/// The longest that an act may take, in timeouts of requests. After that its outcome is not known.
const TIMEOUTS: u32 = 2;

/// An act that its caller may carry out. Nothing is written yet.
pub(crate) struct Allowed {
    pub(super) state: web::Data<AppState>,
    pub(super) act: Act,
    pub(super) facts: Facts,
}

/// A request whose act was not written to the audit log, and did not happen.
pub(crate) struct NotBegun {
    pub(crate) request: HttpRequest,
    pub(crate) error: ApiError,
}

/// The answer of a handler.
type Answered<B> = Result<ServiceResponse<B>, Error>;

/// Writes the act to the audit log, calls its handler, and completes the row.
///
/// # Errors
/// [`NotBegun`]: 503.
pub(crate) async fn carry_out<B: MessageBody + 'static>(
    allowed: Allowed,
    request: ServiceRequest,
    next: Next<B>,
) -> Result<Answered<B>, Box<NotBegun>> {
    let state = web::Data::clone(&allowed.state);
    let runtime = state.runtime.clone();
    let longest = TIMEOUTS * state.config.request_timeout;
    let act = async move {
        // A server that stops waits for it.
        let _under_way = state.lifecycle.begin_act();
        let carried_out = tokio::time::timeout(longest, act(allowed, request, next)).await;
        carried_out.unwrap_or_else(|_| Ok(Err(ApiError::of(ErrorCode::OutcomeUnknown).into())))
    };
    let act = Some(Box::pin(trace::within(trace::current(), act)));
    match actix_web::rt::spawn(Inside { runtime, act }).await {
        Ok(carried_out) => carried_out,
        Err(ended) if ended.is_panic() => std::panic::resume_unwind(ended.into_panic()),
        // The worker stops.
        Err(_) => Ok(Err(ApiError::of(ErrorCode::OutcomeUnknown).into())),
    }
}

/// Polls an act inside the runtime of the database, and drops it there: a worker that ends has none.
struct Inside<F> {
    runtime: Handle,
    act: Option<Pin<Box<F>>>,
}

impl<F: Future> Future for Inside<F> {
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<F::Output> {
        let Self { runtime, act } = &mut *self;
        let _entered = runtime.enter();
        let act = act.as_mut().expect("it is there until this is dropped");
        act.as_mut().poll(context)
    }
}

impl<F> Drop for Inside<F> {
    fn drop(&mut self) {
        let _entered = self.runtime.enter();
        drop(self.act.take());
    }
}

async fn act<B: MessageBody + 'static>(
    Allowed { state, act, facts }: Allowed,
    request: ServiceRequest,
    next: Next<B>,
) -> Result<Answered<B>, Box<NotBegun>> {
    let (name, now) = (act.action.clone(), state.clock.now_ms());
    let row = match audit_log::begin(&state.store, act, now).await {
        Ok(row) => row,
        Err(error) => {
            tracing::error!(%error, action = name, "an act was refused: the audit log cannot be written");
            let (request, _) = request.into_parts();
            // The same for every cause: the act waits.
            let error = ApiError::of(ErrorCode::Unavailable);
            return Err(Box::new(NotBegun { request, error }));
        }
    };
    let begun = Begun::new(state, row, facts);
    let answered = next.call(request).await;
    complete(begun, &answered).await;
    Ok(answered)
}
