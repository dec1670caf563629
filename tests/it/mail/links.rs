//! Links in mails: addresses are confirmed and passwords set once, in time, by the reader of the mail alone.

use admitone::clock::Clock;
use admitone::ids::UserId;
use admitone::mail::MailOutcome;
use admitone::store::{
    FreshSession, IdentityLinked, NO_PASSWORD, NewIdentity, NewUser, Role, SocialProvider,
};
use serde_json::{Value, json};

use super::{PASSWORD, count, guest, letter, mail, open, register, token};
use crate::http::api_client::{Answer, Person, Shop};
use crate::support::test_db::{TestDb, eventually};

const DAY_MS: i64 = 24 * 3_600_000;
const NEW: &str = "another horse battery";

async fn confirm(shop: &Shop, token: &str) -> Answer {
    shop.nobody().post("/api/auth/email/confirm", &json!({"token": token})).await
}

async fn ask(shop: &Shop, email: &str) -> Answer {
    shop.nobody().post("/api/auth/password/reset-request", &json!({"email": email})).await
}

async fn reset(shop: &Shop, token: &str, password: &str) -> Answer {
    let body = json!({"token": token, "password": password});
    shop.nobody().post("/api/auth/password/reset", &body).await
}

async fn login(shop: &Shop, password: &str) -> Answer {
    let body = json!({"email": "kim@example.com", "password": password});
    shop.nobody().post("/api/auth/login", &body).await
}

/// Links an identity in the newest session of a person.
async fn link(shop: &Shop, user: UserId, provider: SocialProvider) {
    let (store, now) = (&shop.app.state().store, shop.clock.now_ms());
    let session = store.session_list(user, now).await.unwrap().remove(0);
    let session = FreshSession { id: session.id, opened_since: session.created_at };
    let subject = "a-person".to_owned();
    let identity = NewIdentity { provider, issuer: String::new(), subject, email: None };
    let linked = store.social_identity_link(user, &identity, session, now).await.unwrap();
    assert_eq!(linked, IdentityLinked::Yes);
}

