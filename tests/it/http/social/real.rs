//! The whole way with a real provider of OpenID Connect: the library of `tests/oidc`.

use std::collections::HashMap;
use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};

use admitone::config::{Secret, SocialClient};
use reqwest::header::{LOCATION, SET_COOKIE};
use reqwest::redirect::Policy;
use reqwest::{Client, Url};
use serde_json::json;

use crate::http::api_client::Shop;
use crate::http::social::browser::{Browser, CLIENT, SECRET, SHOP};
use crate::support::test_db::TestDb;
use crate::support::tls;

/// A provider that runs until this is dropped.
pub struct RealProvider {
    process: Child,
    issuer: String,
}

impl RealProvider {
    /// Starts a provider for the shop at an address.
    pub async fn start(shop: &str) -> Self {
        tls::install();
        let callbacks = ["oidc", "google"].map(|name| format!("{shop}/api/auth/{name}/callback"));
        let starting = tokio::task::spawn_blocking(|| {
            let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/oidc/run");
            let mut process = Command::new(script)
                .args(callbacks)
                .stdin(Stdio::piped())
                .stdout(Stdio::piped())
                .spawn()
                .unwrap_or_else(|error| panic!("{script} cannot be run: {error}"));
            let mut port = String::new();
            let output = process.stdout.take().expect("it was asked for");
            BufReader::new(output).read_line(&mut port).expect("it says its port");
            (process, port.trim().parse::<u16>().expect("a port"))
        });
        let (process, port) = starting.await.expect("no panic");
        Self { process, issuer: format!("http://127.0.0.1:{port}") }
    }

    /// Returns the shop's registration with it.
    pub fn registered(&self) -> SocialClient {
        SocialClient {
            client_id: Some(CLIENT.into()),
            client_secret: Some(Secret::new(SECRET)),
            issuer: Some(self.issuer.clone()),
        }
    }

    /// Goes through the provider's pages as a browser; returns the address to which it leads back.
    async fn visit(&self, url: &Url, person: &str) -> Url {
        let client = Client::builder().redirect(Policy::none()).build().expect("a client");
        let mut cookies = HashMap::new();
        let mut at = url.clone();
        at.query_pairs_mut().append_pair("login_hint", person);
        for _ in 0..10 {
            let sent: Vec<String> =
                cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
            let request = client.get(at.clone()).header("Cookie", sent.join("; "));
            let answer = request.send().await.expect("the provider answers");
            for cookie in answer.headers().get_all(SET_COOKIE) {
                let cookie = cookie.to_str().expect("text").split(';').next().unwrap_or_default();
                let (name, value) = cookie.split_once('=').expect("a name");
                cookies.insert(name.to_owned(), value.to_owned());
            }
            let location = answer.headers().get(LOCATION).map(|to| to.to_str().expect("text"));
            let location = location.unwrap_or_else(|| panic!("{at} leads nowhere"));
            at = at.join(location).expect("a URL");
            if at.as_str().starts_with(SHOP) {
                return at;
            }
        }
        panic!("{at} is not the end");
    }
}

impl Drop for RealProvider {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn people_sign_in_by_a_real_provider() {
    let provider = RealProvider::start(SHOP).await;
    let shop = Shop::open_with(TestDb::sqlite().await, |config| {
        config.public_url = Some(SHOP.into());
        config.social.oidc = provider.registered();
    });
    let shop = shop.await;
    let mut ids = Vec::new();
    for person in ["kim", "lee", "kim"] {
        let mut browser = Browser::of(&shop);
        let begun = browser.begin("oidc").await;
        let back = provider.visit(&begun.url, person).await;
        let path = format!("{}?{}", back.path(), back.query().expect("a query"));
        let made = browser.get(&path).await.is(200).data;
        assert_eq!(
            (&made["user"]["provider"], &made["user"]["socialId"], &made["user"]["email"]),
            (&json!("OIDC"), &json!(person), &json!(format!("{person}@example.com")))
        );
        assert_eq!(made["user"]["name"], format!("The person {person}"));
        assert!(made["user"]["emailConfirmedAt"].is_string());
        ids.push(made["user"]["id"].clone());
        // The provider takes each code once, and so does the shop.
        browser.get(&path).await.refused(400, "SOCIAL_LOGIN_EXPIRED");
    }
    assert_eq!(ids[0], ids[2]);
    assert_ne!(ids[0], ids[1]);
}
