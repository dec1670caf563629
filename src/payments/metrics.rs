//! The metrics of payments for Prometheus: every name with its help text.

use std::time::Duration;

use metrics::{counter, describe_counter, describe_gauge, gauge};

use super::Method;
use super::crash_points::Edge;
use crate::inventory::TimestampMs;
use crate::store::PaymentBacklog;

const STEPS: &str = "admitone_payment_steps_total";
const COMPENSATIONS: &str = "admitone_payment_compensations_total";
const RECOVERED: &str = "admitone_payments_recovered_total";
const UNSETTLED: &str = "admitone_payments_unsettled";
const STUCK: &str = "admitone_payments_stuck";
const REFUNDS: &str = "admitone_refunds_total";
const REFUSED: &str = "admitone_refunds_refused";
const PROBLEMS: &str = "admitone_payments_with_problem";
const NOTIFICATIONS_PARKED: &str = "admitone_payment_notifications_parked";
const GATEWAY_CALLS: &str = "admitone_payment_gateway_calls_total";
const OVERDUE: &str = "admitone_payments_overdue_seconds";

/// Registers names and help texts with the recorder, once at start.
pub fn describe() {
    describe_counter!(STEPS, "Steps of payments, by step and outcome (ok, refused, unavailable).");
    describe_counter!(COMPENSATIONS, "Money given back, by kind (void, refund).");
    describe_counter!(RECOVERED, "Payments that the recovery scan took on, by outcome.");
    describe_counter!(REFUNDS, "Attempts to give money back, by outcome.");
    describe_gauge!(REFUSED, "Refunds that were refused and wait for an administrator.");
    describe_gauge!(PROBLEMS, "Payments with a problem that a person has to look at.");
    describe_gauge!(NOTIFICATIONS_PARKED, "Notifications of gateways that fit no payment.");
    describe_counter!(
        GATEWAY_CALLS,
        "Calls to gateways, by gateway and outcome (ok, refused, unavailable)."
    );
    describe_gauge!(UNSETTLED, "Payments and refunds that are not at their end.");
    describe_gauge!(STUCK, "Those of them that the recovery scan has tried in vain three times.");
    describe_gauge!(OVERDUE, "Seconds by which the recovery scan is late for the next of them.");
    for gateway in [Method::Simulator, Method::Manual, Method::Stripe] {
        for outcome in ["ok", "refused", "unavailable"] {
            let labels = [("gateway", gateway.as_str()), ("outcome", outcome)];
            counter!(GATEWAY_CALLS, &labels).absolute(0);
        }
    }
    for kind in ["void", "refund"] {
        // A counter that first appears with the value 1 has no rate to alert on.
        counter!(COMPENSATIONS, "kind" => kind).absolute(0);
    }
    for outcome in ["done", "at_gateway", "refused", "unavailable"] {
        counter!(REFUNDS, "outcome" => outcome).absolute(0);
    }
    for outcome in ["paid", "refused", "unavailable", "waiting"] {
        counter!(RECOVERED, "outcome" => outcome).absolute(0);
    }
}

pub(super) fn step(edge: Edge, outcome: &'static str) {
    counter!(STEPS, "step" => name(edge), "outcome" => outcome).increment(1);
}

/// Counts a call to a gateway that set a step of a payment or refund going.
pub(super) fn gateway_call(gateway: Method, edge: Edge, outcome: &'static str) {
    step(edge, outcome);
    counter!(GATEWAY_CALLS, "gateway" => gateway.as_str(), "outcome" => outcome).increment(1);
}

pub(super) fn compensation(edge: Edge) {
    counter!(COMPENSATIONS, "kind" => name(edge)).increment(1);
}

/// Reports the payments that are not at their end, at `now`. The values are the same in every
/// instance: they come from the database.
#[expect(clippy::cast_precision_loss, reason = "there are far fewer payments than 2^52")]
pub fn backlog(backlog: &PaymentBacklog, now: TimestampMs) {
    gauge!(UNSETTLED).set(backlog.unsettled as f64);
    gauge!(STUCK).set(backlog.stuck as f64);
    gauge!(PROBLEMS).set(backlog.problems as f64);
    gauge!(NOTIFICATIONS_PARKED).set(backlog.notifications_parked as f64);
    gauge!(REFUSED).set(backlog.refunds_refused as f64);
    let late_ms = backlog.next_try_at.map_or(0, |due| now.saturating_sub(due).max(0));
    gauge!(OVERDUE).set(Duration::from_millis(late_ms.unsigned_abs()).as_secs_f64());
}

pub(super) fn recovered(outcome: &'static str) {
    counter!(RECOVERED, "outcome" => outcome).increment(1);
}

pub(super) fn refunded(outcome: &'static str) {
    counter!(REFUNDS, "outcome" => outcome).increment(1);
}

fn name(edge: Edge) -> &'static str {
    match edge {
        Edge::Create => "create",
        Edge::Begin => "begin",
        Edge::Defer => "defer",
        Edge::Await => "await",
        Edge::Start => "start",
        Edge::Look => "look",
        Edge::Authorize => "authorize",
        Edge::Confirm => "confirm",
        Edge::Fail => "fail",
        Edge::Refuse => "refuse",
        Edge::Capture => "capture",
        Edge::Taken => "taken",
        Edge::LetGo => "let_go",
        Edge::Void => "void",
        Edge::AskRefund => "ask_refund",
        Edge::Refund => "refund",
    }
}
