//! What the gate of staff writes down and refuses at its edges: own orders, tickets of other events, bodies
//! of any form, and acts whose answer takes too long.

use std::time::Duration;

use admitone::store::GrantRole;
use reqwest::Method;
use sea_orm::sqlx::{self, Connection, PgConnection};
use serde_json::{Value, json};

use super::acts::rows;
use super::{account, member};
use crate::http::api_client::{Answer, Shop};
use crate::support::test_db::{TestDb, eventually};

on_both_databases! {
    async fn staff_who_refund_their_own_order_beyond_its_terms_leave_a_row(db: TestDb) {
        let shop = Shop::open(db).await;
        let event = shop.event().await;
        let finance = member(&shop, GrantRole::Finance, &[event.offering()]).await;
        let order = finance.buy(&event, &event.places(1)).await;
        let body = json!({
            "tickets": [finance.tickets().await[0]["id"]],
            "amount": {"amount": 50_000, "currency": "KRW"},
        });
        let path = format!("/api/reservations/{order}/refunds");
        finance.post_with_key(&path, "own", &body).await.is(201);
        let row = rows(&shop, "&action=order.refund").await.remove(0);
        assert_eq!(row["actorId"], json!(finance.user));
        assert_eq!([&row["target"], &row["offeringId"]], [&json!(order), &json!(event.id)]);
        assert_eq!(row["after"]["amount"]["amount"], 50_000);
    }

    async fn a_door_is_told_that_a_ticket_is_of_another_event(db: TestDb) {
        let shop = Shop::open(db).await;
        let (here, other) = (shop.event().await, shop.event().await);
        let door = member(&shop, GrantRole::Door, &[here.offering()]).await;
        let kim = account(&shop).await;
        kim.buy(&other, &other.places(1)).await;
        let code = kim.tickets().await[0]["code"].clone();
        let at = |event: &str| json!({"code": code, "eventId": event});
        let refused = door.post("/api/checkins", &at(&here.id)).await;
        refused.refused(409, "WRONG_EVENT");
        door.post("/api/checkins", &at(&other.id)).await.refused(403, "FORBIDDEN");
        door.post("/api/checkins", &json!({"code": code})).await.refused(403, "FORBIDDEN");
        assert_eq!(kim.tickets().await[0]["checkedInAt"], Value::Null);
        let row = rows(&shop, "&action=ticket.check-in").await.remove(0);
        assert_eq!([&row["offeringId"], &row["outcome"]], [&json!(here.id), &json!("WRONG_EVENT")]);
    }

    async fn how_a_body_is_sent_keeps_nothing_out_of_the_log(db: TestDb) {
        let shop = Shop::open(db).await;
        let (event, admin) = (shop.event().await, shop.admin());
        let kim = account(&shop).await;
        let body = json!({"userId": kim.user, "role": "DOOR", "offeringId": event.id}).to_string();
        let pieces = body.as_bytes().chunks(7).map(|piece| Ok::<_, std::io::Error>(piece.to_vec()));
        let pieces: Vec<_> = pieces.collect();
        let chunked = reqwest::Body::wrap_stream(futures_util::stream::iter(pieces));
        let given = admin.post_text("/api/admin/grants", chunked).await.is(201).data;
        let row = rows(&shop, "&action=grant.give").await.remove(0);
        assert_eq!([&row["offeringId"], &row["target"]], [&json!(event.id), &given["id"]]);
        assert_eq!(row["after"]["role"], "DOOR");
        // Another type is refused by the handler, and above a limit the row says that it was not read.
        shop.clock.advance_ms(1_000);
        let request = admin.request(Method::POST, "/api/admin/grants").body(body);
        let odd = request.header("Content-Type", "application/x-www-form-urlencoded");
        Answer::of(odd).await.refused(415, "UNSUPPORTED_MEDIA_TYPE");
        assert_eq!(rows(&shop, "&action=grant.give").await[0]["after"]["role"], "DOOR");
        shop.clock.advance_ms(1_000);
        let large = format!("{{{}}}", " ".repeat(800 * 1_024));
        admin.post_text("/api/admin/grants", large).await.refused(413, "PAYLOAD_TOO_LARGE");
        assert_eq!(rows(&shop, "&action=grant.give").await[0]["after"]["body"], "(not read)");
    }

    async fn a_product_has_its_event_before_and_after(db: TestDb) {
        let shop = Shop::open(db).await;
        let (event, admin) = (shop.event().await, shop.admin());
        let path = event.at(&format!("products/{}", event.standing()));
        admin.patch(&path, &json!({"name": "Gallery"})).await.is(200);
        let row = rows(&shop, "&action=product.change").await.remove(0);
        assert_eq!([&row["target"], &row["offeringId"]], [&json!(event.standing()), &json!(event.id)]);
        let names = |of: &Value| of["products"].as_array().map(|all| all.iter().map(|it| it["name"].clone()).collect::<Vec<_>>());
        assert_eq!(names(&row["before"]), Some(vec![json!("Stalls"), json!("Standing")]));
        assert_eq!(names(&row["after"]), Some(vec![json!("Stalls"), json!("Gallery")]));
        admin.delete(&path).await.is(200);
        let row = rows(&shop, "&action=product.withdraw").await.remove(0);
        assert!(!row["before"].is_null() && !row["after"].is_null(), "{row:#}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_act_that_is_not_waited_for_is_completed_as_unknown() {
    let short = |config: &mut admitone::config::Config| {
        config.request_timeout = Duration::from_secs(1);
    };
    let shop = Shop::open_with(TestDb::postgres().await, short).await;
    let (event, admin) = (shop.event().await, shop.admin());
    let mut session = PgConnection::connect(shop.app.db.url()).await.unwrap();
    sqlx::query("BEGIN").execute(&mut session).await.unwrap();
    sqlx::query("LOCK TABLE invitations").execute(&mut session).await.unwrap();
    let body = json!({"email": "lee@example.com", "role": "DOOR", "offeringId": event.id});
    let late = admin.post("/api/admin/invitations", &body).await;
    late.refused(503, "OUTCOME_UNKNOWN");
    // It goes on for a while without its client.
    eventually("the row is completed", async || {
        rows(&shop, "&action=invitation.send").await[0]["outcome"] == "OUTCOME_UNKNOWN"
    })
    .await;
    sqlx::query("ROLLBACK").execute(&mut session).await.unwrap();
}
