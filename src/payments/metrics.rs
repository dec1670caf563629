//! What payments report to Prometheus: every name with its help text.

use metrics::{counter, describe_counter};

use super::crash_points::Edge;

const STEPS: &str = "admitone_payment_steps_total";
const COMPENSATIONS: &str = "admitone_payment_compensations_total";
const RECOVERED: &str = "admitone_payments_recovered_total";

/// Names and help texts, told to the recorder once at start.
pub fn describe() {
    describe_counter!(STEPS, "Steps of payments, by step and outcome (ok, refused, unavailable).");
    describe_counter!(COMPENSATIONS, "Money given back, by kind (void, refund).");
    describe_counter!(RECOVERED, "Payments that the recovery scan took on, by outcome.");
    for kind in ["void", "refund"] {
        // A counter that first shows up when it is 1 has no rate to alert on.
        counter!(COMPENSATIONS, "kind" => kind).absolute(0);
    }
    for outcome in ["paid", "refused", "unavailable"] {
        counter!(RECOVERED, "outcome" => outcome).absolute(0);
    }
}

pub(super) fn step(edge: Edge, outcome: &'static str) {
    counter!(STEPS, "step" => name(edge), "outcome" => outcome).increment(1);
}

pub(super) fn compensation(edge: Edge) {
    counter!(COMPENSATIONS, "kind" => name(edge)).increment(1);
}

pub(super) fn recovered(outcome: &'static str) {
    counter!(RECOVERED, "outcome" => outcome).increment(1);
}

fn name(edge: Edge) -> &'static str {
    match edge {
        Edge::Create => "create",
        Edge::Begin => "begin",
        Edge::Authorize => "authorize",
        Edge::Confirm => "confirm",
        Edge::Fail => "fail",
        Edge::Refuse => "refuse",
        Edge::Void => "void",
        Edge::Refund => "refund",
    }
}
