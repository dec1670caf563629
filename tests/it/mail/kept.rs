//! Kept mails at `/dev/mail`: who may read them, in which forms, how many are kept, and that none is kept
//! of a person who was erased.

use admitone::config::MailMode;
use admitone::ids::UserId;
use admitone::mail::{MOST_KEPT, MailOutcome};
use admitone::store::KeptMail;
use reqwest::header::HeaderMap;
use serde_json::{Value, json};
use uuid::Uuid;

use super::{guest, letter, mail, open, register, tell};
use crate::http::api_client::Shop;
use crate::support::test_db::TestDb;

const ERASED: MailOutcome =
    MailOutcome::NothingToSend("the person was erased, or has left no address");

/// Asks for a page with these headers.
async fn ask(shop: &Shop, path: &str, headers: &[(&str, &str)]) -> (u16, HeaderMap, String) {
    let mut request = reqwest::Client::new().get(shop.app.url(path));
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let answer = request.send().await.unwrap();
    (answer.status().as_u16(), answer.headers().clone(), answer.text().await.unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn kept_mails_are_listed_and_shown_in_html_and_json() {
    let shop = open(TestDb::sqlite().await).await;
    let (event, kim) = (shop.event().await, register(&shop, "kim@example.com", "en").await);
    let order = kim.buy(&event, &event.places(1)).await;
    tell(&shop, "reservation.confirmed", kim.user, json!({"reservationId": order})).await;
    let json = [("Accept", "application/json")];
    let (status, _, list) = ask(&shop, "/dev/mail", &json).await;
    let list: Value = serde_json::from_str(&list).unwrap();
    assert_eq!((status, &list["success"]), (200, &json!(true)));
    let of_order = list["data"].as_array().unwrap().iter();
    let of_order = of_order.clone().find(|mail| mail["kind"] == "reservation.confirmed").unwrap();
    assert_eq!(of_order["to"], "kim@example.com");
    let path = format!("/dev/mail/{}", of_order["id"].as_str().unwrap());
    let (_, _, whole) = ask(&shop, &path, &json).await;
    let whole = serde_json::from_str::<Value>(&whole).unwrap()["data"].clone();
    assert!(whole["text"].as_str().unwrap().contains("Your order is confirmed"));
    let attachments = whole["attachments"].as_array().unwrap().clone();
    let names: Vec<_> = attachments.iter().map(|one| one["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["ticket-1.png", "tickets.pdf", "event.ics"]);

    let (status, headers, page) = ask(&shop, &path, &[("Accept", "text/html")]).await;
    assert_eq!(status, 200);
    assert!(
        page.contains("<iframe") && page.contains("sandbox=\"\"") && page.contains("tickets.pdf")
    );
    let policy = headers["content-security-policy"].to_str().unwrap().to_owned();
    assert!(policy.contains("frame-src 'self'") && !policy.contains("script-src"), "{policy}");
    let (_, headers, message) = ask(&shop, &format!("{path}/html"), &[]).await;
    let policy = headers["content-security-policy"].to_str().unwrap();
    assert!(policy.starts_with("sandbox; default-src 'none'"), "{policy}");
    assert!(
        message.contains("src=\"data:image/png;base64,iVBORw0KGgo") && !message.contains("cid:")
    );
    let (status, headers, pdf) = ask(&shop, attachments[1]["url"].as_str().unwrap(), &[]).await;
    assert_eq!((status, &headers["content-type"]), (200, &"application/pdf".parse().unwrap()));
    assert_eq!(headers["content-disposition"], "attachment; filename=\"tickets.pdf\"");
    assert!(pdf.starts_with("%PDF-"));
    for missing in
        ["/dev/mail/nothing", &format!("/dev/mail/{}", Uuid::nil()), &format!("{path}/parts/9")]
    {
        assert_eq!(ask(&shop, missing, &[]).await.0, 404, "{missing}");
    }
    assert_eq!(ask(&shop, "/dev/mail?cursor=x", &json).await.0, 422);
}

#[tokio::test(flavor = "multi_thread")]
async fn kept_mails_are_there_for_administrators_and_this_machine_alone() {
    let shop = open(TestDb::sqlite().await).await;
    let (admin, kim) = (shop.admin(), shop.customer());
    assert_eq!(ask(&shop, "/dev/mail", &[]).await.0, 200, "this machine");
    for headers in [
        ("Host", "tickets.example.com"),
        ("X-Forwarded-For", "192.0.2.7"),
        ("Forwarded", "for=192.0.2.7"),
        ("Via", "1.1 proxy"),
    ] {
        for path in ["/dev/mail", &format!("/dev/mail/{}", Uuid::nil())] {
            assert_eq!(ask(&shop, path, &[headers]).await.0, 404, "{headers:?}");
        }
        let cookie = |token: &str| format!("__Host-admitone={token}");
        let by_kim = ("Cookie", &*cookie(kim.token()));
        assert_eq!(ask(&shop, "/dev/mail", &[headers, by_kim]).await.0, 404, "{headers:?}");
        let by_admin = ("Cookie", &*cookie(admin.token()));
        assert_eq!(ask(&shop, "/dev/mail", &[headers, by_admin]).await.0, 200, "{headers:?}");
    }
    let off = |config: &mut admitone::config::Config| config.mail = Some(MailMode::Off);
    let shop = Shop::open_with(TestDb::sqlite().await, off).await;
    assert_eq!(ask(&shop, "/dev/mail", &[]).await.0, 404, "nothing is kept");
    let nothing = tell(&shop, "event.cancelled", UserId::random(), json!({})).await;
    assert_eq!(nothing, MailOutcome::NothingToSend("mail is off"));
}

on_both_databases! {
    async fn the_newest_mails_are_kept_and_each_once(db: TestDb) {
        let shop = open(db).await;
        let store = &shop.app.state().store;
        let kept = |at: i64| KeptMail {
            id: Uuid::from_u128(u128::try_from(at).unwrap()),
            user: UserId::random(),
            kind: "x".into(),
            recipient: "kim@example.com".into(),
            subject: at.to_string(),
            plain: String::new(),
            html: String::new(),
            created_at: at,
        };
        let part = admitone::store::KeptPart {
            name: "a".into(), content_type: "text/plain".into(), content_id: None, content: vec![1],
        };
        for at in 1..=6 {
            store.kept_mail_put(vec![(kept(at), vec![part.clone()])], 4).await.unwrap();
            store.kept_mail_put(vec![(kept(at), vec![part.clone()])], 4).await.unwrap();
        }
        let subjects: Vec<_> = store.kept_mail_list(None, 10).await.unwrap().into_iter()
            .map(|mail| mail.subject).collect();
        assert_eq!(subjects, ["6", "5", "4", "3"]);
        assert_eq!(shop.app.db.count("SELECT count(*) FROM kept_mail_parts").await, 4);
        let next = store.kept_mail_list(Some((5, kept(5).id)), 1).await.unwrap();
        assert_eq!(next[0].subject, "4");
        assert_eq!(MOST_KEPT, 200);
    }

    async fn a_person_who_is_erased_gets_nothing_and_no_mail_is_kept(db: TestDb) {
        let shop = open(db).await;
        let (event, kim) = (shop.event().await, register(&shop, "kim@example.com", "ko").await);
        mail(&shop, "account.email_confirmation", kim.user).await;
        let letter = letter("event.cancelled", kim.user, Some(event.offering()), json!({}));
        assert_eq!(shop.app.state().mailer.deliver(&letter).await, MailOutcome::Sent);
        kim.delete("/api/users/me").await.is(200);
        let mailer = &shop.app.state().mailer;
        assert_eq!(mailer.deliver(&letter).await, ERASED);
        let lee = guest(&shop, "lee@example.com").await;
        mail(&shop, "account.email_confirmation", lee.user).await;
        lee.delete("/api/users/me").await.is(200);
        let unknown = tell(&shop, "security.password_changed", UserId::random(), json!({})).await;
        assert_eq!(unknown, ERASED);
        for table in ["kept_mails", "kept_mail_parts", "mail_links"] {
            assert_eq!(shop.app.db.count(&format!("SELECT count(*) FROM {table}")).await, 0, "{table}");
        }
        let known = "SELECT count(*) FROM users WHERE language IS NOT NULL OR email_confirmed_at IS NOT NULL";
        assert_eq!(shop.app.db.count(known).await, 0);
    }
}
