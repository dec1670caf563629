//! The builder of enrollment forms, as an organiser without scripts uses it.

use serde_json::json;

use super::organiser::Browser;
use crate::http::api_client::Shop;
use crate::http::forms::class;
use crate::support::test_db::TestDb;

/// A form with two questions as the builder sends it.
const SENT: &[(&str, &str)] = &[
    ("key", "5f0f2c1a-0000-4000-8000-000000000001"),
    ("version", ""),
    ("title", "Apply <b>now</b>"),
    ("description", ""),
    ("is_active", "on"),
    ("question-0-id", "level"),
    ("question-0-type", "SINGLE_CHOICE"),
    ("question-0-label", "Your level?"),
    ("question-0-help", "Be honest."),
    ("question-0-required", "on"),
    ("question-0-options", "none | Nothing so far\r\nSome years"),
    ("question-1-id", "years"),
    ("question-1-type", "NUMBER"),
    ("question-1-label", "How many years?"),
    ("question-1-help", ""),
    ("question-1-required", "on"),
    ("question-1-min", "1"),
    ("question-1-max", ""),
    ("question-1-integer", "on"),
    ("question-1-showIf", "level"),
    ("question-1-answer", "Some years"),
];

fn with<'a>(more: &[(&'a str, &'a str)]) -> Vec<(&'a str, &'a str)> {
    let is_other = |name: &str| more.iter().all(|(other, _)| *other != name);
    let kept = SENT.iter().copied().filter(|(name, _)| is_other(name));
    kept.chain(more.iter().copied()).collect()
}

