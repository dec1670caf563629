//! People with a role who want more: roles above theirs or elsewhere, and another past.

use reqwest::Method;
use serde_json::{Value, json};

use super::Operation;
use crate::http::api_client::{Answer, Event, Person, Shop};
use crate::http::document::document;
use crate::support::test_db::TestDb;

const GRANTS: &str = "/api/admin/grants";
const INVITATIONS: &str = "/api/admin/invitations";

async fn member<'a>(shop: &'a Shop, role: &str, event: &Event<'_>) -> Person<'a> {
    let user = shop.app.user().await;
    let body = json!({"userId": user.id, "role": role, "offeringId": event.id});
    shop.admin().post(GRANTS, &body).await.is(201);
    shop.with_token(user.id, user.token)
}

#[tokio::test(flavor = "multi_thread")]
async fn no_role_is_a_way_to_a_higher_one_or_to_another_offering() {
    let shop = Shop::open(TestDb::sqlite().await).await;
    let (mine, other) = (shop.event().await, shop.event().await);
    let admins = shop.admin().get(GRANTS).await.is(200).data;
    let of_admin = admins[0]["id"].as_str().expect("an id").to_owned();
    let mut grants = admins.as_array().expect("a list").len();
    for role in ["DOOR", "FINANCE", "ORGANISER"] {
        let person = member(&shop, role, &mine).await;
        grants += 1;
        let with = |role: &str, event: Option<&Event<'_>>| {
            let offering = event.map(|event| event.id.clone());
            json!({"userId": person.user, "role": role, "offeringId": offering})
        };
        let invite = |role: &str, event: Option<&Event<'_>>| {
            let offering = event.map(|event| event.id.clone());
            json!({"email": "kim@example.com", "role": role, "offeringId": offering})
        };
        person.post(GRANTS, &with("ADMIN", None)).await.refused(403, "FORBIDDEN");
        person.post(INVITATIONS, &invite("ADMIN", None)).await.refused(403, "FORBIDDEN");
        for wanted in ["ORGANISER", "FINANCE", "DOOR"] {
            let (give, ask) = (with(wanted, Some(&other)), invite(wanted, Some(&other)));
            person.post(GRANTS, &give).await.refused(403, "FORBIDDEN");
            person.post(INVITATIONS, &ask).await.refused(403, "FORBIDDEN");
            if role != "ORGANISER" {
                person.post(GRANTS, &with(wanted, Some(&mine))).await.refused(403, "FORBIDDEN");
                let ask = invite(wanted, Some(&mine));
                person.post(INVITATIONS, &ask).await.refused(403, "FORBIDDEN");
            }
        }
        person.delete(&format!("{GRANTS}/{of_admin}")).await.refused(403, "FORBIDDEN");
        let me = person.get("/api/users/me").await.is(200).data;
        assert_eq!(me["roles"], json!([{"role": role, "offeringId": mine.id}]));
    }
    let after = shop.admin().get(GRANTS).await.is(200).data;
    assert_eq!(after.as_array().map(Vec::len), Some(grants));
    assert_eq!(shop.admin().get(INVITATIONS).await.is(200).data, json!([]));
}

#[tokio::test(flavor = "multi_thread")]
async fn no_operation_changes_the_audit_log() {
    let shop = Shop::open(TestDb::sqlite().await).await;
    let (event, admin) = (shop.event().await, shop.admin());
    let secret = json!({"email": "kim@example.com", "role": "DOOR", "offeringId": event.id});
    admin.post(INVITATIONS, &secret).await.is(201);
    let mut of_log = Operation::all(&document(&shop).await);
    of_log.retain(|operation| operation.path.contains("audit-log"));
    assert_eq!(of_log.len(), 2);
    assert!(of_log.iter().all(|operation| operation.method == "get"));
    let before = admin.get("/api/admin/audit-log").await.is(200).data;
    let row = before[0]["id"].to_string();
    let one = format!("/api/admin/audit-log/{}", row.trim_matches('"'));
    for path in ["/api/admin/audit-log", "/api/admin/audit-log.csv", &one] {
        for method in [Method::POST, Method::PUT, Method::PATCH, Method::DELETE] {
            let request = admin.request(method.clone(), path).json(&json!({"outcome": "DONE"}));
            let answer = Answer::of(request).await;
            assert!([404, 405].contains(&answer.status), "{method} {path}: {:#}", answer.body);
        }
    }
    let after: Value = admin.get("/api/admin/audit-log").await.is(200).data;
    assert_eq!(after, before);
    assert!(!after.to_string().contains("kim@example.com"), "{after:#}");
}
