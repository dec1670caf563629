//! Counts spans: exported, or dropped, with the reason.

use metrics::{counter, describe_counter};

const EXPORTED: &str = "admitone_trace_spans_exported_total";
const DROPPED: &str = "admitone_trace_spans_dropped_total";

/// Registers names and help texts with the recorder, once at start.
pub fn describe() {
    describe_counter!(EXPORTED, "Spans that the collector took.");
    describe_counter!(DROPPED, "Spans that nobody will see, by reason.");
    // A counter that first appears with the value 1 has no rate to alert on.
    counter!(EXPORTED).absolute(0);
    for reason in ["queue_full", "not_taken"] {
        counter!(DROPPED, "reason" => reason).absolute(0);
    }
}

/// Counts spans that the collector accepted.
pub fn exported(count: usize) {
    counter!(EXPORTED).increment(count as u64);
}

/// Counts lost spans: `queue_full` when the queue to the exporter was full, `not_taken` when the
/// collector refused them or could not be reached.
pub fn dropped(reason: &'static str, count: usize) {
    counter!(DROPPED, "reason" => reason).increment(count as u64);
}
