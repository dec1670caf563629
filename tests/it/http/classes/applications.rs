//! Applications: when they are taken, their answers and terms, and what is left of a person.

use serde_json::{Value, json};

use super::{Class, body_of};
use crate::http::api_client::Shop;
use crate::support::test_db::eventually;

on_both_databases! {
    async fn applications_outside_recruitment_are_refused(db: TestDb) {
        let shop = Shop::open(db).await;
        let more = json!({"recruitStartAt": shop.time_in(60), "recruitEndAt": shop.time_in(120)});
        let class = Class::open(&shop, 1, more).await;
        let kim = shop.customer();
        let early = class.apply(&kim).await.refused(409, "RECRUITMENT_NOT_OPEN");
        assert_eq!(early.body["error"]["details"]["opensAt"], shop.time_in(60));
        shop.clock.advance_ms(60_000);
        class.enroll(&kim).await;
        shop.clock.advance_ms(60_000);
        class.apply(&shop.customer()).await.refused(409, "RECRUITMENT_OVER");
        shop.nobody().post(&format!("{}/enrollments", class.path), &json!({})).await
            .refused(401, "UNAUTHORIZED");
    }

    async fn bad_classes_are_refused_by_the_field(db: TestDb) {
        let shop = Shop::open(db).await;
        let admin = shop.admin();
        let early = shop.time_in(-90_000);
        for (more, field) in [
            (json!({"capacity": 0}), "capacity"),
            (json!({"capacity": -1}), "capacity"),
            (json!({"title": " "}), "title"),
            (json!({"endAt": early}), "endAt"),
            (json!({"recruitEndAt": shop.time_in(90_001)}), "recruitEndAt"),
            (json!({"recruitStartAt": shop.time_in(10), "recruitEndAt": shop.time_in(5)}),
                "recruitEndAt"),
            (json!({"waitlistCapacity": 3}), "waitlistCapacity"),
            (json!({"allowWaitlist": false, "waitlistCapacity": 3}), "waitlistCapacity"),
            (json!({"allowWaitlist": true}), "waitlistCapacity"),
            (json!({"fee": {"amount": 1, "currency": "ABC"}}), "fee.currency"),
            (json!({"fee": {"amount": -1, "currency": "KRW"}}), "fee.amount"),
            (json!({"payWindowSeconds": 1}), "payWindowSeconds"),
            (json!({"offerSeconds": 99_999_999}), "offerSeconds"),
            (json!({"timeZone": "Mars/Olympus"}), "timeZone"),
            (json!({"selectionType": "LOTTERY"}), "selectionType"),
            (json!({"cancellation": {"refundPercent": 101}}), "cancellation.refundPercent"),
        ] {
            let refused = admin.post("/api/mclasses", &body_of(&shop, 3, more)).await;
            assert_eq!(refused.status, 422, "{field}: {:?}", refused.body);
            let message = refused.body["error"]["message"].as_str().unwrap_or_default();
            assert!(message.contains(field), "{field}: {message}");
        }
        let list = shop.nobody().get("/api/mclasses").await.is(200).data;
        assert_eq!(list.as_array().map(Vec::len), Some(0));
        shop.customer().post("/api/mclasses", &body_of(&shop, 3, json!({}))).await
            .refused(403, "FORBIDDEN");
    }

    async fn answers_change_until_the_application_is_decided(db: TestDb) {
        let shop = Shop::open(db).await;
        let class = Class::open(&shop, 5, json!({"selectionType": "REVIEW"})).await;
        let form = json!({"title": "About you", "questions": [
            {"id": "why", "type": "SHORT_TEXT", "label": "Why?", "required": true, "maxLength": 20},
            {"id": "level", "type": "SINGLE_CHOICE", "label": "Level",
             "options": [{"value": "new", "label": "New"}, {"value": "old", "label": "Old"}]},
        ]});
        let path = format!("{}/enrollment-form", class.path);
        let admin = shop.admin();
        admin.post(&path, &form).await.is(201);
        let kim = shop.customer();
        let apply = format!("{}/enrollments", class.path);
        let empty = kim.post(&apply, &json!({})).await.refused(422, "INVALID_ANSWERS");
        assert_eq!(empty.body["error"]["details"]["answers"][0]["question"], "why");
        let body = json!({"answers": {"why": "=1+1 <b>"}, "formVersion": 1});
        let applied = kim.post_with_key(&apply, "a", &body).await.is(201).data;
        assert_eq!((&applied["answers"], &applied["formVersion"]), (&body["answers"], &json!(1)));
        assert_eq!(applied["formSnapshot"]["questions"][0]["label"], "Why?");
        // The form changes while people fill it in.
        let mut changed = form.clone();
        changed["questions"][0]["label"] = json!("Why this class?");
        admin.put(&path, &changed).await.is(200);
        let late = shop.customer().post(&apply, &body).await.refused(409, "FORM_CHANGED");
        assert_eq!(late.body["error"]["details"]["currentVersion"], 2);
        let again = kim.post_with_key(&apply, "a", &body).await.is(201).data;
        assert_eq!(again["id"], applied["id"], "a retry is not about the form of today");
        let one = format!("{apply}/{}", applied["id"].as_str().expect("an id"));
        let stale = json!({"answers": {"why": "art"}, "formVersion": 1, "version": 1});
        kim.put(&one, &stale).await.refused(409, "FORM_CHANGED");
        let new = json!({"answers": {"why": "art", "level": "old"}, "formVersion": 2, "version": 1});
        let answered = kim.put(&one, &new).await.is(200).data;
        assert_eq!((&answered["answers"], &answered["version"]), (&new["answers"], &json!(2)));
        assert_eq!(answered["formSnapshot"]["questions"][0]["label"], "Why this class?");
        kim.put(&one, &new).await.refused(409, "VERSION_CONFLICT");
        shop.customer().put(&one, &new).await.refused(404, "ENROLLMENT_NOT_FOUND");
        assert_eq!(answered["idempotencyKey"], "a");
        assert_eq!(kim.post_with_key(&apply, "a", &body).await.is(201).data["id"], applied["id"]);
        class.decide(&answered, "APPROVED", json!({})).await.is(200);
        let after = json!({"answers": {"why": "late"}});
        kim.put(&one, &after).await.refused(409, "WRONG_STATE");
        let twice = json!({"answers": {"why": "more"}, "formVersion": 2});
        kim.post(&apply, &twice).await.refused(409, "ALREADY_ENROLLED");
        let kept = async || shop.app.db.count("SELECT count(*) FROM enrollment_answers").await == 1;
        eventually("answers of refused requests, and those replaced, are gone", kept).await;
        assert_eq!(kim.put(&one, &json!({"status": "CANCELED", "reason": "ill"})).await.is(200)
            .data["reason"], "ill");
        kim.put(&one, &json!({"status": "CANCELED", "reason": "twice"})).await.refused(409, "WRONG_STATE");
        let reasons = async || shop.app.db.count("SELECT count(*) FROM enrollment_reasons").await == 1;
        eventually("the reason of a refused request is gone", reasons).await;
        admin.put(&path, &json!({"title": "Off", "questions": [], "isActive": false})).await.is(200);
        kim.post(&apply, &json!({})).await.refused(409, "FORM_INACTIVE");
    }

    async fn required_terms_come_before_an_application(db: TestDb) {
        let shop = Shop::open(db).await;
        let class = Class::open(&shop, 5, json!({})).await;
        let admin = shop.admin();
        let term = |title: &str, of: Value| {
            json!({"type": "ENROLLMENT", "title": title, "content": "1.", "isRequired": true,
                "mclassId": of})
        };
        let all = admin.post("/api/terms", &term("House rules", Value::Null)).await.is(201).data;
        let own = admin.post("/api/terms", &term("Kiln", json!(class.id))).await.is(201).data;
        let other = Class::open(&shop, 5, json!({})).await;
        let foreign = admin.post("/api/terms", &term("Chess", json!(other.id))).await.is(201).data;
        let kim = shop.customer();
        let refused = class.apply(&kim).await.refused(409, "TERMS_NOT_AGREED");
        let missing = refused.body["error"]["details"].to_string();
        assert!(missing.contains("House rules") && missing.contains("Kiln"), "{missing}");
        let path = format!("{}/enrollments", class.path);
        let agreed = |terms: [&Value; 2]| json!({"agreedTermIds": terms.map(|term| &term["id"])});
        kim.post(&path, &agreed([&all, &foreign])).await.refused(422, "INVALID");
        kim.post(&path, &agreed([&all, &own])).await.is(201);
        let agreements = kim.get("/api/terms/agreements").await.is(200).data;
        assert_eq!(agreements.as_array().map(Vec::len), Some(2));
    }

    async fn a_closed_account_leaves_a_countable_enrollment_without_words(db: TestDb) {
        let shop = Shop::open(db).await;
        let class = Class::open(&shop, 5, json!({"selectionType": "REVIEW"})).await;
        let register = json!({"email": "gone@example.com", "password": "correct horse", "name": "Gone"});
        let made = shop.nobody().post("/api/auth/register", &register).await.is(201).data;
        let user = made["user"]["id"].as_str().expect("an id").parse().expect("a UUID");
        let token = made["accessToken"].as_str().expect("a token").to_owned();
        let gone = shop.with_token(user, token);
        let path = format!("{}/enrollments", class.path);
        let applied = gone.post_with_key(&path, "k", &json!({})).await.is(201).data;
        gone.delete("/api/users/me").await.is(200);
        let id = applied["id"].as_str().expect("an id");
        let seen = shop.admin().get(&format!("/api/admin/enrollments/{id}")).await.is(200).data;
        assert_eq!((&seen["status"], &seen["cause"]), (&json!("CANCELED"), &json!("ACCOUNT_CLOSED")));
        assert_eq!((&seen["answers"], &seen["idempotencyKey"]), (&Value::Null, &Value::Null));
        let audit = shop.nobody().get(&format!("/api/events/{}/audit", class.id)).await.is(200).data;
        assert_eq!(audit["invariants"], "ok");
    }
}
