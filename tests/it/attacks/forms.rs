//! Requests that pages of other sites make a browser send (CSRF), on every route of the pages that
//! changes something.

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;

use admitone::http::staff::listed_pages;
use reqwest::StatusCode;
use reqwest::header::{COOKIE, SET_COOKIE};

use crate::http::api_client::Shop;
use crate::support::test_db::TestDb;

/// Returns the routes of the pages in the sources, and those of staff, by method.
pub fn pages(method: &str) -> BTreeSet<String> {
    let mut waiting = vec![PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/src/web"))];
    let of_staff =
        listed_pages().into_iter().filter(|page| page.method.eq_ignore_ascii_case(method));
    let mut found: BTreeSet<String> = of_staff.map(|page| page.path.to_owned()).collect();
    while let Some(path) = waiting.pop() {
        if path.is_dir() {
            let entries = fs::read_dir(&path).expect("the sources are there");
            waiting.extend(entries.map(|entry| entry.expect("an entry").path()));
            continue;
        }
        if path.extension().is_none_or(|extension| extension != "rs") {
            continue;
        }
        let text = fs::read_to_string(&path).expect("a source");
        let text: String = text.split_whitespace().collect();
        for resource in text.split("web::resource(\"").skip(1) {
            let (path, rest) = resource.split_once('"').expect("a path ends");
            let end = rest.find("web::resource(").or_else(|| rest.find(";}"));
            let rest = &rest[..end.unwrap_or(rest.len())];
            if rest.contains(&format!(".{method}(")) || rest.contains(&format!("web::{method}()")) {
                found.insert(path.to_owned());
            }
        }
    }
    assert!(found.len() > 60, "the sources are read: {found:?}");
    found
}

/// Returns a path with some id for each parameter, or the name of a file.
pub fn filled(pattern: &str) -> String {
    let Some((before, rest)) = pattern.split_once('{') else { return pattern.to_owned() };
    let (name, after) = rest.split_once('}').expect("a brace ends");
    let value = match name {
        "build" => "any",
        "file:.*" => "admitone.css",
        _ => "0190f5a0-0000-7000-8000-000000000000",
    };
    format!("{before}{value}{}", filled(after))
}

#[tokio::test(flavor = "multi_thread")]
async fn no_page_of_another_site_sends_a_form() {
    let shop = Shop::open(TestDb::sqlite().await).await;
    let client = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).build();
    let client = client.expect("a client");
    let (admin, kim) = (shop.admin(), shop.customer());
    let here = shop.app.url("");
    let post = async |path: &str, proof: Option<(&str, &str)>| {
        let is_of_staff = ["/organiser", "/door"].iter().any(|staff| path.starts_with(staff));
        let token = if is_of_staff { admin.token() } else { kim.token() };
        let request = client.post(shop.app.url(&filled(path)));
        let request = request.header(COOKIE, format!("__Host-admitone={token}"));
        let request = request.header("Accept", "text/html");
        let request = match proof {
            Some((name, value)) => request.header(name, value),
            None => request,
        };
        let kind = "application/x-www-form-urlencoded";
        request
            .header("Content-Type", kind)
            .body("key=k&back=%2F")
            .send()
            .await
            .expect("it answers")
    };
    let (mut faults, routes) = (Vec::new(), pages("post"));
    for path in &routes {
        for proof in [
            Some(("Sec-Fetch-Site", "cross-site")),
            Some(("Sec-Fetch-Site", "same-site")),
            Some(("Origin", "https://evil.example")),
            Some(("Origin", "null")),
            None,
        ] {
            let answer = post(path, proof).await;
            let sets_cookie = answer.headers().contains_key(SET_COOKIE);
            if answer.status() != StatusCode::FORBIDDEN || sets_cookie {
                faults.push(format!("{path} {proof:?}: {}", answer.status()));
            }
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
    // The forms of our own pages pass this gate, by either proof.
    for proof in [("Sec-Fetch-Site", "same-origin"), ("Origin", &*here)] {
        let answer = post("/language", Some(proof)).await;
        assert_ne!(answer.status(), StatusCode::FORBIDDEN, "{proof:?}");
    }
}
