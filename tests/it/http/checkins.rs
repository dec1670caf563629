//! Tickets at the door.

use admitone::inventory::Idempotency;
use futures_util::{StreamExt, stream};
use reqwest::Method;
use serde_json::json;

use crate::http::api_client::Shop;
use crate::support::test_db::TestDb;

on_both_databases! {
    async fn of_fifty_who_show_one_ticket_one_comes_in(db: TestDb) {
        let shop = Shop::open(db).await;
        let (event, kim, admin) = (shop.event().await, shop.customer(), shop.admin());
        kim.buy(&event, &event.places(1)).await;
        let body = json!({"code": kim.tickets().await[0]["code"]});
        let tries = (0..50).map(|_| admin.post("/api/checkins", &body));
        let answers = futures_util::future::join_all(tries).await;
        let let_in = answers.iter().filter(|answer| answer.status == 200).count();
        assert_eq!(let_in, 1);
        for answer in answers.into_iter().filter(|answer| answer.status != 200) {
            answer.refused(409, "ALREADY_CHECKED_IN");
        }
        let ticket = &kim.tickets().await[0];
        assert_eq!(ticket["status"], "USED");
        assert_eq!(ticket["checkedInAt"], shop.time_in(0));
    }
}

on_both_databases! {
    async fn a_ticket_of_another_event_is_refused_and_stays_unused(db: TestDb) {
        let shop = Shop::open(db).await;
        let (event, other) = (shop.event().await, shop.event().await);
        let (kim, admin) = (shop.customer(), shop.admin());
        kim.buy(&event, &event.places(1)).await;
        let at = |event: &str| json!({"eventId": event, "gate": "North 2"});
        let mut body = at(&other.id);
        body["code"] = kim.tickets().await[0]["code"].clone();
        let refused = admin.post("/api/checkins", &body).await.refused(409, "WRONG_EVENT");
        let details = &refused.body["error"]["details"];
        assert_eq!(details["eventId"], event.id);
        assert_eq!(details["eventName"], "햄릿 — Hamlet");
        assert_eq!(kim.tickets().await[0]["status"], "VALID");
        body["eventId"] = json!(event.id);
        let used = admin.post("/api/checkins", &body).await.is(200);
        assert_eq!(used.data["gate"], "North 2");
        for gate in ["", " ", "a\nb", &"x".repeat(51)] {
            body["gate"] = json!(gate);
            admin.post("/api/checkins", &body).await.refused(422, "INVALID");
        }
    }

    async fn a_used_ticket_says_when_where_and_for_which_seat(db: TestDb) {
        let shop = Shop::open(db).await;
        let (event, kim, admin) = (shop.event().await, shop.customer(), shop.admin());
        let seat = event.seats().await[7].clone();
        kim.buy(&event, &json!({"seats": [seat]})).await;
        let code = kim.tickets().await[0]["code"].clone();
        let when = shop.time_in(0);
        let north = json!({"code": code, "eventId": event.id, "gate": "North"});
        admin.post("/api/checkins", &north).await.is(200);
        shop.clock.advance_ms(60_000);
        let south = json!({"code": code, "eventId": event.id, "gate": "South"});
        let other = shop.admin();
        let refused = other.post("/api/checkins", &south).await.refused(409, "ALREADY_CHECKED_IN");
        let details = &refused.body["error"]["details"];
        assert_eq!(details["checkedInAt"], when);
        assert_eq!(details["gate"], "North");
        assert_eq!(details["checkedInBy"], admin.user.to_string());
        assert_eq!(details["seat"]["id"], seat);
        assert_eq!(details["seat"]["number"], 2);
    }

    async fn a_check_in_is_undone_and_the_journal_says_by_whom(db: TestDb) {
        let shop = Shop::open(db).await;
        let (event, kim, admin) = (shop.event().await, shop.customer(), shop.admin());
        kim.buy(&event, &event.places(2)).await;
        let tickets = kim.tickets().await;
        let code = json!({"code": tickets[0]["code"]});
        admin.post("/api/checkins/undo", &code).await.refused(409, "WRONG_STATE");
        admin.post_with_key("/api/checkins", "in-1", &code).await.is(200);
        shop.clock.advance_ms(1_000);
        let supervisor = shop.admin();
        kim.post("/api/checkins/undo", &code).await.refused(403, "FORBIDDEN");
        let undone = supervisor.post_with_key("/api/checkins/undo", "undo-1", &code).await.is(200);
        assert_eq!(undone.data["status"], "VALID");
        assert!(undone.data["checkedInAt"].is_null());
        let again = supervisor.post_with_key("/api/checkins/undo", "undo-1", &code).await.is(200);
        assert!(again.is_replay());
        // A check-in request repeated after the undo, with its first key, does not admit the guest.
        let repeated = admin.post_with_key("/api/checkins", "in-1", &code).await;
        repeated.refused(409, "WRONG_STATE");
        admin.post("/api/checkins", &code).await.is(200);
        let repeated = admin.post_with_key("/api/checkins", "in-1", &code).await;
        repeated.refused(409, "ALREADY_CHECKED_IN");
        let repeated = supervisor.post_with_key("/api/checkins/undo", "undo-1", &code).await;
        repeated.refused(409, "WRONG_STATE");
        supervisor.post("/api/checkins/undo", &code).await.is(200);
        let by_id = json!({"ticketId": tickets[0]["id"]});
        supervisor.post("/api/checkins/undo", &by_id).await.refused(409, "WRONG_STATE");
        for bad in [json!({}), json!({"code": "x", "ticketId": tickets[0]["id"]})] {
            supervisor.post("/api/checkins/undo", &bad).await.refused(422, "INVALID");
        }
        let journal = shop.journal(&event).await;
        let undoing = journal.lines().find(|line| line.contains("CheckInUndone")).unwrap();
        assert!(undoing.contains(&format!("\"ActedBy\":{{\"admin\":\"{}\"}}", supervisor.user)));
        admin.post("/api/checkins", &code).await.is(200);
        let audit = shop.nobody().get(&event.at("audit")).await.is(200);
        assert_eq!(audit.data["tally"]["checkIns"], 3);
        assert_eq!(audit.data["tally"]["checkInsUndone"], 2);
    }
}

