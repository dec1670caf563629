//! A Postgres server of one test, to be stopped and started while it is in use.

use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use sea_orm::sqlx::{self, Connection, PgConnection};
use tempfile::TempDir;

use crate::support::test_db::eventually;
use crate::support::tls;

/// The directory of `initdb` and `pg_ctl`; `tests/run` sets it.
pub const BIN: &str = "ADMITONE_TEST_PG_BIN";

/// A server, removed with its data when it is dropped.
pub struct PrivatePostgres {
    bin: PathBuf,
    dir: TempDir,
    port: u16,
    /// Settings of the form `name=value`.
    settings: &'static [&'static str],
}

impl PrivatePostgres {
    /// Creates a database cluster and starts it; commits are durable, as in production.
    pub fn start() -> Self {
        Self::start_with(&[])
    }

    /// The same, with settings that differ from the defaults.
    pub fn start_with(settings: &'static [&'static str]) -> Self {
        tls::install();
        let dir = tempfile::Builder::new().prefix("admitone-pg-").tempdir().expect("a directory");
        let bin = bin_dir();
        let server = Self { bin, dir, port: free_port(), settings };
        if is_root() {
            // Postgres refuses to run as root.
            server.must(Command::new("chown").arg("postgres").arg(server.dir.path()));
        }
        let data = server.data();
        let mut init = server.command("initdb");
        init.args(["--username=postgres", "--auth=trust", "--no-sync", "--pgdata"]).arg(&data);
        server.must(&mut init);
        server.up();
        server
    }

    /// Returns the URL of the default database.
    pub fn url(&self) -> String {
        format!("postgres://postgres@127.0.0.1:{}/postgres", self.port)
    }

    pub fn port(&self) -> u16 {
        self.port
    }

    /// Stops at once, as a crash does: sessions are cut, and recovery follows at the next start.
    pub fn stop(&self) {
        let mut stop = self.command("pg_ctl");
        stop.args(["stop", "--wait", "--mode=immediate", "--pgdata"]).arg(self.data());
        self.must(&mut stop);
    }

    /// Kills one of its sessions: the server cuts all others too, recovers from the data on the
    /// disk, and is back within a fraction of a second.
    pub async fn crash(&self) {
        let mut session = PgConnection::connect(&self.url()).await.expect("it answers");
        let pid = sqlx::query_scalar("SELECT pg_backend_pid()").fetch_one(&mut session).await;
        let pid: i32 = pid.expect("a session has a process");
        let mut witness = PgConnection::connect(&self.url()).await.expect("it answers");
        self.must(Command::new("kill").args(["-KILL", &pid.to_string()]));
        // Until the server has noticed, it accepts connections that it then cuts with all others.
        eventually("every session is cut", async || witness.ping().await.is_err()).await;
    }

    /// Starts the server and waits until it answers.
    pub fn up(&self) {
        let mut start = self.command("pg_ctl");
        let socket = self.dir.path().display();
        let mut options = format!("-p {} -c listen_addresses=127.0.0.1 -k {socket}", self.port);
        for setting in self.settings {
            options.push_str(" -c ");
            options.push_str(setting);
        }
        let log = self.dir.path().join("server.log");
        start.args(["start", "--wait", "--pgdata"]).arg(self.data()).arg("--log").arg(log);
        start.args(["--options", &options]);
        self.must(&mut start);
    }

    fn data(&self) -> PathBuf {
        self.dir.path().join("data")
    }

    /// Returns a command for a program of Postgres, as a user that may run it.
    fn command(&self, program: &str) -> Command {
        let program = self.bin.join(program);
        if !is_root() {
            return Command::new(program);
        }
        let mut command = Command::new("runuser");
        command.args(["-u", "postgres", "--"]).arg(program);
        command
    }

    fn must(&self, command: &mut Command) {
        // The server that pg_ctl starts would inherit a pipe and keep it open for good.
        let command = command.stdin(Stdio::null()).stdout(Stdio::null()).current_dir("/");
        let status = command.status().expect("the program can be run");
        assert!(status.success(), "{command:?} ended with {status}");
    }
}

impl Drop for PrivatePostgres {
    fn drop(&mut self) {
        let mut stop = self.command("pg_ctl");
        stop.args(["stop", "--wait", "--mode=immediate", "--pgdata"]).arg(self.data());
        // The server may be stopped already; the data is removed either way.
        let _ = stop.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).status();
    }
}

fn bin_dir() -> PathBuf {
    let dir = std::env::var(BIN).unwrap_or_else(|_| {
        panic!("this test starts a Postgres of its own ({BIN} is not set): run it with tests/run")
    });
    let dir = PathBuf::from(dir);
    assert!(dir.join("initdb").exists(), "{BIN} has no initdb in it");
    dir
}

fn is_root() -> bool {
    std::fs::metadata("/proc/self").is_ok_and(|own| std::os::unix::fs::MetadataExt::uid(&own) == 0)
        && Path::new("/proc/self").exists()
}

fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    listener.local_addr().expect("an address").port()
}
