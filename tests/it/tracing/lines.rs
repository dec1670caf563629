//! Log lines of a real process, as text and as JSON, carry the id of the request they were written
//! for; so do errors.

use admitone::store::{Options, Store};
use sea_orm::sqlx::{self, Connection, PgConnection};
use serde_json::{Value, json};

use crate::support::private_postgres::PrivatePostgres;
use crate::support::process::Server;
use crate::support::sold_event;

const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";

/// Returns the output of a server that receives a request for a list, and then, without its
/// database, requests for the list and for a hold.
async fn written(format: &str) -> String {
    let postgres = PrivatePostgres::start();
    let store = Store::connect(&Options::new(postgres.url())).await.unwrap();
    store.migrate().await.unwrap();
    let event = sold_event::open(&store, 50).await;
    drop(store);
    let log = "warn,admitone::access=debug".to_owned();
    let settings = [("ADMITONE_LOG", log), ("ADMITONE_LOG_FORMAT", format.to_owned())];
    let mut server = Server::with_settings(&postgres.url(), &settings);
    server.start_again();
    server.until_ready().await;
    let (client, customer) = (reqwest::Client::new(), server.mint().customer());
    let list = async |id: &str| {
        let parent = format!("00-{TRACE}-00f067aa0ba902b7-00");
        let request = client.get(format!("{}/api/events", server.base));
        let request = request.header("X-Request-Id", id).header("traceparent", parent);
        request.send().await.unwrap()
    };
    let hold = async |id: &str| {
        let url = format!("{}/api/events/{event}", server.base);
        let view = client.get(format!("{url}/availability")).send().await.unwrap();
        let view: Value = view.json().await.unwrap();
        let product = view["data"]["products"][0]["id"].clone();
        let body = json!({ "bestAvailable": { "productId": product, "quantity": 1 } });
        let request = client.post(format!("{url}/holds")).bearer_auth(&customer.token);
        request.header("X-Request-Id", id).json(&body).send().await.unwrap()
    };
    assert_eq!(list("a-list").await.status(), 200);
    assert_eq!(hold("a-hold").await.status(), 201);
    postgres.stop();
    for (id, answer) in
        [("a-bad.hold:1", hold("a-bad.hold:1").await), ("a-bad-list", list("a-bad-list").await)]
    {
        assert_eq!(
            (answer.status().as_u16(), &answer.headers()["x-request-id"]),
            (503, &id.parse().unwrap())
        );
        let error: Value = answer.json().await.unwrap();
        assert_eq!(error["error"]["requestId"], id);
    }
    postgres.up();
    server.until_ready().await;
    assert!(server.stop().await);
    server.written()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn text_lines_end_with_the_ids() {
    let written = written("text").await;
    for (id, trace, expected) in [
        (
            "a-list",
            true,
            "DEBUG admitone::access: answered method=GET path=\"/api/events\" status=200",
        ),
        ("a-hold", false, "DEBUG admitone::access: answered method=POST path="),
        ("a-bad-list", true, " WARN admitone::http::error: a request met an unavailable part"),
        // Written by the box office, on a thread of its own.
        ("a-bad.hold:1", false, " WARN admitone::box_office::office::failure: append failed"),
    ] {
        let id = format!(" request_id={id}");
        let end = if trace { format!("{id} trace_id={TRACE}") } else { id.clone() };
        let lines = written.lines().filter(|line| line.contains(&id)).collect::<Vec<_>>();
        assert!(lines.iter().all(|line| line.ends_with(&end)), "{lines:#?}");
        assert!(lines.iter().any(|line| line.contains(expected)), "{expected} in {lines:#?}");
    }
    let nobodys = written.lines().filter(|line| line.contains("admitone::server::"));
    assert!(nobodys.clone().all(|line| !line.contains("request_id=")), "{written}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn json_lines_hold_the_ids() {
    let written = written("json").await;
    let lines: Vec<Value> = written
        .lines()
        .filter(|line| line.starts_with('{'))
        .map(|line| serde_json::from_str(line).unwrap_or_else(|_| panic!("not JSON: {line}")))
        .collect();
    for (id, trace, target) in [
        ("a-list", Some(TRACE), "admitone::access"),
        ("a-hold", None, "admitone::access"),
        ("a-bad-list", Some(TRACE), "admitone::http::error"),
        ("a-bad.hold:1", None, "admitone::box_office::office::failure"),
    ] {
        let lines: Vec<_> = lines.iter().filter(|line| line["request_id"] == id).collect();
        assert!(lines.iter().any(|line| line["target"] == target), "{target} in {lines:#?}");
        let traces: Vec<_> = lines.iter().map(|line| line["trace_id"].as_str()).collect();
        assert!(traces.iter().all(|found| *found == trace), "{lines:#?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_unknown_outcome_is_logged_with_its_reason_and_an_old_log_target_works() {
    let postgres = PrivatePostgres::start();
    let settings = [
        ("ADMITONE_LOG", "warn,admitone::http::scope=debug".to_owned()),
        ("ADMITONE_REQUEST_TIMEOUT", "1s".to_owned()),
    ];
    let mut server = Server::with_settings(&postgres.url(), &settings);
    server.start_again();
    server.until_ready().await;
    let customer = server.mint().customer();
    let mut session = PgConnection::connect(&postgres.url()).await.unwrap();
    sqlx::query("BEGIN").execute(&mut session).await.unwrap();
    sqlx::query("LOCK TABLE users").execute(&mut session).await.unwrap();
    let request = reqwest::Client::new().patch(format!("{}/api/users/me", server.base));
    let request = request.bearer_auth(&customer.token).header("X-Request-Id", "who-knows");
    let answer = request.json(&json!({ "name": "renamed" })).send().await.unwrap();
    assert_eq!(answer.status(), 503);
    let error: Value = answer.json().await.unwrap();
    assert_eq!(error["error"]["code"], "OUTCOME_UNKNOWN");
    drop(session);
    assert!(server.stop().await);
    let written = server.written();
    let unknown =
        "the outcome of a request is unknown reason=\"request_deadline\" request_id=who-knows";
    assert!(written.lines().any(|line| line.ends_with(unknown)), "{written}");
    let moved = "old=admitone::http::scope new=admitone::http::middleware::request_context";
    assert!(written.lines().any(|line| line.ends_with(moved)), "{written}");
}
