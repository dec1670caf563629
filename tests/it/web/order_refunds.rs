//! Single tickets cancelled on the pages of orders, by the customer and by the organiser.

use serde_json::json;

use super::organiser::{Browser, known};
use crate::http::api_client::Shop;

/// The ids of a reservation's tickets, by their numbers.
async fn tickets(shop: &Shop, reservation: &str) -> Vec<String> {
    let id = reservation.parse().unwrap();
    let rows = shop.app.state().store.ticket_list_of(id).await.unwrap();
    rows.iter().map(|row| row.id.to_string()).collect()
}

on_both_databases! {
    async fn a_customer_sees_the_refund_of_a_ticket_before_cancelling_it(db: TestDb) {
        let shop = Shop::open(db).await;
        let mut body = shop.event_body();
        body["cancellation"] = json!({"refundPercent": 90});
        let event = shop.event_from(body).await;
        let kim = known(&shop, "김민수", "kim@example.com").await;
        let order = kim.buy(&event, &event.places(2)).await;
        let [first, second] = &tickets(&shop, &order).await[..] else { panic!() };
        let (browser, at) = (Browser::of(&shop, &kim), format!("/orders/{order}"));
        let refund = format!("{at}/refund");
        let page = browser.get(&at).await;
        page.shows(&[first, second, &refund, "₩45,000 is given back. The other tickets stay.",
            "₩90,000 is given back", "Payment ₩100,000"]);
        let form = [("key", "cancel-1"), ("ticket", first)];
        browser.post(&refund, &form).await.leads_to(&at);
        browser.post(&refund, &form).await.leads_to(&at);
        browser.get(&refund).await.leads_to(&at);
        let page = browser.get(&at).await;
        page.shows(&["Given back ₩45,000", "Void", "₩45,000 is given back"]);
        assert!(!page.text.contains(&refund), "the last ticket is the order itself");
        assert_eq!(browser.post(&refund, &[("key", "other"), ("ticket", first)]).await.status, 409);
        shop.refund_all().await;
        browser.get(&at).await.shows(&["given back in part"]);
        assert_eq!(kim.balance().await, 45_000);
        let lee = known(&shop, "Lee", "lee@example.org").await;
        let form = [("key", "cancel-1"), ("ticket", second)];
        assert_eq!(Browser::of(&shop, &lee).post(&refund, &form).await.status, 404);
        browser.post(&format!("{at}/cancel"), &[("key", "cancel-1")]).await.leads_to(&at);
        browser.get(&at).await.shows(&["Given back: ₩90,000."]);
        shop.refund_all().await;
        assert_eq!(kim.balance().await, 90_000);
    }

    async fn an_organiser_gives_an_amount_back_for_a_ticket_and_tries_a_refused_refund_again(db: TestDb) {
        let shop = Shop::open(db).await;
        let event = shop.event().await;
        let kim = known(&shop, "김민수", "kim@example.com").await;
        let order = kim.buy(&event, &event.places(3)).await;
        let ids = tickets(&shop, &order).await;
        let (organiser, at) = (Browser::of(&shop, &shop.admin()), format!("/organiser/orders/{order}"));
        let refund = format!("{at}/refund");
        organiser.get(&at).await.shows(&[&ids[0], &refund, "the ticket's price is given back: ₩50,000"]);
        let form = |amount| {
            [("key", "1"), ("ticket", &*ids[1]), ("amount", amount), ("reason", "Could <i>not</i> see")]
        };
        for (bad, said) in [("150,001", "0 to 150000"), ("x", "Write the price")] {
            let refused = organiser.post(&refund, &form(bad)).await;
            assert_eq!(refused.status, 422);
            refused.shows(&[said]);
        }
        // A wallet that would hold too much refuses the money.
        kim.charge(i64::MAX).await;
        organiser.post(&refund, &form("₩120,000")).await.leads_to(&at);
        shop.refund_all().await;
        let page = organiser.get(&at).await;
        page.shows(&["Given back ₩120,000", "refused", "Could &lt;i&gt;not&lt;/i&gt; see", "more than a wallet may",
            "Try again", "Some tickets cancelled", "by an organiser"]);
        let (_, behind) = page.text.split_once("name=\"refund\" value=\"").unwrap();
        let again = [("refund", behind.split('"').next().unwrap())];
        let retry = format!("{at}/retry");
        shop.app.db.sql("UPDATE wallets SET balance = 0").await;
        organiser.post(&retry, &again).await.leads_to(&at);
        assert_eq!(organiser.post(&retry, &again).await.status, 409);
        shop.refund_all().await;
        assert_eq!(kim.balance().await, 120_000);
        organiser.get(&at).await.shows(&["₩30,000 is given back"]);
        let page = format!("/organiser/events/{}", event.id);
        organiser.get(&page).await.shows(&["Places sold so far: 2", "₩30,000"]);
        assert_eq!(Browser::of(&shop, &kim).post(&refund, &form("1")).await.status, 403);
    }
}
