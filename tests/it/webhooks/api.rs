//! The API of endpoints, as administrators use it.

use reqwest::Method;
use serde_json::{Value, json};

use super::receiver::Receiver;
use crate::http::api_client::{Answer, Shop};
use crate::support::test_db::TestDb;

pub const PATH: &str = "/api/admin/webhooks";

/// Opens a shop whose webhooks may go to loopback, and which sends none by itself.
pub async fn shop(db: TestDb) -> Shop {
    Shop::open_with(db, |config| {
        config.webhook_allow_private = Some(true);
        config.relay = false;
    })
    .await
}

/// Returns an endpoint to make; no one listens there.
fn new_hook() -> Value {
    json!({"url": "https://127.0.0.1:9/hooks?a=b", "description": "회계"})
}

on_both_databases! {
    async fn a_webhook_is_made_once_per_key_and_shows_its_secret_once(db: TestDb) {
        let shop = shop(db).await;
        let (admin, event) = (shop.admin(), shop.event().await);
        let made = admin.post_with_key(PATH, "hook-1", &new_hook()).await.is(201);
        let again = admin.post_with_key(PATH, "hook-1", &new_hook()).await.is(201);
        assert!(again.is_replay() && !made.is_replay());
        assert_eq!(made.data, again.data, "a lost answer is given again, with the secret");
        let secret = made.data["secret"].as_str().unwrap();
        assert!(secret.starts_with("whsec_") && secret.len() == 50, "{secret}");
        let one = made.header("location").to_owned();
        assert_eq!(one, format!("{PATH}/{}", made.data["id"].as_str().unwrap()));
        let shown = admin.get(&one).await.is(200).data;
        let listed = admin.get(PATH).await.is(200).data;
        assert_eq!(listed, json!([shown]));
        assert_eq!(shown["secret"], Value::Null);
        assert_eq!((&shown["status"], &shown["types"], &shown["eventIds"]), (&json!("ENABLED"), &json!([]), &json!([])));

        let change = json!({
            "url": "http://127.0.0.1:9/", "description": "", "enabled": false,
            "types": ["reservation.*", "event.changed"], "eventIds": [event.id],
        });
        let changed = admin.patch(&one, &change).await.is(200).data;
        for field in ["url", "description", "types", "eventIds"] {
            assert_eq!(changed[field], change[field], "{field}");
        }
        assert_eq!((&changed["status"], &changed["disabledReason"]), (&json!("DISABLED"), &json!("by an administrator")));
        let disabled_at = changed["disabledAt"].clone();
        shop.clock.advance_ms(1_000);
        let again = admin.patch(&one, &json!({"enabled": false})).await.is(200).data;
        assert_eq!(again["disabledAt"], disabled_at, "it was disabled before");
        let enabled = admin.patch(&one, &json!({"enabled": true})).await.is(200).data;
        assert_eq!((&enabled["status"], &enabled["disabledAt"]), (&json!("ENABLED"), &Value::Null));
        assert_eq!(enabled["types"], change["types"], "what is left out stays");

        let delete = |key| admin.request(Method::DELETE, &one).header("Idempotency-Key", key);
        Answer::of(delete("gone-1")).await.is(200);
        assert!(Answer::of(delete("gone-1")).await.is(200).is_replay());
        Answer::of(delete("gone-2")).await.refused(404, "NOT_FOUND");
        admin.get(&one).await.refused(404, "NOT_FOUND");
        assert_eq!(admin.get(PATH).await.is(200).data, json!([]));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_allowed_is_refused_with_its_field_and_a_sentence() {
    let shop = Shop::open(TestDb::sqlite().await).await;
    let admin = shop.admin();
    let many = vec!["a.b"; 101];
    let url = |url: &str| json!({ "url": url });
    let with = |field: &str, value: Value| json!({"url": "https://1.1.1.1/", field: value});
    let not_public = "must be at a public address";
    for (body, field, says) in [
        (url("http://127.0.0.1/"), "url", not_public),
        (url("http://localhost:8080/"), "url", not_public),
        (url("http://LOCALHOST./"), "url", not_public),
        (url("http://a.localhost/"), "url", not_public),
        (url("http://2130706433/"), "url", not_public),
        (url("http://[::ffff:10.0.0.1]/"), "url", not_public),
        (url("http://169.254.169.254/latest"), "url", not_public),
        (url("ftp://1.1.1.1/"), "url", "must begin with https://"),
        (url("http://a:b@1.1.1.1/"), "url", "name or a password"),
        (url("http://1.1.1.1/#a"), "url", "fragment"),
        (url(""), "url", "must be a URL"),
        (json!({}), "url", "is missing"),
        (with("types", json!(["x"])), "types[0]", "must be a type"),
        (with("types", json!(["event.changed", "event.nope"])), "types[1]", "must be a type"),
        (with("types", json!(many)), "types", "at most 100"),
        (
            with("eventIds", json!(["5f0f2c1a-0000-4000-8000-000000000001"])),
            "eventIds[0]",
            "is not the id of an event",
        ),
        (with("eventIds", json!(["x"])), "eventIds[0]", ""),
        (with("description", json!("a\0b")), "description", "control"),
        (with("description", json!("x".repeat(501))), "description", "at most 500"),
        (with("secret", json!("whsec_x")), "secret", "not known"),
    ] {
        let refused = admin.post(PATH, &body).await.refused(422, "INVALID");
        let error = &refused.body["error"];
        assert_eq!(error["details"]["field"], field, "{body}: {error}");
        assert!(error["message"].as_str().unwrap().contains(says), "{body}: {error}");
    }
    assert_eq!(admin.get(PATH).await.is(200).data, json!([]), "nothing was made");
    // The same rules hold for changes.
    let made = admin.post(PATH, &url("https://1.1.1.1/x")).await.is(201);
    let one = made.header("location");
    let refused = admin.patch(one, &url("http://127.0.0.1/")).await.refused(422, "INVALID");
    assert!(refused.body["error"]["message"].as_str().unwrap().contains(not_public));
    admin.patch(one, &json!({"types": ["x"]})).await.refused(422, "INVALID");
    assert_eq!(admin.get(one).await.is(200).data["url"], "https://1.1.1.1/x");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_retry_makes_no_webhook_anew_after_it_was_deleted() {
    let shop = shop(TestDb::sqlite().await).await;
    let admin = shop.admin();
    let made = admin.post_with_key(PATH, "hook", &new_hook()).await.is(201).data;
    admin.delete(&format!("{PATH}/{}", made["id"].as_str().expect("an id"))).await.is(200);
    admin.post_with_key(PATH, "hook", &new_hook()).await.refused(404, "NOT_FOUND");
    assert_eq!(admin.get(PATH).await.is(200).data, json!([]));
}

#[tokio::test(flavor = "multi_thread")]
async fn webhooks_are_for_administrators_and_limited_in_number() {
    let shop = shop(TestDb::sqlite().await).await;
    let (admin, customer) = (shop.admin(), shop.customer());
    let made = admin.post(PATH, &new_hook()).await.is(201);
    let one = made.header("location").to_owned();
    let all = [
        (Method::GET, PATH.to_owned()),
        (Method::POST, PATH.to_owned()),
        (Method::GET, one.clone()),
        (Method::PATCH, one.clone()),
        (Method::DELETE, one.clone()),
        (Method::POST, format!("{one}/rotate-secret")),
        (Method::POST, format!("{one}/ping")),
        (Method::GET, format!("{one}/deliveries")),
        (Method::POST, format!("{one}/replay?since=2026-01-01T00:00:00Z")),
        (Method::POST, format!("{one}/deliveries/5f0f2c1a-0000-4000-8000-000000000001/replay")),
    ];
    for (method, path) in all {
        let request = customer.request(method.clone(), &path);
        let is_changed = method == Method::PATCH || path == PATH && method == Method::POST;
        let request = if is_changed { request.json(&new_hook()) } else { request };
        Answer::of(request).await.refused(403, "FORBIDDEN");
        shop.nobody().get(&path).await;
    }
    for _ in 1..100 {
        admin.post(PATH, &new_hook()).await.is(201);
    }
    admin.post(PATH, &new_hook()).await.refused(409, "TOO_MANY_WEBHOOKS");
    admin.delete(&one).await.is(200);
    admin.post(PATH, &new_hook()).await.is(201);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_ping_says_what_the_endpoint_said_and_a_rotated_secret_signs_beside_the_old_one() {
    let (shop, receiver) = (shop(TestDb::sqlite().await).await, Receiver::start().await);
    let admin = shop.admin();
    let hook = admin.post(PATH, &json!({"url": receiver.url("/take/x")})).await.is(201);
    let one = hook.header("location").to_owned();
    let old = hook.data["secret"].as_str().unwrap().to_owned();
    receiver.secrets(&[&old]).await;
    let ping = admin.post_nothing(&format!("{one}/ping")).await.is(200).data;
    assert_eq!((&ping["delivered"], &ping["httpStatus"]), (&json!(true), &json!(200)));
    assert_eq!(ping["answer"], "thank you ");
    let message = receiver.log().await.remove(0);
    assert_eq!((&message["id"], &message["verified"]), (&ping["messageId"], &json!([0])));
    let said: Value = serde_json::from_str(message["body"].as_str().unwrap()).unwrap();
    assert_eq!((&said["type"], &said["id"]), (&json!("webhook.ping"), &ping["messageId"]));

    let path = format!("{one}/rotate-secret");
    let rotate = || admin.request(Method::POST, &path).header("Idempotency-Key", "rotate-1");
    let rotated = Answer::of(rotate()).await.is(200);
    let again = Answer::of(rotate()).await.is(200);
    assert!(again.is_replay());
    assert_eq!(again.data["secret"], rotated.data["secret"], "a retry rotates nothing");
    let until = rotated.data["previousSecretExpiresAt"].as_str().unwrap();
    assert_eq!(until, shop.time_in(24 * 3_600));
    let new = rotated.data["secret"].as_str().unwrap();
    receiver.secrets(&[&old, new]).await;
    admin.post_nothing(&format!("{one}/ping")).await.is(200);
    assert_eq!(receiver.log().await[1]["verified"], json!([0, 1]));

    // A ping also reaches an endpoint that is disabled, and failures are told.
    admin
        .patch(&one, &json!({"url": receiver.url("/status/500/x"), "enabled": false}))
        .await
        .is(200);
    let ping = admin.post_nothing(&format!("{one}/ping")).await.is(200).data;
    assert_eq!((&ping["delivered"], &ping["httpStatus"]), (&json!(false), &json!(500)));
    admin.patch(&one, &json!({"url": receiver.url("/cut/x")})).await.is(200);
    let ping = admin.post_nothing(&format!("{one}/ping")).await.is(200).data;
    assert_eq!((&ping["delivered"], &ping["httpStatus"]), (&json!(false), &Value::Null));
    assert!(ping["error"].as_str().unwrap().starts_with("the call failed"), "{ping}");
    let none = format!("{PATH}/5f0f2c1a-0000-4000-8000-000000000001/ping");
    admin.post_nothing(&none).await.refused(404, "NOT_FOUND");
}
