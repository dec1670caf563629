//! The receiver of `tests/webhooks/receiver.mjs`.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};

use serde_json::{Value, json};

use crate::support::tls;

/// A running receiver.
pub struct Receiver {
    process: Child,
    base: String,
    client: reqwest::Client,
}

impl Receiver {
    /// Starts one, which answers.
    pub async fn start() -> Self {
        tls::install();
        let starting = tokio::task::spawn_blocking(|| {
            let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/webhooks/run");
            let mut command = Command::new(script);
            let mut process = command
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
        let base = format!("http://127.0.0.1:{port}");
        Self { process, base, client: reqwest::Client::new() }
    }

    pub fn url(&self, path: &str) -> String {
        format!("{}{path}", self.base)
    }

    /// Sets the secrets by which messages are verified.
    pub async fn secrets(&self, secrets: &[&str]) {
        self.tell("/secrets", &json!(secrets)).await;
    }

    /// Puts the receiver's clock forward.
    pub async fn ahead(&self, seconds: i64) {
        self.tell("/clock", &json!(seconds)).await;
    }

    /// Sets the receiver's clock to its senders' clocks, or ahead of them.
    pub async fn ahead_of_sender(&self, seconds: i64) {
        self.tell("/sender", &json!(seconds)).await;
    }

    async fn tell(&self, path: &str, what: &Value) {
        let answer = self.client.post(self.url(path)).json(what).send().await.expect("it answers");
        assert_eq!(answer.status(), 200);
    }

    /// Returns how many messages there are so far, by path.
    pub async fn counts(&self) -> BTreeMap<String, usize> {
        let answer = self.client.get(self.url("/counts")).send().await.expect("it answers");
        answer.json().await.expect("numbers")
    }

    /// Returns the messages so far.
    pub async fn log(&self) -> Vec<Value> {
        let answer = self.client.get(self.url("/log")).send().await.expect("it answers");
        answer.json().await.expect("a list")
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
