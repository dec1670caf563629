//! On every documented operation, a body that cannot be understood is refused and has no effect.

use admitone::accounts::{Registration, Role};
use reqwest::Method;
use serde_json::{Value, json};

use crate::http::api_client::{Answer, Event, Person, Shop};
use crate::http::document::{document, operations};
use crate::support::test_db::TestDb;

/// One person's resources, on which every operation can be tried.
struct Things<'a> {
    event: Event<'a>,
    person: Person<'a>,
    hold: String,
    entry: String,
    reservation: String,
    ticket: String,
}

impl<'a> Things<'a> {
    async fn of(shop: &'a Shop) -> Self {
        let registration = Registration {
            email: "kim@example.com".into(),
            password: "correct horse battery".into(),
            name: "Kim".into(),
            phone_number: None,
            role: Role::Admin,
        };
        let state = shop.app.state();
        let account = state.accounts.register(registration, None, None).await.expect("registers");
        let person = shop.person(account.user.id, Role::Admin);
        let event = shop.event().await;
        let reservation = person.buy(&event, &event.places(1)).await;
        let ticket = person.tickets().await[0]["id"].as_str().expect("an id").to_owned();
        let id = |answer: Answer| answer.is(201).data["id"].as_str().expect("an id").to_owned();
        let hold = id(person.post(&event.at("holds"), &event.places(1)).await);
        let rest = event.places(18);
        id(shop.customer().post(&event.at("holds"), &rest).await);
        let wish = json!({"productId": event.standing(), "partySize": 1});
        let entry = id(person.post(&event.at("waitlist"), &wish).await);
        Self { event, person, hold, entry, reservation, ticket }
    }

    /// Returns the path of an operation with the ids of these resources.
    fn path(&self, pattern: &str) -> String {
        let part = |part| match part {
            "{event}" => self.event.id.as_str(),
            "{hold}" => &self.hold,
            "{entry}" => &self.entry,
            "{reservation}" | "{id}" => &self.reservation,
            "{ticket}" => &self.ticket,
            "{action}" => "pause",
            "{product}" => self.event.standing(),
            part if part.starts_with('{') => &self.hold,
            part => part,
        };
        pattern.split('/').map(part).collect::<Vec<_>>().join("/")
    }

    /// Returns all state that any operation could have changed.
    async fn state(&self) -> Value {
        let Self { event, person, hold, entry, reservation, ticket } = self;
        let paths = [
            event.path.clone(),
            event.at("availability"),
            event.at(&format!("holds/{hold}")),
            event.at(&format!("waitlist/{entry}")),
            format!("/api/reservations/{reservation}"),
            format!("/api/tickets/{ticket}"),
            "/api/reservations".into(),
            "/api/events".into(),
            "/api/wallet".into(),
            "/api/users/me".into(),
        ];
        let mut state = Vec::new();
        for path in paths {
            state.push(person.get(&path).await.is(200).data);
        }
        json!(state)
    }

    async fn send(&self, method: &str, pattern: &str, body: &str) -> Answer {
        let method: Method = method.to_uppercase().parse().expect("a method");
        let request = self.person.request(method, &self.path(pattern));
        let request = request.header("Content-Type", "application/json");
        let request =
            request.header("Idempotency-Key", format!("{pattern} {body}").replace(' ', "."));
        Answer::of(request.body(body.to_owned())).await
    }
}

const NOT_UNDERSTOOD: [&str; 7] = [
    "{\"surely unknown\":1}",
    "{\"quantity\":1,\"surely unknown\":null}",
    "{not json",
    "[]",
    "null",
    "\"wrong\"",
    "{}{}",
];

#[tokio::test(flavor = "multi_thread")]
async fn a_body_that_is_not_understood_changes_nothing_on_any_operation() {
    let shop = Shop::open(TestDb::sqlite().await).await;
    let things = Things::of(&shop).await;
    let before = things.state().await;
    for (path, method, operation) in operations(&document(&shop).await) {
        let takes_none = operation["requestBody"].is_null();
        let is_form = !operation["requestBody"]["content"]["multipart/form-data"].is_null();
        for body in NOT_UNDERSTOOD {
            let answer = things.send(&method, &path, body).await;
            let code = answer.body["error"]["code"].as_str().unwrap_or_default().to_owned();
            // Only the signature of a gateway that is set up makes a body worth reading.
            let is_of_gateway = path == "/api/webhooks/{gateway}";
            let is_refused = match takes_none {
                false if is_form => (answer.status, &*code) == (415, "UNSUPPORTED_MEDIA_TYPE"),
                false if is_of_gateway => (answer.status, &*code) == (404, "NOT_FOUND"),
                true => (answer.status, &*code) == (422, "INVALID"),
                false => {
                    [(422, "INVALID"), (400, "MALFORMED_JSON")].contains(&(answer.status, &*code))
                }
            };
            assert!(is_refused, "{method} {path} {body}: {} {:#}", answer.status, answer.body);
        }
    }
    assert_eq!(things.state().await, before);
}

#[tokio::test(flavor = "multi_thread")]
async fn no_body_and_an_empty_object_are_the_same_where_none_is_taken() {
    let shop = Shop::open(TestDb::sqlite().await).await;
    let (event, kim) = (shop.event().await, shop.customer());
    for body in ["", "{}", " { } \n"] {
        let hold = kim.post(&event.at("holds"), &event.places(1)).await.is(201).data;
        let at = event.at(&format!("holds/{}", hold["id"].as_str().expect("an id")));
        shop.clock.advance_ms(1_000);
        kim.post_text(&format!("{at}/extend"), body).await.is(200);
        let request = kim.request(Method::DELETE, &at).body(body);
        assert_eq!(Answer::of(request).await.is(200).data["status"], "RELEASED");
        Answer::of(kim.request(Method::GET, &at).body(body)).await.is(200);
    }
    let large = "x".repeat(200_000);
    kim.post_text("/api/reservations/x/cancel", large).await.refused(422, "INVALID");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_in_pieces_is_looked_at_as_well() {
    let shop = Shop::open(TestDb::sqlite().await).await;
    let (event, kim) = (shop.event().await, shop.customer());
    let reservation = kim.buy(&event, &event.places(2)).await;
    // The same with an encoded letter in the path, which the router decodes.
    let encoded = format!("/api/reservations/{reservation}/%63ancel");
    kim.post_text(&encoded, "{\"quantity\":1}").await.refused(422, "INVALID");
    let path = format!("/api/reservations/{reservation}/cancel");
    let pieces = ["{\"quant", "ity\":1}"].map(Ok::<_, std::io::Error>);
    let body = reqwest::Body::wrap_stream(futures_util::stream::iter(pieces));
    let request = kim.request(Method::POST, &path).body(body);
    let answer = Answer::of(request).await.refused(422, "INVALID");
    assert_eq!(answer.body["error"]["details"]["field"], "quantity");
    let path = format!("/api/reservations/{reservation}");
    assert_eq!(kim.get(&path).await.is(200).data["status"], "CONFIRMED");
}
