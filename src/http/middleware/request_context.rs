//! The context of every request: its id (in every log line, the answer's header, and errors), its
//! place in a trace, the measurements, the envelope of failures of any origin, and the handling of
//! panics.

use std::cell::RefCell;
use std::collections::HashMap;
use std::panic::AssertUnwindSafe;
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use actix_web::body::{BodySize, BoxBody, MessageBody};
use actix_web::dev::{Payload, ServiceRequest, ServiceResponse};
use actix_web::error::InternalError;
use actix_web::http::ConnectionType;
use actix_web::http::header::{self, HeaderMap, HeaderValue};
use actix_web::http::{Method, StatusCode};
use actix_web::middleware::Next;
use actix_web::{Error, HttpMessage, HttpRequest, HttpResponse, web};
use futures_util::{FutureExt, StreamExt};

use crate::box_office::{Unavailable, UnknownReason, outcome_unknown};
use crate::clock::Clock;
use crate::http::error::{ApiError, ErrorCode};
use crate::http::extract::{DEFAULT_LIMIT, access_of, expect_none};
use crate::http::middleware::admission::{Ending, Work};
use crate::http::middleware::connections::Connection;
use crate::http::middleware::deadline::{Arrival, Overdue, in_time};
use crate::http::middleware::rates::table::Classes;
use crate::http::middleware::{aliases, cors, origin, rates, response_body};
use crate::http::openapi;
use crate::http::staff;
use crate::http::state::AppState;
use crate::telemetry::metrics::{self, HttpRoute};
use crate::trace::{self, Origin, RequestId, Span, Tracer};

/// The longest that a request of another instance may take. Instances have timeouts of their own,
/// and an answer that is given up here is lost to them.
const INTERNAL_TIMEOUT: Duration = Duration::from_secs(120);

/// The outermost middleware.
///
/// # Errors
/// Only in the form that actix requires: an error that contains the whole answer, where the request
/// was lost in a panic.
pub async fn request_context<B: MessageBody + 'static>(
    mut request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<BoxBody>, Error> {
    let state = request.app_data::<web::Data<AppState>>().expect("the server sets its state");
    let state = web::Data::clone(state);
    // Probes would make up most traces, and requests of other instances carry the trace that they
    // belong to.
    let is_traced = state.lifecycle.is_open() && !is_for_all_times(request.path());
    let tracer = if is_traced { &state.tracer } else { &Tracer::OFF };
    let (origin, span) = origin::arrived(request.headers(), tracer);
    let id = &origin.request_id;
    let AppState { clock, lifecycle, runtime, .. } = &**state;
    let _in_flight = lifecycle.begin();
    let started = clock.monotonic();
    aliases::resolve(&mut request);
    let method = request.method().clone();
    if method == Method::HEAD {
        // HEAD works wherever GET does. The body is left out of the answer.
        request.head_mut().method = Method::GET;
    }
    let is_of_instance = request.path() == crate::cluster::PATH;
    let path = (span.is_recorded() || logs_access()).then(|| request.path().to_owned());
    let origin_page = cors::Page::of(&state.config, request.headers());
    let report = Report { span, method: &method, path, started };

    if !lifecycle.is_open() && !is_for_all_times(request.path()) {
        let mut answer = ApiError::of(ErrorCode::NotReady).to_response(id);
        set_headers(answer.headers_mut(), id, origin_page);
        return Err(InternalError::from_response("starting", answer).into());
    }
    let connection = request.conn_data::<Arc<Connection>>().cloned();
    let under_way = connection.as_ref().map(|it| state.connections.begin_request(it));
    if let Some(connection) = &connection {
        state.unnamed_proxies.look((&state.config, &**clock), &request, connection);
    }
    let route = route_of(request.request());
    let class = route.classes.class(request.method());
    let counted = match rates::count(&state, &request, (class, route.pattern())).await {
        Ok(counted) => counted,
        Err((refused, counted)) => {
            let page = rates::page(&request, &refused);
            let mut answer = page.unwrap_or_else(|| refused.to_response(id));
            counted.mark(answer.headers_mut(), true);
            set_headers(answer.headers_mut(), id, origin_page);
            report.answered(&**clock, id, &route, answer.status());
            read_away(request.take_payload()).await;
            return Ok(request.into_response(answer));
        }
    };
    let admitted = match state.admission.enter(Work::of(&method, request.path()), started) {
        Ok(admitted) => admitted,
        Err(overloaded) => {
            let mut answer = ApiError::from(overloaded).to_response(id);
            set_headers(answer.headers_mut(), id, origin_page);
            report.answered(&**clock, id, &route, answer.status());
            if let Some(under_way) = &under_way {
                under_way.is_arriving(true);
            }
            read_away(request.take_payload()).await;
            return Ok(request.into_response(answer));
        }
    };
    let arrival = Arrival::default();
    request.extensions_mut().insert(arrival.clone());
    let mut on_behalf = Some(origin.clone());
    let no_body = route.without_body.contains(request.method());
    let rule = route.staff.iter().copied().find(|rule| rule.method == request.method().as_str());
    let call = Box::pin(call_without_extras(request, next, no_body, rule));
    let call = Inside { runtime, origin: on_behalf.clone(), future: call };
    let call = AssertUnwindSafe(call).catch_unwind();
    let longest = match is_of_instance {
        true => INTERNAL_TIMEOUT,
        false => state.config.request_timeout,
    };
    let waits = |is_arriving| {
        if let Some(under_way) = &under_way {
            under_way.is_arriving(is_arriving);
        }
        if !is_arriving {
            admitted.begin(|| clock.monotonic());
        }
    };
    let ended = in_time(call, &arrival, lifecycle, longest, waits).await;
    trace::scope(&mut on_behalf, || match answer(ended, &method, id) {
        Ok(mut response) => {
            response = allow(response, &method, &route);
            response = response_body::fit(response, &method, (under_way, &state.unsent));
            if let Some(counted) = counted {
                counted.mark(response.headers_mut(), false);
            }
            set_headers(response.headers_mut(), id, origin_page);
            if lifecycle.is_stopping() || connection.is_some_and(|it| it.closes()) {
                response.response_mut().head_mut().set_connection_type(ConnectionType::Close);
            }
            let status = response.status();
            let elapsed = report.answered(&**clock, id, &route, status);
            admitted.answered(started + elapsed, ending(status));
            Ok(response)
        }
        Err(mut response) => {
            set_headers(response.headers_mut(), id, origin_page);
            let gone = Route::unknown();
            let status = response.status();
            let elapsed = report.answered(&**clock, id, &gone, status);
            admitted.answered(started + elapsed, ending(status));
            Err(InternalError::from_response("answered", response).into())
        }
    })
}

