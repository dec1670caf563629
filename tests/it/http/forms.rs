//! Enrollment forms of classes over HTTP: versions, who may do what, and what is refused.

use admitone::forms::{FormError, check, check_without_form};
use admitone::ids::OfferingId;
use admitone::store::{FormPut, FormRow};
use serde_json::{Map, Value, json};

use crate::forms::every_type;
use crate::http::api_client::{Answer, Shop};
use crate::support::test_db::TestDb;

/// Creates a class and returns its id.
pub async fn class(shop: &Shop) -> String {
    let body = json!({
        "title": "Pottery", "capacity": 5, "selectionType": "REVIEW",
        "startAt": shop.time_in(90_000), "endAt": shop.time_in(97_200),
    });
    let made = shop.admin().post("/api/mclasses", &body).await.is(201);
    made.data["id"].as_str().expect("an id").to_owned()
}

fn path(class: &str) -> String {
    format!("/api/mclasses/{class}/enrollment-form")
}

fn form_body(title: &str) -> Value {
    json!({"title": title, "description": "Two\nlines", "questions": [
        {"id": "why", "type": "LONG_TEXT", "label": "Why?", "required": true, "order": 2},
        {"id": "name", "type": "SHORT_TEXT", "label": "<b>Name</b>", "order": 1, "maxLength": 20},
    ]})
}

fn ids(answer: &Answer) -> Vec<&str> {
    let questions = answer.data["questions"].as_array().expect("questions");
    questions.iter().map(|question| question["id"].as_str().expect("an id")).collect()
}

on_both_databases! {
    async fn every_change_of_a_form_is_a_version_that_stays_readable(db: TestDb) {
        let shop = Shop::open(db).await;
        let (admin, kim, nobody) = (shop.admin(), shop.customer(), shop.nobody());
        let class = class(&shop).await;
        let path = path(&class);
        nobody.get(&path).await.refused(404, "FORM_NOT_FOUND");
        admin.put(&path, &form_body("Apply")).await.refused(404, "FORM_NOT_FOUND");
        admin.delete(&path).await.refused(404, "FORM_NOT_FOUND");

        let made = admin.post(&path, &form_body("Apply")).await.is(201);
        assert_eq!(made.header("location"), path);
        assert_eq!(ids(&made), ["name", "why"], "in the order in which they are shown");
        assert_eq!(made.data["mclassId"], class);
        assert_eq!(made.data["version"], 1);
        assert_eq!(made.data["isActive"], true);
        assert_eq!(made.data["createdAt"], made.data["updatedAt"]);
        assert_eq!(made.data["questions"][0], json!({"id": "name", "type": "SHORT_TEXT",
            "label": "<b>Name</b>", "required": false, "order": 1, "maxLength": 20}));
        assert_eq!(nobody.get(&path).await.is(200).data, made.data);
        let refused = admin.post(&path, &form_body("Again")).await.refused(409, "FORM_EXISTS");
        assert_eq!(refused.body["error"]["details"]["currentVersion"], 1);

        shop.clock.advance_ms(1_000);
        let mut next = form_body("Apply now");
        next["isActive"] = json!(false);
        next["version"] = json!(1);
        let changed = admin.put(&path, &next).await.is(200);
        assert_eq!((&changed.data["version"], &changed.data["isActive"]), (&json!(2), &json!(false)));
        assert_eq!(changed.data["id"], made.data["id"], "the same form");
        assert_eq!(changed.data["createdAt"], made.data["createdAt"]);
        assert_ne!(changed.data["updatedAt"], made.data["updatedAt"]);
        assert_eq!(nobody.get(&path).await.is(200).data, changed.data, "inactive ones are shown");

        let first = format!("{path}?version=1");
        assert_eq!(kim.get(&first).await.is(200).data, made.data);
        nobody.get(&first).await.refused(401, "UNAUTHORIZED");
        kim.get(&format!("{path}?version=3")).await.refused(404, "FORM_NOT_FOUND");
        kim.get(&format!("{path}?version=x")).await.refused(422, "INVALID");
        kim.get(&format!("{path}?versions=1")).await.refused(422, "INVALID");

        admin.delete(&path).await.is(200);
        nobody.get(&path).await.refused(404, "FORM_NOT_FOUND");
        kim.get(&format!("{path}?version=3")).await.refused(404, "FORM_NOT_FOUND");
        assert_eq!(kim.get(&first).await.is(200).data, made.data);
        let new = admin.post(&path, &form_body("Anew")).await.is(201);
        assert_eq!(new.data["version"], 4, "versions go on counting");
        assert_ne!(new.data["id"], made.data["id"], "another form");
        assert_eq!(new.data["createdAt"], new.data["updatedAt"]);
    }
}

