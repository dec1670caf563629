//! The program itself, in a process of its own, and the values of its metrics.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use super::database::Database;

/// The administrator's password.
pub const PASSWORD: &str = "a password for benches";

pub struct Server {
    api: SocketAddr,
    metrics: SocketAddr,
    child: Child,
    _directory: tempfile::TempDir,
    // Dropped after the process has ended.
    _database: Rc<Database>,
}

impl Server {
    /// Starts a server with this latency target, or the default, on a database of its own.
    pub fn start(postgres: &str, latency_target: Option<&str>) -> Self {
        let server = Self::begin(&Rc::new(Database::new(postgres)), |command| {
            if let Some(target) = latency_target {
                command.env("ADMITONE_LATENCY_TARGET", target);
            }
        });
        server.until_ready();
        server
    }

    /// Starts a number of instances of one cluster, without admission control.
    pub fn start_cluster(postgres: &str, redis: &str, count: usize) -> Vec<Self> {
        let database = Rc::new(Database::new(postgres));
        let begin = |number| {
            Self::begin(&database, |command| {
                command
                    .env("ADMITONE_LATENCY_TARGET", "off")
                    .env("REDIS_URL", redis)
                    .env("ADMITONE_INSTANCE", format!("bench-{number}"))
                    .env("ADMITONE_CLUSTER_SECRET", "a secret of the benched cluster, long enough");
            })
        };
        let servers: Vec<Self> = (1..=count).map(begin).collect();
        servers.iter().for_each(Self::until_ready);
        servers
    }

    fn begin(database: &Rc<Database>, set: impl FnOnce(&mut Command)) -> Self {
        let (api, metrics) = (free_address(), free_address());
        let directory = tempfile::tempdir().expect("a directory");
        let log = std::fs::File::create(directory.path().join("log")).expect("a file");
        let mut command = Command::new(stampede::server_program());
        command
            .current_dir(directory.path())
            .env("DATABASE_URL", database.url())
            .env("ADMITONE_MAIL", "off")
            .env("ADMITONE_RATE_LIMITS", "off")
            .env("ADMITONE_TRUSTED_PROXIES", "none")
            .env_remove("REDIS_URL")
            .env_remove("ADMITONE_BENCH_POSTGRES_URL")
            .env_remove("ADMITONE_BENCH_REDIS_URL")
            .env_remove("ADMITONE_LATENCY_TARGET")
            .env("ADMITONE_LISTEN", api.to_string())
            .env("ADMITONE_METRICS_LISTEN", metrics.to_string())
            .env("ADMITONE_JWT_SECRET", "a secret for benches, of at least thirty-two bytes")
            .env("ADMITONE_ADMIN_PASSWORD", PASSWORD)
            .env("ADMITONE_DEMO", "false")
            .env("ADMITONE_LOG", "error")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log);
        set(&mut command);
        let child = command.spawn().expect("the program starts");
        let _database = Rc::clone(database);
        Self { api, metrics, child, _directory: directory, _database }
    }

    /// Processor time used by the process, in seconds.
    pub fn processor_s(&self) -> f64 {
        // `utime` and `stime` of proc(5) in ticks, of which Linux has a hundred per second. The
        // second field, the name, may contain any characters, and ends with the last parenthesis.
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.child.id()));
        let stat = stat.expect("it runs, on Linux");
        let fields = stat.rsplit(')').next().expect("a name").split_whitespace();
        let ticks = fields.skip(11).take(2).map(|ticks| ticks.parse::<f64>().expect("a number"));
        ticks.sum::<f64>() / 100.0
    }

    pub fn address(&self) -> SocketAddr {
        self.api
    }

    pub fn url(&self) -> String {
        format!("http://{}", self.api)
    }

    fn until_ready(&self) {
        let started = Instant::now();
        while !get(self.api, "/health/ready").is_some_and(|text| text.contains(" 200 OK")) {
            assert!(started.elapsed() < Duration::from_secs(30), "the server does not get ready");
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// The totals counted by the metrics.
    pub fn totals(&self) -> Totals {
        let text = get(self.metrics, "/metrics").expect("metrics are answered");
        let sum = |name: &str| -> f64 {
            let of_name = |line: &&str| {
                line.strip_prefix(name).is_some_and(|rest| rest.starts_with([' ', '{']))
            };
            let lines = text.lines().filter(of_name);
            lines.filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok()).sum()
        };
        Totals {
            batches: sum("admitone_batch_commands_count"),
            commands: sum("admitone_batch_commands_sum"),
            append_s: sum("admitone_journal_append_seconds_sum"),
        }
    }

    /// Scrapes the metrics four times a second until the watch is ended.
    pub fn watch(&self) -> Watch {
        let (metrics, ended) = (self.metrics, Arc::new(AtomicBool::new(false)));
        let is_ended = Arc::clone(&ended);
        let watching = std::thread::spawn(move || {
            let mut watched = Watched::default();
            while !is_ended.load(Ordering::Relaxed) {
                let asked = Instant::now();
                let text = get(metrics, "/metrics").expect("scrapes are answered, also now");
                let took_ms = asked.elapsed().as_secs_f64() * 1_000.0;
                watched.slowest_scrape_ms = watched.slowest_scrape_ms.max(took_ms);
                let memory = "admitone_process_resident_memory_bytes ";
                let bytes = text.lines().find_map(|line| line.strip_prefix(memory)?.parse().ok());
                watched.memory_mb = watched.memory_mb.max(bytes.unwrap_or(0.0) / 1e6);
                std::thread::sleep(Duration::from_millis(250));
            }
            watched
        });
        Watch { ended, watching }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // The process has ended already if it crashed.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A thread that scrapes the metrics.
pub struct Watch {
    ended: Arc<AtomicBool>,
    watching: JoinHandle<Watched>,
}

/// The maxima seen in the scrapes.
#[derive(Default)]
pub struct Watched {
    pub memory_mb: f64,
    pub slowest_scrape_ms: f64,
}

impl Watch {
    pub fn end(self) -> Watched {
        self.ended.store(true, Ordering::Relaxed);
        self.watching.join().expect("it does not panic")
    }
}

/// Totals of the whole process.
pub struct Totals {
    batches: f64,
    commands: f64,
    append_s: f64,
}

impl Totals {
    pub fn since(&self, before: &Self) -> Self {
        Self {
            batches: self.batches - before.batches,
            commands: self.commands - before.commands,
            append_s: self.append_s - before.append_s,
        }
    }

    pub fn batch_commands(&self) -> f64 {
        self.commands / self.batches
    }

    pub fn append_ms(&self) -> f64 {
        self.append_s * 1_000.0 / self.batches
    }
}

fn free_address() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    listener.local_addr().expect("it is bound")
}

fn get(address: SocketAddr, path: &str) -> Option<String> {
    let mut stream = TcpStream::connect(address).ok()?;
    stream.set_read_timeout(Some(Duration::from_secs(10))).ok()?;
    let request = format!("GET {path} HTTP/1.1\r\nHost: bench\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).ok()?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).ok()?;
    Some(String::from_utf8_lossy(&answer).into_owned())
}
