//! The state of the sale on an event's page, and on the list of its seats.

use serde_json::json;

use super::{Page, Visitor};
use crate::http::api_client::{Event, Shop};
use crate::support::test_db::TestDb;

/// Returns the one sentence about the state that shows.
#[track_caller]
fn says(page: &Page) -> String {
    let mut found = Vec::new();
    for part in page.text.split("<p class=\"sale-says\"").skip(1) {
        let (attributes, rest) = part.split_once('>').expect("a tag");
        if !attributes.contains("hidden") {
            let (text, _) = rest.split_once("</p>").expect("a paragraph");
            found.push(text.to_owned());
        }
    }
    assert!(found.len() <= 1, "{found:?}");
    found.pop().unwrap_or_default()
}

/// True if the page has a form for places that shows.
fn offers_places(page: &Page) -> bool {
    page.text.contains("<div data-show-when=\"SELLING\">")
}

async fn admin(shop: &Shop, event: &Event<'_>, action: &str) {
    shop.admin().post_nothing(&format!("/api/admin/offerings/{}/{action}", event.id)).await.is(200);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_page_and_the_list_of_seats_say_every_state_of_the_sale() {
    let shop = Shop::open(TestDb::sqlite().await).await;
    let event = shop.event().await;
    let mut kim = Visitor::new(&shop, "ko");
    let (page, list) =
        (format!("/events/{}", event.id), format!("/events/{}/seats?section=0", event.id));
    for (action, state, part, can_buy) in [
        (None, "SELLING", "예매 종료:", true),
        (Some("pause"), "PAUSED", "이 페이지에서 이어집니다", false),
        (Some("open"), "SELLING", "예매 종료:", true),
        (Some("close"), "ENDED", "예매가 끝났습니다", false),
        (Some("cancel"), "CANCELLED", "금액을 돌려드립니다", false),
    ] {
        if let Some(action) = action {
            admin(&shop, &event, action).await;
        }
        let (page, list) = (kim.get(&page).await, kim.get(&list).await);
        for shown in [&page, &list] {
            shown.shows(&[&format!("data-sale-state data-status=\"{state}\"")]);
            assert!(says(shown).contains(part), "{state}: {:?}", says(shown));
        }
        assert_eq!(says(&page), says(&list));
        assert_eq!(offers_places(&page), can_buy, "{state}");
        let has_button = list.text.contains("<p class=\"sticky\"");
        assert_eq!(has_button, can_buy, "{state}: the list lets choose seats");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sale_that_is_to_open_counts_down_by_the_server_s_clock() {
    let shop = Shop::open(TestDb::sqlite().await).await;
    let mut body = shop.event_body();
    body["saleStartAt"] = json!(shop.time_in(3_600));
    let event = shop.event_from(body).await;
    let mut kim = Visitor::new(&shop, "en");
    let page = kim.get(&format!("/events/{}", event.id)).await;
    let opens = shop.time_in(3_600);
    assert!(
        says(&page).contains(&format!("data-countdown=\"left\" data-reload datetime=\"{opens}\""))
    );
    page.shows(&[&format!("data-server-time=\"{}\"", shop.time_in(0))]);
    shop.clock.advance_ms(3_600_000);
    let page = kim.get(&format!("/events/{}", event.id)).await;
    page.shows(&["data-sale-state data-status=\"SELLING\""]);
    assert!(offers_places(&page));

    let mut body = shop.event_body();
    body["status"] = json!("SCHEDULED");
    body["saleStartAt"] = json!(null);
    let event = shop.event_from(body).await;
    let page = kim.get(&format!("/events/{}", event.id)).await;
    assert!(says(&page).contains("no time for it is set"), "{}", says(&page));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_that_has_taken_place_says_so() {
    let shop = Shop::open(TestDb::sqlite().await).await;
    let event = shop.event().await;
    shop.clock.advance_ms(90_000_000 + 86_400_000);
    let page = Visitor::new(&shop, "ko").get(&format!("/events/{}", event.id)).await;
    assert!(says(&page).contains("이미 끝난 공연"), "{}", says(&page));
    page.shows(&["data-status=\"ENDED\""]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_product_with_a_window_of_its_own_says_when_it_is_on_sale() {
    let shop = Shop::open(TestDb::sqlite().await).await;
    let mut body = shop.event_body();
    body["products"][0]["saleStartAt"] = json!(shop.time_in(600));
    body["products"][1]["saleEndAt"] = json!(shop.time_in(300));
    let event = shop.event_from(body).await;
    let mut kim = Visitor::new(&shop, "en");
    let (path, list) =
        (format!("/events/{}", event.id), format!("/events/{}/seats?section=0", event.id));
    let page = kim.get(&path).await;
    page.shows(&["On sale from", "On sale until", "data-lines", " disabled>Stalls"]);
    let seats = kim.get(&list).await;
    seats.shows(&["These seats are not on sale now"]).hides(&["class=\"sticky\""]);
    shop.clock.advance_ms(600_000);
    let page = kim.get(&path).await;
    page.shows(&["Not on sale any more"]).hides(&[
        "data-lines",
        "On sale from",
        " disabled>Stalls",
    ]);
    kim.get(&list).await.shows(&["class=\"sticky\""]);
}

#[tokio::test(flavor = "multi_thread")]
async fn limits_are_in_the_fields_and_in_words() {
    let shop = Shop::open(TestDb::sqlite().await).await;
    let mut body = shop.event_body();
    body["policy"] = json!({"maxPlacesPerHold": 6, "maxPerCustomer": 9});
    body["products"][1]["maxPerCustomer"] = json!(2);
    let event = shop.event_from(body).await;
    let mut kim = Visitor::new(&shop, "ko");
    let page = kim.get(&format!("/events/{}", event.id)).await;
    page.shows(&["한 번에 최대 6매", "1인당 최대 9매", "1인당 최대 2매", "max=\"6\"", "max=\"2\""]);
    page.hides(&["max=\"64\""]);
    let list = kim.get(&format!("/events/{}/seats", event.id)).await;
    list.shows(&["한 번에 최대 6매", "1인당 최대 9매"]);
    // The limits are those of the core.
    let holds = format!("/events/{}/holds", event.id);
    let ask = |quantity| [("kind", "best"), ("productId", event.stalls()), ("quantity", quantity)];
    assert_eq!(kim.post(&holds, &ask("7")).await.status.as_u16(), 422);
    assert_eq!(kim.post(&holds, &ask("6")).await.status.as_u16(), 303);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_sold_out_says_so_and_leads_to_the_waitlist() {
    let shop = Shop::open(TestDb::sqlite().await).await;
    let mut body = shop.event_body();
    body["products"] = json!([{"name": "Standing", "price": {"amount": 5, "currency": "KRW"},
        "totalStock": 2}]);
    body["seatMap"] = json!(null);
    let with = shop.event_from(body.clone()).await;
    body["policy"] = json!({"waitlistCapacity": 0});
    let without = shop.event_from(body).await;
    let mut kim = Visitor::new(&shop, "ko");
    for (event, has_waitlist) in [(&with, true), (&without, false)] {
        let all = json!({"lines": [{"productId": event.products[0], "quantity": 2}]});
        shop.customer().post(&event.at("holds"), &all).await.is(201);
        let page = kim.get(&format!("/events/{}", event.id)).await;
        page.shows(&["data-sale-state data-status=\"SOLD_OUT\""]);
        assert!(says(&page).contains("모든 자리가 찼습니다"), "{}", says(&page));
        assert_eq!(says(&page).contains("대기 신청하기"), has_waitlist);
        let form = format!("action=\"/events/{}/waitlist\"", event.id);
        assert_eq!(page.text.contains(&form), has_waitlist);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_buyer_of_the_last_places_is_led_to_the_basket_and_to_the_order() {
    let shop = Shop::open(TestDb::sqlite().await).await;
    let mut body = shop.event_body();
    body["products"] = json!([{"name": "Standing", "price": {"amount": 5, "currency": "KRW"},
        "totalStock": 2}]);
    body["seatMap"] = json!(null);
    let event = shop.event_from(body).await;
    let path = format!("/events/{}", event.id);
    let ask = [("kind", "lines"), ("productId", &*event.products[0]), ("quantity", "2")];
    let mut kim = Visitor::new(&shop, "ko");
    assert_eq!(kim.post(&format!("{path}/holds"), &ask).await.status.as_u16(), 303);
    let page = kim.get(&path).await;
    page.shows(&[
        "data-sale-state data-status=\"SOLD_OUT\"",
        "<details><summary>Standing 자리가 더 필요하면",
    ]);
    for shown in [&page, &kim.get(&format!("{path}/seats")).await] {
        assert!(says(shown).contains(&format!("href=\"{path}#basket\"")), "{}", says(shown));
    }
    let refused = kim.post(&format!("{path}/holds"), &ask).await;
    assert_eq!(refused.status.as_u16(), 409);
    refused.shows(&["이미 고른 자리는 장바구니에 있습니다"]);
    let mut lee = Visitor::new(&shop, "ko");
    let others = lee.get(&path).await;
    assert!(says(&others).contains("모든 자리가 찼습니다"), "{}", says(&others));
    others.hides(&["<details>", "class=\"has-order\""]);
    lee.post(&format!("{path}/holds"), &ask).await.hides(&["이미 고른 자리는"]);

    // A buyer who has lost the answer to an order finds the order where the places were chosen.
    let (_, behind) = page.text.split_once("href=\"/checkout/").expect("a hold");
    let checkout = format!("/checkout/{}", behind.split_once('"').expect("its end").0);
    let hold = checkout.rsplit('/').next().unwrap();
    let form = [("key", hold), ("email", "kim@example.com")];
    let order = kim.post(&checkout, &form).await.location;
    for path in [&*path, "/basket"] {
        kim.get(path).await.shows(&["이 공연의 주문이 있습니다", &format!("href=\"{order}\"")]);
    }
}
