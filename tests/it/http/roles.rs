//! Roles: what each may do on every route of staff, the log of what they did, and invitations.

mod acts;
mod confines;
mod gone;
mod invitations;
mod pages;

use admitone::http::staff::{Listed, listed};
use admitone::ids::{OfferingId, UserId};
use admitone::roles::{NewGrant, Roles};
use admitone::store::GrantRole;
use reqwest::Method;
use serde_json::{Value, json};

use crate::http::api_client::{Answer, Event, Person, Shop};
use crate::http::document::{document, operations};
use crate::support::test_db::TestDb;

/// Creates an account with a role.
async fn member<'a>(shop: &'a Shop, role: GrantRole, offerings: &[OfferingId]) -> Person<'a> {
    let person = account(shop).await;
    for offering in offerings {
        grant(shop, person.user, role, Some(*offering)).await;
    }
    person
}

async fn account(shop: &Shop) -> Person<'_> {
    let user = shop.app.user().await;
    shop.with_token(user.id, user.token)
}

async fn grant(shop: &Shop, user: UserId, role: GrantRole, offering: Option<OfferingId>) {
    let state = shop.app.state();
    let new = NewGrant { user, role, offering };
    state
        .accounts
        .roles()
        .grant(new, None, None, shop.app.state().clock.now_ms())
        .await
        .expect("grants");
}

/// Two offerings of each kind, with an order, a refund and an application for the first.
struct Stage<'a> {
    event: Event<'a>,
    class: String,
    order: String,
    payment: String,
    refund: String,
    enrollment: String,
    /// The role of a bystander, and an invitation.
    grant: String,
    invitation: String,
}

impl<'a> Stage<'a> {
    async fn of(shop: &'a Shop) -> Self {
        let (event, admin, kim) = (shop.event().await, shop.admin(), account(shop).await);
        let id = |answer: &Answer| answer.data["id"].as_str().expect("an id").to_owned();
        let order = kim.buy(&event, &event.places(2)).await;
        let of_order = order.parse().expect("a UUID");
        let payments = shop.app.state().payments.of_reservation(of_order).await;
        let (payments, _) = payments.expect("the payments can be read");
        let ticket = kim.tickets().await[0]["id"].clone();
        let body = json!({"tickets": [ticket]});
        let path = format!("/api/reservations/{order}/refunds");
        let cancelled = kim_cancels(&admin, &path, &body).await;
        let class = json!({
            "title": "Pottery", "location": "Studio", "capacity": 2, "selectionType": "FIRST_COME",
            "startAt": shop.time_in(80_000), "endAt": shop.time_in(97_200),
        });
        let class = id(&admin.post("/api/mclasses", &class).await.is(201));
        let apply = format!("/api/mclasses/{class}/enrollments");
        let enrollment = id(&kim.post(&apply, &json!({})).await.is(201));
        let bystander = account(shop).await;
        let role = json!({"userId": bystander.user, "role": "DOOR", "offeringId": event.id});
        let grant = id(&admin.post("/api/admin/grants", &role).await.is(201));
        let guest = json!({"email": "lee@example.com", "role": "DOOR", "offeringId": event.id});
        let invitation = id(&admin.post("/api/admin/invitations", &guest).await.is(201));
        Self {
            class,
            order,
            payment: payments[0].id.to_string(),
            refund: cancelled,
            enrollment,
            grant,
            invitation,
            event,
        }
    }

    fn offerings(&self) -> [OfferingId; 2] {
        [self.event.offering(), self.class.parse().expect("a UUID")]
    }

    /// Returns the path of a route with the ids of these things.
    fn path(&self, pattern: &str) -> String {
        let part = |part| match part {
            "{event}" => self.event.id.as_str(),
            "{class}" => &self.class,
            "{reservation}" => &self.order,
            "{payment}" => &self.payment,
            "{refund}" => &self.refund,
            "{enrollment}" => &self.enrollment,
            "{grant}" => &self.grant,
            "{invitation}" => &self.invitation,
            "{product}" => self.event.standing(),
            part if part.starts_with('{') => "0190f5a0-0000-7000-8000-000000000000",
            part => part,
        };
        pattern.split('/').map(part).collect::<Vec<_>>().join("/")
    }

