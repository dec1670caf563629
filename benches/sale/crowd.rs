//! Runs of `stampede`. A run whose audit finds a violation ends the bench.

use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

use super::server::{PASSWORD, Server};

/// A run that has not started.
pub struct Crowd {
    command: Command,
    duration: &'static str,
    directory: tempfile::TempDir,
}

/// A run in progress.
pub struct UnderWay {
    child: Child,
    directory: tempfile::TempDir,
}

/// The results of a run.
pub struct Figures(Value);

impl Crowd {
    /// A run against this server, for a few seconds.
    pub fn new(server: &Server, arguments: &[&str]) -> Self {
        let directory = tempfile::tempdir().expect("a directory");
        let mut command = Command::new(env!("CARGO_BIN_EXE_stampede"));
        command
            .args(arguments)
            .args(["--target", &server.url()])
            .arg("--json")
            .arg(directory.path().join("figures.json"))
            .env("ADMITONE_ADMIN_PASSWORD", PASSWORD)
            .env_remove("ADMITONE_ADMIN_EMAIL")
            .stdin(Stdio::null())
            .stdout(Stdio::null());
        if !arguments.contains(&"--buyers") {
            command.args(["--buyers", "100"]);
        }
        Self { command, duration: "6s", directory }
    }

    /// Sets the duration of the run.
    pub fn lasting(self, duration: &'static str) -> Self {
        Self { duration, ..self }
    }

    pub fn start(mut self) -> UnderWay {
        let log = self.directory.path().join("log");
        let log = std::fs::File::create(log).expect("a file");
        let command = self.command.args(["--duration", self.duration]).stderr(log);
        let child = command.spawn().expect("stampede starts");
        UnderWay { child, directory: self.directory }
    }

    /// Runs to the end.
    pub fn run(self) -> Figures {
        self.start().end()
    }
}

impl UnderWay {
    fn log(&self) -> String {
        std::fs::read_to_string(self.directory.path().join("log")).unwrap_or_default()
    }

    /// Waits until the run sends its load.
    pub fn until_under_way(&self) {
        let started = Instant::now();
        while !self.log().contains("done/s") {
            assert!(started.elapsed() < Duration::from_secs(120), "{}", self.log());
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// Waits for the end of the run. A generator that was late voids its own figures; its delay is
    /// shown.
    pub fn end(mut self) -> Figures {
        const VOID: i32 = 3;
        let status = self.child.wait().expect("it ends");
        assert!(matches!(status.code(), Some(0 | VOID)), "{status}: {}", self.log());
        let json = std::fs::read(self.directory.path().join("figures.json")).expect("its figures");
        Figures(serde_json::from_slice(&json).expect("JSON"))
    }
}

impl Figures {
    fn number(&self, path: &str) -> f64 {
        self.0.pointer(path).and_then(Value::as_f64).unwrap_or(f64::NAN)
    }

    /// Successes per second.
    pub fn rate(&self, step: &str) -> f64 {
        self.number(&format!("/operations/{step}/successesPerSecond"))
    }

    pub fn p50_ms(&self, step: &str) -> f64 {
        self.number(&format!("/operations/{step}/latency/p50Us")) / 1_000.0
    }

    pub fn p99_ms(&self, step: &str) -> f64 {
        self.number(&format!("/operations/{step}/latency/p99Us")) / 1_000.0
    }

    pub fn refusal_ms(&self, step: &str, quantile: &str) -> f64 {
        self.number(&format!("/operations/{step}/refusalLatency/{quantile}")) / 1_000.0
    }

    /// Turned-away requests per second.
    pub fn turned_away_rate(&self, step: &str) -> f64 {
        let by_code = self.0.pointer(&format!("/operations/{step}/turnedAway"));
        let by_code = by_code.and_then(Value::as_object).into_iter().flatten();
        let all = by_code.filter_map(|(_, count)| count.as_f64()).fold(0.0, |all, one| all + one);
        all / self.number("/measuredSeconds")
    }

    pub fn lag_p99_ms(&self) -> f64 {
        self.number("/generatorLag/p99Us") / 1_000.0
    }
}
