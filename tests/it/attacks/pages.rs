//! What pages let other sites do with them, and what a cookie from before a sign-in is worth.

use reqwest::header::{COOKIE, SET_COOKIE};
use reqwest::{Client, StatusCode};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::Operation;
use super::forms::{filled, pages};
use super::stage::{PASSWORD, Stage, expect_same, guest, read_all};
use crate::http::api_client::Shop;
use crate::http::document::document;
use crate::support::test_db::TestDb;

#[tokio::test(flavor = "multi_thread")]
async fn no_page_is_framed_or_runs_what_it_did_not_bring() {
    let shop = Shop::open(TestDb::sqlite().await).await;
    let client = Client::builder().redirect(reqwest::redirect::Policy::none()).build();
    let client = client.expect("a client");
    let admin = shop.admin();
    let cookie = format!("__Host-admitone={}", admin.token());
    let mut shown = 0;
    for path in pages("get").iter().map(|path| filled(path)) {
        let request = client.get(shop.app.url(&path)).header(COOKIE, &cookie);
        let answer = request.header("Accept", "text/html").send().await.expect("it answers");
        let header = |name: &str| {
            let value = answer.headers().get(name).map(|value| value.to_str().expect("text"));
            value.unwrap_or_default().to_owned()
        };
        let policy = header("content-security-policy");
        for rule in ["default-src 'none'", "frame-ancestors", "base-uri 'none'"] {
            assert!(policy.contains(rule), "{path}: {policy:?} has no {rule}");
        }
        assert!(!policy.contains("script-src 'unsafe"), "{path}: {policy}");
        // A mail of a demonstration is shown in a frame of its own page, and as a sandbox.
        let is_mail = policy.starts_with("sandbox");
        assert!(is_mail || policy.contains("frame-ancestors 'none'"), "{path}: {policy}");
        assert_eq!(header("x-content-type-options"), "nosniff", "{path}");
        assert_eq!(header("referrer-policy"), "same-origin", "{path}");
        shown += u32::from(answer.status() == StatusCode::OK);
    }
    assert!(shown > 20, "{shown} pages were shown");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cookie_from_before_a_sign_in_is_not_the_session_after_it() {
    let shop = Shop::open(TestDb::sqlite().await).await;
    let client = Client::builder().redirect(reqwest::redirect::Policy::none()).build();
    let client = client.expect("a client");
    let account = json!({"email": "kim@example.com", "password": PASSWORD, "name": "Kim"});
    shop.nobody().post("/api/auth/register", &account).await.is(201);
    // The attacker's session, which was put into the browser of the victim.
    let planted = guest(&shop).await;
    let form = [("email", "kim@example.com"), ("password", PASSWORD)];
    let form = form_urlencoded::Serializer::new(String::new()).extend_pairs(form).finish();
    let request = client.post(shop.app.url("/sign-in")).header("Sec-Fetch-Site", "same-origin");
    let request = request.header(COOKIE, format!("__Host-admitone={}", planted.token()));
    let request = request.header("Content-Type", "application/x-www-form-urlencoded").body(form);
    let answer = request.send().await.expect("it answers");
    assert_eq!(answer.status(), StatusCode::SEE_OTHER);
    let cookies = answer.headers().get_all(SET_COOKIE).iter();
    let cookies: Vec<_> = cookies.map(|cookie| cookie.to_str().expect("text")).collect();
    let of_session = |cookie: &&&str| cookie.starts_with("__Host-admitone=");
    let session = cookies.iter().find(of_session).expect("a session of its own");
    assert!(!session.contains(planted.token()), "{session}");
    let me = planted.get("/api/users/me").await;
    assert_ne!(me.data["email"], "kim@example.com", "{:#}", me.body);
    assert_eq!(me.data["kind"], "guest");
}

#[tokio::test(flavor = "multi_thread")]
async fn no_path_leads_out_of_the_files_of_the_pages() {
    let shop = Shop::open(TestDb::sqlite().await).await;
    // A client of its own lines: others tidy such paths up before they send them.
    let get = async |path: &str| {
        let address = shop.app.running().address;
        let mut stream = tokio::net::TcpStream::connect(address).await.expect("it listens");
        let head = format!("GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
        stream.write_all(head.as_bytes()).await.expect("it reads");
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).await.expect("it answers");
        String::from_utf8_lossy(&answer).into_owned()
    };
    let good = get("/assets/any/admitone.css").await;
    assert!(good.starts_with("HTTP/1.1 200 "), "{good}");
    for path in [
        "/assets/any/../../Cargo.toml",
        "/assets/any/../../../../../../../etc/passwd",
        "/assets/any/..%2f..%2f..%2f..%2fetc%2fpasswd",
        "/assets/any/%2e%2e/%2e%2e/etc/passwd",
        "/assets/any/%252e%252e%252fetc%252fpasswd",
        "/assets/any/..\\..\\etc\\passwd",
        "/assets/any//etc/passwd",
        "/assets/any/%00",
        "/assets/any/admitone.css%00.svg",
        "/assets/../etc/passwd",
        "/../../etc/passwd",
    ] {
        let answer = get(path).await;
        let status = answer.split(' ').nth(1).unwrap_or_default();
        assert!(["400", "404"].contains(&status), "{path}: {answer}");
        assert!(!answer.contains("root:") && !answer.contains("[package]"), "{path}: {answer}");
    }
}

/// Pages that show mails of a demonstration to this machine, whose mails are off here.
const OF_MAILS: &str = "/dev/mail";

#[tokio::test(flavor = "multi_thread")]
async fn no_page_shows_or_changes_a_thing_of_another_person() {
    let shop = Shop::open(TestDb::sqlite().await).await;
    let document = document(&shop).await;
    let stage = Stage::of(&shop).await;
    let [kim, lee] = stage.owners(["Kim-Unmistakable", "Lee-Unmistakable"]).await;
    let guest = guest(&shop).await;
    let before = read_all(&stage, &document, &kim).await;
    let client = Client::builder().redirect(reqwest::redirect::Policy::none()).build();
    let client = client.expect("a client");
    let mut of_person = 0;
    for method in ["get", "post"] {
        for path in pages(method).into_iter().filter(|path| !path.starts_with(OF_MAILS)) {
            let page = Operation { path, method: method.into(), described: Value::Null };
            let path = stage.path(&page, &kim);
            of_person += u32::from(path != stage.path(&page, &lee));
            for person in [&lee.person, &guest] {
                let method = method.to_uppercase().parse().expect("a method");
                let request = client.request(method, shop.app.url(&path));
                let request = request.header(COOKIE, format!("__Host-admitone={}", person.token()));
                let request = request.header("Sec-Fetch-Site", "same-origin");
                let request = request.header("Content-Type", "application/x-www-form-urlencoded");
                let answer = request.header("Accept", "text/html").body("key=k").send().await;
                let answer = answer.expect("it answers");
                let text = format!(
                    "{:?} {}",
                    answer.headers().clone(),
                    answer.text().await.expect("text")
                );
                let said =
                    kim.private().into_iter().find(|it| text.contains(it) && !path.contains(it));
                assert_eq!(said, None, "{path}: {text}");
            }
        }
    }
    assert!(of_person > 15, "{of_person} pages are about a thing of a person");
    expect_same(&before, &read_all(&stage, &document, &kim).await, "in the end");
}
