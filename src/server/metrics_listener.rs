//! `/metrics` for Prometheus, on an address of its own: metrics must not be public, and scraping must
//! work while the API is flooded.

use std::net::{SocketAddr, TcpListener};
use std::time::Duration;

use actix_web::dev::ServerHandle;
use actix_web::http::header;
use actix_web::{App, HttpResponse, web};
use metrics_exporter_prometheus::PrometheusHandle;

use super::http_server::cannot_listen;
use super::{StartError, series};
use crate::http::error;
use crate::http::middleware::{admission, connections, rates};
use crate::http::state::AppState;
use crate::telemetry::metrics;
use crate::{
    audit_log, box_office, classes, cluster, community, outbox, payments, trace, waiting_room,
    webhooks,
};

/// Interval between foldings of histograms, which grow between scrapes.
const UPKEEP: Duration = Duration::from_secs(5);

/// Connections for scrapes.
const MAX_SCRAPES: usize = 32;

/// A bound address, and the recorder to be served there.
pub(super) struct Bound {
    listener: TcpListener,
    address: SocketAddr,
    recorder: PrometheusHandle,
}

/// Start time of the process, in seconds since 1970.
#[derive(Clone, Copy)]
struct Started(f64);

/// A listener that answers.
pub(super) struct MetricsListener {
    /// The address it listens on.
    pub(super) address: SocketAddr,
    handle: ServerHandle,
}

/// Binds the address and installs the recorder.
pub(super) fn bind(address: SocketAddr) -> Result<Bound, StartError> {
    let failed = |error: &std::io::Error| cannot_listen("ADMITONE_METRICS_LISTEN", address, error);
    let listener = TcpListener::bind(address).map_err(|error| failed(&error))?;
    let address = listener.local_addr().map_err(|error| failed(&error))?;
    let recorder = metrics::install().map_err(|error| StartError::Machine(error.to_string()))?;
    box_office::describe_metrics();
    classes::describe_metrics();
    community::metrics::describe();
    waiting_room::describe_metrics();
    outbox::describe_metrics();
    payments::describe_metrics();
    webhooks::metrics::describe();
    cluster::metrics::describe();
    error::describe_metrics();
    admission::describe_metrics();
    connections::describe_metrics();
    rates::describe_metrics();
    trace::describe_metrics();
    audit_log::describe_metrics();
    Ok(Bound { listener, address, recorder })
}

impl Bound {
    /// Starts to answer scrapes.
    pub(super) fn run(self, state: web::Data<AppState>) -> Result<MetricsListener, StartError> {
        let Self { listener, address, recorder } = self;
        let started = started(&state);
        let names = web::Data::new(series::Names::default());
        let upkeep = recorder.clone();
        state.runtime.spawn(async move {
            let mut tick = tokio::time::interval(UPKEEP);
            loop {
                tick.tick().await;
                upkeep.run_upkeep();
            }
        });
        let server = actix_web::HttpServer::new(move || {
            App::new()
                .app_data(state.clone())
                .app_data(names.clone())
                .app_data(web::Data::new(recorder.clone()))
                .app_data(web::Data::new(started))
                .route("/metrics", web::get().to(scrape))
        })
        .workers(1)
        // Taken from the descriptors that connections to the API leave.
        .max_connections(MAX_SCRAPES)
        .disable_signals()
        .shutdown_timeout(1)
        .listen(listener)
        .map_err(|error| cannot_listen("ADMITONE_METRICS_LISTEN", address, &error))?
        .run();
        let handle = server.handle();
        actix_web::rt::spawn(server);
        Ok(MetricsListener { address, handle })
    }
}

/// Returns when the process started: its monotonic clock began at that time, or nearly so.
#[expect(clippy::cast_precision_loss, reason = "milliseconds since 1970 are far below 2^52")]
fn started(state: &AppState) -> Started {
    let running = state.clock.monotonic().as_secs_f64();
    Started(state.clock.now_ms() as f64 / 1_000.0 - running)
}

impl MetricsListener {
    pub(super) async fn stop(self) {
        self.handle.stop(false).await;
    }
}

async fn scrape(
    state: web::Data<AppState>,
    names: web::Data<series::Names>,
    recorder: web::Data<PrometheusHandle>,
    started: web::Data<Started>,
) -> HttpResponse {
    let (measuring, reading) = (state.clone(), names.clone());
    // On the runtime of all database work; a panic there leaves the gauges as they were.
    let set_gauges = async move { series::set_gauges(&measuring, &reading).await };
    let _ = state.runtime.spawn(set_gauges).await;
    HttpResponse::Ok()
        .insert_header((header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8"))
        .body(series::complete(&state, &names, started.0, recorder.render()))
}
