//! The metrics of live events, failures by code, open streams, waiting work, and the process.

use admitone::ids::{OfferingId, PaymentId, ReservationId, UserId};
use admitone::store::NewPayment;
use serde_json::{Value, json};

use crate::support::test_app::{TestApp, TestUser, standing_event};
use crate::support::test_db::{TestDb, eventually};

async fn hold(app: &TestApp, event: &Value, by: &TestUser, quantity: u32) -> u16 {
    let path = format!("/api/events/{}/holds", event["id"].as_str().unwrap());
    let line = json!({ "productId": event["products"][0]["id"], "quantity": quantity });
    app.post(&path, by, json!({ "lines": [line] })).await.status
}

/// Returns the value of the series with this name and these labels.
fn value(metrics: &str, series: &str) -> Option<f64> {
    let of_series = |line: &str| Some(line.strip_prefix(series)?.strip_prefix(' ')?.to_owned());
    metrics.lines().find_map(of_series)?.parse().ok()
}

#[tokio::test]
async fn an_event_is_shown_while_it_is_live_and_no_longer() {
    let mut app = TestApp::start(TestDb::sqlite().await).await;
    let event = app.create_event(standing_event(3)).await;
    let (id, somebody) = (event["id"].as_str().unwrap(), app.user().await);
    assert_eq!(hold(&app, &event, &somebody, 2).await, 201);
    for _ in 0..4 {
        assert_eq!(hold(&app, &event, &somebody, 2).await, 409);
    }
    let metrics = app.metrics().await;
    for (name, label, expected) in [
        ("admitone_places", "state=\"held\"", 2.0),
        ("admitone_places", "state=\"available\"", 1.0),
        ("admitone_offering_commands_total", "kind=\"place_hold\"", 1.0),
        ("admitone_offering_commands_total", "kind=\"confirm_payment\"", 0.0),
        ("admitone_offering_refusals_total", "reason=\"sold_out\"", 4.0),
        ("admitone_offering_refusals_total", "reason=\"expired\"", 0.0),
    ] {
        let series = format!("{name}{{offering=\"{id}\",{label}}}");
        assert_eq!(value(&metrics, &series), Some(expected), "{series}\n{metrics}");
    }
    let called = format!("admitone_offering_info{{offering=\"{id}\",name=\"A Concert\"}}");
    assert_eq!(value(&metrics, &called), Some(1.0), "{metrics}");
    let pending = format!("admitone_offering_pending_commands{{offering=\"{id}\"}}");
    assert_eq!(value(&metrics, &pending), Some(0.0));
    let sold_out = "admitone_http_failures_total{code=\"SOLD_OUT\",status=\"409\"}";
    assert_eq!(value(&metrics, sold_out), Some(4.0));
    let took = "admitone_command_duration_seconds_count{kind=\"place_hold\",outcome=\"sold_out\"}";
    assert_eq!(value(&metrics, took), Some(4.0));

    app.restart().await;
    let metrics = app.metrics().await;
    assert!(!metrics.contains(id), "it sleeps: {metrics}");
}

#[tokio::test]
async fn what_has_not_happened_yet_is_shown_as_none() {
    let app = TestApp::start(TestDb::sqlite().await).await;
    let metrics = app.metrics().await;
    for series in [
        "admitone_http_failures_total{code=\"OUTCOME_UNKNOWN\",status=\"503\"}",
        "admitone_outcome_unknown_total{reason=\"append_unconfirmed\"}",
        "admitone_commands_turned_away_total",
        "admitone_append_failures_total{reason=\"outcome_unknown\"}",
        "admitone_recovery_failures_total{reason=\"damaged\"}",
        "admitone_stream_listeners",
        "admitone_pending_commands",
        "admitone_payments_stuck",
    ] {
        assert_eq!(value(&metrics, series), Some(0.0), "{series}\n{metrics}");
    }
    for series in [
        "admitone_pending_commands_limit",
        "admitone_database_connections_max",
        "admitone_process_cpu_seconds_total",
        "admitone_process_cores",
        "admitone_process_memory_limit_bytes",
        "admitone_process_open_fds",
        "admitone_process_max_fds",
    ] {
        assert!(value(&metrics, series).is_some_and(|it| it > 0.0), "{series}\n{metrics}");
    }
    let started = value(&metrics, "admitone_process_start_time_seconds").unwrap();
    let now = now_seconds(&app);
    assert!((now - 600.0..=now).contains(&started), "{started} is not just before {now}");
}

#[expect(clippy::cast_precision_loss, reason = "milliseconds since 1970 are far below 2^52")]
fn now_seconds(app: &TestApp) -> f64 {
    app.state().clock.now_ms() as f64 / 1_000.0
}

#[tokio::test]
async fn who_listens_is_counted_until_they_go() {
    let app = TestApp::start(TestDb::sqlite().await).await;
    let event = app.create_event(standing_event(1_000)).await;
    let somebody = app.user().await;
    let url = app.url(&format!("/api/events/{}/stream", event["id"].as_str().unwrap()));
    let stream = reqwest::get(url).await.unwrap();
    let listeners =
        async || value(&app.metrics().await, "admitone_stream_listeners").unwrap_or(-1.0);
    assert_eq!(listeners().await, 1.0);
    drop(stream);
    // The disconnect is noticed at the next message.
    eventually("nobody listens any more", async || {
        hold(&app, &event, &somebody, 1).await;
        listeners().await == 0.0
    })
    .await;
}

on_both_databases! {
    async fn payments_that_are_tried_in_vain_are_counted(db: TestDb) {
        let store = db.store().await;
        let backlog = async || store.payment_backlog().await.unwrap();
        assert_eq!((backlog().await.unsettled, backlog().await.next_try_at), (0, None));
        let new = NewPayment {
            id: PaymentId::random(),
            reservation: ReservationId::random(),
            offering: OfferingId::random(),
            user: UserId::random(),
            method: admitone::store::PaymentMethod::Wallet,
            amount: 1_000,
            currency: "KRW".into(),
            options: None,
            return_url: None,
        };
        store.payment_create(&new, 1_000, 6_000).await.unwrap();
        assert_eq!(backlog().await.next_try_at, Some(6_000));
        for tried in 0..3 {
            assert_eq!((backlog().await.unsettled, backlog().await.stuck), (1, 0), "{tried}");
            store.payment_claim_due(1_000_000 * (1 + tried), 5_000, 10).await.unwrap();
        }
        assert_eq!((backlog().await.unsettled, backlog().await.stuck), (1, 1));
    }
}
