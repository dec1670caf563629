//! Things that exist, for the requests that schemathesis makes: what everyone may see, one of everything
//! for the person who calls, and many of what ends with its first use.

use admitone::accounts::{Caller, Role};
use admitone::clock::Clock;
use admitone::ids::{OfferingId, SessionId, UserId};
use admitone::roles::{NewGrant, NewInvitation};
use admitone::store::{Device, GrantRole, Proof, RefreshToken};
use serde_json::{Value, json};

use crate::http::api_client::{Answer, Event, Person, Shop};
use crate::http::queue::switch_on;
use crate::http::social::browser::{Browser, sell};
use crate::http::social::provider::Provider;

/// Of each thing that ends with its first use.
const MANY: usize = 20;
const DAY_MS: i64 = 24 * 3_600_000;
/// The providers that people can sign in by here.
const PROVIDERS: [&str; 5] = ["google", "kakao", "naver", "apple", "oidc"];

/// Creates resources of a person for the requests; returns their ids.
pub async fn things(shop: &Shop, at: &Provider, person: &Person<'_>) -> Value {
    let mut all = of_sale(shop, person).await;
    let spare: OfferingId = text(&all["spareEvent"]).parse().expect("a UUID");
    for more in [
        of_class(shop, person).await,
        of_queue(shop, person).await,
        of_account(shop, at, person).await,
        of_staff(shop, spare).await,
    ] {
        let all = all.as_object_mut().expect("an object");
        all.extend(more.as_object().expect("an object").clone());
    }
    all
}

fn id(answer: Answer) -> Value {
    answer.is(201).data["id"].clone()
}

fn text(value: &Value) -> &str {
    value.as_str().expect("a text")
}

/// An event, and what the person holds, waits for and has bought of it.
async fn of_sale(shop: &Shop, person: &Person<'_>) -> Value {
    let mut body = shop.event_body();
    body["products"][1]["totalStock"] = json!(10_000);
    let rare = json!({"name": "Rare", "totalStock": 1, "price": {"amount": 10, "currency": "KRW"}});
    body["products"].as_array_mut().expect("a list").push(rare);
    body["seatMap"]["sections"][0]["rows"][0]["seats"] = json!(1_000);
    let (event, spare) = (shop.event_from(body).await, shop.event().await);
    let hold = async |event: &Event<'_>, product: &str| {
        let body = json!({"lines": [{"productId": product, "quantity": 1}]});
        id(person.post(&event.at("holds"), &body).await)
    };
    let paid = person.buy(&event, &event.places(2)).await;
    let payments = person.get(&format!("/api/reservations/{paid}/payments")).await.is(200).data;
    let tickets = person.tickets().await;
    let back = json!({"tickets": [tickets[1]["id"]]});
    let refunds = format!("/api/reservations/{paid}/refunds");
    let refund = person.post_with_key(&refunds, "refund", &back).await.is(201).data;
    let order = json!({"eventId": event.id, "holdId": hold(&event, event.standing()).await});
    let reservation = id(person.post("/api/reservations", &order).await);
    hold(&event, &event.products[2]).await;
    let wish = json!({"productId": event.products[2], "partySize": 1});
    let entry = id(person.post(&event.at("waitlist"), &wish).await);
    let hold = hold(&event, event.standing()).await;
    json!({
        "event": event.id, "eventId": event.id, "spareEvent": spare.id, "products": event.products,
        "seats": event.seats().await[..1_000], "section": "Left", "hold": hold, "holdId": hold,
        "entry": entry, "reservation": reservation, "id": reservation,
        "ticket": tickets[0]["id"], "code": tickets[0]["code"],
        "payment": payments[0]["id"], "getPayment.id": paid, "refund": refund["refundId"],
        "listRefundsOfReservation.reservation": paid, "refundTickets.reservation": paid,
    })
}

