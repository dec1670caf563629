//! The door's pages over HTTP: who may open them, and what they find and decide.

use reqwest::Method;
use serde_json::{Value, json};

use crate::clients::account;
use crate::http::api_client::{Event, Person, Shop};
use admitone::accounts::Role;
use admitone::caller::Caller;
use admitone::roles::NewGrant;
use admitone::store::GrantRole;

/// A path, the form that is sent there, and the status, kind and words of the answer.
type Step<'a> = (&'a str, &'a [(&'a str, &'a str)], u16, &'a str, &'a str);

/// A browser with the session of a person.
struct Browser<'a> {
    shop: &'a Shop,
    cookie: String,
}

impl<'a> Browser<'a> {
    fn of(shop: &'a Shop, person: &Person<'_>) -> Self {
        Self { shop, cookie: format!("__Host-admitone={}", person.token()) }
    }

    fn without_session(shop: &'a Shop) -> Self {
        Self { shop, cookie: String::new() }
    }

    /// Asks for JSON, as scripts do.
    async fn asks(&self, path: &str) -> (u16, Value) {
        let request = self.shop.nobody().request(Method::GET, path);
        let answer = request.header("Cookie", &self.cookie).send().await.unwrap();
        (answer.status().as_u16(), answer.json().await.unwrap())
    }

    /// Sends a form from a page of `site`.
    async fn sends(&self, path: &str, form: &[(&str, &str)], site: &str) -> (u16, String) {
        let mut body = form_urlencoded::Serializer::new(String::new());
        body.extend_pairs(form);
        let request = self.shop.nobody().request(Method::POST, path);
        let request = request
            .header("Cookie", &self.cookie)
            .header("Accept", "text/html")
            .header("Accept-Language", "en")
            .header("Sec-Fetch-Site", site)
            .header("Content-Type", "application/x-www-form-urlencoded");
        let answer = request.body(body.finish()).send().await.unwrap();
        (answer.status().as_u16(), answer.text().await.unwrap())
    }
}

