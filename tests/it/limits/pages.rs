//! Limits as browsers meet them.

use admitone::proof_of_work::solve;
use reqwest::{Client, RequestBuilder};

use serde_json::json;

use super::{exhaust, limited};
use crate::http::api_client::Shop;
use crate::support::test_db::TestDb;
use crate::web::passes;

#[tokio::test(flavor = "multi_thread")]
async fn a_browser_works_for_its_sign_in_and_says_how_long_a_lock_lasts() {
    let set = |config: &mut admitone::config::Config| config.rate_limits = true;
    let shop = Shop::open_with(TestDb::sqlite().await, set).await;
    let event = shop.event().await;
    passes("limits", &shop, &json!({"event": event.id})).await;
}

#[tokio::test]
async fn the_form_of_a_browser_is_told_how_long_to_wait_or_comes_with_a_proof() {
    let (app, _) = limited("127.0.0.1").await;
    let client = Client::builder().redirect(reqwest::redirect::Policy::none()).build().unwrap();
    let campus = "203.0.113.1";
    let as_browser = |request: RequestBuilder| {
        let request = request.header("X-Forwarded-For", campus).header("Accept", "text/html");
        request.header("Sec-Fetch-Site", "same-origin")
    };
    let send = |query: String| {
        let body = "email=nobody@example.com&password=a+wrong+guess&back=/";
        let form = client.post(app.url(&format!("/sign-in{query}"))).body(body);
        as_browser(form.header("Content-Type", "application/x-www-form-urlencoded")).send()
    };
    exhaust(&app, campus).await;
    let refused = send(String::new()).await.unwrap();
    assert_eq!(
        (refused.status().as_u16(), &refused.headers()["retry-after"]),
        (429, &"3".parse().unwrap())
    );
    assert!(refused.headers().contains_key("content-security-policy"));
    let page = refused.text().await.unwrap();
    assert!(
        page.contains("Please try again in 3 s.") && page.contains("href=\"/sign-in\""),
        "{page}"
    );
    // The page itself is there, and its script knows what to do.
    let page =
        as_browser(client.get(app.url("/sign-in"))).send().await.unwrap().text().await.unwrap();
    assert!(page.contains("/sign-in.js") && page.contains("data-counted"), "{page}");
    let given =
        as_browser(client.get(app.url("/api/challenge?class=strict"))).send().await.unwrap();
    let given = given.json::<serde_json::Value>().await.unwrap()["data"].clone();
    let bits = u8::try_from(given["bits"].as_u64().unwrap()).unwrap();
    let proof = solve(given["challenge"].as_str().unwrap(), bits);
    let passed = send(format!("?challengeAnswer={proof}")).await.unwrap();
    assert_eq!(passed.status().as_u16(), 401, "a wrong password, and no limit");
}
