//! Sending by SMTP to a real server: what arrives, and what each refusal comes to.

use admitone::config::{Config, MailMode, Secret};
use admitone::ids::UserId;
use admitone::mail::{Letter, MailOutcome};
use admitone::store::{Answered, NewUser, Role};
use futures_util::future::join_all;
use serde_json::{Value, json};

use super::{letter, register};
use crate::http::api_client::Shop;
use crate::support::smtp_server::SmtpServer;
use crate::support::test_db::TestDb;

async fn open(url: String) -> Shop {
    let sends = |config: &mut Config| {
        config.mail = Some(MailMode::Smtp);
        config.smtp_url = Some(Secret::new(url));
        config.mail_from = Some("표 Tickets <tickets@example.com>".into());
        config.public_url = Some("https://tickets.example.com".into());
    };
    Shop::open_with(TestDb::sqlite().await, sends).await
}

/// Makes an account with any address and name, also such as no form accepts.
async fn account(shop: &Shop, email: &str, name: &str) -> UserId {
    let new = NewUser {
        id: UserId::random(),
        email: email.into(),
        password_hash: "x".into(),
        name: name.into(),
        phone_number: None,
        role: Role::User,
    };
    match shop.app.state().store.user_create(new, None, 1).await.unwrap() {
        Answered::Now(user) => user.id,
        Answered::Before(_) => panic!("no key was given"),
    }
}

fn notice(user: UserId) -> Letter {
    letter("security.password_changed", user, None, json!({}))
}

