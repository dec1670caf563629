//! Requests of set-up and audit to the server: one call after the other, with errors for people.
//! The crowd's own requests are in `buyer.rs`.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use serde_json::Value;

use super::connection::{Answer, Connection, Failure};

/// A client of the API. It tries the next instance when one cannot be reached.
pub struct Api {
    targets: Vec<SocketAddr>,
    at: usize,
    connection: Option<Connection>,
    timeout: Duration,
}

/// A call of the API.
#[derive(Clone, Copy, Debug)]
#[expect(missing_docs, reason = "the names say it")]
pub struct Call<'a> {
    pub method: &'a str,
    pub path: &'a str,
    pub token: Option<&'a str>,
    pub key: Option<&'a str>,
    pub body: Option<&'a Value>,
}

impl<'a> Call<'a> {
    /// A read without key and body.
    #[must_use]
    pub fn get(path: &'a str, token: Option<&'a str>) -> Self {
        Self { method: "GET", path, token, key: None, body: None }
    }

    fn bytes(self, host: SocketAddr) -> Vec<u8> {
        let body = self.body.map(Value::to_string).unwrap_or_default();
        request(self.method, self.path, &host.to_string(), self.token, self.key, &body)
    }
}

/// The bytes of a request.
#[must_use]
pub fn request(
    method: &str,
    path: &str,
    host: &str,
    token: Option<&str>,
    key: Option<&str>,
    body: &str,
) -> Vec<u8> {
    let mut text = String::with_capacity(512 + body.len());
    for part in [method, " ", path, " HTTP/1.1\r\nHost: ", host, "\r\n"] {
        text.push_str(part);
    }
    if let Some(token) = token {
        text.push_str("Authorization: Bearer ");
        text.push_str(token);
        text.push_str("\r\n");
    }
    if let Some(key) = key {
        text.push_str("Idempotency-Key: ");
        text.push_str(key);
        text.push_str("\r\n");
    }
    if !body.is_empty() {
        text.push_str("Content-Type: application/json\r\nContent-Length: ");
        text.push_str(&body.len().to_string());
        text.push_str("\r\n");
    } else if method == "POST" {
        text.push_str("Content-Length: 0\r\n");
    }
    text.push_str("\r\n");
    text.push_str(body);
    text.into_bytes()
}

/// The code of a request beyond a limit of the server.
pub const LIMITED: &str = "TOO_MANY_REQUESTS";
/// What to do about it.
pub const LIMITS_ARE_ON: &str = "the server limits the requests of one address, and a crowd of stampede has \
    one: start the server with ADMITONE_RATE_LIMITS=off";

impl Api {
    /// A client that starts with the target at position `at`.
    #[must_use]
    pub fn new(targets: &[SocketAddr], at: usize, timeout: Duration) -> Self {
        let at = at % targets.len();
        Self { targets: targets.to_vec(), at, connection: None, timeout }
    }

    /// Calls, and returns the `data` of the answer.
    ///
    /// # Errors
    /// When no server answers, or the answer is a refusal.
    pub async fn call(&mut self, call: Call<'_>) -> Result<Value> {
        let mut answer = self.whole(call).await?;
        Ok(answer.get_mut("data").map(Value::take).unwrap_or_default())
    }

    /// Calls, and returns the whole answer: pages have their cursor in `meta`.
    ///
    /// # Errors
    /// As for [`Self::call`].
    pub async fn whole(&mut self, call: Call<'_>) -> Result<Value> {
        let what = format!("{} {} at {}", call.method, call.path, self.targets[self.at]);
        let answer = self.exchange(call).await.with_context(|| what.clone())?;
        let status = answer.head.status;
        let value: Value = serde_json::from_slice(&answer.body).map_err(|_| {
            let text = String::from_utf8_lossy(&answer.body);
            let text: String = text.chars().take(80).collect();
            anyhow::anyhow!("{what}: answered {status} with no JSON: {text:?}")
        })?;
        if (200..300).contains(&status) {
            return Ok(value);
        }
        let error = &value["error"];
        let (code, message) = (error["code"].as_str(), error["message"].as_str());
        if code == Some(LIMITED) {
            bail!("{what}: {LIMITS_ARE_ON}");
        }
        bail!("{what}: {status} {} ({})", code.unwrap_or("?"), message.unwrap_or("?"))
    }

    /// Calls, and passes the lines of the answer to `each` one by one; returns their number.
    ///
    /// # Errors
    /// As for [`Self::call`], and the first error of `each`.
    pub async fn lines(
        &mut self,
        call: Call<'_>,
        mut each: impl FnMut(&str) -> Result<()>,
    ) -> Result<u64> {
        let what = format!("{} {} at {}", call.method, call.path, self.targets[self.at]);
        let mut connection =
            Connection::open(self.targets[self.at]).await.with_context(|| what.clone())?;
        let request = call.bytes(self.targets[self.at]);
        let head = connection.begin(&request).await.with_context(|| what.clone())?;
        if head.status != 200 {
            bail!("{what}: answered {}", head.status);
        }
        let mut begun = Vec::new();
        let mut count = 0;
        loop {
            let piece = tokio::time::timeout(self.timeout, connection.piece()).await;
            let piece = piece.map_err(|_| Failure::TimedOut).and_then(|piece| piece);
            let Some(piece) = piece.with_context(|| what.clone())? else { break };
            for part in piece.split_inclusive(|byte| *byte == b'\n') {
                begun.extend_from_slice(part);
                if part.ends_with(b"\n") {
                    let line = std::str::from_utf8(&begun).with_context(|| what.clone())?;
                    each(line.trim_end())?;
                    count += 1;
                    begun.clear();
                }
            }
        }
        if !begun.is_empty() {
            bail!("{what}: it broke off in the middle of a line");
        }
        Ok(count)
    }

    async fn exchange(&mut self, call: Call<'_>) -> Result<Answer, Failure> {
        let mut last = None;
        // Each target, and the first once more: a kept-alive connection may have been closed.
        for _ in 0..=self.targets.len() {
            let target = self.targets[self.at];
            let connection = match self.connection.take().filter(|kept| !kept.was_closed()) {
                Some(connection) => Ok(connection),
                None => Connection::open(target).await,
            };
            let failure = match connection {
                Ok(mut connection) => {
                    match connection.exchange(&call.bytes(target), self.timeout).await {
                        Ok(answer) => {
                            self.connection = Some(connection).filter(Connection::is_usable);
                            return Ok(answer);
                        }
                        Err(failure) => failure,
                    }
                }
                Err(failure) => failure,
            };
            self.at = (self.at + 1) % self.targets.len();
            let may_repeat = call.method == "GET" || call.key.is_some();
            if !may_repeat && !matches!(failure, Failure::NotConnected(_)) {
                return Err(failure);
            }
            last = Some(failure);
        }
        Err(last.unwrap_or(Failure::TimedOut))
    }
}
