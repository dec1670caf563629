//! Floods that should fill the memory or take every thread. Those of proofs of work are in `limits.rs`.

use std::pin::pin;

use futures_util::future::{Either, join_all, select};
use futures_util::stream::{self, StreamExt};
use reqwest::Method;
use serde_json::json;

use crate::support::process::Server;
use crate::support::test_app::{TestApp, standing_event};
use crate::support::test_db::TestDb;

/// Addresses that one proxy forwards, each once.
const ADDRESSES: u32 = 10_000;

#[tokio::test(flavor = "multi_thread")]
async fn ten_thousand_forwarded_addresses_take_little_memory() {
    let db = TestDb::sqlite().await;
    let mut server = Server::with_settings(
        db.url(),
        &[
            ("ADMITONE_RATE_LIMITS", "on".to_owned()),
            ("ADMITONE_TRUSTED_PROXIES", "127.0.0.1".to_owned()),
        ],
    );
    server.start_again();
    server.until_ready().await;
    let client = reqwest::Client::new();
    let ask = async |nth: u32| {
        let from = std::net::Ipv4Addr::from_bits(0x0b00_0000 + nth);
        let confirm = client.post(format!("{}/api/auth/email/confirm", server.base));
        let confirm = confirm.header("X-Forwarded-For", from.to_string());
        confirm.json(&json!({"token": "no"})).send().await.unwrap().status().as_u16()
    };
    let all = async |from: u32, to: u32| {
        stream::iter(from..to).map(&ask).buffer_unordered(16).collect::<Vec<_>>().await
    };
    all(0, 500).await;
    let before = server.resident();
    let statuses = all(500, ADDRESSES).await;
    assert!(statuses.iter().all(|status| *status == 410), "each is within its limit");
    let grown = server.resident().saturating_sub(before);
    println!("{ADDRESSES} addresses: {grown} bytes more");
    assert!(grown < 32 << 20, "{grown}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_flood_of_logins_leaves_the_sale_its_threads() {
    let app = TestApp::with(TestDb::sqlite().await)
        .config(|config| config.password_hashers = 1)
        .start()
        .await;
    let event = app.create_event(standing_event(100)).await;
    let path = format!("/api/events/{}/holds", event["id"].as_str().unwrap());
    let product = &event["products"][0]["id"];
    let flood = join_all((0..400).map(|nth| {
        let body =
            json!({"email": format!("nobody{nth}@example.com"), "password": "a wrong guess"});
        app.call(Method::POST, "/api/auth/login").json(&body).send()
    }));
    let sale = async {
        for _ in 0..20 {
            let kim = app.user().await;
            let one = json!({"lines": [{"productId": product, "quantity": 1}]});
            app.post(&path, &kim, one).await.expect(201);
        }
    };
    let (flood, sale) = (pin!(flood), pin!(sale));
    match select(flood, sale).await {
        Either::Right(((), flood)) => {
            for answer in flood.await {
                // A full queue of passwords is said to be full.
                assert!(matches!(answer.status, 401 | 429 | 503), "{}", answer.text);
            }
        }
        Either::Left(_) => panic!("the sale had to wait for all logins"),
    }
}
