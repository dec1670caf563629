//! The administrator's desk: lists, numbers, histories and files of the applications for classes.

mod files;
mod search;

use serde_json::{Value, json};

use crate::http::api_client::{Person, Shop};

/// A class, and people with names who apply for it.
struct Desk<'a> {
    shop: &'a Shop,
    admin: Person<'a>,
    class: String,
}

impl<'a> Desk<'a> {
    async fn open(shop: &'a Shop, more: Value) -> Self {
        let mut body = json!({
            "title": "도자기 — Pottery", "location": "Studio 3", "capacity": 2,
            "allowWaitlist": true, "waitlistCapacity": 10, "selectionType": "FIRST_COME",
            "startAt": shop.time_in(80_000), "endAt": shop.time_in(97_200),
            "timeZone": "Asia/Seoul",
        });
        let more = more.as_object().expect("an object").clone();
        body.as_object_mut().expect("an object").extend(more);
        let admin = shop.admin();
        let made = admin.post("/api/mclasses", &body).await.is(201);
        let class = made.data["id"].as_str().expect("an id").to_owned();
        let text = |id: &str| json!({"id": id, "type": "LONG_TEXT", "label": id});
        let day = |day: &str, label: &str| json!({"value": day, "label": label});
        let form = json!({"title": "About you", "questions": [
            text("q1"), text("size"), text("why"),
            {"id": "q", "type": "NUMBER", "label": "q"},
            {"id": "age", "type": "NUMBER", "label": "age"},
            {"id": "ok", "type": "CONSENT", "label": "ok"},
            {"id": "days", "type": "MULTIPLE_CHOICE", "label": "days",
                "options": [day("mon", "Monday"), day("tue", "Tuesday")]},
        ]});
        let path = format!("/api/mclasses/{class}/enrollment-form");
        admin.post(&path, &form).await.is(201);
        Self { shop, admin, class }
    }

    /// Registers a person.
    async fn person(&self, name: &str) -> Person<'a> {
        let local: String = name.chars().filter(char::is_ascii_alphanumeric).collect();
        let email = format!("{}@desk.example", local.to_lowercase());
        let body = json!({"email": email, "password": "correct horse", "name": name,
            "phoneNumber": "010-1234-5678"});
        let made = self.shop.nobody().post("/api/auth/register", &body).await.is(201);
        let user = made.data["user"]["id"].as_str().expect("an id").parse().expect("a UUID");
        let token = made.data["accessToken"].as_str().expect("a token").to_owned();
        self.shop.with_token(user, token)
    }

    /// Applies; returns the id of the enrollment.
    async fn enroll(&self, person: &Person<'_>, answers: Value) -> String {
        let path = format!("/api/mclasses/{}/enrollments", self.class);
        let made = person.post(&path, &json!({"answers": answers})).await.is(201);
        made.data["id"].as_str().expect("an id").to_owned()
    }

    async fn list(&self, query: &str) -> Vec<Value> {
        let path = format!("/api/admin/enrollments?mclassId={}{query}", self.class);
        self.admin.get(&path).await.is(200).data.as_array().expect("a list").clone()
    }

    async fn cancel(&self, person: &Person<'_>, id: &str) {
        let path = format!("/api/mclasses/{}/enrollments/{id}", self.class);
        person.delete(&path).await.is(200);
    }

    async fn attend(&self, id: &str, mark: Value) {
        let path = format!("/api/admin/mclasses/{}/attendance", self.class);
        let body = json!({"enrollments": [{"id": id, "attendance": mark}]});
        self.admin.post(&path, &body).await.is(200);
    }
}

fn names(rows: &[Value]) -> Vec<&str> {
    rows.iter().map(|row| row["name"].as_str().unwrap_or("?")).collect()
}

on_both_databases! {
    async fn a_decision_about_another_class_says_nothing_of_its_applicants(db: TestDb) {
        let shop = Shop::open(db).await;
        let (mine, other) = (Desk::open(&shop, json!({})).await, Desk::open(&shop, json!({})).await);
        let foreign = other.enroll(&other.person("Ada").await, json!({})).await;
        let body = json!({"mclassId": mine.class, "status": "REJECTED",
            "enrollments": [{"id": foreign, "version": 1}]});
        let path = "/api/admin/enrollments/decisions";
        let outcomes = mine.admin.post(path, &body).await.is(200).data;
        assert_eq!(outcomes[0]["error"]["code"], "ENROLLMENT_NOT_FOUND");
        assert_eq!((&outcomes[0]["name"], &outcomes[0]["status"]), (&Value::Null, &Value::Null));
        assert_eq!(other.list("").await[0]["status"], "APPROVED");
    }
}

