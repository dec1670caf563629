//! Begins the steps of traces, and sends ended steps to the exporter. Never waits: steps that do
//! not fit into the queue are dropped and counted.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;

use super::{Context, Kind, Origin, Record, RequestId, Sampling, Span, SpanId};
use crate::clock::Clock;
use crate::trace::recorder::Recorder;

/// The connection of one process to its exporter, if it has one.
#[derive(Clone, Default)]
pub struct Tracer(Option<Arc<Recorder>>);

impl Tracer {
    /// Traces nothing.
    pub const OFF: Self = Self(None);

    /// Sends ended steps to `ended`.
    #[must_use]
    pub fn new(clock: Arc<dyn Clock>, sampling: Sampling, ended: mpsc::Sender<Record>) -> Self {
        Self(Some(Arc::new(Recorder { clock, sampling, ended })))
    }

    /// Begins the trace step of a request from outside, with the position in a trace that its
    /// caller sent.
    #[must_use]
    pub fn admit(&self, request_id: RequestId, parent: Option<Context>) -> (Origin, Span) {
        let Some(recorder) = &self.0 else {
            return (Origin { request_id, context: parent }, Span::none());
        };
        let Some(parent) = parent else {
            let trace_id = request_id.trace_id();
            if !recorder.sampling.by_chance(trace_id) {
                return (Origin { request_id, context: None }, Span::none());
            }
            let context = Context::begun(trace_id);
            let span = begin(recorder, context.clone(), None, (Kind::Server, "request".into()));
            return (Origin { request_id, context: Some(context) }, span);
        };
        if !recorder.sampling.follows(&parent, recorder.clock.monotonic()) {
            return (Origin { request_id, context: Some(parent.unsampled()) }, Span::none());
        }
        let mut context = parent;
        let caller = std::mem::replace(&mut context.span_id, SpanId::draw());
        let span = begin(recorder, context.clone(), Some(caller), (Kind::Server, "request".into()));
        (Origin { request_id, context: Some(context) }, span)
    }

    /// Begins a step of the trace of `origin`, if that is recorded. All later steps for `origin`
    /// become part of this one.
    pub fn begin(
        &self,
        origin: &mut Option<Origin>,
        what: impl FnOnce() -> (Kind, Cow<'static, str>),
    ) -> Span {
        let context = origin.as_mut().and_then(|origin| origin.context.as_mut());
        let (Some(recorder), Some(context)) = (&self.0, context) else { return Span::none() };
        if !context.is_sampled() {
            return Span::none();
        }
        let parent = std::mem::replace(&mut context.span_id, SpanId::draw());
        begin(recorder, context.clone(), Some(parent), what())
    }
}

fn begin(
    recorder: &Arc<Recorder>,
    context: Context,
    parent: Option<SpanId>,
    (kind, name): (Kind, Cow<'static, str>),
) -> Span {
    let (started, took) = (recorder.clock.wall(), Duration::ZERO);
    let (attributes, error) = (Vec::new(), None);
    let record = Record { context, parent, kind, name, started, took, attributes, error };
    Span::begin(Arc::clone(recorder), record)
}

impl fmt::Debug for Tracer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.is_some() { "Tracer(on)" } else { "Tracer(off)" })
    }
}
