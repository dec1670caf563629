//! Bodies that are bombs: none is unpacked, followed into its depth, or kept.

use std::io::Write;

use flate2::Compression;
use flate2::write::{GzEncoder, ZlibEncoder};
use hmac::{Hmac, KeyInit, Mac};
use reqwest::Method;
use serde_json::{Value, json};
use sha2::Sha256;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::http::api_client::{Event, Shop};
use crate::http::document::{document, operations};
use crate::support::process::Server;
use crate::support::sold_event;
use crate::support::test_app::SECRET;
use crate::support::test_db::TestDb;

const MB: usize = 1 << 20;

/// Returns 1 GB of zeros as gzip: 64 members of 16 MB each, as the format allows.
fn gzip_bomb() -> Vec<u8> {
    let mut member = GzEncoder::new(Vec::new(), Compression::best());
    member.write_all(&vec![0; 16 * MB]).unwrap();
    member.finish().unwrap().repeat(64)
}

fn zlib_bomb() -> Vec<u8> {
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::best());
    let zeros = vec![0; 16 * MB];
    (0..64).for_each(|_| encoder.write_all(&zeros).unwrap());
    encoder.finish().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_compressed_body_is_refused_packed() {
    let db = TestDb::sqlite().await;
    let event = sold_event::open(&db.store().await, 100).await;
    let server = Server::start(db.url()).await;
    let admin = server.mint().admin();
    let client = reqwest::Client::new();
    let (gzip, zlib) = (gzip_bomb(), zlib_bomb());
    let json = "application/json";
    let form = "application/x-www-form-urlencoded";
    let routes = [
        (Method::POST, "/api/auth/login".to_owned(), json),
        (Method::POST, "/api/auth/register".to_owned(), json),
        (Method::POST, "/api/events".to_owned(), json),
        (Method::POST, format!("/api/events/{event}/holds"), json),
        (Method::POST, "/api/admin/venues".to_owned(), json),
        (Method::POST, "/api/reservations".to_owned(), json),
        (Method::POST, "/api/webhooks/stripe".to_owned(), json),
        (Method::POST, "/api/webhooks/stripe".to_owned(), "application/octet-stream"),
        (Method::POST, "/sign-in".to_owned(), form),
        (Method::POST, "/organiser/venues".to_owned(), form),
        (Method::POST, "/api/auth/apple/callback".to_owned(), form),
        (Method::POST, "/internal/ask".to_owned(), "application/octet-stream"),
    ];
    let send = async |(method, path, kind): &(Method, String, &str),
                      encoding: &str,
                      body: &[u8]| {
        let request = client.request(method.clone(), format!("{}{path}", server.base));
        let request = request.bearer_auth(&admin.token).header("Content-Type", *kind);
        let request =
            request.header("Idempotency-Key", "a-bomb").header("Sec-Fetch-Site", "same-origin");
        let sent = request.header("Content-Encoding", encoding).body(body.to_vec()).send().await;
        sent.ok().map(|answer| answer.status().as_u16())
    };
    for route in &routes {
        send(route, "identity", b"{}").await;
    }
    let before = server.resident();
    for (encoding, body) in [
        ("gzip", &gzip),
        ("x-gzip", &gzip),
        ("GZIP", &gzip),
        ("gzip, gzip", &gzip),
        ("identity, gzip", &gzip),
        ("deflate", &zlib),
        ("br", &zlib),
        ("zstd", &zlib),
        ("unknown", &gzip),
    ] {
        for route in &routes {
            let status = send(route, encoding, body).await;
            // A connection that is closed before all is sent is a refusal as well.
            let refused = status.is_none_or(|status| (400..500).contains(&status));
            assert!(refused, "{} {encoding}: {status:?}", route.1);
            if status.is_some() && route.2 == json && !route.1.contains("webhooks") {
                assert_eq!(status, Some(415), "{} {encoding}", route.1);
            }
        }
    }
    let grown = server.resident().saturating_sub(before);
    println!("{} bombs of 1 GB: {grown} bytes more", 9 * routes.len());
    assert!(grown < 200 * MB as u64, "{grown}");
}

