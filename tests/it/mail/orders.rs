//! Mails about orders and events: what they say in both languages, what they carry, and when there is
//! nothing to say.

use admitone::mail::MailOutcome;
use serde_json::json;

use super::{guest, letter, mail, open, register, tell};
use crate::http::api_client::{Person, Shop};
use crate::support::test_db::TestDb;

on_both_databases! {
    async fn a_ticket_mail_carries_codes_a_pdf_and_a_calendar_file(db: TestDb) {
        let shop = open(db).await;
        let (event, kim) = (shop.event().await, register(&shop, "kim@example.com", "en").await);
        let seats = event.seats().await;
        let order = kim.buy(&event, &json!({"seats": [seats[2], seats[3]]})).await;
        let sent = tell(&shop, "reservation.confirmed", kim.user, json!({"reservationId": order})).await;
        assert_eq!(sent, MailOutcome::Sent);

        let (mail, parts) = mail(&shop, "reservation.confirmed", kim.user).await;
        assert_eq!(mail.subject, "Your tickets for 햄릿 — Hamlet");
        assert_eq!(mail.recipient, "kim@example.com");
        for text in ["Hello 김민수,", "Left, row A, seat 3: ₩90,000", "Total: ₩180,000",
            &format!("https://tickets.example.com/orders/{order}")] {
            assert!(mail.plain.contains(text), "{text} is not in\n{}", mail.plain);
        }
        let names: Vec<_> = parts.iter().map(|part| part.name.as_str()).collect();
        assert_eq!(names, ["ticket-1.png", "ticket-2.png", "tickets.pdf", "event.ics"]);
        let tickets = kim.tickets().await;
        for (part, position) in parts[..2].iter().zip(["ticket-1", "ticket-2"]) {
            assert_eq!(part.content_id.as_deref(), Some(position));
            assert!(mail.html.contains(&format!("cid:{position}")));
            assert!(tickets.iter().any(|ticket| ticket["code"] == read_code(&part.content)));
        }
        assert!(parts[2].content.starts_with(b"%PDF-"));
        let calendar = String::from_utf8(parts[3].content.clone()).unwrap();
        assert!(calendar.contains("BEGIN:VEVENT") && calendar.contains("https://tickets.example.com/events/"));
    }
}

/// Reads the QR code of a picture in black and white.
fn read_code(picture: &[u8]) -> String {
    let mut reader = png::Decoder::new(std::io::Cursor::new(picture)).read_info().unwrap();
    let mut bits = vec![0; reader.output_buffer_size().unwrap()];
    let frame = reader.next_frame(&mut bits).unwrap();
    let (side, line) = (frame.width as usize, frame.line_size);
    let is_light = |x: usize, y: usize| bits[y * line + x / 8] & (0x80 >> (x % 8)) != 0;
    let light = |x, y| if is_light(x, y) { 255 } else { 0 };
    let mut image = rqrr::PreparedImage::prepare_from_greyscale(side, side, light);
    image.detect_grids()[0].decode().unwrap().1
}

