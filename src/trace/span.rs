//! A step of a trace: begins when work for a traced request begins, and is sent to the exporter
//! when that work is done. For a request that is not traced the span is empty, and costs one word
//! and one test.

use crate::trace::Value;
use crate::trace::record::Record;
use crate::trace::recorder::Recorder;
use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

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
