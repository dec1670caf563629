//! The metrics of connections.

use metrics::{counter, describe_counter, describe_gauge, gauge};

use crate::http::middleware::connections::limits::{Full, Limits, Worth};

const OPEN: &str = "admitone_connections_open";
const MAX: &str = "admitone_connections_max";
const REFUSED: &str = "admitone_connections_refused_total";
const ENDED: &str = "admitone_connections_ended_total";
const STREAMS_REFUSED: &str = "admitone_streams_refused_total";

/// Describes the metrics to the recorder.
pub fn describe() {
    describe_gauge!(OPEN, "Open connections to the API.");
    describe_gauge!(MAX, "How many connections to the API may be open.");
    describe_counter!(
        REFUSED,
        "Connections closed at once, by which limit they met (address, all)."
    );
    describe_counter!(
        ENDED,
        "Connections that the server ended, by reason: idle, arriving, stream or sending to make room \
         for others, unsent because too much waited for slow clients, stalled because the client took too little of its answer in ADMITONE_WRITE_TIMEOUT."
    );
    describe_counter!(STREAMS_REFUSED, "Streams refused, by which limit they met (address, all).");
    for limit in ["address", "all"] {
        counter!(REFUSED, "limit" => limit).absolute(0);
        counter!(STREAMS_REFUSED, "limit" => limit).absolute(0);
    }
    for reason in ["idle", "arriving", "stream", "sending", "unsent", "stalled"] {
        counter!(ENDED, "reason" => reason).absolute(0);
    }
}

/// Sets the gauges of open connections and of their limit.
#[expect(clippy::cast_precision_loss, reason = "far fewer connections than 2^52")]
pub(crate) fn open(count: usize, limits: Limits) {
    gauge!(OPEN).set(count as f64);
    gauge!(MAX).set(limits.connections as f64);
}

/// Counts a refused connection.
pub(crate) fn refused(full: Full) {
    counter!(REFUSED, "limit" => name(full)).increment(1);
}

/// Counts a refused stream.
pub(crate) fn stream_refused(full: Full) {
    counter!(STREAMS_REFUSED, "limit" => name(full)).increment(1);
}

/// Counts a connection that was ended to make room.
pub(crate) fn ended(worth: Worth) {
    let reason = match worth {
        Worth::Idle => "idle",
        Worth::Arriving => "arriving",
        Worth::Stream => "stream",
        Worth::Sending => "sending",
    };
    counter!(ENDED, "reason" => reason).increment(1);
}

/// Counts a connection that was ended because its client read nothing of an answer.
pub fn stalled() {
    counter!(ENDED, "reason" => "stalled").increment(1);
}

/// Counts a connection that was ended because too many bytes waited for slow clients, and this
/// client had waited longest.
pub fn unsent() {
    counter!(ENDED, "reason" => "unsent").increment(1);
}

fn name(full: Full) -> &'static str {
    match full {
        Full::Address => "address",
        Full::All => "all",
    }
}
