//! Classes: who gets a place, who waits, and what administrators decide.

mod applications;

use futures_util::future::join_all;
use serde_json::{Value, json};

use crate::http::api_client::{Answer, Person, Shop};

/// A class that takes applications.
struct Class<'a> {
    shop: &'a Shop,
    id: String,
    path: String,
}

impl<'a> Class<'a> {
    /// A class with `capacity` places, and the changes of `more` to its body.
    async fn open(shop: &'a Shop, capacity: u32, more: Value) -> Self {
        let body = body_of(shop, capacity, more);
        let made = shop.admin().post("/api/mclasses", &body).await.is(201);
        let id = made.data["id"].as_str().expect("an id").to_owned();
        Self { shop, path: format!("/api/mclasses/{id}"), id }
    }

    async fn apply(&self, person: &Person<'_>) -> Answer {
        person.post(&format!("{}/enrollments", self.path), &json!({})).await
    }

    /// Applies, and returns the enrollment.
    async fn enroll(&self, person: &Person<'_>) -> Value {
        self.apply(person).await.is(201).data
    }

    async fn seen(&self) -> Value {
        self.shop.nobody().get(&self.path).await.is(200).data
    }

    /// The person's newest enrollment.
    async fn of(&self, person: &Person<'_>) -> Value {
        let list = person.get(&format!("{}/enrollments", self.path)).await.is(200).data;
        list[0].clone()
    }

    async fn cancel(&self, person: &Person<'_>) -> Answer {
        let id = self.of(person).await["id"].as_str().expect("an id").to_owned();
        person.delete(&format!("{}/enrollments/{id}", self.path)).await
    }

    async fn decide(&self, enrollment: &Value, status: &str, more: Value) -> Answer {
        let id = enrollment["id"].as_str().expect("an id");
        let mut body = json!({"status": status, "version": enrollment["version"]});
        merge(&mut body, more);
        self.shop.admin().put(&format!("/api/admin/enrollments/{id}"), &body).await
    }
}

fn body_of(shop: &Shop, capacity: u32, more: Value) -> Value {
    let mut body = json!({
        "title": "도자기 — Pottery", "location": "Studio 3", "capacity": capacity,
        "selectionType": "FIRST_COME", "startAt": shop.time_in(90_000),
        "endAt": shop.time_in(97_200),
    });
    merge(&mut body, more);
    body
}

fn merge(body: &mut Value, more: Value) {
    let Value::Object(more) = more else { panic!("{more} is no object") };
    body.as_object_mut().expect("an object").extend(more);
}

fn waitlist(places: u32) -> Value {
    json!({"allowWaitlist": true, "waitlistCapacity": places})
}

