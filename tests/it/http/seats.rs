//! The view of one seat: its status, its holder, and the row of the journal that changed it last.

use serde_json::{Value, json};

use crate::http::api_client::Shop;

on_both_databases! {
    async fn an_administrator_sees_who_has_a_seat_and_by_which_row(db: TestDb) {
        let shop = Shop::open(db).await;
        let (event, kim, admin) = (shop.event().await, shop.customer(), shop.admin());
        let seats = event.seats().await;
        let at = |seat: &str| format!("/api/admin/offerings/{}/seats/{seat}", event.id);
        let look = async |seat: &str| admin.get(&at(seat)).await.is(200).data;
        kim.get(&at(&seats[0])).await.refused(403, "FORBIDDEN");

        let free = look(&seats[0]).await;
        assert_eq!(free["status"], "AVAILABLE");
        assert_eq!((&free["claim"], &free["changedBy"]), (&Value::Null, &Value::Null));
        assert_eq!(free["seat"]["number"], 1);

        let hold = kim.post(&event.at("holds"), &json!({"seats": [seats[0]]})).await.is(201).data;
        let held = look(&seats[0]).await;
        assert_eq!(held["status"], "HELD");
        assert_eq!(held["claim"]["user"]["id"], kim.user.to_string());
        assert_eq!(held["claim"]["holdId"], hold["id"]);
        assert_eq!(held["claim"]["until"], hold["expiresAt"]);
        assert_eq!(held["changedBy"]["seq"], hold["seq"]);
        assert_eq!(held["changedBy"]["what"], "HELD");

        let one = event.at(&format!("holds/{}", hold["id"].as_str().unwrap()));
        shop.customer().delete(&one).await.refused(404, "HOLD_NOT_FOUND");
        let released = admin.delete(&one).await.is(200).data;
        assert_eq!(released["status"], "RELEASED");
        let freed = look(&seats[0]).await;
        assert_eq!(freed["status"], "AVAILABLE");
        assert_eq!(freed["changedBy"]["what"], "FREED");
        assert_eq!(freed["changedBy"]["seq"], released["seq"]);
        assert_eq!(freed["changedBy"]["by"], admin.user.to_string());

        let paid = kim.buy(&event, &json!({"seats": [seats[1]]})).await;
        let sold = look(&seats[1]).await;
        assert_eq!(sold["status"], "SOLD");
        assert_eq!(sold["claim"]["reservationId"], paid);
        assert_eq!(sold["claim"]["status"], "CONFIRMED");
        assert_eq!(sold["claim"]["until"], Value::Null);
        assert_eq!(sold["changedBy"]["what"], "CONFIRMED");

        let block = format!("/api/admin/offerings/{}/block", event.id);
        admin.post(&block, &json!({"seats": [seats[2]]})).await.is(200);
        // Rows that do not name the seat are skipped.
        for _ in 0..3 {
            kim.post(&event.at("holds"), &event.places(1)).await.is(201);
        }
        let blocked = look(&seats[2]).await;
        assert_eq!(blocked["status"], "BLOCKED");
        assert_eq!(blocked["changedBy"]["what"], "BLOCKED");
        assert_eq!(blocked["changedBy"]["by"], admin.user.to_string());
        admin.get(&at("s0-0")).await.refused(404, "NOT_FOUND");
    }
}
