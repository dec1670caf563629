//! Sends spans to a collector, as OTLP over HTTP (<https://opentelemetry.io/docs/specs/otlp/>). No
//! request ever waits for it: a collector that is away, slow or unresponsive costs spans and nothing
//! else.
//!
//! The messages are those of `opentelemetry-proto`. The queue is our own and not the SDK's: the SDK
//! counts dropped spans where no metric shows them, and its stop waits longer than ours may.

mod encode;

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tokio::runtime::Handle;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;

use self::encode::Service;
use crate::clock::Clock;
use crate::config::Config;
use crate::trace::{self, Record, Sampling, Tracer};

/// Spans that may wait: some 10 MB at the most.
const QUEUE: usize = 8_192;
/// Spans in one call.
const MAX_SPANS: usize = 512;
/// How long the first span of a call waits for others.
const LINGER: Duration = Duration::from_secs(1);
/// How long the collector may take for a call.
const TIMEOUT: Duration = Duration::from_secs(10);
/// Attempts to send a call, and the pause before the second one; the pause doubles.
const TRIES: u32 = 4;
const FIRST_PAUSE: Duration = Duration::from_secs(1);
/// How long a stop waits for unsent spans.
const FLUSH: Duration = Duration::from_secs(2);

/// The task that sends spans while the process runs.
pub struct Exporter {
    stop: watch::Sender<bool>,
    task: JoinHandle<()>,
}

/// Starts the exporter, if the settings name a collector. `instance` is the name of this process
/// among several.
///
/// # Errors
/// The operating system lacks a resource.
pub fn start(
    config: &Config,
    instance: String,
    clock: Arc<dyn Clock>,
    runtime: &Handle,
) -> Result<(Tracer, Option<Exporter>), anyhow::Error> {
    let Some(endpoint) = &config.otlp_endpoint else { return Ok((Tracer::OFF, None)) };
    let client = reqwest::Client::builder()
        .timeout(TIMEOUT)
        // The process is configured by its settings only, not by proxy variables.
        .no_proxy()
        // Collectors are called without TLS: a machine without certificates will do.
        .tls_certs_only([])
        .redirect(reqwest::redirect::Policy::none())
        .build()?;
    let service = Service { name: config.trace_service.clone(), instance };
    let (stop, stopping) = watch::channel(false);
    let (ended, spans) = mpsc::channel(QUEUE);
    let endpoint = endpoint.clone();
    if endpoint.contains(":4317/") {
        tracing::warn!(
            endpoint,
            "collectors take OTLP over gRPC on port 4317, and over HTTP, which \
            is spoken here, on 4318: if spans do not arrive, that is why"
        );
    }
    tracing::info!(endpoint, ratio = config.trace_sample, "traces are exported");
    let line = Line { client, endpoint, service, stopping, failing: false };
    let task = runtime.spawn(line.run(spans));
    let sampling = Sampling::new(config.trace_sample, config.trace_forced_per_second);
    Ok((Tracer::new(clock, sampling, ended), Some(Exporter { stop, task })))
}

impl Exporter {
    /// Sends the remaining spans, within a short time limit.
    pub async fn stop(mut self) {
        // An error means that the task has died: there is nothing to wait for.
        let _ = self.stop.send(true);
        if tokio::time::timeout(FLUSH, &mut self.task).await.is_err() {
            self.task.abort();
            tracing::warn!("the collector did not take the last spans in time");
        }
    }
}

/// The connection to the collector.
struct Line {
    client: reqwest::Client,
    endpoint: String,
    service: Service,
    stopping: watch::Receiver<bool>,
    failing: bool,
}

/// Why a call failed.
struct NotTaken {
    why: String,
    is_worth_a_retry: bool,
}

impl Line {
    async fn run(mut self, mut spans: mpsc::Receiver<Record>) {
        let mut batch = Vec::with_capacity(MAX_SPANS);
        let mut stopping = self.stopping.clone();
        loop {
            let is_last = tokio::select! {
                () = gather(&mut spans, &mut batch) => batch.is_empty(),
                _ = stopping.wait_for(|stop| *stop) => true,
            };
            while batch.len() < MAX_SPANS
                && let Ok(span) = spans.try_recv()
            {
                batch.push(span);
            }
            if is_last && batch.is_empty() {
                return;
            }
            self.deliver(&mut batch).await;
        }
    }

    /// Sends a batch, several times if need be, and clears it.
    async fn deliver(&mut self, batch: &mut Vec<Record>) {
        let count = batch.len();
        let body = encode::request(&self.service, batch);
        let mut pause = FIRST_PAUSE;
        for tried in 1.. {
            match self.send(body.clone()).await {
                Ok(()) => {
                    trace::exported(count);
                    if std::mem::take(&mut self.failing) {
                        tracing::info!(endpoint = self.endpoint, "traces are exported again");
                    }
                    return;
                }
                Err(NotTaken { why, is_worth_a_retry }) => {
                    // Logged once, until sending works again: a metric counts the rest.
                    if !std::mem::replace(&mut self.failing, true) {
                        tracing::warn!(endpoint = self.endpoint, why, "traces cannot be exported");
                    }
                    if !is_worth_a_retry || tried == TRIES || *self.stopping.borrow() {
                        return trace::dropped("not_taken", count);
                    }
                }
            }
            let stopped = self.stopping.wait_for(|stop| *stop);
            // If the process stops, the next attempt follows at once and is the last.
            let _ = tokio::time::timeout(pause, stopped).await;
            pause *= 2;
        }
    }

    async fn send(&self, body: Bytes) -> Result<(), NotTaken> {
        let call =
            self.client.post(&self.endpoint).header("content-type", "application/x-protobuf");
        let answer = call.body(body).send().await.map_err(|error| NotTaken {
            why: format!("{:#}", anyhow::Error::from(error.without_url())),
            is_worth_a_retry: true,
        })?;
        let status = answer.status();
        if status.is_success() {
            return Ok(());
        }
        // As defined by the protocol.
        let is_worth_a_retry = [429, 502, 503, 504].contains(&status.as_u16());
        Err(NotTaken { why: format!("it answered {status}"), is_worth_a_retry })
    }
}

/// Waits for a span, and a little while for more. No span is lost if this future is dropped.
async fn gather(spans: &mut mpsc::Receiver<Record>, batch: &mut Vec<Record>) {
    if spans.recv_many(batch, MAX_SPANS).await == 0 {
        return;
    }
    let more = async {
        while batch.len() < MAX_SPANS {
            let room = MAX_SPANS - batch.len();
            if spans.recv_many(batch, room).await == 0 {
                return;
            }
        }
    };
    // The spans that have arrived until then are sent.
    let _ = tokio::time::timeout(LINGER, more).await;
}
