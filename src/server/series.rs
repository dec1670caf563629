//! The part of a scrape beyond the recorded metrics: gauges that are set at the time of the scrape,
//! and the series of single offerings and of the process.

use std::collections::HashMap;
use std::fmt::Display;
use std::sync::{Mutex, MutexGuard};
use std::time::Duration;

use crate::box_office::{Count, OfferingFigures};
use crate::classes;
use crate::http::api::cluster::health;
use crate::http::middleware::rates;
use crate::http::state::AppState;
use crate::ids::OfferingId;
use crate::outbox;
use crate::payments;
use crate::telemetry::exposition::{Exposition, Kind};
use crate::telemetry::{metrics, process};
use crate::waiting_room;
use crate::webhooks;

/// Most offerings with series of their own, the busiest ones: a season of 10,000 events would flood
/// the scraper.
const MAX_OFFERINGS: usize = 100;
/// How long the database may take to count something for a scrape.
const TIMEOUT: Duration = Duration::from_secs(1);

/// Names of the offerings shown, as last read from the database: while it is away, the series still
/// carry names.
#[derive(Default)]
pub(super) struct Names(Mutex<HashMap<OfferingId, String>>);

/// Sets the gauges that are not updated as events happen.
pub(super) async fn set_gauges(state: &AppState, names: &Names) {
    let (all, idle, max) = state.store.pool_use();
    metrics::database_connections(all, idle, max);
    metrics::http_in_flight(state.lifecycle.in_flight());
    state.offices.measure_pending();
    state.admission.measure(state.clock.monotonic());
    state.connections.measure();
    rates::measure(&state.limits);
    metrics::ended_sessions_age(state.accounts.revocations_age());
    let queues = state.offices.queues_here();
    waiting_room::measure_queues(queues.iter().map(|(_, queue)| &queue.progress));
    if health::readiness(state).await.database_is_up() {
        let (messages, deliveries) = (count_outbox(state), count_deliveries(state));
        let (payments, webhooks) = (count_payments(state), count_webhooks(state));
        let classes = count_enrollments(state);
        let names = names.read(state);
        futures_util::join!(messages, deliveries, payments, webhooks, classes, names);
    }
}

impl Names {
    async fn read(&self, state: &AppState) {
        // Includes offerings that may be among the busiest a moment later.
        let offerings = state.offices.busiest(2 * MAX_OFFERINGS);
        let ids: Vec<_> = offerings.iter().map(|it| it.offering).collect();
        match tokio::time::timeout(TIMEOUT, state.store.event_names(&ids)).await {
            Ok(Ok(names)) => *self.lock() = names.into_iter().collect(),
            Ok(Err(error)) => tracing::debug!(%error, "the names of events could not be read"),
            Err(_) => tracing::debug!("reading the names of events took too long"),
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<OfferingId, String>> {
        self.0.lock().expect("nobody panics with it")
    }
}

async fn count_outbox(state: &AppState) {
    match tokio::time::timeout(TIMEOUT, state.store.outbox_waiting()).await {
        Ok(Ok((waiting, oldest))) => {
            let now = state.clock.now_ms();
            let age_ms = oldest.map_or(0, |oldest| now.saturating_sub(oldest).max(0));
            metrics::outbox(waiting, Duration::from_millis(age_ms.unsigned_abs()));
            metrics::outbox_relays(u8::from(state.config.relay));
        }
        Ok(Err(error)) => tracing::debug!(%error, "the outbox could not be counted"),
        Err(_) => tracing::debug!("counting the outbox took too long"),
    }
}

async fn count_deliveries(state: &AppState) {
    match tokio::time::timeout(TIMEOUT, state.store.delivery_backlog()).await {
        Ok(Ok(backlogs)) => outbox::measure(&backlogs, state.clock.now_ms()),
        Ok(Err(error)) => tracing::debug!(%error, "deliveries could not be counted"),
        Err(_) => tracing::debug!("counting deliveries took too long"),
    }
}

async fn count_webhooks(state: &AppState) {
    match tokio::time::timeout(TIMEOUT, state.store.webhook_count()).await {
        Ok(Ok((enabled, disabled))) => webhooks::metrics::measure(enabled, disabled),
        Ok(Err(error)) => tracing::debug!(%error, "webhooks could not be counted"),
        Err(_) => tracing::debug!("counting webhooks took too long"),
    }
}

async fn count_payments(state: &AppState) {
    match tokio::time::timeout(TIMEOUT, state.store.payment_backlog()).await {
        Ok(Ok(backlog)) => payments::measure_backlog(&backlog, state.clock.now_ms()),
        Ok(Err(error)) => tracing::debug!(%error, "payments could not be counted"),
        Err(_) => tracing::debug!("counting payments took too long"),
    }
}

async fn count_enrollments(state: &AppState) {
    match tokio::time::timeout(TIMEOUT, state.store.class_totals(None)).await {
        Ok(Ok(totals)) => classes::measure_counts(&totals.counts),
        Ok(Err(error)) => tracing::debug!(%error, "enrollments could not be counted"),
        Err(_) => tracing::debug!("counting enrollments took too long"),
    }
}

/// Appends the series of offerings and of the process to the recorder's output.
pub(super) fn complete(state: &AppState, names: &Names, started: f64, recorded: String) -> String {
    let mut text = Exposition::after(recorded);
    process::measure(&mut text, started);
    let offerings = state.offices.busiest(MAX_OFFERINGS);
    write_offerings(&mut text, &offerings);
    write_names(&mut text, &offerings, &names.lock());
    text.into_text()
}

fn write_names(
    text: &mut Exposition,
    offerings: &[OfferingFigures],
    names: &HashMap<OfferingId, String>,
) {
    let help = "Always 1: what the same offerings are called.";
    let mut family = text.family("admitone_offering_info", Kind::Gauge, help);
    for OfferingFigures { offering, .. } in offerings {
        if let Some(name) = names.get(offering) {
            family.series(&[("offering", offering), ("name", name)], 1);
        }
    }
}

fn write_offerings(text: &mut Exposition, offerings: &[OfferingFigures]) {
    type Counts = fn(&OfferingFigures) -> &[Count];
    let families: [(&'static str, Kind, &str, &str, Counts); 3] = [
        (
            "admitone_places",
            Kind::Gauge,
            "state",
            "Places by offering and state, of the hundred busiest offerings that are live here.",
            |it| &it.places,
        ),
        (
            "admitone_offering_commands_total",
            Kind::Counter,
            "kind",
            "Commands with an effect, by offering and kind, of the same offerings.",
            |it| &it.committed,
        ),
        (
            "admitone_offering_refusals_total",
            Kind::Counter,
            "reason",
            "Commands that were refused, by offering and reason, of the same offerings.",
            |it| &it.refused,
        ),
    ];
    for (name, kind, label, help, counts) in families {
        let mut family = text.family(name, kind, help);
        for it in offerings {
            for (value, count) in counts(it) {
                family.series(&[("offering", &it.offering), (label, value as &dyn Display)], count);
            }
        }
    }
    let help = "Commands that wait for an offering or are at work, of the same offerings.";
    let mut family = text.family("admitone_offering_pending_commands", Kind::Gauge, help);
    for it in offerings {
        family.series(&[("offering", &it.offering)], it.pending);
    }
}
