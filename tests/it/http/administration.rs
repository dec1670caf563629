//! Actions of administrators on an event that sells, and the audit.

use reqwest::Method;
use serde_json::{Value, json};

use admitone::accounts::Role;

use crate::http::api_client::{Answer, Counts, Shop};
use crate::support::test_db::TestDb;

#[tokio::test(flavor = "multi_thread")]
async fn places_and_seats_are_taken_off_sale_and_put_back() {
    let shop = Shop::open(TestDb::sqlite().await).await;
    let (event, kim, admin) = (shop.event().await, shop.customer(), shop.admin());
    let seats = event.seats().await;
    let act = |action: &str| format!("/api/admin/offerings/{}/{action}", event.id);
    let places = json!({"productId": event.standing(), "quantity": 15});
    admin.post(&act("block"), &places).await.is(200);
    let counts = event.counts(event.standing()).await;
    assert_eq!(counts, Counts { total: 20, available: 5, held: 0, sold: 0, blocked: 15 });
    kim.post(&event.at("holds"), &event.places(6)).await.refused(409, "SOLD_OUT");
    admin.post(&act("unblock"), &places).await.is(200);
    kim.post(&event.at("holds"), &event.places(6)).await.is(201);

    let seat = json!({"seats": [seats[0]]});
    admin.post(&act("block"), &seat).await.is(200);
    kim.post(&event.at("holds"), &seat).await.refused(409, "SEATS_TAKEN");
    admin.post(&act("unblock"), &seat).await.is(200);
    kim.post(&event.at("holds"), &seat).await.is(201);
    admin.post(&act("block"), &seat).await.refused(409, "SEATS_TAKEN");
    assert_eq!(event.counts(event.stalls()).await.held, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_product_is_resized_and_repriced_without_touching_what_is_held() {
    let shop = Shop::open(TestDb::sqlite().await).await;
    let (event, kim, admin) = (shop.event().await, shop.customer(), shop.admin());
    let act = |action: &str| format!("/api/admin/offerings/{}/{action}", event.id);
    let hold = kim.post(&event.at("holds"), &event.places(5)).await.is(201);
    let resize = |total: Value| json!({"productId": event.standing(), "totalStock": total});
    admin.post(&act("resize"), &resize(json!(4))).await.refused(409, "BELOW_TAKEN");
    admin.post(&act("resize"), &resize(json!(6))).await.is(200);
    assert_eq!(event.counts(event.standing()).await.available, 1);
    admin.post(&act("resize"), &resize(json!(-1))).await.refused(422, "INVALID");

    let price = |amount: i64, currency: &str| json!({"productId": event.standing(), "price": {"amount": amount, "currency": currency}});
    for bad in [price(-1, "KRW"), price(1_000_000_000_001, "KRW"), price(1, "USD")] {
        admin.post(&act("reprice"), &bad).await.refused(422, "INVALID");
    }
    let repriced = admin.post(&act("reprice"), &price(70_000, "KRW")).await.is(200);
    assert_eq!(repriced.data["products"][1]["price"]["amount"], 70_000);
    let body = json!({"eventId": event.id, "holdId": hold.data["id"]});
    let reservation = kim.post("/api/reservations", &body).await.is(201);
    assert_eq!(reservation.data["totalPrice"]["amount"], 250_000, "as it was when it was held");
    let new = kim.post(&event.at("holds"), &event.places(1)).await.is(201);
    assert_eq!(new.data["totalPrice"]["amount"], 70_000);
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_are_added_and_seats_removed_while_seat_ids_stay() {
    let shop = Shop::open(TestDb::sqlite().await).await;
    let (event, kim, admin) = (shop.event().await, shop.customer(), shop.admin());
    let act = |action: &str| format!("/api/admin/offerings/{}/{action}", event.id);
    let before = event.seats().await;
    let row = json!({"section": "Left", "row": {"name": "C", "seats": 3}});
    admin.post(&act("add-row"), &row).await.is(200);
    let after = event.seats().await;
    assert_eq!(after.len(), 19);
    assert!(before.iter().all(|seat| after.contains(seat)));
    let new = after.iter().find(|seat| !before.contains(seat)).unwrap();
    let hold = kim.post(&event.at("holds"), &json!({"seats": [new]})).await.is(201);
    assert_eq!(hold.data["lines"][0]["seats"][0]["row"], "C");
    kim.buy(&event, &json!({"seats": [before[1]]})).await;
    let gone = json!({"seats": [before[0]]});
    admin.post(&act("remove-seats"), &gone).await.is(200);
    assert!(!event.seats().await.contains(&before[0]));
    let refused = kim.post(&event.at("holds"), &gone).await;
    assert_eq!(refused.status, 422, "{:#}", refused.body);
    admin
        .post(&act("remove-seats"), &json!({"seats": [before[1]]}))
        .await
        .refused(409, "SEATS_TAKEN");
    assert_eq!(event.counts(event.stalls()).await.total, 18);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sale_is_paused_resumed_and_ended() {
    let shop = Shop::open(TestDb::sqlite().await).await;
    let (event, kim, admin) = (shop.event().await, shop.customer(), shop.admin());
    let hold = kim.post(&event.at("holds"), &event.places(1)).await.is(201);
    let paused = admin.patch(&event.path, &json!({"status": "PAUSED"})).await.is(200);
    assert_eq!(paused.data["status"], "PAUSED");
    kim.post(&event.at("holds"), &event.places(1)).await.refused(409, "SALE_PAUSED");
    let body = json!({"eventId": event.id, "holdId": hold.data["id"]});
    kim.post("/api/reservations", &body).await.is(201);
    let act = |action: &str| format!("/api/admin/offerings/{}/{action}", event.id);
    assert_eq!(admin.post_nothing(&act("open")).await.is(200).data["status"], "SELLING");
    kim.post(&event.at("holds"), &event.places(1)).await.is(201);
    assert_eq!(admin.post(&act("close"), &json!({})).await.is(200).data["status"], "ENDED");
    kim.post(&event.at("holds"), &event.places(1)).await.refused(409, "SALE_CLOSED");
    admin.post(&act("explode"), &json!({})).await.is(404);
    // A body that cannot be parsed changes nothing.
    for body in ["{\"oops", "{\"dryRun\":true}", "[]"] {
        admin.post_text(&act("cancel"), body).await.refused(422, "INVALID");
    }
    let huge = format!("{{\"seats\":[\"{}\"]}}", "x".repeat(100_000));
    admin.post_text(&act("cancel"), huge.clone()).await.refused(422, "INVALID");
    admin.post_text(&act("block"), huge).await.refused(413, "PAYLOAD_TOO_LARGE");
    for (action, status) in [("cancel", 422), ("block", 415)] {
        let xml = admin.request(Method::POST, &act(action)).header("Content-Type", "text/xml");
        Answer::of(xml.body("<no/>")).await.is(status);
    }
    assert_eq!(admin.get(&event.path).await.is(200).data["status"], "ENDED");
    admin.post(&act("pause"), &json!({"seats": []})).await.refused(422, "INVALID");
}

on_both_databases! {
    async fn what_is_shown_of_an_event_and_its_window_can_be_changed(db: TestDb) {
        let shop = Shop::open(db).await;
        let (event, admin) = (shop.event().await, shop.admin());
        let patch = json!({"name": "Macbeth", "saleEndAt": shop.time_in(3_600)});
        let changed = admin.patch(&event.path, &patch).await.is(200).data;
        assert_eq!(changed["name"], "Macbeth");
        assert_eq!(changed["saleEndAt"], shop.time_in(3_600));
        assert_eq!(changed["venue"], "The old theatre");
        assert_eq!(shop.nobody().get(&event.path).await.is(200).data["name"], "Macbeth");
        for bad in [
            json!({"name": "a\0b"}),
            json!({"status": "SOLD_OUT"}),
            json!({"saleEndAt": shop.time_in(-3_600)}),
            json!({"products": []}),
            json!({"currency": "USD"}),
        ] {
            admin.patch(&event.path, &bad).await.refused(422, "INVALID");
        }
        assert_eq!(shop.nobody().get(&event.path).await.is(200).data["saleEndAt"], shop.time_in(3_600));
    }

    async fn changes_of_different_things_at_once_are_all_made(db: TestDb) {
        let shop = Shop::open(db).await;
        let (event, admin) = (shop.event().await, shop.admin());
        for round in 0..10 {
            let (name, venue) = (format!("name {round}"), format!("venue {round}"));
            let (start, end) = (shop.time_in(-100 - round), shop.time_in(3_600 + round));
            let patches = [
                json!({"name": name}),
                json!({"venue": venue}),
                json!({"saleStartAt": start}),
                json!({"saleEndAt": end}),
            ];
            let all = patches.iter().map(|patch| admin.patch(&event.path, patch));
            for answer in futures_util::future::join_all(all).await {
                answer.is(200);
            }
            let now = admin.get(&event.path).await.is(200).data;
            assert_eq!(
                [&now["name"], &now["venue"], &now["saleStartAt"], &now["saleEndAt"]],
                [&json!(name), &json!(venue), &json!(start), &json!(end)]
            );
        }
    }

    async fn a_refused_change_changes_nothing_and_a_known_state_refuses_nothing(db: TestDb) {
        let shop = Shop::open(db).await;
        let (event, admin) = (shop.event().await, shop.admin());
        let end = shop.time_in(3_600);
        let both = json!({"status": "SELLING", "saleEndAt": end, "name": "Lear"});
        let changed = admin.patch(&event.path, &both).await.is(200).data;
        assert_eq!([&changed["name"], &changed["saleEndAt"]], [&json!("Lear"), &json!(end)]);
        let bad = json!({"status": "PAUSED", "saleEndAt": shop.time_in(-3_600), "name": "Othello"});
        admin.patch(&event.path, &bad).await.refused(422, "INVALID");
        let now = admin.get(&event.path).await.is(200).data;
        assert_eq!(now["status"], "SELLING");
        assert_eq!([&now["name"], &now["saleEndAt"]], [&json!("Lear"), &json!(end)]);
    }

    async fn a_cancelled_event_ends_everything(db: TestDb) {
        let shop = Shop::open(db).await;
        let (event, kim, admin) = (shop.event().await, shop.customer(), shop.admin());
        let paid = kim.buy(&event, &event.places(2)).await;
        let hold = kim.post(&event.at("holds"), &event.places(1)).await.is(201);
        let cancelled = admin.delete(&event.path).await.is(200);
        assert_eq!(cancelled.data["status"], "CANCELLED");
        shop.sweep().await;
        kim.post(&event.at("holds"), &event.places(1)).await.refused(409, "EVENT_CANCELLED");
        let at = event.at(&format!("holds/{}", hold.data["id"].as_str().unwrap()));
        assert_ne!(kim.get(&at).await.is(200).data["status"], "ACTIVE");
        let paid = kim.get(&format!("/api/reservations/{paid}")).await.is(200);
        assert_eq!(paid.data["status"], "CANCELLED");
        assert!(kim.tickets().await.iter().all(|ticket| ticket["status"] == "VOID"));
        let list = admin.get("/api/admin/reservations?status=CANCELLED").await.is(200);
        assert_eq!(list.data.as_array().unwrap().len(), 1);
    }

    async fn the_audit_counts_what_happened_and_names_nobody(db: TestDb) {
        let shop = Shop::open(db).await;
        let (event, kim) = (shop.event().await, shop.customer());
        kim.buy(&event, &event.places(2)).await;
        let hold = kim.post(&event.at("holds"), &event.places(3)).await.is(201);
        let at = event.at(&format!("holds/{}", hold.data["id"].as_str().unwrap()));
        let first = shop.nobody().get(&event.at("audit")).await.is(200);
        kim.delete(&at).await.is(200);
        kim.post(&event.at("holds"), &event.places(4)).await.is(201);
        shop.clock.advance_ms(300_000);
        shop.sweep().await;

        let second = shop.nobody().get(&event.at("audit")).await.is(200);
        let report = &second.data;
        assert_eq!(report["invariants"], "ok");
        assert!(report["seq"].as_u64() > first.data["seq"].as_u64());
        assert_ne!(report["digest"], first.data["digest"]);
        let tally = &report["tally"];
        for (what, count) in [("holdsPlaced", 3), ("holdsConverted", 1), ("holdsReleased", 1),
            ("holdsExpired", 1), ("reservationsConfirmed", 1)] {
            assert_eq!(tally[what], count, "{what}: {tally:#}");
        }
        let counts: Vec<Counts> = report["products"].as_array().unwrap().iter()
            .map(|product| serde_json::from_value(product.clone()).unwrap()).collect();
        assert_eq!(counts[1], event.counts(event.standing()).await);
        assert!(!second.body.to_string().contains(&kim.user.to_string()));

        // An audit that continues from its last row gives the same report as one from the start.
        let afresh = admitone::audit::Auditor::new(shop.app.state().store.clone());
        let afresh = afresh.audit(event.offering()).await.unwrap();
        assert_eq!(serde_json::to_value(afresh).unwrap(), *report);
    }

    async fn damage_is_named_when_asked_for_and_hides_nothing_else(db: TestDb) {
        let mut shop = Shop::open(db).await;
        let buyer = {
            let (event, other, kim) = (shop.event().await, shop.event().await, shop.customer());
            for event in [&event, &other] {
                kim.buy(event, &event.places(1)).await;
            }
            let audit = event.at("audit");
            shop.nobody().get(&audit).await.is(200);
            // Event ids grow with time, so the smallest id is that of the first event.
            shop.app.db.sql("UPDATE journal SET at = at + 1 WHERE seq = 2 AND offering_id =
                (SELECT offering_id FROM journal ORDER BY offering_id LIMIT 1)").await;
            let full = format!("{audit}?full=true");
            shop.nobody().get(&audit).await.is(200);
            shop.nobody().get(&full).await.refused(401, "UNAUTHORIZED");
            kim.get(&full).await.refused(403, "FORBIDDEN");
            let refused = shop.admin().get(&full).await;
            assert_eq!(refused.body["error"]["details"]["seq"], 2);
            refused.refused(500, "JOURNAL_DAMAGED");
            shop.admin().get(&format!("{}?full=true", other.at("audit"))).await.is(200);
            shop.nobody().get(&audit).await.refused(500, "JOURNAL_DAMAGED");
            kim.user
        };
        shop.app.restart().await;
        let kim = shop.person(buyer, Role::User);
        assert_eq!(kim.get("/api/reservations").await.is(200).data.as_array().unwrap().len(), 2);
        let all = shop.admin().get("/api/admin/reservations").await.is(200);
        assert_eq!(all.data.as_array().unwrap().len(), 2);
    }
}
