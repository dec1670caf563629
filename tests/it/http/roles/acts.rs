//! What the audit log has of the acts of staff.

use admitone::http::staff::listed;
use admitone::store::GrantRole;
use serde_json::{Value, json};

use super::{Stage, member};
use crate::http::api_client::Shop;
use crate::support::test_db::TestDb;

pub(super) async fn rows(shop: &Shop, query: &str) -> Vec<Value> {
    let path = format!("/api/admin/audit-log?limit=100{query}");
    shop.admin().get(&path).await.is(200).data.as_array().expect("a list").clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn every_act_of_staff_leaves_a_row() {
    let shop = Shop::open(TestDb::sqlite().await).await;
    let stage = Stage::of(&shop).await;
    let admin = shop.admin();
    for rule in listed().iter().filter(|rule| !rule.is_shared) {
        let Some(act) = rule.act else { continue };
        let count = format!("SELECT count(*) FROM audit_log WHERE action = '{act}'");
        let before = shop.app.db.count(&count).await;
        stage.send(&admin, rule).await;
        assert_eq!(shop.app.db.count(&count).await, before + 1, "{rule:?}");
    }
    let begun = "SELECT count(*) FROM audit_log WHERE outcome = 'BEGUN'";
    assert_eq!(shop.app.db.count(begun).await, 0, "all are over");
}

on_both_databases! {
    async fn a_row_says_who_did_what_from_where_before_and_after(db: TestDb) {
        let shop = Shop::open(db).await;
        let (event, admin) = (shop.event().await, shop.admin());
        let organiser = member(&shop, GrantRole::Organiser, &[event.offering()]).await;
        organiser.patch(&event.path, &json!({"name": "Macbeth"})).await.is(200);
        let row = rows(&shop, "&action=event.change").await.remove(0);
        assert_eq!(row["actorId"], json!(organiser.user));
        assert_eq!([&row["target"], &row["offeringId"]], [&json!(event.id), &json!(event.id)]);
        assert_eq!(row["before"], json!({"name": "햄릿 — Hamlet"}));
        assert_eq!(row["after"], json!({"name": "Macbeth"}));
        assert_eq!([&row["outcome"], &row["address"]], ["DONE", "127.0.0.1"]);
        assert!(row["requestId"].as_str().is_some_and(|id| !id.is_empty()));
        // Rows of one millisecond have no order.
        shop.clock.advance_ms(1_000);
        organiser.patch(&event.path, &json!({"name": ""})).await.refused(422, "INVALID");
        assert_eq!(rows(&shop, "&action=event").await[0]["outcome"], "INVALID");
        // Of another's order, and not of one's own.
        let kim = shop.customer();
        let order = kim.reserve(&event, &event.places(1)).await;
        let own = admin.reserve(&event, &event.places(1)).await;
        for order in [&order, &own] {
            admin.post_nothing(&format!("/api/reservations/{order}/cancel")).await.is(200);
        }
        let cancelled = rows(&shop, "&action=order.cancel").await;
        assert_eq!(cancelled.len(), 1);
        assert_eq!(cancelled[0]["target"], order);
        // A new thing is named by its id.
        let created = rows(&shop, "&action=event.create").await;
        assert_eq!(created[0]["target"], event.id);
        assert_eq!(created[0]["after"]["name"], "햄릿 — Hamlet");
    }

    async fn organisers_read_what_is_about_their_own_offerings(db: TestDb) {
        let shop = Shop::open(db).await;
        let (mine, other) = (shop.event().await, shop.event().await);
        let organiser = member(&shop, GrantRole::Organiser, &[mine.offering()]).await;
        for event in [&mine, &other] {
            let pause = format!("/api/admin/offerings/{}/pause", event.id);
            shop.admin().post_nothing(&pause).await.is(200);
        }
        let all = organiser.get("/api/admin/audit-log").await.is(200).data;
        let all = all.as_array().unwrap();
        assert!(!all.is_empty() && all.iter().all(|row| row["offeringId"] == mine.id.as_str()));
        let path = format!("/api/admin/audit-log?offeringId={}", other.id);
        assert_eq!(organiser.get(&path).await.is(200).data, json!([]));
        for bad in ["action=a%20b", "from=x", "limit=0", "actorId=x", "unknown=1"] {
            let path = format!("/api/admin/audit-log?{bad}");
            organiser.get(&path).await.refused(422, "INVALID");
        }
        let from = format!("/api/admin/audit-log?from={}", shop.time_in(60));
        assert_eq!(organiser.get(&from).await.is(200).data, json!([]));
        let request = organiser.request(reqwest::Method::GET, "/api/admin/audit-log.csv");
        let file = request.send().await.unwrap().text().await.unwrap();
        assert!(file.starts_with("\u{FEFF}id,at,actorId"), "{file}");
        assert_eq!(file.lines().count(), all.len() + 1);
    }

    async fn an_act_that_cannot_be_written_down_does_not_happen(db: TestDb) {
        let shop = Shop::open(db).await;
        let (event, admin) = (shop.event().await, shop.admin());
        shop.app.db.sql("ALTER TABLE audit_log RENAME TO away").await;
        let rename = json!({"name": "Macbeth"});
        admin.patch(&event.path, &rename).await.refused(503, "TEMPORARILY_UNAVAILABLE");
        assert_eq!(admin.get(&event.path).await.is(200).data["name"], "햄릿 — Hamlet");
        shop.app.db.sql("ALTER TABLE away RENAME TO audit_log").await;
        admin.patch(&event.path, &rename).await.is(200);
    }
}
