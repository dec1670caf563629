//! The real server as a process of its own, which can be killed at any moment and started again at
//! the same address.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use admitone::accounts::{Caller, Role, Tokens};
use admitone::clock::SystemClock;
use admitone::ids::UserId;
use serde_json::json;
use tempfile::TempDir;

use crate::support::customers::Customer;
use crate::support::test_db::eventually;
use crate::support::tls;

pub const SECRET: &str = "a secret of the tests, long enough to be taken for one";
const ADMIN_EMAIL: &str = "admin@example.com";
const ADMIN_PASSWORD: &str = "correct horse battery staple";

/// A server, running or not.
pub struct Server {
    pub base: String,
    database_url: String,
    settings: Vec<(String, String)>,
    subcommand: &'static str,
    files: Option<u32>,
    port: u16,
    dir: TempDir,
    child: Option<Child>,
    mint: Arc<Mint>,
    client: reqwest::Client,
}

impl Server {
    /// Returns a server on a migrated database, started and ready.
    pub async fn start(database_url: &str) -> Self {
        let mut server = Self::with_settings(database_url, &[]);
        server.start_again();
        server.until_ready().await;
        server
    }

    /// Returns a server that is not started yet, with these additional settings.
    pub fn with_settings(database_url: &str, settings: &[(&str, String)]) -> Self {
        tls::install();
        let port = free_port();
        let clock = Arc::new(SystemClock::new());
        Self {
            base: format!("http://127.0.0.1:{port}"),
            settings: settings
                .iter()
                .map(|(name, value)| ((*name).to_owned(), value.clone()))
                .collect(),
            database_url: database_url.to_owned(),
            subcommand: "serve",
            files: None,
            port,
            dir: tempfile::tempdir().expect("a temporary directory"),
            child: None,
            mint: Arc::new(Mint {
                tokens: Tokens::new(SECRET, Duration::from_secs(3_600), clock),
                admin: OnceLock::new(),
                port,
            }),
            client: reqwest::Client::builder()
                .timeout(Duration::from_secs(5))
                .build()
                .expect("a client"),
        }
    }

    /// Makes it a worker.
    pub fn into_worker(mut self) -> Self {
        self.subcommand = "worker";
        self
    }

    /// Returns the port that the server listens on.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Adds a setting for the next start.
    pub fn set(&mut self, name: &str, value: String) {
        self.settings.push((name.to_owned(), value));
    }

    /// Limits the open files of the process from the next start on: the hard limit is `files`, the
    /// soft limit half of it.
    pub fn limit_files(&mut self, files: u32) {
        self.files = Some(files);
    }

    /// Returns the resident memory of the process, in bytes.
    pub fn resident(&self) -> u64 {
        let child = self.child.as_ref().expect("it runs");
        let status = std::fs::read_to_string(format!("/proc/{}/status", child.id()));
        let status = status.expect("Linux says how its processes are");
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let kib = line.and_then(|line| line.trim().strip_suffix(" kB"));
        kib.and_then(|kib| kib.parse::<u64>().ok()).expect("a number of KiB") * 1_024
    }

    /// Serves metrics from the next start on; returns the port.
    pub fn show_metrics(&mut self) -> u16 {
        let port = free_port();
        self.set("ADMITONE_METRICS_LISTEN", format!("127.0.0.1:{port}"));
        port
    }

    /// Sends a signal to the process, such as `-STOP` or `-CONT`.
    pub fn signal(&self, signal: &str) {
        let child = self.child.as_ref().expect("it runs");
        let sent = Command::new("kill").args([signal, &child.id().to_string()]).status();
        assert!(sent.expect("kill is there").success());
    }

    /// Returns everything that the process has written.
    pub fn written(&self) -> String {
        std::fs::read_to_string(self.log()).unwrap_or_default()
    }

    /// Waits until a started process ends by itself; returns whether it ended well.
    pub async fn until_ended(&mut self) -> bool {
        let mut child = self.child.take().expect("it was started");
        let mut ended = None;
        eventually("the server ends by itself", async || {
            ended = child.try_wait().expect("our own process can be waited for");
            ended.is_some()
        })
        .await;
        ended.is_some_and(|status| status.success())
    }

    /// Returns the path of the server's output, which is shown when a test fails.
    fn log(&self) -> PathBuf {
        self.dir.path().join("log")
    }

    /// Starts the process; does not wait until it is ready.
    pub fn start_again(&mut self) {
        assert!(self.child.is_none(), "it runs");
        let log = std::fs::File::options()
            .create(true)
            .append(true)
            .open(self.log())
            .expect("the log can be written");
        let child = self
            .command(&[self.subcommand])
            .stdin(Stdio::null())
            .stdout(log.try_clone().expect("one file, two streams"))
            .stderr(log)
            .spawn()
            .expect("the server starts");
        self.child = Some(child);
    }

