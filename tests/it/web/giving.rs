//! Giving places away by the organiser's form.

use admitone::config::{Config, MailMode};
use serde_json::json;

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
        let form = format!("{at}?key=k&email=x&picked={}", picked.replace(' ', "+"));
        let form = organiser.get(&form).await;
        form.shows(&["Left, row A, seat 1", "Left, row B, seat 2", &seats[7]]);
        assert!(!form.text.contains("value=\"k\"") && !form.text.contains("value=\"x\""));

        let filled = |email, quantity, rows, chosen: &[usize]| {
            let mut form = vec![("key", "g1"), ("email", email), ("quantity-1", quantity),
                ("in", "1"), ("rows", rows)];
            form.extend(chosen.iter().map(|seat| ("seat", &*seats[*seat])));
            form
        };
        let nothing = organiser.post(&at, &filled("press@example.com", "", "", &[])).await;
        assert_eq!(nothing.status, 422);
        nothing.shows(&["Say how many places", "press@example.com"]);
        for (email, quantity, rows) in [("nobody", "1", ""), ("a@example.com", "x", ""), ("a@example.com", "1", "Z 1")] {
            let refused = organiser.post(&at, &filled(email, quantity, rows, &[0, 7])).await;
            assert_eq!(refused.status, 422, "{email} {quantity} {rows}");
            refused.shows(&["role=\"alert\"", "Left, row A, seat 1"]);
        }
        // A row means its seats that are not sold, blocked ones too; they are shown before they are given.
        let block = json!({"seats": [seats[14]]});
        shop.admin().post(&format!("/api/admin/offerings/{}/block", event.id), &block).await.is(200);
        for _ in 0..2 {
            let checked = organiser.post(&at, &filled("press@example.com", "2", "a", &[0, 7])).await;
            assert_eq!(checked.status, 200);
            checked.shows(&["Check the seats", "Left, row A, seat 1", "Left, row B, seat 2", "Right, row A, seat 3 (not for sale)", "value=\"g1\""]);
        }
        assert_eq!(event.counts(event.stalls()).await.sold, 0);
        let good = filled("press@example.com", "2", "", &[0, 7, 14]);
        let order = organiser.post(&at, &good).await.leads_to("/organiser/orders/");
        assert_eq!(organiser.post(&at, &good).await.leads_to("/organiser/orders/"), order, "sent twice");
        let shown = organiser.get(&order).await;
        shown.shows(&["The places are given", "Code for the recipient", "press@example.com", "Confirmed free of charge"]);
        // Who may read orders and not give places has no use for the code, nor has anyone once it was used.
        let finance = known(&shop, "Finance", "finance@example.com").await;
        let role = json!({"userId": finance.user, "role": "FINANCE", "offeringId": event.id});
        shop.admin().post("/api/admin/grants", &role).await.is(201);
        let read = Browser::of(&shop, &finance).get(&order).await;
        read.shows(&["press@example.com", "Confirmed free of charge"]);
        assert!(!read.text.contains("Code for the recipient"));
        let (_, code) = shown.text.split_once("code-large\"><code>").expect("the code");
        let claim = json!({"email": "press@example.com", "code": code[..10]});
        shop.nobody().post("/api/auth/guest/claim", &claim).await.is(200);
        let shown = organiser.get(&order).await;
        assert!(!shown.text.contains("Code for the recipient") && !shown.text.contains("code-large"));
        let orders = format!("/organiser/events/{}/orders", event.id);
        for list in [orders.clone(), format!("{orders}.csv")] {
            let list = organiser.get(&list).await;
            list.shows(&["Complimentary", "2 × Standing"]);
            assert!(!list.text.contains(",Paid,"), "{}", list.text);
        }
        assert_eq!(event.counts(event.stalls()).await.sold, 3);
        assert_eq!(event.counts(event.standing()).await.sold, 2);

        // What is sold meanwhile is said, and can be left out.
        let sold = organiser.post(&at, &filled("press@example.com", "", "A 3-4\nA 3-4", &[])).await;
        sold.shows(&["disabled> Right, row A, seat 3 (sold already)", "checked> Right, row A, seat 4<"]);
        let mut taken = filled("press@example.com", "", "", &[14, 15]);
        taken[0] = ("key", "g3");
        let taken = organiser.post(&at, &taken).await;
        assert_eq!(taken.status, 409);
        taken.shows(&["sold or off sale: Right, row A, seat 3<", "checked> Right, row A, seat 4<"]);

        let mut to_account = filled("kim@example.com", "1", "", &[]);
        to_account[0] = ("key", "g2");
        to_account.push(("account", "true"));
        let refused = organiser.post(&at, &to_account).await;
        refused.shows(&["There is no account with this address", "checked"]);
        let kim = known(&shop, "Kim", "kim@example.com").await;
        // What cannot be given does not tell who has an account.
        let sold = [0];
        for (quantity, seats) in [("999999", &[][..]), ("64", &[]), ("1", &sold)] {
            let mut said = Vec::new();
            for email in ["kim@example.com", "none@example.com"] {
                let mut form = filled(email, quantity, "", seats);
                (form[0], form[2]) = (("key", email), ("quantity-1", quantity));
                form.push(("account", "true"));
                let refused = organiser.post(&at, &form).await;
                let (_, text) = refused.text.split_once("role=\"alert\"").expect("a refusal");
                said.push((refused.status, text.split("</").next().map(str::to_owned)));
            }
            assert_eq!(said[0], said[1]);
        }
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

    async fn an_account_that_has_not_confirmed_its_address_is_given_nothing_by_it(db: TestDb) {
        let keep = |config: &mut Config| {
            config.mail = Some(MailMode::Keep);
            config.public_url = Some("https://tickets.example.com".into());
        };
        let shop = Shop::open_with(db, keep).await;
        let (event, organiser) = (shop.event().await, Browser::of(&shop, &shop.admin()));
        let at = format!("/organiser/events/{}/give", event.id);
        let first = known(&shop, "First come", "press@example.com").await;
        let mut said = Vec::new();
        for email in ["press@example.com", "none@example.com"] {
            let form = [("key", email), ("email", email), ("account", "true"), ("quantity-1", "1")];
            let refused = organiser.post(&at, &form).await;
            refused.shows(&["There is no account with this address, or its owner has not confirmed"]);
            let (_, text) = refused.text.split_once("role=\"alert\"").expect("a refusal");
            said.push((refused.status, text.split("</").next().map(str::to_owned)));
        }
        assert_eq!(said[0], said[1]);
        assert!(first.tickets().await.is_empty());
        shop.app.db.sql("UPDATE users SET email_confirmed_at = 1").await;
        let form = [("key", "g"), ("email", "press@example.com"), ("account", "true"), ("quantity-1", "1")];
        organiser.post(&at, &form).await.leads_to("/organiser/orders/");
        assert_eq!(first.tickets().await.len(), 1);
    }

    async fn what_may_have_been_given_is_sent_again_with_its_key(db: TestDb) {
        let shop = Shop::open(db).await;
        let (event, organiser) = (shop.event().await, Browser::of(&shop, &shop.admin()));
        let at = format!("/organiser/events/{}/give", event.id);
        let form = [("key", "g1"), ("email", "press@example.com"), ("quantity-1", "2")];
        shop.app.db.sql("ALTER TABLE journal RENAME TO journal_away").await;
        let unknown = organiser.post(&at, &form).await;
        assert_eq!(unknown.status, 503);
        unknown.shows(&["role=\"alert\"", "value=\"g1\"", "value=\"press@example.com\""]);
        shop.app.db.sql("ALTER TABLE journal_away RENAME TO journal").await;
        let order = loop {
            let answer = organiser.post(&at, &form).await;
            if answer.status != 503 {
                break answer.leads_to("/organiser/orders/");
            }
        };
        organiser.get(&order).await.shows(&["Code for the recipient", "press@example.com"]);
        assert_eq!(event.counts(event.standing()).await.sold, 2);
        let refused = organiser.post(&at, &[("key", "g1"), ("email", "press@example.com"), ("quantity-1", "90")]).await;
        assert!(!refused.text.contains("value=\"g1\""), "another order has another key");
    }

    async fn an_order_of_a_free_event_shows_its_organiser_no_code(db: TestDb) {
        let shop = Shop::open(db).await;
        let event = shop.event_from(json!({
            "name": "Free", "eventDate": shop.time_in(90_000),
            "saleStartAt": shop.time_in(-60), "saleEndAt": shop.time_in(86_400),
            "products": [{"name": "A place", "totalStock": 5, "price": {"amount": 0, "currency": "KRW"}}],
        })).await;
        let session = shop.nobody().post_nothing("/api/auth/guest").await.is(201).data;
        let token = session["accessToken"].as_str().unwrap().to_owned();
        let kim = shop.with_token(session["user"]["id"].as_str().unwrap().parse().unwrap(), token);
        let email = json!({"email": "kim@example.com"});
        let left = kim.post("/api/auth/guest/email", &email).await.is(200).data;
        let part = kim.post_nothing(&event.at("participate")).await.is(200).data;
        let order = format!("/organiser/orders/{}", part["participationId"].as_str().unwrap());
        let shown = Browser::of(&shop, &shop.admin()).get(&order).await;
        shown.shows(&["kim@example.com"]);
        assert!(!shown.text.contains(left["claimCode"].as_str().unwrap()));
        assert!(!shown.text.contains("code-large"));
    }
}
