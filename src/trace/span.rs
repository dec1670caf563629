//! A step of a trace: begins when work for a traced request begins, and is sent to the exporter
//! when that work is done. For a request that is not traced the span is empty, and costs one word
//! and one test.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

use super::tracer::Recorder;
use super::{Context, SpanId};

/// The kind of a step, as defined by OpenTelemetry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Answers a caller outside this process.
    Server,
    /// Sends a request to another process, and waits.
    Client,
    /// Neither.
    Internal,
}

/// The value of an attribute of a step.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// Text.
    Text(Cow<'static, str>),
    /// A count.
    Whole(i64),
    /// A measure.
    Number(f64),
}

/// A step that has ended.
#[derive(Clone, Debug)]
pub struct Record {
    /// The trace and this step of it.
    pub context: Context,
    /// The step that this step is part of.
    pub parent: Option<SpanId>,
    /// The kind of step.
    pub kind: Kind,
    /// A name out of a small set: contains no ids.
    pub name: Cow<'static, str>,
    /// Start, since the Unix epoch.
    pub started: Duration,
    /// Duration of the step.
    pub took: Duration,
    /// The attributes. They contain no personal data: no names, addresses, tokens or bodies.
    pub attributes: Vec<(&'static str, Value)>,
    /// Why it failed, if it did.
    pub error: Option<Cow<'static, str>>,
}

/// A step in progress.
#[derive(Default)]
pub struct Span(Option<Box<Active>>);

struct Active {
    recorder: Arc<Recorder>,
    began: Duration,
    record: Record,
    ended: bool,
}

impl Span {
    /// A span that records nothing.
    #[must_use]
    pub const fn none() -> Self {
        Self(None)
    }

    pub(super) fn begin(recorder: Arc<Recorder>, record: Record) -> Self {
        let began = recorder.clock.monotonic();
        Self(Some(Box::new(Active { recorder, began, record, ended: false })))
    }

    /// True if the span's attributes are recorded.
    #[must_use]
    pub fn is_recorded(&self) -> bool {
        self.0.is_some()
    }

    /// The clock's monotonic time at the start of the span.
    #[must_use]
    pub fn began(&self) -> Duration {
        self.0.as_ref().map(|active| active.began).unwrap_or_default()
    }

    /// Sets an attribute. The caller computes values that are expensive only if
    /// [`Self::is_recorded`].
    pub fn set(&mut self, name: &'static str, value: impl Into<Value>) {
        if let Some(active) = &mut self.0 {
            active.record.attributes.push((name, value.into()));
        }
    }

    /// Replaces the name that the span was given at its start.
    pub fn rename(&mut self, name: String) {
        if let Some(active) = &mut self.0 {
            active.record.name = name.into();
        }
    }

    /// Marks the span as failed.
    pub fn fail(&mut self, why: impl Into<Cow<'static, str>>) {
        if let Some(active) = &mut self.0 {
            active.record.error = Some(why.into());
        }
    }

    /// Ends the span. A span that is dropped instead was abandoned.
    pub fn end(mut self) {
        if let Some(active) = &mut self.0 {
            active.ended = true;
        }
    }
}

impl Drop for Span {
    fn drop(&mut self) {
        let Some(active) = self.0.take() else { return };
        let Active { recorder, began, mut record, ended } = *active;
        record.took = recorder.clock.monotonic().saturating_sub(began);
        if !ended {
            record.error.get_or_insert(Cow::Borrowed("given up"));
        }
        recorder.take(record);
    }
}

impl From<&'static str> for Value {
    fn from(text: &'static str) -> Self {
        Self::Text(text.into())
    }
}

impl From<String> for Value {
    fn from(text: String) -> Self {
        Self::Text(text.into())
    }
}

impl From<u64> for Value {
    fn from(count: u64) -> Self {
        Self::Whole(i64::try_from(count).unwrap_or(i64::MAX))
    }
}

impl From<usize> for Value {
    fn from(count: usize) -> Self {
        Self::Whole(i64::try_from(count).unwrap_or(i64::MAX))
    }
}

impl From<u16> for Value {
    fn from(count: u16) -> Self {
        Self::Whole(count.into())
    }
}

/// A duration in milliseconds.
impl From<Duration> for Value {
    fn from(time: Duration) -> Self {
        Self::Number(time.as_secs_f64() * 1_000.0)
    }
}
