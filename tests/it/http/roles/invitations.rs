//! Invitations to roles by mail.

use admitone::ids::InvitationId;
use admitone::store::GrantRole;
use serde_json::{Value, json};

use super::{account, member};
use crate::http::api_client::{Person, Shop};

const PATH: &str = "/api/admin/invitations";

/// Returns the token of an invitation, as its mail has it.
pub(super) async fn token_of(shop: &Shop, invitation: &Value) -> String {
    let id: InvitationId = invitation["id"].as_str().unwrap().parse().unwrap();
    let row = shop.app.state().store.invitation_get(id).await.unwrap().unwrap();
    shop.app.state().accounts.roles().invitation_token(&row)
}

async fn refused(person: &Person<'_>, token: &str) {
    let body = json!({"token": token});
    person.post("/api/invitations/accept", &body).await.refused(410, "INVALID_LINK");
}

on_both_databases! {
    async fn an_invitation_is_accepted_once_with_any_account(db: TestDb) {
        let shop = Shop::open(db).await;
        let event = shop.event().await;
        let organiser = member(&shop, GrantRole::Organiser, &[event.offering()]).await;
        let invite = |email: &str| json!({"email": email, "role": "DOOR", "offeringId": event.id});
        let first = organiser.post(PATH, &invite("Lee@Example.com")).await.is(201).data;
        assert_eq!([&first["email"], &first["role"]], ["lee@example.com", "DOOR"]);
        let token = token_of(&shop, &first).await;
        let (lee, guest) = (account(&shop).await, shop.nobody());
        guest.post("/api/invitations/accept", &json!({"token": token})).await.is(401);
        let of_guest = shop.nobody().post_nothing("/api/auth/guest").await.is(201).data;
        let of_guest = of_guest["accessToken"].as_str().unwrap().to_owned();
        let guest = shop.with_token(lee.user, of_guest);
        let body = json!({"token": token});
        guest.post("/api/invitations/accept", &body).await.refused(403, "ACCOUNT_REQUIRED");
        for other in ["", "x", &"0".repeat(64), &token.to_uppercase()] {
            refused(&lee, other).await;
        }
        let grant = lee.post("/api/invitations/accept", &body).await.is(200).data;
        assert_eq!([&grant["userId"], &grant["grantedBy"]], [&json!(lee.user), &json!(organiser.user)]);
        lee.get(&format!("/api/admin/offerings/{}/holds", event.id)).await.refused(403, "FORBIDDEN");
        assert_eq!(lee.get("/api/users/me").await.is(200).data["roles"][0]["role"], "DOOR");
        refused(&account(&shop).await, &token).await;
        assert_eq!(organiser.get(PATH).await.is(200).data, json!([]), "none is open");
        // Bound to its address: a changed row makes another token.
        let second = organiser.post(PATH, &invite("kim@example.com")).await.is(201).data;
        let of_kim = token_of(&shop, &second).await;
        shop.app.db.sql("UPDATE invitations SET email = 'eve@example.com'").await;
        refused(&lee, &of_kim).await;
    }

    async fn an_invitation_ends_by_time_withdrawal_and_with_the_right_to_invite(db: TestDb) {
        let shop = Shop::open(db).await;
        let (event, admin, lee) = (shop.event().await, shop.admin(), account(&shop).await);
        let organiser = member(&shop, GrantRole::Organiser, &[event.offering()]).await;
        let body = json!({"email": "lee@example.com", "role": "FINANCE", "offeringId": event.id});
        let made = organiser.post(PATH, &body).await.is(201).data;
        let withdrawn = token_of(&shop, &made).await;
        let path = format!("{PATH}/{}", made["id"].as_str().unwrap());
        organiser.delete(&path).await.is(200);
        organiser.delete(&path).await.refused(404, "NOT_FOUND");
        admin.delete(&path).await.refused(404, "NOT_FOUND");
        refused(&lee, &withdrawn).await;
        // Another to the same address for the same role replaces the one before.
        let made = organiser.post(PATH, &body).await.is(201).data;
        let replaced = token_of(&shop, &made).await;
        let made = organiser.post(PATH, &body).await.is(201).data;
        refused(&lee, &replaced).await;
        let orphaned = token_of(&shop, &made).await;
        let grants = format!("/api/admin/grants?userId={}", organiser.user);
        let grant = admin.get(&grants).await.is(200).data[0]["id"].as_str().unwrap().to_owned();
        admin.delete(&format!("/api/admin/grants/{grant}")).await.is(200);
        refused(&lee, &orphaned).await;
        let made = admin.post(PATH, &body).await.is(201).data;
        let late = token_of(&shop, &made).await;
        shop.clock.advance_ms(7 * 24 * 3_600_000);
        let lee = shop.again(&lee, admitone::accounts::Role::User);
        refused(&lee, &late).await;
        for (bad, status, code) in [
            (json!({"email": "x", "role": "ADMIN"}), 422, "INVALID"),
            (json!({"email": "lee@example.com", "role": "DOOR"}), 422, "INVALID"),
        ] {
            let admin = shop.admin();
            admin.post(PATH, &bad).await.refused(status, code);
        }
    }

    async fn an_address_gets_few_invitations_within_an_hour_whatever_became_of_them(db: TestDb) {
        let shop = Shop::open(db).await;
        let (event, admin) = (shop.event().await, shop.admin());
        let organiser = member(&shop, GrantRole::Organiser, &[event.offering()]).await;
        let body = |email: &str| json!({"email": email, "role": "DOOR", "offeringId": event.id});
        for nth in 0..5 {
            let (key, body) = (nth.to_string(), body("lee@example.com"));
            let made = organiser.post_with_key(PATH, &key, &body).await.is(201).data;
            if nth % 2 == 0 {
                let path = format!("{PATH}/{}", made["id"].as_str().unwrap());
                organiser.delete(&path).await.is(200);
            }
            shop.clock.advance_ms(60_000);
        }
        for person in [&organiser, &admin] {
            let refused = person.post(PATH, &body("lee@example.com")).await;
            let refused = refused.refused(429, "TOO_MANY_REQUESTS");
            assert_eq!(refused.header("retry-after"), "3300", "an hour after the first");
        }
        let again = organiser.post_with_key(PATH, "4", &body("lee@example.com")).await.is(201);
        assert!(again.is_replay());
        organiser.post(PATH, &body("kim@example.com")).await.is(201);
        shop.clock.advance_ms(3_300_000);
        organiser.post(PATH, &body("lee@example.com")).await.is(201);
        organiser.post(PATH, &body("lee@example.com")).await.refused(429, "TOO_MANY_REQUESTS");
    }

    async fn an_inviter_sends_a_hundred_invitations_within_any_day(db: TestDb) {
        const HOUR_MS: i64 = 3_600_000;
        let shop = Shop::open(db).await;
        let event = shop.event().await;
        let organiser = member(&shop, GrantRole::Organiser, &[event.offering()]).await;
        let mut nth = 0;
        let mut invite = async || {
            nth += 1;
            let email = format!("p{nth}@example.com");
            let body = json!({"email": email, "role": "DOOR", "offeringId": event.id});
            // A token lives for a day.
            shop.again(&organiser, admitone::accounts::Role::User).post(PATH, &body).await
        };
        for _ in 0..4 {
            for _ in 0..25 {
                invite().await.is(201);
            }
            shop.clock.advance_ms(6 * HOUR_MS - 1);
        }
        assert_eq!(invite().await.refused(429, "TOO_MANY_REQUESTS").header("retry-after"), "1");
        shop.clock.advance_ms(4);
        for _ in 0..25 {
            invite().await.is(201);
        }
        let refused = invite().await.refused(429, "TOO_MANY_REQUESTS");
        assert_eq!(refused.header("retry-after"), "21600");
        shop.admin().post(PATH, &json!({"email": "p1@example.com", "role": "ADMIN"})).await.is(201);
    }
}
