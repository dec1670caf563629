//! Terms, their versions, and agreements of people to them.

mod refused;

use std::collections::BTreeSet;

use admitone::http::error::ApiError;
use admitone::ids::{OfferingId, TermId};
use futures_util::future::join_all;
use serde_json::{Value, json};

use crate::http::api_client::{Answer, Person, Shop};

const PATH: &str = "/api/terms";
const AGREEMENTS: &str = "/api/terms/agreements";

fn terms_of(kind: &str, title: &str) -> Value {
    json!({"type": kind, "title": title, "content": "1. First\n2. <b>둘째</b>", "isRequired": true})
}

fn next(title: &str) -> Value {
    json!({"title": title, "content": "All new", "isRequired": true})
}

async fn made(admin: &Person<'_>, body: &Value) -> Value {
    admin.post(PATH, body).await.is(201).data
}

fn at(term: &Value) -> String {
    format!("{PATH}/{}", term["id"].as_str().expect("an id"))
}

fn agree(term: &Value) -> String {
    format!("{}/agree", at(term))
}

fn titles(list: &Answer) -> Vec<&str> {
    let items = list.data.as_array().expect("a list").iter();
    items.map(|item| item["title"].as_str().expect("a title")).collect()
}

fn registration(email: &str) -> Value {
    json!({"email": email, "password": "correct horse battery", "name": "김민수"})
}

async fn is_completed(person: &Person<'_>) -> bool {
    let me = person.get("/api/users/me").await.is(200).data;
    me["isSignUpCompleted"].as_bool().expect("a bool")
}

/// Makes a class.
async fn class(shop: &Shop, visibility: &str) -> OfferingId {
    let body = json!({
        "title": "Pottery", "location": "Studio 3", "capacity": 5, "selectionType": "FIRST_COME",
        "visibility": visibility, "startAt": shop.time_in(90_000), "endAt": shop.time_in(97_200),
    });
    let made = shop.admin().post("/api/mclasses", &body).await.is(201);
    made.data["id"].as_str().unwrap().parse().unwrap()
}

on_both_databases! {
    async fn a_change_makes_a_version_and_the_text_before_stays_readable(db: TestDb) {
        let shop = Shop::open(db).await;
        let (admin, nobody) = (shop.admin(), shop.nobody());
        let first = admin.post_with_key(PATH, "t1", &terms_of("SERVICE", "Terms")).await.is(201);
        let again = admin.post_with_key(PATH, "t1", &terms_of("SERVICE", "Terms")).await.is(201);
        assert!(again.is_replay() && !first.is_replay());
        assert_eq!(first.data, again.data);
        assert_eq!(first.header("location"), at(&first.data));
        assert_eq!((&first.data["version"], &first.data["mclassId"]), (&json!(1), &Value::Null));
        let first = first.data;
        assert_eq!(nobody.get(&at(&first)).await.is(200).data, first);

        let second = admin.put(&at(&first), &next("Terms, revised")).await.is(201);
        assert_eq!(second.header("location"), at(&second.data));
        let second = second.data;
        assert_ne!(second["id"], first["id"]);
        assert_eq!((&second["version"], &second["type"]), (&json!(2), &json!("SERVICE")));
        assert_eq!(nobody.get(PATH).await.is(200).data, json!([second]));
        let old = nobody.get(&at(&first)).await.is(200).data;
        assert_eq!((&old["content"], &old["isCurrent"]), (&first["content"], &json!(false)));

        let late = admin.put(&at(&first), &next("Too late")).await.refused(409, "TERM_NOT_CURRENT");
        assert_eq!(late.body["error"]["details"]["currentId"], second["id"]);
        admin.delete(&at(&first)).await.refused(409, "TERM_NOT_CURRENT");
        admin.delete(&at(&second)).await.is(200);
        let gone = admin.delete(&at(&second)).await.refused(409, "TERM_NOT_CURRENT");
        assert_eq!(gone.body["error"]["details"]["currentId"], Value::Null);
        assert_eq!(nobody.get(PATH).await.is(200).data, json!([]));
        assert_eq!(nobody.get(&at(&second)).await.is(200).data["content"], "All new");
    }
}

on_both_databases! {
    async fn retried_changes_are_answered_as_the_first_time(db: TestDb) {
        let shop = Shop::open(db).await;
        let admin = shop.admin();
        let first = made(&admin, &terms_of("PRIVACY", "Data")).await;
        let put = async |key: &str| {
            let request = admin.request(reqwest::Method::PUT, &at(&first));
            Answer::of(request.header("Idempotency-Key", key).json(&next("Data"))).await
        };
        let (once, twice) = (put("p1").await.is(201), put("p1").await.is(201));
        assert!(twice.is_replay() && !once.is_replay());
        assert_eq!(once.data, twice.data);
        put("p2").await.refused(409, "TERM_NOT_CURRENT");
        let delete = async |key: &str| {
            let request = admin.request(reqwest::Method::DELETE, &at(&once.data));
            Answer::of(request.header("Idempotency-Key", key)).await
        };
        assert!(!delete("d1").await.is(200).is_replay());
        assert!(delete("d1").await.is(200).is_replay());
        delete("d2").await.refused(409, "TERM_NOT_CURRENT");
    }
}

