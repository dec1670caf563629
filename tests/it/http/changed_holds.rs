//! A customer changes what a hold contains: seats are added and dropped one click at a time.

use reqwest::Method;
use serde_json::{Value, json};

use crate::http::api_client::{Answer, Shop};
use crate::support::test_db::TestDb;

fn seats_of(hold: &Value) -> Vec<Value> {
    let lines = hold["lines"].as_array().unwrap().iter();
    let seats = lines.flat_map(|line| line["seats"].as_array().unwrap());
    seats.map(|seat| seat["id"].clone()).collect()
}

on_both_databases! {
    async fn a_hold_is_changed_in_place_until_its_deadline(db: TestDb) {
        let mut shop = Shop::open(db).await;
        let (kim, path, at) = {
            let (event, kim, lee) = (shop.event().await, shop.customer(), shop.customer());
            let seats = event.seats().await;
            let hold = kim.post(&event.at("holds"), &json!({"seats": [seats[0], seats[1]]})).await.is(201);
            let at = event.at(&format!("holds/{}", hold.data["id"].as_str().unwrap()));
            shop.clock.advance_ms(60_000);
            let changed = kim.patch(&at, &json!({"seats": [seats[1], seats[2], seats[3]]})).await.is(200).data;
            assert_eq!(seats_of(&changed), [&*seats[1], &seats[2], &seats[3]]);
            assert_eq!(changed["totalPrice"]["amount"], 270_000);
            for field in ["id", "expiresAt", "status"] {
                assert_eq!(changed[field], hold.data[field], "{field}");
            }
            assert_eq!(kim.get(&at).await.is(200).data["lines"], changed["lines"]);
            // The dropped seat is free at once; the others are not.
            lee.post(&event.at("holds"), &json!({"seats": [seats[0]]})).await.is(201);
            let both = json!({"seats": [seats[3], seats[4]]});
            let refused = lee.post(&event.at("holds"), &both).await.refused(409, "SEATS_TAKEN");
            assert_eq!(refused.body["error"]["details"]["seats"], json!([seats[3]]));
            let refused = kim.patch(&at, &json!({"seats": [seats[0], seats[1]]})).await.refused(409, "SEATS_TAKEN");
            assert_eq!(refused.body["error"]["details"]["seats"], json!([seats[0]]));
            assert_eq!(seats_of(&kim.get(&at).await.is(200).data).len(), 3, "nothing has changed");
            // Standing places instead, and seats beside them.
            let mut mixed = event.places(2);
            mixed["seats"] = json!([seats[1]]);
            kim.patch(&at, &mixed).await.is(200);
            assert_eq!(event.counts(event.standing()).await.held, 2);
            assert_eq!(event.counts(event.stalls()).await.held, 2);
            (kim.user, event.path.clone(), at)
        };
        // The change survives the process.
        shop.app.restart().await;
        let kim = shop.person(kim, admitone::accounts::Role::User);
        let hold = kim.get(&at).await.is(200).data;
        assert_eq!(hold["totalPrice"]["amount"], 190_000);
        let event = path.rsplit('/').next().unwrap();
        let body = json!({"eventId": event, "holdId": hold["id"]});
        let reservation = kim.post("/api/reservations", &body).await.is(201);
        assert_eq!(reservation.data["totalPrice"], hold["totalPrice"]);
        kim.patch(&at, &json!({"seats": [seats_of(&hold)[0]]})).await.refused(409, "HOLD_ENDED");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_without_an_answer_can_be_repeated() {
    let shop = Shop::open(TestDb::sqlite().await).await;
    let (event, kim) = (shop.event().await, shop.customer());
    let hold = kim.post(&event.at("holds"), &event.places(1)).await.is(201).data;
    let at = event.at(&format!("holds/{}", hold["id"].as_str().unwrap()));
    let patch = async |key: &str, body: Value| {
        let request = kim.request(Method::PATCH, &at).header("Idempotency-Key", key);
        Answer::of(request.json(&body)).await
    };
    let first = patch("a", event.places(3)).await.is(200);
    kim.patch(&at, &event.places(2)).await.is(200);
    let again = patch("a", event.places(3)).await.is(200);
    assert!(again.is_replay() && !first.is_replay());
    assert_eq!(
        (&again.data["lines"], &again.data["seq"]),
        (&first.data["lines"], &first.data["seq"])
    );
    patch("a", event.places(4)).await.refused(422, "IDEMPOTENCY_KEY_REUSED");
    assert_eq!(event.counts(event.standing()).await.held, 2, "the later change holds");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bad_change_is_refused_and_says_why() {
    let shop = Shop::open(TestDb::sqlite().await).await;
    let (event, kim, lee) = (shop.event().await, shop.customer(), shop.customer());
    let seats = event.seats().await;
    let hold = kim.post(&event.at("holds"), &event.places(1)).await.is(201).data;
    let at = event.at(&format!("holds/{}", hold["id"].as_str().unwrap()));
    for body in [
        json!({}),
        json!({"seats": []}),
        json!({"seats": ["s0-0"]}),
        json!({"seats": "all"}),
        json!({"lines": []}),
        event.places(0),
        event.places(65),
        json!({"bestAvailable": {"productId": event.stalls(), "quantity": 2}}),
        json!({"seats": [seats[0]], "price": 1}),
    ] {
        kim.patch(&at, &body).await.refused(422, "INVALID");
    }
    let twice = json!({"seats": [seats[0], seats[0]]});
    kim.patch(&at, &twice).await.refused(422, "DUPLICATE_SEATS");
    let stalls = json!({"lines": [{"productId": event.stalls(), "quantity": 1}]});
    kim.patch(&at, &stalls).await.refused(422, "WRONG_KIND_OF_PRODUCT");
    lee.post(&event.at("holds"), &event.places(18)).await.is(201);
    kim.patch(&at, &event.places(3)).await.refused(409, "SOLD_OUT");
    kim.patch(&at, &event.places(2)).await.is(200);
    lee.patch(&at, &event.places(1)).await.refused(404, "HOLD_NOT_FOUND");
    shop.nobody().patch(&at, &event.places(1)).await.refused(401, "UNAUTHORIZED");

    let admin = shop.admin();
    admin.post_nothing(&format!("/api/admin/offerings/{}/pause", event.id)).await.is(200);
    kim.patch(&at, &json!({"seats": [seats[0]]})).await.refused(409, "SALE_PAUSED");
    kim.patch(&at, &event.places(1)).await.is(200);
    shop.clock.advance_ms(300_000);
    kim.patch(&at, &event.places(1)).await.refused(410, "HOLD_EXPIRED");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_offer_is_accepted_before_it_is_changed() {
    let shop = Shop::open(TestDb::sqlite().await).await;
    let (event, kim, lee) = (shop.event().await, shop.customer(), shop.customer());
    let hold = kim.post(&event.at("holds"), &event.places(20)).await.is(201).data;
    let at = event.at(&format!("holds/{}", hold["id"].as_str().unwrap()));
    let join = json!({"productId": event.standing(), "partySize": 2});
    let entry = lee.post(&event.at("waitlist"), &join).await.is(201).data["id"].clone();
    // Places that a change drops are offered in the same row of the journal.
    kim.patch(&at, &event.places(18)).await.is(200);
    let entry = entry.as_str().unwrap();
    let offer = lee.get(&event.at(&format!("waitlist/{entry}"))).await.is(200).data;
    assert_eq!(offer["status"], "OFFERED");
    let offered = event.at(&format!("holds/{entry}"));
    lee.patch(&offered, &event.places(1)).await.refused(409, "WRONG_STATE");
    lee.post_nothing(&event.at(&format!("waitlist/{entry}/accept"))).await.is(200);
    let changed = lee.patch(&offered, &event.places(1)).await.is(200).data;
    assert_eq!(changed["lines"][0]["quantity"], 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_lookup_of_a_seat_names_the_row_that_dropped_it() {
    let shop = Shop::open(TestDb::sqlite().await).await;
    let (event, kim, admin) = (shop.event().await, shop.customer(), shop.admin());
    let seats = event.seats().await;
    let hold = kim.post(&event.at("holds"), &json!({"seats": [seats[0]]})).await.is(201).data;
    let at = event.at(&format!("holds/{}", hold["id"].as_str().unwrap()));
    let changed = kim.patch(&at, &json!({"seats": [seats[1]]})).await.is(200).data;
    let released = kim.delete(&at).await.is(200).data;
    for (seat, row) in [(&seats[0], &changed), (&seats[1], &released)] {
        let found = admin.get(&format!("/api/admin/offerings/{}/seats/{seat}", event.id)).await;
        let found = found.is(200).data;
        assert_eq!(found["changedBy"]["what"], "FREED");
        assert_eq!(found["changedBy"]["seq"], row["seq"]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_taken_seat_is_answered_with_the_nearest_free_ones() {
    let shop = Shop::open(TestDb::sqlite().await).await;
    let (event, kim, lee) = (shop.event().await, shop.customer(), shop.customer());
    // Left has the rows A and B of six seats, Right a row of four.
    let seats = event.seats().await;
    let near = |answer: &Answer| answer.body["error"]["details"]["nearest"].clone();
    let held = kim.post(&event.at("holds"), &json!({"seats": [seats[2], seats[3]]})).await.is(201);
    let refused = lee.post(&event.at("holds"), &json!({"seats": [seats[1], seats[2]]})).await;
    let refused = refused.refused(409, "SEATS_TAKEN");
    assert_eq!(refused.body["error"]["details"]["seats"], json!([seats[2]]));
    // Beside it first: 0 and 4 are two seats away, as is the seat behind; 1 was asked for itself.
    let expected = [0, 4, 8, 7, 9, 6, 10, 5].map(|at| &*seats[at]);
    assert_eq!(near(&refused), json!(expected));

    let at = event.at(&format!("holds/{}", held.data["id"].as_str().unwrap()));
    lee.post(&event.at("holds"), &json!({"seats": [seats[12], seats[13]]})).await.is(201);
    let refused = kim.patch(&at, &json!({"seats": [seats[2], seats[13]]})).await;
    let refused = refused.refused(409, "SEATS_TAKEN");
    assert_eq!(near(&refused), json!([seats[14], seats[15]]), "in its own section alone");
    let right = json!({"seats": [seats[14], seats[15]]});
    shop.customer().post(&event.at("holds"), &right).await.is(201);
    let refused = kim.patch(&at, &json!({"seats": [seats[12]]})).await.refused(409, "SEATS_TAKEN");
    assert_eq!(near(&refused), json!([]), "none is left there");
}