on_both_databases! {
    async fn a_form_is_built_saved_and_changed_by_posts_alone(db: TestDb) {
        let shop = Shop::open(db).await;
        let organiser = Browser::of(&shop, &shop.admin());
        let class = class(&shop).await;
        let at = format!("/organiser/classes/{class}/form");
        let api = format!("/api/mclasses/{class}/enrollment-form");
        organiser.get(&at).await.shows(&["Form for applications", "value=\"add\""]);

        let added = organiser.post(&at, &with(&[("do", "add"), ("new_type", "DATE")])).await;
        added.shows(&["Question 3", "name=\"question-2-minDate\"", "value=\"q1\"", "Apply &lt;b&gt;now"]);
        let moved = organiser.post(&at, &with(&[("do", "up-1")])).await;
        moved.shows(&["name=\"question-0-label\" type=\"text\" value=\"How many years?\""]);
        let moved = organiser.post(&at, &with(&[("do", "down-0")])).await;
        moved.shows(&["name=\"question-1-label\" type=\"text\" value=\"Your level?\""]);
        let removed = organiser.post(&at, &with(&[("do", "remove-0")])).await;
        assert!(!removed.text.contains("Your level?"));
        for nothing in ["up-0", "down-1", "remove-2", "remove-x", "add", ""] {
            let page = organiser.post(&at, &with(&[("do", nothing)])).await;
            page.shows(&["name=\"question-0-label\" type=\"text\" value=\"Your level?\"", "Question 2"]);
            assert!(!page.text.contains("Question 3"), "{nothing}");
        }
        shop.nobody().get(&api).await.refused(404, "FORM_NOT_FOUND");

        organiser.post(&at, &with(&[("do", "save")])).await.leads_to(&at);
        let saved = shop.nobody().get(&api).await.is(200).data;
        assert_eq!((&saved["title"], &saved["version"]), (&json!("Apply <b>now</b>"), &json!(1)));
        assert_eq!(saved["questions"], json!([
            {"id": "level", "type": "SINGLE_CHOICE", "label": "Your level?", "help": "Be honest.",
             "required": true, "order": 0, "options": [
                {"value": "none", "label": "Nothing so far"}, {"value": "Some years", "label": "Some years"}]},
            {"id": "years", "type": "NUMBER", "label": "How many years?", "required": true, "order": 0,
             "min": 1, "integer": true, "showIf": {"question": "level", "equals": "Some years"}},
        ]));
        let page = organiser.get(&at).await;
        page.shows(&["none | Nothing so far\nSome years", "name=\"version\" value=\"1\"", "checked"]);
        // The same again is the same request, and another one is the next version.
        organiser.post(&at, &with(&[("do", "save")])).await.leads_to(&at);
        let next = with(&[("do", "save"), ("key", "k2"), ("version", "1"), ("title", "Later")]);
        organiser.post(&at, &next).await.leads_to(&at);
        assert_eq!(shop.nobody().get(&api).await.is(200).data["version"], 2);

        let late = with(&[("do", "save"), ("key", "k3"), ("version", "1"), ("title", "Mine")]);
        let lost = organiser.post(&at, &late).await;
        assert_eq!(lost.status, 409);
        lost.shows(&["Version 2 was saved meanwhile", "name=\"version\" value=\"2\"", "value=\"Mine\""]);
        assert_eq!(shop.nobody().get(&api).await.is(200).data["title"], "Later");
        organiser.post(&at, &with(&[("do", "delete"), ("key", "k4")])).await.leads_to(&at);
        shop.nobody().get(&api).await.refused(404, "FORM_NOT_FOUND");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_wrong_with_a_form_is_said_and_nothing_that_was_entered_is_lost() {
    let shop = Shop::open(TestDb::sqlite().await).await;
    let organiser = Browser::of(&shop, &shop.admin());
    let at = format!("/organiser/classes/{}/form", class(&shop).await);
    let wrong = with(&[
        ("title", ""),
        ("question-0-options", "a\na"),
        ("question-1-min", "many"),
        ("question-1-answer", "Nothing of that"),
    ]);
    for action in ["save", "preview"] {
        let mut wrong = wrong.clone();
        wrong.push(("do", action));
        let page = organiser.post(&at, &wrong).await;
        assert_eq!(page.status, 422);
        page.shows(&[
            "href=\"#field-title\"",
            "href=\"#field-question-0-options\"",
            "href=\"#field-question-1-min\"",
            "value=\"many\"",
            "value=\"Nothing of that\"",
            "Question 2: ",
        ]);
    }
    assert_eq!(Browser::of(&shop, &shop.customer()).get(&at).await.status, 403);
    let other = format!("/organiser/classes/{}/form", admitone::ids::OfferingId::random());
    assert_eq!(organiser.get(&other).await.status, 404);
    assert_eq!(organiser.post(&other, &with(&[("do", "save")])).await.status, 404);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_preview_is_what_applicants_see_and_takes_answers_to_try() {
    let shop = Shop::open(TestDb::sqlite().await).await;
    let organiser = Browser::of(&shop, &shop.admin());
    let at = format!("/organiser/classes/{}/form", class(&shop).await);
    let more = [
        ("question-2-id", "days"),
        ("question-2-type", "MULTIPLE_CHOICE"),
        ("question-2-label", "Days"),
        ("question-2-options", "mon\ntue"),
        ("question-3-id", "ok"),
        ("question-3-type", "CONSENT"),
        ("question-3-label", "I <i>agree</i>"),
        ("question-3-required", "on"),
        ("question-4-id", "why"),
        ("question-4-type", "LONG_TEXT"),
        ("question-4-label", "Why?"),
        ("do", "preview"),
    ];
    let page = organiser.post(&at, &with(&more)).await;
    page.shows(&[
        "<legend>Your level?</legend>",
        "type=\"radio\" name=\"answer-level\" value=\"none\" required",
        "data-question=\"years\" data-if=\"level\" data-equals=\"Some years\"",
        "Only if the answer to “Your level?” is “Some years”.",
        "name=\"answer-years\" type=\"number\"",
        "Days (optional)",
        "I &lt;i&gt;agree&lt;/i&gt;",
        "form-fields.js",
    ]);
    let tried = |answers: &[(&'static str, &'static str)]| {
        let tried = [("tried", "on")];
        with(&more.iter().chain(&tried).chain(answers).copied().collect::<Vec<_>>())
    };
    // `years` is not asked, so it is not in the way, and stays as it was entered.
    let good = [
        ("answer-level", "none"),
        ("answer-years", "x"),
        ("answer-ok", "true"),
        ("answer-days", "tue"),
    ];
    let page = organiser.post(&at, &tried(&good)).await;
    page.shows(&["These answers fit the form.", "name=\"answer-days\" value=\"tue\" checked"]);
    page.shows(&["name=\"answer-years\" type=\"number\" value=\"x\""]);
    let bad = [("answer-level", "Some years"), ("answer-years", "x"), ("answer-why", "a\r\nb")];
    let page = organiser.post(&at, &tried(&bad)).await;
    page.shows(&["must be a number", "must be agreed to", ">a\nb</textarea>"]);
    assert!(!page.text.contains("These answers fit"));
}
