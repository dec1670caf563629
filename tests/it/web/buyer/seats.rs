//! What a buyer learns of seats before choosing them, and in the basket: prices, seats for wheelchairs,
//! a restricted view, and seats that are not together.

use serde_json::{Value, json};

use super::Visitor;
use crate::http::api_client::{Event, Shop};
use crate::support::test_db::TestDb;

/// An event whose plan has a cheap section with a restricted view, and a dear one with a wheelchair
/// seat and its companion.
async fn event(shop: &Shop) -> Event<'_> {
    let plan = json!({"format": 1, "name": "Hall",
    "zones": [{"name": "Gold"}, {"name": "Rear"}],
    "sections": [
        {"name": "Front", "zone": "Gold", "rows": [
            {"name": "A", "x": 0, "y": 0, "seats": 4, "accessible": [1], "companion": [2]}]},
        {"name": "Back", "zone": "Rear", "rows": [
            {"name": "A", "x": 0, "y": 5, "seats": 2, "restricted": [2]},
            {"name": "B", "x": 0, "y": 6.2, "seats": 2}]},
    ]});
    let admin = shop.admin();
    let venue = json!({"name": "The old theatre", "timeZone": "Asia/Seoul"});
    let made = admin.post("/api/admin/venues", &venue).await.is(201);
    admin.post(&format!("{}/plans", made.header("location")), &plan).await.is(201);
    let mut body = shop.event_body();
    body["products"] = json!([
        {"name": "Gold", "price": {"amount": 250_000, "currency": "KRW"}},
        {"name": "Rear", "price": {"amount": 20_000, "currency": "KRW"}},
    ]);
    body.as_object_mut().unwrap().remove("seatMap");
    body["venue"] = Value::Null;
    body["plan"] = json!({"venueId": made.data["id"]});
    body.as_object_mut().unwrap().retain(|_, value| !value.is_null());
    shop.event_from(body).await
}