/// Adds the header `Allow` with the route's methods to a 405 answer, which becomes 204 for OPTIONS.
fn allow(
    response: ServiceResponse<BoxBody>,
    method: &Method,
    route: &Route,
) -> ServiceResponse<BoxBody> {
    let mut response = response;
    if response.status() == StatusCode::METHOD_NOT_ALLOWED
        && let Some(allowed) = route.pattern().and_then(openapi::allowed)
    {
        if method == Method::OPTIONS {
            response = response.into_response(HttpResponse::NoContent().finish());
        }
        response.headers_mut().insert(header::ALLOW, HeaderValue::from_static(allowed));
    }
    response
}

/// Derives how the order ended from the status of its answer.
fn ending(status: StatusCode) -> Ending {
    match status {
        StatusCode::CONFLICT => Ending::Decided,
        _ if status.is_client_error() => Ending::Dismissed,
        _ if status.is_server_error() => Ending::Failed,
        _ => Ending::Decided,
    }
}

/// Forwards a request, unless it has a body where none is allowed: a request that the server does
/// not fully understand must not be answered by doing something else. A request that needs a role
/// passes the gate of staff.
async fn call_without_extras<B>(
    mut request: ServiceRequest,
    next: Next<B>,
    no_body: bool,
    rule: Option<&'static staff::Rule>,
) -> Result<ServiceResponse<B>, Error>
where
    B: MessageBody + 'static,
{
    if no_body && has_body(request.headers()) {
        let body = request.take_payload();
        expect_none(request.request(), body).await?;
    }
    let Some(rule) = rule else { return next.call(request).await };
    let access = access_of(request.request());
    match staff::enter(&mut request, rule, access).await? {
        Some(act) => staff::carry_out(act, request, next)
            .await
            .unwrap_or_else(|not_begun| Err(not_begun.error.into())),
        None => next.call(request).await,
    }
}

fn has_body(headers: &HeaderMap) -> bool {
    headers.contains_key(header::TRANSFER_ENCODING)
        || headers.get(header::CONTENT_LENGTH).is_some_and(|length| length != "0")
}

/// Reads and discards an unwanted body, if it is there already or arrives soon: a connection with
/// an unread body is closed, and opening another costs more than an order does.
async fn read_away(mut payload: Payload) {
    const TIMEOUT: Duration = Duration::from_millis(250);
    let mut left = DEFAULT_LIMIT;
    let mut reading = pin!(async move {
        while let Some(Ok(chunk)) = payload.next().await {
            left = left.saturating_sub(chunk.len());
            if left == 0 {
                return;
            }
        }
    });
    // A body that arrived with the head is there after one turn, without a timer.
    for _ in 0..2 {
        if futures_util::poll!(&mut reading).is_ready() {
            return;
        }
        tokio::task::yield_now().await;
    }
    // After that, the connection is closed with the answer.
    let _ = tokio::time::timeout(TIMEOUT, reading).await;
}

