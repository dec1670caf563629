//! Pages for visitors without cookies are kept for a moment, and no one else's are.

use std::io::Read;
use std::time::Duration;

use flate2::read::GzDecoder;
use reqwest::header::{ACCEPT_ENCODING, ACCEPT_LANGUAGE, CONTENT_ENCODING, COOKIE, SET_COOKIE};
use serde_json::json;

use crate::http::api_client::Shop;

struct Seen {
    text: String,
    cookies: usize,
}

async fn look(shop: &Shop, path: &str, headers: &[(&str, &str)]) -> Seen {
    let mut request = reqwest::Client::new().get(shop.app.url(path)).header("Accept", "text/html");
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let answer = request.send().await.unwrap();
    let packed = answer.headers().get(CONTENT_ENCODING).is_some_and(|value| value == "gzip");
    let cookies = answer.headers().get_all(SET_COOKIE).iter().count();
    assert!(answer.headers().contains_key("content-security-policy"));
    let body = answer.bytes().await.unwrap();
    let mut text = String::new();
    match packed {
        true => GzDecoder::new(&body[..]).read_to_string(&mut text).unwrap(),
        false => (&body[..]).read_to_string(&mut text).unwrap(),
    };
    Seen { text, cookies }
}

on_both_databases! {
    async fn a_page_for_everyone_is_kept_for_a_moment(db: TestDb) {
        let shop = Shop::open_with(db, |config| {
            config.page_lifetime = Duration::from_millis(250);
        }).await;
        let (event, admin) = (shop.event().await, shop.admin());
        let page = format!("/events/{}", event.id);
        let korean = [(ACCEPT_LANGUAGE.as_str(), "ko")];
        let zipped = [(ACCEPT_ENCODING.as_str(), "gzip")];
        let first = look(&shop, &page, &[]).await;
        assert!(first.text.contains("data-status=\"SELLING\""), "{}", first.text);
        assert!(look(&shop, &page, &korean).await.text.contains("lang=\"ko\""));
        admin.post_nothing(&format!("/api/admin/offerings/{}/pause", event.id)).await.is(200);

        let again = look(&shop, &page, &[]).await;
        assert_eq!((&again.text, again.cookies), (&first.text, first.cookies));
        assert_eq!(look(&shop, &page, &zipped).await.text, first.text);
        let mine = [(COOKIE.as_str(), "language=en")];
        let paused = "data-status=\"PAUSED\"";
        assert!(look(&shop, &page, &mine).await.text.contains(paused), "with a cookie it is made anew");
        assert!(look(&shop, &format!("{page}?notice=held"), &[]).await.text.contains(paused));

        shop.clock.advance_ms(250);
        for headers in [&zipped, &korean] {
            assert!(look(&shop, &page, headers).await.text.contains(paused));
        }
    }

    async fn a_start_page_is_kept_and_an_error_is_not(db: TestDb) {
        let shop = Shop::open_with(db, |config| {
            config.page_lifetime = Duration::from_millis(250);
        }).await;
        let mut body = shop.event_body();
        body["name"] = json!("First");
        let first = shop.event_from(body.clone()).await.id;
        let nowhere = "/events/0190f5a0-7c1e-7d34-9b1f-3a5c1a2b3c4d";
        for _ in 0..2 {
            assert!(look(&shop, nowhere, &[]).await.text.contains("<h1"));
        }
        assert!(look(&shop, "/", &[]).await.text.contains("First"));
        body["name"] = json!("Second");
        shop.event_from(body).await;
        assert!(!look(&shop, "/", &[]).await.text.contains("Second"));
        assert!(look(&shop, "/?q=Second", &[]).await.text.contains("Second"), "a search is made anew");
        shop.clock.advance_ms(250);
        let both = look(&shop, "/", &[]).await.text;
        assert!(both.contains("Second") && both.contains(&first));
    }
}
