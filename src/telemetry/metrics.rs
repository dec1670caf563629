//! Every metric: its name, its help text, and the one function that records it. Labels are few and
//! of bounded number: no user, hold or reservation is ever one; offerings are capped.

use std::cell::RefCell;
use std::collections::HashMap;
use std::sync::OnceLock;
use std::time::Duration;

use actix_web::http::{Method, StatusCode};
use dashmap::DashSet;
use metrics::{Counter, Histogram, Unit};

use crate::ids::OfferingId;
use crate::inventory::Counts;

/// Requests answered, by method, route pattern and status.
pub const HTTP_REQUESTS: &str = "admitone_http_requests_total";
/// Time from the request's head to the answer's.
pub const HTTP_LATENCY: &str = "admitone_http_request_duration_seconds";
/// Commands answered by box offices, by kind and outcome.
pub const COMMANDS: &str = "admitone_commands_total";
/// Time from submitting a command to its answer.
pub const COMMAND_LATENCY: &str = "admitone_command_duration_seconds";
/// Commands in one append.
pub const BATCH_COMMANDS: &str = "admitone_batch_commands";
/// Time of one journal append.
pub const APPEND_LATENCY: &str = "admitone_append_duration_seconds";
/// Places by offering and state.
pub const PLACES: &str = "admitone_places";
/// Box offices that are live in this process.
pub const LIVE_BOX_OFFICES: &str = "admitone_box_offices_live";
/// Takeovers of offerings.
pub const TAKEOVERS: &str = "admitone_takeovers_total";
/// Appends that found another owner's history.
pub const FENCED_APPENDS: &str = "admitone_fenced_appends_total";
/// States rebuilt from the journal, by reason.
pub const REBUILDS: &str = "admitone_rebuilds_total";
/// Panics, by part.
pub const PANICS: &str = "admitone_panics_total";
/// Connections of the database pool, by state.
pub const POOL_CONNECTIONS: &str = "admitone_database_connections";
/// Steps of payments, by step and outcome.
pub const PAYMENT_STEPS: &str = "admitone_payment_steps_total";
/// Steps undone, by step.
pub const COMPENSATIONS: &str = "admitone_payment_compensations_total";
/// Outbox messages that wait.
pub const OUTBOX_BACKLOG: &str = "admitone_outbox_messages_waiting";
/// Age of the oldest outbox message that waits.
pub const OUTBOX_OLDEST: &str = "admitone_outbox_oldest_age_seconds";
/// Logins, by outcome.
pub const LOGINS: &str = "admitone_logins_total";
/// Whether the database answers and the clocks agree: 1 or 0.
pub const READY: &str = "admitone_ready";
/// Resident memory of the process.
pub const RESIDENT_MEMORY: &str = "admitone_process_resident_memory_bytes";
/// Always 1; its labels say what runs.
pub const BUILD: &str = "admitone_build_info";

/// The most offerings that have series of their own at a time.
const MAX_OFFERINGS: usize = 200;

/// Tells the recorder what each name means.
pub(super) fn describe() {
    use metrics::{describe_counter as counter, describe_gauge as gauge, describe_histogram};
    counter!(HTTP_REQUESTS, "HTTP requests answered, by method, route and status");
    describe_histogram!(HTTP_LATENCY, Unit::Seconds, "Time to answer an HTTP request");
    counter!(COMMANDS, "Commands answered by box offices, by kind and outcome");
    describe_histogram!(
        COMMAND_LATENCY,
        Unit::Seconds,
        "Time to answer a command, append included"
    );
    describe_histogram!(BATCH_COMMANDS, "Commands in one journal append");
    describe_histogram!(APPEND_LATENCY, Unit::Seconds, "Time of one durable journal append");
    gauge!(PLACES, "Places by event and state (available, held, sold, blocked)");
    gauge!(LIVE_BOX_OFFICES, "Box offices live in this process");
    counter!(TAKEOVERS, "Offerings taken over");
    counter!(FENCED_APPENDS, "Appends refused because another owner had appended");
    counter!(REBUILDS, "States rebuilt from the journal, by reason");
    counter!(PANICS, "Panics caught, by part");
    gauge!(POOL_CONNECTIONS, "Database connections, by state (used, idle)");
    counter!(PAYMENT_STEPS, "Steps of payments, by step and outcome");
    counter!(COMPENSATIONS, "Steps of payments undone, by step");
    gauge!(OUTBOX_BACKLOG, "Outbox messages waiting");
    gauge!(OUTBOX_OLDEST, Unit::Seconds, "Age of the oldest outbox message waiting");
    counter!(LOGINS, "Logins, by outcome (ok, refused, limited)");
    gauge!(READY, "Whether this process is ready to serve (1) or not (0)");
    gauge!(RESIDENT_MEMORY, Unit::Bytes, "Resident memory of the process");
    gauge!(BUILD, "Always 1; version and build are labels");
}

