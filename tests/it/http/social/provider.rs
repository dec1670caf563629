//! Providers of identities on loopback: their metadata, keys, tokens and profiles, in the shapes of their
//! public documentation, signed by keys of this test. What a code is worth is said by the test.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

/// A key for ES256: its private half in PKCS #8, and the coordinates of its public half.
#[derive(Clone, Copy, Debug)]
pub struct TestKey {
    pub private: &'static str,
    pub x: &'static str,
    pub y: &'static str,
}

pub const ONE: TestKey = TestKey {
    private: "MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgj3hsqhg7EfIITtBD8/BZCstZ/Bo75sF/IO3cv7wP1wehRANCAAQkfAHdVQ62iPk2PLHg8fWsRtgDD+ccL2XepVrFAtYo1J5zgAHESpYhsogdAIoBRKP8NsppqI0cNDYHZKKe6wq7",
    x: "JHwB3VUOtoj5Njyx4PH1rEbYAw_nHC9l3qVaxQLWKNQ",
    y: "nnOAAcRKliGyiB0AigFEo_w2ymmojRw0Ngdkop7rCrs",
};
pub const TWO: TestKey = TestKey {
    private: "MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgGM6KWXZA6vrJ6gR85Q1ViFQhVYqsHHbsLR36JJ+eYxOhRANCAASiko8TIW5Pn/lCurFEIquXKZJR7/rmIGIQKDmqtIXmvoCvC4JUVngqK90eXtSX7lotQGzA1VMDzY8FL0tTEkDW",
    x: "opKPEyFuT5_5QrqxRCKrlymSUe_65iBiECg5qrSF5r4",
    y: "gK8LglRWeCor3R5e1JfuWi1AbMDVUwPNjwUvS1MSQNY",
};

impl TestKey {
    /// Signs claims as the key called `kid`.
    pub fn sign(&self, kid: &str, claims: &Value) -> String {
        let der = STANDARD.decode(self.private).expect("base64");
        let header = Header { kid: Some(kid.into()), ..Header::new(Algorithm::ES256) };
        jsonwebtoken::encode(&header, claims, &EncodingKey::from_ec_der(&der)).expect("signs")
    }
}

/// What a code is worth.
#[derive(Clone, Debug, Default)]
pub struct Worth {
    /// The hash of the verifier that has to come with the code.
    pub challenge: String,
    pub id_token: Option<String>,
    pub userinfo: Option<Value>,
    /// An answer in place of the tokens.
    pub instead: Option<(u16, String)>,
}

/// How fast an answer comes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Pace {
    #[default]
    AtOnce,
    /// Later than a shop may wait.
    Late,
    /// The head at once, and then byte by byte, without end as far as a shop may wait.
    Trickling,
}

/// Longer than a shop waits for an answer of a provider.
const LATE: Duration = Duration::from_secs(6);

/// A request that came.
#[derive(Clone, Debug)]
pub struct Seen {
    pub path: String,
    pub head: String,
    pub form: HashMap<String, String>,
}

#[derive(Default)]
struct Books {
    codes: HashMap<String, Worth>,
    userinfo: HashMap<String, Value>,
    keys: Vec<(String, TestKey)>,
    seen: Vec<Seen>,
    is_down: bool,
    /// The pace of the tokens of a provider, by its name.
    pace: HashMap<String, Pace>,
    /// Fields of the metadata in place of the right ones.
    said: Value,
}

/// The providers, each below a path of its name.
#[derive(Clone)]
pub struct Provider {
    pub url: String,
    books: Arc<Mutex<Books>>,
    is_held: watch::Sender<bool>,
}