on_both_databases! {
    async fn first_come_fills_places_then_the_line_then_refuses(db: TestDb) {
        let shop = Shop::open(db).await;
        let class = Class::open(&shop, 2, waitlist(1)).await;
        let people: Vec<_> = (0..4).map(|_| shop.customer()).collect();
        assert_eq!(class.enroll(&people[0]).await["status"], "APPROVED");
        assert_eq!(class.enroll(&people[1]).await["status"], "APPROVED");
        let third = class.enroll(&people[2]).await;
        assert_eq!(third["status"], "WAITLISTED");
        assert_eq!((&third["waitlistPosition"], &third["waitlistTotal"]), (&json!(1), &json!(1)));
        let refused = class.apply(&people[3]).await.refused(409, "CLASS_FULL");
        let details = &refused.body["error"]["details"];
        assert_eq!(details, &json!({"capacity": 2, "waitlistCapacity": 1}));
        let seen = class.seen().await;
        assert_eq!(seen["enrolledCount"], 2);
        assert_eq!(seen["waitlistCount"], 1);
        assert_eq!(seen["placesLeft"], 0);
        // One leaves: the first in line moves up in the same step.
        let gone = class.cancel(&people[0]).await.is(200).data;
        assert_eq!((&gone["status"], &gone["cause"]), (&json!("CANCELED"), &json!("CUSTOMER")));
        let promoted = class.of(&people[2]).await;
        assert_eq!(promoted["status"], "APPROVED");
        assert!(promoted["promotedAt"].is_string());
        assert_eq!(people[2].tickets().await.len(), 1, "a place has a ticket");
        assert_eq!(class.enroll(&people[3]).await["status"], "WAITLISTED");
    }

    async fn a_person_has_one_living_enrollment_and_a_key_finds_it_again(db: TestDb) {
        let shop = Shop::open(db).await;
        let class = Class::open(&shop, 5, json!({})).await;
        let kim = shop.customer();
        let path = format!("{}/enrollments", class.path);
        let first = kim.post_with_key(&path, "k1", &json!({})).await.is(201);
        assert_eq!(first.data["idempotencyKey"], "k1");
        let again = kim.post_with_key(&path, "k1", &json!({})).await.is(201);
        assert_eq!(again.headers["idempotency-replayed"], "true");
        assert_eq!(again.data, first.data);
        kim.post_with_key(&path, "k1", &json!({"formVersion": 1})).await
            .refused(422, "IDEMPOTENCY_KEY_REUSED");
        let second = kim.post_with_key(&path, "k2", &json!({})).await;
        let refused = second.refused(409, "ALREADY_ENROLLED");
        assert_eq!(refused.body["error"]["details"]["enrollmentId"], first.data["id"]);
        class.cancel(&kim).await.is(200);
        assert_eq!(class.enroll(&kim).await["status"], "APPROVED", "after a cancellation, anew");
        let guest = shop.nobody().post("/api/auth/guest", &json!({})).await.is(201).data;
        let id = guest["user"]["id"].as_str().unwrap().parse().unwrap();
        let guest = shop.with_token(id, guest["accessToken"].as_str().unwrap().to_owned());
        class.apply(&guest).await.refused(403, "ACCOUNT_REQUIRED");
        let once = Class::open(&shop, 5, json!({"allowReapply": false})).await;
        once.enroll(&kim).await;
        once.cancel(&kim).await.is(200);
        once.apply(&kim).await.refused(409, "REAPPLY_REFUSED");
    }

    async fn reviewed_applications_wait_for_a_decision(db: TestDb) {
        let shop = Shop::open(db).await;
        let mut more = waitlist(1);
        merge(&mut more, json!({"selectionType": "REVIEW"}));
        let class = Class::open(&shop, 1, more).await;
        let people: Vec<_> = (0..4).map(|_| shop.customer()).collect();
        let mut applied = Vec::new();
        for person in &people {
            applied.push(class.enroll(person).await);
        }
        assert!(applied.iter().all(|one| one["status"] == "APPLIED"));
        let early = class.decide(&applied[0], "WAITLISTED", json!({})).await;
        let early = early.refused(409, "PLACES_LEFT");
        assert_eq!(early.body["error"]["details"]["placesLeft"], 1);
        let same = class.of(&people[0]).await;
        assert_eq!((&same["status"], &same["version"]), (&json!("APPLIED"), &json!(1)));
        let ids: Vec<_> = applied[..2].iter().map(|one| json!({"id": one["id"]})).collect();
        let all = json!({"mclassId": class.id, "status": "WAITLISTED", "enrollments": ids});
        let outcomes = shop.admin().post("/api/admin/enrollments/decisions", &all).await.is(200);
        for one in outcomes.data.as_array().expect("a list") {
            assert_eq!((&one["decided"], &one["status"]), (&json!(false), &json!("APPLIED")));
            assert_eq!(one["error"]["code"], "PLACES_LEFT");
            assert_eq!(one["error"]["details"]["placesLeft"], 1);
        }
        let approved = class.decide(&applied[0], "APPROVED", json!({})).await.is(200).data;
        assert_eq!(approved["status"], "APPROVED");
        assert!(approved["decidedByAdminId"].is_string());
        let full = class.decide(&applied[1], "APPROVED", json!({})).await;
        let full = full.refused(409, "NO_PLACES_LEFT");
        assert_eq!(full.body["error"]["details"]["placesLeft"], 0);
        let more = json!({"waitlistIfFull": true});
        let waits = class.decide(&applied[1], "APPROVED", more).await.is(200).data;
        assert_eq!((&waits["status"], &waits["waitlistPosition"]), (&json!("WAITLISTED"), &json!(1)));
        class.decide(&applied[2], "WAITLISTED", json!({})).await
            .refused(409, "WAITLIST_UNAVAILABLE");
        let more = json!({"reason": "too far away"});
        let rejected = class.decide(&applied[2], "REJECTED", more).await.is(200).data;
        assert_eq!(rejected["reason"], "too far away");
        assert_eq!(rejected["reasonType"], "REJECT");
        // The place of the first goes to the one whom the reviewer put in line, not to who applied.
        class.cancel(&people[0]).await.is(200);
        assert_eq!(class.of(&people[1]).await["status"], "APPROVED");
        assert_eq!(class.of(&people[3]).await["status"], "APPLIED");
        let gone = class.of(&people[0]).await;
        class.decide(&gone, "APPROVED", json!({})).await.refused(409, "WRONG_STATE");
    }

    async fn of_two_decisions_at_once_one_wins(db: TestDb) {
        let shop = Shop::open(db).await;
        let class = Class::open(&shop, 5, json!({"selectionType": "REVIEW"})).await;
        let applied = class.enroll(&shop.customer()).await;
        let both = [
            class.decide(&applied, "APPROVED", json!({})),
            class.decide(&applied, "REJECTED", json!({})),
        ];
        let answers = join_all(both).await;
        let won = answers.iter().filter(|answer| answer.status == 200).count();
        assert_eq!(won, 1);
        let lost = answers.into_iter().find(|answer| answer.status != 200).expect("one lost");
        let lost = lost.refused(409, "VERSION_CONFLICT");
        assert_eq!(lost.body["error"]["details"]["currentVersion"], 2);
    }

    async fn three_hundred_are_decided_in_one_call_and_two_hundred_get_a_place(db: TestDb) {
        let shop = Shop::open(db).await;
        let class = Class::open(&shop, 200, json!({"selectionType": "REVIEW"})).await;
        let people: Vec<_> = (0..300).map(|_| shop.customer()).collect();
        let mut ids = Vec::new();
        for some in people.chunks(50) {
            let applied = join_all(some.iter().map(|person| class.enroll(person))).await;
            ids.extend(applied.into_iter().map(|one| json!({"id": one["id"]})));
        }
        let body = json!({"mclassId": class.id, "status": "APPROVED", "enrollments": ids});
        let path = "/api/admin/enrollments/decisions";
        let admin = shop.admin();
        let decided = admin.post_with_key(path, "bulk", &body).await.is(200).data;
        let decided = decided.as_array().expect("a list");
        let count = |is: bool| decided.iter().filter(|one| one["decided"] == is).count();
        assert_eq!((count(true), count(false)), (200, 100));
        assert!(decided[..200].iter().all(|one| one["decided"] == true), "in the order asked for");
        assert!(decided[200..].iter().all(|one| one["error"]["code"] == "NO_PLACES_LEFT"));
        let again = admin.post_with_key(path, "bulk", &body).await.is(200);
        assert_eq!(again.headers["idempotency-replayed"], "true");
        assert_eq!(again.data.as_array(), Some(decided));
        assert_eq!(class.seen().await["enrolledCount"], 200);
    }

    async fn a_fee_is_paid_in_time_or_the_place_goes_to_the_next(db: TestDb) {
        let shop = Shop::open(db).await;
        let mut more = waitlist(2);
        let fee = json!({"fee": {"amount": 50_000, "currency": "KRW"}, "payWindowSeconds": 3_600});
        merge(&mut more, fee);
        let class = Class::open(&shop, 1, more).await;
        let people: Vec<_> = (0..3).map(|_| shop.customer()).collect();
        let first = class.enroll(&people[0]).await;
        assert_eq!(first["status"], "APPROVED");
        assert_eq!(first["paymentDueAt"], shop.time_in(3_600));
        class.enroll(&people[1]).await;
        class.enroll(&people[2]).await;
        shop.clock.advance_ms(3_600_000);
        shop.sweep().await;
        let unpaid = class.of(&people[0]).await;
        assert_eq!((&unpaid["status"], &unpaid["cause"]), (&json!("CANCELED"), &json!("UNPAID")));
        let second = class.of(&people[1]).await;
        assert_eq!(second["status"], "APPROVED");
        people[1].charge(50_000).await;
        let pay = format!("/api/reservations/{}/payments", second["reservationId"].as_str().unwrap());
        people[1].post_with_key(&pay, "p", &json!({"method": "wallet"})).await.is(200);
        assert!(class.of(&people[1]).await["paymentDueAt"].is_null());
        // A paid place is given back by the terms, and the money comes back.
        class.cancel(&people[1]).await.is(200);
        shop.refund_all().await;
        assert_eq!(people[1].balance().await, 50_000);
        assert_eq!(class.of(&people[2]).await["status"], "APPROVED");
    }

    async fn an_offered_place_is_taken_or_lapses(db: TestDb) {
        let shop = Shop::open(db).await;
        let mut more = waitlist(3);
        merge(&mut more, json!({"promotion": "OFFER", "offerSeconds": 600}));
        let class = Class::open(&shop, 1, more).await;
        let people: Vec<_> = (0..4).map(|_| shop.customer()).collect();
        for person in &people {
            class.enroll(person).await;
        }
        class.cancel(&people[0]).await.is(200);
        let offered = class.of(&people[1]).await;
        assert_eq!(offered["status"], "WAITLISTED");
        assert_eq!(offered["offerExpiresAt"], shop.time_in(600));
        let seen = class.seen().await;
        assert_eq!(seen["waitlistCount"], 2, "who is offered a place left the line");
        assert_eq!((&seen["offeredCount"], &seen["placesLeft"]), (&json!(1), &json!(0)));
        shop.clock.advance_ms(600_000);
        shop.sweep().await;
        let lapsed = class.of(&people[1]).await;
        assert_eq!((&lapsed["status"], &lapsed["cause"]), (&json!("CANCELED"), &json!("OFFER_EXPIRED")));
        let next = class.of(&people[2]).await;
        let path = format!("{}/enrollments/{}/accept", class.path, next["id"].as_str().unwrap());
        people[3].post_nothing(&path).await.refused(404, "ENROLLMENT_NOT_FOUND");
        assert_eq!(people[2].post_nothing(&path).await.is(200).data["status"], "APPROVED");
        people[2].post_nothing(&path).await.refused(409, "WRONG_STATE");
        assert_eq!(class.of(&people[3]).await["waitlistPosition"], 1);
    }

    async fn more_places_go_to_the_line_at_once_and_taken_ones_stay(db: TestDb) {
        let shop = Shop::open(db).await;
        let class = Class::open(&shop, 2, waitlist(5)).await;
        let people: Vec<_> = (0..5).map(|_| shop.customer()).collect();
        for person in &people {
            class.enroll(person).await;
        }
        let admin = shop.admin();
        let raised = admin.put(&class.path, &json!({"capacity": 4})).await.is(200).data;
        assert_eq!((&raised["enrolledCount"], &raised["waitlistCount"]), (&json!(4), &json!(1)));
        let refused = admin.put(&class.path, &json!({"capacity": 3})).await;
        let refused = refused.refused(409, "BELOW_TAKEN");
        assert_eq!(refused.body["error"]["details"]["taken"], 4);
        admin.put(&class.path, &json!({"selectionType": "REVIEW"})).await
            .refused(409, "SELECTION_FROZEN");
        let more = json!({"title": "Pottery II", "visibility": "UNLISTED", "isOnline": true});
        let changed = admin.put(&class.path, &more).await.is(200).data;
        assert_eq!((&changed["title"], &changed["isOnline"]), (&json!("Pottery II"), &json!(true)));
        assert_eq!(changed["capacity"], 4);
    }

    async fn an_offered_place_is_held_and_not_left(db: TestDb) {
        let shop = Shop::open(db).await;
        let mut more = waitlist(3);
        merge(&mut more, json!({"promotion": "OFFER"}));
        let class = Class::open(&shop, 1, more).await;
        let people = [shop.customer(), shop.customer()];
        for person in &people {
            class.enroll(person).await;
        }
        class.cancel(&people[0]).await.is(200);
        let seen = class.seen().await;
        let numbers = (&seen["waitlistCount"], &seen["offeredCount"], &seen["placesLeft"]);
        assert_eq!(numbers, (&json!(0), &json!(1), &json!(0)));
        let dashboard = format!("/api/admin/dashboard?mclassId={}", class.id);
        let dashboard = shop.admin().get(&dashboard).await.is(200).data;
        assert_eq!(dashboard["classes"][0]["placesLeft"], 0);
    }

    async fn changes_of_different_fields_at_once_all_take_effect(db: TestDb) {
        let shop = Shop::open(db).await;
        let class = Class::open(&shop, 4, waitlist(1)).await;
        let admin = shop.admin();
        for seconds in [600, 900, 1_200] {
            let changes = [
                json!({"offerSeconds": seconds}),
                json!({"payWindowSeconds": seconds}),
                json!({"waitlistCapacity": seconds}),
            ];
            let changes = changes.iter().map(|change| admin.put(&class.path, change));
            for answer in join_all(changes).await {
                answer.is(200);
            }
            let seen = class.seen().await;
            for field in ["offerSeconds", "payWindowSeconds", "waitlistCapacity"] {
                assert_eq!(seen[field], seconds, "{field}");
            }
        }
    }

    async fn recruitment_that_ends_with_the_start_moves_with_it(db: TestDb) {
        let shop = Shop::open(db).await;
        let class = Class::open(&shop, 4, json!({})).await;
        for hours in [10, 90] {
            let (start, end) = (shop.time_in(hours * 3_600), shop.time_in((hours + 1) * 3_600));
            let times = json!({"startAt": start, "endAt": end});
            let moved = shop.admin().put(&class.path, &times).await.is(200).data;
            assert_eq!((&moved["startAt"], &moved["recruitEndAt"]), (&json!(start), &json!(start)));
        }
        let fixed = shop.time_in(3_600);
        shop.admin().put(&class.path, &json!({"recruitEndAt": fixed})).await.is(200);
        let later = json!({"startAt": shop.time_in(95 * 3_600), "endAt": shop.time_in(96 * 3_600)});
        let moved = shop.admin().put(&class.path, &later).await.is(200).data;
        assert_eq!(moved["recruitEndAt"], fixed);
    }

    async fn the_operations_of_events_are_not_for_classes(db: TestDb) {
        let shop = Shop::open(db).await;
        let class = Class::open(&shop, 4, json!({})).await;
        let before = class.seen().await;
        let product = format!("p{}-0", &class.id[class.id.len() - 8..]);
        let admin = shop.admin();
        for (operation, body) in [
            ("resize", json!({"productId": product, "totalStock": 3})),
            ("reprice", json!({"productId": product, "price": {"amount": 777, "currency": "KRW"}})),
            ("block", json!({"productId": product, "quantity": 2})),
            ("unblock", json!({"productId": product, "quantity": 2})),
            ("pause", json!({})),
            ("cancel", json!({})),
        ] {
            let path = format!("/api/admin/offerings/{}/{operation}", class.id);
            admin.post(&path, &body).await.refused(404, "EVENT_NOT_FOUND");
        }
        assert_eq!(class.seen().await, before);
    }

    async fn an_organiser_moves_a_person_up_with_a_reason(db: TestDb) {
        let shop = Shop::open(db).await;
        let class = Class::open(&shop, 1, waitlist(5)).await;
        let people: Vec<_> = (0..5).map(|_| shop.customer()).collect();
        let mut enrolled = Vec::new();
        for person in &people {
            enrolled.push(class.enroll(person).await);
        }
        let path = |of: &Value| {
            format!("/api/admin/enrollments/{}/position", of["id"].as_str().unwrap())
        };
        let admin = shop.admin();
        let to = |position: u32| json!({"position": position, "reason": "waited last year"});
        let moved = admin.put(&path(&enrolled[4]), &to(2)).await.is(200).data;
        assert_eq!(moved["waitlistPosition"], 2);
        assert_eq!(class.of(&people[2]).await["waitlistPosition"], 3);
        admin.put(&path(&enrolled[4]), &to(2)).await.refused(422, "INVALID");
        admin.put(&path(&enrolled[0]), &to(1)).await.refused(409, "WRONG_STATE");
        let silent = json!({"position": 1, "reason": "  "});
        admin.put(&path(&enrolled[4]), &silent).await.refused(422, "INVALID");
        people[1].put(&path(&enrolled[4]), &to(1)).await.refused(403, "FORBIDDEN");
    }

    async fn classes_are_found_by_what_people_look_for(db: TestDb) {
        let shop = Shop::open(db).await;
        let pottery = Class::open(&shop, 2, json!({})).await;
        let hidden = Class::open(&shop, 2, json!({"visibility": "UNLISTED"})).await;
        let paid = json!({"title": "Chess", "fee": {"amount": 1, "currency": "KRW"},
            "isOnline": true, "startAt": shop.time_in(200_000), "endAt": shop.time_in(201_000),
            "recruitStartAt": shop.time_in(3_600)});
        let chess = Class::open(&shop, 2, paid).await;
        let found = async |query: &str| {
            let list = shop.nobody().get(&format!("/api/mclasses{query}")).await.is(200).data;
            let list = list.as_array().expect("a list").clone();
            list.iter().map(|one| one["id"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
        };
        assert_eq!(found("").await, [pottery.id.as_str(), &chess.id]);
        assert_eq!(found("?search=도자기").await, [pottery.id.as_str()]);
        assert_eq!(found("?search=CHESS").await, [chess.id.as_str()]);
        assert_eq!(found("?location=studio").await, [pottery.id.as_str(), &chess.id]);
        assert_eq!(found("?recruiting=true").await, [pottery.id.as_str()]);
        assert_eq!(found("?free=true").await, [pottery.id.as_str()]);
        assert_eq!(found("?free=false&online=true").await, [chess.id.as_str()]);
        assert_eq!(found("?sort=createdAt").await, [chess.id.as_str(), &pottery.id]);
        let page = shop.nobody().get("/api/mclasses?limit=1").await.is(200);
        let cursor = page.body["meta"]["nextCursor"].as_str().expect("more").to_owned();
        assert_eq!(found(&format!("?limit=1&cursor={cursor}")).await, [chess.id.as_str()]);
        assert_eq!(hidden.seen().await["visibility"], "UNLISTED", "by its address");
        shop.nobody().get(&format!("/api/events/{}", hidden.id)).await.refused(404, "EVENT_NOT_FOUND");
        let events = shop.nobody().get("/api/events").await.is(200).data;
        assert_eq!(events.as_array().map(Vec::len), Some(0), "a class is no event");
        let nowhere = "/api/mclasses/0190f5a0-7c1e-7d34-9b1f-3a5c1a2b3c4d";
        shop.nobody().get(nowhere).await.refused(404, "CLASS_NOT_FOUND");
        let path = format!("{nowhere}/enrollments");
        shop.customer().post(&path, &json!({})).await.refused(404, "CLASS_NOT_FOUND");
    }

    async fn a_class_with_living_enrollments_is_deleted_only_by_cancelling_it(db: TestDb) {
        let shop = Shop::open(db).await;
        let class = Class::open(&shop, 1, waitlist(3)).await;
        let people: Vec<_> = (0..3).map(|_| shop.customer()).collect();
        for person in &people {
            class.enroll(person).await;
        }
        let admin = shop.admin();
        let refused = admin.delete(&class.path).await.refused(409, "CLASS_HAS_ENROLLMENTS");
        assert_eq!(refused.body["error"]["details"]["livingEnrollments"], 3);
        let path = format!("{}?cancelEnrollments=true", class.path);
        assert_eq!(admin.delete(&path).await.is(200).data["status"], "CANCELED");
        shop.sweep().await;
        for person in &people {
            let gone = class.of(person).await;
            assert_eq!(gone["status"], "CANCELED");
            assert_eq!(gone["cause"], "CLASS_CANCELLED");
        }
        assert_eq!(class.seen().await["status"], "CANCELED", "the links of those who applied work");
        let listed = shop.nobody().get("/api/mclasses").await.is(200).data;
        assert_eq!(listed, json!([]));
        let edit = json!({"title": "On after all"});
        admin.put(&class.path, &edit).await.refused(409, "CLASS_CANCELED");
        assert_eq!(admin.delete(&path).await.is(200).data["status"], "CANCELED", "a retry");
        class.apply(&shop.customer()).await.refused(409, "CLASS_CANCELED");
        let empty = Class::open(&shop, 1, json!({})).await;
        admin.delete(&empty.path).await.is(200);
    }
}
