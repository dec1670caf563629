//! How the process is watched: log lines with `tracing`, and Prometheus metrics. It never changes
//! what the process does.

pub mod exposition;
mod log;
pub mod metrics;
pub mod process;

pub use log::start as start_log;