fn header<'a>(mail: &'a Value, name: &str) -> Vec<&'a str> {
    let headers = mail["headers"].as_array().unwrap().iter();
    let found = headers.filter(|pair| pair[0].as_str().unwrap().eq_ignore_ascii_case(name));
    found.map(|pair| pair[1].as_str().unwrap()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_ticket_mail_arrives_as_its_reader_sees_it() {
    let server = SmtpServer::start(&[]);
    let shop = open(server.url()).await;
    let (event, kim) = (shop.event().await, register(&shop, "kim@example.com", "ko").await);
    server.mails(1).await;
    let order = kim.buy(&event, &event.places(1)).await;
    let confirmed =
        letter("reservation.confirmed", kim.user, None, json!({"reservationId": order}));
    // Sent again, it can be recognised.
    for _ in 0..2 {
        assert_eq!(shop.app.state().mailer.deliver(&confirmed).await, MailOutcome::Sent);
    }
    // The relay mails the order too, before or after that.
    let mails = server.mails(4).await;
    let id = format!("<{}@example.com>", confirmed.id);
    let ours: Vec<_> = mails.iter().filter(|mail| header(mail, "Message-ID") == [&*id]).collect();
    assert_eq!(ours.len(), 2);
    let mail = ours[0];
    assert_eq!(
        (&mail["sender"], &mail["recipients"]),
        (&json!("tickets@example.com"), &json!(["kim@example.com"]))
    );
    assert_eq!(header(mail, "Subject"), ["햄릿 — Hamlet 티켓"]);
    assert_eq!(header(mail, "From"), ["표 Tickets <tickets@example.com>"]);
    assert_eq!(header(mail, "To"), ["김민수 <kim@example.com>"]);
    assert_eq!(header(mail, "Auto-Submitted"), ["auto-generated"]);
    assert_eq!(header(mail, "Date").len(), 1);
    assert_eq!(
        mail["structure"],
        json!([
            "multipart/mixed",
            "multipart/alternative",
            "text/plain",
            "multipart/related",
            "text/html",
            "image/png",
            "application/pdf",
            "text/calendar",
        ])
    );
    let parts = mail["parts"].as_array().unwrap();
    assert!(parts[0]["text"].as_str().unwrap().contains("예매가 확정되었습니다"));
    assert!(parts[1]["text"].as_str().unwrap().contains("cid:ticket-1"));
    assert_eq!(
        (&parts[2]["id"], &parts[2]["disposition"]),
        (&json!("<ticket-1>"), &json!("inline"))
    );
    assert_eq!(
        (&parts[3]["name"], &parts[3]["disposition"]),
        (&json!("tickets.pdf"), &json!("attachment"))
    );
    assert_eq!(parts[4]["name"], "event.ics");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refusal_says_whether_to_try_again_and_holds_no_address() {
    let server = SmtpServer::start(&["--size", "20000"]);
    let shop = open(server.url()).await;
    let later = |why: &str| MailOutcome::Later(why.to_owned());
    let never = |why: &str| MailOutcome::Never(why.to_owned());
    for (email, expected) in [
        ("busy@example.com", later("the mail server answered 451 4.7.1")),
        ("gone@example.com", never("the mail server answered 550 5.1.1")),
        ("cut@example.com", later("the mail server hung up, or its answer was not understood")),
        ("김@example.com", never("the mail server takes no addresses with letters outside ASCII")),
        ("slow@example.com", MailOutcome::Sent),
        ("kim@example.com", MailOutcome::Sent),
    ] {
        let user = account(&shop, email, "Kim").await;
        assert_eq!(shop.app.state().mailer.deliver(&notice(user)).await, expected, "{email}");
    }
    let user = account(&shop, "large@example.com", "Kim").await;
    let long = json!({"className": "Yoga", "reason": "x"});
    let mut large = letter("webhook.disabled", user, None, long);
    large.kind = "reservation.confirmed".into();
    // The documents of an order are larger than this server takes.
    let (event, kim) = (shop.event().await, register(&shop, "lee@example.com", "en").await);
    let order = kim.buy(&event, &event.places(1)).await;
    let large = Letter { user: kim.user, body: json!({"reservationId": order}), ..large };
    let outcome = shop.app.state().mailer.deliver(&large).await;
    assert_eq!(outcome, never("the mail server answered 552"));
}

#[tokio::test(flavor = "multi_thread")]
async fn names_bring_no_headers_of_their_own() {
    let server = SmtpServer::start(&[]);
    let shop = open(server.url()).await;
    for (number, name) in [
        "Kim\r\nBcc: eve@example.com",
        "\"Kim\" <eve@example.com>",
        "a, b; c:",
        "",
        "🎭".repeat(90).as_str(),
    ]
    .into_iter()
    .enumerate()
    {
        let user = account(&shop, &format!("kim{number}@example.com"), name).await;
        assert_eq!(
            shop.app.state().mailer.deliver(&notice(user)).await,
            MailOutcome::Sent,
            "{name}"
        );
        let mails = server.mails(number + 1).await;
        let mail = &mails[number];
        assert_eq!(mail["recipients"], json!([format!("kim{number}@example.com")]), "{name}");
        assert!(header(mail, "Bcc").is_empty() && header(mail, "To").len() == 1, "{name}");
        assert_eq!(header(mail, "X-Admitone-Type"), ["SECURITY_PASSWORD_CHANGED"]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_is_away_or_cannot_be_trusted_is_tried_later() {
    let dir = tempfile::tempdir().unwrap();
    let (certificate, key) = (dir.path().join("c.pem"), dir.path().join("k.pem"));
    let made = std::process::Command::new("openssl")
        .args([
            "req",
            "-x509",
            "-newkey",
            "ec",
            "-pkeyopt",
            "ec_paramgen_curve:prime256v1",
            "-nodes",
        ])
        .args(["-days", "2", "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"])
        .args(["-keyout".as_ref(), key.as_os_str(), "-out".as_ref(), certificate.as_os_str()])
        .output();
    assert!(made.expect("openssl is installed: use tests/run").status.success());
    let (certificate, key) = (certificate.to_str().unwrap(), key.to_str().unwrap());
    let (plain, secure) = (SmtpServer::start(&[]), SmtpServer::start(&["--tls", certificate, key]));
    let mut dead = SmtpServer::start(&[]);
    dead.kill();
    for (url, says) in [
        (dead.url(), "the connection to the mail server failed"),
        (format!("smtp://localhost:{}?tls=required", plain.port), "offers no STARTTLS"),
        // Signed by no authority that the machine knows.
        (format!("smtp://localhost:{}?tls=required", secure.port), "connection to the mail server"),
        (format!("smtps://localhost:{}", plain.port), "connection to the mail server"),
    ] {
        let shop = open(url.clone()).await;
        let user = account(&shop, "kim@example.com", "Kim").await;
        let outcome = shop.app.state().mailer.deliver(&notice(user)).await;
        let (MailOutcome::Later(why) | MailOutcome::Away(why)) = outcome else {
            panic!("{url}: it was sent, or given up");
        };
        assert!(why.contains(says), "{url}: {why}");
    }
    assert_eq!((plain.count(), secure.count()), (0, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_crowd_of_mails_through_a_server_that_dies_arrives_once_each() {
    const MAILS: usize = 120;
    let mut server = SmtpServer::start(&[]);
    let shop = open(server.url()).await;
    let mut letters = Vec::new();
    for number in 0..MAILS {
        letters.push(notice(account(&shop, &format!("kim{number}@example.com"), "Kim").await));
    }
    let mailer = &shop.app.state().mailer;
    let deliver = async |letters: &[Letter]| {
        join_all(letters.iter().map(|letter| mailer.deliver(letter))).await
    };
    assert!(deliver(&letters[..MAILS / 2]).await.iter().all(|one| *one == MailOutcome::Sent));
    assert_eq!(server.mails(MAILS / 2).await.len(), MAILS / 2);
    server.kill();
    let away = deliver(&letters[MAILS / 2..MAILS / 2 + 10]).await;
    assert!(away.iter().all(|one| matches!(one, MailOutcome::Away(_))), "{away:?}");
    let ids: std::collections::BTreeSet<_> = server
        .mails(MAILS / 2)
        .await
        .iter()
        .map(|mail| header(mail, "Message-ID")[0].to_owned())
        .collect();
    assert_eq!(ids.len(), MAILS / 2, "each once");
}
