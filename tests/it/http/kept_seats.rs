//! Accessible seats are kept from best available until a stated time, and can be picked by id.

use serde_json::{Value, json};

use crate::http::api_client::Shop;

fn seats_of(hold: &Value) -> Vec<&str> {
    let lines = hold["lines"].as_array().unwrap().iter();
    let seats = lines.flat_map(|line| line["seats"].as_array().unwrap());
    seats.map(|seat| seat["id"].as_str().unwrap()).collect()
}

on_both_databases! {
    async fn kept_seats_go_to_those_who_pick_them_until_their_time(db: TestDb) {
        let mut shop = Shop::open(db).await;
        let (seats, best, holds, stalls, admin, lookup) = {
            let (event, admin, kim) = (shop.event().await, shop.admin(), shop.customer());
            let seats = event.seats().await;
            let keep = format!("/api/admin/offerings/{}/keep-seats", event.id);
            let body = json!({"seats": [seats[2], seats[3]], "until": shop.time_in(3_600)});
            kim.post(&keep, &body).await.refused(403, "FORBIDDEN");
            admin.post(&keep, &body).await.is(200);
            assert_eq!(event.counts(event.stalls()).await.available, 16, "they are available");
            let lookup = format!("/api/admin/offerings/{}/seats", event.id);
            let found = admin.get(&format!("{lookup}/{}", seats[2])).await.is(200).data;
            assert_eq!([&found["status"], &found["changedBy"]["what"]], ["KEPT", "KEPT"]);

            let best = json!({"bestAvailable": {"productId": event.stalls(), "quantity": 2}});
            let hold = kim.post(&event.at("holds"), &best).await.is(201).data;
            assert_eq!(seats_of(&hold), [&*seats[0], &seats[1]], "beside the kept ones");
            let picked = json!({"seats": [seats[2]]});
            let hold = kim.post(&event.at("holds"), &picked).await.is(201).data;
            assert_eq!(seats_of(&hold), [&*seats[2]]);
            let held = admin.get(&format!("{lookup}/{}", seats[2])).await.is(200).data;
            assert_eq!([&held["status"], &held["changedBy"]["what"]], ["HELD", "HELD"]);
            let near = shop.customer().post(&event.at("holds"), &picked).await;
            let near = near.refused(409, "SEATS_TAKEN");
            let near = near.body["error"]["details"]["nearest"].as_array().unwrap().clone();
            assert!(!near.contains(&json!(seats[3])), "{near:?}");
            for (body, code) in [
                (json!({"seats": [], "until": shop.time_in(60)}), "INVALID"),
                (json!({"seats": [seats[0]], "until": shop.time_in(-60)}), "INVALID"),
                (json!({"seats": [seats[0]], "until": "tomorrow"}), "INVALID"),
                (json!({"seats": [seats[0]]}), "INVALID"),
                (json!({"seats": [seats[0], seats[0]], "until": shop.time_in(60)}), "DUPLICATE_SEATS"),
            ] {
                admin.post(&keep, &body).await.refused(422, code);
            }
            (seats, best, event.at("holds"), event.stalls().to_owned(), admin.user, lookup)
        };
        // Loaded from the snapshot or the journal, they are still kept.
        shop.app.restart().await;
        shop.clock.advance_ms(300_000);
        shop.sweep().await;
        let all = json!({"bestAvailable": {"productId": stalls, "quantity": 15}});
        let refused = shop.customer().post(&holds, &all).await.refused(409, "SOLD_OUT");
        assert_eq!(refused.body["error"]["details"]["available"], 14);
        shop.clock.advance_ms(3_300_000);
        shop.sweep().await;
        let admin = shop.person(admin, admitone::accounts::Role::Admin);
        let found = admin.get(&format!("{lookup}/{}", seats[2])).await.is(200).data;
        assert_eq!([&found["status"], &found["changedBy"]["what"]], ["AVAILABLE", "UNKEPT"]);
        let hold = shop.customer().post(&holds, &best).await.is(201).data;
        assert_eq!(seats_of(&hold), [&*seats[2], &seats[3]], "the middle of the front row");
    }
}