on_both_databases! {
    async fn of_changes_at_once_one_makes_the_next_version(db: TestDb) {
        let shop = Shop::open(db).await;
        let admin = shop.admin();
        let first = made(&admin, &terms_of("SERVICE", "Terms")).await;
        let (path, body) = (at(&first), next("Next"));
        let answers = join_all((0..8).map(|_| admin.put(&path, &body))).await;
        let (won, lost): (Vec<_>, Vec<_>) = answers.into_iter().partition(|a| a.status == 201);
        assert_eq!((won.len(), lost.len()), (1, 7));
        for answer in lost {
            let refused = answer.refused(409, "TERM_NOT_CURRENT");
            assert_eq!(refused.body["error"]["details"]["currentId"], won[0].data["id"]);
        }
    }
}

on_both_databases! {
    async fn a_person_agrees_to_a_version_once(db: TestDb) {
        let shop = Shop::open(db).await;
        let (admin, kim) = (shop.admin(), shop.customer());
        let term = made(&admin, &terms_of("SERVICE", "Terms")).await;
        let path = agree(&term);
        let answers = join_all((0..8).map(|_| kim.post_nothing(&path))).await;
        let answers: Vec<Value> = answers.into_iter().map(|answer| answer.is(200).data).collect();
        let first = &answers[0];
        assert!(answers.iter().all(|answer| answer == first), "{answers:?}");
        assert_eq!(first["userId"], json!(kim.user));
        assert_eq!((&first["termId"], &first["title"]), (&term["id"], &json!("Terms")));
        assert_eq!((&first["type"], &first["version"]), (&json!("SERVICE"), &json!(1)));
        assert_eq!(kim.get(AGREEMENTS).await.is(200).data, json!([first]));

        // The first answer again, also later and once another version is current.
        shop.clock.advance_ms(1_000);
        let second = admin.put(&at(&term), &next("Terms")).await.is(201).data;
        assert_eq!(&kim.post_nothing(&path).await.is(200).data, first);
        let lee = shop.customer();
        let late = lee.post_nothing(&path).await.refused(409, "TERM_NOT_CURRENT");
        assert_eq!(late.body["error"]["details"]["currentId"], second["id"]);
        assert_eq!(lee.get(AGREEMENTS).await.is(200).data, json!([]));

        let newest = kim.post_nothing(&agree(&second)).await.is(200).data;
        let page = kim.get(&format!("{AGREEMENTS}?limit=1")).await.is(200);
        assert_eq!(page.data, json!([newest]));
        let cursor = page.body["meta"]["nextCursor"].as_str().unwrap();
        let rest = kim.get(&format!("{AGREEMENTS}?cursor={cursor}")).await.is(200).data;
        assert_eq!(rest, json!([first]));
    }
}

on_both_databases! {
    async fn terms_are_listed_by_type_and_class_in_order(db: TestDb) {
        let shop = Shop::open(db).await;
        let (admin, nobody) = (shop.admin(), shop.nobody());
        let mine = class(&shop, "PUBLIC").await;
        let (other, hidden) = (class(&shop, "PUBLIC").await, class(&shop, "UNLISTED").await);
        for (kind, title, class) in [
            ("SERVICE", "b", None),
            ("SERVICE", "Z", None),
            ("SERVICE", "가", None),
            ("PRIVACY", "p", None),
            ("ENROLLMENT", "all classes", None),
            ("ENROLLMENT", "mine", Some(mine)),
            ("ENROLLMENT", "other", Some(other)),
            ("ENROLLMENT", "hidden", Some(hidden)),
        ] {
            let mut body = terms_of(kind, title);
            body["mclassId"] = json!(class);
            assert_eq!(made(&admin, &body).await["mclassId"], json!(class));
        }
        let list = async |query: &str| nobody.get(&format!("{PATH}?{query}")).await.is(200);
        let all = ["all classes", "mine", "other", "p", "Z", "b", "가"];
        assert_eq!(titles(&list("").await), all);
        assert_eq!(titles(&list("type=SERVICE").await), ["Z", "b", "가"]);
        assert_eq!(titles(&list(&format!("mclassId={mine}")).await),
            ["all classes", "mine", "p", "Z", "b", "가"]);
        let of_hidden = list(&format!("type=ENROLLMENT&mclassId={hidden}")).await;
        assert_eq!(titles(&of_hidden), ["all classes", "hidden"], "only who knows the class sees it");
        let query = format!("type=ENROLLMENT&mclassId={mine}");
        assert_eq!(titles(&list(&query).await), ["all classes", "mine"]);

        let (mut paged, mut cursor) = (Vec::new(), String::new());
        loop {
            let page = list(&format!("limit=2{cursor}")).await;
            paged.extend(titles(&page).into_iter().map(str::to_owned));
            match page.body["meta"]["nextCursor"].as_str() {
                Some(next) => cursor = format!("&cursor={next}"),
                None => break,
            }
        }
        assert_eq!(paged, all);
    }
}

