//! The organiser's lists and their searches, and what the form of an event asks before it saves.

use admitone::accounts::Role;
use serde_json::json;

use super::organiser::{Browser, Page, known, with};
use crate::http::api_client::Shop;

on_both_databases! {
    async fn orders_are_found_by_number_seat_and_the_code_of_a_guest(db: TestDb) {
        let shop = Shop::open(db).await;
        let event = shop.event().await;
        let organiser = Browser::of(&shop, &shop.admin());
        let kim = known(&shop, "Kim", "kim@example.com").await;
        let seats = event.seats().await;
        let order = kim.buy(&event, &json!({"seats": [seats[0]]})).await;
        let lee = known(&shop, "Lee", "lee@example.org").await;
        lee.buy(&event, &json!({"seats": [seats[1]]})).await;

        let guest = shop.nobody().post_nothing("/api/auth/guest").await.is(201).data;
        let guest_id = guest["user"]["id"].as_str().unwrap().parse().unwrap();
        let guest = shop.person(guest_id, Role::User);
        let left = shop.app.state().accounts
            .guest_checkout(admitone::caller::Caller::guest(guest_id), "guest@example.net", None).await.unwrap();
        guest.reserve(&event, &event.places(1)).await;

        let page = format!("/organiser/events/{}/orders", event.id);
        let all = ["kim@example.com", "lee@example.org", "guest@example.net"];
        let code = &left.claim_code;
        let typed = format!("{}-{}", code[..5].to_lowercase(), &code[5..]);
        for (text, expected) in [
            (&*order, Some(0)), ("A 1", Some(0)), ("a 2", Some(1)), (code, Some(2)), (&typed, Some(2)),
            ("lee", Some(1)), ("A 3", None), ("0123456789", None),
            ("00000000-0000-0000-0000-000000000000", None),
        ] {
            let query = form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>();
            let found = organiser.get(&format!("{page}?q={query}")).await;
            for (index, email) in all.iter().enumerate() {
                assert_eq!(found.text.contains(email), expected == Some(index), "{text}: {email}");
            }
        }
    }
}

on_both_databases! {
    async fn seats_are_listed_by_pages_and_found(db: TestDb) {
        let shop = Shop::open(db).await;
        let organiser = Browser::of(&shop, &shop.admin());
        let form = with(&[("section-0-rows", "1-10: 200")]);
        let made = organiser.post("/organiser/events/new", &form).await.leads_to("/organiser/events/");
        let at = made.split('?').next().unwrap().to_owned();
        let count = |page: &Page| page.text.matches("name=\"seat\"").count();
        let first = organiser.get(&format!("{at}/seats")).await;
        assert_eq!(count(&first), 600);
        first.shows(&["seats?section=0&amp;q=&amp;state=&amp;row=3"]);
        assert_eq!(count(&organiser.get(&format!("{at}/seats?row=9")).await), 200);
        assert_eq!(count(&organiser.get(&format!("{at}/seats?row=999999")).await), 200);
        assert_eq!(count(&organiser.get(&format!("{at}/seats?q=7")).await), 200);
        let one = organiser.get(&format!("{at}/seats?q=7+33&section=5")).await;
        assert_eq!(count(&one), 1);
        let seat = one.text.split("name=\"seat\" value=\"").nth(1).unwrap().split('"').next().unwrap().to_owned();

        // A form of the list leads back to the same place of the list.
        let act = |key: &'static str, what| [("key", key), ("do", what), ("back", "seats"),
            ("at", "section=0&q=7+33&state=&row=0"), ("seat", &*seat)].map(|(k, v)| (k, v.to_owned()));
        let send = async |form: [(&str, String); 5]| {
            let pairs: Vec<_> = form.iter().map(|(k, v)| (*k, v.as_str())).collect();
            organiser.post(&format!("{at}/actions"), &pairs).await
        };
        let back = send(act("1", "block-seats")).await.leads_to(&format!("{at}/seats?"));
        assert!(back.contains("q=7+33"), "{back}");
        assert_eq!(count(&organiser.get(&format!("{at}/seats?state=blocked")).await), 1);
        let refused = send(act("2", "block-seats")).await;
        assert_eq!(refused.status, 409);
        refused.shows(&["role=\"alert\"", "checked", "value=\"7 33\""]);
    }
}

on_both_databases! {
    async fn unusual_times_are_saved_only_when_they_are_confirmed(db: TestDb) {
        let shop = Shop::open(db).await;
        let organiser = Browser::of(&shop, &shop.admin());
        for (changes, input, says) in [
            (vec![("starts", "2001-05-01T19:30"), ("sale_end", "")], "starts", "is over already"),
            (vec![("sale_end", "2001-05-01T19:30")], "sale_end", "The sale is over already"),
            (vec![("sale_start", "2035-05-01T19:30"), ("sale_end", "2035-05-01T20:00")], "sale_start", "only after"),
            (vec![("cancel", "until"), ("cancel_until", "2035-05-01T20:00")], "cancel_until", "could be cancelled"),
        ] {
            let asked = organiser.post("/organiser/events/new", &with(&changes)).await;
            assert_eq!(asked.status, 422, "{changes:?}: {}", asked.location);
            asked.shows(&[says, &format!("id=\"field-{input}-error\""), "name=\"confirmed\"", "Old theatre"]);
        }
        let late = [("sale_start", "2035-05-01T19:30"), ("sale_end", "2035-05-01T20:00"), ("confirmed", "on")];
        let made = organiser.post("/organiser/events/new", &with(&late)).await;
        let at = made.leads_to("/organiser/events/");
        let edit = format!("{}/edit", at.split('?').next().unwrap());

        // The name alone changes without a question; a time that is moved asks again.
        let late = [("sale_start", "2035-05-01T19:30"), ("sale_end", "2035-05-01T20:00"), ("ends", "2035-05-01T22:30")];
        let renamed: Vec<_> = with(&late).into_iter().map(|(k, v)| (k, if k == "name" { "Hamlet" } else { v })).collect();
        organiser.post(&edit, &renamed).await.leads_to("/organiser/events/");
        let moved: Vec<_> =
            renamed.into_iter().map(|(k, v)| (k, if k == "sale_end" { "2035-05-01T21:00" } else { v })).collect();
        assert_eq!(organiser.post(&edit, &moved).await.status, 422);

        // If only the beginning moves, the end stays where the form shows it.
        let earlier = with(&[("starts", "2035-05-01T18:30"), ("ends", "2035-05-01T22:30"), ("confirmed", "on"),
            ("name", "Hamlet"), ("key", "another")]);
        organiser.post(&edit, &earlier).await.leads_to("/organiser/events/");
        organiser.get(&edit).await.shows(&["value=\"2035-05-01T18:30\"", "value=\"2035-05-01T22:30\""]);
    }
}
