//! Another customer's resources answer as if they did not exist; operations that need a role are
//! refused without it.

use reqwest::Method;
use serde_json::json;

use crate::http::api_client::{Answer, Shop};
use crate::support::test_db::TestDb;

#[tokio::test(flavor = "multi_thread")]
async fn what_belongs_to_somebody_else_is_not_found() {
    let shop = Shop::open(TestDb::sqlite().await).await;
    let (event, kim, eve) = (shop.event().await, shop.customer(), shop.customer());
    let hold = kim.post(&event.at("holds"), &event.places(1)).await.is(201).data["id"].clone();
    let at = event.at(&format!("holds/{}", hold.as_str().unwrap()));
    eve.get(&at).await.refused(404, "HOLD_NOT_FOUND");
    eve.delete(&at).await.refused(404, "HOLD_NOT_FOUND");
    eve.post_nothing(&format!("{at}/extend")).await.refused(404, "HOLD_NOT_FOUND");
    let body = json!({"eventId": event.id, "holdId": hold});
    eve.post("/api/reservations", &body).await.refused(404, "HOLD_NOT_FOUND");

    let reservation = kim.buy(&event, &event.places(1)).await;
    let at = format!("/api/reservations/{reservation}");
    eve.get(&at).await.refused(404, "RESERVATION_NOT_FOUND");
    eve.post_nothing(&format!("{at}/cancel")).await.refused(404, "RESERVATION_NOT_FOUND");
    assert_eq!(eve.get("/api/reservations").await.is(200).data, json!([]));
    assert_eq!(eve.tickets().await.len(), 0);
    let ticket = kim.tickets().await[0]["id"].as_str().unwrap().to_owned();
    for path in [format!("/api/tickets/{ticket}"), format!("/api/tickets/{ticket}/qr.svg")] {
        eve.get(&path).await.refused(404, "TICKET_NOT_FOUND");
        assert_eq!(kim.get(&path).await.status, 200);
    }

    assert_eq!(kim.get(&at).await.is(200).data["status"], "CONFIRMED");
    let admin = shop.admin();
    assert_eq!(admin.get(&at).await.is(200).data["id"], reservation);
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_token_nothing_is_bought_and_without_the_role_nothing_is_run() {
    let shop = Shop::open(TestDb::sqlite().await).await;
    let event = shop.event().await;
    let (nobody, kim) = (shop.nobody(), shop.customer());
    let reservation = kim.buy(&event, &event.places(1)).await;
    let id = reservation.as_str();
    for (method, path) in [
        (Method::POST, event.at("holds")),
        (Method::GET, event.at(&format!("holds/{id}"))),
        (Method::DELETE, event.at(&format!("holds/{id}"))),
        (Method::POST, event.at(&format!("holds/{id}/extend"))),
        (Method::POST, event.at("waitlist")),
        (Method::POST, "/api/reservations".into()),
        (Method::GET, "/api/reservations".into()),
        (Method::GET, format!("/api/reservations/{id}")),
        (Method::POST, format!("/api/reservations/{id}/cancel")),
        (Method::GET, "/api/tickets".into()),
        (Method::POST, "/api/checkins".into()),
        (Method::POST, "/api/events".into()),
        (Method::PATCH, event.path.clone()),
        (Method::DELETE, event.path.clone()),
    ] {
        let answer = Answer::of(nobody.request(method.clone(), &path)).await;
        assert_eq!(answer.status, 401, "{method} {path}: {:#}", answer.body);
        assert_eq!(answer.header("www-authenticate"), "Bearer", "{method} {path}");
    }
    for (method, path) in [
        (Method::POST, "/api/events".into()),
        (Method::PATCH, event.path.clone()),
        (Method::DELETE, event.path.clone()),
        (Method::POST, "/api/checkins".into()),
        (Method::GET, "/api/admin/reservations".into()),
        (Method::POST, format!("/api/admin/offerings/{}/pause", event.id)),
    ] {
        let request = kim.request(method.clone(), &path).json(&json!({}));
        let answer = Answer::of(request).await;
        assert_eq!(answer.status, 403, "{method} {path}: {:#}", answer.body);
    }
    assert_eq!(nobody.get(&event.path).await.is(200).data["status"], "SELLING");
    let forged = nobody.request(Method::GET, "/api/tickets").bearer_auth("a.b.c");
    Answer::of(forged).await.refused(401, "UNAUTHORIZED");
}
