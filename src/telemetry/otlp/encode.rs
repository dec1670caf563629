//! Encodes spans as messages of OpenTelemetry's protocol.

use std::time::Duration;

use bytes::Bytes;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value as AnyOf;
use opentelemetry_proto::tonic::common::v1::{AnyValue, InstrumentationScope, KeyValue};
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::span::SpanKind;
use opentelemetry_proto::tonic::trace::v1::status::StatusCode as Outcome;
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span, SpanFlags, Status};
use prost::Message;

use crate::trace::{Kind, Record, Value};

/// The service that the spans describe.
pub(super) struct Service {
    pub(super) name: String,
    pub(super) instance: String,
}

/// Returns the body of one call.
pub(super) fn request(service: &Service, records: &mut Vec<Record>) -> Bytes {
    let spans = records.drain(..).map(span).collect();
    let scope = InstrumentationScope {
        name: env!("CARGO_PKG_NAME").into(),
        version: env!("CARGO_PKG_VERSION").into(),
        ..InstrumentationScope::default()
    };
    let attributes = [
        ("service.name", service.name.clone()),
        ("service.instance.id", service.instance.clone()),
        ("service.version", env!("CARGO_PKG_VERSION").into()),
    ];
    let attributes = attributes.map(|(key, value)| attribute(key, value.into())).into();
    let resource = Resource { attributes, ..Resource::default() };
    let scope_spans = ScopeSpans { scope: Some(scope), spans, ..ScopeSpans::default() };
    let resource_spans = ResourceSpans {
        resource: Some(resource),
        scope_spans: vec![scope_spans],
        ..ResourceSpans::default()
    };
    let request = ExportTraceServiceRequest { resource_spans: vec![resource_spans] };
    request.encode_to_vec().into()
}

fn span(record: Record) -> Span {
    let Record { context, parent, kind, name, started, took, attributes, error } = record;
    let kind_of = match kind {
        Kind::Server => SpanKind::Server,
        Kind::Client => SpanKind::Client,
        Kind::Internal => SpanKind::Internal,
    };
    let mut flags = u32::from(context.flags()) | SpanFlags::ContextHasIsRemoteMask as u32;
    if kind == Kind::Server {
        flags |= SpanFlags::ContextIsRemoteMask as u32;
    }
    let status = error.map(|why| Status { code: Outcome::Error.into(), message: why.into_owned() });
    Span {
        trace_id: context.trace_id.0.into(),
        span_id: context.span_id.0.into(),
        trace_state: context.state().unwrap_or_default().to_owned(),
        parent_span_id: parent.map(|parent| parent.0.into()).unwrap_or_default(),
        flags,
        name: name.into_owned(),
        kind: kind_of.into(),
        start_time_unix_nano: nanoseconds(started),
        end_time_unix_nano: nanoseconds(started + took),
        attributes: attributes.into_iter().map(|(key, value)| attribute(key, value)).collect(),
        status,
        ..Span::default()
    }
}

fn attribute(key: &str, value: Value) -> KeyValue {
    let value = match value {
        Value::Text(text) => AnyOf::StringValue(text.into_owned()),
        Value::Whole(count) => AnyOf::IntValue(count),
        Value::Number(measure) => AnyOf::DoubleValue(measure),
    };
    let value = Some(AnyValue { value: Some(value) });
    KeyValue { key: key.to_owned(), value, ..KeyValue::default() }
}

fn nanoseconds(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}
