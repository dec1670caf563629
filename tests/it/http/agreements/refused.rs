//! Terms that are not allowed, the largest that are, and who may write them and agree to them.

use admitone::ids::{OfferingId, TermId};
use serde_json::{Value, json};

use super::{AGREEMENTS, PATH, agree, at, made, next, terms_of};
use crate::http::api_client::Shop;
use crate::support::test_db::TestDb;

#[tokio::test(flavor = "multi_thread")]
async fn terms_that_are_not_allowed_are_refused_with_their_field() {
    let shop = Shop::open(TestDb::sqlite().await).await;
    let admin = shop.admin();
    let good = made(&admin, &terms_of("SERVICE", "Terms")).await;
    for (field, value) in [
        ("type", json!("COOKIES")),
        ("type", json!("service")),
        ("type", json!({"SERVICE": null})),
        ("type", Value::Null),
        ("title", json!("")),
        ("title", json!("  ")),
        ("title", json!("\u{200b}")),
        ("title", json!("two\nlines")),
        ("title", json!("x".repeat(201))),
        ("title", json!(7)),
        ("content", json!("")),
        ("content", json!(" \n \u{200b}")),
        ("content", json!("nul \u{0}")),
        ("content", json!("evil \u{202e}txt")),
        ("content", json!("가".repeat(50_001))),
        ("isRequired", json!("yes")),
        ("isRequired", Value::Null),
        ("mclassId", json!(OfferingId::random())),
        ("mclassId", json!("not an id")),
        ("version", json!(7)),
        ("createdAt", json!("2030-01-01T00:00:00Z")),
    ] {
        let mut bad = terms_of("SERVICE", "Terms");
        bad[field] = value.clone();
        let refused = admin.post(PATH, &bad).await.refused(422, "INVALID");
        assert_eq!(refused.body["error"]["details"]["field"], field, "{value}");
        if field != "type" && field != "mclassId" {
            let mut bad = next("Terms");
            bad[field] = value.clone();
            let refused = admin.put(&at(&good), &bad).await.refused(422, "INVALID");
            assert_eq!(refused.body["error"]["details"]["field"], field, "{value}");
        }
    }
    for field in ["type", "title", "content", "isRequired"] {
        let mut bad = terms_of("SERVICE", "Terms");
        bad.as_object_mut().unwrap().remove(field);
        admin.post(PATH, &bad).await.refused(422, "INVALID");
    }
    let huge = terms_of("SERVICE", &"x".repeat(800_000));
    admin.post(PATH, &huge).await.refused(413, "PAYLOAD_TOO_LARGE");
    for query in ["type=service", "mclassId=x", "cursor=x", "limit=0", "limit=101", "colour=red"] {
        shop.nobody().get(&format!("{PATH}?{query}")).await.refused(422, "INVALID");
    }
    let unknown = format!("{PATH}?cursor={}", TermId::random());
    shop.nobody().get(&unknown).await.refused(422, "INVALID");
    assert_eq!(shop.nobody().get(PATH).await.is(200).data, json!([good]));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_largest_text_is_kept_as_it_was_written() {
    let shop = Shop::open(TestDb::sqlite().await).await;
    let mut body = terms_of("PRIVACY", "<script>alert(1)</script>");
    // Each character is two escapes of JSON and four bytes of UTF-8.
    body["content"] = json!("🎭".repeat(49_999) + "<");
    let escaped = body.to_string().replace('🎭', "\\ud83c\\udfad");
    let term = shop.admin().post_text(PATH, escaped).await.is(201).data;
    let read = shop.nobody().get(&at(&term)).await.is(200).data;
    assert_eq!((&read["title"], &read["content"]), (&body["title"], &body["content"]));
    let mut lines = body;
    lines["content"] = json!(" \r\n1. One\r\n\r\n2. Two \n");
    assert_eq!(made(&shop.admin(), &lines).await["content"], "1. One\n\n2. Two");
}

#[tokio::test(flavor = "multi_thread")]
async fn terms_are_written_by_administrators_and_agreed_to_by_accounts() {
    let shop = Shop::open(TestDb::sqlite().await).await;
    let (admin, kim, nobody) = (shop.admin(), shop.customer(), shop.nobody());
    let term = made(&admin, &terms_of("SERVICE", "Terms")).await;
    for (person, status, code) in [(&kim, 403, "FORBIDDEN"), (&nobody, 401, "UNAUTHORIZED")] {
        person.post(PATH, &terms_of("SERVICE", "Mine")).await.refused(status, code);
        person.put(&at(&term), &next("Mine")).await.refused(status, code);
        person.delete(&at(&term)).await.refused(status, code);
    }
    nobody.post_nothing(&agree(&term)).await.refused(401, "UNAUTHORIZED");
    nobody.get(AGREEMENTS).await.refused(401, "UNAUTHORIZED");
    let guest = nobody.post_nothing("/api/auth/guest").await.is(201).data;
    let token = guest["accessToken"].as_str().unwrap().to_owned();
    let guest = shop.with_token(guest["user"]["id"].as_str().unwrap().parse().unwrap(), token);
    guest.post_nothing(&agree(&term)).await.refused(403, "ACCOUNT_REQUIRED");
    let none = json!({"id": TermId::random()});
    kim.post_nothing(&agree(&none)).await.refused(404, "NOT_FOUND");
    nobody.get(&at(&none)).await.refused(404, "NOT_FOUND");
    nobody.get(&format!("{PATH}/x")).await.refused(404, "NOT_FOUND");
    admin.put(&at(&none), &next("x")).await.refused(404, "NOT_FOUND");
    admin.delete(&at(&none)).await.refused(404, "NOT_FOUND");
    assert_eq!(nobody.get(PATH).await.is(200).data, json!([term]));
}
