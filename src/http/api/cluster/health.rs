//! `/health`: live while the process runs, ready while it can do its work. Load balancers call it,
//! so it answers fast and never from a stale success.

use std::time::Duration;

use actix_web::{HttpResponse, web};
use serde::Serialize;
use utoipa::ToSchema;

use crate::http::error::{ApiError, ErrorCode};
use crate::http::respond;
use crate::http::state::AppState;
use crate::telemetry::metrics;

const PING_TIMEOUT: Duration = Duration::from_secs(1);
const PING_MAX_AGE: Duration = Duration::from_millis(500);

/// Adds the routes.
pub fn configure(cfg: &mut web::ServiceConfig) {
    cfg.service(web::resource("/health").route(web::get().to(health)))
        .service(web::resource("/health/live").route(web::get().to(live)))
        .service(web::resource("/health/ready").route(web::get().to(ready)));
}

/// The conditions of readiness; each is `up` or `down`.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Readiness {
    /// `ready` or `not ready`.
    #[schema(value_type = crate::http::openapi::forms::Ready)]
    status: &'static str,
    /// Whether the database answers.
    #[schema(value_type = crate::http::openapi::forms::UpOrDown)]
    database: &'static str,
    /// `up` while the clocks of this machine and the database agree; `stepped` after this machine's
    /// clock has stepped, while time continues by the monotonic clock, which does not prevent
    /// readiness.
    #[schema(value_type = crate::http::openapi::forms::ClockState)]
    clock: &'static str,
    /// Whether the process accepts new work; it does not while it starts or stops.
    #[schema(value_type = crate::http::openapi::forms::UpOrDown)]
    process: &'static str,
    /// Whether the lease store answers. It does not affect readiness: owners continue to sell
    /// without it, and otherwise all instances would become unready at once.
    #[schema(value_type = crate::http::openapi::forms::UpOrDown)]
    leases: &'static str,
    /// Whether the other instances have the same `ADMITONE_JWT_SECRET`.
    tokens: &'static str,
    /// Advice for the operator, if there is any.
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
}

impl Readiness {
    /// True if the database answered.
    #[must_use]
    pub fn database_is_up(&self) -> bool {
        self.database == "up"
    }
}

/// The answer of a running process.
#[derive(Debug, Serialize, ToSchema)]
pub struct Liveness {
    /// Always `live`.
    #[schema(value_type = crate::http::openapi::forms::Live)]
    status: &'static str,
    /// The version of the program.
    #[schema(example = "0.1.0")]
    version: &'static str,
}

/// Check whether the process runs.
#[utoipa::path(
    get, path = "/health/live", tag = "health", operation_id = "live",
    responses((status = 200, description = "It does", body = Liveness))
)]
pub async fn live() -> HttpResponse {
    respond::ok(&Liveness { status: "live", version: env!("CARGO_PKG_VERSION") })
}

/// Check readiness, like `/health/ready`.
#[utoipa::path(
    get, path = "/health", tag = "health", operation_id = "health",
    responses(
        (status = 200, description = "It can do its work", body = Readiness),
        (status = 503, description = "NOT_READY; `details` says why", body = crate::http::envelope::Failure),
    )
)]
pub async fn health(state: web::Data<AppState>) -> Result<HttpResponse, ApiError> {
    ready(state).await
}

/// Check whether the process can do its work.
#[utoipa::path(
    get, path = "/health/ready", tag = "health", operation_id = "ready",
    responses(
        (status = 200, description = "It can", body = Readiness),
        (status = 503, description = "NOT_READY; `details` says why", body = crate::http::envelope::Failure),
    )
)]
pub async fn ready(state: web::Data<AppState>) -> Result<HttpResponse, ApiError> {
    let readiness = readiness(&state).await;
    if readiness.status == "ready" {
        return Ok(respond::ok(&readiness));
    }
    let details = serde_json::to_value(&readiness).map_err(ApiError::internal)?;
    Err(ApiError::of(ErrorCode::NotReady).with_details(details))
}

/// Determines readiness, and sets its gauge.
pub async fn readiness(state: &AppState) -> Readiness {
    let database = database_answers(state).await;
    let clock = state.offices.clock_trusted();
    let process = state.lifecycle.is_open() && !state.lifecycle.is_stopping();
    let reason = state.cluster.token_dispute();
    let all = database && clock && process && reason.is_none();
    metrics::ready(all);
    let word = |up| if up { "up" } else { "down" };
    Readiness {
        status: if all { "ready" } else { "not ready" },
        database: word(database),
        clock: if clock && state.offices.clock_stepped() { "stepped" } else { word(clock) },
        process: word(process),
        leases: word(state.cluster.away_for().is_none()),
        tokens: word(reason.is_none()),
        reason,
    }
}

/// Returns the quickest time of a write without contention; zero if the database does not answer.
pub async fn time_of_a_write(state: &AppState) -> Duration {
    let mut quickest = Duration::MAX;
    for _ in 0..3 {
        let began = state.clock.monotonic();
        let ping = state.store.ping(state.clock.now_ms());
        if !matches!(tokio::time::timeout(PING_TIMEOUT, ping).await, Ok(Ok(()))) {
            return Duration::ZERO;
        }
        quickest = quickest.min(state.clock.monotonic().saturating_sub(began));
    }
    quickest
}

async fn database_answers(state: &AppState) -> bool {
    // The lock is held during the ping: of many simultaneous requests, only one pings the database.
    let mut last = state.pings.lock().await;
    let now = state.clock.monotonic();
    if let Some((at, answered)) = *last
        && now.saturating_sub(at) < PING_MAX_AGE
    {
        return answered;
    }
    let ping = tokio::time::timeout(PING_TIMEOUT, state.store.ping(state.clock.now_ms())).await;
    let answered = matches!(ping, Ok(Ok(())));
    let before = last.replace((state.clock.monotonic(), answered));
    if before.is_none_or(|(_, before)| before) != answered {
        if answered {
            tracing::info!("the database answers and writes");
        } else {
            tracing::error!("the database does not answer, or does not write: not ready");
        }
    }
    answered
}
