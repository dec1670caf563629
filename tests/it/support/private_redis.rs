//! A Redis server of one test, to be stopped, frozen and emptied while it is in use.

use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use tempfile::TempDir;

/// A server, removed with its data when it is dropped.
pub struct PrivateRedis {
    dir: TempDir,
    port: u16,
    arguments: Vec<String>,
    process: Option<Child>,
}

impl PrivateRedis {
    /// Starts an empty server without a password.
    pub fn start() -> Self {
        Self::start_with(&[])
    }

    /// Starts an empty server with these additional arguments.
    pub fn start_with(arguments: &[&str]) -> Self {
        let dir =
            tempfile::Builder::new().prefix("admitone-redis-").tempdir().expect("a directory");
        let arguments = arguments.iter().map(|&argument| argument.into()).collect();
        let mut server = Self { dir, port: free_port(), arguments, process: None };
        server.up();
        server
    }

    pub fn port(&self) -> u16 {
        self.port
    }

    pub fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    /// Returns its URL, with these credentials before the `@`.
    pub fn url_as(&self, credentials: &str) -> String {
        format!("redis://{credentials}@127.0.0.1:{}", self.port)
    }

    /// Ends the server at once, as in a crash: its data is lost.
    pub fn stop(&mut self) {
        if let Some(mut process) = self.process.take() {
            process.kill().expect("it can be killed");
            process.wait().expect("it ends");
        }
    }

    /// Starts an empty server at the same address as before, and waits until it listens.
    pub fn up(&mut self) {
        let mut command = Command::new("redis-server");
        command.args(["--port", &self.port.to_string(), "--bind", "127.0.0.1", "--save", ""]);
        command.args(["--appendonly", "no", "--dir"]).arg(self.dir.path());
        command.args(&self.arguments);
        command.stdin(Stdio::null()).stdout(Stdio::null());
        self.process = Some(command.spawn().expect("redis-server is installed: use tests/run"));
        let up = (0..4_000).any(|_| {
            let listens = TcpStream::connect(("127.0.0.1", self.port)).is_ok();
            if !listens {
                std::thread::sleep(Duration::from_millis(5));
            }
            listens
        });
        assert!(up, "redis-server did not start");
    }

    /// Starts the server with other arguments.
    pub fn start_again_with(&mut self, arguments: &[&str]) {
        self.arguments = arguments.iter().map(|&argument| argument.into()).collect();
        self.up();
    }

    /// Stops it from answering while its connections stay open, as on a machine that is cut off.
    pub fn freeze(&self) {
        self.signal("-STOP");
    }

    /// Lets the frozen server go on.
    pub fn thaw(&self) {
        self.signal("-CONT");
    }

    fn signal(&self, signal: &str) {
        let process = self.process.as_ref().expect("it runs");
        let sent = Command::new("kill").args([signal, &process.id().to_string()]).status();
        assert!(sent.expect("kill can be run").success());
    }
}

impl Drop for PrivateRedis {
    fn drop(&mut self) {
        if let Some(process) = &mut self.process {
            // The process may have ended already.
            let _ = process.kill();
            let _ = process.wait();
        }
    }
}

/// Finds a port below 55,000, as cluster servers also use the port that is ten thousand higher.
fn free_port() -> u16 {
    let free = || TcpListener::bind("127.0.0.1:0")?.local_addr().map(|address| address.port());
    let low = (0..1_000).find_map(|_| free().ok().filter(|port| *port < 55_000));
    low.expect("a free port")
}