on_both_databases! {
    async fn applications_are_found_by_what_an_organiser_looks_for(db: TestDb) {
        let shop = Shop::open(db).await;
        let desk = Desk::open(&shop, json!({"fee": {"amount": 30_000, "currency": "KRW"}})).await;
        let (mut ids, mut people) = (Vec::new(), Vec::new());
        for name in ["Ada", "Ben", "Cho", "Dee", "100% Eve"] {
            let person = desk.person(name).await;
            shop.clock.advance_ms(1_000);
            ids.push(desk.enroll(&person, json!({"q1": name})).await);
            people.push(person);
        }
        shop.clock.advance_ms(1_000);
        let other = Desk::open(&shop, json!({})).await;
        other.enroll(&desk.person("Zoe").await, json!({})).await;

        let rows = desk.list("").await;
        assert_eq!(names(&rows), ["100% Eve", "Dee", "Cho", "Ben", "Ada"], "newest first");
        let (first, last) = (&rows[0], &rows[4]);
        assert_eq!(first["mclassTitle"], "도자기 — Pottery");
        assert_eq!(first["waitlistPosition"], 3);
        assert_eq!(first["paymentState"], "NONE");
        assert_eq!(first["answers"], Value::Null, "only if they are asked for");
        assert_eq!(last["email"], "ada@desk.example");
        assert_eq!((&last["paymentState"], &last["feeAmount"]), (&json!("DUE"), &json!(30_000)));
        assert_eq!(last["version"], 1);
        assert_eq!(desk.list("&withAnswers=true").await[0]["answers"], json!({"q1": "100% Eve"}));
        for (query, expected) in [
            ("&sort=appliedAt", &["Ada", "Ben", "Cho", "Dee", "100% Eve"][..]),
            ("&sort=position", &["Cho", "Dee", "100% Eve"]),
            ("&sort=decidedAt&status=APPROVED", &["Ada", "Ben"]),
            ("&sort=-decidedAt&status=APPROVED", &["Ben", "Ada"]),
            ("&status=WAITLISTED", &["100% Eve", "Dee", "Cho"]),
            ("&search=BEN", &["Ben"]),
            ("&search=cho@desk", &["Cho"]),
            ("&search=%25", &["100% Eve"]),
            ("&search=zoe", &[]),
            ("&attendance=PRESENT", &[]),
        ] {
            assert_eq!(names(&desk.list(query).await), expected, "{query}");
        }
        let since = format!("&from={}", rows[2]["appliedAt"].as_str().expect("a time"));
        assert_eq!(names(&desk.list(&since).await), ["100% Eve", "Dee", "Cho"]);
        let until = since.replace("from", "until");
        assert_eq!(names(&desk.list(&until).await), ["Ben", "Ada"]);
        let all = desk.admin.get("/api/admin/enrollments?limit=1").await.is(200).data;
        assert_eq!(all[0]["name"], "Zoe", "all classes");
        people[1].charge(30_000).await;
        let pay = format!("/api/reservations/{}/payments", ids[1]);
        people[1].post_with_key(&pay, "pay", &json!({"method": "wallet"})).await.is(200);
        desk.attend(&ids[1], json!("LATE")).await;
        assert_eq!(names(&desk.list("&attendance=LATE").await), ["Ben"]);
    }

    async fn pages_of_every_order_give_each_application_once(db: TestDb) {
        let shop = Shop::open(db).await;
        let desk = Desk::open(&shop, json!({"capacity": 3})).await;
        for n in 0..8 {
            // All at the same time: the id decides.
            desk.enroll(&desk.person(&format!("P{n}")).await, json!({})).await;
        }
        for (sort, number) in [
            ("appliedAt", 8), ("-appliedAt", 8), ("decidedAt", 8), ("-decidedAt", 8), ("position", 5),
        ] {
            let whole = desk.list(&format!("&sort={sort}&limit=100")).await;
            let mut paged = Vec::new();
            let mut cursor = String::new();
            loop {
                let path = format!(
                    "/api/admin/enrollments?mclassId={}&sort={sort}&limit=2{cursor}", desk.class
                );
                let page = desk.admin.get(&path).await.is(200);
                paged.extend(page.data.as_array().expect("a list").clone());
                match page.body["meta"]["nextCursor"].as_str() {
                    Some(next) => cursor = format!("&cursor={next}"),
                    None => break,
                }
            }
            assert_eq!(paged, whole, "{sort}");
            if sort.contains("applied") || sort == "position" {
                assert_eq!(whole.len(), number, "{sort}");
            }
        }
        let line = desk.list("&sort=position").await;
        let places: Vec<_> = line.iter().map(|row| row["waitlistPosition"].clone()).collect();
        assert_eq!(places, [1, 2, 3, 4, 5]);
    }

    async fn bad_questions_of_the_desk_are_refused(db: TestDb) {
        let shop = Shop::open(db).await;
        let desk = Desk::open(&shop, json!({})).await;
        for (query, field) in [
            ("enrollments?sort=position", "sort"), ("enrollments?sort=name", "sort"),
            ("enrollments?status=LOST", "status"), ("enrollments?attendance=x", "attendance"),
            ("enrollments?cursor=x", "cursor"), ("enrollments?limit=0", "limit"),
            ("enrollments?from=yesterday", "from"), ("enrollments?mclassId=1", "mclassId"),
            ("dashboard?timeZone=Mars", "timeZone"), ("dashboard?limit=101", "limit"),
            ("dashboard?cursor=1", "cursor"),
        ] {
            let refused = desk.admin.get(&format!("/api/admin/{query}")).await.refused(422, "INVALID");
            assert_eq!(refused.body["error"]["details"]["field"], field, "{query}");
        }
        let long = format!("/api/admin/enrollments?search={}", "x".repeat(101));
        desk.admin.get(&long).await.refused(422, "INVALID");
        let (class, nowhere) = (desk.class.clone(), admitone::ids::OfferingId::random());
        for path in ["dashboard?mclassId=@", "mclasses/@/changes", "mclasses/@/enrollments.csv",
            "mclasses/@/enrollments.xlsx", "mclasses/@/waitlist.csv"] {
            let missing = format!("/api/admin/{path}").replace('@', &nowhere.to_string());
            desk.admin.get(&missing).await.refused(404, "CLASS_NOT_FOUND");
            let of_class = format!("/api/admin/{path}").replace('@', &class);
            shop.customer().get(&of_class).await.refused(403, "FORBIDDEN");
            shop.nobody().get(&of_class).await.refused(401, "UNAUTHORIZED");
        }
        let path = format!("/api/admin/enrollments/{nowhere}/changes");
        desk.admin.get(&path).await.refused(404, "ENROLLMENT_NOT_FOUND");
    }

    async fn the_dashboard_adds_up(db: TestDb) {
        let shop = Shop::open(db).await;
        let fee = json!({"fee": {"amount": 30_000, "currency": "KRW"}});
        let desk = Desk::open(&shop, fee).await;
        let people = [desk.person("Ada").await, desk.person("Ben").await, desk.person("Cho").await];
        let mut ids = Vec::new();
        for person in &people {
            ids.push(desk.enroll(person, json!({})).await);
        }
        for (person, id) in people.iter().zip(&ids).take(2) {
            person.charge(30_000).await;
            let pay = format!("/api/reservations/{id}/payments");
            person.post_with_key(&pay, "pay", &json!({"method": "wallet"})).await.is(200);
        }
        let path = format!("/api/admin/dashboard?mclassId={}", desk.class);
        let seen = desk.admin.get(&path).await.is(200).data;
        let class = &seen["classes"][0];
        assert_eq!(class["revenue"], json!({"amount": 60_000, "currency": "KRW"}));
        assert_eq!(class["fillRate"], 1.0);
        assert_eq!((&class["capacity"], &class["placesLeft"]), (&json!(2), &json!(0)));
        desk.cancel(&people[0], &ids[0]).await;
        shop.refund_all().await;
        let canceled = desk.list("&status=CANCELED").await;
        let (state, amount) = (&canceled[0]["paymentState"], &canceled[0]["refundedAmount"]);
        assert_eq!((state, amount), (&json!("REFUNDED"), &json!(30_000)));

        let other = Desk::open(&shop, json!({"title": "Knots"})).await;
        other.enroll(&people[0], json!({})).await;
        let seen = desk.admin.get("/api/admin/dashboard?limit=1").await.is(200).data;
        assert_eq!(seen["classes"][0]["title"], "Knots", "the newest first");
        let totals = &seen["totals"];
        assert_eq!((&totals["classes"], &totals["capacity"]), (&json!(2), &json!(4)));
        assert_eq!(totals["revenue"], json!([{"amount": 30_000, "currency": "KRW"}]));
        let counts = json!({"applied": 0, "approved": 3, "waitlisted": 0, "rejected": 0, "canceled": 1});
        assert_eq!(totals["enrollments"], counts);
        let next = seen["nextCursor"].as_str().expect("a cursor");
        let more = format!("/api/admin/dashboard?limit=1&cursor={next}&timeZone=UTC");
        let seen = desk.admin.get(&more).await.is(200).data;
        let class = &seen["classes"][0];
        assert_eq!(class["mclassId"], desk.class);
        assert_eq!(class["revenue"]["amount"], 30_000);
        assert_eq!(class["timeZone"], "UTC");
        let counts = json!({"applied": 0, "approved": 2, "waitlisted": 0, "rejected": 0, "canceled": 1});
        assert_eq!(class["enrollments"], counts);
        let sum = |field: &str| -> i64 {
            let days = class["days"].as_array().expect("days").iter();
            days.map(|day| day[field].as_i64().expect("a number")).sum()
        };
        let happened = ["applications", "approvals", "waitlistings", "rejections", "cancellations"];
        assert_eq!(happened.map(sum), [3, 3, 1, 0, 1]);
        let more = more.replace(next, seen["nextCursor"].as_str().expect("a cursor"));
        let end = desk.admin.get(&more).await.is(200).data;
        assert_eq!((&end["classes"], &end["nextCursor"]), (&json!([]), &Value::Null));
    }

    async fn a_history_says_who_did_what_and_forgets_names(db: TestDb) {
        let shop = Shop::open(db).await;
        let desk = Desk::open(&shop, json!({"selectionType": "REVIEW", "capacity": 1})).await;
        let ada = desk.person("Ada").await;
        let id = desk.enroll(&ada, json!({"q": 1})).await;
        let path = format!("/api/admin/enrollments/{id}");
        // Ben has the only place until there are more.
        let ben = desk.enroll(&desk.person("Ben").await, json!({})).await;
        let first = format!("/api/admin/enrollments/{ben}");
        desk.admin.put(&first, &json!({"status": "APPROVED", "version": 1})).await.is(200);
        let body = json!({"status": "WAITLISTED", "version": 1, "reason": "too many"});
        desk.admin.put(&path, &body).await.is(200);
        let class = format!("/api/mclasses/{}", desk.class);
        desk.admin.put(&class, &json!({"capacity": 2})).await.is(200);
        let changes = format!("{path}/changes");
        let seen = desk.admin.get(&changes).await.is(200).data;
        let steps: Vec<_> = seen.as_array().expect("a list").iter()
            .map(|one| (one["action"].as_str().unwrap(), one["reason"].as_str())).collect();
        let expected = [("APPROVED", None), ("WAITLISTED", Some("too many")), ("APPLIED", None)];
        assert_eq!(steps, expected);
        assert_eq!((&seen[0]["actorId"], &seen[0]["detail"]), (&Value::Null, &json!("PROMOTED")));
        assert_eq!(seen[1]["actorId"], desk.admin.user.to_string());
        assert_eq!((&seen[0]["applicantName"], &seen[2]["actorName"]), (&json!("Ada"), &json!("Ada")));
        // Page by page, in the class too.
        let page = desk.admin.get(&format!("{changes}?limit=2")).await.is(200);
        let next = page.body["meta"]["nextCursor"].as_str().expect("a cursor").to_owned();
        let rest = desk.admin.get(&format!("{changes}?limit=2&cursor={next}")).await.is(200);
        assert_eq!(rest.data, json!([seen[2]]));
        let of_class = format!("/api/admin/mclasses/{}/changes", desk.class);
        let all = desk.admin.get(&of_class).await.is(200).data;
        assert_eq!(all.as_array().expect("a list")[..2], [seen[0].clone(), seen[1].clone()]);
        desk.cancel(&ada, &id).await;
        ada.delete("/api/users/me").await.is(200);
        let erased = desk.admin.get(&changes).await.is(200).data;
        assert!(erased.as_array().unwrap().iter().all(|one| one["applicantName"].is_null()));
        assert_eq!(erased[3]["actorName"], Value::Null);
    }
}
