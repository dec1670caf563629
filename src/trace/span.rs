//! A step of a trace: begun when something is done for a request that is traced, and handed over
//! when that is done. Where nothing is traced it is empty, and costs a word and a test.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

use super::tracer::Recorder;
use super::{Context, SpanId};

/// What a step is, as OpenTelemetry says it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// It answers somebody outside this process.
    Server,
    /// It asks somebody outside, and waits.
    Client,
    /// Neither.
    Internal,
}

/// What is said of a step.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// Words.
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
    /// The step that this is part of.
    pub parent: Option<SpanId>,
    /// What it is.
    pub kind: Kind,
    /// A name of which there are few: no ids.
    pub name: Cow<'static, str>,
    /// Since the Unix epoch.
    pub started: Duration,
    /// How long it took.
    pub took: Duration,
    /// All that is known of it, and nothing of a person: no names, addresses, tokens or bodies.
    pub attributes: Vec<(&'static str, Value)>,
    /// Why it failed, if it did.
    pub error: Option<Cow<'static, str>>,
}

/// A step under way.
#[derive(Default)]
pub struct Span(Option<Box<Active>>);

struct Active {
    recorder: Arc<Recorder>,
    began: Duration,
    record: Record,
    ended: bool,
}

impl Span {
    /// Nothing is recorded.
    #[must_use]
    pub const fn none() -> Self {
        Self(None)
    }

    pub(super) fn begin(recorder: Arc<Recorder>, record: Record) -> Self {
        let began = recorder.clock.monotonic();
        Self(Some(Box::new(Active { recorder, began, record, ended: false })))
    }

    /// Whether what is said of it goes anywhere.
    #[must_use]
    pub fn is_recorded(&self) -> bool {
        self.0.is_some()
    }

    /// The clock's monotonic time at its begin.
    #[must_use]
    pub fn began(&self) -> Duration {
        self.0.as_ref().map(|active| active.began).unwrap_or_default()
    }

    /// Says something of it. Whatever costs anything to find out is asked for only if
    /// [`Self::is_recorded`].
    pub fn set(&mut self, name: &'static str, value: impl Into<Value>) {
        if let Some(active) = &mut self.0 {
            active.record.attributes.push((name, value.into()));
        }
    }

    /// Calls it otherwise than at its begin.
    pub fn rename(&mut self, name: String) {
        if let Some(active) = &mut self.0 {
            active.record.name = name.into();
        }
    }

    /// It failed.
    pub fn fail(&mut self, why: impl Into<Cow<'static, str>>) {
        if let Some(active) = &mut self.0 {
            active.record.error = Some(why.into());
        }
    }

    /// It is done. One that is dropped instead was given up.
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

/// In milliseconds.
impl From<Duration> for Value {
    fn from(time: Duration) -> Self {
        Self::Number(time.as_secs_f64() * 1_000.0)
    }
}