on_both_databases! {
    async fn the_door_finds_tickets_by_their_holders_and_counts_people(db: TestDb) {
        let shop = Shop::open(db).await;
        let (event, other) = (shop.event().await, shop.event().await);
        let kim = account(&shop, "kim@example.com", Role::User).await;
        let lee = account(&shop, "lee_1@example.com", Role::User).await;
        let seat = event.seats().await[7].clone();
        kim.buy(&other, &other.places(1)).await;
        let elsewhere = kim.tickets().await[0]["code"].as_str().unwrap().to_owned();
        kim.buy(&event, &json!({"seats": [seat]})).await;
        lee.buy(&event, &event.places(2)).await;
        let admin = shop.admin();
        let door = Browser::of(&shop, &admin);
        let path = |rest: &str| format!("/door/{}/{rest}", event.id);

        let (_, found) = door.asks(&path("search?q=KIM%40")).await;
        let ticket = &found["data"][0];
        assert_eq!(found["data"].as_array().map(Vec::len), Some(1), "{found}");
        assert_eq!(ticket["name"], "김민수");
        assert_eq!(ticket["seat"], "Left, row B, seat 2");
        assert_eq!((&ticket["product"], &ticket["status"]), (&json!("Stalls"), &json!("VALID")));
        let code = ticket["code"].clone();
        for (query, expected) in [
            ("q=%EA%B9%80%EB%AF%BC", 3), ("q=lee_1", 2), ("q=", 0), ("q=%25", 0), ("q=l__%40", 0),
            ("", 0), ("q=nobody", 0),
        ] {
            let (_, found) = door.asks(&path(&format!("search?{query}"))).await;
            assert_eq!(found["data"].as_array().map(Vec::len), Some(expected), "{query}: {found}");
        }
        // A whole code names its ticket at every door, the beginning of one at the event's own alone.
        let (_, found) = door.asks(&path(&format!("search?code={elsewhere}"))).await;
        assert_eq!(found["data"][0]["name"], "김민수");
        let code_text = code.as_str().unwrap();
        let short = format!("{}+{}", &code_text[..4], &code_text[4..8].to_lowercase());
        for (query, expected) in [
            (format!("code={short}"), 1), (format!("q={short}"), 1), (format!("q={}", &code_text[..40]), 1),
            (format!("code={}", &code_text[..7]), 0), (format!("code={}", &elsewhere[..8]), 0),
            (format!("code={}{}", &code_text[..32], "0".repeat(32)), 0), ("code=kim".to_owned(), 0),
        ] {
            let (_, found) = door.asks(&path(&format!("search?{query}"))).await;
            assert_eq!(found["data"].as_array().map(Vec::len), Some(expected), "{query}: {found}");
        }

        assert_eq!(door.asks(&path("counts")).await.1["data"], json!({"checkedIn": 0, "sold": 3}));
        admin.post("/api/checkins", &json!({"code": code, "gate": "North"})).await.is(200);
        assert_eq!(door.asks(&path("counts")).await.1["data"], json!({"checkedIn": 1, "sold": 3}));
        let (_, found) = door.asks(&path("search?q=%EA%B9%80%EB%AF%BC")).await;
        assert_eq!(found["data"][2]["status"], "USED", "those not yet in come first: {found}");
        assert_eq!(found["data"][2]["gate"], "North");
        admin.post("/api/checkins/undo", &json!({"code": code})).await.is(200);
        assert_eq!(door.asks(&path("counts")).await.1["data"], json!({"checkedIn": 0, "sold": 3}));
    }

    async fn a_door_is_told_nothing_of_the_tickets_of_another(db: TestDb) {
        let shop = Shop::open(db).await;
        let (here, other) = (shop.event().await, shop.event().await);
        let kim = account(&shop, "kim@example.com", Role::User).await;
        kim.buy(&other, &other.places(1)).await;
        let code = kim.tickets().await[0]["code"].as_str().unwrap().to_owned();
        let usher = account(&shop, "usher@example.com", Role::User).await;
        let state = shop.app.state();
        let new = NewGrant { user: usher.user, role: GrantRole::Door, offering: Some(here.offering()) };
        state.accounts.roles().grant(new, None, None, state.clock.now_ms()).await.unwrap();
        let door = Browser::of(&shop, &usher);
        let (_, found) = door.asks(&format!("/door/{}/search?code={code}", here.id)).await;
        assert_eq!(found["data"], json!([]));
        let (status, page) = door.sends(&format!("/door/{}/check", here.id), &[("code", &code)], "same-origin").await;
        assert_eq!(status, 409);
        assert!(!page.contains("김민수") && !page.contains("kim@example.com"), "{page}");
    }

    async fn only_administrators_see_the_door(db: TestDb) {
        let shop = Shop::open(db).await;
        let event = shop.event().await;
        let kim = shop.customer();
        for rest in ["", "/counts", "/search?q=kim"] {
            let path = format!("/door/{}{rest}", event.id);
            let (status, body) = Browser::of(&shop, &kim).asks(&path).await;
            assert_eq!((status, &body["error"]["code"]), (403, &json!("FORBIDDEN")), "{path}");
            let (status, body) = Browser::without_session(&shop).asks(&path).await;
            assert_eq!((status, &body["error"]["code"]), (401, &json!("UNAUTHORIZED")), "{path}");
        }
        for form in ["check", "undo"] {
            let path = format!("/door/{}/{form}", event.id);
            let values = [("code", "x"), ("ticket", "00000000-0000-0000-0000-000000000000")];
            let (status, _) = Browser::of(&shop, &kim).sends(&path, &values, "same-origin").await;
            assert_eq!(status, 403, "{path}");
        }
    }

    async fn a_form_admits_once_and_says_why_not(db: TestDb) {
        let shop = Shop::open(db).await;
        let (event, other) = (shop.event().await, shop.event().await);
        let kim = account(&shop, "kim@example.com", Role::User).await;
        kim.buy(&event, &event.places(1)).await;
        let ticket = kim.tickets().await[0].clone();
        let (code, id) = (ticket["code"].as_str().unwrap(), ticket["id"].as_str().unwrap());
        let admin = shop.admin();
        let door = Browser::of(&shop, &admin);
        let check = format!("/door/{}/check", event.id);
        let undo = format!("/door/{}/undo", event.id);
        let elsewhere = format!("/door/{}/check", other.id);

        let (status, _) = door.sends(&check, &[("code", code)], "cross-site").await;
        assert_eq!(status, 403);
        let long = "x".repeat(51);
        let gate = format!("North {}", "<&>");
        let steps: &[Step<'_>] = &[
            (&elsewhere, &[("code", code)], 409, "wrong", "Hamlet"),
            (&elsewhere, &[("code", code)], 409, "wrong", "김민수"),
            (&check, &[("code", code), ("gate", &long)], 422, "failed", ""),
            (&check, &[("code", "HELLO")], 404, "unknown", ""),
            (&check, &[("code", code), ("gate", &gate)], 200, "valid", "김민수"),
            (&check, &[("code", code), ("gate", "South")], 409, "used", "North &lt;&amp;&gt;"),
            (&check, &[("code", code)], 409, "used", "김민수"),
            (&undo, &[("ticket", id)], 200, "undone", ""),
            (&undo, &[("ticket", id)], 409, "failed", "not checked in"),
            (&check, &[("code", code)], 200, "valid", "Standing"),
        ];
        for (path, form, expected, kind, part) in steps {
            let (status, page) = door.sends(path, form, "same-origin").await;
            assert_eq!(status, *expected, "{form:?}: {page}");
            assert!(page.contains(&format!("data-kind=\"{kind}\"")), "{kind}: {page}");
            assert!(page.contains(part), "{part}: {page}");
        }
    }

    async fn a_code_of_an_order_or_a_part_of_one_offers_tickets_and_admits_no_one(db: TestDb) {
        let shop = Shop::open(db).await;
        let (event, other) = (shop.event().await, shop.event().await);
        let (guest, code) = guest_with_tickets(&shop, &event).await;
        let admin = shop.admin();
        let door = Browser::of(&shop, &admin);
        let typed = format!("{}-{}", &code[..5], code[5..].to_lowercase());
        let (_, found) = door.asks(&format!("/door/{}/search?code={typed}", event.id)).await;
        assert_eq!(found["data"].as_array().map(Vec::len), Some(2), "{found}");
        assert_eq!(found["data"][0]["name"], "guest@example.net");
        let (_, found) = door.asks(&format!("/door/{}/search?code={code}", other.id)).await;
        assert_eq!(found["data"], json!([]), "an order of another event");

        let first = guest.tickets().await[0]["code"].as_str().unwrap().to_owned();
        let check = format!("/door/{}/check", event.id);
        for (part, offered) in [(&*typed, 2), (&first[..8], 1)] {
            let (status, page) = door.sends(&check, &[("code", part), ("gate", "North")], "same-origin").await;
            assert_eq!(status, 200, "{page}");
            assert_eq!(page.matches("door-found-in").count(), offered, "{part}: {page}");
            assert!(page.contains("guest@example.net") && page.contains("value=\"North\""), "{page}");
        }
        let counts = door.asks(&format!("/door/{}/counts", event.id)).await.1;
        assert_eq!(counts["data"], json!({"checkedIn": 0, "sold": 2}));
    }
}

