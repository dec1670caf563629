//! Taking part in a free event with one call.

use serde_json::{Value, json};

use crate::http::api_client::{Event, Shop};
use crate::support::test_db::TestDb;

impl Shop {
    /// Returns a free event with `capacity` places.
    async fn free_event(&self, capacity: u32) -> Event<'_> {
        self.event_from(self.free_body(capacity)).await
    }

    fn free_body(&self, capacity: u32) -> Value {
        json!({
            "name": "First come, first served", "eventDate": self.time_in(90_000),
            "saleStartAt": self.time_in(-60), "saleEndAt": self.time_in(86_400),
            "products": [{"name": "A place", "totalStock": capacity,
                "price": {"amount": 0, "currency": "KRW"}}],
        })
    }
}

on_both_databases! {
    async fn one_call_is_a_confirmed_place_with_a_ticket(db: TestDb) {
        let mut shop = Shop::open(db).await;
        let (kim, path, id) = {
            let event = shop.free_event(2).await;
            let kim = shop.customer();
            let answer = kim.post_with_key(&event.at("participate"), "once", &json!({})).await.is(200);
            assert_eq!(answer.data["status"], "APPLIED");
            assert_eq!(answer.data["userId"], json!(kim.user));
            assert!(answer.body["message"].is_string());
            let id = answer.data["participationId"].as_str().unwrap().to_owned();
            let again = kim.post_with_key(&event.at("participate"), "once", &json!({})).await.is(200);
            assert!(again.is_replay());
            assert_eq!(again.data["participationId"], id.as_str());

            let reservation = kim.get(&format!("/api/reservations/{id}")).await.is(200).data;
            assert_eq!(reservation["status"], "CONFIRMED");
            assert_eq!(reservation["totalPrice"]["amount"], 0);
            assert!(reservation["paymentId"].is_null());
            let tickets = kim.tickets().await;
            assert_eq!(tickets.len(), 1);
            assert_eq!(tickets[0]["status"], "VALID");
            let shown = shop.nobody().get(&event.path).await.is(200).data;
            assert_eq!([&shown["capacity"], &shown["participantCount"]], [2, 1]);
            let report = shop.nobody().get(&event.at("audit")).await.is(200).data;
            assert_eq!(report["invariants"], "ok");
            assert_eq!(report["tally"]["reservationsConfirmed"], 1);
            (kim.user, event.path.clone(), id)
        };
        // The state is the same when loaded from the journal.
        shop.app.restart().await;
        let kim = shop.person(kim, admitone::accounts::Role::User);
        let twice = kim.post_nothing(&format!("{path}/participate")).await;
        let twice = twice.refused(409, "EVENT_ALREADY_PARTICIPATED");
        assert_eq!(twice.body["error"]["details"]["participationId"], id.as_str());
        // A customer who cancels frees the place, and may take it again.
        kim.post_nothing(&format!("/api/reservations/{id}/cancel")).await.is(200);
        assert_eq!(kim.tickets().await[0]["status"], "VOID");
        assert_eq!(shop.nobody().get(&path).await.is(200).data["participantCount"], 0);
        kim.post_nothing(&format!("{path}/participate")).await.is(200);
    }

    async fn a_crowd_gets_as_many_places_as_there_are(db: TestDb) {
        let shop = Shop::open(db).await;
        let event = shop.free_event(7).await;
        let at = event.at("participate");
        let crowd: Vec<_> = (0..30).map(|_| shop.customer()).collect();
        let all = crowd.iter().map(|one| one.post_nothing(&at));
        let answers = futures_util::future::join_all(all).await;
        let (won, lost): (Vec<_>, Vec<_>) = answers.into_iter().partition(|one| one.status == 200);
        assert_eq!((won.len(), lost.len()), (7, 23));
        for answer in lost {
            answer.refused(409, "EVENT_CAPACITY_EXCEEDED");
        }
        let shown = shop.nobody().get(&event.path).await.is(200).data;
        assert_eq!(shown["participantCount"], 7);
        assert_eq!(shown["status"], "SOLD_OUT");
    }

    async fn both_devices_of_one_person_are_one_participation(db: TestDb) {
        let shop = Shop::open(db).await;
        let event = shop.free_event(7).await;
        let (kim, at) = (shop.customer(), event.at("participate"));
        let all = (0..10).map(|_| kim.post_nothing(&at));
        let answers = futures_util::future::join_all(all).await;
        assert_eq!(answers.iter().filter(|one| one.status == 200).count(), 1);
        assert_eq!(event.counts(&event.products[0]).await.sold, 1);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn outside_the_time_it_is_forbidden_and_says_why() {
    let shop = Shop::open(TestDb::sqlite().await).await;
    let (kim, admin) = (shop.customer(), shop.admin());
    let mut body = shop.free_body(5);
    body["saleStartAt"] = json!(shop.time_in(60));
    body["saleEndAt"] = json!(shop.time_in(120));
    let event = shop.event_from(body).await;
    let at = event.at("participate");
    let reason = |answer: &crate::http::api_client::Answer| answer.body["error"]["details"].clone();
    let early = kim.post_nothing(&at).await.refused(403, "EVENT_NOT_OPEN");
    assert_eq!(reason(&early), json!({"reason": "NOT_STARTED", "opensAt": shop.time_in(60)}));
    shop.clock.advance_ms(60_000);
    admin.patch(&event.path, &json!({"status": "PAUSED"})).await.is(200);
    let paused = kim.post_nothing(&at).await.refused(403, "EVENT_NOT_OPEN");
    assert_eq!(reason(&paused)["reason"], "PAUSED");
    admin.patch(&event.path, &json!({"status": "SELLING"})).await.is(200);
    kim.post_nothing(&at).await.is(200);
    shop.clock.advance_ms(60_000);
    let late = shop.customer().post_nothing(&at).await.refused(403, "EVENT_NOT_OPEN");
    assert_eq!(reason(&late)["reason"], "OVER");
    admin.delete(&event.path).await.is(200);
    let cancelled = shop.customer().post_nothing(&at).await.refused(403, "EVENT_NOT_OPEN");
    assert_eq!(reason(&cancelled)["reason"], "CANCELLED");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_free_event_with_one_product_is_not_participated_in() {
    let shop = Shop::open(TestDb::sqlite().await).await;
    let kim = shop.customer();
    let several = shop.event().await;
    kim.post_nothing(&several.at("participate")).await.refused(409, "PARTICIPATION_UNAVAILABLE");
    let mut paid = shop.free_body(5);
    paid["products"][0]["price"]["amount"] = json!(1);
    let paid = shop.event_from(paid).await;
    kim.post_nothing(&paid.at("participate")).await.refused(409, "PARTICIPATION_UNAVAILABLE");
    let free = shop.free_event(5).await;
    shop.nobody().post_nothing(&free.at("participate")).await.refused(401, "UNAUTHORIZED");
    let unknown = format!("/api/events/{}/participate", admitone::ids::OfferingId::random());
    kim.post_nothing(&unknown).await.refused(404, "EVENT_NOT_FOUND");
    for body in ["{\"quantity\":2}", "[]", "1", "{"] {
        kim.post_text(&free.at("participate"), body).await.refused(422, "INVALID");
    }
    assert_eq!(free.counts(&free.products[0]).await.sold, 0);
    // A place held in another way counts too.
    let lines = json!({"lines": [{"productId": free.products[0], "quantity": 1}]});
    let hold = kim.post(&free.at("holds"), &lines).await.is(201);
    let held = kim.post_nothing(&free.at("participate")).await;
    let held = held.refused(409, "EVENT_ALREADY_PARTICIPATED");
    assert_eq!(held.body["error"]["details"]["holdId"], hold.data["id"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_free_seat_is_the_best_that_is_left() {
    let shop = Shop::open(TestDb::sqlite().await).await;
    let mut body = shop.free_body(5);
    body["products"][0]["totalStock"] = Value::Null;
    body["seatMap"] = json!({"sections": [
        {"name": "Hall", "product": "A place", "rows": [{"name": "A", "seats": 3}]}]});
    let event = shop.event_from(body).await;
    let kim = shop.customer();
    kim.post_nothing(&event.at("participate")).await.is(200);
    assert_eq!(kim.tickets().await[0]["seat"]["section"], "Hall");
    assert_eq!(event.counts(&event.products[0]).await.sold, 1);
}