impl Provider {
    pub async fn start() -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a port");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        let books = Books { keys: vec![("one".into(), ONE)], ..Books::default() };
        let is_held = watch::Sender::new(false);
        let provider = Self { url, books: Arc::new(Mutex::new(books)), is_held };
        let serving = provider.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let provider = serving.clone();
                tokio::spawn(async move { provider.serve(stream).await });
            }
        });
        provider
    }

    pub fn issuer(&self, name: &str) -> String {
        format!("{}/{name}", self.url)
    }

    fn books(&self) -> std::sync::MutexGuard<'_, Books> {
        self.books.lock().expect("no panic")
    }

    /// Says what a code is worth.
    pub fn sell(&self, code: &str, worth: Worth) {
        self.books().codes.insert(code.into(), worth);
    }

    pub fn set_keys(&self, keys: &[(&str, TestKey)]) {
        self.books().keys = keys.iter().map(|(kid, key)| ((*kid).to_owned(), *key)).collect();
    }

    /// Answers everything with 503 from now on, or no longer.
    pub fn set_down(&self, is_down: bool) {
        self.books().is_down = is_down;
    }

    /// Answers requests for tokens of this provider at such a pace from now on.
    pub fn set_slow(&self, name: &str, pace: Pace) {
        self.books().pace.insert(name.into(), pace);
    }

    /// Keeps all answers back from now on, or no longer.
    pub fn hold(&self, is_held: bool) {
        self.is_held.send_replace(is_held);
    }

    /// Replaces fields of the metadata of all providers.
    pub fn say(&self, fields: Value) {
        self.books().said = fields;
    }

    pub fn seen(&self) -> Vec<Seen> {
        self.books().seen.clone()
    }

    async fn serve(&self, mut stream: TcpStream) {
        let Some(seen) = read(&mut stream).await else { return };
        self.books().seen.push(seen.clone());
        let _ = self.is_held.subscribe().wait_for(|is_held| !is_held).await;
        let (status, body) = self.answer(&seen);
        let pace = self.pace(&seen);
        if pace == Pace::Late {
            tokio::time::sleep(LATE).await;
        }
        let more = if status == 302 { "Location: /elsewhere\r\n" } else { "" };
        let head = format!(
            "HTTP/1.1 {status} Said\r\nContent-Type: application/json\r\n{more}Content-Length: {}\r\nConnection: close\r\n\r\n",
            body.len()
        );
        let _ = stream.write_all(head.as_bytes()).await;
        if pace != Pace::Trickling {
            let _ = stream.write_all(body.as_bytes()).await;
            return;
        }
        for byte in body.into_bytes() {
            if stream.write_all(&[byte]).await.is_err() {
                return;
            }
            tokio::time::sleep(LATE / 20).await;
        }
    }

    fn pace(&self, seen: &Seen) -> Pace {
        let name = seen.path.strip_prefix('/').and_then(|path| path.strip_suffix("/token"));
        name.and_then(|name| self.books().pace.get(name).copied()).unwrap_or_default()
    }

    fn answer(&self, seen: &Seen) -> (u16, String) {
        let path = seen.path.trim_start_matches('/');
        let (name, rest) = path.split_once('/').unwrap_or((path, ""));
        if self.books().is_down {
            return (503, "down".into());
        }
        match rest {
            ".well-known/openid-configuration" => (200, self.metadata(name).to_string()),
            "jwks" => (200, self.jwks().to_string()),
            "token" | "oauth2.0/token" => self.token(seen),
            "userinfo" | "v1/nid/me" => self.userinfo(seen),
            _ => (404, "{}".into()),
        }
    }

    fn metadata(&self, name: &str) -> Value {
        let at = self.issuer(name);
        // Apple has no userinfo.
        let userinfo = (name != "apple").then(|| format!("{at}/userinfo"));
        let mut metadata = json!({
            "issuer": at,
            "authorization_endpoint": format!("{at}/authorize"),
            "token_endpoint": format!("{at}/token"),
            "jwks_uri": format!("{at}/jwks"),
            "userinfo_endpoint": userinfo,
            "response_types_supported": ["code"],
            "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": ["RS256", "ES256", "HS256", "none"],
            "token_endpoint_auth_methods_supported": ["client_secret_basic", "client_secret_post"],
        });
        for (name, value) in self.books().said.as_object().into_iter().flatten() {
            metadata[name] = value.clone();
        }
        metadata
    }

    fn jwks(&self) -> Value {
        let key = |(kid, key): &(String, TestKey)| {
            json!({"kty": "EC", "crv": "P-256", "use": "sig", "alg": "ES256", "kid": kid,
                "x": key.x, "y": key.y})
        };
        json!({"keys": self.books().keys.iter().map(key).collect::<Vec<_>>()})
    }

    fn token(&self, seen: &Seen) -> (u16, String) {
        let field = |name: &str| seen.form.get(name).cloned().unwrap_or_default();
        // A code works once.
        let Some(worth) = self.books().codes.remove(&field("code")) else {
            return (400, json!({"error": "invalid_grant"}).to_string());
        };
        let challenge = URL_SAFE_NO_PAD.encode(Sha256::digest(field("code_verifier")));
        if challenge != worth.challenge || field("grant_type") != "authorization_code" {
            return (400, json!({"error": "invalid_grant"}).to_string());
        }
        if let Some(instead) = worth.instead {
            return instead;
        }
        let access_token = format!("token of {}", field("code")).replace(' ', "-");
        if let Some(userinfo) = worth.userinfo {
            self.books().userinfo.insert(access_token.clone(), userinfo);
        }
        let mut answer =
            json!({"access_token": access_token, "token_type": "Bearer", "expires_in": 3600});
        if let Some(token) = worth.id_token {
            answer["id_token"] = token.into();
        }
        (200, answer.to_string())
    }

    fn userinfo(&self, seen: &Seen) -> (u16, String) {
        let line = seen.head.lines().find(|line| line.to_lowercase().starts_with("authorization:"));
        let token = line.and_then(|line| line.split("Bearer ").nth(1)).unwrap_or_default().trim();
        match self.books().userinfo.get(token) {
            Some(userinfo) => (200, userinfo.to_string()),
            None => (401, "{}".into()),
        }
    }
}

async fn read(stream: &mut TcpStream) -> Option<Seen> {
    let mut bytes = Vec::new();
    let mut buffer = [0; 4_096];
    loop {
        let count = stream.read(&mut buffer).await.ok()?;
        bytes.extend_from_slice(&buffer[..count]);
        let text = String::from_utf8_lossy(&bytes).into_owned();
        let Some((head, body)) = text.split_once("\r\n\r\n") else {
            if count == 0 {
                return None;
            }
            continue;
        };
        let length = head.lines().find_map(|line| {
            let (name, value) = line.split_once(':')?;
            name.eq_ignore_ascii_case("content-length").then(|| value.trim().parse().ok())?
        });
        if body.len() < length.unwrap_or(0) && count > 0 {
            continue;
        }
        let path = head.split_whitespace().nth(1)?.to_owned();
        let form = form_urlencoded::parse(body.as_bytes()).into_owned().collect();
        return Some(Seen { path, head: head.to_owned(), form });
    }
}
