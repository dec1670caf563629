//! What each step of an application says.

use admitone::clock::Clock;
use admitone::config::{Config, MailMode, Secret};
use admitone::mail::MailOutcome;
use serde_json::{Value, json};

use super::{Class, text, until_told};
use crate::http::api_client::Shop;
use crate::mail::{count, mail, open, register, tell};
use crate::support::smtp_server::SmtpServer;
use crate::support::test_db::{TestDb, eventually};

async fn open_smtp(url: String) -> Shop {
    let sends = |config: &mut Config| {
        config.mail = Some(MailMode::Smtp);
        config.smtp_url = Some(Secret::new(url));
        config.mail_from = Some("tickets@example.com".into());
        config.public_url = Some("https://tickets.example.com".into());
        config.time_zone = "Asia/Seoul".into();
    };
    Shop::open_with(TestDb::sqlite().await, sends).await
}

fn header<'a>(mail: &'a Value, name: &str) -> Vec<&'a str> {
    let headers = mail["headers"].as_array().unwrap().iter();
    let found = headers.filter(|pair| pair[0].as_str().unwrap().eq_ignore_ascii_case(name));
    found.map(|pair| pair[1].as_str().unwrap()).collect()
}

/// Returns the one mail of a type to an address, once it arrived, after checking its subject, that
/// both forms say the parts, and that its words bring no headers and no HTML of their own.
async fn arrived(
    server: &SmtpServer,
    (to, kind): (&str, &str),
    subject: &str,
    says: &[&str],
) -> Value {
    let mut found = Vec::new();
    eventually(&format!("{kind} for {to}"), async || {
        let of_type = |mail: &Value| {
            header(mail, "X-Admitone-Type") == [kind] && mail["recipients"] == json!([to])
        };
        found = server.mails(0).await.into_iter().filter(of_type).collect();
        !found.is_empty()
    })
    .await;
    assert_eq!(found.len(), 1, "{kind} for {to}");
    let mail = found.remove(0);
    assert_eq!(header(&mail, "Subject"), [subject]);
    assert!(header(&mail, "Bcc").is_empty());
    let parts = mail["parts"].as_array().unwrap();
    let (plain, html) = (parts[0]["text"].as_str().unwrap(), parts[1]["text"].as_str().unwrap());
    for part in says {
        assert!(plain.contains(part), "{kind}: {part} is not in\n{plain}");
        let part = part.replace('<', "&lt;").replace('>', "&gt;");
        assert!(html.contains(&part), "{kind}: {part} is not in\n{html}");
    }
    assert!(!html.contains("<b>") && !html.contains("<script"), "{kind}: {html}");
    mail
}