thread_local! {
    /// Routes by the shape of the path. The framework finds a pattern by trying all routes again,
    /// which costs more than deciding a hold.
    static ROUTES: RefCell<HashMap<String, Rc<Route>>> = RefCell::default();
}

/// The known facts about a route.
struct Route {
    measured: HttpRoute,
    /// The methods that take no body, according to the API document.
    without_body: &'static [Method],
    /// What its methods need of staff.
    staff: Vec<&'static staff::Rule>,
    /// The limits that count.
    classes: Classes,
}

impl Route {
    fn new(pattern: Option<String>) -> Self {
        let without_body = pattern.as_deref().map_or(&[][..], openapi::without_body);
        let staff = pattern.as_deref().map_or_else(Vec::new, staff::rules_of);
        let classes = Classes::of(pattern.as_deref());
        Self { measured: HttpRoute::new(pattern), without_body, staff, classes }
    }

    /// Returns the route of a path that matches none, or of a request that was lost.
    fn unknown() -> Self {
        Self::new(None)
    }

    fn pattern(&self) -> Option<&str> {
        self.measured.pattern.as_deref()
    }
}

/// The most path shapes kept; the bound is needed because clients can invent paths.
const MAX_SHAPES: usize = 512;

/// Returns the route that a request's path matches, percent-decoded as the router reads it.
/// Segments that have the form of an id are not compared.
fn route_of(request: &HttpRequest) -> Rc<Route> {
    let path = request.match_info().as_str();
    let mut shape = String::with_capacity(path.len());
    for segment in path.split('/').skip(1) {
        shape.push('/');
        shape.push_str(if is_id(segment) { "*" } else { segment });
    }
    ROUTES.with_borrow_mut(|routes| {
        if let Some(known) = routes.get(&shape) {
            return Rc::clone(known);
        }
        if routes.len() >= MAX_SHAPES {
            routes.clear();
        }
        let found = Rc::new(Route::new(request.resource_map().match_pattern(path)));
        routes.insert(shape, found.clone());
        found
    })
}

/// True if the segment has the form of an id; no fixed segment of any route does.
fn is_id(segment: &str) -> bool {
    const UUID_CHARS: usize = 36;
    segment.len() == UUID_CHARS && segment.bytes().all(|b| b.is_ascii_hexdigit() || b == b'-')
}

/// How a call ended: in time or not, in a panic or not, successfully or not.
type Ended<B> = Result<std::thread::Result<Result<ServiceResponse<B>, Error>>, Overdue>;

/// Returns the answer; `Err` if the request is gone, so that the answer is returned as an error.
#[expect(clippy::result_large_err, reason = "an answer in both cases")]
fn answer<B: MessageBody + 'static>(
    ended: Ended<B>,
    method: &Method,
    id: &RequestId,
) -> Result<ServiceResponse<BoxBody>, HttpResponse> {
    match ended {
        Ok(Ok(Ok(response))) => Ok(in_envelope(response.map_into_boxed_body(), id)),
        Ok(Ok(Err(error))) => Err(failure(&error).to_response(id)),
        Err(Overdue::Body) => Err(ApiError::of(ErrorCode::RequestTimeout).to_response(id)),
        Err(Overdue::Stopping) => Err(ApiError::from(Unavailable::Stopping).to_response(id)),
        // The database hangs. The statements that it received may still be carried out.
        Err(Overdue::Answer) if method.is_safe() => {
            Err(ApiError::of(ErrorCode::Unavailable).to_response(id))
        }
        Err(Overdue::Answer) => {
            outcome_unknown(UnknownReason::RequestDeadline, None);
            Err(ApiError::of(ErrorCode::OutcomeUnknown).to_response(id))
        }
        // The panic hook has logged the location.
        Ok(Err(_panic)) => Err(ApiError::internal("a handler panicked").to_response(id)),
    }
}

/// True for paths that are answered before clients are served: probes, and requests of other
/// instances.
fn is_for_all_times(path: &str) -> bool {
    path == "/health" || path.starts_with("/health/") || path == crate::cluster::PATH
}

/// Polls a future inside another tokio runtime than the worker's own (see [`AppState::runtime`]),
/// on behalf of a request.
struct Inside<'a, F> {
    runtime: &'a tokio::runtime::Handle,
    origin: Option<Origin>,
    future: Pin<Box<F>>,
}

impl<F: Future> Future for Inside<'_, F> {
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<F::Output> {
        let Self { runtime, origin, future } = &mut *self;
        let _entered = runtime.enter();
        trace::scope(origin, || future.as_mut().poll(context))
    }
}

