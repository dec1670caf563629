//! A waiting room in the hands of its organisers.

use serde_json::{Value, json};

use super::{admin_path, enter, hold_with, pass_seconds, queue_path, status, switch_on};
use crate::http::api_client::Shop;
use crate::support::test_db::TestDb;

on_both_databases! {
    async fn a_room_is_switched_on_in_the_middle_of_a_sale_and_off_again(db: TestDb) {
        let shop = Shop::open(db).await;
        let event = shop.event().await;
        let (kim, lee) = (shop.customer(), shop.customer());
        let held = kim.post(&event.at("holds"), &event.places(2)).await.is(201);
        switch_on(&shop, &event, json!({})).await;
        let hold = event.at(&format!("holds/{}", held.data["id"].as_str().unwrap()));
        shop.clock.advance_ms(60_000);
        kim.post_nothing(&format!("{hold}/extend")).await.is(200);
        hold_with(&event, &kim, 1, &Value::Null).await.refused(403, "PASS_REQUIRED");
        let body = json!({"eventId": event.id, "holdId": held.data["id"]});
        kim.post("/api/reservations", &body).await.is(201);
        let yesterday = enter(&event, &lee).await["passToken"].clone();
        let off = shop.admin().put(&admin_path(&event), &json!({"enabled": false})).await.is(200);
        assert_eq!(off.data["enabled"], false);
        lee.get(&queue_path(&event, "status")).await.refused(404, "NO_QUEUE");
        // Without a room a pass is not asked for, and not looked at.
        hold_with(&event, &lee, 1, &Value::Null).await.is(201);
        hold_with(&event, &lee, 1, &yesterday).await.is(201);
        switch_on(&shop, &event, json!({})).await;
        hold_with(&event, &lee, 1, &yesterday).await.refused(403, "PASS_EXPIRED");
        let today = enter(&event, &lee).await["passToken"].clone();
        hold_with(&event, &lee, 1, &yesterday).await.refused(403, "PASS_EXPIRED");
        hold_with(&event, &lee, 1, &today).await.is(201);
    }

    async fn rules_are_changed_live_and_nonsense_is_refused(db: TestDb) {
        let shop = Shop::open(db).await;
        let event = shop.event().await;
        let (admin, path) = (shop.admin(), admin_path(&event));
        assert_eq!(admin.get(&path).await.is(200).data["enabled"], false);
        admin.put(&path, &json!({"paused": true})).await.refused(404, "NO_QUEUE");
        shop.customer().put(&path, &json!({"enabled": true})).await.refused(403, "FORBIDDEN");
        let on = admin.put(&path, &json!({"enabled": true})).await.is(200);
        assert_eq!(on.data["rules"]["passesPerMinute"], 100);
        assert_eq!(on.data["rules"]["passSeconds"], 300);
        assert_eq!(on.data["rules"]["silenceSeconds"], 1_800);
        for (field, values) in [
            ("passesPerMinute", [0, -1, 10_000_000_000]),
            ("activeLimit", [0, -1, 10_000_000_000]),
            ("admitPercent", [0, -1, 1_001]),
            ("passSeconds", [9, -1, i64::MAX]),
            ("silenceSeconds", [119, -1, i64::MAX]),
            ("turns", [0, -1, 101]),
            ("challengeBits", [25, -1, 256]),
        ] {
            for value in values {
                let mut body = json!({});
                body[field] = json!(value);
                let refused = admin.put(&path, &body).await.refused(422, "INVALID");
                let message = refused.body["error"]["message"].as_str().unwrap();
                assert!(message.starts_with(field), "{field} {value}: {message}");
            }
        }
        let tuned = json!({"passesPerMinute": 6, "activeLimit": 1});
        admin.put(&path, &tuned).await.is(200);
        let people = [shop.customer(), shop.customer(), shop.customer()];
        for person in &people {
            enter(&event, person).await;
        }
        pass_seconds(&shop, 30).await;
        assert_eq!(status(&event, &people[1]).await["status"], "WAITING", "one is inside");
        admin.put(&path, &json!({"activeLimit": 3, "paused": true})).await.is(200);
        pass_seconds(&shop, 30).await;
        let waits = status(&event, &people[1]).await;
        assert_eq!((&waits["status"], &waits["paused"]), (&json!("WAITING"), &json!(true)));
        assert_eq!(waits["estimate"], Value::Null);
        admin.put(&path, &json!({"paused": false})).await.is(200);
        pass_seconds(&shop, 1).await;
        assert_eq!(status(&event, &people[1]).await["status"], "ADMITTED");
        admin.put(&path, &json!({"draining": true})).await.is(200);
        let late = shop.customer();
        late.post_nothing(&queue_path(&event, "enqueue")).await.refused(409, "QUEUE_CLOSED");
        for person in &people {
            person.delete(&format!("/api/queue/{}", event.id)).await.is(200);
        }
        assert_eq!(admin.get(&path).await.is(200).data["enabled"], false, "drained");
    }

    async fn guests_go_first_and_voided_entries_never(db: TestDb) {
        let shop = Shop::open(db).await;
        let event = shop.event().await;
        switch_on(&shop, &event, json!({"passesPerMinute": 6})).await;
        let (kim, lee, park, bot) =
            (shop.customer(), shop.customer(), shop.customer(), shop.customer());
        for person in [&kim, &lee, &bot, &park] {
            enter(&event, person).await;
        }
        let admin = shop.admin();
        let void = format!("{}/void", admin_path(&event));
        let body = json!({"clientIds": [bot.user], "reason": "made by a script"});
        let voided = admin.post_with_key(&void, "void-1", &body).await.is(200);
        assert_eq!(voided.data["totals"]["voided"], 1);
        assert!(admin.post_with_key(&void, "void-1", &body).await.is(200).is_replay());
        admin.post(&void, &json!({"clientIds": [], "reason": "x"})).await.refused(422, "INVALID");
        admin.post(&void, &json!({"clientIds": [bot.user], "reason": ""})).await.is(422);
        assert_eq!(status(&event, &bot).await["status"], "VOIDED");
        let enqueue = queue_path(&event, "enqueue");
        bot.post_nothing(&enqueue).await.refused(403, "QUEUE_VOIDED");
        let guests = format!("{}/guests", admin_path(&event));
        let body = json!({"clientIds": [park.user], "reason": "fan club"});
        admin.post(&guests, &body).await.is(200);
        assert_eq!(status(&event, &park).await["position"], 0);
        assert_eq!(status(&event, &lee).await["position"], 1);
        pass_seconds(&shop, 10).await;
        assert_eq!(status(&event, &park).await["status"], "ADMITTED");
        pass_seconds(&shop, 10).await;
        assert_eq!(status(&event, &lee).await["status"], "ADMITTED");
        let journal = shop.journal(&event).await;
        assert!(journal.contains("fan club") && journal.contains("made by a script"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_draw_waits_for_the_value_that_was_announced() {
    let shop = Shop::open(TestDb::sqlite().await).await;
    let event = shop.event().await;
    let rules = json!({"opensAt": shop.time_in(60), "publicSource": "drand round 4812000"});
    switch_on(&shop, &event, rules).await;
    let kim = shop.customer();
    enter(&event, &kim).await;
    let (admin, draw) = (shop.admin(), format!("{}/draw", admin_path(&event)));
    let value = json!({"publicValue": "9e1c44a0"});
    admin.post(&draw, &value).await.refused(409, "WRONG_STATE");
    pass_seconds(&shop, 62).await;
    let progress = shop.nobody().get(&queue_path(&event, "progress")).await.is(200);
    assert_eq!(progress.data["phase"], "DRAWING");
    assert_eq!(status(&event, &kim).await["status"], "PRE_QUEUE");
    admin.post(&draw, &json!({"publicValue": ""})).await.refused(422, "INVALID");
    let drawn = admin.post(&draw, &value).await.is(200);
    assert_eq!(drawn.data["progress"]["phase"], "OPEN");
    assert_eq!(status(&event, &kim).await["status"], "ADMITTED");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_organiser_lets_older_or_confirmed_accounts_in_alone() {
    let shop = Shop::open(TestDb::sqlite().await).await;
    let event = shop.event().await;
    let register = json!({"email": "kim@example.com", "password": "correct horse", "name": "Kim"});
    let account = shop.nobody().post("/api/auth/register", &register).await.is(201);
    let id = account.data["user"]["id"].as_str().unwrap().parse().unwrap();
    let kim = shop.with_token(id, account.data["accessToken"].as_str().unwrap().into());
    switch_on(&shop, &event, json!({"accountBefore": shop.time_in(-60)})).await;
    let enqueue = queue_path(&event, "enqueue");
    let refused = kim.post_nothing(&enqueue).await.refused(403, "QUEUE_NOT_FOR_YOU");
    assert_eq!(refused.body["error"]["details"]["accountBefore"], shop.time_in(-60));
    let confirmed = json!({"accountBefore": null, "confirmedOnly": true});
    shop.admin().put(&admin_path(&event), &confirmed).await.is(200);
    let refused = kim.post_nothing(&enqueue).await.refused(403, "QUEUE_NOT_FOR_YOU");
    assert_eq!(refused.body["error"]["details"]["confirmedOnly"], true);
    let older = json!({"accountBefore": shop.time_in(60), "confirmedOnly": false});
    let set = shop.admin().put(&admin_path(&event), &older).await.is(200);
    assert_eq!(set.data["rules"]["accountBefore"], shop.time_in(60));
    let entered = kim.post_nothing(&enqueue).await.is(200);
    // A rule that is set later takes nobody's place.
    shop.admin().put(&admin_path(&event), &confirmed).await.is(200);
    let again = kim.post_nothing(&enqueue).await.is(200);
    assert_eq!(again.data["entryNumber"], entered.data["entryNumber"]);
    let past = json!({"enabled": true, "opensAt": shop.time_in(-60)});
    shop.admin().put(&admin_path(&event), &past).await.refused(422, "INVALID");
}