/// Returns bodies that are hostile as JSON, and whether they are not JSON at all.
fn hostile() -> Vec<(&'static str, String)> {
    let deep =
        |open: &str, close: &str, depth: usize| open.repeat(depth) + "1" + &close.repeat(depth);
    let field = |value: &str| {
        let fields = ["name", "email", "title", "amount", "lines", "answers", "questions", "token"];
        let fields = fields.map(|name| format!("\"{name}\":{value}"));
        format!("{{{}}}", fields.join(","))
    };
    vec![
        ("10,000 lists", "[".repeat(10_000)),
        ("closed lists", deep("[", "]", 10_000)),
        ("objects", deep("{\"a\":", "}", 9_000)),
        ("lists in a field", field(&deep("[", "]", 500))),
        ("objects in a field", field(&deep("{\"a\":", "}", 500))),
        ("just within the depth", field(&deep("[", "]", 100))),
        ("1e400", field("1e400")),
        ("-1e400", field("-1e400")),
        ("1e-400", field("1e-400")),
        ("400 digits", field(&"9".repeat(400))),
        ("400 digits behind the point", field(&format!("0.{}", "9".repeat(400)))),
        ("a long exponent", field(&format!("1e{}", "9".repeat(400)))),
        ("the largest integer and one", field("18446744073709551616")),
        ("the smallest integer", field("-9223372036854775808")),
        ("NaN", field("NaN")),
        ("a lone surrogate", field("\"\\ud800\"")),
        ("turned surrogates", field("\"\\udc00\\ud800\"")),
        ("a NUL", field("\"a\\u0000b\"")),
        ("a raw control character", field("\"a\u{1}b\"")),
        ("a text of 60 KB", format!("{{\"name\":\"{}\"}}", "x".repeat(60_000))),
        ("a key of 60 KB", format!("{{\"{}\":1}}", "k".repeat(60_000))),
        (
            "5,000 keys",
            format!(
                "{{{}}}",
                (0..5_000).map(|n| format!("\"k{n}\":1")).collect::<Vec<_>>().join(",")
            ),
        ),
        ("the same key 5,000 times", format!("{{{}}}", vec!["\"name\":\"a\""; 5_000].join(","))),
        ("a prototype", field("{\"__proto__\":{\"isAdmin\":true}}")),
        ("combining characters", field(&format!("\"a{}\"", "\u{301}".repeat(2_000)))),
        ("a byte-order mark", format!("\u{feff}{}", field("1"))),
        ("comments", "{/* a */}".into()),
        ("two documents", "{}{}".into()),
    ]
}

