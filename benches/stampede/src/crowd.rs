//! The crowd: workers, each a thread with its own connections, figures and part of the run's
//! journal. Workers share no data for which they would wait on each other.

mod pool;
mod targets;
mod worker;

pub use worker::{Known, Wish, Worker};

use std::rc::Rc;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use rand::RngExt;
use tokio::sync::watch;
use tokio::time::Instant;

use super::buyer;
use super::ledger::Entry;
use super::listener::{self, Acknowledged};
use super::measure::{Figures, Window};
use super::options::Load;
use super::people::{self, Told, Watch};
use super::setup::Plan;
use super::timer::Timer;

/// Time that unfinished journeys have to complete when the run ends.
const GRACE: Duration = Duration::from_secs(15);

/// The work that workers must stop.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stop {
    No,
    /// Starting journeys.
    Beginning,
    /// Waiting for unfinished journeys, too.
    Waiting,
}

/// The results of a worker.
#[derive(Debug, Default)]
pub struct WorkerResult {
    /// The worker's part of the run's journal.
    pub entries: Vec<Entry>,
    /// What people were told by a waiting room.
    pub told: Vec<Told>,
    /// Actions of the server that are not allowed, as seen by clients.
    pub violations: Vec<String>,
    /// Number of journeys that were still unfinished at the end of the grace.
    pub unfinished: u32,
}

/// The running workers.
pub struct Crowd {
    threads: Vec<std::thread::JoinHandle<WorkerResult>>,
    /// The figures of each worker, updated continuously.
    pub figures: Vec<Arc<Mutex<Figures>>>,
    stop: watch::Sender<Stop>,
    /// What was seen of a waiting room.
    pub watch: Arc<Watch>,
    /// Start of the run.
    pub started: Instant,
}

impl Crowd {
    /// Starts all workers.
    #[must_use]
    pub fn start(plan: &Arc<Plan>) -> Self {
        let options = &plan.options;
        let window = Window { from: options.warm_up, to: options.warm_up + options.duration };
        let (stop, stopped) = watch::channel(Stop::No);
        let started = Instant::now();
        let acknowledged = Arc::new(Acknowledged::new(plan.events.len()));
        let watched = Arc::new(Watch::over(options.queue.map_or(0, |queue| queue.people)));
        let mut figures = Vec::new();
        let mut threads = Vec::new();
        for index in 0..options.threads {
            let shared = Arc::new(Mutex::new(Figures::new(window)));
            figures.push(Arc::clone(&shared));
            let (plan, stopped) = (Arc::clone(plan), stopped.clone());
            let (acknowledged, watched) = (Arc::clone(&acknowledged), Arc::clone(&watched));
            threads.push(std::thread::spawn(move || {
                let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
                let runtime = runtime.expect("the machine has room for a thread's runtime");
                let worker =
                    Rc::new(Worker::new(plan, index, started, shared, acknowledged, watched));
                tokio::task::LocalSet::new().block_on(&runtime, work(worker, stopped))
            }));
        }
        Self { threads, figures, stop, watch: watched, started }
    }

    /// Stops starting journeys.
    pub fn stop(&self) {
        self.stop.send_replace(Stop::Beginning);
    }

    /// Also stops waiting for answers.
    pub fn give_up(&self) {
        self.stop.send_replace(Stop::Waiting);
    }

    /// True if all workers have ended.
    #[must_use]
    pub fn is_done(&self) -> bool {
        self.threads.iter().all(std::thread::JoinHandle::is_finished)
    }

    /// The results of the workers, once they have ended.
    ///
    /// # Panics
    /// When a worker has panicked.
    #[must_use]
    pub fn join(self) -> Vec<WorkerResult> {
        let join =
            |thread: std::thread::JoinHandle<WorkerResult>| thread.join().expect("workers end");
        self.threads.into_iter().map(join).collect()
    }
}

