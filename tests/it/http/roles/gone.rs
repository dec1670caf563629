//! Acts of staff whose client goes away before the answer.

use admitone::store::GrantRole;
use sea_orm::sqlx::{self, Connection, PgConnection};
use serde_json::json;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

use super::acts::rows;
use super::invitations::token_of;
use super::{account, member};
use crate::http::api_client::{Person, Shop};
use crate::support::test_db::{TestDb, eventually};

/// Keeps a table from being written, until it is dropped or goes on.
async fn locked(shop: &Shop, table: &str) -> PgConnection {
    let mut session = PgConnection::connect(shop.app.db.url()).await.unwrap();
    sqlx::query("BEGIN").execute(&mut session).await.unwrap();
    let lock = format!("LOCK TABLE {table} IN SHARE MODE");
    sqlx::query(sqlx::AssertSqlSafe(lock)).execute(&mut session).await.unwrap();
    session
}

/// Sends a request, and goes away once its act has begun: the server has noticed when this returns.
async fn goes_away(shop: &Shop, person: &Person<'_>, path: &str, body: &str, act: &str) {
    let mut socket = TcpStream::connect(shop.app.running().address).await.unwrap();
    let request = format!(
        "POST {path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {}\r\n\
            Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
        person.token(),
        body.len(),
    );
    socket.write_all(request.as_bytes()).await.unwrap();
    eventually("the act begins", async || {
        rows(shop, &format!("&action={act}"))
            .await
            .first()
            .is_some_and(|it| it["outcome"] == "BEGUN")
    })
    .await;
    socket.set_zero_linger().unwrap();
    drop(socket);
    eventually("the request is gone", async || shop.app.state().lifecycle.in_flight() == 0).await;
}

async fn is_completed(shop: &Shop, act: &str) {
    eventually("the row is completed", async || {
        rows(shop, &format!("&action={act}")).await[0]["outcome"] != "BEGUN"
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_act_whose_client_goes_away_has_its_outcome() {
    let shop = Shop::open(TestDb::postgres().await).await;
    let event = shop.event().await;
    let organiser = member(&shop, GrantRole::Organiser, &[event.offering()]).await;
    let kim = account(&shop).await;
    let session = locked(&shop, "grants").await;
    let body = json!({"userId": kim.user, "role": "DOOR", "offeringId": event.id}).to_string();
    goes_away(&shop, &organiser, "/api/admin/grants", &body, "grant.give").await;
    session.close().await.unwrap();
    is_completed(&shop, "grant.give").await;
    let row = rows(&shop, "&action=grant.give").await.remove(0);
    let grants = shop.admin().get(&format!("/api/admin/grants?userId={}", kim.user)).await.is(200);
    assert_eq!([&row["outcome"], &row["target"]], [&json!("DONE"), &grants.data[0]["id"]]);
    assert_eq!(kim.get("/api/users/me").await.is(200).data["roles"][0]["role"], "DOOR");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_invitation_that_is_accepted_by_who_goes_away_has_its_outcome() {
    let shop = Shop::open(TestDb::postgres().await).await;
    let event = shop.event().await;
    let body = json!({"email": "lee@example.com", "role": "DOOR", "offeringId": event.id});
    let made = shop.admin().post("/api/admin/invitations", &body).await.is(201).data;
    let token = token_of(&shop, &made).await;
    let lee = account(&shop).await;
    let session = locked(&shop, "grants").await;
    let body = json!({"token": token}).to_string();
    goes_away(&shop, &lee, "/api/invitations/accept", &body, "invitation.accept").await;
    session.close().await.unwrap();
    is_completed(&shop, "invitation.accept").await;
    assert_eq!(rows(&shop, "&action=invitation.accept").await[0]["outcome"], "DONE");
    assert_eq!(lee.get("/api/users/me").await.is(200).data["roles"][0]["role"], "DOOR");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_stops_waits_for_an_act_whose_client_is_gone() {
    let mut shop = Shop::open(TestDb::postgres().await).await;
    let event = shop.event().await;
    let kim = account(&shop).await;
    let session = locked(&shop, "grants").await;
    let body = json!({"userId": kim.user, "role": "DOOR", "offeringId": event.id}).to_string();
    goes_away(&shop, &shop.admin(), "/api/admin/grants", &body, "grant.give").await;
    let lifecycle = shop.app.state().lifecycle.clone();
    let later = tokio::spawn(async move {
        lifecycle.stopping().await;
        session.close().await.unwrap();
    });
    shop.app.shutdown().await;
    later.await.unwrap();
    let done = "SELECT count(*) FROM audit_log WHERE action = 'grant.give' AND outcome = 'DONE'";
    assert_eq!(shop.app.db.count(done).await, 1);
}
