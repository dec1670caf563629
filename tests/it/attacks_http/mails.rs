//! What strangers can put into mails to others: no header, no recipient, no address of another site, and no
//! flood. Names in headers are in `mail/sending.rs`.

use admitone::config::{Config, MailMode};
use futures_util::future::join_all;
use reqwest::Method;
use serde_json::{Value, json};

use crate::http::api_client::{Answer, Shop};
use crate::support::test_db::{TestDb, eventually};

const PASSWORD: &str = "correct horse battery";

async fn open(public_url: Option<&str>) -> Shop {
    let keeps = |config: &mut Config| {
        config.mail = Some(MailMode::Keep);
        config.public_url = public_url.map(str::to_owned);
    };
    Shop::open_with(TestDb::sqlite().await, keeps).await
}

/// Returns all mails, once there are as many.
async fn mails(shop: &Shop, how_many: i64) -> Vec<String> {
    eventually(&format!("{how_many} mails"), async || {
        shop.app.db.count("SELECT count(*) FROM kept_mails").await >= how_many
    })
    .await;
    let mails = shop.app.state().store.kept_mail_list(None, 100).await.unwrap();
    mails
        .into_iter()
        .map(|mail| format!("{}\n{}\n{}", mail.subject, mail.plain, mail.html))
        .collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_link_in_a_mail_leads_to_this_server_whichever_host_a_request_names() {
    for public_url in [Some("https://tickets.example.com"), None] {
        let shop = open(public_url).await;
        let evil = async |path: &str, body: &Value, by: Option<&str>| {
            let mut request = shop.nobody().request(Method::POST, path).json(body);
            if let Some(token) = by {
                request = request.bearer_auth(token);
            }
            for (name, value) in [
                ("Host", "evil.example"),
                ("X-Forwarded-Host", "evil.example"),
                ("X-Original-URL", "https://evil.example/"),
                ("X-Forwarded-Proto", "ftp"),
                ("Forwarded", "for=1.2.3.4;host=evil.example;proto=ftp"),
                ("Origin", "https://evil.example"),
                ("Referer", "https://evil.example/"),
            ] {
                request = request.header(name, value);
            }
            Answer::of(request).await
        };
        let body = json!({"email": "kim@example.com", "password": PASSWORD, "name": "Kim"});
        evil("/api/auth/register", &body, None).await.is(201);
        let body = json!({"email": "kim@example.com"});
        evil("/api/auth/password/reset-request", &body, None).await.is(202);
        let admin = shop.admin();
        let body = json!({"email": "lee@example.com", "role": "ADMIN"});
        evil("/api/admin/invitations", &body, Some(admin.token())).await.is(201);
        let here = public_url.map_or_else(|| shop.app.url(""), str::to_owned);
        let found = mails(&shop, 3).await;
        assert_eq!(found.len(), 3);
        for mail in found {
            assert!(mail.contains(&format!("{here}/")), "{mail}");
            assert!(!mail.contains("evil.example") && !mail.contains("ftp:"), "{mail}");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_address_with_a_second_one_or_a_header_is_none() {
    let shop = open(None).await;
    let guest = shop.nobody().post_nothing("/api/auth/guest").await.is(201).data;
    let user = guest["user"]["id"].as_str().unwrap().parse().unwrap();
    let guest = shop.with_token(user, guest["accessToken"].as_str().unwrap().to_owned());
    let (nobody, admin) = (shop.nobody(), shop.admin());
    for email in [
        "kim@example.com\r\nBcc: eve@example.com",
        "kim@example.com\nBcc: eve@example.com",
        "kim@example.com\rBcc:eve@example.com",
        "kim@example.com%0d%0aBcc:eve@example.com",
        "kim@example.com\0",
        "kim@example.com\u{2028}x",
        "kim@example.com, eve@example.com",
        "kim@example.com;eve@example.com",
        "kim@example.com eve@example.com",
        "Kim <kim@example.com>",
        "<kim@example.com>",
        "\"kim\r\nBcc: eve\"@example.com",
        "kim@example.com>\r\nRCPT TO:<eve@example.com",
        "kim@eve@example.com",
        "kim@[127.0.0.1]",
        "kim@-evil.example",
    ] {
        let account = json!({"email": email, "password": PASSWORD, "name": "Kim"});
        nobody.post("/api/auth/register", &account).await.refused(422, "INVALID");
        let body = json!({ "email": email });
        nobody.post("/api/auth/password/reset-request", &body).await.refused(422, "INVALID");
        guest.post("/api/auth/guest/email", &body).await.refused(422, "INVALID");
        let invitation = json!({"email": email, "role": "ADMIN"});
        admin.post("/api/admin/invitations", &invitation).await.refused(422, "INVALID");
    }
    for name in ["Kim\r\nBcc: eve@example.com", "Kim\0", "Kim\u{85}x"] {
        let account = json!({"email": "kim@example.com", "password": PASSWORD, "name": name});
        nobody.post("/api/auth/register", &account).await.refused(422, "INVALID");
    }
    assert_eq!(shop.app.db.count("SELECT count(*) FROM kept_mails").await, 0);
    assert_eq!(shop.app.db.count("SELECT count(*) FROM users").await, 1, "the administrator");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_requests_for_a_new_password_at_once_send_one_mail() {
    let shop = open(None).await;
    let body = json!({"email": "kim@example.com", "password": PASSWORD, "name": "Kim"});
    shop.nobody().post("/api/auth/register", &body).await.is(201);
    mails(&shop, 1).await;
    let ask = async |nth: usize| {
        let email = ["kim@example.com", " KIM@example.com", "Kim@Example.Com "][nth % 3];
        let request = shop.nobody().request(Method::POST, "/api/auth/password/reset-request");
        Answer::of(request.json(&json!({ "email": email }))).await.status
    };
    let statuses = join_all((0..40).map(ask)).await;
    assert_eq!(statuses.iter().filter(|status| **status == 202).count(), 10, "{statuses:?}");
    mails(&shop, 2).await;
    // Another person's mail comes behind all of these.
    let body = json!({"email": "lee@example.com", "password": PASSWORD, "name": "Lee"});
    shop.nobody().post("/api/auth/register", &body).await.is(201);
    shop.nobody()
        .post("/api/auth/password/reset-request", &json!({"email": "lee@example.com"}))
        .await
        .is(202);
    assert_eq!(mails(&shop, 4).await.len(), 4);
    let links = "SELECT count(*) FROM mail_links WHERE purpose = 'reset-password'";
    assert_eq!(shop.app.db.count(links).await, 2);
}