#[tokio::test(flavor = "multi_thread")]
async fn marks_and_prices_of_seats_are_said_before_the_choice_and_in_the_basket() {
    let shop = Shop::open(TestDb::sqlite().await).await;
    let event = event(&shop).await;
    let mut kim = Visitor::new(&shop, "ko");
    let page = kim.get(&format!("/events/{}", event.id)).await;
    page.shows(&["<dt>휠체어석</dt>", "<dt>동반인석</dt>", "<dt>시야 제한</dt>", "남겨 둡니다"]);
    page.shows(&["Gold · 250,000원", "Rear · 20,000원"]);
    let front = kim.get(&format!("/events/{}/seats?section=0", event.id)).await;
    front.shows(&["Front · 250,000원 · 4석 남음", "Back · 20,000원 · 4석 남음"]);
    front.shows(&[
        "1 <span class=\"mark\">휠체어석</span>",
        "2 <span class=\"mark\">동반인석</span>",
    ]);
    let back = kim.get(&format!("/events/{}/seats?section=1", event.id)).await;
    back.shows(&["2 <span class=\"mark\">시야 제한</span>"]);

    let seats = event.seats().await;
    let form = [("kind", "seats"), ("seat", &*seats[0]), ("seat", &*seats[5])];
    let held = kim.post(&format!("/events/{}/holds", event.id), &form).await;
    assert_eq!(held.status.as_u16(), 303, "{}", held.text);
    for path in [format!("/events/{}", event.id), "/basket".to_owned()] {
        let page = kim.get(&path).await;
        page.shows(&[
            "250,000원</span>",
            "20,000원</span>",
            "<span class=\"mark\">휠체어석</span>",
        ]);
        page.shows(&["<span class=\"mark\">시야 제한</span>", "270,000원"]);
    }
    // The list knows whose they are.
    kim.get(&format!("/events/{}/seats?section=0", event.id)).await.shows(&["> 내 자리</span>"]);
    let mut lee = Visitor::new(&shop, "ko");
    let others = lee.get(&format!("/events/{}/seats?section=0", event.id)).await;
    others.shows(&["> 선택 중</span>"]).hides(&["> 내 자리<"]);
    let page = kim.get("/basket").await;
    let (_, behind) = page.text.split_once("href=\"/checkout/").expect("a way to the checkout");
    let (path, _) = behind.split_once('"').expect("its end");
    kim.get(&format!("/checkout/{path}")).await.shows(&["<span class=\"mark\">시야 제한</span>"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn best_seats_that_are_not_side_by_side_are_said_to_be_so() {
    let shop = Shop::open(TestDb::sqlite().await).await;
    let event = event(&shop).await;
    let mut kim = Visitor::new(&shop, "ko");
    let form = [("kind", "best"), ("productId", &*event.products[1]), ("quantity", "4")];
    let held = kim.post(&format!("/events/{}/holds", event.id), &form).await;
    assert_eq!(held.status.as_u16(), 303, "{}", held.text);
    kim.get("/basket").await.shows(&["앞뒤 두 열에 나누어"]);

    // A buyer who wants them side by side only is told that there are none, and holds nothing.
    let mut lee = Visitor::new(&shop, "ko");
    let event = self::event(&shop).await;
    let holds = format!("/events/{}/holds", event.id);
    let ask = |quantity| {
        [
            ("kind", "best"),
            ("productId", &*event.products[1]),
            ("quantity", quantity),
            ("together", "yes"),
        ]
    };
    let refused = lee.post(&holds, &ask("4")).await;
    assert_eq!(refused.status.as_u16(), 409);
    let said = refused.alert();
    assert!(said.contains("나란히 빈 4자리"), "{said:?}");
    assert_eq!(event.counts(&event.products[1]).await.held, 0);
    assert_eq!(lee.post(&holds, &ask("2")).await.status.as_u16(), 303);
    assert_eq!(event.counts(&event.products[1]).await.held, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_without_a_plan_explains_no_marks() {
    let shop = Shop::open(TestDb::sqlite().await).await;
    let event = shop.event().await;
    let page = Visitor::new(&shop, "en").get(&format!("/events/{}", event.id)).await;
    page.hides(&["class=\"marks\"", "Wheelchair"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn tickets_of_an_order_come_as_the_plan_orders_their_seats() {
    let shop = Shop::open(TestDb::sqlite().await).await;
    let event = shop.event().await;
    let mut kim = Visitor::member(&shop, "en", "kim@example.com").await;
    let seats = event.seats().await;
    let picked = [7, 2, 11, 0, 5].map(|index: usize| ("seat", &*seats[index]));
    let form: Vec<_> = [("kind", "seats")].into_iter().chain(picked).collect();
    let held = kim.post(&format!("/events/{}/holds", event.id), &form).await;
    assert_eq!(held.status.as_u16(), 303, "{}", held.text);
    let basket = kim.get("/basket").await;
    let (_, behind) = basket.text.split_once("href=\"/checkout/").expect("a hold");
    let checkout = format!("/checkout/{}", behind.split_once('"').expect("its end").0);
    let order = kim.post(&checkout, &[("key", "k")]).await.location;
    for _ in 0..2 {
        kim.post("/account/charge", &[("key", &uuid::Uuid::new_v4().to_string())]).await;
    }
    let paid = kim.post(&format!("{order}/pay"), &[("key", "p"), ("method", "wallet")]).await;
    assert_eq!(paid.location, order, "{}", paid.text);
    let page = kim.get(&order).await;
    assert_eq!(page.text.matches("Paid. These").count(), 1);
    page.hides(&["class=\"notice\""]);
    let tickets = kim.get("/tickets").await;
    let shown: Vec<_> = tickets.text.split("<strong>").skip(1).collect();
    let shown: Vec<_> = shown.iter().filter_map(|part| Some(part.split_once('<')?.0)).collect();
    let mut sorted = shown.clone();
    sorted.sort_unstable();
    assert_eq!((shown.len(), &shown), (5, &sorted));
}
