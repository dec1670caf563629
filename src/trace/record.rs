//! A step of a trace as it is exported.

use std::borrow::Cow;
use std::time::Duration;

use crate::trace::{Context, SpanId};

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
