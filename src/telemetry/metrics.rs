//! The Prometheus recorder, and the metrics of HTTP, logins and the process itself; box offices and
//! payments keep theirs beside their code. Labels are few and of bounded number: no user, hold or
//! reservation is ever one.

use std::cell::RefCell;
use std::collections::HashMap;
use std::sync::OnceLock;
use std::time::Duration;

use actix_web::http::{Method, StatusCode};
use metrics::{
    Counter, Histogram, Unit, counter, describe_counter, describe_gauge, describe_histogram, gauge,
};
use metrics_exporter_prometheus::{BuildError, Matcher, PrometheusBuilder, PrometheusHandle};

const HTTP_REQUESTS: &str = "admitone_http_requests_total";
const HTTP_SECONDS: &str = "admitone_http_request_duration_seconds";
const HTTP_FAILURES: &str = "admitone_http_failures_total";
const HTTP_IN_FLIGHT: &str = "admitone_http_requests_in_flight";
const LISTENERS: &str = "admitone_stream_listeners";
const PANICS: &str = "admitone_panics_total";
const DATABASE_CONNECTIONS: &str = "admitone_database_connections";
const DATABASE_CONNECTIONS_MAX: &str = "admitone_database_connections_max";
const OUTBOX_WAITING: &str = "admitone_outbox_messages_waiting";
const OUTBOX_OLDEST: &str = "admitone_outbox_oldest_age_seconds";
const OUTBOX_RELAYS: &str = "admitone_outbox_relays";
const LOGINS: &str = "admitone_logins_total";
const SOCIAL_LOGINS: &str = "admitone_social_logins_total";
const ENDED_SESSIONS_AGE: &str = "admitone_ended_sessions_age_seconds";
const READY: &str = "admitone_ready";
const BUILD: &str = "admitone_build_info";

/// From 100 µs to 10 s: an answer from memory, an fsync, a lock wait, a timeout.
const SECONDS: &[f64] = &[
    0.0001, 0.000_25, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5,
    5.0, 10.0,
];
const BATCHES: &[f64] = &[1.0, 2.0, 5.0, 10.0, 25.0, 50.0, 100.0, 250.0, 500.0, 1_000.0];
const RATIOS: &[f64] = &[0.05, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.75, 1.0, 2.0, 5.0];
const BYTES: &[f64] = &[256.0, 1_024.0, 4_096.0, 16_384.0, 65_536.0, 262_144.0, 1_048_576.0];

/// Installs the recorder of this process, once, and returns the handle that renders it.
///
/// # Errors
/// If another recorder is installed in this process already.
pub fn install() -> Result<PrometheusHandle, BuildError> {
    static HANDLE: OnceLock<PrometheusHandle> = OnceLock::new();
    if let Some(handle) = HANDLE.get() {
        return Ok(handle.clone());
    }
    let handle = PrometheusBuilder::new()
        .set_buckets_for_metric(Matcher::Suffix("_seconds".into()), SECONDS)?
        .set_buckets_for_metric(Matcher::Suffix("_batch_commands".into()), BATCHES)?
        .set_buckets_for_metric(Matcher::Suffix("_bytes".into()), BYTES)?
        .set_buckets_for_metric(Matcher::Suffix("_ratio".into()), RATIOS)?
        .install_recorder()?;
    describe();
    Ok(HANDLE.get_or_init(|| handle).clone())
}

fn describe() {
    describe_counter!(HTTP_REQUESTS, "Requests answered, by method, route pattern and status.");
    describe_histogram!(
        HTTP_SECONDS,
        Unit::Seconds,
        "Seconds from a request's head to its answer."
    );
    describe_counter!(HTTP_FAILURES, "Answers that are a failure, by its code and status.");
    describe_gauge!(HTTP_IN_FLIGHT, "Requests that have no answer yet.");
    describe_gauge!(LISTENERS, "Streams of availability that somebody listens to.");
    describe_counter!(PANICS, "Panics anywhere in the process.");
    describe_gauge!(DATABASE_CONNECTIONS, "Connections to the database, by state (used, idle).");
    describe_gauge!(DATABASE_CONNECTIONS_MAX, "The most connections there may be.");
    describe_gauge!(OUTBOX_WAITING, "Outbox messages that wait to be relayed.");
    describe_gauge!(OUTBOX_OLDEST, Unit::Seconds, "Age of the oldest outbox message that waits.");
    describe_gauge!(
        OUTBOX_RELAYS,
        "Relays of outbox messages that run in this process; without one, messages just wait."
    );
    describe_counter!(LOGINS, "Logins, by outcome (ok, refused, limited).");
    describe_counter!(
        SOCIAL_LOGINS,
        "Logins by a provider, by provider and outcome (ok, refused, failed)."
    );
    describe_gauge!(
        ENDED_SESSIONS_AGE,
        Unit::Seconds,
        "Age of the list of ended sessions of this instance."
    );
    describe_gauge!(READY, "1 while this process is ready to serve.");
    describe_gauge!(BUILD, "Always 1; its labels say what runs.");
    gauge!(BUILD, "version" => env!("CARGO_PKG_VERSION")).set(1.0);
    // A counter that first shows up when it is 1 has no rate to alert on.
    counter!(PANICS).absolute(0);
    for outcome in ["ok", "refused", "limited"] {
        counter!(LOGINS, "outcome" => outcome).absolute(0);
    }
    for provider in ["GOOGLE", "KAKAO", "NAVER", "APPLE", "OIDC"] {
        for outcome in ["ok", "refused", "failed"] {
            let labels = [("provider", provider), ("outcome", outcome)];
            counter!(SOCIAL_LOGINS, &labels).absolute(0);
        }
    }
    gauge!(LISTENERS).set(0.0);
    gauge!(ENDED_SESSIONS_AGE).set(0.0);
    gauge!(OUTBOX_RELAYS).set(0.0);
}

