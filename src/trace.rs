//! What a request is known by wherever its command goes: an id for log lines and errors, and a place
//! in a trace. It travels with commands, also to other instances, and decides nothing. Spans are
//! handed to whoever exports them; when that is nobody, or too slow, they are dropped and counted.

mod context;
mod current;
mod metrics;
mod origin;
mod sampling;
mod span;
mod state;
mod tracer;

pub use context::{Context, SpanId, TraceId};
pub use current::{current, scope, within};
pub use metrics::{describe as describe_metrics, dropped, exported};
pub use origin::{Origin, RequestId};
pub use sampling::Sampling;
pub use span::{Kind, Record, Span, Value};
pub use tracer::Tracer;
