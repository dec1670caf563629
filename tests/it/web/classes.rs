//! The pages of classes, as browsers without scripts use them.

use reqwest::StatusCode;
use serde_json::{Value, json};

use super::organiser::{Browser, Page, known};
use super::sessions::Browser as Nobody;
use crate::http::api_client::Shop;
use crate::support::test_db::TestDb;

pub async fn class(shop: &Shop, change: Value) -> String {
    let mut body = json!({"title": "<b>도예</b> Pottery", "location": "Studio 3", "capacity": 1,
        "description": "One\nTwo", "selectionType": "FIRST_COME", "timeZone": "Asia/Seoul",
        "startAt": "2035-05-01T10:00:00Z", "endAt": "2035-05-01T12:00:00Z"});
    for (name, value) in change.as_object().unwrap() {
        body[name] = value.clone();
    }
    let made = shop.admin().post("/api/mclasses", &body).await.is(201).data;
    made["id"].as_str().unwrap().to_owned()
}

/// Applies by the form; returns the address of the enrollment.
pub async fn applies(browser: &Browser<'_>, class: &str) -> String {
    let page = browser.post(&format!("/classes/{class}/apply"), &[("key", "k")]).await;
    page.leads_to("/enrollments/").split('?').next().unwrap().to_owned()
}

/// Returns the value of the first input of this name on a page.
fn value<'a>(page: &'a Page, name: &str) -> &'a str {
    let (_, rest) = page.text.split_once(&format!("name=\"{name}\"")).expect("the input");
    let (_, rest) = rest.split_once("value=\"").expect("a value");
    rest.split_once('"').expect("its end").0
}

