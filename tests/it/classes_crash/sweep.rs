//! The sweep of what was written for commands that took no effect.

use admitone::clock::Clock as _;
use admitone::ids::{AnswersId, EnrollmentId, OfferingId, ReasonId, UserId};
use admitone::inventory::{Command, Request};
use admitone::store::{AnswersRow, NewReason, Store};
use serde_json::{Value, json};

use super::{BARE, HOUR_MS, ORPHANS, answers, open_class};
use crate::http::api_client::{Person, Shop};
use crate::support::test_db::eventually;

const ANSWERS: &str = "SELECT count(*) FROM enrollment_answers";
const REASONS: &str = "SELECT count(*) FROM enrollment_reasons";

fn class_of(path: &str) -> OfferingId {
    path.split('/').nth(3).expect("an id").parse().expect("a UUID")
}

fn id_of(made: &Value) -> EnrollmentId {
    made["id"].as_str().expect("an id").parse().expect("a UUID")
}

fn new_answers(class: OfferingId, enrollment: EnrollmentId, user: UserId) -> AnswersRow {
    AnswersRow {
        id: AnswersId(UserId::random().0),
        class,
        enrollment,
        user,
        form: None,
        answers: Some(r#"{"why":"unused"}"#.into()),
        idempotency_key: None,
        fingerprint: None,
    }
}

/// Writes answers and a reason that no command names.
async fn orphans(store: &Store, class: OfferingId, at: i64) {
    let user = UserId::random();
    let row = new_answers(class, EnrollmentId(UserId::random().0), user);
    store.answers_insert(&row, at).await.unwrap();
    let (id, reason) = (ReasonId(user.0), "unused".into());
    store.reason_insert(&NewReason { id, class, author: user, reason }, at).await.unwrap();
}

async fn decide(shop: &Shop, id: EnrollmentId, status: &str, version: u32) -> Value {
    let body = json!({"status": status, "version": version, "reason": format!("{status} it is")});
    let path = format!("/api/admin/enrollments/{id}");
    shop.admin().put(&path, &body).await.is(200).data
}

async fn why(person: &Person<'_>, path: &str) -> Value {
    person.get(path).await.is(200).data[0]["answers"]["why"].clone()
}

on_both_databases! {
    async fn the_sweep_deletes_what_is_old_and_belongs_to_no_enrollment(db: TestDb) {
        let shop = Shop::open(db).await;
        let path = open_class(&shop).await;
        let (class, store, start) = (class_of(&path), shop.app.state().store.clone(), shop.clock.now_ms());
        let kim = shop.customer();
        let id = id_of(&kim.post(&path, &answers("mine")).await.is(201).data);
        // The reason of the first decision is in the log of changes alone.
        decide(&shop, id, "REJECTED", 1).await;
        assert_eq!(decide(&shop, id, "APPROVED", 2).await["reason"], "APPROVED it is");
        orphans(&store, class, start + 1_000).await;
        orphans(&store, class, start + 2 * HOUR_MS).await;

        let counts = async || (shop.app.db.count(ANSWERS).await, shop.app.db.count(REASONS).await);
        assert_eq!(counts().await, (3, 4));
        assert_eq!(store.enrollment_sweep(start + 1_000).await.unwrap(), 0, "of that very moment");
        assert_eq!(store.enrollment_sweep(start + HOUR_MS).await.unwrap(), 2, "the old ones");
        assert_eq!(counts().await, (2, 3));
        assert_eq!(store.enrollment_sweep(start + 2 * HOUR_MS).await.unwrap(), 0, "still young");
        assert_eq!(store.enrollment_sweep(start + 2 * HOUR_MS + 1).await.unwrap(), 2);
        assert_eq!(store.enrollment_sweep(i64::MAX).await.unwrap(), 0, "the rest is in use");
        assert_eq!(counts().await, (1, 2));
        assert_eq!(why(&kim, &path).await, "mine");
        let changes = shop.admin().get(&format!("/api/admin/enrollments/{id}/changes")).await.is(200);
        let reasons: Vec<_> = changes.data.as_array().unwrap().iter().map(|one| &one["reason"]).collect();
        assert_eq!(reasons, [&json!("APPROVED it is"), &json!("REJECTED it is"), &Value::Null]);
        // An enrollment that has ended keeps its answers too.
        kim.delete(&format!("{path}/{id}")).await.is(200);
        assert_eq!(store.enrollment_sweep(i64::MAX).await.unwrap(), 0);
        assert_eq!(why(&kim, &path).await, "mine");
    }

    async fn answers_that_were_replaced_are_gone_even_after_a_sweep_kept_them(db: TestDb) {
        let shop = Shop::open(db).await;
        let path = open_class(&shop).await;
        let (store, start) = (shop.app.state().store.clone(), shop.clock.now_ms());
        let kim = shop.customer();
        let id = id_of(&kim.post(&path, &answers("first")).await.is(201).data);
        assert_eq!(store.enrollment_sweep(start + HOUR_MS).await.unwrap(), 0);
        shop.clock.advance_ms(HOUR_MS);
        kim.put(&format!("{path}/{id}"), &answers("second")).await.is(200);
        eventually("the first are gone", async || shop.app.db.count(ANSWERS).await == 1).await;
        assert_eq!(store.enrollment_sweep(i64::MAX).await.unwrap(), 0);
        assert_eq!((shop.app.db.count(ORPHANS).await, why(&kim, &path).await), (0, json!("second")));
    }

    async fn a_sweep_between_new_answers_and_their_command_takes_neither(db: TestDb) {
        let shop = Shop::open(db).await;
        let path = open_class(&shop).await;
        let (class, store, start) = (class_of(&path), shop.app.state().store.clone(), shop.clock.now_ms());
        let kim = shop.customer();
        let id = id_of(&kim.post(&path, &answers("first")).await.is(201).data);
        store.enrollment_sweep(start + HOUR_MS).await.unwrap();
        let new = new_answers(class, id, kim.user);
        let before = store.enrollment_get(id).await.unwrap().expect("it is there").answers;
        store.answers_replace(&new, before, start + HOUR_MS).await.unwrap();
        assert_eq!(store.enrollment_sweep(start + HOUR_MS).await.unwrap(), 0);
        assert_eq!(shop.app.db.count(BARE).await, 0);
        let (enrollment, customer) = (id, kim.user);
        let command = Command::ReplaceAnswers { enrollment, customer, answers: new.id, version: None };
        let request = Request { command, idempotency: None };
        shop.app.state().offices.submit(class, request).await.unwrap();
        assert_eq!(store.enrollment_sweep(start + 2 * HOUR_MS).await.unwrap(), 1, "the first ones");
        assert_eq!((shop.app.db.count(ANSWERS).await, shop.app.db.count(BARE).await), (1, 0));
        assert_eq!(why(&kim, &path).await, "unused");
    }
}
