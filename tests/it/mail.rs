//! Mails: what is sent of what happens, by a real mail server and as kept mails.

mod changes;
mod classes;
mod gifts;
mod kept;
mod links;
mod money;
mod orders;
mod sending;

use admitone::config::MailMode;
use admitone::ids::{OfferingId, UserId};
use admitone::mail::{Letter, MailOutcome};
use admitone::store::{KeptMail, KeptPart};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::http::api_client::{Answer, Person, Shop};
use crate::support::test_db::{TestDb, eventually};

const PASSWORD: &str = "correct horse battery";

/// Opens a shop that keeps its mails.
async fn open(db: TestDb) -> Shop {
    let keeps = |config: &mut admitone::config::Config| {
        config.mail = Some(MailMode::Keep);
        config.demo_payments = Some(true);
        config.public_url = Some("https://tickets.example.com".into());
    };
    Shop::open_with(db, keeps).await
}

/// Registers a person whose browser asks for a language.
async fn register<'a>(shop: &'a Shop, email: &str, language: &str) -> Person<'a> {
    let body = json!({"email": email, "password": PASSWORD, "name": "김민수"});
    let request = shop.nobody().request(reqwest::Method::POST, "/api/auth/register");
    let request = request.header("Accept-Language", language).json(&body);
    let session = Answer::of(request).await.is(201).data;
    let known = ["en", "ko"].into_iter().find(|tag| language.starts_with(tag));
    assert_eq!(session["user"]["language"], json!(known));
    person(shop, &session)
}

/// Makes a guest who has left an address.
async fn guest<'a>(shop: &'a Shop, email: &str) -> Person<'a> {
    let session = shop.nobody().post_nothing("/api/auth/guest").await.is(201).data;
    let guest = person(shop, &session);
    guest.post("/api/auth/guest/email", &json!({"email": email})).await.is(200);
    guest
}

fn person<'a>(shop: &'a Shop, session: &Value) -> Person<'a> {
    let user = session["user"]["id"].as_str().unwrap().parse().unwrap();
    shop.with_token(user, session["accessToken"].as_str().unwrap().to_owned())
}

fn letter(kind: &str, user: UserId, offering: Option<OfferingId>, body: Value) -> Letter {
    Letter {
        id: Uuid::new_v4(),
        kind: kind.to_owned(),
        user,
        offering,
        body,
        at: 1_893_456_000_000,
    }
}

/// Delivers a message about a reservation.
async fn tell(shop: &Shop, kind: &str, user: UserId, body: Value) -> MailOutcome {
    shop.app.state().mailer.deliver(&letter(kind, user, None, body)).await
}

/// Returns the newest mail of a kind to a person, once there is one.
async fn mail(shop: &Shop, kind: &str, to: UserId) -> (KeptMail, Vec<KeptPart>) {
    let store = shop.app.state().store.clone();
    let mut found = None;
    eventually(&format!("a mail {kind}"), async || {
        let mails = store.kept_mail_list(None, 100).await.unwrap();
        found = mails.into_iter().find(|mail| mail.kind == kind && mail.user == to);
        found.is_some()
    })
    .await;
    store.kept_mail_get(found.unwrap().id).await.unwrap().unwrap()
}

/// Returns the token of the link in a mail.
fn token(mail: &KeptMail) -> String {
    let (_, behind) = mail.plain.split_once("token=").expect("a link");
    behind.split_whitespace().next().unwrap().to_owned()
}

/// Returns how many mails of a kind are kept.
async fn count(shop: &Shop, kind: &str) -> i64 {
    shop.app.db.count(&format!("SELECT count(*) FROM kept_mails WHERE kind = '{kind}'")).await
}
