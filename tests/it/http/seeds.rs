//! Clients that know only a published design, as far as it names requests: the ticket shop with its
//! query parameters, the first-come event, and seats that are held and paid for within five minutes
//! in all.

use reqwest::Method;
use serde_json::{Value, json};

use crate::http::api_client::{Answer, Person, Shop};
use crate::support::test_db::TestDb;

const PASSWORD: &str = "correct horse battery";

/// Registers a person and logs them in, with the requests of the designs.
async fn log_in<'a>(shop: &'a Shop, email: &str) -> (Person<'a>, Value) {
    let nobody = shop.nobody();
    let account = json!({"email": email, "password": PASSWORD, "name": "Alice"});
    nobody.post("/api/auth/register", &account).await.is(201);
    let login = json!({"email": email, "password": PASSWORD});
    let session = nobody.post("/api/auth/login", &login).await.is(200).data;
    let user = session["user"]["id"].as_str().unwrap().parse().unwrap();
    let token = session["accessToken"].as_str().unwrap().to_owned();
    (shop.with_token(user, token), session)
}

on_both_databases! {
    async fn the_ticket_shop_reserves_with_event_and_client_in_the_query(db: TestDb) {
        let shop = Shop::open(db).await;
        let event = shop.event().await;
        let (alice, _) = log_in(&shop, "alice@example.com").await;
        let events = shop.nobody().get("/api/events").await.is(200).data;
        let shown = &events[0];
        for field in ["id", "name", "description", "venue", "eventDate", "saleStartAt", "saleEndAt",
            "status", "createdAt", "updatedAt"] {
            assert!(shown[field].is_string(), "{field}: {shown:#}");
        }
        assert_eq!(shown["status"], "SELLING");
        let product = &shown["products"][1];
        for field in ["id", "eventId", "name", "description", "createdAt", "updatedAt"] {
            assert!(product[field].is_string(), "{field}: {product:#}");
        }
        assert_eq!([&product["totalStock"], &product["price"]["amount"]], [20, 50_000]);

        let order = |client: String, body: Value| {
            let path = format!("/api/reservations?eventId={}&clientId={client}", event.id);
            let request = alice.request(Method::POST, &path).header("X-Pass-Token", "pass_abc-123");
            Answer::of(request.json(&body))
        };
        let wish = json!({"productId": product["id"], "quantity": 2});
        let made = order(alice.user.to_string(), wish.clone()).await.is(201);
        assert_eq!(made.data["status"], "PAYMENT_PENDING");
        assert_eq!(made.data["userId"], json!(alice.user));
        assert_eq!([&made.data["productId"], &made.data["eventId"]], [&product["id"], &json!(event.id)]);
        assert_eq!([&made.data["quantity"], &made.data["totalPrice"]["amount"]], [2, 100_000]);
        for field in ["sagaId", "createdAt", "updatedAt"] {
            assert!(made.data[field].is_string(), "{field}: {:#}", made.data);
        }
        assert_eq!(event.counts(event.standing()).await.held, 2, "stock is taken at once");

        order(shop.customer().user.to_string(), wish.clone()).await.refused(403, "NOT_THE_CALLER");
        order("alice".into(), wish.clone()).await.refused(403, "NOT_THE_CALLER");
        let mut elsewhere = wish.clone();
        elsewhere["eventId"] = json!(admitone::ids::OfferingId::random());
        let refused = order(alice.user.to_string(), elsewhere).await.refused(422, "INVALID");
        assert_eq!(refused.body["error"]["details"]["field"], "eventId");
        let nowhere = alice.post("/api/reservations", &wish).await.refused(422, "INVALID");
        assert_eq!(nowhere.body["error"]["details"]["field"], "eventId");
        alice.post("/api/reservations?event=x", &wish).await.refused(422, "INVALID");

        alice.charge(100_000).await;
        let at = format!("/api/reservations/{}", made.data["id"].as_str().unwrap());
        let pay = json!({"method": "wallet"});
        let paid = alice.post_with_key(&format!("{at}/payments"), "pay", &pay).await.is(200);
        assert_eq!(paid.data["status"], "CONFIRMED");
        let confirmed = alice.get(&at).await.is(200).data;
        assert_eq!(confirmed["status"], "CONFIRMED");
        assert_eq!(event.counts(event.standing()).await.sold, 2);
    }

    async fn a_key_is_one_request_wherever_its_event_was_named(db: TestDb) {
        let shop = Shop::open(db).await;
        let (event, kim) = (shop.event().await, shop.customer());
        let mut wish = json!({"productId": event.standing(), "quantity": 1});
        let path = format!("/api/reservations?eventId={}", event.id);
        let first = kim.post_with_key(&path, "k", &wish).await.is(201);
        wish["eventId"] = json!(event.id);
        let again = kim.post_with_key("/api/reservations", "k", &wish).await.is(201);
        assert!(again.is_replay());
        assert_eq!(again.data["id"], first.data["id"]);
    }

    async fn a_first_come_event_is_taken_part_in_by_as_many_as_it_has_places(db: TestDb) {
        let shop = Shop::open(db).await;
        let free = json!({
            "name": "Opening game", "eventDate": shop.time_in(90_000),
            "products": [{"name": "Entry", "price": {"amount": 0, "currency": "KRW"}, "totalStock": 2}],
        });
        let event = shop.event_from(free).await;
        let (first, session) = log_in(&shop, "first@example.com").await;
        let (second, _) = log_in(&shop, "second@example.com").await;
        let (third, _) = log_in(&shop, "third@example.com").await;
        // An expired access token is renewed with the refresh token.
        let renew = json!({"refreshToken": session["refreshToken"]});
        let renewed = shop.nobody().post("/api/auth/refresh", &renew).await.is(200).data;
        let first = shop.with_token(first.user, renewed["accessToken"].as_str().unwrap().into());

        let shown = shop.nobody().get(&event.path).await.is(200).data;
        assert_eq!([&shown["capacity"], &shown["participantCount"]], [2, 0]);
        let at = event.at("participate");
        for person in [&first, &second] {
            let applied = person.post_nothing(&at).await.is(200);
            assert_eq!(applied.data["status"], "APPLIED");
            assert!(applied.data["participationId"].is_string());
            assert!(applied.body["message"].is_string());
        }
        first.post_nothing(&at).await.refused(409, "EVENT_ALREADY_PARTICIPATED");
        third.post_nothing(&at).await.refused(409, "EVENT_CAPACITY_EXCEEDED");
        let shown = shop.nobody().get(&event.path).await.is(200).data;
        assert_eq!([&shown["capacity"], &shown["participantCount"]], [2, 2]);
    }

    async fn a_seat_is_looked_up_held_and_paid_within_five_minutes_in_all(db: TestDb) {
        let shop = Shop::open(db).await;
        let mut concert = shop.event_body();
        concert["policy"] = json!({"holdTtlSeconds": 300, "holdMaxSeconds": 300,
            "payWindowSeconds": 0, "paymentGraceSeconds": 0});
        let event = shop.event_from(concert).await;
        let (alice, bob) = (shop.customer(), shop.customer());
        let seats = event.seats().await;
        let seat = json!({"seats": [seats[0]]});
        let hold = alice.post(&event.at("holds"), &seat).await.is(201);
        assert_eq!(hold.data["expiresAt"], shop.time_in(300));
        bob.post(&event.at("holds"), &seat).await.refused(409, "SEATS_TAKEN");
        let extend = event.at(&format!("holds/{}/extend", hold.data["id"].as_str().unwrap()));
        alice.post_nothing(&extend).await.refused(409, "EXTENSION_EXHAUSTED");

        // Four minutes later there is one minute left to pay, and not ten.
        shop.clock.advance_ms(240_000);
        let body = json!({"eventId": event.id, "holdId": hold.data["id"]});
        let reserved = alice.post("/api/reservations", &body).await.is(201);
        assert_eq!(reserved.data["paymentDueAt"], shop.time_in(60));
        let at = format!("/api/reservations/{}", reserved.data["id"].as_str().unwrap());
        let pay = json!({"method": "wallet"});
        let poor = alice.post_with_key(&format!("{at}/payments"), "1", &pay).await;
        poor.refused(409, "INSUFFICIENT_BALANCE");
        shop.clock.advance_ms(60_000);
        shop.sweep().await;
        alice.charge(90_000).await;
        alice.post_with_key(&format!("{at}/payments"), "2", &pay).await.refused(410, "RESERVATION_EXPIRED");

        // The seat becomes free by itself; a customer who pays in time keeps it.
        let hold = bob.post(&event.at("holds"), &seat).await.is(201);
        let body = json!({"eventId": event.id, "holdId": hold.data["id"]});
        let reserved = bob.post("/api/reservations", &body).await.is(201);
        let at = format!("/api/reservations/{}", reserved.data["id"].as_str().unwrap());
        bob.charge(90_000).await;
        bob.post_with_key(&format!("{at}/payments"), "3", &pay).await.is(200);
        shop.clock.advance_ms(600_000);
        shop.sweep().await;
        assert_eq!(bob.get(&at).await.is(200).data["status"], "CONFIRMED");
        assert_eq!(bob.tickets().await.len(), 1);
        alice.post(&event.at("holds"), &seat).await.refused(409, "SEATS_TAKEN");
    }

    async fn what_administrators_change_has_its_time(db: TestDb) {
        let shop = Shop::open(db).await;
        let (event, admin) = (shop.event().await, shop.admin());
        let made = shop.time_in(0);
        let times = |event: &Value| {
            let products = event["products"].as_array().unwrap();
            let mut times = vec![event["createdAt"].clone(), event["updatedAt"].clone()];
            for product in products {
                times.extend([product["createdAt"].clone(), product["updatedAt"].clone()]);
            }
            times
        };
        let before = admin.get(&event.path).await.is(200).data;
        assert_eq!(times(&before), vec![json!(made); 6]);
        shop.clock.advance_ms(5_000);
        let renamed = admin.put(&event.path, &json!({"name": "Macbeth"})).await.is(200).data;
        assert_eq!([&renamed["name"], &renamed["venue"]], ["Macbeth", "The old theatre"]);
        shop.clock.advance_ms(5_000);
        let act = format!("/api/admin/offerings/{}/resize", event.id);
        let resize = json!({"productId": event.standing(), "totalStock": 30});
        admin.post(&act, &resize).await.is(200);
        let row = json!({"section": "Left", "row": {"name": "C", "seats": 3}});
        shop.clock.advance_ms(5_000);
        let act = format!("/api/admin/offerings/{}/add-row", event.id);
        admin.post(&act, &row).await.is(200);
        let after = admin.get(&event.path).await.is(200).data;
        let [renamed, resized] = [shop.time_in(-10), shop.time_in(-5)];
        assert_eq!(times(&after), [made.clone(), renamed, made.clone(), shop.time_in(0), made.clone(), resized]);
        assert_eq!(after["capacity"], 16 + 3 + 30);
        // A sale does not count as a change of the product.
        shop.customer().buy(&event, &event.places(2)).await;
        let sold = admin.get(&event.path).await.is(200).data;
        assert_eq!(times(&sold), times(&after));
        assert_eq!(sold["participantCount"], 2);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reservation_of_several_products_has_no_product_of_its_own() {
    let shop = Shop::open(TestDb::sqlite().await).await;
    let (event, kim) = (shop.event().await, shop.customer());
    let both = json!({"seats": [event.seats().await[0]],
        "lines": [{"productId": event.standing(), "quantity": 2}]});
    let hold = kim.post(&event.at("holds"), &both).await.is(201);
    let body = json!({"eventId": event.id, "holdId": hold.data["id"]});
    let made = kim.post("/api/reservations", &body).await.is(201).data;
    assert_eq!([&made["productId"], &made["quantity"]], [&Value::Null, &json!(3)]);
    assert_eq!(made["updatedAt"], made["createdAt"]);
    shop.clock.advance_ms(1_000);
    let at = format!("/api/reservations/{}", made["id"].as_str().unwrap());
    let cancelled = kim.post_nothing(&format!("{at}/cancel")).await.is(200).data;
    assert_eq!(cancelled["updatedAt"], shop.time_in(0));
    assert_eq!(kim.get(&at).await.is(200).data["updatedAt"], shop.time_in(0));
    assert_eq!(kim.get("/api/reservations").await.is(200).data[0]["userId"], json!(kim.user));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plain_health_check_says_whether_the_server_is_ready() {
    let shop = Shop::open(TestDb::sqlite().await).await;
    assert_eq!(shop.nobody().get("/health").await.is(200).data["status"], "ready");
}