/// A class, and the person's application for it.
async fn of_class(shop: &Shop, person: &Person<'_>) -> Value {
    let class = async || {
        let body = json!({
            "title": "Pottery", "capacity": 1_000, "selectionType": "REVIEW",
            "allowWaitlist": true, "waitlistCapacity": 1_000,
            "startAt": shop.time_in(90_000), "endAt": shop.time_in(97_200),
        });
        id(shop.admin().post("/api/mclasses", &body).await)
    };
    let (class, spare) = (class().await, class().await);
    let path = format!("/api/mclasses/{}/enrollments", text(&class));
    let enrollment = id(person.post(&path, &json!({})).await);
    let terms = json!({"type": "SERVICE", "title": "Terms", "content": "1.", "isRequired": true});
    let term = id(shop.admin().post("/api/terms", &terms).await);
    json!({
        "class": class, "mclassId": class, "spareClass": spare, "enrollment": enrollment,
        "term": term,
    })
}

/// An event with a waiting room, and the person's pass.
async fn of_queue(shop: &Shop, person: &Person<'_>) -> Value {
    let event = shop.event().await;
    switch_on(shop, &event, json!({})).await;
    let enter = format!("/api/queue/{}/enqueue", event.id);
    let entered = person.post_nothing(&enter).await.is(200).data;
    json!({"queuedEvent": event.id, "passToken": entered["passToken"], "clientId": person.user})
}

/// Sessions of the person, identities, and logins by providers that come back.
async fn of_account(shop: &Shop, at: &Provider, person: &Person<'_>) -> Value {
    let store = &shop.app.state().store;
    let account = store.user_get(person.user).await.expect("reads").expect("an account");
    let (now, mut sessions) = (shop.clock.now_ms(), Vec::new());
    for _ in 0..MANY {
        let token = RefreshToken {
            session: SessionId::random(),
            user: person.user,
            token_hash: rand::random(),
            issued_at: now,
            expires_at: now + DAY_MS,
        };
        let proof = Proof::Password(&account.password_hash);
        store.refresh_token_open(&token, proof, &Device::default()).await.expect("stores");
        sessions.push(token.session);
    }
    for provider in PROVIDERS {
        let (name, user) = (provider.to_uppercase(), person.user.0.simple());
        let identity = format!(
            "INSERT OR IGNORE INTO social_identities VALUES
             ('{name}', '', 'the caller', X'{user}', NULL, {now}, {now})"
        );
        shop.app.db.sql(&identity).await;
    }
    let mut logins = Vec::new();
    for nth in 0..MANY {
        let provider = ["google", "oidc", "apple"][nth % 3];
        let mut browser = Browser::of(shop);
        let begun = browser.begin(provider).await;
        let code = sell(at, shop, provider, &begun, &json!({"sub": format!("person {nth}")}));
        let (name, cookie) = browser.cookies.iter().next().expect("a cookie");
        logins.push(json!({
            "provider": provider, "code": code, "state": begun.state(),
            "cookie": {"name": name, "value": cookie},
        }));
    }
    json!({
        "session": sessions, "provider": PROVIDERS, "logins": logins,
        "user": person.user, "userId": person.user, "actorId": person.user,
    })
}

/// Roles of others, invitations, and things of administrators.
async fn of_staff(shop: &Shop, offering: OfferingId) -> Value {
    let (roles, now) = (shop.app.state().accounts.roles(), shop.clock.now_ms());
    let admin = Caller::account(shop.app.admin().id, Role::Admin);
    let (mut grants, mut invitations, mut tokens) = (Vec::new(), Vec::new(), Vec::new());
    let mut bystanders: Vec<UserId> = Vec::new();
    for nth in 0..2 * MANY {
        let new = NewInvitation {
            email: format!("invited{nth}@example.com"),
            role: GrantRole::Door,
            offering: Some(offering),
            language: "en",
        };
        let (row, _) = roles.invite(new, admin, None, now).await.expect("invites");
        if nth < MANY {
            invitations.push(row.id);
            continue;
        }
        tokens.push(roles.invitation_token(&row));
        let user = shop.app.user().await.id;
        let new = NewGrant { user, role: GrantRole::Door, offering: Some(offering) };
        grants.push(roles.grant(new, None, None, now).await.expect("grants").0.id);
        bystanders.push(user);
    }
    let venue = json!({"name": "The old theatre", "timeZone": "Asia/Seoul"});
    json!({
        "grant": grants, "invitation": invitations, "acceptInvitation.token": tokens,
        "giveRole.userId": bystanders, "offeringId": offering,
        "venue": id(shop.admin().post("/api/admin/venues", &venue).await),
    })
}
