//! How the process is watched: log lines with `tracing`, and Prometheus metrics. It never changes
//! what the process does.

mod log;
pub mod metrics;

pub use log::start as start_log;
