//! The identity of a request wherever its command is sent: an id for log lines and errors, and a
//! position in a trace. It travels with commands, also to other instances, and decides nothing.
//! Spans are sent to an exporter; if there is none, or it is too slow, they are dropped and
//! counted.

mod context;
mod current;
mod metrics;
mod origin;
mod record;
mod recorder;
mod sampling;
mod span;
mod state;
mod tracer;

pub use context::{Context, SpanId, TraceId};
pub use current::{current, scope, within};
pub use metrics::{describe as describe_metrics, dropped, exported};
pub use origin::{Origin, RequestId};
pub use record::{Kind, Record, Value};
pub use sampling::Sampling;
pub use span::Span;
pub use tracer::Tracer;
