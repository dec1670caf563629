//! Metrics of the relay.

use metrics::{Unit, counter, describe_counter, describe_gauge, gauge};

use super::Outcome;
use crate::inventory::TimestampMs;
use crate::store::{DeliveryBacklog, DeliveryState};

const ATTEMPTS: &str = "admitone_delivery_attempts_total";
const WAITING: &str = "admitone_deliveries_waiting";
const OLDEST: &str = "admitone_deliveries_oldest_age_seconds";
const PARKED: &str = "admitone_deliveries_parked";

const FAMILIES: [&str; 4] = ["audience", "mail", "stream", "webhook"];
const OUTCOMES: [&str; 6] = ["delivered", "unneeded", "later", "away", "given_up", "never"];

/// Registers the descriptions.
pub fn describe() {
    describe_counter!(
        ATTEMPTS,
        Unit::Count,
        "Attempts to deliver messages, by family and outcome: delivered, unneeded, later (tried again), \
         away (the destination), given_up (the last attempt), never (refused for good)."
    );
    describe_gauge!(WAITING, Unit::Count, "Deliveries that wait, by family of destinations.");
    describe_gauge!(
        OLDEST,
        Unit::Seconds,
        "Age of the oldest delivery that waits, by family of destinations."
    );
    describe_gauge!(
        PARKED,
        Unit::Count,
        "Deliveries that failed for good and wait for an administrator, by family."
    );
    // A counter that first appears with the value 1 has no rate to alert on.
    for family in FAMILIES {
        for outcome in OUTCOMES {
            counter!(ATTEMPTS, "family" => family, "outcome" => outcome).absolute(0);
        }
    }
}

pub(crate) fn attempt(family: &'static str, outcome: &Outcome, end: DeliveryState) {
    let outcome = match outcome {
        Outcome::Delivered => "delivered",
        Outcome::Unneeded(_) => "unneeded",
        Outcome::Later { .. } if end == DeliveryState::Parked => "given_up",
        Outcome::Later { .. } => "later",
        Outcome::Away(_) => "away",
        Outcome::Never(_) => "never",
    };
    counter!(ATTEMPTS, "family" => family, "outcome" => outcome).increment(1);
}

/// Sets the gauges of the backlog. Single webhooks are summed up: their number has no bound that a
/// scraper would like.
pub fn measure(backlogs: &[DeliveryBacklog], now: TimestampMs) {
    for family in ["mail", "stream", "webhook"] {
        let of_family =
            || backlogs.iter().filter(|one| one.destination.split(':').next() == Some(family));
        let waiting: u64 = of_family().map(|one| one.waiting).sum();
        let parked: u64 = of_family().map(|one| one.parked).sum();
        let oldest = of_family().filter_map(|one| one.oldest).min();
        let age_ms = oldest.map_or(0, |oldest| now.saturating_sub(oldest).max(0));
        #[expect(clippy::cast_precision_loss, reason = "a gauge")]
        {
            gauge!(WAITING, "family" => family).set(waiting as f64);
            gauge!(PARKED, "family" => family).set(parked as f64);
            gauge!(OLDEST, "family" => family).set(age_ms as f64 / 1_000.0);
        }
    }
}
