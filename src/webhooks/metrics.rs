//! The metrics of webhooks for Prometheus: every name with its help text.

use metrics::{counter, describe_counter, describe_gauge, gauge};

const ATTEMPTS: &str = "admitone_webhook_attempts_total";
const DISABLED: &str = "admitone_webhooks_disabled_total";
const ENDPOINTS: &str = "admitone_webhook_endpoints";

/// The outcomes of attempts.
const OUTCOMES: [&str; 5] = ["delivered", "answered", "unanswered", "gone", "impossible"];

/// Registers names and help texts with the recorder, once at start.
pub fn describe() {
    describe_counter!(
        ATTEMPTS,
        "Messages sent to webhooks, by outcome: delivered, answered (with another status), \
         unanswered (no connection or no answer in time), gone (410), impossible."
    );
    describe_counter!(
        DISABLED,
        "Webhooks that were disabled by themselves, by cause (gone, failing)."
    );
    describe_gauge!(ENDPOINTS, "Webhooks that there are, by status (enabled, disabled).");
    // A counter that first appears with the value 1 has no rate to alert on.
    for outcome in OUTCOMES {
        counter!(ATTEMPTS, "outcome" => outcome).absolute(0);
    }
    for cause in ["gone", "failing"] {
        counter!(DISABLED, "cause" => cause).absolute(0);
    }
}

pub(super) fn attempt(outcome: &'static str) {
    counter!(ATTEMPTS, "outcome" => outcome).increment(1);
}

pub(super) fn disabled(cause: &'static str) {
    counter!(DISABLED, "cause" => cause).increment(1);
}

/// Sets the gauge of endpoints.
pub fn measure(enabled: u64, disabled: u64) {
    #[expect(clippy::cast_precision_loss, reason = "their number is limited")]
    for (status, count) in [("enabled", enabled as f64), ("disabled", disabled as f64)] {
        gauge!(ENDPOINTS, "status" => status).set(count);
    }
}
