//! What becomes of spans: exported, or dropped, and why.

use metrics::{counter, describe_counter};

const EXPORTED: &str = "admitone_trace_spans_exported_total";
const DROPPED: &str = "admitone_trace_spans_dropped_total";

/// Names and help texts, told to the recorder once at start.
pub fn describe() {
    describe_counter!(EXPORTED, "Spans that the collector took.");
    describe_counter!(DROPPED, "Spans that nobody will see, by reason.");
    // A counter that first shows up when it is 1 has no rate to alert on.
    counter!(EXPORTED).absolute(0);
    for reason in ["queue_full", "not_taken"] {
        counter!(DROPPED, "reason" => reason).absolute(0);
    }
}

/// So many are with the collector.
pub fn exported(count: usize) {
    counter!(EXPORTED).increment(count as u64);
}

/// So many are lost: `queue_full` when there were more than could be sent on, `not_taken` when the
/// collector refused them or could not be reached.
pub fn dropped(reason: &'static str, count: usize) {
    counter!(DROPPED, "reason" => reason).increment(count as u64);
}
