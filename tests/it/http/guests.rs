//! Customers without an account: what they can do, how their tickets come to another device and to
//! an account, and what is kept about them.

use admitone::accounts::{Caller, Identity};
use admitone::ids::UserId;
use serde_json::{Value, json};

use crate::http::api_client::{Answer, Event, Person, Shop};
use crate::support::test_db::TestDb;

const EMAIL: &str = "kim@example.com";

async fn open(db: TestDb) -> Shop {
    Shop::open_with(db, |config| config.demo_payments = Some(true)).await
}

fn person_of<'a>(shop: &'a Shop, session: &Value) -> Person<'a> {
    let user = session["user"]["id"].as_str().unwrap().parse().unwrap();
    shop.with_token(user, session["accessToken"].as_str().unwrap().to_owned())
}

async fn guest(shop: &Shop) -> Person<'_> {
    let session = shop.nobody().post_nothing("/api/auth/guest").await.is(201).data;
    assert_eq!(session["user"]["kind"], "guest");
    assert_eq!((&session["tokenType"], &session["expiresIn"]), (&json!("Bearer"), &json!(86_400)));
    person_of(shop, &session)
}

/// Leaves an address; returns the claim code.
async fn leave(guest: &Person<'_>, email: &str) -> String {
    let left = guest.post("/api/auth/guest/email", &json!({"email": email})).await.is(200).data;
    left["claimCode"].as_str().unwrap().to_owned()
}

/// Buys two places by the simulator; returns the reservation.
async fn buy(guest: &Person<'_>, event: &Event<'_>) -> String {
    let id = guest.reserve(event, &event.places(2)).await;
    let at = format!("/api/reservations/{id}/payments");
    guest
        .post_with_key(&at, &format!("pay {id}").replace(' ', "-"), &json!({"method": "simulator"}))
        .await
        .is(200);
    id
}

fn registration(email: &str) -> Value {
    json!({"email": email, "password": "correct horse battery", "name": "김민수"})
}

async fn claim(shop: &Shop, email: &str, code: &str) -> Answer {
    shop.nobody().post("/api/auth/guest/claim", &claim_body(email, code)).await
}

fn claim_body(email: &str, code: &str) -> Value {
    json!({"email": email, "code": code})
}

