//! Administrators list buyers, holders and waiting customers, and search by name and address.

use admitone::accounts::Role;
use admitone::ids::UserId;
use admitone::store::{NewUser, OnBalance, OwnerProof};
use serde_json::{Value, json};

use crate::http::api_client::{Person, Shop};
use crate::support::test_db::TestDb;

async fn known<'a>(shop: &'a Shop, name: &str, email: &str) -> Person<'a> {
    let new = NewUser {
        id: UserId::random(),
        email: email.into(),
        password_hash: "kept elsewhere".into(),
        name: name.into(),
        phone_number: None,
        role: Role::User,
    };
    let id = new.id;
    shop.app.state().store.user_create(new, None, 0).await.unwrap();
    shop.person(id, Role::User)
}

fn names(list: &Value) -> Vec<&str> {
    list.as_array().unwrap().iter().map(|one| one["user"]["name"].as_str().unwrap()).collect()
}

on_both_databases! {
    async fn who_has_what_is_listed_with_names_and_found_by_them(db: TestDb) {
        let shop = Shop::open(db).await;
        let (event, other, admin) = (shop.event().await, shop.event().await, shop.admin());
        let kim = known(&shop, "김민수", "kim@example.com").await;
        let lee = known(&shop, "Lee_100%", "lee@example.org").await;
        let park = known(&shop, "PARK Mina", "mina@example.com").await;
        kim.buy(&event, &event.places(2)).await;
        shop.clock.advance_ms(1_000);
        lee.buy(&other, &other.places(1)).await;
        for person in [&kim, &lee, &park] {
            shop.clock.advance_ms(1_000);
            person.post(&event.at("holds"), &event.places(6)).await.is(201);
        }
        let join = json!({"productId": event.standing(), "partySize": 2});
        for person in [&park, &kim] {
            person.post(&event.at("waitlist"), &join).await.is(201);
        }

        let all = admin.get("/api/admin/reservations").await.is(200).data;
        assert_eq!(names(&all), ["Lee_100%", "김민수"]);
        assert_eq!(all[1]["user"], json!({"id": kim.user, "name": "김민수", "email": "kim@example.com"}));
        assert_eq!([&all[1]["userId"], &all[1]["quantity"]], [&json!(kim.user), &json!(2)]);
        for (query, expected) in [
            (format!("userId={}", kim.user), vec!["김민수"]),
            ("q=%EB%AF%BC".into(), vec!["김민수"]),
            ("q=EXAMPLE.ORG".into(), vec!["Lee_100%"]),
            ("q=_100%25".into(), vec!["Lee_100%"]),
            ("q=%25".into(), vec!["Lee_100%"]),
            ("q=nobody".into(), vec![]),
            (format!("q=example&eventId={}", event.id), vec!["김민수"]),
            (format!("q=example&eventId={}&status=CANCELLED", event.id), vec![]),
        ] {
            let at = format!("/api/admin/reservations?{query}");
            assert_eq!(names(&admin.get(&at).await.is(200).data), expected, "{query}");
        }

        let at = format!("/api/admin/offerings/{}/holds", event.id);
        let holds = admin.get(&at).await.is(200);
        assert_eq!(names(&holds.data), ["김민수", "Lee_100%", "PARK Mina"]);
        assert!(holds.body["meta"]["nextCursor"].is_null());
        assert_eq!(holds.data[0]["lines"][0]["quantity"], 6);
        let first = admin.get(&format!("{at}?limit=2")).await.is(200);
        let next = first.body["meta"]["nextCursor"].as_str().unwrap().to_owned();
        let second = admin.get(&format!("{at}?limit=2&cursor={next}")).await.is(200);
        assert_eq!((names(&first.data).len(), names(&second.data)), (2, vec!["PARK Mina"]));
        assert_eq!(names(&admin.get(&format!("{at}?q=mina")).await.is(200).data), ["PARK Mina"]);
        assert_eq!(names(&admin.get(&format!("{at}?userId={}", lee.user)).await.is(200).data), ["Lee_100%"]);

        // A search covers the holds of the event only, although other accounts have matching names.
        for nth in 0..150 {
            known(&shop, &format!("Mina {nth}"), &format!("mina{nth}@example.com")).await;
        }
        let found = admin.get(&format!("{at}?q=mina")).await.is(200);
        assert_eq!(names(&found.data), ["PARK Mina"]);
        assert!(found.body["meta"]["nextCursor"].is_null());
        let first = admin.get(&format!("{at}?q=example&limit=2")).await.is(200);
        let next = first.body["meta"]["nextCursor"].as_str().unwrap().to_owned();
        let second = admin.get(&format!("{at}?q=example&limit=2&cursor={next}")).await.is(200);
        assert_eq!((names(&first.data).len(), names(&second.data)), (2, vec!["PARK Mina"]));

        let at = format!("/api/admin/offerings/{}/waitlist", event.id);
        let waiting = admin.get(&at).await.is(200).data;
        assert_eq!(names(&waiting), ["PARK Mina", "김민수"]);
        assert_eq!([&waiting[1]["position"], &waiting[1]["partySize"]], [2, 2]);
        let first = admin.get(&format!("{at}?limit=1")).await.is(200);
        let next = first.body["meta"]["nextCursor"].as_str().unwrap().to_owned();
        let second = admin.get(&format!("{at}?limit=1&cursor={next}")).await.is(200).data;
        assert_eq!([&names(&second)[0], &second[0]["position"].to_string().as_str()], [&"김민수", &"2"]);
        assert_eq!(names(&admin.get(&format!("{at}?q=kim@")).await.is(200).data), ["김민수"]);

        // A closed account has no name any more.
        shop.app.state().store.user_forget(lee.user, OwnerProof::default(), OnBalance::Forfeit, 1).await.unwrap();
        let holds = admin.get(&format!("/api/admin/offerings/{}/holds", event.id)).await.is(200).data;
        assert_eq!(holds[1]["user"], json!({"id": lee.user, "name": null, "email": null}));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn only_administrators_see_who_has_what_and_bad_searches_are_refused() {
    let shop = Shop::open(TestDb::sqlite().await).await;
    let (event, kim, admin) = (shop.event().await, shop.customer(), shop.admin());
    let at = |rest: &str| format!("/api/admin/offerings/{}/{rest}", event.id);
    for path in [at("holds"), at("waitlist"), "/api/admin/reservations".to_owned()] {
        kim.get(&path).await.refused(403, "FORBIDDEN");
        shop.nobody().get(&path).await.refused(401, "UNAUTHORIZED");
        for bad in ["q=", "q=%00", "limit=0", "limit=101", "cursor=x", "who=kim", "userId=kim"] {
            admin.get(&format!("{path}?{bad}")).await.refused(422, "INVALID");
        }
    }
    let user = kim.user;
    for bad in [format!("q=a&userId={user}"), format!("userId={user}&cursor=1_{user}")] {
        admin.get(&format!("{}?{bad}", at("holds"))).await.refused(422, "INVALID");
    }
    let unknown = admitone::ids::OfferingId::random();
    for list in ["holds", "waitlist"] {
        let path = format!("/api/admin/offerings/{unknown}/{list}");
        admin.get(&path).await.refused(404, "EVENT_NOT_FOUND");
    }
}

/// More claims than are read in one piece, and pages over all of them.
#[tokio::test(flavor = "multi_thread")]
async fn pages_show_every_hold_of_a_large_sale_once() {
    let shop = Shop::open(TestDb::sqlite().await).await;
    let mut body = shop.event_body();
    body["products"][1]["totalStock"] = json!(30_000);
    let (event, admin) = (shop.event_from(body).await, shop.admin());
    let offices = &shop.app.state().offices;
    let place = |_| {
        use admitone::inventory::{Command, LineRequest, Request};
        let (product, quantity) = (admitone::ids::ProductId(1), 1);
        let lines = vec![LineRequest::Quantity { product, quantity }];
        let (hold, customer) = (admitone::ids::HoldId::random(), UserId::random());
        let command = Command::PlaceHold { hold, customer, lines };
        offices.submit(event.offering(), Request { command, idempotency: None })
    };
    for _ in 0..11 {
        let placed = futures_util::future::join_all((0..2_000).map(place)).await;
        assert!(placed.iter().all(Result::is_ok));
    }
    let at = format!("/api/admin/offerings/{}/holds?limit=100", event.id);
    let (mut seen, mut cursor) = (std::collections::HashSet::new(), String::new());
    for _ in 0..3 {
        let page = admin.get(&format!("{at}{cursor}")).await.is(200);
        for hold in page.data.as_array().unwrap() {
            assert!(seen.insert(hold["id"].as_str().unwrap().to_owned()));
        }
        cursor = format!("&cursor={}", page.body["meta"]["nextCursor"].as_str().unwrap());
    }
    assert_eq!(seen.len(), 300);
    let all = offices.live_holds(event.offering(), None, u16::MAX).await.unwrap();
    assert_eq!(all.len(), 22_000);
}
