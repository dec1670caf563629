//! How the process is watched: log lines with `tracing`, and Prometheus metrics. It never changes
//! what the process does.

pub mod metrics;
