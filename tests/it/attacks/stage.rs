//! People who have one of everything, and requests with the ids of their things.

use std::collections::BTreeMap;

use reqwest::Method;
use serde_json::{Value, json};

use super::Operation;
use super::names::{Id, Kind, Place, ids};
use crate::http::api_client::{Answer, Event, Person, Shop};
use crate::http::queue::switch_on;

/// No thing has this id.
const NOTHING: &str = "0190f5a0-0000-7000-8000-000000000000";
pub const PASSWORD: &str = "correct horse battery";

/// A shop with an event that is sold out, one with a waiting room, and a class.
pub struct Stage<'a> {
    pub shop: &'a Shop,
    pub event: Event<'a>,
    pub queued: Event<'a>,
    class: String,
}

/// A person with an account, and the values of the parameters that name their things.
pub struct Owner<'a> {
    pub person: Person<'a>,
    /// The answer to the registration.
    pub session: Value,
    pub email: String,
    pub name: String,
    pub phone: String,
    pub things: BTreeMap<&'static str, String>,
}

/// A request, not sent yet.
pub struct Call {
    pub method: Method,
    pub path: String,
    pub body: Option<Value>,
}

impl<'a> Stage<'a> {
    pub async fn of(shop: &'a Shop) -> Self {
        let (event, queued, admin) = (shop.event().await, shop.event().await, shop.admin());
        let class = json!({
            "title": "Pottery", "location": "Studio", "capacity": 9, "selectionType": "FIRST_COME",
            "startAt": shop.time_in(80_000), "endAt": shop.time_in(97_200),
        });
        let class = text(&admin.post("/api/mclasses", &class).await.is(201).data["id"]);
        switch_on(shop, &queued, json!({})).await;
        Self { shop, event, queued, class }
    }

    /// Makes people with one of everything; afterwards the event is sold out.
    pub async fn owners(&self, names: [&str; 2]) -> [Owner<'a>; 2] {
        let mut owners = [self.owner(names[0], "1").await, self.owner(names[1], "2").await];
        self.shop.refund_all().await;
        let free = self.event.counts(self.event.standing()).await.available;
        let rest = self.event.places(free);
        self.shop.customer().post(&self.event.at("holds"), &rest).await.is(201);
        for owner in &mut owners {
            let wish = json!({"productId": self.event.standing(), "partySize": 1});
            let entry = owner.person.post(&self.event.at("waitlist"), &wish).await.is(201);
            owner.things.insert("entry", text(&entry.data["id"]));
        }
        owners
    }

    async fn owner(&self, name: &str, digit: &str) -> Owner<'a> {
        let shop = self.shop;
        let email = format!("{}@example.com", name.to_lowercase());
        let phone = format!("+8210{}", digit.repeat(8));
        let account =
            json!({"email": email, "password": PASSWORD, "name": name, "phoneNumber": phone});
        let session = shop.nobody().post("/api/auth/register", &account).await.is(201).data;
        let user = text(&session["user"]["id"]);
        let token = text(&session["accessToken"]);
        let person = shop.with_token(user.parse().expect("a UUID"), token);

