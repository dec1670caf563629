//! Applications, and changes of their answers, that stop dead at each of their steps: no enrollment is
//! without its answers, a retry makes one of it, and what no retry comes for is deleted after 25 hours.

mod busy;
mod killed;
mod sweep;

use std::sync::{Arc, Mutex};

use admitone::accounts::Role;
use admitone::classes::{CrashPoints, Point};
use admitone::ids::UserId;
use reqwest::Method;
use serde_json::{Value, json};

use crate::http::api_client::{Answer, Shop};
use crate::support::test_db::{TestDb, eventually};

const HOUR_MS: i64 = 3_600_000;
/// What was written for a command that took no effect is kept this long.
const KEPT_MS: i64 = 25 * HOUR_MS;

/// Rows of answers that no enrollment has.
const ORPHANS: &str = "SELECT count(*) FROM enrollment_answers a
    WHERE NOT EXISTS (SELECT 1 FROM enrollments e WHERE e.answers_id = a.id)";
/// Enrollments whose answers are missing.
const BARE: &str = "SELECT count(*) FROM enrollments e WHERE NOT EXISTS
    (SELECT 1 FROM enrollment_answers a WHERE a.id = e.answers_id AND a.answers IS NOT NULL)";
const ENROLLMENTS: &str = "SELECT count(*) FROM enrollments";

/// A class that is reviewed, with a form, at a server that can be made to crash.
struct Stage {
    shop: Shop,
    /// The path of the class's enrollments.
    path: String,
    planned: Arc<Mutex<Option<Point>>>,
}

impl Stage {
    async fn open(db: TestDb) -> Self {
        let planned = Arc::new(Mutex::new(None::<Point>));
        let plan = Arc::clone(&planned);
        let crash = move |_: UserId, point: Point| {
            plan.lock().unwrap().take_if(|at| *at == point).is_some()
        };
        let points = CrashPoints::new(crash);
        let shop = Shop::open_from(db, |_| {}, |parts| parts.class_crash_points = points).await;
        let path = open_class(&shop).await;
        Self { shop, path, planned }
    }

    async fn count(&self, sql: &str) -> i64 {
        self.shop.app.db.count(sql).await
    }

    async fn apply(&self, user: UserId, key: &str, why: &str) -> Answer {
        let person = self.shop.person(user, Role::User);
        person.post_with_key(&self.path, key, &answers(why)).await
    }

    async fn change(&self, user: UserId, id: &str, key: &str, why: &str) -> Answer {
        let person = self.shop.person(user, Role::User);
        let request = person.request(Method::PUT, &format!("{}/{id}", self.path));
        Answer::of(request.header("Idempotency-Key", key).json(&answers(why))).await
    }

    /// The only enrollment of a person.
    async fn only(&self, user: UserId) -> Value {
        let list = self.shop.person(user, Role::User).get(&self.path).await.is(200).data;
        let list = list.as_array().expect("a list").clone();
        let [only] = &list[..] else { panic!("{list:?}") };
        only.clone()
    }

    /// Stops the next request at a point.
    fn plan(&self, point: Point) {
        *self.planned.lock().unwrap() = Some(point);
    }

    /// Checks that the request stopped as planned and its outcome is unknown, and starts the server
    /// again, which knows what is in the database and nothing else.
    async fn crashed(&mut self, answer: Answer) {
        answer.refused(503, "OUTCOME_UNKNOWN");
        assert_eq!(*self.planned.lock().unwrap(), None, "it stopped there");
        self.shop.app.restart().await;
    }

    /// Lets time pass, and lets the server clean up, as it does when it starts.
    async fn pass(&mut self, ms: i64) {
        self.shop.clock.advance_ms(ms);
        self.shop.app.restart().await;
    }

    async fn until(&self, sql: &str, expected: i64) {
        eventually(sql, async || self.count(sql).await == expected).await;
    }
}

/// Makes the class and its form; returns the path of its enrollments.
async fn open_class(shop: &Shop) -> String {
    let body = json!({
        "title": "Pottery", "location": "Studio 3", "capacity": 50, "selectionType": "REVIEW",
        "startAt": shop.time_in(90 * 86_400), "endAt": shop.time_in(90 * 86_400 + 7_200),
    });
    let admin = shop.admin();
    let made = admin.post("/api/mclasses", &body).await.is(201);
    let path = format!("/api/mclasses/{}", made.data["id"].as_str().expect("an id"));
    let why = json!({"id": "why", "type": "LONG_TEXT", "label": "Why?", "required": true});
    let form = json!({"title": "About you", "questions": [why]});
    admin.post(&format!("{path}/enrollment-form"), &form).await.is(201);
    format!("{path}/enrollments")
}

fn answers(why: &str) -> Value {
    json!({"answers": {"why": why}})
}