/// More than one customer's share of remembered keys.
const GUESTS: usize = 10_001;

#[tokio::test(flavor = "multi_thread")]
async fn one_administrator_lets_more_than_ten_thousand_guests_in_each_with_a_key() {
    let shop = Shop::open(TestDb::sqlite().await).await;
    let mut body = shop.event_body();
    body["products"][1]["totalStock"] = json!(20_000);
    body["policy"] = json!({"maxPlacesPerHold": 64});
    let event = shop.event_from(body).await;
    let admin = shop.admin();
    let (state, store) = (shop.app.state(), &shop.app.state().store);
    let parties = (0..GUESTS.div_ceil(64)).map(|_| async {
        let kim = shop.customer();
        let order = kim.buy(&event, &event.places(64)).await.parse().unwrap();
        store.ticket_list_of(order).await.unwrap()
    });
    let tickets: Vec<_> = stream::iter(parties).buffer_unordered(16).concat().await;
    // Thousands of requests would take a minute: below the route, the same door lets them in.
    let check_ins = tickets[..GUESTS].iter().enumerate().map(|(guest, ticket)| {
        let mut key = [0; 16];
        key[..8].copy_from_slice(&guest.to_be_bytes());
        let idempotency = Idempotency { key, fingerprint: key, principal: admin.user };
        async move {
            let came = state.offerings.check_in(admin.user, ticket, None, Some(idempotency)).await;
            assert!(matches!(came, Ok((_, false))), "guest {guest}: {came:?}");
        }
    });
    let let_in = stream::iter(check_ins).buffer_unordered(256).count().await;
    assert_eq!(let_in, GUESTS);
    // The administrator can still buy: keys of check-ins count in no customer's share.
    admin.post_with_key(&event.at("holds"), "own", &event.places(1)).await.is(201);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_check_in_can_be_retried_with_its_key() {
    let shop = Shop::open(TestDb::sqlite().await).await;
    let (event, kim, admin) = (shop.event().await, shop.customer(), shop.admin());
    kim.buy(&event, &event.places(2)).await;
    let tickets = kim.tickets().await;
    let body = json!({"code": tickets[0]["code"]});
    let first =
        admin.post_with_key("/api/checkins", "door 1".replace(' ', "-").as_str(), &body).await;
    let again = admin.post_with_key("/api/checkins", "door-1", &body).await.is(200);
    assert!(again.is_replay());
    assert_eq!(again.data, first.is(200).data);
    let other = json!({"code": tickets[1]["code"]});
    admin
        .post_with_key("/api/checkins", "door-1", &other)
        .await
        .refused(422, "IDEMPOTENCY_KEY_REUSED");
    admin.post("/api/checkins", &other).await.is(200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_forged_code_lets_nobody_in() {
    let shop = Shop::open(TestDb::sqlite().await).await;
    let (event, kim, admin) = (shop.event().await, shop.customer(), shop.admin());
    kim.buy(&event, &event.places(1)).await;
    let ticket = kim.tickets().await[0].clone();
    let code = ticket["code"].as_str().unwrap();
    let last = if code.ends_with('0') { "1" } else { "0" };
    let changed = format!("{}{last}", &code[..code.len() - 1]);
    let id = ticket["id"].as_str().unwrap().replace('-', "").to_uppercase();
    let unsigned = format!("{id}{}", "0".repeat(32));
    for forged in [changed.as_str(), "", "AO1", "🎫", &id, &unsigned, &"0".repeat(60_000)] {
        admin
            .post("/api/checkins", &json!({"code": forged}))
            .await
            .refused(404, "TICKET_NOT_FOUND");
    }
    admin.post("/api/checkins", &json!({"code": 7})).await.refused(422, "INVALID");
    assert_eq!(kim.tickets().await[0]["status"], "VALID");
    admin.post("/api/checkins", &json!({"code": code})).await.is(200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_ticket_of_a_cancelled_reservation_is_void() {
    let shop = Shop::open(TestDb::sqlite().await).await;
    let (event, kim, admin) = (shop.event().await, shop.customer(), shop.admin());
    let reservation = kim.buy(&event, &event.places(1)).await;
    let body = json!({"code": kim.tickets().await[0]["code"]});
    kim.post_nothing(&format!("/api/reservations/{reservation}/cancel")).await.is(200);
    assert_eq!(kim.tickets().await[0]["status"], "VOID");
    admin.post("/api/checkins", &body).await.refused(409, "WRONG_STATE");
    assert_eq!(event.counts(event.standing()).await.available, 20);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_ticket_is_drawn_as_a_qr_code() {
    let shop = Shop::open(TestDb::sqlite().await).await;
    let (event, kim) = (shop.event().await, shop.customer());
    kim.buy(&event, &event.places(1)).await;
    let id = kim.tickets().await[0]["id"].as_str().unwrap().to_owned();
    let request = kim.request(Method::GET, &format!("/api/tickets/{id}/qr.svg"));
    let response = request.send().await.unwrap();
    assert_eq!(response.status(), 200);
    assert_eq!(response.headers()["content-type"], "image/svg+xml");
    let svg = response.text().await.unwrap();
    assert!(svg.contains("<svg") && svg.ends_with("</svg>"), "{svg}");
}