on_both_databases! {
    async fn a_visitor_finds_a_class_applies_and_sees_the_place_in_line(db: TestDb) {
        let shop = Shop::open(db).await;
        let change = json!({"allowWaitlist": true, "waitlistCapacity": 2});
        let id = class(&shop, change).await;
        let page = format!("/classes/{id}");
        let mut nobody = Nobody::at(shop.app.url(""));
        for (query, is_found) in [
            ("", true), ("?q=pottery", true), ("?place=studio&free=on&recruiting=on", true),
            ("?q=chess", false), ("?online=on", false), ("?until=2035-04-30", false),
            ("?from=2035-05-01&until=2035-05-01", true), ("?sort=recruitEndAt&upcoming=on", true),
        ] {
            let list = nobody.get(&format!("/classes{query}")).await.text().await.unwrap();
            assert_eq!(list.contains(&page), is_found, "{query}: {list}");
        }
        let wrong = nobody.get("/classes?from=tomorrow").await.text().await.unwrap();
        assert!(wrong.contains("id=\"field-from-error\""), "{wrong}");
        let shown = nobody.get(&page).await.text().await.unwrap();
        for part in ["&lt;b&gt;도예&lt;/b&gt;", "Studio 3", "Places left: 1", "Free of charge",
            "19:00 (KST)", "One\nTwo", &format!("/sign-in?back={page}")] {
            assert!(shown.contains(part), "{part}: {shown}");
        }
        assert!(!shown.contains("/apply"), "{shown}");

        let first = known(&shop, "Ann", "ann@example.com").await;
        let (first, second) = (Browser::of(&shop, &first), known(&shop, "Bo", "bo@example.com").await);
        let (second, third) = (Browser::of(&shop, &second), known(&shop, "Cy", "cy@example.com").await);
        let third = Browser::of(&shop, &third);
        first.get(&page).await.shows(&["/apply", "in the order of applications"]);
        let mine = applies(&first, &id).await;
        first.get(&format!("{mine}?notice=applied")).await
            .shows(&["You have a place", "/tickets/", "has arrived"]);
        first.get("/enrollments").await.shows(&[&mine, "Confirmed"]);
        first.get(&page).await.shows(&[&mine, "Full. In line: 0"]);

        let waiting = applies(&second, &id).await;
        let last = applies(&third, &id).await;
        third.get(&last).await.shows(&["Number 2 of 2 in line"]);
        let shown = second.get(&waiting).await;
        shown.shows(&["Number 1 of 2 in line"]);
        assert_eq!(shown.refresh, format!("15; url={waiting}"));
        assert_eq!(third.get(&waiting).await.status, 404, "another person's");

        let ask = format!("{mine}/cancel");
        let key = first.get(&ask).await;
        key.shows(&["Nothing was paid"]);
        let form = [("key", value(&key, "key")), ("reason", "<i>ill</i>")];
        first.post(&ask, &form).await.leads_to(&mine);
        first.get(&mine).await.shows(&["Canceled by the applicant", "&lt;i&gt;ill&lt;/i&gt;"]);
        second.get(&waiting).await.shows(&["You have a place"]);
        third.get(&last).await.shows(&["Number 1 of 1 in line"]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn refusals_of_an_application_are_said_on_the_page_of_the_class() {
    let shop = Shop::open(TestDb::sqlite().await).await;
    let kim = known(&shop, "Kim", "kim@example.com").await;
    let kim = Browser::of(&shop, &kim);
    let lee = known(&shop, "Lee", "lee@example.com").await;
    let lee = Browser::of(&shop, &lee);
    let full = class(&shop, json!({})).await;
    let mine = applies(&lee, &full).await;
    let later = class(&shop, json!({"recruitStartAt": "2035-04-01T00:00:00Z"})).await;
    kim.get(&format!("/classes/{later}")).await.shows(&["Not open yet", "09:00 (KST)"]);
    for (id, browser, said) in [
        (&full, &kim, "The class is full, and so is its waitlist."),
        (&later, &kim, "Applications open on"),
        (&full, &lee, "You have applied for this class already."),
    ] {
        let refused = browser.post(&format!("/classes/{id}/apply"), &[("key", "other")]).await;
        assert_eq!(refused.status, 409, "{}", refused.text);
        refused.shows(&[said, "role=\"alert\""]);
    }
    let again = lee.post(&format!("/classes/{full}/apply"), &[("key", "other")]).await;
    again.shows(&[&format!("{mine}\">To my enrollment")]);
    let guest =
        Nobody::at(shop.app.url("")).post(&format!("/classes/{full}/apply"), &[("key", "k")]).await;
    assert_eq!(guest.status(), StatusCode::UNAUTHORIZED);
    let gone = "/classes/5f0c3a52-8a0e-4c0e-9a55-0d8f6a2b1c3d";
    kim.get(gone).await.shows(&["There is no such class."]);
    assert_eq!(kim.get(gone).await.status, 404);
    assert_eq!(kim.post(&format!("{gone}/apply"), &[("key", "k")]).await.status, 404);
    // A form that was refused leaves its address in the browser.
    kim.get(&format!("/classes/{full}/apply")).await.leads_to(&format!("/classes/{full}"));
}

#[tokio::test(flavor = "multi_thread")]
async fn answers_and_terms_are_asked_for_kept_and_changed_until_the_decision() {
    let shop = Shop::open(TestDb::sqlite().await).await;
    let id = class(&shop, json!({"selectionType": "REVIEW"})).await;
    let form = json!({"title": "About you", "questions": [
        {"id": "why", "type": "SHORT_TEXT", "label": "Why?", "required": true},
        {"id": "more", "type": "LONG_TEXT", "label": "More"}]});
    shop.admin().post(&format!("/api/mclasses/{id}/enrollment-form"), &form).await.is(201);
    let term = json!({"type": "ENROLLMENT", "title": "House rules", "content": "Be kind",
        "isRequired": true});
    let term = shop.admin().post("/api/terms", &term).await.is(201).data;
    let term = format!("term-{}", term["id"].as_str().unwrap());
    let term = term.as_str();
    let kim = known(&shop, "Kim", "kim@example.com").await;
    let kim = Browser::of(&shop, &kim);
    let page = kim.get(&format!("/classes/{id}")).await;
    page.shows(&["Why?", "House rules", term, "The organiser looks at each application"]);
    let apply = format!("/classes/{id}/apply");
    let (key, version) = (value(&page, "key"), value(&page, "form_version"));
    let base = [("key", key), ("form_version", version), ("answer-more", "<i>Kept</i>")];
    let refused = kim.post(&apply, &[&base[..], &[(term, "on")]].concat()).await;
    assert_eq!(refused.status, 422);
    refused.shows(&["Some answers do not fit", "&lt;i&gt;Kept&lt;/i&gt;", "must be answered"]);
    let refused = kim.post(&apply, &[&base[..], &[("answer-why", "Clay")]].concat()).await;
    assert_eq!(refused.status, 409);
    refused.shows(&["marked as required", "value=\"Clay\""]);
    let good = [&base[..], &[("answer-why", "Clay"), (term, "on")]].concat();
    let mine = kim.post(&apply, &good).await.leads_to("/enrollments/");
    assert_eq!(mine, kim.post(&apply, &good).await.location, "a form that is sent twice");
    let mine = mine.split('?').next().unwrap();
    let answers = format!("{mine}/answers");
    kim.get(mine).await.shows(&[&answers, "Applied"]);
    let page = kim.get(&answers).await;
    page.shows(&["value=\"Clay\"", "&lt;i&gt;Kept&lt;/i&gt;"]);
    let form = |key, why| {
        let seen = value(&page, "version");
        let base = vec![("key", key), ("version", seen), ("form_version", version)];
        [base, vec![("answer-why", why)]].concat()
    };
    assert_eq!(kim.post(&answers, &form("a", "")).await.status, 422);
    kim.post(&answers, &form("a", "Fire")).await.leads_to(mine);
    kim.get(&answers).await.shows(&["value=\"Fire\""]);
    let desk = Browser::of(&shop, &shop.admin());
    desk.get(&format!("/organiser{mine}")).await.shows(&["Why?", "Fire", "Kim"]);
    // Seen before the change: another version by now.
    let late = kim.post(&answers, &form("b", "Late")).await;
    assert_eq!(late.status, 409, "{}", late.text);
    late.shows(&["has changed since the page was opened", "value=\"Late\""]);
}

fn filled() -> Vec<(&'static str, &'static str)> {
    vec![
        ("key", "6a1f3a52"),
        ("title", "<b>Yoga</b>"),
        ("location", "Hall"),
        ("description", "One"),
        ("visibility", "PUBLIC"),
        ("capacity", "2"),
        ("waitlist", "3"),
        ("selection", "REVIEW"),
        ("promotion", "OFFER"),
        ("reapply", "on"),
        ("fee", "80.50"),
        ("currency", "usd"),
        ("time_zone", "America/New_York"),
        ("starts", "2035-05-01T19:30"),
        ("ends", "2035-05-01T21:00"),
        ("recruit_start", ""),
        ("recruit_end", "2035-04-30T12:00"),
        ("pay_minutes", "60"),
        ("offer_minutes", "30"),
        ("cancel", "until"),
        ("cancel_until", "2035-04-20T12:00"),
        ("refund_percent", "80"),
    ]
}

fn with(changes: &[(&str, &'static str)]) -> Vec<(&'static str, &'static str)> {
    let mut form = filled();
    for (name, value) in changes {
        form.iter_mut().find(|(known, _)| known == name).expect("a field").1 = value;
    }
    form
}

on_both_databases! {
    async fn a_class_is_made_changed_and_ended_by_forms(db: TestDb) {
        const NEW: &str = "/organiser/classes/new";
        let shop = Shop::open(db).await;
        let desk = Browser::of(&shop, &shop.admin());
        desk.get("/organiser").await.shows(&["/organiser/classes"]);
        desk.get(NEW).await.shows(&["name=\"capacity\"", "value=\"UTC\""]);
        for (name, bad) in [
            ("title", " "), ("capacity", "0"), ("capacity", ""), ("capacity", "-1"), ("waitlist", "x"),
            ("fee", "1.234"), ("currency", "XYZ"), ("time_zone", "Mars"), ("starts", ""),
            ("ends", "2035-05-01T19:00"), ("recruit_end", "2035-05-02T12:00"),
            ("recruit_start", "2035-05-01T12:00"), ("pay_minutes", "0"), ("offer_minutes", "90000"),
            ("cancel_until", ""), ("refund_percent", "101"),
        ] {
            let refused = desk.post(NEW, &with(&[(name, bad)])).await;
            assert_eq!(refused.status, 422, "{name}={bad}: {}", refused.text);
            refused.shows(&[&format!("id=\"field-{name}-error\""), "value=\"Hall\""]);
        }
        let at = desk.post(NEW, &filled()).await.leads_to("/organiser/classes/");
        assert_eq!(at, desk.post(NEW, &filled()).await.location, "a form that is sent twice makes one");
        let at = at.split('?').next().unwrap();
        let id = at.rsplit('/').next().unwrap();
        let made = shop.nobody().get(&format!("/api/mclasses/{id}")).await.is(200).data;
        for (name, expected) in [
            ("fee", json!({"amount": 8050, "currency": "USD"})), ("waitlistCapacity", json!(3)),
            ("startAt", json!("2035-05-01T23:30:00.000Z")), ("offerSeconds", json!(1800)),
            ("recruitEndAt", json!("2035-04-30T16:00:00.000Z")), ("promotion", json!("OFFER")),
        ] {
            assert_eq!(made[name], expected, "{name}");
        }
        desk.get("/organiser/classes").await.shows(&[at, "0 / 2"]);

        let edit = format!("{at}/edit");
        desk.get(&edit).await.shows(&["value=\"2035-05-01T19:30\"", "value=\"80.50\"", "Yoga"]);
        let changed = with(&[("key", "e1"), ("capacity", "5"), ("currency", "USD")]);
        desk.post(&edit, &changed).await.leads_to(at);
        let now = shop.nobody().get(&format!("/api/mclasses/{id}")).await.is(200).data;
        assert_eq!(now["capacity"], 5);
        for name in ["fee", "startAt", "recruitEndAt", "cancellation", "title", "promotion"] {
            assert_eq!(now[name], made[name], "{name}");
        }

        // What another administrator changes while the page is open stays.
        let page = desk.get(&edit).await;
        let shown = page.text.split("name=\"shown\" value=\"").nth(1).expect("the form as it was shown");
        let shown = shown.split('"').next().unwrap().replace("&quot;", "\"").replace("&amp;", "&");
        let meanwhile = json!({"capacity": 7, "waitlistCapacity": 4, "cancellation": {"allowed": false},
            "startAt": "2035-05-01T22:30:00Z"});
        shop.admin().put(&format!("/api/mclasses/{id}"), &meanwhile).await.is(200);
        let late = with(&[("key", "e3"), ("capacity", "5"), ("currency", "USD"), ("promotion", "AUTO"),
            ("refund_percent", "50"), ("ends", "2035-05-01T21:30")]);
        let late: Vec<_> = late.into_iter().chain([("shown", &*shown)]).collect();
        desk.post(&edit, &late).await.leads_to(at);
        let now = shop.nobody().get(&format!("/api/mclasses/{id}")).await.is(200).data;
        for (name, expected) in [("capacity", json!(7)), ("waitlistCapacity", json!(4)), ("promotion", json!("AUTO")),
            ("startAt", json!("2035-05-01T22:30:00.000Z")), ("endAt", json!("2035-05-02T01:30:00.000Z"))] {
            assert_eq!(now[name], expected, "{name}");
        }
        assert_eq!(now["cancellation"]["allowed"], false);
        let kim = known(&shop, "Kim", "kim@example.com").await;
        let mine = applies(&Browser::of(&shop, &kim), id).await;
        let frozen = with(&[("key", "e2"), ("selection", "FIRST_COME"), ("currency", "USD"), ("capacity", "7")]);
        let refused = desk.post(&edit, &frozen).await;
        assert_eq!(refused.status, 409, "{}", refused.text);
        refused.shows(&["id=\"field-selection-error\"", "the way of selection stays"]);

        let cancel = format!("{at}/cancel");
        desk.get(&cancel).await.shows(&["Enrollments that end with it: 1"]);
        // The page was opened before the application.
        let stale = desk.post(&cancel, &[("key", "c0"), ("living", "0")]).await;
        assert_eq!(stale.status, 409);
        stale.shows(&["People have applied meanwhile", "Enrollments that end with it: 1"]);
        desk.post(&cancel, &[("key", "c1"), ("living", "1")]).await.leads_to("/organiser/classes");
        shop.sweep().await;
        Browser::of(&shop, &kim).get(&mine).await.shows(&["The class does not take place."]);
        assert_eq!(Browser::of(&shop, &kim).get("/organiser/classes").await.status, 403);
        assert_eq!(Browser::of(&shop, &kim).get(at).await.status, 403);
    }
}

on_both_databases! {
    async fn applications_are_decided_at_the_desk_each_with_an_outcome(db: TestDb) {
        let shop = Shop::open(db).await;
        let change = json!({"selectionType": "REVIEW", "allowWaitlist": true, "waitlistCapacity": 9,
            "promotion": "OFFER", "capacity": 1,
            "startAt": shop.time_in(20 * 3_600), "endAt": shop.time_in(22 * 3_600)});
        let id = class(&shop, change).await;
        let desk = Browser::of(&shop, &shop.admin());
        let at = format!("/organiser/classes/{id}");
        let mut people = Vec::new();
        for name in ["Ann", "Bo", "Cy", "Dee"] {
            people.push(known(&shop, name, &format!("{name}@example.com")).await);
        }
        let mut mine = Vec::new();
        for person in &people {
            mine.push(applies(&Browser::of(&shop, person), &id).await);
        }
        let box_of = |path: &String| format!("{}_1", path.rsplit('/').next().unwrap());
        let page = desk.get(&at).await;
        page.shows(&["Ann", "Dee", &box_of(&mine[0]), "Confirm, or put in line if full"]);
        let decide = format!("{at}/decisions");
        let boxes: Vec<_> = mine.iter().map(box_of).collect();
        // Nothing waits while a place is free: the button is missing, and a late click is refused.
        let to_line = "value=\"waitlist\"";
        assert!(!page.text.contains(to_line));
        assert!(!desk.get(&format!("/organiser{}", mine[0])).await.text.contains(to_line));
        let form = [("key", "d0"), ("do", "waitlist"), ("pick", &*boxes[0]), ("pick", &boxes[1])];
        let outcome = desk.post(&decide, &form).await;
        outcome.shows(&["0 of 2 decided.", "Ann", "Bo", "Places are free (1): approve"]);
        let form = [("key", "d1"), ("do", "approve"), ("pick", &boxes[0]), ("pick", &boxes[1]), ("reason", "")];
        let outcome = desk.post(&decide, &form).await;
        outcome.shows(&["1 of 2 decided.", "Ann", "Bo", "Not done.", "No place is left."]);
        assert_eq!(desk.post(&decide, &form).await.text, outcome.text, "sent twice");
        desk.get(&at).await.shows(&[to_line]);
        let form = [("key", "d2"), ("do", "waitlist"), ("pick", &*boxes[0]), ("pick", &boxes[1]),
            ("pick", &boxes[2])];
        desk.post(&decide, &form).await.shows(&["2 of 3 decided.", "has changed since the page was opened"]);
        let form = [("key", "d3"), ("do", "reject"), ("pick", &*boxes[3]), ("reason", "<i>Sorry</i>")];
        desk.post(&decide, &form).await.shows(&["1 of 1 decided.", "Rejected"]);
        let dee = Browser::of(&shop, &people[3]);
        dee.get(&mine[3]).await.shows(&["Rejected", "&lt;i&gt;Sorry&lt;/i&gt;"]);
        desk.post(&decide, &[("key", "d4"), ("do", "reject")]).await.leads_to(&at);
        desk.get(&format!("{at}?status=REJECTED")).await.shows(&["Dee"]);

        // The line, in order, and one who is moved up in it.
        let order = |page: &Page| page.text.find("Bo").unwrap() < page.text.find("Cy").unwrap();
        let line = format!("{at}?status=WAITLISTED");
        assert!(order(&desk.get(&line).await));
        let third = format!("/organiser{}", mine[2]);
        desk.get(&third).await.shows(&["Number 2 of 2 in line", "id=\"move\""]);
        let up = format!("{third}/position");
        let refused = desk.post(&up, &[("key", "m1"), ("position", "1"), ("why", " ")]).await;
        assert_eq!(refused.status, 422, "{}", refused.text);
        refused.shows(&["role=\"alert\""]);
        desk.post(&up, &[("key", "m2"), ("position", "1"), ("why", "Waited <b>twice</b>")]).await.leads_to(&third);
        assert!(!order(&desk.get(&line).await));
        desk.get(&format!("{at}/log")).await.shows(&["Moved up", "Waited &lt;b&gt;twice&lt;/b&gt;", "Cy"]);

        // A stale decision says so, and shows the present state.
        let stale = format!("{third}/decision");
        let refused = desk.post(&stale, &[("key", "s1"), ("version", "1"), ("do", "reject"), ("reason", "Kept")]).await;
        assert_eq!(refused.status, 409);
        refused.shows(&["has changed since the page was opened", "Kept", "Number 1 of 2 in line"]);

        // A place that becomes free is offered, and taken by a button.
        let first = format!("/organiser{}", mine[0]);
        let page = desk.get(&first).await;
        let form = [("key", "a1"), ("version", value(&page, "version")), ("do", "cancel"), ("reason", "Moved")];
        desk.post(&format!("{first}/decision"), &form).await.leads_to(&first);
        let cy = Browser::of(&shop, &people[2]);
        let offer = cy.get(&mine[2]).await;
        offer.shows(&["A place is held for you", "Take the place"]);
        assert_eq!(offer.refresh, "", "the offer says its deadline");
        let accept = format!("{}/accept", mine[2]);
        cy.post(&accept, &[("key", value(&offer, "key"))]).await.leads_to(&mine[2]);
        cy.get(&mine[2]).await.shows(&["You have a place"]);
        let again = Browser::of(&shop, &people[1]).post(&format!("{}/accept", mine[1]), &[("key", "x")]).await;
        assert_eq!(again.status, 409, "{}", again.text);

        let box_now = |page: &Page| value(page, "pick").to_owned();
        let picked = box_now(&desk.get(&format!("{at}?status=APPROVED")).await);
        desk.post(&decide, &[("key", "p1"), ("do", "late"), ("pick", &picked)]).await.leads_to(&at);
        desk.get(&third).await.shows(&["Late", "Attendance (Late)"]);
        let eve = Browser::of(&shop, &people[1]);
        assert_eq!(eve.post(&decide, &[("key", "h"), ("do", "approve"), ("pick", &picked)]).await.status, 403);
        assert_eq!(eve.get(&third).await.status, 403);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fee_is_paid_on_the_order_which_leads_back_to_the_class() {
    let shop = Shop::open(TestDb::sqlite().await).await;
    let fee = json!({"fee": {"amount": 50_000, "currency": "KRW"},
        "cancellation": {"refundPercent": 50}});
    let id = class(&shop, fee).await;
    let kim = known(&shop, "Kim", "kim@example.com").await;
    kim.charge(50_000).await;
    let browser = Browser::of(&shop, &kim);
    browser.get(&format!("/classes/{id}")).await.shows(&["₩50,000", "you have 2 days to pay it"]);
    let mine = applies(&browser, &id).await;
    let order = mine.replace("/enrollments/", "/orders/");
    browser.get(&mine).await.shows(&["The fee of ₩50,000 is to be paid", &order]);
    browser.get("/enrollments").await.shows(&["Fee to be paid"]);
    browser.get(&order).await.shows(&[&format!("/classes/{id}"), "50,000"]);
    let pay = [("key", "pay"), ("method", "wallet")];
    browser.post(&format!("{order}/pay"), &pay).await.leads_to(&order);
    browser.get(&mine).await.shows(&["You have a place", "/tickets/"]);
    browser.get(&format!("{mine}/cancel")).await.shows(&["₩25,000 is given back"]);
}