        let order = person.buy(&self.event, &self.event.places(2)).await;
        let of_order = order.parse().expect("a UUID");
        let payments = shop.app.state().payments.of_reservation(of_order).await;
        let (payments, _) = payments.expect("the payments can be read");
        let tickets = person.tickets().await;
        let refunds = format!("/api/reservations/{order}/refunds");
        let back = json!({"tickets": [tickets[0]["id"]]});
        let refund = person.post_with_key(&refunds, "refund", &back).await.is(201).data;
        let hold = person.post(&self.event.at("holds"), &self.event.places(1)).await.is(201).data;
        let apply = format!("/api/mclasses/{}/enrollments", self.class);
        let enrollment = person.post(&apply, &json!({})).await.is(201).data;
        let sessions = person.get("/api/users/me/sessions").await.is(200).data;
        let enter = format!("/api/queue/{}/enqueue", self.queued.id);
        let pass = person.post_nothing(&enter).await.is(200).data;
        let room = json!({"name": "Row 7", "isPrivate": true});
        let room = text(&person.post("/api/chat/rooms", &room).await.is(201).data["id"]);
        let said = json!({"content": "hello"});
        let said = person.post(&format!("/api/chat/rooms/{room}/messages"), &said).await.is(201);
        let things = BTreeMap::from([
            ("reservation", order.clone()),
            ("id", order),
            ("payment", payments[0].id.to_string()),
            ("refund", text(&refund["refundId"])),
            ("ticket", text(&tickets[1]["id"])),
            ("hold", text(&hold["id"])),
            ("enrollment", text(&enrollment["id"])),
            ("session", text(&sessions[0]["id"])),
            ("passToken", text(&pass["passToken"])),
            ("room", room),
            ("message", text(&said.data["id"])),
            ("user", user),
        ]);
        Owner { person, session, email, name: name.into(), phone, things }
    }

    /// Returns the value of a parameter: the owner's thing, or what is everyone's.
    pub fn value(&self, operation: &Operation, name: &str, owner: &Owner<'_>) -> String {
        let of_person = match name {
            "holdId" => "hold",
            "ticketId" | "tickets" => "ticket",
            "userId" | "actorId" | "clientId" | "clientIds" => "user",
            "enrollments[].id" => "enrollment",
            "replyToMessageId" => "message",
            name => name,
        };
        if let Some(value) = owner.things.get(of_person) {
            return value.clone();
        }
        let is_of_queue = operation.path.contains("/queue");
        match name {
            "event" | "eventId" if is_of_queue => self.queued.id.clone(),
            "event" | "eventId" | "offeringId" => self.event.id.clone(),
            "class" | "mclassId" => self.class.clone(),
            "product" | "productId" => self.event.standing().to_owned(),
            "provider" => "google".into(),
            "version" => "1".into(),
            _ => NOTHING.into(),
        }
    }

    /// Returns the path of an operation with the ids of an owner's things.
    pub fn path(&self, operation: &Operation, owner: &Owner<'_>) -> String {
        self.path_of(operation, &|_| owner)
    }

    fn path_of<'b>(
        &self,
        operation: &Operation,
        owner_of: &dyn Fn(&str) -> &'b Owner<'b>,
    ) -> String {
        let (mut path, mut rest) = (String::new(), operation.path.as_str());
        while let Some((before, behind)) = rest.split_once('{') {
            let (parameter, after) = behind.split_once('}').expect("a brace ends");
            // Pages bound some by a pattern: `{ticket:[^/.]+}.pdf`.
            let name = parameter.split(':').next().unwrap_or(parameter);
            path.extend([before, &self.value(operation, name, owner_of(name))]);
            rest = after;
        }
        path + rest
    }

    /// Returns the request of an operation in which the id `of_other` names a thing of `other` and
    /// each other id one of `owner`.
    pub fn call<'b>(
        &self,
        document: &Value,
        operation: &Operation,
        owner: &'b Owner<'b>,
        (other, of_other): (&'b Owner<'b>, &dyn Fn(&Id) -> bool),
    ) -> Call {
        let known = ids(document, operation).unwrap_or_default();
        let is_of_other = |name: &str, place: Place| {
            known.iter().any(|id| id.name == name && id.place == place && of_other(id))
        };
        let whose = |name: &str, place| if is_of_other(name, place) { other } else { owner };
        let mut path = self.path_of(operation, &|name| whose(name, Place::Path));
        let mut query = Vec::new();
        for id in known.iter().filter(|id| id.place == Place::Query && id.kind == Kind::OfPerson) {
            let value = self.value(operation, &id.name, whose(&id.name, Place::Query));
            query.push(format!("{}={value}", id.name));
        }
        if operation.path.ends_with("/replay") {
            query.push("since=2030-01-01T00:00:00Z".into());
        }
        if !query.is_empty() {
            path = format!("{path}?{}", query.join("&"));
        }
        let of_body = |name: &str| self.value(operation, name, whose(name, Place::Body));
        let body = operation.body().map(|_| self.body(operation, &of_body));
        let method = operation.method.to_uppercase().parse().expect("a method");
        Call { method, path, body }
    }

    /// Returns a body that the owner of the things could send.
    fn body(&self, operation: &Operation, of: &dyn Fn(&str) -> String) -> Value {
        let line = json!({"productId": self.event.standing(), "quantity": 1});
        match &*operation.name() {
            _ if operation.is_of_staff() => json!({}),
            "PATCH /api/events/{event}/holds/{hold}" => json!({"lines": [line]}),
            "POST /api/reports" => {
                json!({"kind": "ARTICLE", "id": of("id"), "reason": "SPAM"})
            }
            "POST /api/reservations" => json!({"eventId": self.event.id, "holdId": of("holdId")}),
            "POST /api/reservations/{id}/payments" => json!({"method": "wallet"}),
            "POST /api/reservations/{reservation}/refunds" => json!({"tickets": [of("tickets")]}),
            "PUT /api/mclasses/{class}/enrollments/{enrollment}" => json!({"status": "CANCELED"}),
            "POST /api/queue/{event}/validate-pass-token" => {
                json!({"passToken": of("passToken"), "clientId": of("clientId")})
            }
            "PATCH /api/chat/rooms/{room}" => json!({"name": "Row 8"}),
            "POST /api/chat/rooms/{room}/members" => json!({"memberId": of("memberId")}),
            "PUT /api/chat/rooms/{room}/members/{member}" => json!({"role": "MODERATOR"}),
            "POST /api/chat/rooms/{room}/bans" => {
                json!({"memberId": of("memberId"), "reason": "none"})
            }
            "POST /api/chat/rooms/{room}/messages" => {
                json!({"content": "x", "replyToMessageId": of("replyToMessageId")})
            }
            "PATCH /api/chat/rooms/{room}/messages/{message}" => json!({"content": "x"}),
            "PUT /api/chat/rooms/{room}/read" => json!({"seq": 1}),
            name => panic!("{name} needs a body here"),
        }
    }
}

