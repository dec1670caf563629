//! Giving places away by the organiser's form.

use super::organiser::{Browser, known};
use crate::http::api_client::Shop;

on_both_databases! {
    async fn an_organiser_gives_places_away_and_reads_the_code_to_pass_on(db: TestDb) {
        let shop = Shop::open(db).await;
        let (event, organiser) = (shop.event().await, Browser::of(&shop, &shop.admin()));
        let seats = event.seats().await;
        let at = format!("/organiser/events/{}/give", event.id);
        organiser.get(&format!("/organiser/events/{}", event.id)).await.shows(&[&at]);
        organiser.get(&at).await.shows(&["Stalls", "Standing", "Free: 20, blocked: 0"]);
        let picked = format!("{} {}", seats[0], seats[7]);
        let form = organiser.get(&format!("{at}?picked={}", picked.replace(' ', "+"))).await;
        form.shows(&["Left Row A 1", "Left Row B 2", &picked]);

        let filled = |email, quantity, rows, picked| {
            vec![("key", "g1"), ("email", email), ("quantity-1", quantity), ("in", "1"),
                ("rows", rows), ("picked", picked)]
        };
        let nothing = organiser.post(&at, &filled("press@example.com", "", "", "")).await;
        assert_eq!(nothing.status, 422);
        nothing.shows(&["Say how many places", "press@example.com"]);
        for (email, quantity, rows) in [("nobody", "1", ""), ("a@example.com", "x", ""), ("a@example.com", "1", "Z 1")] {
            let refused = organiser.post(&at, &filled(email, quantity, rows, &picked)).await;
            assert_eq!(refused.status, 422, "{email} {quantity} {rows}");
            refused.shows(&["role=\"alert\"", "Left Row A 1"]);
        }
        let good = filled("press@example.com", "2", "A 4", &picked);
        let order = organiser.post(&at, &good).await.leads_to("/organiser/orders/");
        assert_eq!(organiser.post(&at, &good).await.leads_to("/organiser/orders/"), order, "sent twice");
        let shown = organiser.get(&order).await;
        shown.shows(&["The places are given", "Code for the recipient", "press@example.com", "Confirmed free of charge"]);
        let orders = format!("/organiser/events/{}/orders", event.id);
        for list in [orders.clone(), format!("{orders}.csv")] {
            let list = organiser.get(&list).await;
            list.shows(&["Complimentary", "2 × Standing"]);
            assert!(!list.text.contains(",Paid,"), "{}", list.text);
        }
        assert_eq!(event.counts(event.stalls()).await.sold, 3);
        assert_eq!(event.counts(event.standing()).await.sold, 2);

        let mut to_account = filled("kim@example.com", "1", "", "");
        to_account[0] = ("key", "g2");
        to_account.push(("account", "true"));
        let refused = organiser.post(&at, &to_account).await;
        refused.shows(&["There is no account with this address", "checked"]);
        let kim = known(&shop, "Kim", "kim@example.com").await;
        let order = organiser.post(&at, &to_account).await.leads_to("/organiser/orders/");
        assert!(!organiser.get(&order).await.text.contains("Code for the recipient"));
        assert_eq!(kim.tickets().await.len(), 1);
        let own = Browser::of(&shop, &kim).get(&order.replace("/organiser", "")).await;
        own.shows(&["data-status=\"CONFIRMED\">Complimentary<", "These tickets are yours."]);
        assert!(!own.text.contains("Paid"), "{}", own.text);
        let mut large = shop.event_body();
        large["products"][1]["totalStock"] = serde_json::json!(1498);
        let large = shop.event_from(large).await;
        organiser.get(&format!("/organiser/events/{}/give", large.id)).await.shows(&["Free: 1,498, blocked: 0"]);
        assert_eq!(Browser::of(&shop, &kim).get(&at).await.status, 403);
    }
}