/// The series of a route, for one thread: building a key with three labels costs more than counting.
#[derive(Debug)]
pub struct HttpRoute {
    /// The pattern, never the path; `None` for requests without a route.
    pub pattern: Option<String>,
    /// Series by method and status; there are few.
    series: RefCell<Vec<(Method, StatusCode, Counter, Histogram)>>,
}

impl HttpRoute {
    /// Returns the series of a pattern.
    #[must_use]
    pub fn new(pattern: Option<String>) -> Self {
        Self { pattern, series: RefCell::default() }
    }

    /// Counts one answered request.
    pub fn answered(&self, method: &Method, status: StatusCode, elapsed: Duration) {
        let method = known(method).unwrap_or(&Method::TRACE);
        let mut series = self.series.borrow_mut();
        let found = series.iter().position(|(m, s, ..)| (m, *s) == (method, status));
        let found = found.unwrap_or_else(|| {
            let labels = [
                ("method", method.to_string()),
                ("route", self.pattern.as_deref().unwrap_or("unmatched").to_owned()),
                ("status", status.as_str().to_owned()),
            ];
            let (count, seconds) =
                (counter!(HTTP_REQUESTS, &labels), metrics::histogram!(HTTP_SECONDS, &labels));
            series.push((method.clone(), status, count, seconds));
            series.len() - 1
        });
        let (_, _, count, seconds) = &series[found];
        count.increment(1);
        seconds.record(elapsed);
    }
}

thread_local! {
    /// Counters by code: a sold-out event is refused a hundred thousand times.
    static FAILURES: RefCell<HashMap<&'static str, Counter>> = RefCell::default();
}

/// Registers an error code of failed answers, so that there is a rate from the first one on.
pub fn http_failure_code(code: &'static str, status: StatusCode) {
    failure_counter(code, status).absolute(0);
}

/// Counts a failed answer. A code has one status.
pub fn http_failure(code: &'static str, status: StatusCode) {
    FAILURES.with_borrow_mut(|counters| {
        counters.entry(code).or_insert_with(|| failure_counter(code, status)).increment(1);
    });
}

fn failure_counter(code: &'static str, status: StatusCode) -> Counter {
    counter!(HTTP_FAILURES, "code" => code, "status" => status.as_str().to_owned())
}

/// Sets the number of requests that have no answer yet.
#[expect(clippy::cast_precision_loss, reason = "there are far fewer requests than 2^52")]
pub fn http_in_flight(count: usize) {
    gauge!(HTTP_IN_FLIGHT).set(count as f64);
}

/// Counts a listener of a stream, until it is dropped.
#[derive(Debug)]
pub struct Listener(());

impl Listener {
    /// Counts one more listener.
    #[must_use]
    pub fn begin() -> Self {
        gauge!(LISTENERS).increment(1.0);
        Self(())
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        gauge!(LISTENERS).decrement(1.0);
    }
}

/// Returns the method if it is a known one. Clients can invent methods; data kept by method must not
/// grow with them.
pub fn known(method: &Method) -> Option<&Method> {
    match *method {
        Method::GET
        | Method::POST
        | Method::PUT
        | Method::PATCH
        | Method::DELETE
        | Method::HEAD
        | Method::OPTIONS => Some(method),
        _ => None,
    }
}

/// Counts a panic, caught or not.
pub(super) fn panic() {
    counter!(PANICS).increment(1);
}

/// Counts the outcome of a login: `ok`, `refused` or `limited`.
pub fn login(outcome: &'static str) {
    counter!(LOGINS, "outcome" => outcome).increment(1);
}

/// Counts the outcome of a login by a provider: `ok`, `refused` (the person cancelled, or the login was
/// begun elsewhere) or `failed` (the provider's answer proves nothing, or there is none).
pub fn social_login(provider: &'static str, outcome: &'static str) {
    counter!(SOCIAL_LOGINS, "provider" => provider, "outcome" => outcome).increment(1);
}

/// Sets how old the list of ended sessions is.
pub fn ended_sessions_age(age: Duration) {
    gauge!(ENDED_SESSIONS_AGE).set(age.as_secs_f64());
}

/// Sets whether this process is ready to serve.
pub fn ready(ready: bool) {
    gauge!(READY).set(if ready { 1.0 } else { 0.0 });
}

/// Sets how many connections there are, how many of them are idle, and how many there may be.
pub fn database_connections(all: u32, idle: usize, max: u32) {
    gauge!(DATABASE_CONNECTIONS_MAX).set(f64::from(max));
    let idle = u32::try_from(idle).unwrap_or(u32::MAX).min(all);
    gauge!(DATABASE_CONNECTIONS, "state" => "idle").set(f64::from(idle));
    gauge!(DATABASE_CONNECTIONS, "state" => "used").set(f64::from(all - idle));
}

/// Sets how many relays run in this process.
pub fn outbox_relays(count: u8) {
    gauge!(OUTBOX_RELAYS).set(f64::from(count));
}

/// Sets how many outbox messages wait, and the age of the oldest.
#[expect(clippy::cast_precision_loss, reason = "a gauge of a count far below 2^52")]
pub fn outbox(waiting: u64, oldest: Duration) {
    gauge!(OUTBOX_WAITING).set(waiting as f64);
    gauge!(OUTBOX_OLDEST).set(oldest.as_secs_f64());
}
