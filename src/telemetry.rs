//! Observation of the process: log lines with `tracing`, Prometheus metrics, and spans sent to a
//! collector. It never changes the behaviour of the process.

pub mod exposition;
mod line;
mod log;
pub mod metrics;
mod otlp;
pub mod process;
mod targets;

pub use log::start as start_log;
pub use otlp::{Exporter, start as start_export};
