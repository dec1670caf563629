//! A Prometheus of one test, which scrapes the given ports and answers queries over HTTP.

use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use serde_json::Value;
use tempfile::TempDir;

use crate::support::test_db::eventually;

/// A server, removed with its data when it is dropped.
pub struct PrivatePrometheus {
    dir: TempDir,
    base: String,
    process: Child,
    client: reqwest::Client,
}

impl PrivatePrometheus {
    /// Starts a Prometheus that scrapes these ports as the job `admitone`, twice a second, and
    /// evaluates the rules in these files; waits until it answers.
    pub async fn start(ports: &[u16], rules: &Path) -> Self {
        let dir = tempfile::Builder::new().prefix("admitone-prometheus-").tempdir();
        let dir = dir.expect("a directory");
        let targets: Vec<String> = ports.iter().map(|port| format!("'127.0.0.1:{port}'")).collect();
        let config = format!(
            "global: {{ scrape_interval: 500ms, scrape_timeout: 500ms, evaluation_interval: 500ms }}\n\
             rule_files: ['{}/*.yml']\n\
             scrape_configs:\n  - job_name: admitone\n    static_configs: [{{ targets: [{}] }}]\n",
            rules.display(),
            targets.join(", ")
        );
        let file = dir.path().join("prometheus.yml");
        std::fs::write(&file, config).expect("it can be written");
        let port = free_port();
        let log = std::fs::File::create(dir.path().join("log")).expect("it can be written");
        let process = Command::new("prometheus")
            .arg(format!("--config.file={}", file.display()))
            .arg(format!("--storage.tsdb.path={}", dir.path().join("data").display()))
            .arg(format!("--web.listen-address=127.0.0.1:{port}"))
            .arg("--log.level=warn")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .expect("prometheus is installed: use tests/run");
        crate::support::tls::install();
        let client = reqwest::Client::builder().timeout(Duration::from_secs(10)).build();
        let client = client.expect("a client");
        let mut server = Self { dir, base: format!("http://127.0.0.1:{port}"), process, client };
        server.until_ready().await;
        server
    }

    async fn until_ready(&mut self) {
        let url = format!("{}/-/ready", self.base);
        let (client, process) = (self.client.clone(), &mut self.process);
        eventually("Prometheus is ready", async || {
            if let Ok(Some(status)) = process.try_wait() {
                panic!("Prometheus has ended by itself: {status}");
            }
            client.get(&url).send().await.is_ok_and(|answer| answer.status().is_success())
        })
        .await;
    }

    /// Returns the result of a query at this moment: its series, each with a value.
    ///
    /// # Errors
    /// Prometheus's own error message.
    pub async fn query(&self, query: &str) -> Result<Vec<Value>, String> {
        let answer = self.get("/api/v1/query", &[("query", query)]).await;
        if answer["status"] != "success" {
            return Err(answer["error"].as_str().unwrap_or("no reason given").to_owned());
        }
        Ok(answer["data"]["result"].as_array().cloned().unwrap_or_default())
    }

    /// Returns all rules, in the order of their files.
    pub async fn rules(&self) -> Vec<Value> {
        let answer = self.get("/api/v1/rules", &[]).await;
        let groups = answer["data"]["groups"].as_array().cloned().unwrap_or_default();
        let rules = groups.iter().flat_map(|group| group["rules"].as_array().cloned());
        rules.flatten().collect()
    }

    async fn get(&self, path: &str, parameters: &[(&str, &str)]) -> Value {
        let url = reqwest::Url::parse_with_params(&format!("{}{path}", self.base), parameters);
        let answer = self.client.get(url.expect("a URL")).send().await.expect("an answer");
        answer.json().await.expect("JSON")
    }
}

impl Drop for PrivatePrometheus {
    fn drop(&mut self) {
        // The process may have ended already.
        let _ = self.process.kill();
        let _ = self.process.wait();
        if std::thread::panicking() {
            let log = std::fs::read_to_string(self.dir.path().join("log")).unwrap_or_default();
            println!("Prometheus's log:\n{log}");
        }
    }
}

fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    listener.local_addr().expect("an address").port()
}