/// Gives failures the API's form, whether they come from a handler, an extractor, or actix itself.
fn in_envelope(response: ServiceResponse<BoxBody>, id: &RequestId) -> ServiceResponse<BoxBody> {
    let status = response.status();
    if !status.is_client_error() && !status.is_server_error() {
        return response;
    }
    let envelope = match response.response().error() {
        Some(error) => failure(error).to_response(id),
        None if is_empty(response.response()) => by_status(status).to_response(id),
        None => return response,
    };
    response.into_response(envelope)
}

fn is_empty(response: &HttpResponse) -> bool {
    matches!(response.body().size(), BodySize::None | BodySize::Sized(0))
}

fn failure(error: &Error) -> ApiError {
    match error.as_error::<ApiError>() {
        Some(error) => error.clone(),
        None => by_status(error.as_response_error().status_code()),
    }
}

/// Returns the error for a failure that actix found by itself.
fn by_status(status: StatusCode) -> ApiError {
    match status {
        StatusCode::NOT_FOUND => ApiError::not_found("route"),
        StatusCode::METHOD_NOT_ALLOWED => ApiError::of(ErrorCode::MethodNotAllowed),
        StatusCode::PAYLOAD_TOO_LARGE => ApiError::of(ErrorCode::PayloadTooLarge),
        StatusCode::REQUEST_TIMEOUT => ApiError::of(ErrorCode::RequestTimeout),
        StatusCode::UNSUPPORTED_MEDIA_TYPE => ApiError::of(ErrorCode::UnsupportedMediaType),
        StatusCode::UNAUTHORIZED => ApiError::of(ErrorCode::Unauthorized),
        StatusCode::FORBIDDEN => ApiError::of(ErrorCode::Forbidden),
        StatusCode::SERVICE_UNAVAILABLE => ApiError::of(ErrorCode::Unavailable),
        other if other.is_client_error() => ApiError::of(ErrorCode::BadRequest),
        other => ApiError::internal(format!("the framework answered {other}")),
    }
}

fn set_headers(headers: &mut HeaderMap, id: &RequestId, page: Option<cors::Page>) {
    if let Some(page) = page {
        page.mark(headers);
    }
    if let Some(id) = origin::header(id) {
        headers.insert(origin::REQUEST_ID, id);
    }
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(header::X_FRAME_OPTIONS, HeaderValue::from_static("DENY"));
    // Pages have their own policy.
    if !headers.contains_key(header::REFERRER_POLICY) {
        headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    }
    // Answers are private to their caller unless the handler sets another policy.
    if !headers.contains_key(header::CACHE_CONTROL) {
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    }
}

/// The measurements that are reported once a request has its answer.
struct Report<'a> {
    span: Span,
    method: &'a Method,
    /// The path, if a trace or the access log needs it.
    path: Option<String>,
    started: Duration,
}

impl Report<'_> {
    /// Reports the answer; returns the time that the request took.
    fn answered(
        self,
        clock: &dyn Clock,
        id: &RequestId,
        route: &Route,
        status: StatusCode,
    ) -> Duration {
        let Self { mut span, method, path, started } = self;
        let elapsed = clock.monotonic().saturating_sub(started);
        route.measured.answered(method, status, elapsed);
        let route = route.pattern();
        let (path, status) = (path.unwrap_or_default(), status.as_u16());
        if logs_access() {
            let elapsed_us = elapsed.as_micros();
            tracing::debug!(target: "admitone::access", %method, path, status, elapsed_us,
                "answered");
        } else if status == 500 {
            // The log line with the cause has the request's id, and not its route.
            tracing::warn!(target: "admitone::access", %method, route, status, "answered");
        }
        if span.is_recorded() {
            tell(&mut span, (method, path, route), status);
            span.set("admitone.request.id", id.to_string());
        }
        span.end();
        elapsed
    }
}

fn logs_access() -> bool {
    tracing::enabled!(target: "admitone::access", tracing::Level::DEBUG)
}

/// Sets the span's attributes by their OpenTelemetry names. The query is left out, because it may
/// hold private data.
fn tell(span: &mut Span, (method, path, route): (&Method, String, Option<&str>), status: u16) {
    let known = metrics::known(method);
    span.set("http.request.method", known.map_or("_OTHER", Method::as_str).to_owned());
    span.set("url.scheme", "http");
    span.set("url.path", path);
    span.set("http.response.status_code", status);
    let method = known.map_or("HTTP", Method::as_str);
    match route {
        Some(route) => {
            span.rename(format!("{method} {route}"));
            span.set("http.route", route.to_owned());
        }
        None => span.rename(method.to_owned()),
    }
    if status >= 500 {
        span.set("error.type", status.to_string());
        span.fail(format!("answered {status}"));
    }
}