fn filled(pattern: &str, event: &Event<'_>) -> String {
    let part = |part: &str| match part {
        "{event}" => event.id.clone(),
        "{gateway}" => "stripe".into(),
        "{action}" => "pause".into(),
        "{provider}" => "google".into(),
        part if part.starts_with('{') => "0192f6c8-7a4e-7cc3-98c4-dc0c0c07398f".into(),
        part => part.to_owned(),
    };
    pattern.split('/').map(part).collect::<Vec<_>>().join("/")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn hostile_json_is_refused_by_every_operation_that_takes_a_body() {
    let shop = Shop::open(TestDb::sqlite().await).await;
    let (event, admin) = (shop.event().await, shop.admin());
    let all = operations(&document(&shop).await);
    let with_body = all.into_iter().filter(|(_, _, operation)| !operation["requestBody"].is_null());
    let mut asked = 0;
    for (pattern, method, _) in with_body {
        let path = filled(&pattern, &event);
        for (what, body) in hostile() {
            let method: Method = method.to_uppercase().parse().unwrap();
            let request = admin.request(method, &path).header("Content-Type", "application/json");
            let request = request.header("Idempotency-Key", format!("hostile-{asked}"));
            let answer = request.body(body).send().await.expect("an answer");
            let status = answer.status().as_u16();
            let text = answer.text().await.expect("text");
            assert!((400..500).contains(&status), "{pattern}: {what}: {status} {text}");
            asked += 1;
        }
    }
    assert!(asked > 1_000, "{asked}");
    shop.nobody().get("/health/ready").await.is(200);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_plan_of_a_venue_is_followed_into_no_depth() {
    let shop = Shop::open(TestDb::sqlite().await).await;
    let admin = shop.admin();
    for (what, plan) in [
        ("deep", "[".repeat(1_000_000)),
        ("deep objects", "{\"a\":".repeat(500_000)),
        ("numbers", format!("{{\"sections\":[{}1]}}", "1e400,".repeat(100_000))),
        ("many keys", format!("{{{}\"a\":1}}", "\"sections\":[],".repeat(100_000))),
    ] {
        for (body, path) in [
            (format!("{{\"name\":\"A\",\"plan\":{plan}}}"), "/api/admin/venues".to_owned()),
            (plan.clone(), format!("/api/admin/venues/{}/plans", uuid::Uuid::nil())),
        ] {
            let answer = admin.post_text(&path, body).await;
            assert!((400..500).contains(&answer.status), "{what}: {:#}", answer.body);
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_token_of_hostile_json_opens_nothing_even_if_it_is_signed() {
    let shop = Shop::open(TestDb::sqlite().await).await;
    let signed = |header: &str, claims: &str| {
        let text = format!("{}.{}", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(claims));
        let mut mac = Hmac::<Sha256>::new_from_slice(SECRET.as_bytes()).unwrap();
        mac.update(text.as_bytes());
        format!("{text}.{}", URL_SAFE_NO_PAD.encode(mac.finalize().into_bytes()))
    };
    let token = shop.admin().token().to_owned();
    let part = |nth: usize| URL_SAFE_NO_PAD.decode(token.split('.').nth(nth).unwrap()).unwrap();
    let header = String::from_utf8(part(0)).unwrap();
    let good: Value = serde_json::from_slice(&part(1)).unwrap();
    let header = header.as_str();
    let with = |name: &str, value: &str| {
        let mut claims = good.clone();
        claims[name] = json!("?");
        claims.to_string().replace("\"?\"", value)
    };
    let ask = async |token: &str| {
        let request = shop.nobody().request(Method::GET, "/api/users/me");
        request.bearer_auth(token).send().await.unwrap().status().as_u16()
    };
    assert_eq!(ask(&signed(header, &good.to_string())).await, 200, "the others differ from this");
    let deep = "[".repeat(300) + &"]".repeat(300);
    let twice = good.to_string().replacen('{', &format!("{{\"sub\":\"{}\",", uuid::Uuid::nil()), 1);
    for (what, header, claims) in [
        ("a deep claim", header, with("x", &deep)),
        ("a deep header", &*format!(r#"{{"alg":"HS256","x":{deep}}}"#), good.to_string()),
        ("only brackets", header, "[".repeat(600)),
        ("a huge expiry", header, with("exp", "1e400")),
        ("an expiry of many digits", header, with("exp", &"9".repeat(40))),
        ("a negative expiry", header, with("exp", "-1")),
        ("an expiry that is text", header, with("exp", "\"9999999999\"")),
        ("an expiry that is null", header, with("exp", "null")),
        ("a version of many digits", header, with("ver", "1e30")),
        ("a lone surrogate", header, with("sub", "\"\\ud800\"")),
        ("a subject with NUL", header, with("sub", "\"\\u0000\"")),
        ("a list of subjects", header, with("sub", &json!([shop.admin().user]).to_string())),
        ("two subjects", header, twice),
        ("a session of another form", header, with("sid", "{}")),
        ("another encoding", header, format!("\u{feff}{good}")),
        ("two documents", header, format!("{good}{good}")),
    ] {
        assert_eq!(ask(&signed(header, &claims)).await, 401, "{what}");
    }
    for token in
        ["a".repeat(100_000), format!("{}.{}.a", ".".repeat(900), "a"), "..".into(), "é.é.é".into()]
    {
        let status = shop.nobody().request(Method::GET, "/api/users/me");
        let status = status.header("Authorization", format!("Bearer {token}")).send().await;
        assert_eq!(status.unwrap().status().as_u16(), 401, "{token:.20}");
    }
    let _: Value = shop.admin().get("/api/users/me").await.is(200).data;
}