on_both_databases! {
    async fn a_guest_buys_without_an_account_and_leaves_an_address(db: TestDb) {
        let shop = open(db).await;
        let (event, admin, kim) = (shop.event().await, shop.admin(), guest(&shop).await);
        let me = kim.get("/api/users/me").await.is(200).data;
        assert_eq!(me, json!({
            "id": kim.user, "kind": "guest", "email": null, "name": "", "phoneNumber": null,
            "role": "USER", "roles": [], "provider": null, "socialId": null, "language": null, "emailConfirmedAt": null,
            "defaultPaymentMethod": null, "isSignUpCompleted": false, "createdAt": null,
            "updatedAt": null,
        }));
        let reservation = buy(&kim, &event).await;
        kim.post(&event.at("holds"), &event.places(1)).await.is(201);
        assert_eq!(kim.tickets().await.len(), 2);
        assert_eq!(kim.get("/api/reservations").await.is(200).data[0]["id"], reservation);
        assert_eq!(kim.get("/api/wallet").await.is(200).data["balances"], json!([]));
        let listed = admin.get("/api/admin/reservations").await.is(200).data;
        assert_eq!(listed[0]["user"], json!({"id": kim.user, "name": null, "email": null}));

        let left = kim.post("/api/auth/guest/email", &json!({"email": " Kim@Example.com "})).await;
        let left = left.is(200).data;
        assert_eq!(left["email"], EMAIL);
        assert_eq!(left["claimCode"].as_str().unwrap().len(), 10);
        let me = kim.get("/api/users/me").await.is(200).data;
        assert_eq!((&me["kind"], &me["email"]), (&json!("guest"), &json!(EMAIL)));
        assert_eq!(me["createdAt"], shop.time_in(0));
        let shown = json!({"id": kim.user, "name": null, "email": EMAIL});
        for path in [
            "/api/admin/reservations?q=KIM@EXAM".to_owned(),
            format!("/api/admin/offerings/{}/holds?q=kim@", event.id),
            format!("/api/admin/offerings/{}/holds", event.id),
        ] {
            let found = admin.get(&path).await.is(200).data;
            assert_eq!(found.as_array().unwrap().len(), 1, "{path}");
            assert_eq!(found[0]["user"], shown, "{path}");
        }
        let other = admin.get("/api/admin/reservations?q=lee@").await.is(200).data;
        assert_eq!(other, json!([]));
    }

    async fn a_claim_code_brings_the_tickets_to_another_device(db: TestDb) {
        let shop = open(db).await;
        let (event, kim, other) = (shop.event().await, guest(&shop).await, guest(&shop).await);
        buy(&kim, &event).await;
        let code = leave(&kim, EMAIL).await;
        // Another guest with the same address has another code.
        let code_of_other = leave(&other, EMAIL).await;
        assert_ne!(code, code_of_other);
        assert_eq!(leave(&kim, EMAIL).await, code, "it is derived from the id and the address");

        let typed = format!("{}-{}", &code[..5], &code[5..]).to_lowercase();
        let claimed = claim(&shop, "KIM@example.com", &typed).await.is(200).data;
        let claimed = person_of(&shop, &claimed);
        assert_eq!((claimed.user, claimed.tickets().await.len()), (kim.user, 2));
        let claimed = claim(&shop, EMAIL, &code_of_other).await.is(200).data;
        assert_eq!(person_of(&shop, &claimed).user, other.user);

        for body in [
            claim_body(EMAIL, "0000000000"),
            claim_body("lee@example.com", &code),
            claim_body("not an address\0", &code),
            claim_body(EMAIL, ""),
            claim_body(EMAIL, &code[..9]),
            claim_body(EMAIL, &format!("{code}0")),
        ] {
            let refused = shop.nobody().post("/api/auth/guest/claim", &body).await;
            refused.refused(401, "INVALID_CLAIM_CODE");
        }
        let newer = leave(&kim, "kim@example.org").await;
        let old = claim(&shop, EMAIL, &code).await;
        old.refused(401, "INVALID_CLAIM_CODE");
        // Also when the first address comes back.
        leave(&kim, EMAIL).await;
        claim(&shop, EMAIL, &code).await.refused(401, "INVALID_CLAIM_CODE");
        let last = leave(&kim, "kim@example.org").await;
        assert_ne!(last, newer);
        let new = claim_body("kim@example.org", &last);
        let claimed = shop.nobody().post("/api/auth/guest/claim", &new).await.is(200).data;
        assert_eq!(person_of(&shop, &claimed).user, kim.user);
    }

    async fn a_guest_who_registers_keeps_the_tickets(db: TestDb) {
        let shop = open(db).await;
        let (event, kim) = (shop.event().await, guest(&shop).await);
        buy(&kim, &event).await;
        let code = leave(&kim, EMAIL).await;
        let patch = kim.patch("/api/users/me", &json!({"name": "Kim"})).await;
        patch.refused(403, "ACCOUNT_REQUIRED");
        let passwords = json!({"currentPassword": "wrong horse", "newPassword": "correct horse"});
        kim.patch("/api/users/me", &passwords).await.refused(403, "ACCOUNT_REQUIRED");

        let session = kim.post("/api/auth/register", &registration(EMAIL)).await.is(201).data;
        let account = person_of(&shop, &session);
        assert_eq!(account.user, kim.user);
        assert_eq!(account.tickets().await.len(), 2);
        // The guest's token, which others may have, does not name the account.
        kim.get("/api/users/me").await.refused(401, "UNAUTHORIZED");
        let me = account.get("/api/users/me").await.is(200).data;
        assert_eq!((&me["kind"], &me["name"]), (&json!("account"), &json!("김민수")));
        let of_account = account.post("/api/auth/guest/email", &json!({"email": EMAIL})).await;
        of_account.refused(409, "NOT_A_GUEST");
        let claim = claim(&shop, EMAIL, &code).await;
        claim.refused(401, "INVALID_CLAIM_CODE");
        let taken = shop.nobody().post("/api/auth/register", &registration(EMAIL)).await;
        taken.refused(409, "EMAIL_TAKEN");
        let second = account.post("/api/auth/register", &registration("second@example.com")).await;
        assert_ne!(person_of(&shop, &second.is(201).data).user, kim.user);

        let change = json!({"currentPassword": "correct horse battery", "newPassword": "battery staple"});
        account.patch("/api/users/me", &change).await.is(200);
        // Also long after a token of the account from before would have expired.
        shop.clock.advance_ms(2 * 3_600_000);
        shop.app.state().accounts.learn_revocations().await.unwrap();
        kim.get("/api/tickets").await.refused(401, "UNAUTHORIZED");
    }

    async fn the_token_of_a_guest_who_left_no_address_ends_with_the_registration(db: TestDb) {
        let shop = open(db).await;
        let kim = guest(&shop).await;
        let session = kim.post("/api/auth/register", &registration(EMAIL)).await.is(201).data;
        let account = person_of(&shop, &session);
        assert_eq!(account.user, kim.user);
        account.get("/api/users/me").await.is(200);
        kim.get("/api/users/me").await.refused(401, "UNAUTHORIZED");
        kim.delete("/api/users/me").await.refused(401, "UNAUTHORIZED");
    }

    async fn of_a_guest_who_leaves_nothing_personal_is_kept(db: TestDb) {
        let shop = open(db).await;
        let (event, admin, kim) = (shop.event().await, shop.admin(), guest(&shop).await);
        buy(&kim, &event).await;
        let code = leave(&kim, EMAIL).await;
        let unsettled = kim.delete("/api/users/me").await;
        unsettled.refused(409, "ACCOUNT_NOT_SETTLED");
        // The simulator gives nothing back, so no balance has to be given up.
        let settle = json!({"settle": {"reservations": "cancel"}});
        let close = kim.request(reqwest::Method::DELETE, "/api/users/me").json(&settle);
        Answer::of(close).await.is(200);
        kim.get("/api/users/me").await.refused(401, "UNAUTHORIZED");
        let claim = claim(&shop, EMAIL, &code).await;
        claim.refused(401, "INVALID_CLAIM_CODE");
        let listed = admin.get("/api/admin/reservations").await.is(200).data;
        assert_eq!(listed[0]["user"], json!({"id": kim.user, "name": null, "email": null}));
        assert_eq!(listed[0]["status"], "CANCELLED");
        assert_eq!(shop.app.db.count("SELECT count(*) FROM guests").await, 0);

        let lee = guest(&shop).await;
        lee.post(&event.at("holds"), &event.places(1)).await.is(201);
        lee.delete("/api/users/me").await.is(200);
        assert_eq!(event.counts(event.standing()).await.held, 0);
        lee.get("/api/users/me").await.refused(401, "UNAUTHORIZED");
        lee.delete("/api/users/me").await.refused(401, "UNAUTHORIZED");
        let accounts = shop.app.db.count("SELECT count(*) FROM users").await;
        assert_eq!(accounts, 3, "the administrator, and the shells of the guests");
    }

    async fn newer_guests_of_an_address_hide_no_order(db: TestDb) {
        let shop = open(db).await;
        let (event, kim) = (shop.event().await, guest(&shop).await);
        buy(&kim, &event).await;
        leave(&kim, EMAIL).await;
        for _ in 0..3 {
            shop.clock.advance_ms(1_000);
            leave(&guest(&shop).await, EMAIL).await;
        }
        let store = &shop.app.state().store;
        let found = store.guest_by_email(EMAIL, 2).await.unwrap();
        assert_eq!((found[0].user, found.len()), (kim.user, 3), "with orders, and the newest two");
        assert!(found[1..].iter().all(|guest| guest.user != kim.user));
    }

    async fn guesses_and_floods_are_limited(db: TestDb) {
        let shop = open(db).await;
        let kim = guest(&shop).await;
        let code = leave(&kim, EMAIL).await;
        for _ in 0..10 {
            let wrong = claim(&shop, EMAIL, "AAAAAAAAAA").await;
            wrong.refused(401, "INVALID_CLAIM_CODE");
        }
        let right = claim(&shop, EMAIL, &code).await;
        assert_eq!(right.header("retry-after"), "60");
        right.refused(429, "TOO_MANY_REQUESTS");
        // The checkout is counted apart, and never refused because others named the same address.
        for _ in 0..15 {
            leave(&guest(&shop).await, EMAIL).await;
        }
        leave(&kim, EMAIL).await;
        kim.post("/api/auth/register", &registration(EMAIL)).await.is(201);
        shop.clock.advance_ms(60_000);
        let late = claim(&shop, EMAIL, &code).await;
        late.refused(401, "INVALID_CLAIM_CODE");
    }
}