thread_local! {
    /// Handles are kept per thread: building a key with three labels costs more than counting.
    static HTTP: RefCell<HashMap<(Method, String, u16), (Counter, Histogram)>> =
        RefCell::new(HashMap::new());
}

/// One HTTP request answered. `route` is the pattern, never the path.
pub fn http_request(method: &Method, route: &str, status: StatusCode, elapsed: Duration) {
    // Anybody can invent methods; the table of series must not grow with them.
    let method = match *method {
        Method::GET | Method::POST | Method::PUT | Method::PATCH | Method::DELETE => method.clone(),
        Method::HEAD | Method::OPTIONS => method.clone(),
        _ => Method::TRACE,
    };
    let key = (method, route.to_owned(), status.as_u16());
    HTTP.with_borrow_mut(|handles| {
        let (count, latency) = handles.entry(key).or_insert_with_key(|(method, route, status)| {
            let labels = [
                ("method", method.to_string()),
                ("route", route.clone()),
                ("status", status.to_string()),
            ];
            (metrics::counter!(HTTP_REQUESTS, &labels), metrics::histogram!(HTTP_LATENCY, &labels))
        });
        count.increment(1);
        latency.record(elapsed);
    });
}

/// One command answered. `kind` and `outcome` are fixed words (`place_hold`, `sold_out`).
pub fn command(kind: &'static str, outcome: &'static str, elapsed: Duration) {
    thread_local! {
        static HANDLES: RefCell<HashMap<(&'static str, &'static str), (Counter, Histogram)>> =
            RefCell::new(HashMap::new());
    }
    HANDLES.with_borrow_mut(|handles| {
        let (count, latency) = handles.entry((kind, outcome)).or_insert_with(|| {
            (
                metrics::counter!(COMMANDS, "kind" => kind, "outcome" => outcome),
                metrics::histogram!(COMMAND_LATENCY, "kind" => kind, "outcome" => outcome),
            )
        });
        count.increment(1);
        latency.record(elapsed);
    });
}

/// One append, with how many commands it made durable. `outcome`: `ok`, `fenced`, `unknown`, …
pub fn append(commands: usize, outcome: &'static str, elapsed: Duration) {
    #[expect(clippy::cast_precision_loss, reason = "batches are far below 2^52")]
    metrics::histogram!(BATCH_COMMANDS).record(commands as f64);
    metrics::histogram!(APPEND_LATENCY, "outcome" => outcome).record(elapsed);
    if outcome == "fenced" {
        metrics::counter!(FENCED_APPENDS).increment(1);
    }
}

/// The places of a live offering, all products together. Offerings beyond the first 200 live ones
/// are not shown, so that the number of series stays bounded.
pub fn places(offering: OfferingId, counts: Counts) {
    let shown = shown_offerings();
    if !shown.contains(&offering) {
        if shown.len() >= MAX_OFFERINGS {
            return;
        }
        shown.insert(offering);
    }
    let offering = offering.to_string();
    for (state, value) in [
        ("available", counts.available),
        ("held", counts.held),
        ("sold", counts.sold),
        ("blocked", counts.blocked),
    ] {
        metrics::gauge!(PLACES, "offering" => offering.clone(), "state" => state)
            .set(f64::from(value));
    }
}

/// An offering is live no more: another may have its series' place.
pub fn places_gone(offering: OfferingId) {
    shown_offerings().remove(&offering);
}

fn shown_offerings() -> &'static DashSet<OfferingId> {
    static SHOWN: OnceLock<DashSet<OfferingId>> = OnceLock::new();
    SHOWN.get_or_init(DashSet::new)
}

/// How many box offices are live now.
pub fn live_box_offices(count: usize) {
    #[expect(clippy::cast_precision_loss, reason = "far below 2^52")]
    metrics::gauge!(LIVE_BOX_OFFICES).set(count as f64);
}

/// An offering was taken over.
pub fn takeover() {
    metrics::counter!(TAKEOVERS).increment(1);
}

/// A state is rebuilt from the journal. `reason`: `start`, `fenced`, `panic`, `append_failed`, …
pub fn rebuild(reason: &'static str) {
    metrics::counter!(REBUILDS, "reason" => reason).increment(1);
}

/// A panic was caught. `part`: `core`, `http`, …
pub fn panic(part: &'static str) {
    metrics::counter!(PANICS, "part" => part).increment(1);
}

/// A step of a payment ended. `step`: `begin`, `authorize`, `confirm`, `capture`, `void`, `refund`.
pub fn payment_step(step: &'static str, outcome: &'static str) {
    metrics::counter!(PAYMENT_STEPS, "step" => step, "outcome" => outcome).increment(1);
}

/// A step of a payment was undone.
pub fn compensation(step: &'static str) {
    metrics::counter!(COMPENSATIONS, "step" => step).increment(1);
}

/// A login ended: `ok`, `refused` or `limited`.
pub fn login(outcome: &'static str) {
    metrics::counter!(LOGINS, "outcome" => outcome).increment(1);
}