#[tokio::test(flavor = "multi_thread")]
async fn each_step_of_an_application_is_mailed_in_the_language_of_its_person() {
    const TITLE: &str = "도자기 & <b>Pottery</b>";
    let server = SmtpServer::start(&[]);
    let shop = open_smtp(server.url()).await;
    for (tag, approved, words) in [
        (
            "en",
            format!("You have a place in {TITLE}"),
            [
                "Your application for {}",
                "You are on the waitlist for {}",
                "Your application for {} was not accepted",
                "Your place in {} is cancelled",
                "A place in {} is yours",
                "In the organiser",
                "Your position: 1",
                "You cancelled your place.",
            ],
        ),
        (
            "ko",
            format!("{TITLE} 신청 승인"),
            [
                "{} 신청 접수",
                "{} 대기자 등록",
                "{} 신청 결과",
                "{} 신청 취소",
                "{} 자리가 났습니다",
                "주최자의 말",
                "대기 순서: 1",
                "요청하신 대로 자리를 취소했습니다.",
            ],
        ),
    ] {
        let [applied, waits, rejected, canceled, promoted, said, position, cancelled_by] =
            words.map(|text| text.replace("{}", TITLE));
        let review = json!({"selectionType": "REVIEW", "timeZone": "Europe/Berlin"});
        let class = Class::open(&shop, 1, review).await;
        let to = ["a", "b", "c"].map(|name| format!("{name}.{tag}@example.com"));
        let (kim, lee, choi) = (
            register(&shop, &to[0], tag).await,
            register(&shop, &to[1], tag).await,
            register(&shop, &to[2], tag).await,
        );
        let first = class.apply(&kim).await;
        let link = format!("https://tickets.example.com/enrollments/{first}");
        let mail =
            arrived(&server, (&to[0], "ENROLLMENT_APPLIED"), &applied, &["Studio 3", &link]).await;
        let zone = mail["parts"][0]["text"].as_str().unwrap();
        assert!(zone.contains("Europe/Berlin") || zone.contains("(CE"), "the class's zone: {zone}");

        class.decide(&first, "APPROVED", Some("welcome\nbring an apron")).await;
        let says = ["welcome", "bring an apron", &said, "Studio 3", &link];
        let mail = arrived(&server, (&to[0], "ENROLLMENT_APPROVED"), &approved, &says).await;
        let names: Vec<_> =
            mail["parts"].as_array().unwrap().iter().map(|part| part["name"].clone()).collect();
        assert!(
            names.contains(&json!("tickets.pdf")) && names.contains(&json!("event.ics")),
            "{names:?}"
        );

        let second = class.apply(&lee).await;
        class.decide(&second, "WAITLISTED", None).await;
        let kind = (&*to[1], "ENROLLMENT_WAITLISTED");
        arrived(&server, kind, &waits, &[&position]).await;
        let third = class.apply(&choi).await;
        let bad = "<b>too far</b>\nBcc: eve@example.com <script>alert(1)</script>";
        class.decide(&third, "REJECTED", Some(bad)).await;
        let says = ["<b>too far</b>", "Bcc: eve@example.com <script>", &said];
        arrived(&server, (&to[2], "ENROLLMENT_REJECTED"), &rejected, &says).await;

        class.cancel(&kim, &first).await;
        let kind = (&*to[0], "ENROLLMENT_CANCELED");
        let mail = arrived(&server, kind, &canceled, &[&cancelled_by, &link]).await;
        assert!(
            !mail["parts"][0]["text"].as_str().unwrap().contains(&said),
            "the reason was the person's own"
        );
        let kind = (&*to[1], "WAITLIST_PROMOTED");
        arrived(&server, kind, &promoted, &["Studio 3"]).await;
    }
}

