//! Stands for a collector such as the OpenTelemetry Collector or Jaeger, which are not installed
//! where these tests run: it takes OTLP over HTTP and decodes it with the protocol's own types. It
//! can also fail in the ways that a collector does.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU8, AtomicU32, Ordering};
use std::sync::{Arc, Mutex};

use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::KeyValue;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::trace::v1::Span;
use prost::Message;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use crate::support::test_db::eventually;

/// The reaction to the spans it receives.
#[derive(Clone, Copy)]
pub enum Mood {
    Takes = 0,
    /// Reads, and never answers.
    Hangs = 1,
    /// Answers that it is too busy.
    Overloaded = 2,
}

/// A span as received, and its sender.
#[derive(Clone, Debug)]
pub struct Seen {
    pub instance: String,
    pub service: String,
    pub span: Span,
}

#[derive(Default)]
struct State {
    mood: AtomicU8,
    calls: AtomicU32,
    seen: Mutex<Vec<Seen>>,
    raw: Mutex<Vec<u8>>,
}

pub struct Collector {
    port: u16,
    state: Arc<State>,
}

impl Collector {
    pub async fn start(mood: Mood) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let state = Arc::new(State::default());
        state.mood.store(mood as u8, Ordering::SeqCst);
        let serving = Arc::clone(&state);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream, Arc::clone(&serving)));
            }
        });
        Self { port, state }
    }

    pub fn endpoint(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    pub fn set(&self, mood: Mood) {
        self.state.mood.store(mood as u8, Ordering::SeqCst);
    }

    pub fn calls(&self) -> u32 {
        self.state.calls.load(Ordering::SeqCst)
    }

    pub fn seen(&self) -> Vec<Seen> {
        self.state.seen.lock().unwrap().clone()
    }

    /// Returns everything received, as text as far as it is text.
    pub fn raw(&self) -> String {
        String::from_utf8_lossy(&self.state.raw.lock().unwrap()).into_owned()
    }

    /// Waits for at least `count` spans of the trace and returns them.
    pub async fn trace(&self, trace: &str, count: usize) -> Vec<Seen> {
        let of_trace = || {
            let seen = self.seen().into_iter();
            seen.filter(|seen| hex(&seen.span.trace_id) == trace).collect::<Vec<_>>()
        };
        eventually(&format!("{count} spans of {trace}"), async || of_trace().len() >= count).await;
        of_trace()
    }
}

impl Seen {
    pub fn id(&self) -> String {
        hex(&self.span.span_id)
    }

    pub fn parent(&self) -> String {
        hex(&self.span.parent_span_id)
    }

    pub fn attributes(&self) -> HashMap<String, Value> {
        by_key(&self.span.attributes)
    }

    #[track_caller]
    pub fn text(&self, key: &str) -> String {
        match self.attributes().remove(key) {
            Some(Value::StringValue(text)) => text,
            other => panic!("{key} is {other:?} in {self:?}"),
        }
    }

    #[track_caller]
    pub fn whole(&self, key: &str) -> i64 {
        match self.attributes().remove(key) {
            Some(Value::IntValue(number)) => number,
            other => panic!("{key} is {other:?} in {self:?}"),
        }
    }

    #[track_caller]
    pub fn number(&self, key: &str) -> f64 {
        match self.attributes().remove(key) {
            Some(Value::DoubleValue(number)) => number,
            other => panic!("{key} is {other:?} in {self:?}"),
        }
    }
}

pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn by_key(attributes: &[KeyValue]) -> HashMap<String, Value> {
    let one = |it: &KeyValue| Some((it.key.clone(), it.value.clone()?.value?));
    attributes.iter().filter_map(one).collect()
}

/// Serves one call after another, until the connection ends.
async fn serve(mut stream: TcpStream, state: Arc<State>) {
    let mut buffer = Vec::new();
    loop {
        let (head, body) = loop {
            if let Some(call) = whole_call(&buffer) {
                break call;
            }
            match stream.read_buf(&mut buffer).await {
                Ok(0) | Err(_) => return,
                Ok(_) => {}
            }
        };
        state.calls.fetch_add(1, Ordering::SeqCst);
        let answer: &[u8] = match state.mood.load(Ordering::SeqCst) {
            0 => {
                assert!(head.starts_with("POST /v1/traces HTTP/1.1"), "{head}");
                assert!(head.contains("content-type: application/x-protobuf"), "{head}");
                assert!(!head.contains("traceparent"), "calls to it are not traced: {head}");
                state.raw.lock().unwrap().extend(&body);
                keep(&state, &body);
                b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n"
            }
            2 => b"HTTP/1.1 503 Busy\r\ncontent-length: 0\r\n\r\n",
            _ => return std::future::pending().await,
        };
        buffer.clear();
        if stream.write_all(answer).await.is_err() {
            return;
        }
    }
}

fn whole_call(buffer: &[u8]) -> Option<(String, Vec<u8>)> {
    let end = buffer.windows(4).position(|four| four == b"\r\n\r\n")? + 4;
    let head = String::from_utf8_lossy(&buffer[..end]).into_owned();
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: "))?;
    let body = buffer.get(end..end + length.trim().parse::<usize>().ok()?)?;
    Some((head, body.to_vec()))
}

fn keep(state: &State, body: &[u8]) {
    let request = ExportTraceServiceRequest::decode(body).expect("the protocol's own form");
    for resource_spans in request.resource_spans {
        let mut of = by_key(&resource_spans.resource.expect("there is one").attributes);
        let mut of = |key: &str| match of.remove(key) {
            Some(Value::StringValue(text)) => text,
            other => panic!("{key} is {other:?}"),
        };
        let (service, instance) = (of("service.name"), of("service.instance.id"));
        let spans = resource_spans.scope_spans.into_iter().flat_map(|scope| scope.spans);
        let seen =
            spans.map(|span| Seen { instance: instance.clone(), service: service.clone(), span });
        state.seen.lock().unwrap().extend(seen);
    }
}