#[tokio::test(flavor = "multi_thread")]
async fn mails_about_orders_are_in_the_language_of_their_buyer() {
    let shop = open(TestDb::sqlite().await).await;
    let (event, kim) = (shop.event().await, register(&shop, "kim@example.com", "ko-KR,en").await);
    let order = kim.reserve(&event, &event.places(2)).await;
    let about = json!({"reservationId": order});
    assert_eq!(
        tell(&shop, "reservation.created", kim.user, about.clone()).await,
        MailOutcome::Sent
    );
    let (created, _) = mail(&shop, "reservation.created", kim.user).await;
    assert!(created.subject.starts_with("햄릿 — Hamlet: "), "{}", created.subject);
    for text in ["김민수님, 안녕하세요.", "자리를 맡아 둡니다", "합계: 100,000원", &order]
    {
        assert!(
            created.plain.contains(text)
                && created.html.contains(text.trim_start_matches("합계: ")),
            "{text}"
        );
    }
    let payment = admitone::store::auto_payment_id(order.parse().unwrap());
    let failed = json!({"reservationId": order, "paymentId": payment, "reason": "<b>card</b>"});
    assert_eq!(tell(&shop, "payment.failed", kim.user, failed).await, MailOutcome::Sent);
    let (failed, _) = mail(&shop, "payment.failed", kim.user).await;
    assert!(failed.plain.contains("사유: <b>card</b>") && !failed.html.contains("<b>card"));
    assert!(failed.html.contains("다시 결제하기"));

    kim.patch("/api/users/me", &json!({"language": "en"})).await.is(200);
    kim.post_nothing(&format!("/api/reservations/{order}/cancel")).await.is(200);
    assert_eq!(
        tell(&shop, "reservation.cancelled", kim.user, about.clone()).await,
        MailOutcome::Sent
    );
    let (cancelled, _) = mail(&shop, "reservation.cancelled", kim.user).await;
    assert!(cancelled.plain.contains("Nothing was charged."), "{}", cancelled.plain);
    assert_eq!(tell(&shop, "reservation.expired", kim.user, about).await, MailOutcome::Sent);
    let refunded = json!({"reservationId": order, "amount": {"amount": 7_000, "currency": "KRW"}});
    assert_eq!(tell(&shop, "payment.refunded", kim.user, refunded).await, MailOutcome::Sent);
    let (refunded, _) = mail(&shop, "payment.refunded", kim.user).await;
    assert_eq!(refunded.subject, "₩7,000 goes back to you");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cancelled_order_says_what_goes_back() {
    let shop = open(TestDb::sqlite().await).await;
    let (event, kim) = (shop.event().await, register(&shop, "kim@example.com", "en").await);
    let order = kim.buy(&event, &event.places(2)).await;
    kim.post_nothing(&format!("/api/reservations/{order}/cancel")).await.is(200);
    for (body, says) in [
        (json!({"reservationId": order}), "₩100,000 goes back to you"),
        (json!({"reservationId": order, "refundAmount": 80_000}), "₩80,000 goes back to you"),
        (json!({"reservationId": order, "refundAmount": 0}), "no money goes back"),
    ] {
        let letter = letter("reservation.cancelled", kim.user, None, body);
        assert_eq!(shop.app.state().mailer.deliver(&letter).await, MailOutcome::Sent);
        let (mail, _) = shop.app.state().store.kept_mail_get(letter.id).await.unwrap().unwrap();
        assert!(mail.plain.contains(says), "{says} is not in\n{}", mail.plain);
        assert!(mail.plain.contains("Its tickets are void."), "{}", mail.plain);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unpaid_order_had_no_tickets_and_an_event_that_is_off_is_the_reason() {
    let shop = open(TestDb::sqlite().await).await;
    let (event, kim) = (shop.event().await, register(&shop, "kim@example.com", "en").await);
    let given_up = kim.reserve(&event, &event.places(1)).await;
    kim.post_nothing(&format!("/api/reservations/{given_up}/cancel")).await.is(200);
    let about = |order: &str| {
        letter("reservation.cancelled", kim.user, None, json!({"reservationId": order}))
    };
    let said = async |order: &str| {
        let letter = about(order);
        assert_eq!(shop.app.state().mailer.deliver(&letter).await, MailOutcome::Sent);
        let kept = shop.app.state().store.kept_mail_get(letter.id).await.unwrap();
        kept.expect("it is kept").0.plain
    };
    let unpaid = said(&given_up).await;
    assert!(unpaid.contains("Your order is cancelled.") && !unpaid.contains("void"), "{unpaid}");
    let waits = kim.reserve(&event, &event.places(1)).await;
    shop.admin().post_nothing(&format!("/api/admin/offerings/{}/cancel", event.id)).await.is(200);
    let off = said(&waits).await;
    assert!(off.contains("this event does not take place") && !off.contains("void"), "{off}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_that_is_not_confirmed_gets_ten_mails_about_orders_an_hour() {
    let shop = open(TestDb::sqlite().await).await;
    let event = shop.event().await;
    let about = async |guest: &Person<'_>| json!({"reservationId": guest.reserve(&event, &event.places(1)).await});
    let mut sent = 0;
    for _ in 0..3 {
        let stranger = guest(&shop, "victim@example.com").await;
        let about = about(&stranger).await;
        for _ in 0..5 {
            let said = tell(&shop, "reservation.created", stranger.user, about.clone()).await;
            match said {
                MailOutcome::Sent => sent += 1,
                said => assert_eq!(
                    said,
                    MailOutcome::NothingToSend("the address is not confirmed and had its share")
                ),
            }
        }
    }
    // The relay of the shop mails nothing of an order that waits for its payment.
    assert_eq!(sent, 10);
    // An account with the address of a stranger has no share of its own.
    let stranger = register(&shop, "victim@example.com", "en").await;
    let about_its_own = about(&stranger).await;
    let said = tell(&shop, "reservation.created", stranger.user, about_its_own).await;
    assert!(matches!(said, MailOutcome::NothingToSend(_)), "{said:?}");
    // Mails about the account itself are counted apart: nothing that strangers order keeps them back.
    for nth in 0..11 {
        let said = tell(&shop, "security.password_changed", stranger.user, json!({})).await;
        assert_eq!(said == MailOutcome::Sent, nth < 10, "{nth}: {said:?}");
    }
    let own = guest(&shop, "owner@example.com").await;
    let about_own = about(&own).await;
    let letter = letter("reservation.created", own.user, None, about_own.clone());
    for _ in 0..15 {
        let again = shop.app.state().mailer.deliver(&letter).await;
        assert_eq!(again, MailOutcome::Sent, "tried again, a mail counts once");
    }
    shop.app.db.sql("UPDATE guests SET email_confirmed_at = 1").await;
    for _ in 0..15 {
        let said = tell(&shop, "reservation.created", own.user, about_own.clone()).await;
        assert_eq!(said, MailOutcome::Sent);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_guest_s_mail_has_the_code_of_the_orders() {
    let shop = open(TestDb::sqlite().await).await;
    let (event, kim) = (shop.event().await, guest(&shop, "kim@example.com").await);
    let order = kim.reserve(&event, &event.places(1)).await;
    let about = json!({"reservationId": order});
    assert_eq!(tell(&shop, "reservation.created", kim.user, about).await, MailOutcome::Sent);
    let (mail, _) = mail(&shop, "reservation.created", kim.user).await;
    let contact = shop.app.state().accounts.guest_contact(kim.user).await.unwrap().unwrap();
    for form in [&mail.plain, &mail.html] {
        assert!(
            form.contains(&contact.claim_code)
                && form.contains("https://tickets.example.com/claim")
        );
    }
    assert!(mail.plain.starts_with("Hello,\n"), "{}", mail.plain);
    assert!(!mail.plain.contains("works once"), "it is good for all orders");
}

#[tokio::test(flavor = "multi_thread")]
async fn mails_about_events_say_what_changed_and_by_when() {
    let shop = open(TestDb::sqlite().await).await;
    let (event, kim) = (shop.event().await, register(&shop, "kim@example.com", "en").await);
    let offering = Some(event.offering());
    let deliver = async |kind: &str, body| {
        let letter = letter(kind, kim.user, offering, body);
        let outcome = shop.app.state().mailer.deliver(&letter).await;
        let mail = shop.app.state().store.kept_mail_get(letter.id).await.unwrap();
        (outcome, mail.map(|(mail, _)| mail.plain).unwrap_or_default())
    };
    let soon = shop.app.state().clock.now_ms() + 60_000;
    let (outcome, text) =
        deliver("waitlist.offered", json!({"entryId": 1, "expiresAtMs": soon})).await;
    assert_eq!(outcome, MailOutcome::Sent);
    assert!(text.contains("kept for you until") && text.contains(&event.id), "{text}");
    let (late, _) = deliver("waitlist.offered", json!({"expiresAtMs": soon - 60_000})).await;
    assert_eq!(late, MailOutcome::NothingToSend("the offer has expired"));

    let change = json!({"previousEventDate": "2030-05-01T19:30:00Z", "previousVenue": "The barn"});
    let (_, text) = deliver("event.changed", change).await;
    assert!(text.contains("planned for Wed 1 May 2030, 19:30 (UTC)"), "{text}");
    assert!(text.contains("the place was The barn") && text.contains("The old theatre"), "{text}");
    let (_, text) = deliver("event.cancelled", json!({})).await;
    assert!(text.contains("What you paid for your places goes back to you"), "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mail_that_would_be_wrong_by_now_is_not_sent() {
    let shop = open(TestDb::sqlite().await).await;
    let (event, kim) = (shop.event().await, register(&shop, "kim@example.com", "en").await);
    let order = kim.buy(&event, &event.places(1)).await;
    let about = json!({"reservationId": order});
    let late = tell(&shop, "reservation.created", kim.user, about.clone()).await;
    assert_eq!(late, MailOutcome::NothingToSend("the order waits for no payment any more"));
    let waits = kim.reserve(&event, &event.places(1)).await;
    let body = json!({"method": "simulator", "delayMs": 60_000});
    kim.post_with_key(&format!("/api/reservations/{waits}/payments"), "k", &body).await.is(202);
    let expired = json!({"reservationId": waits});
    let early = tell(&shop, "reservation.expired", kim.user, expired).await;
    assert_eq!(early, MailOutcome::NothingToSend("a payment may still come"));
    kim.post_nothing(&format!("/api/reservations/{order}/cancel")).await.is(200);
    let late = tell(&shop, "reservation.confirmed", kim.user, about).await;
    assert_eq!(late, MailOutcome::NothingToSend("the order was cancelled since"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_that_lacks_something_is_never_sent_and_says_what() {
    let shop = open(TestDb::sqlite().await).await;
    let (event, kim) = (shop.event().await, register(&shop, "kim@example.com", "en").await);
    let (lee, order) =
        (register(&shop, "lee@example.com", "en").await, order(&shop, &kim, &event).await);
    for (kind, user, body, says) in [
        ("reservation.created", kim.user, json!({}), "the message lacks reservationId"),
        (
            "reservation.created",
            kim.user,
            json!({"reservationId": 7}),
            "the message lacks reservationId",
        ),
        (
            "reservation.created",
            kim.user,
            json!({"reservationId": uuid::Uuid::nil()}),
            "no such reservation",
        ),
        ("reservation.created", lee.user, json!({"reservationId": order}), "no such reservation"),
        ("payment.refunded", kim.user, json!({"reservationId": order}), "payment.refunded"),
        ("waitlist.offered", kim.user, json!({}), "the message lacks expiresAt"),
        ("event.cancelled", kim.user, json!({}), "the message lacks its event"),
        ("enrollment.applied", kim.user, json!({}), "the message lacks enrollmentId"),
        (
            "webhook.disabled",
            kim.user,
            json!({"url": "https://x.example"}),
            "the message lacks reason",
        ),
        ("account.password_reset", kim.user, json!({"linkId": "x"}), "the message lacks linkId"),
    ] {
        let MailOutcome::Never(why) = tell(&shop, kind, user, body.clone()).await else {
            panic!("{kind} {body} was sent");
        };
        assert!(why.contains(says) && !why.contains("example.com"), "{kind} {body}: {why}");
    }
    for kind in
        ["ticket.checked_in", "", "reservation", "../layout", "layout", "reservation.confirmed.txt"]
    {
        let nothing = tell(&shop, kind, kim.user, json!({})).await;
        assert_eq!(
            nothing,
            MailOutcome::NothingToSend("no mail for this kind of message"),
            "{kind}"
        );
    }
}

async fn order(_: &Shop, kim: &Person<'_>, event: &crate::http::api_client::Event<'_>) -> String {
    kim.reserve(event, &event.places(1)).await
}
