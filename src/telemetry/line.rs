//! Formats a log line, followed by the id of the request on whose behalf it was written. A `tracing`
//! span around each request would do the same, and costs 4% of all holds.

use std::fmt;

use tracing::{Event, Subscriber};
use tracing_subscriber::fmt::format::{Format, Full, Json, Writer};
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields};
use tracing_subscriber::registry::LookupSpan;

use crate::trace::{self, Origin};

/// Lines for people.
pub(super) struct TextLine(Format<Full>);

/// One JSON object a line.
pub(super) struct JsonLine(Format<Json>);

impl TextLine {
    /// Returns a format with or without colours.
    pub(super) fn new(ansi: bool) -> Self {
        Self(Format::default().with_ansi(ansi))
    }
}

impl JsonLine {
    pub(super) fn new() -> Self {
        Self(Format::default().json().flatten_event(true))
    }
}

impl<S, N> FormatEvent<S, N> for TextLine
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(
        &self,
        context: &FmtContext<'_, S, N>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        let Some(origin) = trace::current() else {
            return self.0.format_event(context, writer, event);
        };
        let mut line = String::with_capacity(256);
        self.0.format_event(context, Writer::new(&mut line), event)?;
        let Origin { request_id, context } = origin;
        write!(writer, "{} request_id={request_id}", line.trim_end())?;
        if let Some(context) = context {
            write!(writer, " trace_id={}", context.trace_id)?;
        }
        writer.write_char('\n')
    }
}

impl<S, N> FormatEvent<S, N> for JsonLine
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(
        &self,
        context: &FmtContext<'_, S, N>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        let Some(origin) = trace::current() else {
            return self.0.format_event(context, writer, event);
        };
        let mut line = String::with_capacity(256);
        self.0.format_event(context, Writer::new(&mut line), event)?;
        // Inserted into the object before its closing brace. Ids need no escaping in JSON.
        let object = line.trim_end().strip_suffix('}').ok_or(fmt::Error)?;
        let Origin { request_id, context } = origin;
        write!(writer, r#"{object},"request_id":"{request_id}""#)?;
        if let Some(context) = context {
            write!(writer, r#","trace_id":"{}""#, context.trace_id)?;
        }
        writer.write_str("}\n")
    }
}