on_both_databases! {
    async fn a_retry_with_the_same_key_gets_the_first_answer(db: TestDb) {
        let shop = Shop::open(db).await;
        let admin = shop.admin();
        let path = path(&class(&shop).await);
        let made = admin.post_with_key(&path, "form-1", &form_body("Apply")).await.is(201);
        let again = admin.post_with_key(&path, "form-1", &form_body("Apply")).await.is(201);
        assert!(again.is_replay() && !made.is_replay());
        assert_eq!(made.data, again.data);
        let other = admin.post_with_key(&path, "form-1", &form_body("Other")).await;
        other.refused(422, "IDEMPOTENCY_KEY_REUSED");

        let mut next = form_body("Next");
        next["version"] = json!(1);
        let put = || {
            let request = admin.request(reqwest::Method::PUT, &path).header("Idempotency-Key", "f-2");
            Answer::of(request.json(&next))
        };
        let changed = put().await.is(200);
        let again = put().await.is(200);
        assert!(again.is_replay(), "a retry is no conflict with what the first request changed");
        assert_eq!(changed.data, again.data);
        let delete = || {
            let request = admin.request(reqwest::Method::DELETE, &path);
            Answer::of(request.header("Idempotency-Key", "f-3"))
        };
        assert!(!delete().await.is(200).is_replay());
        assert!(delete().await.is(200).is_replay());
        // The answer of the first time, though the form is gone.
        assert_eq!(put().await.is(200).data, changed.data);
    }
}

on_both_databases! {
    async fn of_two_administrators_who_change_a_form_at_once_one_wins(db: TestDb) {
        let shop = Shop::open(db).await;
        let (one, two) = (shop.admin(), shop.admin());
        let class = class(&shop).await;
        let path = path(&class);
        one.post(&path, &form_body("Apply")).await.is(201);
        let edit = |title: &str| {
            let mut next = form_body(title);
            next["version"] = json!(1);
            next
        };
        let (left, right) = (edit("Left"), edit("Right"));
        let (left, right) = tokio::join!(one.put(&path, &left), two.put(&path, &right));
        let (won, lost) = if left.status == 200 { (left, right) } else { (right, left) };
        assert_eq!(won.is(200).data["version"], 2);
        let lost = lost.refused(409, "VERSION_CONFLICT");
        assert_eq!(lost.body["error"]["details"]["currentVersion"], 2);

        // Without `version`, too, a number belongs to one row: nothing is overwritten.
        let store = &shop.app.state().store;
        let class: OfferingId = class.parse().expect("an id");
        let row = store.form_current(class).await.unwrap().expect("a form");
        let stale = FormRow { title: "Stale".into(), ..row.clone() };
        assert_eq!(store.form_put(&stale, None).await.unwrap(), FormPut::Taken);
        assert_eq!(store.form_current(class).await.unwrap(), Some(row));
        let all = (0..4).map(|n| {
            let path = path.clone();
            let one = one.clone();
            async move { one.put(&path, &form_body(&format!("Title {n}"))).await }
        });
        let all = futures_util::future::join_all(all).await;
        let written = all.iter().filter(|answer| answer.status == 200).count();
        for lost in all.into_iter().filter(|answer| answer.status != 200) {
            lost.refused(409, "VERSION_CONFLICT");
        }
        let last = one.get(&path).await.is(200).data["version"].as_u64();
        assert_eq!(last, Some(2 + written as u64));
    }
}