on_both_databases! {
    async fn an_account_confirms_its_address_once(db: TestDb) {
        let shop = open(db).await;
        let kim = register(&shop, "kim@example.com", "ko").await;
        let me = kim.get("/api/users/me").await.is(200).data;
        assert_eq!((&me["language"], &me["emailConfirmedAt"]), (&json!("ko"), &Value::Null));
        let (letter, _) = mail(&shop, "account.email_confirmation", kim.user).await;
        assert_eq!(letter.subject, "이메일 주소를 확인해 주세요");
        let token = token(&letter);
        assert!(letter.html.contains(&format!("https://tickets.example.com/confirm?token={token}")));
        for wrong in ["", "x", &token[1..], &"0".repeat(64), &token.to_uppercase()] {
            confirm(&shop, wrong).await.refused(410, "INVALID_LINK");
        }
        reset(&shop, &token, NEW).await.refused(410, "INVALID_LINK");
        let done = confirm(&shop, &token).await.is(200).data;
        assert_eq!(done, json!({"id": kim.user, "kind": "account"}));
        let me = kim.get("/api/users/me").await.is(200).data;
        assert_eq!(me["emailConfirmedAt"], shop.time_in(0));
        confirm(&shop, &token).await.refused(410, "INVALID_LINK");
        // Nothing is left to confirm.
        kim.post_nothing("/api/auth/email/confirmation").await.is(202);
        assert_eq!(shop.app.db.count("SELECT count(*) FROM mail_links").await, 0);
        let secret = format!("SELECT count(*) FROM mail_links WHERE purpose = '{token}'");
        assert_eq!(shop.app.db.count(&secret).await, 0);
    }

    async fn a_guest_confirms_the_address_and_no_session_opens(db: TestDb) {
        let shop = open(db).await;
        let (event, kim) = (shop.event().await, guest(&shop, "kim@example.com").await);
        let order = kim.reserve(&event, &event.places(1)).await;
        let (first, _) = mail(&shop, "account.email_confirmation", kim.user).await;
        // The clock stands still, and the second mail is to be the newer one.
        shop.clock.advance_ms(1);
        // Another address ends the link of the first.
        let other = json!({"email": "kim@example.org"});
        kim.post("/api/auth/guest/email", &other).await.is(200);
        confirm(&shop, &token(&first)).await.refused(410, "INVALID_LINK");
        eventually("a second mail", async || {
            count(&shop, "account.email_confirmation").await == 2
        }).await;
        let (second, _) = mail(&shop, "account.email_confirmation", kim.user).await;
        assert_eq!(second.recipient, "kim@example.org");
        let done = confirm(&shop, &token(&second)).await.is(200).data;
        assert_eq!(done, json!({"id": kim.user, "kind": "guest"}), "no token");
        assert_eq!(kim.get("/api/reservations").await.is(200).data[0]["id"], order);
        let me = kim.get("/api/users/me").await.is(200).data;
        assert_eq!(me["emailConfirmedAt"], shop.time_in(0));
        // The same address stays confirmed, another one is not.
        kim.post("/api/auth/guest/email", &other).await.is(200);
        assert_eq!(kim.get("/api/users/me").await.is(200).data["emailConfirmedAt"], shop.time_in(0));
        kim.post("/api/auth/guest/email", &json!({"email": "kim@example.net"})).await.is(200);
        assert!(kim.get("/api/users/me").await.is(200).data["emailConfirmedAt"].is_null());
    }

    async fn a_password_is_set_by_a_link_once_and_ends_all_sessions(db: TestDb) {
        let shop = open(db).await;
        let kim = register(&shop, "kim@example.com", "en").await;
        let session = login(&shop, PASSWORD).await.is(200).data;
        ask(&shop, " KIM@example.com ").await.is(202);
        let (letter, _) = mail(&shop, "account.password_reset", kim.user).await;
        let token = token(&letter);
        reset(&shop, &token, "short").await.refused(422, "INVALID");
        confirm(&shop, &token).await.refused(410, "INVALID_LINK");
        shop.clock.advance_ms(1_000);
        reset(&shop, &token, NEW).await.is(200);
        reset(&shop, &token, "third horse battery").await.refused(410, "INVALID_LINK");
        kim.get("/api/users/me").await.refused(401, "UNAUTHORIZED");
        let refresh = json!({"refreshToken": session["refreshToken"]});
        shop.nobody().post("/api/auth/refresh", &refresh).await.refused(401, "INVALID_REFRESH_TOKEN");
        login(&shop, PASSWORD).await.refused(401, "INVALID_CREDENTIALS");
        let again = login(&shop, NEW).await.is(200).data;
        assert_eq!(again["user"]["emailConfirmedAt"], shop.time_in(0), "the mail was read");
        let (letter, _) = mail(&shop, "security.password_changed", kim.user).await;
        assert!(letter.html.contains("and all devices were signed out"), "{}", letter.html);
    }

    async fn a_reset_removes_what_was_linked_before_the_address_was_confirmed_and_says_so(db: TestDb) {
        let shop = open(db).await;
        let store = &shop.app.state().store;
        // Another person makes the account, and links an identity.
        let stranger = register(&shop, "kim@example.com", "en").await;
        link(&shop, stranger.user, SocialProvider::Google).await;
        shop.clock.advance_ms(1_000);
        let (letter, _) = mail(&shop, "account.email_confirmation", stranger.user).await;
        confirm(&shop, &token(&letter)).await.is(200);
        shop.clock.advance_ms(1_000);
        link(&shop, stranger.user, SocialProvider::Kakao).await;
        // The first reset does not confirm the address anew, so the second removes no more.
        shop.clock.advance_ms(1_000);
        for password in [NEW, "third horse battery"] {
            shop.clock.advance_ms(61_000);
            let before = count(&shop, "account.password_reset").await;
            ask(&shop, "kim@example.com").await.is(202);
            eventually("a mail", async || {
                count(&shop, "account.password_reset").await > before
            }).await;
            let (letter, _) = mail(&shop, "account.password_reset", stranger.user).await;
            reset(&shop, &token(&letter), password).await.is(200);
            let left = store.social_identity_list(stranger.user).await.unwrap();
            let left: Vec<_> = left.iter().map(|identity| identity.provider).collect();
            assert_eq!(left, [SocialProvider::Kakao]);
        }
        let told = "SELECT count(*) FROM kept_mails WHERE kind = 'security.password_changed'";
        eventually("two mails", async || shop.app.db.count(told).await == 2).await;
        let of_google = format!("{told} AND plain LIKE '%Signing in by GOOGLE was removed%'");
        assert_eq!(shop.app.db.count(&of_google).await, 1);
        assert_eq!(shop.app.db.count(&format!("{told} AND plain LIKE '%KAKAO%'")).await, 0);
    }

    async fn the_owner_is_told_of_a_lock_once_and_a_link_ends_it(db: TestDb) {
        let shop = open(db).await;
        let kim = register(&shop, "kim@example.com", "en").await;
        for _ in 0..5 {
            login(&shop, "a wrong guess").await.refused(401, "INVALID_CREDENTIALS");
        }
        login(&shop, PASSWORD).await.refused(429, "LOGIN_LOCKED");
        let (letter, _) = mail(&shop, "security.login_locked", kim.user).await;
        assert_eq!(letter.subject, "Signing in to your account is locked");
        assert!(letter.html.contains("Only the network or the device from which this came is locked"));
        assert!(letter.html.contains("https://tickets.example.com/forgot-password"));
        ask(&shop, "kim@example.com").await.is(202);
        let (letter, _) = mail(&shop, "account.password_reset", kim.user).await;
        reset(&shop, &token(&letter), NEW).await.is(200);
        login(&shop, NEW).await.is(200);
        for _ in 0..5 {
            login(&shop, "a wrong guess").await.refused(401, "INVALID_CREDENTIALS");
        }
        login(&shop, NEW).await.refused(429, "LOGIN_LOCKED");
        // The mail of the new password is behind it.
        mail(&shop, "security.password_changed", kim.user).await;
        assert_eq!(count(&shop, "security.login_locked").await, 1, "one mail in half an hour");
    }

    async fn a_first_password_comes_by_mail_to_a_confirmed_address_alone(db: TestDb) {
        let shop = open(db).await;
        let new = NewUser {
            id: UserId::random(),
            email: "kim@example.com".into(),
            password_hash: NO_PASSWORD.into(),
            name: "Kim".into(),
            phone_number: None,
            role: Role::User,
        };
        // An account that signs in by a provider: the address may be another person's.
        let store = &shop.app.state().store;
        store.user_create(new, None, 0).await.unwrap();
        register(&shop, "lee@example.com", "en").await;
        for email in ["kim@example.com", "lee@example.com"] {
            ask(&shop, email).await.is(202);
        }
        let links = async || {
            let links = "SELECT count(*) FROM mail_links WHERE purpose = 'reset-password'";
            shop.app.db.count(links).await
        };
        eventually("the other account gets a link", async || links().await == 1).await;
        shop.app.db.sql("UPDATE users SET email_confirmed_at = 1").await;
        shop.clock.advance_ms(60_001);
        ask(&shop, "kim@example.com").await.is(202);
        eventually("it gets a link", async || links().await == 2).await;
    }

    async fn an_address_that_guests_name_gets_one_link_a_minute_of_all_of_them(db: TestDb) {
        let shop = open(db).await;
        let first = guest(&shop, "victim@example.com").await;
        mail(&shop, "account.email_confirmation", first.user).await;
        for _ in 0..12 {
            let other = guest(&shop, "victim@example.com").await;
            other.post_nothing("/api/auth/email/confirmation").await.is(202);
        }
        let links = "SELECT count(*) FROM mail_links";
        assert_eq!(shop.app.db.count(links).await, 1);
        for _ in 0..14 {
            shop.clock.advance_ms(60_001);
            first.post_nothing("/api/auth/email/confirmation").await.is(202);
        }
        assert_eq!(shop.app.db.count(links).await, 10, "in an hour");
        // The owner asks again later.
        shop.clock.advance_ms(3_600_001);
        first.post_nothing("/api/auth/email/confirmation").await.is(202);
        assert_eq!(shop.app.db.count(links).await, 11);
    }

    async fn guests_of_one_network_send_links_to_twenty_addresses_a_minute(db: TestDb) {
        let shop = open(db).await;
        let links = async || shop.app.db.count("SELECT count(*) FROM mail_links").await;
        let mut guests = Vec::new();
        for n in 0..25 {
            // The last five come later in the same minute.
            if n == 20 {
                shop.clock.advance_ms(30_000);
            }
            guests.push(guest(&shop, &format!("stranger{n}@example.com")).await);
        }
        assert_eq!(links().await, 20);
        let ask_again = async |guests: &[Person<'_>]| {
            for guest in guests {
                guest.post_nothing("/api/auth/email/confirmation").await.is(202);
            }
        };
        ask_again(&guests).await;
        assert_eq!(links().await, 20, "the minute is not over");
        shop.clock.advance_ms(30_001);
        ask_again(&guests[20..]).await;
        assert_eq!(links().await, 25, "a link that was not sent has spent no address's minute");
        ask_again(&guests).await;
        assert_eq!(links().await, 40, "asking again counts too");
        // Of many guests who name one address, the link that is sent counts.
        shop.clock.advance_ms(60_001);
        for _ in 0..20 {
            guest(&shop, "stranger0@example.com").await;
        }
        assert_eq!(links().await, 41);
        for n in 25..50 {
            guest(&shop, &format!("stranger{n}@example.com")).await;
        }
        assert_eq!(links().await, 60);
        register(&shop, "kim@example.com", "en").await;
        assert_eq!(links().await, 61, "an account is no guest");
    }

    async fn nothing_tells_whether_an_address_has_an_account(db: TestDb) {
        let shop = open(db).await;
        let kim = register(&shop, "kim@example.com", "en").await;
        guest(&shop, "guest@example.com").await;
        let known = ask(&shop, "kim@example.com").await.is(202).body;
        for unknown in ["lee@example.com", "guest@example.com"] {
            assert_eq!(ask(&shop, unknown).await.is(202).body, known);
        }
        mail(&shop, "account.password_reset", kim.user).await;
        // One mail a minute, also if others ask.
        for _ in 0..9 {
            ask(&shop, "kim@example.com").await.is(202);
            ask(&shop, "lee@example.com").await.is(202);
        }
        for email in ["kim@example.com", "lee@example.com"] {
            ask(&shop, email).await.refused(429, "TOO_MANY_REQUESTS");
        }
        let links = "SELECT count(*) FROM mail_links WHERE purpose = 'reset-password'";
        assert_eq!(shop.app.db.count(links).await, 1);
        login(&shop, PASSWORD).await.is(200);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_link_ends_with_its_time_and_with_the_password_of_before() {
    let shop = open(TestDb::sqlite().await).await;
    let kim = register(&shop, "kim@example.com", "en").await;
    let (letter, _) = mail(&shop, "account.email_confirmation", kim.user).await;
    shop.clock.advance_ms(DAY_MS);
    confirm(&shop, &token(&letter)).await.refused(410, "INVALID_LINK");
    let kim = shop.again(&kim, Role::User);
    kim.post_nothing("/api/auth/email/confirmation").await.is(202);
    eventually("another mail", async || count(&shop, "account.email_confirmation").await == 2)
        .await;
    let (letter, _) = mail(&shop, "account.email_confirmation", kim.user).await;
    confirm(&shop, &token(&letter)).await.is(200);

    ask(&shop, "kim@example.com").await.is(202);
    let (letter, _) = mail(&shop, "account.password_reset", kim.user).await;
    let change = json!({"currentPassword": PASSWORD, "newPassword": NEW});
    let token_of = |session: &Value| session["accessToken"].as_str().expect("a token").to_owned();
    let session = login(&shop, PASSWORD).await.is(200).data;
    let kim = shop.with_token(kim.user, token_of(&session));
    kim.patch("/api/users/me", &change).await.is(200);
    let (told, _) = mail(&shop, "security.password_changed", kim.user).await;
    assert!(told.html.contains("all other devices were signed out"), "{}", told.html);
    reset(&shop, &token(&letter), "third horse battery").await.refused(410, "INVALID_LINK");
    login(&shop, NEW).await.is(200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mail_whose_link_has_ended_is_not_sent() {
    let shop = open(TestDb::sqlite().await).await;
    let kim = register(&shop, "kim@example.com", "en").await;
    let (sent, _) = mail(&shop, "account.email_confirmation", kim.user).await;
    let token = token(&sent);
    let accounts = &shop.app.state().accounts;
    let id = shop.app.db.count("SELECT count(*) FROM mail_links").await;
    assert_eq!(id, 1);
    confirm(&shop, &token).await.is(200);
    let about = json!({"linkId": uuid::Uuid::nil(), "expiresAtMs": i64::MAX / 4});
    let outcome = shop
        .app
        .state()
        .mailer
        .deliver(&letter("account.email_confirmation", kim.user, None, about))
        .await;
    assert_eq!(outcome, MailOutcome::NothingToSend("the link was used or has ended"));
    let purpose = admitone::store::LinkPurpose::ConfirmEmail;
    assert!(!accounts.is_link(&token, purpose).await.unwrap());
}

#[tokio::test(flavor = "multi_thread")]
async fn bad_input_about_links_and_languages_is_refused() {
    let shop = open(TestDb::sqlite().await).await;
    let kim = register(&shop, "kim@example.com", "fr").await;
    assert!(kim.get("/api/users/me").await.is(200).data["language"].is_null());
    for (path, body) in [
        ("/api/auth/password/reset-request", json!({"email": "kim"})),
        ("/api/auth/password/reset-request", json!({"email": "kim@example.com\r\nBcc: x@y.z"})),
        ("/api/auth/password/reset-request", json!({"email": null})),
        ("/api/auth/password/reset", json!({"token": 7, "password": NEW})),
        ("/api/auth/password/reset", json!({"password": NEW})),
        ("/api/auth/email/confirm", json!({})),
        ("/api/auth/email/confirm", json!({"token": "x", "email": "x"})),
    ] {
        shop.nobody().post(path, &body).await.refused(422, "INVALID");
    }
    for language in [json!("fr"), json!("EN"), json!(7), json!(["ko"]), json!("")] {
        kim.patch("/api/users/me", &json!({"language": language})).await.refused(422, "INVALID");
    }
    let changed =
        kim.patch("/api/users/me", &json!({"language": "ko", "name": "Kim"})).await.is(200);
    assert_eq!((&changed.data["language"], &changed.data["name"]), (&json!("ko"), &json!("Kim")));
    shop.nobody().post_nothing("/api/auth/email/confirmation").await.refused(401, "UNAUTHORIZED");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_link_leads_to_the_public_address_and_never_to_the_host_of_the_request() {
    let shop = open(TestDb::sqlite().await).await;
    let kim = register(&shop, "kim@example.com", "en").await;
    let request = shop.nobody().request(reqwest::Method::POST, "/api/auth/password/reset-request");
    let request = request.header("Host", "evil.example").header("X-Forwarded-Host", "evil.example");
    let request = request.header("Forwarded", "host=evil.example;proto=https");
    let request = request.header("Origin", "https://evil.example");
    Answer::of(request.json(&json!({"email": "kim@example.com"}))).await.is(202);
    let (letter, _) = mail(&shop, "account.password_reset", kim.user).await;
    assert!(!letter.html.contains("evil.example") && !letter.plain.contains("evil.example"));
    let link = format!("https://tickets.example.com/reset-password?token={}", token(&letter));
    assert!(letter.plain.contains(&link), "{}", letter.plain);
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_links_for_a_password_one_is_used_and_ends_the_other() {
    let shop = open(TestDb::sqlite().await).await;
    let kim = register(&shop, "kim@example.com", "en").await;
    ask(&shop, "kim@example.com").await.is(202);
    let (older, _) = mail(&shop, "account.password_reset", kim.user).await;
    shop.clock.advance_ms(61_000);
    ask(&shop, "kim@example.com").await.is(202);
    eventually("a second mail", async || count(&shop, "account.password_reset").await == 2).await;
    let (newer, _) = mail(&shop, "account.password_reset", kim.user).await;
    assert_ne!(token(&older), token(&newer));
    reset(&shop, &token(&newer), NEW).await.is(200);
    for used in [&older, &newer] {
        reset(&shop, &token(used), "third horse battery").await.refused(410, "INVALID_LINK");
    }
    // Half an hour ends a link that is not used.
    shop.clock.advance_ms(61_000);
    ask(&shop, "kim@example.com").await.is(202);
    eventually("a third mail", async || count(&shop, "account.password_reset").await == 3).await;
    let (late, _) = mail(&shop, "account.password_reset", kim.user).await;
    shop.clock.advance_ms(30 * 60_000);
    reset(&shop, &token(&late), "third horse battery").await.refused(410, "INVALID_LINK");
    login(&shop, NEW).await.is(200);
}
