//! Where the metadata of an issuer may send this server: to https, or to this machine. Whichever address
//! it names, no request goes there otherwise.

use serde_json::json;

use super::browser::{Browser, open};
use super::kim;
use crate::support::test_db::TestDb;

#[tokio::test]
async fn metadata_that_names_unsafe_addresses_is_not_followed() {
    let (shop, at) = open(TestDb::sqlite().await).await;
    let before = shop.app.db.count("SELECT count(*) FROM users").await;
    for address in [
        "http://169.254.169.254/latest/meta-data",
        "http://10.0.0.1/token",
        "http://192.0.2.1:1/",
        "http://[fd00:ec2::254]/",
        "http://[::ffff:10.0.0.1]/",
        "http://2852039166/",
        "http://127.evil.example/",
        "http://localhost.evil.example/",
        "file:///etc/passwd",
        "ftp://127.0.0.1/",
        "gopher://127.0.0.1:6379/_FLUSHALL",
        "data:application/json,{}",
    ] {
        for field in ["jwks_uri", "token_endpoint", "userinfo_endpoint", "authorization_endpoint"] {
            at.say(json!({ field: address }));
            // An issuer is asked again after a failure of the last answer, not within some seconds.
            shop.clock.advance_ms(25 * 3_600_000);
            let mut browser = Browser::of(&shop);
            let answer = browser.get("/api/auth/oidc?redirect=/").await;
            if answer.status != 302 {
                answer.refused(502, "SOCIAL_ANSWER_REFUSED");
                continue;
            }
            assert!(matches!(field, "token_endpoint" | "userinfo_endpoint"), "{field} {address}");
            let mut person = kim();
            person["email_verified"] = json!(null);
            let ended = browser.log_in(&at, "oidc", &person).await;
            ended.refused(502, "SOCIAL_ANSWER_REFUSED");
        }
    }
    assert_eq!(shop.app.db.count("SELECT count(*) FROM users").await, before);
    at.say(json!({}));
    shop.clock.advance_ms(25 * 3_600_000);
    Browser::of(&shop).log_in(&at, "oidc", &kim()).await.is(200);
}