on_both_databases! {
    async fn an_account_is_made_with_its_agreements_or_not_at_all(db: TestDb) {
        let shop = Shop::open(db).await;
        let (admin, nobody) = (shop.admin(), shop.nobody());
        let service = made(&admin, &terms_of("SERVICE", "Terms")).await;
        let privacy = made(&admin, &terms_of("PRIVACY", "Data")).await;
        let old = made(&admin, &terms_of("SERVICE", "Old")).await;
        admin.delete(&at(&old)).await.is(200);
        let register = async |email: &str, terms: Value| {
            let mut body = registration(email);
            body["agreedTermIds"] = terms;
            nobody.post("/api/auth/register", &body).await
        };
        for bad in [
            json!([service["id"], old["id"]]),
            json!([TermId::random()]),
            json!(["x"]),
            json!([service["id"], null]),
            json!("x"),
            json!(vec![service["id"].clone(); 101]),
        ] {
            register("kim@example.com", bad).await.refused(422, "INVALID");
        }
        // Nothing was made: the address is free.
        let twice = json!([service["id"], privacy["id"], service["id"]]);
        let kim = register("kim@example.com", twice).await.is(201).data;
        assert_eq!(kim["user"]["isSignUpCompleted"], true);
        let token = kim["accessToken"].as_str().unwrap().to_owned();
        let kim = shop.with_token(kim["user"]["id"].as_str().unwrap().parse().unwrap(), token);
        assert_eq!(kim.get(AGREEMENTS).await.is(200).data.as_array().unwrap().len(), 2);
        assert!(is_completed(&kim).await);

        let lee = register("lee@example.com", json!([service["id"]])).await.is(201).data;
        assert_eq!(lee["user"]["isSignUpCompleted"], false);
        let login = json!({"email": "lee@example.com", "password": "correct horse battery"});
        let login = nobody.post("/api/auth/login", &login).await.is(200).data;
        assert_eq!(login["user"]["isSignUpCompleted"], false);
        let token = login["accessToken"].as_str().unwrap().to_owned();
        let lee = shop.with_token(lee["user"]["id"].as_str().unwrap().parse().unwrap(), token);
        lee.post_nothing(&agree(&privacy)).await.is(200);
        assert!(is_completed(&lee).await);
        let changed = lee.patch("/api/users/me", &json!({"name": "Lee"})).await.is(200).data;
        assert_eq!(changed["isSignUpCompleted"], true);
    }
}

on_both_databases! {
    async fn a_retried_registration_keeps_its_agreements(db: TestDb) {
        let shop = Shop::open(db).await;
        let term = made(&shop.admin(), &terms_of("SERVICE", "Terms")).await;
        let mut body = registration("kim@example.com");
        body["agreedTermIds"] = json!([term["id"]]);
        let path = "/api/auth/register";
        let first = shop.nobody().post_with_key(path, "r1", &body).await.is(201).data;
        let again = shop.nobody().post_with_key(path, "r1", &body).await.is(201).data;
        assert_eq!(first["user"], again["user"]);
        assert_eq!(again["user"]["isSignUpCompleted"], true);
        body["agreedTermIds"] = json!([]);
        shop.nobody().post_with_key(path, "r1", &body).await
            .refused(422, "IDEMPOTENCY_KEY_REUSED");
    }
}

