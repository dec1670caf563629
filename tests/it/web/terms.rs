//! The pages of terms, as a browser without scripts uses them.

use reqwest::StatusCode;
use serde_json::{Value, json};

use super::organiser::Browser as Organiser;
use super::sessions::{Browser, PASSWORD, member};
use crate::http::api_client::Shop;
use crate::support::test_db::TestDb;

async fn made(shop: &Shop, kind: &str, title: &str, is_required: bool) -> String {
    let body = json!({"type": kind, "title": title, "content": "1. <b>One</b>\n2. 둘",
        "isRequired": is_required});
    let made = shop.admin().post("/api/terms", &body).await.is(201).data;
    made["id"].as_str().unwrap().to_owned()
}

on_both_databases! {
    async fn a_registration_needs_the_boxes_of_required_terms(db: TestDb) {
        let shop = Shop::open(db).await;
        let mut browser = Browser::at(shop.app.url(""));
        let page = browser.get("/register").await.text().await.unwrap();
        assert!(!page.contains("fieldset"), "{page}");
        let service = format!("term-{}", made(&shop, "SERVICE", "<i>Terms</i>", true).await);
        let adverts = format!("term-{}", made(&shop, "PRIVACY", "Adverts", false).await);
        made(&shop, "ENROLLMENT", "House rules", true).await;
        let page = browser.get("/register").await.text().await.unwrap();
        for part in ["&lt;i&gt;Terms&lt;/i&gt;", "(required)", "Adverts", "(optional)", &service] {
            assert!(page.contains(part), "{part}: {page}");
        }
        assert!(!page.contains("House rules"), "{page}");

        let email = "lee@example.com";
        let mut form = vec![("email", email), ("password", PASSWORD), ("name", "Lee")];
        form.push((&adverts, "on"));
        let refused = browser.post("/register", &form).await;
        assert_eq!(refused.status(), StatusCode::CONFLICT);
        let refused = refused.text().await.unwrap();
        assert!(refused.contains("marked as required and agree"), "{refused}");
        let ticked = format!("name=\"{adverts}\" value=\"on\" checked");
        assert!(refused.contains(&ticked) && refused.contains("value=\"Lee\""), "{refused}");
        form.push((&service, "on"));
        let opened = browser.post("/register", &form).await;
        assert_eq!(opened.status(), StatusCode::SEE_OTHER);
        let account = browser.get("/account").await.text().await.unwrap();
        for part in ["&lt;i&gt;Terms&lt;/i&gt;", "Adverts", "Agreed:", "Version 1"] {
            assert!(account.contains(part), "{part}: {account}");
        }
        assert!(!account.contains("agree to them"), "{account}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_version_is_agreed_to_on_its_page_and_the_old_one_is_still_shown() {
    let shop = Shop::open(TestDb::sqlite().await).await;
    let mut kim = member(&shop, "kim@example.com").await;
    let first = format!("/terms/{}", made(&shop, "SERVICE", "Terms", true).await);
    let listed = kim.get("/terms").await.text().await.unwrap();
    assert!(listed.contains(&first) && listed.contains("Use of the service"), "{listed}");
    let account = kim.get("/account").await.text().await.unwrap();
    assert!(account.contains("agree to them") && account.contains(&first), "{account}");
    let page = kim.get(&first).await.text().await.unwrap();
    assert!(page.contains("1. &lt;b&gt;One&lt;/b&gt;\n2. 둘"), "{page}");
    let agree = format!("{first}/agree");
    assert!(page.contains(&agree), "{page}");
    let agreed = kim.post(&agree, &[]).await;
    assert_eq!(agreed.headers()["location"], format!("{first}?notice=agreed"));
    let page = kim.get(&first).await.text().await.unwrap();
    assert!(page.contains("Agreed:") && !page.contains(&agree), "{page}");

    let body = json!({"title": "Terms", "content": "Other", "isRequired": true});
    let second = shop.admin().put(&format!("/api{first}"), &body).await.is(201).data;
    let second = format!("/terms/{}", second["id"].as_str().unwrap());
    let page = kim.get(&first).await.text().await.unwrap();
    for part in ["A newer version", &second, "1. &lt;b&gt;One", "Agreed:"] {
        assert!(page.contains(part), "{part}: {page}");
    }
    let mut nobody = Browser::at(shop.app.url(""));
    let page = nobody.get(&second).await.text().await.unwrap();
    assert!(page.contains("Other") && !page.contains("/agree"), "{page}");
    assert_eq!(nobody.get("/terms/x").await.status(), StatusCode::NOT_FOUND);
    let late = member(&shop, "lee@example.com").await.post(&agree, &[]).await;
    assert_eq!(late.status(), StatusCode::CONFLICT);
    assert!(late.text().await.unwrap().contains("A newer version of these terms"));
}

on_both_databases! {
    async fn terms_are_written_changed_and_retired_by_forms(db: TestDb) {
        const LIST: &str = "/organiser/terms";
        let shop = Shop::open(db).await;
        let organiser = Organiser::of(&shop, &shop.admin());
        organiser.get("/organiser").await.shows(&[LIST]);
        organiser.get(LIST).await.shows(&["No terms yet."]);
        let mut form = vec![("key", "k1"), ("kind", "SERVICE"), ("mclass", ""),
            ("title", "<b>약관</b>"), ("content", "1. One\r\n2. Two"), ("required", "on")];
        let at = organiser.post(LIST, &form).await.leads_to(LIST);
        let again = organiser.post(LIST, &form).await.leads_to(LIST);
        assert_eq!(at, again, "a form that is sent twice makes one");
        organiser.get(LIST).await.shows(&["&lt;b&gt;약관&lt;/b&gt;", "Use of the service", "(required)"]);
        organiser.get(&at).await.shows(&["1. One\n2. Two", "Version 1", "New version"]);
        for (place, value, said) in [
            (3, " ", "id=\"field-title-error\""),
            (4, "", "id=\"field-content-error\""),
            (2, "x", "is not the id of a class"),
            (2, "5f0c3a52-8a0e-4c0e-9a55-0d8f6a2b1c3d", "id=\"field-mclass-error\""),
        ] {
            let good = std::mem::replace(&mut form[place].1, value);
            form[0].1 = "k2";
            let refused = organiser.post(LIST, &form).await;
            assert_eq!(refused.status, 422);
            refused.shows(&[said]);
            form[place].1 = good;
        }

        let at = at.split('?').next().unwrap();
        let edit = [("key", "e"), ("title", "약관"), ("content", "1. Other")];
        let bad = [("key", "e"), ("title", ""), ("content", "1. Kept")];
        let refused = organiser.post(at, &bad).await;
        assert_eq!(refused.status, 422);
        refused.shows(&["id=\"field-title-error\"", "1. Kept"]);
        let next = organiser.post(at, &edit).await.leads_to(LIST);
        let next = next.split('?').next().unwrap();
        organiser.get(next).await.shows(&["1. Other", "Version 2", "(optional)"]);
        organiser.get(at).await.shows(&["A newer version", "1. One", next]);
        assert_eq!(organiser.post(at, &[("key", "f"), ("title", "x"), ("content", "y")]).await.status, 409);
        organiser.post(&format!("{next}/retire"), &[("key", "r")]).await.leads_to(LIST);
        organiser.get(LIST).await.shows(&["No terms yet."]);
        organiser.get(next).await.shows(&["no longer in use", "1. Other"]);
        assert_eq!(shop.nobody().get("/api/terms").await.is(200).data, Value::Array(vec![]));
        assert_eq!(Organiser::of(&shop, &shop.customer()).get(LIST).await.status, 403);
    }
}
