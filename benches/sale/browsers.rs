//! People who look at the sale in browsers: each follows the event's stream, and opens its page with
//! the files, the seats and the start page again and again.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// The pause of a person between two pages.
const LOOKING: Duration = Duration::from_millis(2_000);

/// Browsers that are open.
pub struct Browsers {
    ended: Arc<AtomicBool>,
    threads: Vec<JoinHandle<Seen>>,
}

/// What the browsers saw.
#[derive(Default)]
pub struct Seen {
    /// The duration of each page, in milliseconds.
    pub pages_ms: Vec<f64>,
    /// Answers without a page.
    pub failed: usize,
    /// Bytes of the streams.
    pub streamed: usize,
}

impl Browsers {
    /// Opens browsers on the newest event.
    pub fn open(server: SocketAddr, count: usize) -> Self {
        let event = newest_event(server);
        let ended = Arc::new(AtomicBool::new(false));
        let start = |number: usize| {
            let (ended, event) = (Arc::clone(&ended), event.clone());
            std::thread::spawn(move || look(server, &event, number, &ended))
        };
        Self { threads: (0..count).map(start).collect(), ended }
    }

    /// Closes the browsers.
    pub fn close(self) -> Seen {
        self.ended.store(true, Ordering::Relaxed);
        let mut all = Seen::default();
        for thread in self.threads {
            let seen = thread.join().expect("it does not panic");
            all.pages_ms.extend(seen.pages_ms);
            all.failed += seen.failed;
            all.streamed += seen.streamed;
        }
        all
    }
}

fn look(server: SocketAddr, event: &str, number: usize, ended: &AtomicBool) -> Seen {
    let mut seen = Seen::default();
    // They do not all look in the same moment.
    std::thread::sleep(LOOKING.mul_f64((number % 20) as f64 / 20.0));
    let page = format!("/events/{event}");
    let mut stream = TcpStream::connect(server).expect("the server listens");
    let request = format!("GET /api/events/{event}/stream HTTP/1.1\r\nHost: bench\r\n\r\n");
    stream.write_all(request.as_bytes()).expect("the server reads");
    stream.set_read_timeout(Some(Duration::from_millis(50))).expect("a TCP socket");
    while !ended.load(Ordering::Relaxed) {
        for path in [&page, &format!("/api{page}/seat-states"), "/"] {
            let asked = Instant::now();
            match get(server, path) {
                Some(answer) if answer.starts_with("HTTP/1.1 200") => {
                    seen.pages_ms.push(asked.elapsed().as_secs_f64() * 1_000.0);
                }
                _ => seen.failed += 1,
            }
        }
        let until = Instant::now() + LOOKING;
        let mut buffer = [0; 16_384];
        while Instant::now() < until && !ended.load(Ordering::Relaxed) {
            // A timeout only means that nothing has changed.
            seen.streamed += stream.read(&mut buffer).unwrap_or(0);
        }
    }
    seen
}

fn newest_event(server: SocketAddr) -> String {
    let events = get(server, "/api/events").expect("events are listed");
    let id = events.split("\"id\":\"").nth(1).and_then(|rest| rest.split('"').next());
    id.unwrap_or_else(|| panic!("no event: {events}")).to_owned()
}

fn get(address: SocketAddr, path: &str) -> Option<String> {
    let mut stream = TcpStream::connect(address).ok()?;
    stream.set_read_timeout(Some(Duration::from_secs(10))).ok()?;
    let request = format!(
        "GET {path} HTTP/1.1\r\nHost: bench\r\nAccept: text/html\r\nAccept-Encoding: gzip\r\n\
         Connection: close\r\n\r\n"
    );
    stream.write_all(request.as_bytes()).ok()?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).ok()?;
    Some(String::from_utf8_lossy(&answer).into_owned())
}