impl Call {
    pub async fn send(&self, person: &Person<'_>, key: &str) -> (u16, String) {
        let request = person.request(self.method.clone(), &self.path);
        let request = match self.method {
            Method::GET => request,
            _ => request.header("Idempotency-Key", key),
        };
        let request = match &self.body {
            Some(body) => request.json(body),
            None => request,
        };
        let answer = request.send().await.expect("it answers");
        let status = answer.status().as_u16();
        (status, answer.text().await.expect("a whole answer"))
    }
}

impl Owner<'_> {
    /// Returns what no other person may read.
    pub fn private(&self) -> Vec<&str> {
        let words = [&self.email, &self.name, &self.phone];
        words.into_iter().chain(self.things.values()).map(String::as_str).collect()
    }
}

/// Returns everything that the owner of the things reads about them, by path.
pub async fn read_all(
    stage: &Stage<'_>,
    document: &Value,
    owner: &Owner<'_>,
) -> BTreeMap<String, Value> {
    let mut all = BTreeMap::new();
    for operation in own_reads(document) {
        let path = stage.path(&operation, owner);
        let answer = owner.person.request(Method::GET, &path).send().await.expect("it answers");
        let status = answer.status().as_u16();
        let text = answer.text().await.expect("a whole answer");
        let mut body: Value = serde_json::from_str(&text).unwrap_or(json!(text));
        // The id of a request is its own, the pause between two questions is drawn, and the outlook
        // of a person in a queue is about the others.
        for other in ["/error/requestId", "/data/nextPollSeconds", "/data/prospects"] {
            if let Some(value) = body.pointer_mut(other) {
                *value = Value::Null;
            }
        }
        all.insert(path, json!([status, body]));
    }
    all
}

/// Fails the test with what has changed, if something has.
#[track_caller]
pub fn expect_same(before: &BTreeMap<String, Value>, after: &BTreeMap<String, Value>, cause: &str) {
    for (path, was) in before {
        assert_eq!(after.get(path), Some(was), "{cause}: {path}");
    }
}

/// Returns the operations by which customers read what is theirs.
pub fn own_reads(document: &Value) -> Vec<Operation> {
    let is_own = |operation: &Operation| {
        let is_read = operation.method == "get" && operation.needs_token();
        // A stream does not end, and a challenge is drawn for each question.
        let is_other = ["/stream", "/challenge"].iter().any(|end| operation.path.ends_with(end));
        is_read && !is_other && !operation.is_of_staff()
    };
    Operation::all(document).into_iter().filter(is_own).collect()
}

/// Returns a person with the token of a guest.
pub async fn guest(shop: &Shop) -> Person<'_> {
    let session = Answer::of(shop.nobody().request(Method::POST, "/api/auth/guest")).await;
    let session = session.is(201).data;
    let user = text(&session["user"]["id"]).parse().expect("a UUID");
    shop.with_token(user, text(&session["accessToken"]))
}

pub fn text(value: &Value) -> String {
    value.as_str().expect("a text").to_owned()
}
