//! Files and pages: no path leads out of what is served, and no name becomes markup. Formulas in exports are
//! in `http/desk/files.rs`, documents of tickets in `ticket_documents.rs`.

use reqwest::Method;
use serde_json::json;

use super::{get, talk};
use crate::http::api_client::Shop;
use crate::support::test_app::TestApp;
use crate::support::test_db::TestDb;
use crate::web::organiser::{Browser, known};

#[tokio::test]
async fn no_path_leads_out_of_the_files_that_are_served() {
    let app = TestApp::start(TestDb::sqlite().await).await;
    for start in
        ["/assets/x", "/assets", "/api-docs", "/api-docs/swagger-ui", "/tickets", "/orders", ""]
    {
        for rest in [
            "/../../../../../../etc/passwd",
            "/..%2f..%2f..%2f..%2f..%2fetc%2fpasswd",
            "/%2e%2e/%2e%2e/%2e%2e/%2e%2e/etc/passwd",
            "/..%252f..%252fetc/passwd",
            "/..%5c..%5c..%5cetc%5cpasswd",
            "/..\\..\\..\\etc\\passwd",
            "/%c0%ae%c0%ae/%c0%ae%c0%ae/etc/passwd",
            "//etc/passwd",
            "/%2fetc%2fpasswd",
            "/C:%5cWindows%5cwin.ini",
            "/....//....//etc/passwd",
            "/.%00./.%00./etc/passwd",
            "/etc/passwd%00.js",
            "/.env",
            "/.git/config",
            "/Cargo.toml",
            "/../Cargo.toml",
            "/%2e%2e%2fCargo.toml",
            "/secret",
            "/../data/secret",
        ] {
            let path = format!("{start}{rest}");
            let answers = talk(&app, get(&path, "")).await;
            let status = answers.statuses()[0];
            // The documentation leads paths to its start page.
            assert!(matches!(status, 400 | 401 | 303 | 302 | 404), "{path}: {answers:?}");
            for (_, text) in &answers.0 {
                assert!(!text.contains("root:") && !text.contains("[package]"), "{path}: {text}");
            }
        }
    }
}

/// Ends every context that a name may stand in: a text, attributes in both quotes, a script, a comment and
/// a template.
const NAME: &str =
    "--></title></script>\"'><script>alert(1)</script><img src=x onerror=alert(2)>{{7*7}}";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_name_becomes_markup_on_a_page() {
    let shop = Shop::open(TestDb::sqlite().await).await;
    let admin = shop.admin();
    let mut body = shop.event_body();
    for place in ["/name", "/venue", "/description", "/products/0/name", "/products/1/name"] {
        let (parent, field) = place.rsplit_once('/').unwrap();
        body.pointer_mut(parent).unwrap()[field] = json!(NAME);
    }
    let mut map = body["seatMap"].take();
    for section in map["sections"].as_array_mut().unwrap() {
        section["name"] = json!(format!("{}{NAME}", &section["name"].as_str().unwrap()[..1]));
        section["product"] = json!(NAME);
    }
    body["products"][1]["name"] = json!(format!("{NAME}2"));
    body["seatMap"] = map;
    let event = shop.event_from(body).await;
    let kim = known(&shop, NAME, "kim@example.com").await;
    let order = kim.buy(&event, &event.places(2)).await;
    let waiting = kim.reserve(&event, &event.places(1)).await;
    let hold = kim.post(&event.at("holds"), &event.places(1)).await.is(201).data["id"].clone();
    let invitation =
        json!({"email": "x'onfocus='a@example.com", "role": "DOOR", "offeringId": event.id});
    admin.post("/api/admin/invitations", &invitation).await;
    let (id, hold) = (&event.id, hold.as_str().unwrap());
    let query = form_urlencoded::byte_serialize(NAME.as_bytes()).collect::<String>();
    let mine = [
        "/".to_owned(),
        format!("/events/{id}"),
        format!("/events/{id}/seats"),
        format!("/checkout/{id}/{hold}"),
        "/basket".to_owned(),
        "/orders".to_owned(),
        format!("/orders/{order}"),
        format!("/orders/{waiting}"),
        "/account".to_owned(),
        "/account/sessions".to_owned(),
    ];
    let all = [
        format!("/?q={query}"),
        format!("/?{query}={query}"),
        format!("/sign-in?back={query}"),
        format!("/register?email={query}&back={query}"),
        format!("/claim?code={query}"),
        format!("/confirm?token={query}"),
        format!("/reset-password?token={query}"),
        format!("/invitation?token={query}"),
        format!("/{query}"),
        format!("/events/{query}"),
        format!("/orders/{query}"),
        format!("/classes?subject={query}"),
    ];
    let staff = [
        "/organiser".to_owned(),
        format!("/organiser/events/{id}"),
        format!("/organiser/events/{id}/edit"),
        format!("/organiser/events/{id}/orders"),
        format!("/organiser/events/{id}/orders?q={query}"),
        format!("/organiser/events/{id}/holds"),
        format!("/organiser/events/{id}/give"),
        format!("/organiser/orders/{order}"),
        "/organiser/users".to_owned(),
        format!("/organiser/users?q={query}"),
        format!("/organiser/users/{}", kim.user.0),
        "/organiser/payments".to_owned(),
        "/organiser/team".to_owned(),
        "/organiser/audit".to_owned(),
        format!("/organiser/audit?action={query}"),
        format!("/door/{id}"),
    ];
    let mut shown = 0;
    for (browser, paths) in [
        (Browser::of(&shop, &kim), &mine[..]),
        (Browser::without_session(&shop), &all[..]),
        (Browser::of(&shop, &admin), &all[..]),
        (Browser::of(&shop, &admin), &staff[..]),
    ] {
        for path in paths {
            let page = browser.get(path).await;
            assert!(page.status < 500, "{path}: {}", page.status);
            let text = page.text.to_lowercase();
            for bad in ["<script>alert", "<img src=x", "</title></script>\"'", "49}}"] {
                assert!(!text.contains(bad), "{path} has {bad}: {}", page.text);
            }
            assert!(!page.location.contains("script"), "{path} leads to {}", page.location);
            shown +=
                usize::from(text.contains("&lt;script&gt;alert") || text.contains("\\u003cscript"));
        }
    }
    assert!(shown > 10, "the name is on pages, escaped: {shown}");
}

#[tokio::test]
async fn pages_run_no_script_but_their_own() {
    let shop = Shop::open(TestDb::sqlite().await).await;
    for path in ["/", "/sign-in", "/orders", "/no-such-page", "/organiser", "/dev/mail"] {
        let request = shop.nobody().request(Method::GET, path).header("Accept", "text/html");
        let answer = request.send().await.unwrap();
        let policy = answer.headers().get("content-security-policy").map(|it| it.to_str().unwrap());
        let policy = policy.unwrap_or_else(|| panic!("{path} has a policy")).to_owned();
        let scripts = policy.split(';').map(str::trim).find(|part| part.starts_with("script-src"));
        let scripts = scripts
            .or(policy.split(';').map(str::trim).find(|part| part.starts_with("default-src")));
        let scripts = scripts.unwrap_or_default();
        for bad in ["unsafe-inline", "unsafe-eval", "data:", "http:", "https:", "*"] {
            assert!(!scripts.contains(bad), "{path}: {policy}");
        }
        assert!(
            policy.contains("base-uri") && policy.contains("frame-ancestors 'none'"),
            "{policy}"
        );
    }
}