async fn work(worker: Rc<Worker>, mut stopped: watch::Receiver<Stop>) -> WorkerResult {
    let options = &worker.plan.options;
    let listeners = share(options.listeners, worker.index, options.threads);
    for number in 0..listeners {
        let event = (number * options.threads + worker.index) as usize % worker.plan.events.len();
        tokio::task::spawn_local(listener::listen(Rc::clone(&worker), event));
    }
    tokio::select! {
        () = begin_all(&worker) => {}
        _ = stopped.wait_for(|stop| *stop != Stop::No) => {}
    }
    worker.is_closed.set(true);
    let deadline = Instant::now() + GRACE;
    let patient = || *stopped.borrow() != Stop::Waiting && Instant::now() < deadline;
    while worker.under_way.get() > 0 && patient() {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    worker.end()
}

async fn begin_all(worker: &Rc<Worker>) {
    match worker.plan.options.load {
        Load::Open { .. } => open_loop(worker).await,
        Load::Closed(clients) => closed_loop(worker, clients).await,
        Load::People(_) => people::run(worker).await,
    }
}

/// Starts journeys when they are due, regardless of how long earlier ones take.
async fn open_loop(worker: &Rc<Worker>) {
    let options = &worker.plan.options;
    let end = options.warm_up + options.duration;
    let timer = Timer::new();
    let most = share(options.at_once, worker.index, options.threads).max(1);
    // Workers with evenly spaced arrivals take turns.
    let mut due = if options.is_poisson {
        worker.gap(Duration::ZERO)
    } else {
        worker.gap(Duration::ZERO).mul_f64(f64::from(worker.index + 1) / f64::from(options.threads))
    };
    while due < end {
        timer.sleep_until(worker.started + due).await;
        let now = worker.now();
        while due <= now && due < end {
            if worker.under_way.get() < most {
                begin(worker, due);
            } else {
                worker.with_figures(|figures| figures.dropped += 1);
            }
            due += worker.gap(due);
        }
        // Lets the started journeys send their requests before the next one starts.
        tokio::task::yield_now().await;
    }
}

fn begin(worker: &Rc<Worker>, due: Duration) {
    worker.under_way.set(worker.under_way.get() + 1);
    let worker = Rc::clone(worker);
    tokio::task::spawn_local(async move {
        let lag = worker.now().saturating_sub(due);
        let is_measured = due >= worker.plan.options.warm_up;
        worker.with_figures(|figures| {
            figures.begun += 1;
            if is_measured {
                figures.lag.record(lag);
            }
        });
        buyer::travel(&worker, due).await;
        worker.under_way.set(worker.under_way.get() - 1);
    });
}

/// Runs a number of clients, each of which starts a new journey when the last has ended.
async fn closed_loop(worker: &Rc<Worker>, clients: u32) {
    let options = &worker.plan.options;
    let end = options.warm_up + options.duration;
    let mut tasks = Vec::new();
    for _ in 0..share(clients, worker.index, options.threads) {
        let worker = Rc::clone(worker);
        tasks.push(tokio::task::spawn_local(async move {
            while worker.now() < end && !worker.is_closed.get() {
                worker.under_way.set(worker.under_way.get() + 1);
                worker.with_figures(|figures| figures.begun += 1);
                let before = worker.requests.get();
                buyer::travel(&worker, worker.now()).await;
                worker.under_way.set(worker.under_way.get() - 1);
                if worker.requests.get() == before {
                    // A buyer that made no request must not spin.
                    tokio::time::sleep(Duration::from_millis(10)).await;
                }
            }
        }));
    }
    for task in tasks {
        // The task ends, or is dropped with the worker.
        let _ = task.await;
    }
}

/// The part of `all` that falls to one of several workers.
fn share(all: u32, index: u32, among: u32) -> u32 {
    all / among + u32::from(index < all % among)
}

impl Worker {
    /// The time from one arrival of this worker to the next.
    fn gap(&self, at: Duration) -> Duration {
        let options = &self.plan.options;
        let Load::Open { from, to } = options.load else { return Duration::MAX };
        let measured = at.saturating_sub(options.warm_up).as_secs_f64();
        let part = (measured / options.duration.as_secs_f64()).clamp(0.0, 1.0);
        let rate = (from + (to - from) * part) / f64::from(options.threads);
        let mean = 1.0 / rate;
        let gap = match options.is_poisson {
            // The gaps of a Poisson process are exponentially distributed.
            true => -mean * (1.0 - self.draw(RngExt::random::<f64>)).ln(),
            false => mean,
        };
        Duration::from_secs_f64(gap.min(86_400.0))
    }
}

#[cfg(test)]
mod tests {
    use super::share;

    #[test]
    fn shares_add_up() {
        for (all, among) in [(0, 2), (1, 2), (64, 3), (7, 7), (5, 8)] {
            let sum: u32 = (0..among).map(|index| share(all, index, among)).sum();
            assert_eq!(sum, all);
        }
    }
}
