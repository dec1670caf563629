//! What the cluster reports to Prometheus.

use std::time::Duration;

use metrics::{counter, describe_counter, describe_gauge, describe_histogram, gauge, histogram};

const MEMBERS: &str = "admitone_cluster_members";
const LEASE_VALID: &str = "admitone_lease_valid";
const RENEW_SECONDS: &str = "admitone_lease_renew_seconds";
const RENEW_FAILURES: &str = "admitone_lease_renew_failures_total";
const REFUSED: &str = "admitone_cluster_calls_refused_total";

/// Registers names and help texts with the recorder, once at start.
pub fn describe() {
    describe_gauge!(MEMBERS, "Instances that are believed to live, this one included.");
    describe_gauge!(LEASE_VALID, "1 while this instance's lease lives for certain.");
    describe_histogram!(RENEW_SECONDS, "Seconds that a renewal of the lease took.");
    describe_counter!(RENEW_FAILURES, "Renewals of the lease that had no answer.");
    describe_counter!(REFUSED, "Calls of other instances that were refused, by reason.");
    counter!(RENEW_FAILURES).absolute(0);
    for reason in ["secret", "protocol", "loop"] {
        counter!(REFUSED, "reason" => reason).absolute(0);
    }
}

#[expect(clippy::cast_precision_loss, reason = "there are far fewer instances than 2^52")]
pub(super) fn members(count: usize) {
    gauge!(MEMBERS).set(count as f64);
}

pub(super) fn lease(valid: bool, renewed_in: Option<Duration>) {
    gauge!(LEASE_VALID).set(if valid { 1.0 } else { 0.0 });
    match renewed_in {
        Some(took) => histogram!(RENEW_SECONDS).record(took.as_secs_f64()),
        None => counter!(RENEW_FAILURES).increment(1),
    }
}

/// Counts a refused call: it came from no instance of this cluster, or no instance could carry it
/// out.
pub fn refused(reason: &'static str) {
    counter!(REFUSED, "reason" => reason).increment(1);
}
