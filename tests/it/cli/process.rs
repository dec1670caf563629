//! The program as a process: started, called, stopped, killed.

use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Output, Stdio};
use std::time::Duration;

/// The exit code and the output of a process.
pub struct Ended {
    pub code: i32,
    pub out: String,
    pub err: String,
}

impl From<Output> for Ended {
    fn from(output: Output) -> Self {
        Self {
            // A process killed by a signal has no code.
            code: output.status.code().unwrap_or(-1),
            out: String::from_utf8_lossy(&output.stdout).into_owned(),
            err: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }
}

/// Returns a command for the program with these environment variables and no other settings.
fn command(arguments: &[&str], environment: &[(&str, &str)]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_admitone"));
    command.args(arguments);
    for (name, _) in std::env::vars() {
        if name.starts_with("ADMITONE_") || name == "DATABASE_URL" || name == "REDIS_URL" {
            command.env_remove(name);
        }
    }
    command.envs(environment.iter().copied()).stdin(Stdio::null());
    command
}

/// Runs the program to its end.
pub fn finished(arguments: &[&str], environment: &[(&str, &str)]) -> Ended {
    command(arguments, environment).output().expect("the program runs").into()
}

/// Runs a command on a data directory.
pub fn on_data(data_dir: &Path, arguments: &[&str]) -> Ended {
    let data_dir = data_dir.to_str().expect("a plain path");
    let arguments: Vec<&str> = arguments.iter().copied().chain(["--data-dir", data_dir]).collect();
    finished(&arguments, &[])
}

/// A server that has printed its banner.
pub struct Admitone {
    child: Option<Child>,
    pub banner: String,
    rest: Option<BufReader<ChildStdout>>,
}

impl Admitone {
    /// Returns the arguments that start a server on a data directory and any free ports.
    pub fn arguments(data_dir: &Path) -> Vec<String> {
        let data_dir = data_dir.to_str().expect("a plain path");
        ["--data-dir", data_dir, "--listen", "127.0.0.1:0", "--metrics-listen", "127.0.0.1:0"]
            .map(str::to_owned)
            .to_vec()
    }

    pub fn start(data_dir: &Path, environment: &[(&str, &str)]) -> Self {
        let arguments = Self::arguments(data_dir);
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        let mut command = command(&arguments, environment);
        let mut child = command
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the program runs");
        let mut out = BufReader::new(child.stdout.take().expect("it is piped"));
        let mut banner = String::new();
        let last =
            if environment.contains(&("ADMITONE_DEMO", "false")) { "set)" } else { "/api/tickets" };
        while !banner.contains(last) {
            if out.read_line(&mut banner).expect("text") == 0 {
                let mut err = String::new();
                let _ = child.stderr.take().expect("it is piped").read_to_string(&mut err);
                panic!("it ended before it was ready: {banner}{err}");
            }
        }
        Self { child: Some(child), banner, rest: Some(out) }
    }

    pub fn line_with(&self, text: &str) -> Option<String> {
        self.banner.lines().find(|line| line.contains(text)).map(str::to_owned)
    }

    pub fn event(&self) -> &str {
        let rest = self.banner.split("EVENT=").nth(1).expect("the banner names the demo");
        rest.split_whitespace().next().expect("an id")
    }

    fn api(&self) -> &str {
        let rest = self.banner.split("API ").nth(1).expect("the banner names the address");
        rest.split_whitespace().next().expect("a URL")
    }

    /// Returns the output of a shell script; `$API` is the server's URL.
    pub fn shell(&self, script: &str) -> String {
        let output = Command::new("bash")
            .args(["-c", script])
            .env("API", self.api())
            .output()
            .expect("a shell");
        let ended = Ended::from(output);
        assert_eq!(ended.err, "", "{}", ended.out);
        ended.out
    }

    /// Stops the server with SIGTERM.
    pub fn stop(mut self) -> Ended {
        let child = self.child.take().expect("it runs");
        signal(&child, "TERM");
        // Read to the end, or a process that writes a lot would block on a full pipe.
        let mut out = String::new();
        let mut rest = self.rest.take().expect("it is piped");
        rest.read_to_string(&mut out).expect("text");
        wait(child)
    }

    /// Kills the server, as a power cut would.
    pub fn kill(mut self) {
        let mut child = self.child.take().expect("it runs");
        child.kill().expect("it runs");
        child.wait().expect("it ends");
    }
}

impl Drop for Admitone {
    fn drop(&mut self) {
        if let Some(child) = &mut self.child {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

fn signal(child: &Child, name: &str) {
    let pid = child.id().to_string();
    let status = Command::new("kill").args([&format!("-{name}"), &pid]).status();
    assert!(status.expect("kill runs").success());
}

fn wait(mut child: Child) -> Ended {
    let ended = (0..3_000).any(|_| {
        std::thread::sleep(Duration::from_millis(10));
        child.try_wait().expect("it can be asked").is_some()
    });
    assert!(ended, "it does not stop");
    child.wait_with_output().expect("it has ended").into()
}
