//! The load balancer of `deploy/`, with only its ports changed, in front of a real server.

use std::net::{SocketAddr, TcpListener};
use std::process::{Child, Command, Stdio};

use admitone::config::Config;
use reqwest::Client;
use serde_json::Value;
use tempfile::TempDir;

use crate::dashboards::path;
use crate::support::test_app::TestApp;
use crate::support::test_db::{TestDb, eventually};

/// The most open files that systemd and many shells allow a process.
const FILES: &str = "--nofile=20000:20000";

/// An HAProxy process, ended when it is dropped.
pub struct Balancer {
    process: Child,
    pub base: String,
    _dir: TempDir,
}

impl Balancer {
    /// Starts it with server `a` at this address; `b` and `c` refuse connections. Until it has found
    /// that out, requests may be answered 503.
    pub fn start(a: SocketAddr) -> Self {
        Self::start_with(a, "127.0.0.1:1")
    }

    /// Starts it with server `a` alone.
    pub fn alone(a: SocketAddr) -> Self {
        Self::start_with(a, "127.0.0.1:1 disabled")
    }

    fn start_with(a: SocketAddr, others: &str) -> Self {
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let config = std::fs::read_to_string(path("deploy/haproxy.cfg")).unwrap();
        let mut moved = config.replace("bind :8080", &format!("bind 127.0.0.1:{port}"));
        for (name, address) in
            [("a", a.to_string()), ("b", others.to_owned()), ("c", others.to_owned())]
        {
            let server = format!("server {name} {name}:8080");
            assert!(moved.contains(&server), "{server} is not in the configuration");
            moved = moved.replace(&server, &format!("server {name} {address}"));
        }
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("haproxy.cfg");
        std::fs::write(&file, moved).unwrap();
        let process = Command::new("prlimit")
            .args([FILES, "haproxy", "-f"])
            .arg(&file)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("haproxy is installed: use tests/run");
        Self { process, base: format!("http://127.0.0.1:{port}"), _dir: dir }
    }
}

impl Drop for Balancer {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_balancer_starts_at_a_file_limit_of_20000_and_sends_to_who_is_ready() {
    let set = |config: &mut Config| {
        config.rate_limits = true;
        config.trusted_proxies = Some("127.0.0.1".parse().unwrap());
    };
    let mut app = TestApp::with(TestDb::sqlite().await).config(set).start().await;
    let mut balancer = Balancer::start(app.running().address);
    let (client, base) = (Client::new(), balancer.base.clone());
    let get = async |path: &str| client.get(format!("{base}{path}")).send().await;
    eventually("an answer comes through", async || {
        assert!(balancer.process.try_wait().unwrap().is_none(), "it has ended");
        get("/api/events").await.is_ok_and(|answer| answer.status() == 200)
    })
    .await;
    // Clients cannot reach the paths that instances use among themselves, in any spelling.
    for internal in ["/internal/", "/internal/ask", "/%69nternal/ask"] {
        assert_eq!(get(internal).await.unwrap().status(), 404, "{internal}");
    }
    // It says where its clients are, and passes on nothing that they say of it themselves.
    let mut nth = 0;
    eventually("the clients of one address are beyond its limit", async || {
        nth += 1;
        let claimed = format!("203.0.113.{nth}");
        let confirm =
            client.post(format!("{base}/api/auth/email/confirm")).body(r#"{"token":"no"}"#);
        let confirm = confirm.header("Content-Type", "application/json");
        let confirm = confirm.header("Forwarded", format!("for={claimed}"));
        let answer = confirm.header("X-Forwarded-For", claimed).send().await.unwrap();
        answer.status() == 429
    })
    .await;
    app.shutdown().await;
    eventually("nobody is ready", async || {
        get("/api/events").await.is_ok_and(|answer| answer.status() == 503)
    })
    .await;
    let answer = get("/api/events").await.unwrap();
    assert_eq!(answer.headers()["retry-after"], "1");
    let body: Value = answer.json().await.unwrap();
    assert_eq!((&body["success"], &body["error"]["code"]), (&false.into(), &"NOT_READY".into()));
}