on_both_databases! {
    async fn the_retry_of_a_registration_may_send_the_token_that_it_has_ended(db: TestDb) {
        let shop = open(db).await;
        let kim = guest(&shop).await;
        let (path, body) = ("/api/auth/register", registration(EMAIL));
        let made = kim.post_with_key(path, "a-registration", &body).await.is(201).data;
        assert_eq!(made["user"]["id"], json!(kim.user));
        kim.get("/api/users/me").await.refused(401, "UNAUTHORIZED");
        let again = kim.post_with_key(path, "a-registration", &body).await.is(201).data;
        assert_eq!(again["user"]["id"], json!(kim.user));
        // The password proves who retries, and the token is of no other use.
        let mut wrong = body.clone();
        wrong["password"] = json!("another horse battery");
        let refused = kim.post_with_key(path, "a-registration", &wrong).await;
        refused.refused(401, "INVALID_CREDENTIALS");
        let mut other = body.clone();
        other["name"] = json!("Lee");
        let refused = kim.post_with_key(path, "a-registration", &other).await;
        refused.refused(422, "IDEMPOTENCY_KEY_REUSED");
        let other = registration("lee@example.com");
        kim.post_with_key(path, "another-one", &other).await.refused(401, "UNAUTHORIZED");
        kim.post(path, &body).await.refused(401, "UNAUTHORIZED");
        assert_eq!(shop.app.db.count("SELECT count(*) FROM users WHERE role = 'USER'").await, 1);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn bad_input_of_guests_is_refused_and_changes_nothing() {
    let shop = open(TestDb::sqlite().await).await;
    let kim = guest(&shop).await;
    let long = format!("{}@example.com", "가".repeat(100));
    for (body, status, code) in [
        (json!({"email": ""}), 422, "INVALID"),
        (json!({"email": "kim"}), 422, "INVALID"),
        (json!({"email": "kim@example"}), 422, "INVALID"),
        (json!({"email": "<script>@example.com"}), 422, "INVALID"),
        (json!({"email": "kim\u{202e}@example.com"}), 422, "INVALID"),
        (json!({"email": "kim@example.com\u{0}"}), 422, "INVALID"),
        (json!({"email": long}), 422, "INVALID"),
        (json!({"email": null}), 422, "INVALID"),
        (json!({"email": 7}), 422, "INVALID"),
        (json!({"email": EMAIL, "name": "Kim"}), 422, "INVALID"),
        (json!({}), 422, "INVALID"),
        (json!([EMAIL]), 422, "INVALID"),
    ] {
        let answer = kim.post("/api/auth/guest/email", &body).await;
        assert_eq!(
            (answer.status, &answer.body["error"]["code"]),
            (status, &json!(code)),
            "{body}"
        );
    }
    assert_eq!(shop.app.db.count("SELECT count(*) FROM guests").await, 0);
    let body = json!({"email": EMAIL});
    shop.nobody().post("/api/auth/guest/email", &body).await.refused(401, "UNAUTHORIZED");
    shop.nobody().post("/api/auth/guest", &body).await.refused(422, "INVALID");
    for body in [
        json!({"email": EMAIL}),
        json!({"code": "7H3K9QWX2M"}),
        claim_body("", ""),
        json!({"email": EMAIL, "code": 7}),
    ] {
        let answer = shop.nobody().post("/api/auth/guest/claim", &body).await;
        assert!([401, 422].contains(&answer.status), "{body}: {:#}", answer.body);
    }

    shop.clock.advance_ms(24 * 3_600_000 + 1_000);
    kim.get("/api/tickets").await.refused(401, "TOKEN_EXPIRED");
    // An account that silently left the guest's tickets behind would be worse.
    kim.post("/api/auth/register", &registration(EMAIL)).await.refused(401, "TOKEN_EXPIRED");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_caller_is_addressed_by_name_or_by_the_address_that_was_left() {
    let shop = open(TestDb::sqlite().await).await;
    let kim = guest(&shop).await;
    let accounts = &shop.app.state().accounts;
    let of = async |caller| accounts.identity(caller).await.unwrap();
    let caller = Caller::guest(kim.user);
    assert_eq!(of(caller).await, Identity { is_guest: true, shown: None });
    leave(&kim, EMAIL).await;
    assert_eq!(of(caller).await, Identity { is_guest: true, shown: Some(EMAIL.into()) });
    kim.post("/api/auth/register", &registration(EMAIL)).await.is(201);
    assert_eq!(of(caller).await, Identity { is_guest: false, shown: Some("김민수".into()) });
    let unknown = Caller::account(UserId::random(), admitone::accounts::Role::User);
    assert!(accounts.identity(unknown).await.is_err());
}
