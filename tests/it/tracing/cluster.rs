//! Two real processes: a forwarded command is one trace, and has one request id in both logs.

use std::collections::HashMap;

use admitone::store::{Options, Store};
use opentelemetry_proto::tonic::trace::v1::span::SpanKind;
use serde_json::{Value, json};

use super::collector::{Collector, Mood, Seen};
use crate::cluster::instance;
use crate::support::private_postgres::PrivatePostgres;
use crate::support::private_redis::PrivateRedis;
use crate::support::process::Server;
use crate::support::sold_event;
use crate::support::test_db::eventually;

const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const CALLER: &str = "00f067aa0ba902b7";

/// Includes a line for every request.
const LOG: &str = "warn,admitone::access=debug";

fn lines_of(server: &Server, id: &str) -> Vec<Value> {
    let written = server.written();
    let lines = written.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    lines.filter(|line| line["request_id"] == id).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hold_that_is_handed_on_is_one_trace_and_one_id_in_both_logs() {
    let collector = Collector::start(Mood::Takes).await;
    let (redis, postgres) = (PrivateRedis::start(), PrivatePostgres::start());
    let store = Store::connect(&Options::new(postgres.url())).await.unwrap();
    store.migrate().await.unwrap();
    let event = sold_event::open(&store, 50).await;
    let mut servers = HashMap::new();
    let mut all_links = Vec::new();
    for name in ["a", "b"] {
        let (mut server, links) = instance(&redis, &postgres, name, "2s").await;
        server.set("ADMITONE_OTLP_ENDPOINT", collector.endpoint());
        server.set("ADMITONE_TRACE_SAMPLE", "0".into());
        server.set("ADMITONE_TRACE_SERVICE", "box-office".into());
        server.set("ADMITONE_LOG", LOG.into());
        server.set("ADMITONE_LOG_FORMAT", "json".into());
        server.start_again();
        server.until_ready().await;
        all_links.push((links.others.address.to_string(), name));
        servers.insert(name, (server, links));
    }
    let customer = servers["a"].0.mint().customer();
    let client = reqwest::Client::new();
    let ask = async |at: &str, headers: &[(&str, &str)]| {
        let path = format!("{}/api/events/{event}/holds?secret=in-the-query", servers[at].0.base);
        // Not read from the server, because that read would wait for the database first.
        let product = admitone::ids::ProductId(0).to_public(event);
        let body = json!({ "bestAvailable": { "productId": product, "quantity": 1 } });
        let mut request = client.post(path).bearer_auth(&customer.token).json(&body);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        request.send().await.unwrap()
    };
    let hold = async |at: &str, headers: &[(&str, &str)]| {
        let answer = ask(at, headers).await;
        assert_eq!(answer.status(), 201, "{}", answer.text().await.unwrap());
    };
    // One instance becomes the owner.
    hold("a", &[]).await;
    let mut owner = None;
    eventually("somebody owns the event", async || {
        let found = store.journal().owner(event).await.ok().flatten();
        owner = found
            .and_then(|owner| all_links.iter().find(|(address, _)| **address == *owner.address));
        owner.is_some()
    })
    .await;
    let owner = owner.unwrap().1;
    let other = if owner == "a" { "b" } else { "a" };
    hold(other, &[("X-Request-Id", "a-quiet-one")]).await;
    let parent = format!("00-{TRACE}-{CALLER}-01");
    let headers = [
        ("traceparent", parent.as_str()),
        ("tracestate", "congo=t61rcWkgMzE"),
        ("X-Request-Id", "find-me"),
    ];
    hold(other, &headers).await;

    let spans = collector.trace(TRACE, 4).await;
    let named = |name: &str| -> &Seen {
        let found: Vec<_> = spans.iter().filter(|seen| seen.span.name == name).collect();
        assert_eq!(found.len(), 1, "{name}: {spans:#?}");
        found[0]
    };
    let door = named("POST /api/events/{event}/holds");
    let (call, answer, command) =
        (named("forward place_hold"), named("answer place_hold"), named("place_hold"));
    assert_eq!(door.parent(), CALLER);
    for (child, parent) in [(call, door), (answer, call), (command, answer)] {
        assert_eq!(child.parent(), parent.id(), "{child:?}");
        assert!(child.span.start_time_unix_nano >= parent.span.start_time_unix_nano);
        assert!(child.span.end_time_unix_nano <= parent.span.end_time_unix_nano);
    }
    for (span, instance, kind) in [
        (door, other, SpanKind::Server),
        (call, other, SpanKind::Client),
        (answer, owner, SpanKind::Server),
        (command, owner, SpanKind::Internal),
    ] {
        assert_eq!((span.instance.as_str(), span.span.kind()), (instance, kind), "{span:?}");
        assert_eq!(
            (span.service.as_str(), span.span.trace_state.as_str()),
            ("box-office", "congo=t61rcWkgMzE")
        );
        assert_eq!(span.span.status, None);
    }
    assert_eq!(door.text("http.request.method"), "POST");
    assert_eq!(door.text("http.route"), "/api/events/{event}/holds");
    assert_eq!(door.text("url.path"), format!("/api/events/{event}/holds"));
    assert_eq!(door.whole("http.response.status_code"), 201);
    assert_eq!(door.text("admitone.request.id"), "find-me");
    assert_eq!(command.text("admitone.command"), "place_hold");
    assert_eq!(command.text("admitone.outcome"), "committed");
    assert_eq!(command.text("admitone.offering.id"), event.to_string());
    assert_eq!(command.whole("admitone.batch.commands"), 1);
    assert!(command.whole("admitone.batch.seq") > 1);
    assert!(command.number("admitone.wait_ms") >= 0.0);
    assert!(command.number("admitone.batch.append_ms") > 0.0);
    assert_eq!(call.text("admitone.outcome"), "committed");
    assert_eq!(answer.whole("admitone.hops"), 1);

    // Both logs contain the request id and the trace.
    let access = lines_of(&servers[other].0, "find-me");
    assert!(access.iter().any(|line| line["path"] == format!("/api/events/{event}/holds")));
    let owners = lines_of(&servers[owner].0, "find-me");
    assert!(owners.iter().any(|line| line["path"] == "/internal/ask"), "{owners:?}");
    assert!(access.iter().chain(&owners).all(|line| line["trace_id"] == TRACE), "{owners:?}");
    let quiet = lines_of(&servers[owner].0, "a-quiet-one");
    assert!(!quiet.is_empty() && quiet.iter().all(|line| line.get("trace_id").is_none()));

    // Lines of the owner's box office carry the id of the request that the other instance received.
    let postgres_of_owner = &servers[owner].1.postgres;
    postgres_of_owner.cut();
    let asked = ask(other, &[("X-Request-Id", "in-trouble")]);
    let trouble = async {
        eventually("the owner's box office says so", async || {
            let lines = lines_of(&servers[owner].0, "in-trouble");
            lines.iter().any(|line| line["target"] == "admitone::box_office::office::failure")
        })
        .await;
        postgres_of_owner.heal();
    };
    let (_, ()) = tokio::join!(asked, trouble);

    // Nothing else was traced, and no secrets of the caller were.
    for (server, _) in servers.values_mut() {
        assert!(server.stop().await);
    }
    assert_eq!(collector.seen().len(), 4, "{:#?}", collector.seen());
    let raw = collector.raw();
    for secret in [&customer.token, &customer.user.to_string(), "in-the-query", "Bearer"] {
        assert!(!raw.contains(secret), "{secret}");
    }
}
