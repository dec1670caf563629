//! A real mail server on loopback (`tests/smtp/server.py`), which judges mails by their recipient.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

use serde_json::Value;

use crate::support::test_db::eventually;

pub struct SmtpServer {
    child: Child,
    pub port: u64,
    taken: Arc<Mutex<Vec<Value>>>,
    reader: Option<JoinHandle<()>>,
}

impl SmtpServer {
    /// Starts a server with more options than its port.
    pub fn start(options: &[&str]) -> Self {
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/smtp/run");
        let mut command = Command::new(script);
        command.args(options).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().unwrap_or_else(|error| panic!("{script}: {error}"));
        let out = child.stdout.take().expect("a pipe");
        let mut lines = BufReader::new(out).lines();
        let first = lines.next().expect("a mail server: use tests/run").expect("a line");
        let port = serde_json::from_str::<Value>(&first).expect("JSON")["port"].as_u64();
        let taken = Arc::new(Mutex::new(Vec::new()));
        let list = Arc::clone(&taken);
        let reader = std::thread::spawn(move || {
            for line in lines.map_while(Result::ok) {
                list.lock().unwrap().push(serde_json::from_str(&line).expect("JSON"));
            }
        });
        Self { child, port: port.expect("a port"), taken, reader: Some(reader) }
    }

    /// Returns the address for `ADMITONE_SMTP_URL`.
    pub fn url(&self) -> String {
        format!("smtp://127.0.0.1:{}", self.port)
    }

    /// Returns all mails, once there are as many.
    pub async fn mails(&self, how_many: usize) -> Vec<Value> {
        eventually(&format!("{how_many} mails"), async || self.count() >= how_many).await;
        self.taken.lock().unwrap().clone()
    }

    pub fn count(&self) -> usize {
        self.taken.lock().unwrap().len()
    }

    /// True if the server has ended.
    pub fn is_dead(&mut self) -> bool {
        self.child.try_wait().expect("a child").is_some()
    }

    /// Ends the server at once, and returns all mails that it took.
    pub fn end(mut self) -> Vec<Value> {
        self.kill();
        let reader = self.reader.take().expect("it is read once");
        reader.join().expect("no panic");
        std::mem::take(&mut *self.taken.lock().unwrap())
    }

    /// Ends the server at once.
    pub fn kill(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Drop for SmtpServer {
    fn drop(&mut self) {
        self.kill();
    }
}
