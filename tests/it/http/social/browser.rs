//! A browser between the shop and the providers.

use std::collections::HashMap;

use admitone::config::{AppleClient, Config, MailMode, Secret, SocialClient};
use reqwest::header::SET_COOKIE;
use reqwest::redirect::Policy;
use reqwest::{Client, RequestBuilder, Url};
use serde_json::{Value, json};

use crate::http::api_client::{Answer, Person, Shop};
use crate::http::social::provider::{ONE, Provider, TWO, Worth};
use crate::support::test_db::TestDb;

/// Where people reach the shop.
pub const SHOP: &str = "https://tickets.example";
pub const CLIENT: &str = "the-shop";
pub const SECRET: &str = "a-secret-of-the-shop";

/// A shop that is registered with all providers, and these providers.
pub async fn open(db: TestDb) -> (Shop, Provider) {
    let provider = Provider::start().await;
    let registered = provider.clone();
    let shop = Shop::open_with(db, move |config| register(config, &registered)).await;
    (shop, provider)
}

/// As [`open`], for a shop that keeps its mails.
pub async fn open_with_mails(db: TestDb) -> (Shop, Provider) {
    let provider = Provider::start().await;
    let registered = provider.clone();
    let shop = Shop::open_with(db, move |config| {
        register(config, &registered);
        config.mail = Some(MailMode::Keep);
    });
    (shop.await, provider)
}

pub fn register(config: &mut Config, provider: &Provider) {
    config.public_url = Some(SHOP.into());
    let client = |name: &str| SocialClient {
        client_id: Some(CLIENT.into()),
        client_secret: Some(Secret::new(SECRET)),
        issuer: Some(provider.issuer(name)),
    };
    config.social.google = client("google");
    config.social.kakao = client("kakao");
    config.social.naver = client("naver");
    config.social.oidc = client("oidc");
    config.social.oidc_name = Some("The theatre club".into());
    config.social.apple = AppleClient {
        client_id: Some(CLIENT.into()),
        team_id: Some("TEAM123456".into()),
        key_id: Some("KEY1234567".into()),
        private_key: Some(Secret::new(format!(
            "-----BEGIN PRIVATE KEY-----\\n{}\\n-----END PRIVATE KEY-----\\n",
            TWO.private
        ))),
        issuer: Some(provider.issuer("apple")),
    };
}

/// A browser with its cookies.
pub struct Browser<'a> {
    shop: &'a Shop,
    client: Client,
    pub cookies: HashMap<String, String>,
    pub accept: &'static str,
    /// The token of a client that sends it itself.
    pub bearer: Option<String>,
}

/// A login that was begun.
#[derive(Clone, Debug)]
pub struct Begun {
    pub url: Url,
    pub query: HashMap<String, String>,
}

impl Begun {
    pub fn of(url: &str) -> Self {
        let url: Url = url.parse().expect("a URL");
        let query = url.query_pairs().into_owned().collect();
        Self { url, query }
    }

    pub fn get(&self, name: &str) -> &str {
        self.query.get(name).map_or("", String::as_str)
    }

    pub fn state(&self) -> &str {
        self.get("state")
    }
}

impl<'a> Browser<'a> {
    /// A client that wants tokens.
    pub fn of(shop: &'a Shop) -> Self {
        let client = Client::builder().redirect(Policy::none()).build().expect("a client");
        let accept = "application/json";
        Self { shop, client, cookies: HashMap::new(), accept, bearer: None }
    }

    /// A browser that shows pages.
    pub fn with_pages(shop: &'a Shop) -> Self {
        Self { accept: "text/html,application/xhtml+xml", ..Self::of(shop) }
    }

    pub fn with_bearer(shop: &'a Shop, person: &Person<'_>) -> Self {
        Self { bearer: Some(person.token().to_owned()), ..Self::of(shop) }
    }

    pub async fn send(&mut self, request: RequestBuilder) -> Answer {
        let cookies: Vec<String> =
            self.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let mut request = request.header("Accept", self.accept);
        if !cookies.is_empty() {
            request = request.header("Cookie", cookies.join("; "));
        }
        if let Some(token) = &self.bearer {
            request = request.bearer_auth(token);
        }
        let answer = Answer::of(request).await;
        for cookie in answer.headers.get_all(SET_COOKIE) {
            let cookie = cookie.to_str().expect("text");
            let (name, rest) = cookie.split_once('=').expect("a name");
            let value = rest.split(';').next().unwrap_or_default();
            match value.is_empty() {
                true => self.cookies.remove(name),
                false => self.cookies.insert(name.to_owned(), value.to_owned()),
            };
        }
        answer
    }

    pub async fn get(&mut self, path: &str) -> Answer {
        let request = self.client.get(self.shop.app.url(path));
        self.send(request).await
    }

    pub async fn post_form(&mut self, path: &str, form: &str) -> Answer {
        let request = self.client.post(self.shop.app.url(path));
        let request = request.header("Content-Type", "application/x-www-form-urlencoded");
        let request = request.header("Sec-Fetch-Site", "same-origin").body(form.to_owned());
        self.send(request).await
    }

    pub async fn post(&mut self, path: &str) -> Answer {
        let request = self.client.post(self.shop.app.url(path));
        self.send(request).await
    }

    /// Begins a login.
    pub async fn begin(&mut self, provider: &str) -> Begun {
        let answer = self.get(&format!("/api/auth/{provider}?redirect=/orders")).await;
        assert_eq!(answer.status, 302, "{:#}", answer.body);
        Begun::of(answer.header("location"))
    }

    /// Comes back from a provider with a code.
    pub async fn finish(&mut self, provider: &str, begun: &Begun, code: &str) -> Answer {
        let state = begun.state();
        self.get(&format!("/api/auth/{provider}/callback?code={code}&state={state}")).await
    }

    /// Begins and ends a login for which the provider signs `claims`.
    pub async fn log_in(&mut self, at: &Provider, name: &str, claims: &Value) -> Answer {
        let begun = self.begin(name).await;
        let code = sell(at, self.shop, name, &begun, claims);
        self.finish(name, &begun, &code).await
    }
}

/// Returns the claims of a token that a provider signs for a login; `more` replaces some of them, and
/// removes those that are null.
pub fn claims(at: &Provider, shop: &Shop, name: &str, begun: &Begun, more: &Value) -> Value {
    use admitone::clock::Clock;
    let now = shop.clock.now_ms() / 1_000;
    let mut claims = json!({
        "iss": at.issuer(name), "aud": CLIENT, "sub": "a-person", "iat": now, "exp": now + 600,
        "nonce": begun.get("nonce"),
    });
    let fields = claims.as_object_mut().expect("an object");
    for (name, value) in more.as_object().expect("an object") {
        match value.is_null() {
            true => fields.remove(name),
            false => fields.insert(name.clone(), value.clone()),
        };
    }
    claims
}

/// Makes a code for which the provider gives a token with `more`; the same is its userinfo.
pub fn sell(at: &Provider, shop: &Shop, name: &str, begun: &Begun, more: &Value) -> String {
    let claims = claims(at, shop, name, begun, more);
    let code = format!("code-{}", &begun.state()[..16]);
    let worth = Worth {
        challenge: begun.get("code_challenge").to_owned(),
        id_token: Some(ONE.sign("one", &claims)),
        userinfo: Some(claims),
        instead: None,
    };
    at.sell(&code, worth);
    code
}