on_both_databases! {
    async fn only_administrators_write_forms_and_only_of_classes_that_exist(db: TestDb) {
        let shop = Shop::open(db).await;
        let (admin, kim, nobody) = (shop.admin(), shop.customer(), shop.nobody());
        let class = class(&shop).await;
        let at = path(&class);
        kim.post(&at, &form_body("Apply")).await.refused(403, "FORBIDDEN");
        nobody.post(&at, &form_body("Apply")).await.refused(401, "UNAUTHORIZED");
        kim.put(&at, &form_body("Apply")).await.refused(403, "FORBIDDEN");
        kim.delete(&at).await.refused(403, "FORBIDDEN");
        admin.post(&at, &form_body("Apply")).await.is(201);

        let event = shop.event().await;
        for other in [OfferingId::random().to_string(), event.id.clone()] {
            let other = path(&other);
            nobody.get(&other).await.refused(404, "CLASS_NOT_FOUND");
            admin.post(&other, &form_body("Apply")).await.refused(404, "CLASS_NOT_FOUND");
            admin.put(&other, &form_body("Apply")).await.refused(404, "CLASS_NOT_FOUND");
            admin.delete(&other).await.refused(404, "CLASS_NOT_FOUND");
            nobody.get(&format!("{other}/schema")).await.refused(404, "CLASS_NOT_FOUND");
        }
        admin.delete(&format!("/api/mclasses/{class}")).await.is(200);
        nobody.get(&at).await.refused(404, "CLASS_NOT_FOUND");
        admin.get(&format!("{at}?version=1")).await.refused(404, "CLASS_NOT_FOUND");
        admin.put(&at, &form_body("Late")).await.refused(404, "CLASS_NOT_FOUND");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_form_that_is_not_allowed_is_refused_with_all_its_problems_and_changes_nothing() {
    let shop = Shop::open(TestDb::sqlite().await).await;
    let admin = shop.admin();
    let path = path(&class(&shop).await);
    let made = admin.post(&path, &form_body("Apply")).await.is(201).data;

    let mut bad = form_body("");
    bad["questions"][0]["maxLength"] = json!(6_000);
    bad["questions"][1]["type"] = json!("FILE");
    let refused = admin.put(&path, &bad).await.refused(422, "INVALID");
    let details = &refused.body["error"]["details"];
    assert_eq!(details["field"], "title", "the first one, as other operations name it");
    assert_eq!(
        details["problems"],
        json!([
            {"field": "title", "reason": "must have 1 to 200 characters"},
            {"field": "questions[0].maxLength", "reason": "must be 1 to 5000"},
            {"field": "questions[1].type",
             "reason": "questions of type FILE need an object store, which this server does not have yet"},
        ])
    );
    for (change, field) in [
        (json!({"colour": 1}), "questions[0].colour"),
        (json!({"order": 1.5}), "questions[0].order"),
        (json!({"required": "yes"}), "questions[0].required"),
        (json!({"minLength": -1}), "questions[0].minLength"),
        (json!({"options": ["a"]}), "questions[0].options[0]"),
        (json!({"options": [{"value": "a"}]}), "questions[0].options[0].label"),
        (json!({"showIf": []}), "questions[0].showIf"),
        (json!({"showIf": {"question": "a", "is": 1}}), "questions[0].showIf.is"),
    ] {
        let mut bad = form_body("Apply");
        bad["questions"][0].as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
        let refused = admin.put(&path, &bad).await.refused(422, "INVALID");
        assert_eq!(refused.body["error"]["details"]["field"], field, "{change}");
    }
    admin.put(&path, &json!({"title": "x"})).await.refused(422, "INVALID");
    let huge = json!({"title": "x", "questions": [], "description": "x".repeat(600_000)});
    admin.put(&path, &huge).await.refused(413, "PAYLOAD_TOO_LARGE");
    assert_eq!(admin.get(&path).await.is(200).data, made);
    // As large as a form may be.
    let questions: Vec<Value> = (0..100)
        .map(|n| json!({"id": format!("q{n}"), "type": "SHORT_TEXT", "label": "x", "help": "한".repeat(800)}))
        .collect();
    let large = json!({"title": "x", "questions": questions});
    admin.put(&path, &large).await.is(200);
}

#[tokio::test(flavor = "multi_thread")]
async fn clients_get_the_schema_of_a_form_as_a_document_of_its_own() {
    let shop = Shop::open(TestDb::sqlite().await).await;
    let (admin, nobody) = (shop.admin(), shop.nobody());
    let path = path(&class(&shop).await);
    let schema = format!("{path}/schema");
    nobody.get(&schema).await.refused(404, "FORM_NOT_FOUND");
    admin.post(&path, &json!({"title": "Apply", "questions": every_type()})).await.is(201);
    let found = nobody.get(&schema).await;
    assert_eq!((found.status, found.header("content-type")), (200, "application/schema+json"));
    assert_eq!(found.body["$schema"], "https://json-schema.org/draft/2020-12/schema");
    assert_eq!(found.body["$id"], format!("{schema}?version=1"));
    let validator = jsonschema::draft202012::new(&found.body).expect("a schema");
    assert!(validator.is_valid(&json!({"name": "Kim", "level": "none", "rules": true})));
    assert!(!validator.is_valid(&json!({"name": "Kim", "level": "some", "rules": true})));
    admin.put(&path, &form_body("Other")).await.is(200);
    let first = shop.customer().get(&format!("{schema}?version=1")).await;
    assert_eq!(first.body, found.body, "the schema of a version stays");
    nobody.get(&format!("{schema}?version=1")).await.refused(401, "UNAUTHORIZED");
}

on_both_databases! {
    async fn an_application_is_checked_against_the_form_that_the_class_has_now(db: TestDb) {
        let shop = Shop::open(db).await;
        let admin = shop.admin();
        let class = class(&shop).await;
        let path = path(&class);
        let id: OfferingId = class.parse().expect("an id");
        let forms = &shop.app.state().forms;
        let answers = |value: Value| -> Map<String, Value> { value.as_object().unwrap().clone() };
        assert!(forms.for_application(id).await.unwrap().is_none());
        assert!(check_without_form(None, &Map::new()).is_ok());
        let refused = check_without_form(None, &answers(json!({"why": "x"})));
        assert!(matches!(refused, Err(FormError::Answers(problems)) if problems[0].question == "why"));
        let refused = check_without_form(Some(1), &Map::new());
        assert!(matches!(refused, Err(FormError::Changed { current: None })));

        let made = admin.post(&path, &form_body("Apply")).await.is(201).data;
        let form = forms.for_application(id).await.unwrap().expect("a form");
        let good = answers(json!({"why": "To learn", "name": "Kim"}));
        let checked = check(&form, Some(1), &good).expect("they fit");
        assert_eq!(json!(checked.form_id), made["id"]);
        assert_eq!((checked.version, &*checked.json), (1, r#"{"name":"Kim","why":"To learn"}"#));
        assert!(check(&form, None, &good).is_ok(), "the version shown may be left out");
        let refused = check(&form, Some(1), &answers(json!({"name": 1})));
        assert!(matches!(refused, Err(FormError::Answers(problems)) if problems.len() == 2));

        let mut inactive = form_body("Later");
        inactive["isActive"] = json!(false);
        admin.put(&path, &inactive).await.is(200);
        let form = forms.for_application(id).await.unwrap().expect("a form");
        let refused = check(&form, Some(1), &good);
        assert!(matches!(refused, Err(FormError::Changed { current: Some(2) })));
        assert!(matches!(check(&form, Some(2), &good), Err(FormError::Inactive)));
        admin.delete(&path).await.is(200);
        assert!(forms.for_application(id).await.unwrap().is_none());
    }
}