    /// Returns a command of the same program with the same settings.
    pub fn command(&self, arguments: &[&str]) -> Command {
        let program = env!("CARGO_BIN_EXE_admitone");
        let mut command = match self.files {
            None => Command::new(program),
            Some(files) => {
                let soft = files / 2;
                let limited =
                    format!("ulimit -Sn {soft} && ulimit -Hn {files} && exec \"$0\" \"$@\"");
                let mut shell = Command::new("sh");
                shell.args(["-c", &limited, program]);
                shell
            }
        };
        command
            .args(arguments)
            .current_dir(self.dir.path())
            .env("DATABASE_URL", &self.database_url)
            .env("ADMITONE_LISTEN", format!("127.0.0.1:{}", self.port))
            .env("ADMITONE_METRICS_LISTEN", "off")
            .env("ADMITONE_DATA_DIR", self.dir.path().join("data"))
            .env("ADMITONE_JWT_SECRET", SECRET)
            .env("ADMITONE_ADMIN_EMAIL", ADMIN_EMAIL)
            .env("ADMITONE_ADMIN_PASSWORD", ADMIN_PASSWORD)
            .env("ADMITONE_DEMO", "false")
            .env("ADMITONE_WALLET_SELF_CHARGE", "true")
            // Refusals must not depend on the load of the machine.
            .env("ADMITONE_LATENCY_TARGET", "off")
            .env("ADMITONE_RATE_LIMITS", "off")
            .env("ADMITONE_TRUSTED_PROXIES", "none")
            .env("ADMITONE_MAIL", "off")
            .env("ADMITONE_MAX_PER_CUSTOMER", "off")
            .env("ADMITONE_LOG", "warn")
            .env_remove("REDIS_URL")
            .envs(self.settings.iter().cloned());
        command
    }

    /// Kills the process with SIGKILL and waits for its end.
    pub fn kill(&mut self) {
        let mut child = self.child.take().expect("it runs");
        child.kill().expect("our own process can be killed");
        child.wait().expect("it is gone");
    }

    /// Asks the process to stop and waits until it has; returns whether it ended well.
    pub async fn stop(&mut self) -> bool {
        let mut child = self.child.take().expect("it runs");
        let asked = Command::new("kill").args(["-TERM", &child.id().to_string()]).status();
        assert!(asked.expect("kill is there").success());
        let mut ended = None;
        eventually("the server stops", async || {
            ended = child.try_wait().expect("our own process can be waited for");
            ended.is_some()
        })
        .await;
        ended.is_some_and(|status| status.success())
    }

    pub fn is_running(&mut self) -> bool {
        self.child.as_mut().is_some_and(|child| matches!(child.try_wait(), Ok(None)))
    }

    pub async fn until_ready(&mut self) {
        let url = format!("{}/health/ready", self.base);
        let client = self.client.clone();
        let child = self.child.as_mut().expect("it was started");
        eventually("the server is ready", async || {
            if let Ok(Some(status)) = child.try_wait() {
                panic!("the server has ended by itself: {status}");
            }
            client.get(&url).send().await.is_ok_and(|answer| answer.status().is_success())
        })
        .await;
    }

    pub async fn until_unready(&self) {
        let url = format!("{}/health/ready", self.base);
        eventually("the server says that it is not ready", async || {
            self.client.get(&url).send().await.is_ok_and(|answer| answer.status() == 503)
        })
        .await;
    }

    /// Returns the signer of this server's tokens.
    pub fn mint(&self) -> Arc<Mint> {
        Arc::clone(&self.mint)
    }
}

/// Signs tokens with the server's secret, so that 2,000 customers need not register with argon2.
pub struct Mint {
    tokens: Tokens,
    /// The first administrator, once it has logged in.
    admin: OnceLock<UserId>,
    port: u16,
}

impl Mint {
    pub fn customer(&self) -> Customer {
        self.signed(UserId::random())
    }

    /// Returns the first administrator; the server runs.
    pub fn admin(&self) -> Customer {
        self.signed(*self.admin.get_or_init(|| self.id_of_admin()))
    }

    fn signed(&self, user: UserId) -> Customer {
        let token = self.tokens.issue(Caller::account(user, Role::User)).expect("HMAC signs");
        Customer { user, token, pass: None }
    }

    /// Logs in: roles are read from the database, and not from tokens.
    fn id_of_admin(&self) -> UserId {
        let body = json!({"email": ADMIN_EMAIL, "password": ADMIN_PASSWORD}).to_string();
        let request = format!(
            "POST /api/auth/login HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n\
             content-length: {}\r\nconnection: close\r\n\r\n{body}",
            body.len(),
        );
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).expect("the server runs");
        stream.write_all(request.as_bytes()).expect("it reads");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("it answers");
        let (_, id) = answer.split_once("\"id\":\"").expect("the account's id");
        id.get(..36).and_then(|id| id.parse().ok()).expect("a UUID")
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Some(mut child) = self.child.take() {
            // The process may have ended by itself.
            let _ = child.kill();
            let _ = child.wait();
        }
        if std::thread::panicking() {
            let log = std::fs::read_to_string(self.log()).unwrap_or_default();
            let from = log.len().saturating_sub(8_000);
            println!("the server's log ends:\n{}", log.get(from..).unwrap_or(&log));
        }
    }
}

/// Returns a port outside the range that the operating system gives to connections and to port 0,
/// because the port has to be free later as well.
pub fn free_port() -> u16 {
    let is_free = |port: &u16| TcpListener::bind(("127.0.0.1", *port)).is_ok();
    let drawn = || rand::random_range(10_000_u16..20_000);
    std::iter::repeat_with(drawn).take(1_000).find(is_free).expect("a free port")
}