    async fn send(&self, person: &Person<'_>, rule: &Listed) -> Answer {
        let method: Method = rule.method.parse().expect("a method");
        let request = person.request(method, &self.path(rule.path));
        // Without a body most are refused after the role was checked, and change nothing.
        Answer::of(request).await
    }
}

/// Refunds by an administrator, so that there is a refund; returns its id.
async fn kim_cancels(admin: &Person<'_>, path: &str, body: &Value) -> String {
    let request = admin.request(Method::POST, path).header("Idempotency-Key", "refund").json(body);
    let answer = Answer::of(request).await.is(201);
    answer.data["refundId"].as_str().expect("a refund").to_owned()
}

fn is_documented(document: &Value, rule: &Listed) -> bool {
    !document["paths"][rule.path][rule.method.to_lowercase()].is_null()
}

#[tokio::test(flavor = "multi_thread")]
async fn every_route_of_staff_asks_for_the_role_that_the_table_names() {
    let shop = Shop::open(TestDb::sqlite().await).await;
    let stage = Stage::of(&shop).await;
    let elsewhere = [shop.event().await.offering()];
    let customer = account(&shop).await;
    let roles = [GrantRole::Door, GrantRole::Finance, GrantRole::Organiser];
    let document = document(&shop).await;
    let rules: Vec<_> = listed().into_iter().filter(|rule| !rule.is_shared).collect();
    for rule in &rules {
        assert!(is_documented(&document, rule), "{rule:?}");
        stage.send(&shop.nobody(), rule).await.refused(401, "UNAUTHORIZED");
        stage.send(&customer, rule).await.refused(403, "FORBIDDEN");
    }
    for role in roles {
        let (here, there) =
            (member(&shop, role, &stage.offerings()).await, member(&shop, role, &elsewhere).await);
        for rule in &rules {
            let may = rule.permission.is_of(role);
            let answer = stage.send(&there, rule).await;
            let is_refused = answer.status == 403;
            assert_eq!(is_refused, rule.is_of_offering || !may, "{role:?} elsewhere: {rule:?}");
            let answer = stage.send(&here, rule).await;
            assert_eq!(answer.status == 403, !may, "{role:?}: {rule:?}: {:#}", answer.body);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_operation_that_customers_are_refused_is_in_the_table_of_staff() {
    let shop = Shop::open(TestDb::sqlite().await).await;
    let (event, customer) = (shop.event().await, account(&shop).await);
    let rules = listed();
    for (path, method, _) in operations(&document(&shop).await) {
        let method = method.to_uppercase();
        let has_rule = rules.iter().any(|rule| rule.path == path && rule.method == method);
        if path.starts_with("/api/admin/") {
            assert!(has_rule, "{method} {path}");
        }
        if (&*method, &*path) == ("DELETE", "/api/users/me") {
            continue;
        }
        let part = |part: &str| match part {
            // A stream of an event that exists does not end.
            "{event}" if !path.ends_with("/stream") => event.id.clone(),
            part if part.starts_with('{') => "0190f5a0-0000-7000-8000-000000000000".into(),
            part => part.to_owned(),
        };
        let at = path.split('/').map(part).collect::<Vec<_>>().join("/");
        let request = customer.request(method.parse().expect("a method"), &at);
        let answer = Answer::of(request).await;
        let code = answer.body["error"]["code"].as_str().unwrap_or_default();
        assert!(code != "FORBIDDEN" || has_rule, "{method} {path}");
    }
}

on_both_databases! {
    async fn lists_of_staff_show_what_is_of_their_own_offerings(db: TestDb) {
        let shop = Shop::open(db).await;
        let (mine, other) = (shop.event().await, shop.event().await);
        let kim = account(&shop).await;
        let (order, foreign) =
            (kim.buy(&mine, &mine.places(1)).await, kim.buy(&other, &other.places(1)).await);
        let finance = member(&shop, GrantRole::Finance, &[mine.offering()]).await;
        let orders = finance.get("/api/admin/reservations").await.is(200).data;
        assert_eq!(orders.as_array().map(Vec::len), Some(1));
        assert_eq!(orders[0]["id"], order);
        let of_other = format!("/api/admin/reservations?eventId={}", other.id);
        assert_eq!(finance.get(&of_other).await.is(200).data, json!([]));
        finance.get(&format!("/api/reservations/{order}")).await.is(200);
        let path = format!("/api/reservations/{foreign}");
        finance.get(&path).await.refused(404, "RESERVATION_NOT_FOUND");
        finance.post_nothing(&format!("{path}/cancel")).await.refused(404, "RESERVATION_NOT_FOUND");
        let cancel = format!("/api/reservations/{order}/cancel");
        finance.post_nothing(&cancel).await.is(200);
        shop.refund_all().await;
        assert_eq!(kim.balance().await, 50_000, "all of it comes back");
        // Door staff read no orders.
        let door = member(&shop, GrantRole::Door, &[mine.offering()]).await;
        door.get(&format!("/api/reservations/{order}")).await.refused(404, "RESERVATION_NOT_FOUND");
        let ticket = kim.tickets().await.into_iter().find(|it| it["eventId"] == other.id.as_str());
        let code = json!({"code": ticket.expect("a ticket")["code"]});
        door.post("/api/checkins", &code).await.refused(403, "FORBIDDEN");
        let there = member(&shop, GrantRole::Door, &[other.offering()]).await;
        there.post("/api/checkins", &code).await.is(200);
        door.post("/api/checkins/undo", &code).await.refused(403, "FORBIDDEN");
    }

    async fn a_role_that_another_instance_gives_counts_at_once(db: TestDb) {
        let shop = Shop::open(db).await;
        let (event, kim) = (shop.event().await, account(&shop).await);
        let rename = async || kim.patch(&event.path, &json!({"name": "Macbeth"})).await;
        rename().await.refused(403, "FORBIDDEN");
        let now = shop.app.state().clock.now_ms();
        let elsewhere = Roles::new(shop.app.state().store.clone(), "of another instance");
        for (role, status) in [(GrantRole::Door, 403), (GrantRole::Organiser, 200)] {
            let new = NewGrant { user: kim.user, role, offering: Some(event.offering()) };
            elsewhere.grant(new, None, None, now).await.expect("grants");
            rename().await.is(status);
        }
    }

    async fn no_role_is_for_an_offering_that_does_not_exist(db: TestDb) {
        let shop = Shop::open(db).await;
        let (event, admin, kim) = (shop.event().await, shop.admin(), account(&shop).await);
        let organiser = member(&shop, GrantRole::Organiser, &[event.offering()]).await;
        let unknown = "0190f5a0-0000-7000-8000-000000000000";
        for role in ["ORGANISER", "FINANCE", "DOOR"] {
            for (path, body) in [
                ("grants", json!({"userId": kim.user, "role": role, "offeringId": unknown})),
                ("invitations", json!({"email": "lee@example.com", "role": role, "offeringId": unknown})),
            ] {
                let path = format!("/api/admin/{path}");
                let refused = admin.post(&path, &body).await.refused(422, "INVALID");
                assert_eq!(refused.body["error"]["details"]["field"], "offeringId", "{path}");
                // Organisers learn nothing of what is not theirs.
                organiser.post(&path, &body).await.refused(403, "FORBIDDEN");
            }
        }
        assert_eq!(kim.get("/api/users/me").await.is(200).data["roles"], json!([]));
        assert_eq!(admin.get("/api/admin/invitations").await.is(200).data, json!([]));
    }

    async fn roles_are_given_taken_and_listed(db: TestDb) {
        let shop = Shop::open(db).await;
        let (event, admin) = (shop.event().await, shop.admin());
        let (organiser, other) = (account(&shop).await, shop.event().await);
        let give = |role: &str, offering: &str| json!({"userId": organiser.user, "role": role, "offeringId": offering});
        let given = admin.post_with_key("/api/admin/grants", "g", &give("ORGANISER", &event.id)).await.is(201);
        let again = admin.post_with_key("/api/admin/grants", "g", &give("ORGANISER", &event.id)).await.is(201);
        assert_eq!((&given.data["id"], again.is_replay()), (&again.data["id"], true));
        let me = organiser.get("/api/users/me").await.is(200).data;
        assert_eq!(me["roles"], json!([{"role": "ORGANISER", "offeringId": event.id}]));
        assert_eq!(me["role"], "USER");
        organiser.patch(&event.path, &json!({"name": "Macbeth"})).await.is(200);
        organiser.post("/api/admin/grants", &give("DOOR", &event.id)).await.is(201);
        organiser.post("/api/admin/grants", &give("DOOR", &other.id)).await.refused(403, "FORBIDDEN");
        let all = json!({"userId": organiser.user, "role": "ADMIN"});
        organiser.post("/api/admin/grants", &all).await.refused(403, "FORBIDDEN");
        for (bad, code, status) in [
            (json!({"userId": organiser.user, "role": "DOOR"}), "INVALID", 422),
            (json!({"userId": organiser.user, "role": "KING"}), "INVALID", 422),
            (json!({"userId": organiser.user, "role": "ADMIN", "offeringId": event.id}), "INVALID", 422),
            (json!({"userId": UserId::random(), "role": "ADMIN"}), "NOT_FOUND", 404),
            (give("DOOR", "0190f5a0-0000-7000-8000-000000000000"), "INVALID", 422),
        ] {
            admin.post("/api/admin/grants", &bad).await.refused(status, code);
        }
        // An id is no way to an address, but for administrators.
        let kim = crate::web::known(&shop, "Kim", "kim@example.com").await;
        let of_kim = json!({"userId": kim.user, "role": "DOOR", "offeringId": event.id});
        let told = organiser.post("/api/admin/grants", &of_kim).await.is(201).data;
        assert_eq!([&told["userName"], &told["userEmail"]], [&Value::Null, &Value::Null]);
        let listed = organiser.get("/api/admin/grants").await.is(200).data;
        assert!(listed.as_array().unwrap().iter().all(|grant| grant["userEmail"].is_null()));
        let path = format!("/api/admin/grants?userId={}", kim.user);
        assert_eq!(admin.get(&path).await.is(200).data[0]["userEmail"], "kim@example.com");
        let of_kim = format!("/api/admin/grants/{}", told["id"].as_str().unwrap());
        organiser.delete(&of_kim).await.is(200);
        let listed = organiser.get("/api/admin/grants").await.is(200).data;
        assert_eq!(listed.as_array().map(Vec::len), Some(2));
        let path = format!("/api/admin/grants/{}", given.data["id"].as_str().unwrap());
        admin.delete(&path).await.is(200);
        organiser.patch(&event.path, &json!({"name": "Lear"})).await.refused(403, "FORBIDDEN");
        admin.delete(&path).await.refused(404, "NOT_FOUND");
        admin.get("/api/admin/users?q=%20").await.refused(422, "INVALID");
        let users = admin.get("/api/admin/users").await.is(200).data;
        let row = users.as_array().unwrap().iter().find(|row| row["id"] == json!(admin.user));
        assert_eq!(row.unwrap()["roles"], json!([{"role": "ADMIN", "offeringId": null}]));
        let confirm = "UPDATE users SET email_confirmed_at = 1000 WHERE email = 'kim@example.com'";
        for at in [Value::Null, json!("1970-01-01T00:00:01.000Z")] {
            let users = admin.get("/api/admin/users?q=kim@example").await.is(200).data;
            assert_eq!(users[0]["emailConfirmedAt"], at);
            shop.app.db.sql(confirm).await;
        }
    }
}