on_both_databases! {
    async fn a_door_finds_tickets_given_away_by_their_code_before_its_use_and_after(db: TestDb) {
        let shop = Shop::open(db).await;
        let (event, door) = (shop.event().await, Browser::of(&shop, &shop.admin()));
        let lines = json!([{"productId": event.standing(), "quantity": 1}]);
        let body = json!({"email": "press@example.com", "lines": lines});
        let at = format!("/api/admin/offerings/{}/complimentary-orders", event.id);
        let given = shop.admin().post(&at, &body).await.is(201).data;
        let first = given["guest"]["claimCode"].as_str().unwrap();
        let claim = json!({"email": "press@example.com", "code": first});
        let claimed = shop.nobody().post("/api/auth/guest/claim", &claim).await.is(200).data;
        // The mail that the recipient shows has the first one.
        for code in [first, claimed["claimCode"].as_str().unwrap()] {
            let (_, found) = door.asks(&format!("/door/{}/search?code={code}", event.id)).await;
            assert_eq!(found["data"].as_array().map(Vec::len), Some(1), "{code}: {found}");
            assert_eq!(found["data"][0]["name"], "press@example.com");
        }
    }
}

/// A guest with two standing places, and the claim code of the order.
pub async fn guest_with_tickets<'a>(shop: &'a Shop, event: &Event<'_>) -> (Person<'a>, String) {
    let guest = shop.nobody().post_nothing("/api/auth/guest").await.is(201).data;
    let id = guest["user"]["id"].as_str().unwrap().parse().unwrap();
    let left =
        shop.app.state().accounts.guest_checkout(Caller::guest(id), "guest@example.net", None);
    let code = left.await.unwrap().claim_code;
    let guest = shop.person(id, Role::User);
    guest.buy(event, &event.places(2)).await;
    (guest, code)
}
