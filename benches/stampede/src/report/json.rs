//! The results as JSON.

use serde_json::{Map, Value, json};

use super::Results;
use crate::measure::{Interval, Latencies, Op};
use crate::options::{Load, Skew};
use crate::run::Verdict;
use admitone::http::respond::rfc3339;

pub(super) fn render(results: &Results) -> String {
    serde_json::to_string_pretty(&value(results)).expect("results are plain data") + "\n"
}

fn value(results: &Results) -> Value {
    let options = &results.options;
    let load = match options.load {
        Load::Open { from, to } => json!({ "kind": "open", "from": from, "to": to }),
        Load::Closed(clients) => json!({ "kind": "closed", "clients": clients }),
        Load::People(people) => json!({ "kind": "people", "people": people }),
    };
    let mut ops = Map::new();
    for op in Op::ALL {
        let Some(figures) = results.figures.ops.get(&op) else { continue };
        let name = serde_json::to_value(op).expect("a name");
        let figures = json!({
            "attempts": figures.attempts,
            "repeats": figures.repeats,
            "successes": figures.successes,
            "successesPerSecond": results.per_second(figures),
            "refused": figures.refused,
            "turnedAway": figures.turned_away,
            "errors": figures.errors,
            "latency": latencies(&figures.latencies),
            "refusalLatency": latencies(&figures.refusal_latencies),
            "intervals": intervals(&results.figures.intervals.of(op)),
        });
        ops.insert(name.as_str().unwrap_or_default().to_owned(), figures);
    }
    let rates = results.rates();
    json!({
        "version": env!("CARGO_PKG_VERSION"),
        "endedAt": rfc3339(results.ended_at_ms),
        "workload": options.workload.name,
        "environment": results.environment,
        "settings": {
            "load": load,
            "durationSeconds": options.duration.as_secs_f64(),
            "warmUpSeconds": options.warm_up.as_secs_f64(),
            "arrivals": if options.is_poisson { "poisson" } else { "even" },
            "events": options.events,
            "buyers": options.buyers,
            "listeners": options.listeners,
            "connections": options.connections,
            "threads": options.threads,
            "skew": match options.skew { Skew::Uniform => "uniform", Skew::Zipf => "zipf" },
            "targets": options.place.targets,
            "seed": options.seed,
        },
        "verdict": match results.verdict() {
            Verdict::Sound => "sound",
            Verdict::Violated => "failed",
            Verdict::Void => "void",
        },
        "void": results.void(),
        "measuredSeconds": results.figures.measured().as_secs_f64(),
        "interruptedAfterSeconds": results.interrupted_at.map(|at| at.as_secs_f64()),
        "arrivalsPerSecond": rates.map(|(asked, reached)| json!({
            "asked": asked, "reached": reached,
        })),
        "begun": results.figures.begun,
        "leftOut": results.figures.dropped,
        "givenUp": results.unfinished,
        "generatorLag": latencies(&results.figures.lag),
        "connectionWait": latencies(&results.figures.waits),
        "operations": ops,
        "intervalSeconds": results.figures.intervals.width().as_secs(),
        "intervals": intervals(&results.figures.intervals.of_all()),
        "soldOutAfterSeconds": results.figures.sold_out_at.map(|at| at.as_secs_f64()),
        "commands": results.commands,
        "queue": results.queue,
        "queueSettings": options.queue.map(|queue| json!({
            "people": queue.people,
            "places": options.places,
            "prequeueSeconds": queue.prequeue.as_secs_f64(),
            "passesPerMinute": queue.passes_per_minute,
            "activeLimit": queue.active_limit,
            "admitPercent": queue.admit_percent,
            "passSeconds": queue.pass_seconds,
            "holdSeconds": queue.hold_seconds,
            "silenceSeconds": queue.silence_seconds,
        })),
        "audit": match &results.audit {
            Ok(findings) => json!(findings),
            Err(error) => json!({ "error": error }),
        },
        "complaints": results.complaints,
    })
}

/// The figures of each interval from the start of the run.
fn intervals(intervals: &[Interval]) -> Vec<Value> {
    let value = |interval: &Interval| {
        json!({
            "successes": interval.successes,
            "refused": interval.refused,
            "turnedAway": interval.turned_away,
            "errors": interval.errors,
            "repeats": interval.repeats,
            "p50Us": interval.latencies.at_us(0.5),
            "p99Us": interval.latencies.at_us(0.99),
            "maxUs": interval.latencies.max_us(),
        })
    };
    intervals.iter().map(value).collect()
}

fn latencies(latencies: &Latencies) -> Value {
    json!({
        "count": latencies.len(),
        "p50Us": latencies.at_us(0.5),
        "p90Us": latencies.at_us(0.9),
        "p99Us": latencies.at_us(0.99),
        "p999Us": latencies.at_us(0.999),
        "maxUs": latencies.max_us(),
    })
}