on_both_databases! {
    async fn sign_up_is_completed_by_what_is_required_now(db: TestDb) {
        let shop = Shop::open(db).await;
        let admin = shop.admin();
        let kim = shop.nobody().post("/api/auth/register", &registration("kim@example.com")).await;
        let kim = kim.is(201).data;
        assert_eq!(kim["user"]["isSignUpCompleted"], true, "nothing is required");
        let token = kim["accessToken"].as_str().unwrap().to_owned();
        let kim = shop.with_token(kim["user"]["id"].as_str().unwrap().parse().unwrap(), token);
        made(&admin, &terms_of("ENROLLMENT", "Classes")).await;
        let mut optional = terms_of("PRIVACY", "Advertising");
        optional["isRequired"] = json!(false);
        let optional = made(&admin, &optional).await;
        assert!(is_completed(&kim).await, "classes and optional terms are not for sign-up");
        let service = made(&admin, &terms_of("SERVICE", "Terms")).await;
        assert!(!is_completed(&kim).await);
        kim.post_nothing(&agree(&service)).await.is(200);
        assert!(is_completed(&kim).await);
        let second = admin.put(&at(&service), &next("Terms")).await.is(201).data;
        assert!(!is_completed(&kim).await, "a new version is another text");
        kim.post_nothing(&agree(&second)).await.is(200);
        assert!(is_completed(&kim).await);
        admin.put(&at(&optional), &next("Advertising")).await.is(201);
        assert!(!is_completed(&kim).await, "it is required by now");
        let guest = shop.nobody().post_nothing("/api/auth/guest").await.is(201).data;
        let token = guest["accessToken"].as_str().unwrap().to_owned();
        let id = guest["user"]["id"].as_str().unwrap().parse().unwrap();
        assert!(!is_completed(&shop.with_token(id, token)).await);
    }
}

on_both_databases! {
    async fn an_application_needs_the_terms_of_its_class(db: TestDb) {
        let shop = Shop::open(db).await;
        let (admin, kim) = (shop.admin(), shop.customer());
        let (mine, other) = (class(&shop, "PUBLIC").await, class(&shop, "PUBLIC").await);
        let id = |term: &Value| term["id"].as_str().unwrap().parse::<TermId>().unwrap();
        let of_class = |class: OfferingId, title: &str| {
            let mut body = terms_of("ENROLLMENT", title);
            body["mclassId"] = json!(class);
            body
        };
        let service = made(&admin, &terms_of("SERVICE", "Terms")).await;
        let every = made(&admin, &terms_of("ENROLLMENT", "All classes")).await;
        let of_mine = made(&admin, &of_class(mine, "Mine")).await;
        let of_other = made(&admin, &of_class(other, "Other")).await;
        let now = admitone::clock::Clock::now_ms(&*shop.clock);
        let terms = &shop.app.state().terms;
        let missing = async || {
            let missing = terms.missing_for_application(kim.user, mine).await.unwrap();
            missing.into_iter().map(|row| row.id).collect::<BTreeSet<_>>()
        };
        let needed = BTreeSet::from([&service, &every, &of_mine].map(id));
        assert_eq!(missing().await, needed);
        let refused = terms.check_application(kim.user, mine).await.unwrap_err();
        let refused = ApiError::from(refused);
        assert_eq!(refused.code().as_str(), "TERMS_NOT_AGREED");
        let listed = refused.details().unwrap()["terms"].as_array().unwrap().clone();
        assert_eq!(listed.len(), 3);
        let first = json!({"id": every["id"], "type": "ENROLLMENT", "title": "All classes",
            "version": 1});
        assert_eq!(listed[0], first);

        let stray = [id(&service), id(&of_other), TermId::random()];
        let refused = terms.agree_all(kim.user, mine, &stray, now).await.unwrap_err();
        let refused = ApiError::from(refused);
        assert_eq!(refused.details().unwrap()["termIds"], json!(stray[1..]));
        assert_eq!(missing().await, needed, "all or nothing");
        let all: Vec<TermId> = needed.iter().copied().collect();
        terms.agree_all(kim.user, mine, &all, now).await.unwrap();
        terms.agree_all(kim.user, mine, &all, now + 1).await.unwrap();
        assert!(missing().await.is_empty());
        terms.check_application(kim.user, mine).await.unwrap();
        let agreed = kim.get(AGREEMENTS).await.is(200).data;
        assert_eq!(agreed.as_array().unwrap().len(), 3);
        admin.delete(&at(&every)).await.is(200);
        let refused = terms.agree_all(kim.user, mine, &[id(&every)], now).await;
        assert!(refused.is_err(), "it is retired");
        terms.check_application(kim.user, mine).await.unwrap();
    }
}

on_both_databases! {
    async fn agreements_outlive_the_account(db: TestDb) {
        let shop = Shop::open(db).await;
        let term = made(&shop.admin(), &terms_of("SERVICE", "Terms")).await;
        let mut body = registration("kim@example.com");
        body["agreedTermIds"] = json!([term["id"]]);
        let kim = shop.nobody().post("/api/auth/register", &body).await.is(201).data;
        let token = kim["accessToken"].as_str().unwrap().to_owned();
        let kim = shop.with_token(kim["user"]["id"].as_str().unwrap().parse().unwrap(), token);
        kim.delete("/api/users/me").await.is(200);
        let kept = shop.app.state().store.term_agreement_list(kim.user, None, 10).await.unwrap();
        assert_eq!(kept.len(), 1);
        assert_eq!(json!(kept[0].term), term["id"]);
    }
}
