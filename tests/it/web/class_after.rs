//! What people see of their enrollment once the class is full, over, or does not take place.

use admitone::accounts::Role;
use serde_json::json;

use super::classes::{applies, class};
use super::organiser::{Browser, known};
use super::sessions::Browser as Nobody;
use crate::http::api_client::Shop;
use crate::support::test_db::TestDb;

const HOUR_MS: i64 = 3_600_000;

#[tokio::test(flavor = "multi_thread")]
async fn who_was_there_finds_the_certificate_once_the_class_is_over() {
    let shop = Shop::open(TestDb::sqlite().await).await;
    let times =
        json!({"startAt": shop.time_in(3_600), "endAt": shop.time_in(7_200), "capacity": 2});
    let id = class(&shop, times).await;
    let (ann, bo) =
        (known(&shop, "Ann", "ann@example.com").await, known(&shop, "Bo", "bo@example.com").await);
    let mine = applies(&Browser::of(&shop, &ann), &id).await;
    let absent = applies(&Browser::of(&shop, &bo), &id).await;
    let attend = format!("/api/admin/mclasses/{id}/attendance");
    let of = |page: &str| page.rsplit('/').next().unwrap().to_owned();
    let marks = json!({"enrollments": [{"id": of(&mine), "attendance": "LATE"},
        {"id": of(&absent), "attendance": "ABSENT"}]});
    shop.admin().post(&attend, &marks).await.is(200);
    let (file, link) = (format!("{mine}/certificate.pdf"), "certificate.pdf");
    let early = Browser::of(&shop, &ann).get(&mine).await;
    early.shows(&["Attendance: Late", "/cancel"]);
    assert!(!early.text.contains(link), "{}", early.text);
    assert_eq!(Browser::of(&shop, &ann).get(&file).await.status, 409);

    shop.clock.advance_ms(2 * HOUR_MS);
    let (ann, bo) = (shop.again(&ann, Role::User), shop.again(&bo, Role::User));
    let (ann, bo) = (Browser::of(&shop, &ann), Browser::of(&shop, &bo));
    let page = ann.get(&mine).await;
    page.shows(&[&file, "cannot be given back here any more"]);
    assert!(!page.text.contains("/cancel"), "{}", page.text);
    assert!(ann.get(&file).await.text.starts_with("%PDF"));
    let page = bo.get(&absent).await;
    page.shows(&["Attendance: Absent"]);
    assert!(!page.text.contains(link), "{}", page.text);
    assert_eq!(bo.get(&file).await.status, 404, "another person's");
    let ask = format!("{mine}/cancel");
    ann.get(&ask).await.shows(&["cannot be given back here any more"]);
    let refused = ann.post(&ask, &[("key", "late")]).await;
    assert_eq!(refused.status, 409, "{}", refused.text);
    refused.shows(&["cannot be given back here any more"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_class_without_room_takes_no_application_and_one_that_is_cancelled_says_so() {
    let shop = Shop::open(TestDb::sqlite().await).await;
    let id = class(&shop, json!({"visibility": "UNLISTED"})).await;
    let page = format!("/classes/{id}");
    let ann = known(&shop, "Ann", "ann@example.com").await;
    let ann = Browser::of(&shop, &ann);
    let mine = applies(&ann, &id).await;
    let bo = known(&shop, "Bo", "bo@example.com").await;
    let full = Browser::of(&shop, &bo).get(&page).await;
    full.shows(&["All places and all places in line are taken"]);
    assert!(!full.text.contains("/apply"), "{}", full.text);
    let seen = Nobody::at(shop.app.url("")).get(&page).await;
    assert_eq!(seen.headers()["x-robots-tag"], "noindex");

    let path = format!("/api/mclasses/{id}?cancelEnrollments=true");
    shop.admin().delete(&path).await.is(200);
    shop.sweep().await;
    ann.get(&mine).await.shows(&[&page, "does not take place"]);
    let gone = Nobody::at(shop.app.url("")).get(&page).await;
    assert_eq!(gone.status().as_u16(), 200);
    assert!(gone.text().await.unwrap().contains("This class does not take place"));
    assert!(!ann.get("/classes").await.text.contains(&page));
}

#[tokio::test(flavor = "multi_thread")]
async fn ones_own_answers_and_reason_are_shown_in_the_words_of_the_form() {
    let shop = Shop::open(TestDb::sqlite().await).await;
    let id = class(&shop, json!({"selectionType": "REVIEW"})).await;
    let form = json!({"title": "About you", "questions": [
        {"id": "z", "type": "SINGLE_CHOICE", "label": "Level?", "order": 1, "options": [
            {"value": "none", "label": "I am new"}, {"value": "some", "label": "I know clay"}]},
        {"id": "a", "type": "SHORT_TEXT", "label": "Why?", "order": 2}]});
    shop.admin().post(&format!("/api/mclasses/{id}/enrollment-form"), &form).await.is(201);
    let kim = known(&shop, "Kim", "kim@example.com").await;
    let body = json!({"formVersion": 1, "answers": {"z": "none", "a": "<i>Fire</i>"}});
    let applied = kim.post(&format!("/api/mclasses/{id}/enrollments"), &body).await.is(201).data;
    let mine = format!("/enrollments/{}", applied["id"].as_str().unwrap());
    let kim = Browser::of(&shop, &kim);
    let desk = Browser::of(&shop, &shop.admin());
    for page in [kim.get(&mine).await, desk.get(&format!("/organiser{mine}")).await] {
        page.shows(&["Level?", "I am new", "Why?", "&lt;i&gt;Fire&lt;/i&gt;"]);
        assert!(page.text.find("Level?") < page.text.find("Why?"), "in the form's order");
    }
    kim.get(&format!("{mine}/cancel")).await.shows(&["May be left empty"]);
    let reason = [("key", "c"), ("reason", "No time")];
    kim.post(&format!("{mine}/cancel"), &reason).await.leads_to(&mine);
    let page = kim.get(&mine).await;
    page.shows(&["You wrote:", "No time"]);
    assert!(!page.text.contains("The organiser writes"), "{}", page.text);
}
