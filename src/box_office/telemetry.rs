//! Telemetry of box offices: metrics, counters and gauges of one offering, spans of traced
//! requests.

pub(crate) mod counters;
pub(crate) mod gauges;
pub(crate) mod metrics;
pub(crate) mod spans;