on_both_databases! {
    async fn an_application_that_crashes_anywhere_is_made_once_by_its_retry(db: TestDb) {
        let mut stage = Stage::open(db).await;
        for (made_before, point) in (0..).zip(Point::ALL) {
            let (user, why) = (UserId::random(), format!("{point:?}"));
            let is_durable = point == Point::BeforeAnswer;
            // The answers whose command was never sent; those of retries are deleted soon.
            let orphans = i64::from(is_durable);
            stage.until(ORPHANS, orphans).await;
            stage.plan(point);
            let answer = stage.apply(user, "k", &why).await;
            stage.crashed(answer).await;
            let left = stage.count(ORPHANS).await - orphans;
            assert_eq!(left, i64::from(point == Point::BeforeCommand), "{point:?}");
            assert_eq!(stage.count(ENROLLMENTS).await, made_before + i64::from(is_durable), "{point:?}");
            assert_eq!(stage.count(BARE).await, 0, "{point:?}");

            let made = stage.apply(user, "k", &why).await.is(201);
            assert_eq!(made.is_replay(), is_durable, "{point:?}");
            let again = stage.apply(user, "k", &why).await.is(201);
            assert!(again.is_replay() && again.data["id"] == made.data["id"], "{point:?}");
            stage.apply(user, "k", "another").await.refused(422, "IDEMPOTENCY_KEY_REUSED");
            let only = stage.only(user).await;
            assert_eq!(only["id"], made.data["id"], "{point:?}");
            assert_eq!((&only["answers"]["why"], &only["version"]), (&json!(why), &json!(1)));
            assert_eq!(stage.count(BARE).await, 0, "{point:?}");
        }
        assert!(stage.count(ORPHANS).await > 0);
        stage.pass(KEPT_MS + 1_000).await;
        stage.until(ORPHANS, 0).await;
        let all = "SELECT count(*) FROM enrollment_answers";
        assert_eq!((stage.count(all).await, stage.count(BARE).await), (3, 0));
    }

    async fn a_change_of_answers_that_crashes_anywhere_is_made_once_by_its_retry(db: TestDb) {
        let mut stage = Stage::open(db).await;
        for point in Point::ALL {
            let user = UserId::random();
            let made = stage.apply(user, "k", "first").await.is(201).data;
            let id = made["id"].as_str().expect("an id").to_owned();
            // The answers whose command was never sent; those of retries are deleted soon.
            let orphans = i64::from(point == Point::BeforeAnswer);
            stage.until(ORPHANS, orphans).await;
            stage.plan(point);
            let answer = stage.change(user, &id, "c", "second").await;
            stage.crashed(answer).await;
            let (why, version) = match point {
                Point::BeforeAnswers | Point::BeforeCommand => ("first", 1),
                Point::BeforeAnswer => ("second", 2),
            };
            let only = stage.only(user).await;
            assert_eq!((&only["answers"]["why"], &only["version"]), (&json!(why), &json!(version)));
            // The new answers, or the ones before them.
            let left = stage.count(ORPHANS).await - orphans;
            assert_eq!(left, i64::from(point != Point::BeforeAnswers), "{point:?}");

            let changed = stage.change(user, &id, "c", "second").await.is(200);
            assert_eq!(changed.is_replay(), point == Point::BeforeAnswer, "{point:?}");
            assert!(stage.change(user, &id, "c", "second").await.is(200).is_replay());
            let only = stage.only(user).await;
            assert_eq!((&only["answers"]["why"], &only["version"]), (&json!("second"), &json!(2)));
            assert_eq!(stage.count(BARE).await, 0, "{point:?}");
        }
        stage.pass(KEPT_MS + 1_000).await;
        stage.until(ORPHANS, 0).await;
        let all = "SELECT count(*) FROM enrollment_answers";
        assert_eq!((stage.count(all).await, stage.count(BARE).await), (3, 0));
    }

    async fn what_a_crash_leaves_is_deleted_after_25_hours_and_not_before(db: TestDb) {
        let mut stage = Stage::open(db).await;
        let changes = UserId::random();
        let made = stage.apply(changes, "k", "first").await.is(201).data;
        let id = made["id"].as_str().expect("an id").to_owned();
        let mut enrolled = vec![(changes, "first")];
        // No retry comes for any of these.
        for point in Point::ALL {
            let user = UserId::random();
            stage.plan(point);
            let answer = stage.apply(user, "k", "lost").await;
            stage.crashed(answer).await;
            enrolled.extend((point == Point::BeforeAnswer).then_some((user, "lost")));
        }
        assert_eq!(stage.count(ORPHANS).await, 1);
        stage.pass(HOUR_MS).await;
        stage.plan(Point::BeforeCommand);
        let answer = stage.change(changes, &id, "c", "second").await;
        stage.crashed(answer).await;
        assert_eq!(stage.count(ORPHANS).await, 2);

        // The application's are old now, and the change's are not.
        stage.pass(KEPT_MS - HOUR_MS + 1_000).await;
        stage.until(ORPHANS, 1).await;
        stage.pass(HOUR_MS).await;
        stage.until(ORPHANS, 0).await;
        assert_eq!((stage.count(ENROLLMENTS).await, stage.count(BARE).await), (2, 0));
        for (user, why) in enrolled {
            assert_eq!(stage.only(user).await["answers"]["why"], why);
        }
    }
}
