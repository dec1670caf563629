//! Mails about places that were given away: the code in them, and how many there are.

use admitone::ids::UserId;
use admitone::mail::MailOutcome;
use serde_json::{Value, json};

use super::{guest, letter, mail, open, tell};
use crate::http::api_client::{Event, Shop};
use crate::support::test_db::{TestDb, eventually};

const EMAIL: &str = "sponsor@example.com";

/// Gives a place away; returns the answer.
async fn give(shop: &Shop, event: &Event<'_>) -> Value {
    let lines = json!([{"productId": event.standing(), "quantity": 1}]);
    let at = format!("/api/admin/offerings/{}/complimentary-orders", event.id);
    shop.admin().post(&at, &json!({"email": EMAIL, "lines": lines})).await.is(201).data
}

/// Returns the recipient of an order.
async fn recipient(shop: &Shop, order: &Value) -> UserId {
    let id = order.as_str().unwrap().parse().unwrap();
    let row = shop.app.state().store.reservation_get(id).await.unwrap();
    row.expect("the order").user
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mail_about_a_gift_says_that_its_code_works_once() {
    let shop = open(TestDb::sqlite().await).await;
    let event = shop.event().await;
    let given = give(&shop, &event).await;
    let code = given["guest"]["claimCode"].as_str().unwrap();
    let to = recipient(&shop, &given["reservationId"]).await;
    let (first, _) = mail(&shop, "reservation.confirmed", to).await;
    for form in [&first.plain, &first.html] {
        assert!(form.contains(code) && form.contains("This code works once."), "{form}");
    }
    let claim = json!({"email": EMAIL, "code": code});
    let claimed = shop.nobody().post("/api/auth/guest/claim", &claim).await.is(200).data;
    let about = json!({"reservationId": given["reservationId"]});
    let letter = letter("reservation.confirmed", to, None, about);
    assert_eq!(shop.app.state().mailer.deliver(&letter).await, MailOutcome::Sent);
    let later = shop.app.state().store.kept_mail_get(letter.id).await.unwrap();
    let later = later.expect("it is kept").0.plain;
    assert!(later.contains(claimed["claimCode"].as_str().unwrap()), "{later}");
    assert!(!later.contains(code) && !later.contains("works once"), "{later}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sponsor_gets_a_mail_about_each_of_many_gifts_and_strangers_have_their_own_share() {
    const GIFTS: usize = 12;
    let shop = open(TestDb::sqlite().await).await;
    let event = shop.event().await;
    for _ in 0..GIFTS {
        give(&shop, &event).await;
    }
    let store = shop.app.state().store.clone();
    eventually("a mail about each gift", async || {
        let kept = store.kept_mail_list(None, 100).await.unwrap();
        let is_it = |mail: &&admitone::store::KeptMail| {
            mail.kind == "reservation.confirmed" && mail.recipient == EMAIL
        };
        kept.iter().filter(is_it).count() == GIFTS
    })
    .await;
    // A customer who names the address causes ten in an hour all the same.
    let stranger = guest(&shop, EMAIL).await;
    let order = stranger.reserve(&event, &event.places(1)).await;
    let about = json!({"reservationId": order});
    for nth in 1..=11 {
        let said = tell(&shop, "reservation.created", stranger.user, about.clone()).await;
        assert_eq!(said == MailOutcome::Sent, nth <= 10, "{nth}: {said:?}");
    }
}
