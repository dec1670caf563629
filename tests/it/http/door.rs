//! Tickets at the door.

use serde_json::json;

use crate::http::shop::Shop;
use crate::test_db::TestDb;

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
    let request = kim.request(reqwest::Method::GET, &format!("/api/tickets/{id}/qr.svg"));
    let response = request.send().await.unwrap();
    assert_eq!(response.status(), 200);
    assert_eq!(response.headers()["content-type"], "image/svg+xml");
    let svg = response.text().await.unwrap();
    assert!(svg.contains("<svg") && svg.ends_with("</svg>"), "{svg}");
}