on_both_databases! {
    async fn a_fee_is_asked_for_and_its_payment_sends_the_ticket(db: TestDb) {
        let shop = open(db).await;
        let fee = json!({"fee": {"amount": 50_000, "currency": "KRW"}, "payWindowSeconds": 3_600});
        let class = Class::open(&shop, 1, fee).await;
        let (kim, lee) = (
            register(&shop, "kim@example.com", "en").await,
            register(&shop, "lee@example.com", "ko").await,
        );
        let first = class.apply(&kim).await;
        let link = format!("Pay the fee: https://tickets.example.com/orders/{first}");
        let asks = ["The fee is ₩50,000. Please pay by ", &link, "the place goes to the next in line"];
        let asked = text(&shop, "enrollment.approved", kim.user, &asks).await;
        assert!(asked.subject.contains(": pay by "), "{}", asked.subject);
        let (_, parts) = mail(&shop, "enrollment.approved", kim.user).await;
        assert!(parts.is_empty(), "no ticket before the payment");
        let second = class.apply(&lee).await;
        text(&shop, "enrollment.waitlisted", lee.user, &["대기 순서: 1"]).await;

        kim.charge(50_000).await;
        let pay = format!("/api/reservations/{first}/payments");
        kim.post_with_key(&pay, "p", &json!({"method": "wallet"})).await.is(200);
        let paid = text(&shop, "reservation.confirmed", kim.user, &["Your fee is paid, and your place is sure."]).await;
        assert_eq!(paid.subject, "Your fee for 도자기 & <b>Pottery</b> is paid");
        let (_, parts) = mail(&shop, "reservation.confirmed", kim.user).await;
        let names: Vec<_> = parts.iter().map(|part| part.name.as_str()).collect();
        assert_eq!(names, ["ticket-1.png", "tickets.pdf", "event.ics"]);
        let calendar = String::from_utf8(parts[2].content.clone()).unwrap().replace("\r\n ", "");
        assert!(calendar.contains(&format!("https://tickets.example.com/classes/{}", class.id)), "{calendar}");
        assert!(calendar.contains("LOCATION:Studio 3"), "{calendar}");

        class.cancel(&kim, &first).await;
        text(&shop, "enrollment.canceled", kim.user, &["You cancelled your place.", "₩50,000 goes back to you"]).await;
        let asks = ["대기 순서에 따라 등록되었습니다", "수강료는 50,000원입니다"];
        text(&shop, "enrollment.promoted", lee.user, &asks).await;
        until_told(&shop).await;
        shop.clock.advance_ms(3_600_000);
        shop.sweep().await;
        let unpaid = text(&shop, "enrollment.canceled", lee.user, &["기한까지 수강료가 결제되지 않아"]).await;
        assert!(unpaid.plain.contains(&second));
        until_told(&shop).await;
        for kind in ["reservation.created", "reservation.cancelled", "reservation.expired"] {
            assert_eq!(count(&shop, kind).await, 0, "{kind} stands beside the mail about the application");
        }
        assert_eq!(count(&shop, "enrollment.canceled").await, 2);
        let told = "SELECT count(*) FROM deliveries WHERE destination = 'mail' AND kind LIKE 'reservation.%'";
        assert!(shop.app.db.count(told).await >= 3, "they were seen, and needed no mail");
    }

    async fn an_offer_says_until_when_and_its_end_says_why(db: TestDb) {
        let shop = open(db).await;
        let offers = json!({"promotion": "OFFER", "offerSeconds": 600, "isOnline": true, "location": ""});
        let class = Class::open(&shop, 1, offers).await;
        let (kim, lee, choi) = (
            register(&shop, "kim@example.com", "en").await,
            register(&shop, "lee@example.com", "en").await,
            register(&shop, "choi@example.com", "ko").await,
        );
        let first = class.apply(&kim).await;
        text(&shop, "enrollment.approved", kim.user, &["Online"]).await;
        let (_, parts) = mail(&shop, "enrollment.approved", kim.user).await;
        let calendar = parts.iter().find(|part| part.name == "event.ics").expect("a calendar file");
        assert!(String::from_utf8_lossy(&calendar.content).contains("LOCATION:Online"));
        let second = class.apply(&lee).await;
        class.apply(&choi).await;
        text(&shop, "enrollment.waitlisted", choi.user, &["대기 순서: 2", "온라인"]).await;
        class.cancel(&kim, &first).await;
        let link = format!("Accept the place: https://tickets.example.com/enrollments/{second}");
        let offered = text(&shop, "enrollment.offered", lee.user, &["kept for you until", &link]).await;
        assert!(offered.subject.contains(": accept it by "), "{}", offered.subject);
        shop.clock.advance_ms(600_000);
        shop.sweep().await;
        text(&shop, "enrollment.canceled", lee.user, &["was not accepted in time"]).await;
        text(&shop, "enrollment.offered", choi.user, &["까지 맡아 둡니다"]).await;
        let urgent = "SELECT count(*) FROM deliveries WHERE kind = 'enrollment.offered' AND lane = -1 \
            AND destination = 'mail'";
        assert_eq!(shop.app.db.count(urgent).await, 2);

        let again = class.apply(&kim).await;
        class.cancel(&shop.admin(), &again).await;
        until_told(&shop).await;
        text(&shop, "enrollment.canceled", kim.user, &["The organiser cancelled your application.", "the kiln <broke>"]).await;
        let path = format!("{}?cancelEnrollments=true", class.path);
        shop.admin().delete(&path).await.is(200);
        shop.sweep().await;
        let off = text(&shop, "enrollment.canceled", choi.user, &["이 수업은 열리지 않습니다"]).await;
        assert_eq!(off.subject, "도자기 & <b>Pottery</b> 수업이 취소되었습니다");
    }

    async fn news_of_a_class_reach_those_with_places_and_call_it_one(db: TestDb) {
        let shop = open(db).await;
        let class = Class::open(&shop, 1, json!({})).await;
        let (kim, lee) = (
            register(&shop, "kim@example.com", "en").await,
            register(&shop, "lee@example.com", "ko").await,
        );
        class.apply(&kim).await;
        class.apply(&lee).await;
        let moved = json!({"startAt": shop.time_in(91_000), "endAt": shop.time_in(99_000)});
        shop.admin().put(&class.path, &moved).await.is(200);
        let link = format!("Show the class: https://tickets.example.com/classes/{}", class.id);
        text(&shop, "event.changed", kim.user, &["The class takes place as follows.", &link]).await;
        shop.admin().put(&class.path, &json!({"location": "Studio 4"})).await.is(200);
        text(&shop, "event.details_changed", kim.user, &["Studio 4", "the place was Studio 3", &link]).await;
        until_told(&shop).await;
        let of_lee =
            "SELECT count(*) FROM kept_mails WHERE kind LIKE 'event.%' AND recipient = 'lee@example.com'";
        assert_eq!(shop.app.db.count(of_lee).await, 0, "without a place");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_line_break_in_a_title_ends_no_header() {
    let server = SmtpServer::start(&[]);
    let shop = open_smtp(server.url()).await;
    let class = Class::open(&shop, 5, json!({})).await;
    let name = "Yoga\r\nBcc: eve@example.com";
    let path = json!({"title": name});
    shop.admin().put(&class.path, &path).await.refused(422, "INVALID");
    // As an older version might have stored it.
    let renamed = format!("UPDATE events SET name = '{name}' WHERE kind = 'CLASS'");
    assert_eq!(shop.app.db.sql(&renamed).await, 1);
    let kim = register(&shop, "kim@example.com", "en").await;
    class.apply(&kim).await;
    let subject = "You have a place in Yoga Bcc: eve@example.com";
    arrived(&server, ("kim@example.com", "ENROLLMENT_APPROVED"), subject, &["Yoga Bcc"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mail_about_a_class_that_would_be_wrong_by_now_is_not_sent() {
    let shop = open(TestDb::sqlite().await).await;
    let class = Class::open(&shop, 1, json!({})).await;
    let (kim, lee) = (
        register(&shop, "kim@example.com", "en").await,
        register(&shop, "lee@example.com", "en").await,
    );
    let (first, second) = (class.apply(&kim).await, class.apply(&lee).await);
    class.cancel(&kim, &first).await;
    until_told(&shop).await;
    let late = MailOutcome::NothingToSend("the application has moved on since");
    let soon = shop.clock.now_ms() + 600_000;
    for (kind, user, id) in [
        ("enrollment.applied", kim.user, &first),
        ("enrollment.approved", kim.user, &first),
        ("enrollment.promoted", kim.user, &first),
        ("enrollment.rejected", kim.user, &first),
        ("enrollment.waitlisted", lee.user, &second),
        ("enrollment.offered", lee.user, &second),
        ("enrollment.canceled", lee.user, &second),
    ] {
        let body = json!({"enrollmentId": id, "expiresAtMs": soon});
        assert_eq!(tell(&shop, kind, user, body).await, late, "{kind}");
    }
    for (user, id) in [(lee.user, &first), (kim.user, &uuid::Uuid::nil().to_string())] {
        let of_another =
            tell(&shop, "enrollment.canceled", user, json!({"enrollmentId": id})).await;
        assert_eq!(of_another, MailOutcome::Never("no such application".into()));
    }
    let about = json!({"reservationId": first});
    let twice = tell(&shop, "reservation.cancelled", kim.user, about).await;
    assert_eq!(twice, MailOutcome::NothingToSend("the mail about the application says it"));
}

on_both_databases! {
    async fn an_erased_person_gets_no_mail_about_a_class_and_none_is_kept(db: TestDb) {
        let shop = open(db).await;
        let class = Class::open(&shop, 1, json!({"selectionType": "REVIEW"})).await;
        let kim = register(&shop, "kim@example.com", "en").await;
        let applied = class.apply(&kim).await;
        text(&shop, "enrollment.applied", kim.user, &[]).await;
        kim.delete("/api/users/me").await.is(200);
        until_told(&shop).await;
        assert_eq!(shop.app.db.count("SELECT count(*) FROM kept_mails").await, 0);
        let told = "SELECT count(*) FROM deliveries WHERE kind = 'enrollment.canceled' AND destination = 'mail'";
        assert_eq!(shop.app.db.count(told).await, 1, "the message was seen");
        let again = tell(&shop, "enrollment.canceled", kim.user, json!({"enrollmentId": applied})).await;
        let erased = MailOutcome::NothingToSend("the person was erased, or has left no address");
        assert_eq!(again, erased);
    }
}
