//! Likes of events: switched, set, listed, counted, and gone with the account.

use futures_util::future::join_all;
use serde_json::json;

use crate::http::api_client::{Answer, Shop};

const NO_EVENT: &str = "/api/events/0197c1d0-0000-7000-8000-000000000000/like";

fn state(answer: Answer) -> (bool, i64) {
    let data = answer.is(200).data;
    (data["liked"].as_bool().unwrap(), data["likesCount"].as_i64().unwrap())
}

on_both_databases! {
    async fn a_like_is_switched_once_per_key_and_set_by_put_and_delete(db: TestDb) {
        let shop = Shop::open(db).await;
        let (event, kim, lee) = (shop.event().await, shop.customer(), shop.customer());
        let path = event.at("like");
        assert_eq!(state(kim.get(&path).await), (false, 0));
        assert_eq!(state(kim.post_with_key(&path, "first", &json!({})).await), (true, 1));
        let again = kim.post_with_key(&path, "first", &json!({})).await;
        assert!(again.is_replay());
        assert_eq!(state(again), (true, 1), "the retry switches nothing");
        for _ in 0..2 {
            assert_eq!(state(lee.put(&path, &json!({})).await), (true, 2));
        }
        assert_eq!(state(kim.post_nothing(&path).await), (false, 1));
        assert_eq!(state(kim.get(&path).await), (false, 1));
        for _ in 0..2 {
            assert_eq!(state(lee.delete(&path).await), (false, 0));
        }
    }

    async fn likes_are_listed_newest_first_by_their_own_person_only(db: TestDb) {
        let shop = Shop::open(db).await;
        let (kim, lee) = (shop.customer(), shop.customer());
        let mut liked = Vec::new();
        for _ in 0..3 {
            let event = shop.event().await;
            shop.clock.advance_ms(1_000);
            kim.post_nothing(&event.at("like")).await.is(200);
            liked.insert(0, event.id.clone());
        }
        let first = kim.get("/api/users/me/likes?limit=2").await.is(200);
        let cursor = first.body["meta"]["nextCursor"].as_str().unwrap().to_owned();
        let rest = kim.get(&format!("/api/users/me/likes?limit=2&cursor={cursor}")).await.is(200);
        let all = [first.data, rest.data].map(|page| page.as_array().unwrap().clone()).concat();
        let ids: Vec<_> = all.iter().map(|one| one["eventId"].as_str().unwrap()).collect();
        assert_eq!(ids, liked);
        assert_eq!(all[0]["name"], "햄릿 — Hamlet");
        assert!(all[0]["eventDate"].is_string());
        assert_eq!(lee.get("/api/users/me/likes").await.is(200).data, json!([]));
    }

    async fn guests_and_what_is_no_event_have_no_likes(db: TestDb) {
        let shop = Shop::open(db).await;
        let event = shop.event().await;
        let session = shop.nobody().post_nothing("/api/auth/guest").await.is(201).data;
        let guest = shop.with_token(
            session["user"]["id"].as_str().unwrap().parse().unwrap(),
            session["accessToken"].as_str().unwrap().to_owned(),
        );
        let path = event.at("like");
        guest.post_nothing(&path).await.refused(403, "ACCOUNT_REQUIRED");
        guest.get(&path).await.refused(403, "ACCOUNT_REQUIRED");
        guest.get("/api/users/me/likes").await.refused(403, "ACCOUNT_REQUIRED");
        shop.nobody().post_nothing(&path).await.refused(401, "UNAUTHORIZED");
        shop.customer().post_nothing(NO_EVENT).await.refused(404, "EVENT_NOT_FOUND");
        let class = json!({
            "title": "Pottery", "location": "Studio 3", "capacity": 1, "selectionType": "FIRST_COME",
            "startAt": shop.time_in(90_000), "endAt": shop.time_in(97_200),
        });
        let class = shop.admin().post("/api/mclasses", &class).await.is(201).data;
        let of_class = format!("/api/events/{}/like", class["id"].as_str().unwrap());
        shop.customer().post_nothing(&of_class).await.refused(404, "EVENT_NOT_FOUND");
        shop.customer().get(NO_EVENT).await.refused(404, "EVENT_NOT_FOUND");
    }

    async fn many_at_once_are_counted_exactly(db: TestDb) {
        let shop = Shop::open(db).await;
        let (event, kim) = (shop.event().await, shop.customer());
        let path = event.at("like");
        let people: Vec<_> = (0..20).map(|_| shop.customer()).collect();
        let all = people.iter().map(|person| person.post_nothing(&path));
        let nothing = json!({});
        let same = (0..8).map(|_| kim.put(&path, &nothing));
        let (all, same) = tokio::join!(join_all(all), join_all(same));
        for answer in all.into_iter().chain(same) {
            assert!(state(answer).0);
        }
        assert_eq!(state(kim.get(&path).await), (true, 21));
        // An even number of switches of one person ends where it began.
        join_all((0..6).map(|_| kim.post_nothing(&path))).await.into_iter().for_each(|one| {
            one.is(200);
        });
        assert_eq!(state(kim.get(&path).await), (true, 21));
        assert_eq!(shop.app.db.count("SELECT count(*) FROM likes").await, 21);
    }

    async fn the_likes_of_a_closed_account_are_gone_and_counted_no_more(db: TestDb) {
        let shop = Shop::open(db).await;
        let (event, lee) = (shop.event().await, shop.customer());
        let account = json!({"email": "kim@example.com", "password": "correct horse battery",
            "name": "김민수"});
        let session = shop.nobody().post("/api/auth/register", &account).await.is(201).data;
        let kim = shop.with_token(
            session["user"]["id"].as_str().unwrap().parse().unwrap(),
            session["accessToken"].as_str().unwrap().to_owned(),
        );
        let path = event.at("like");
        kim.post_nothing(&path).await.is(200);
        lee.post_nothing(&path).await.is(200);
        kim.delete("/api/users/me").await.is(200);
        assert_eq!(state(lee.get(&path).await), (true, 1));
        assert_eq!(shop.app.db.count("SELECT count(*) FROM likes").await, 1);
    }
}
