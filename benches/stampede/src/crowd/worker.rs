//! The state shared by the buyers of one thread, and their requests: each is sent, timed, retried
//! under its key until its outcome is known, and kept for the audit.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::{Arc, Mutex, Once};
use std::time::Duration;

use rand::rngs::SmallRng;
use rand::{RngExt, SeedableRng};
use serde::Deserialize;
use tokio::sync::SemaphorePermit;
use tokio::time::Instant;

use super::WorkerResult;
use super::pool::Pool;
use crate::api::{LIMITED, LIMITS_ARE_ON, request};
use crate::buyer::seat_map::SeatMaps;
use crate::connection::{Answer, Failure};
use crate::ledger::{Answered, Asked, Entry};
use crate::listener::Acknowledged;
use crate::measure::{End, Figures, Op, Sent};
use crate::people::{Told, Watch};
use crate::say;
use crate::setup::Plan;
use admitone::inventory::TimestampMs;

/// The pause before the first retry of a request; each later pause is twice the one before.
const FIRST_PAUSE: Duration = Duration::from_millis(20);
const LONGEST_PAUSE: Duration = Duration::from_secs(1);
/// Number of violations that are kept with their text.
const MAX_VIOLATIONS: usize = 100;

/// The outcome of a request.
#[derive(Debug)]
pub enum Known {
    /// 2xx, with the body; or 304, which has none.
    Success(Answer),
    /// Refused, with the code of the answer.
    Refused(String),
    /// The outcome cannot be determined.
    Unknown,
}

/// A request to be made.
#[derive(Clone, Debug)]
#[expect(missing_docs, reason = "the names say it")]
pub struct Wish<'a> {
    pub op: Op,
    pub buyer: u32,
    pub method: &'a str,
    pub path: &'a str,
    pub body: &'a str,
    /// For a change: the number from which its idempotency key is made.
    pub number: Option<u64>,
    pub etag: Option<&'a str>,
    /// The pass of a waiting room.
    pub pass: Option<&'a str>,
    /// The time at which the request was meant to be sent, since the start of the run.
    pub meant: Duration,
}

/// The part of the crowd that runs on one thread.
pub struct Worker {
    /// The plan shared by all workers.
    pub plan: Arc<Plan>,
    /// The number of this worker.
    pub index: u32,
    /// Start of the run.
    pub started: Instant,
    /// Number of unfinished journeys.
    pub under_way: Cell<u32>,
    /// Number of requests made.
    pub requests: Cell<u64>,
    /// True once no more journeys begin.
    pub is_closed: Cell<bool>,
    /// True once the run is over.
    pub is_ending: Cell<bool>,
    /// The times at which holds were acknowledged, for listeners.
    pub acknowledged: Arc<Acknowledged>,
    /// What the workers share about a waiting room.
    pub watch: Arc<Watch>,
    /// The pass that a person of this worker used last.
    pub passes: RefCell<Option<Box<str>>>,
    /// The seat maps last read by buyers.
    pub maps: SeatMaps,
    figures: Arc<Mutex<Figures>>,
    entries: RefCell<Vec<Entry>>,
    told: RefCell<Vec<Told>>,
    violations: RefCell<Vec<String>>,
    pool: Pool,
    numbers: Cell<u64>,
    rng: RefCell<SmallRng>,
}

#[derive(Deserialize)]
struct FailureBody<'a> {
    #[serde(borrow)]
    error: FailureCode<'a>,
}

#[derive(Deserialize)]
struct FailureCode<'a> {
    code: &'a str,
}

impl Worker {
    pub(super) fn new(
        plan: Arc<Plan>,
        index: u32,
        started: Instant,
        figures: Arc<Mutex<Figures>>,
        acknowledged: Arc<Acknowledged>,
        watch: Arc<Watch>,
    ) -> Self {
        let options = &plan.options;
        let seed = options.seed.wrapping_add(u64::from(index));
        let most = super::share(options.connections, index, options.threads).max(1);
        let pool = Pool::new(&plan.addresses, most);
        Self {
            index,
            started,
            under_way: Cell::new(0),
            requests: Cell::new(0),
            is_closed: Cell::new(false),
            is_ending: Cell::new(false),
            acknowledged,
            watch,
            passes: RefCell::default(),
            maps: SeatMaps::default(),
            figures,
            entries: RefCell::default(),
            told: RefCell::default(),
            violations: RefCell::default(),
            pool,
            // The worker number is the upper part of each request number.
            numbers: Cell::new(u64::from(index) << 40),
            rng: RefCell::new(SmallRng::seed_from_u64(seed)),
            plan,
        }
    }

    /// The time since the start of the run.
    #[must_use]
    pub fn now(&self) -> Duration {
        self.started.elapsed()
    }

    /// A random value from this worker's generator.
    pub fn draw<T>(&self, from: impl FnOnce(&mut SmallRng) -> T) -> T {
        from(&mut self.rng.borrow_mut())
    }

    /// A random event, with the probabilities of the plan.
    #[must_use]
    pub fn any_event(&self) -> usize {
        let part: f64 = self.draw(RngExt::random);
        let found = self.plan.cumulative.partition_point(|sum| *sum < part);
        found.min(self.plan.events.len() - 1)
    }

    /// A number that no other request of the run has.
    #[must_use]
    pub fn number(&self) -> u64 {
        self.numbers.set(self.numbers.get() + 1);
        self.numbers.get()
    }

    /// Records a violation by the server.
    pub fn violation(&self, what: String) {
        let mut violations = self.violations.borrow_mut();
        if violations.len() < MAX_VIOLATIONS {
            violations.push(what);
        }
    }

    /// Updates the worker's figures.
    pub fn with_figures(&self, count: impl FnOnce(&mut Figures)) {
        count(&mut self.figures.lock().expect("nobody panics while counting"));
    }

    /// Opens an entry of the run's journal: from here on the request counts as sent, even if it is
    /// not answered.
    #[must_use]
    pub fn note(&self, buyer: u32, event: usize, number: u64, asked: Asked) -> usize {
        let mut entries = self.entries.borrow_mut();
        let event = u32::try_from(event).expect("at most 100,000 events");
        entries.push(Entry { buyer, event, number, asked, answered: Answered::Unknown });
        entries.len() - 1
    }

    /// Records the answer of an entry.
    pub fn answered(&self, entry: usize, answered: Answered) {
        self.entries.borrow_mut()[entry].answered = answered;
    }

    /// Keeps what a person was told.
    pub fn tell(&self, told: Told) {
        self.told.borrow_mut().push(told);
    }

    /// A time of the run, by the server's clock.
    #[must_use]
    pub fn server_ms(&self, at: Duration) -> TimestampMs {
        let since = i64::try_from(at.as_millis()).unwrap_or(i64::MAX);
        self.plan.starts_at_ms.saturating_add(since)
    }

    /// Makes a request, and retries it under its key while its outcome is unclear.
    pub async fn ask(&self, wish: Wish<'_>) -> Known {
        self.requests.set(self.requests.get() + 1);
        let key = wish.number.map(|number| self.plan.header.key(number));
        let mut preferred = wish.buyer as usize % self.pool.targets();
        let mut pause = FIRST_PAUSE;
        let mut sent = Sent::First;
        let mut is_doubtful = false;
        let give_up = self.now() + self.plan.options.place.timeout;
        loop {
            let again = match self.target(&wish, preferred, is_doubtful, give_up).await {
                Some((target, _permit)) => match self.exchange(&wish, key.as_deref(), target).await
                {
                    Ok(answer) => match self.judge(&wish, answer, sent, is_doubtful) {
                        Some(known) => return known,
                        None => {
                            is_doubtful = true;
                            true
                        }
                    },
                    Err(failure) => {
                        self.count(&wish, End::Error(failure.name()), sent);
                        is_doubtful |= !matches!(failure, Failure::NotConnected(_));
                        preferred = (target + 1) % self.pool.targets();
                        // Reads are not retried: the buyer's next read replaces them.
                        wish.number.is_some()
                    }
                },
                None => {
                    self.count(&wish, End::Error("no target answers"), sent);
                    false
                }
            };
            // Once no more journeys begin, a request that certainly had no effect is not retried.
            let is_vain = self.is_closed.get() && !is_doubtful;
            if !again || is_vain || self.now() >= give_up || self.is_ending.get() {
                return match is_doubtful && wish.number.is_some() {
                    true => Known::Unknown,
                    false => Known::Refused("no connection".into()),
                };
            }
            sent = Sent::Again;
            tokio::time::sleep(pause.mul_f64(0.5 + self.chance() / 2.0)).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }

    /// A target that answers, as far as known, and a permit for a connection to it. Changes wait
    /// for a target; reads do not.
    async fn target(
        &self,
        wish: &Wish<'_>,
        preferred: usize,
        is_doubtful: bool,
        give_up: Duration,
    ) -> Option<(usize, SemaphorePermit<'_>)> {
        loop {
            let asked = self.now();
            let permit = self.pool.permit().await;
            let now = self.now();
            let wait = match self.pool.states.choose(preferred, now, self.chance()) {
                Ok(target) => {
                    let waited = now.saturating_sub(asked);
                    self.with_figures(|figures| figures.waits.record(waited));
                    return Some((target, permit));
                }
                Err(wait) => wait,
            };
            drop(permit);
            let is_vain = self.is_closed.get() && !is_doubtful;
            if wish.number.is_none() || is_vain || self.is_ending.get() || now >= give_up {
                return None;
            }
            self.pool.wait_for_a_target(wait.min(give_up.saturating_sub(now))).await;
        }
    }

    /// Waits until this target may be used.
    pub async fn until_it_may_answer(&self, target: usize) {
        while let Err(wait) = self.pool.states.may_ask(target, self.now(), self.chance()) {
            self.pool.wait_for_a_target(wait).await;
        }
    }

    /// Records the result of a connection to a target that is not the pool's.
    pub fn heard_of(&self, target: usize, ended: Result<(), &Failure>) {
        match ended {
            Ok(()) => self.pool.answered(target),
            Err(Failure::NotConnected(_)) => {
                self.pool.states.refused(target, self.now(), self.chance());
            }
            Err(_) => {}
        }
    }

    /// A random number from 0 to 1.
    #[must_use]
    pub fn chance(&self) -> f64 {
        self.draw(RngExt::random)
    }

    async fn exchange(
        &self,
        wish: &Wish<'_>,
        key: Option<&str>,
        target: usize,
    ) -> Result<Answer, Failure> {
        let taken = self.pool.take(target).await;
        self.heard_of(target, taken.as_ref().map(|_| ()));
        let mut connection = taken?;
        let token = &self.plan.tokens[wish.buyer as usize];
        let host = self.pool.host(target);
        let mut bytes = request(wish.method, wish.path, host, Some(token), key, wish.body);
        if let Some(etag) = wish.etag {
            add_header(&mut bytes, "If-None-Match", etag);
        }
        if let Some(pass) = wish.pass {
            add_header(&mut bytes, "X-Pass-Token", pass);
        }
        let answer = connection.exchange(&bytes, self.plan.options.place.timeout).await?;
        self.pool.give_back(target, connection);
        Ok(answer)
    }

    /// The outcome that an answer implies; `None` when the outcome of the request remains open.
    fn judge(
        &self,
        wish: &Wish<'_>,
        answer: Answer,
        sent: Sent,
        is_doubtful: bool,
    ) -> Option<Known> {
        let status = answer.head.status;
        if (200..300).contains(&status) || status == 304 {
            self.count(wish, End::Success, sent);
            return Some(Known::Success(answer));
        }
        let code = match serde_json::from_slice::<FailureBody<'_>>(&answer.body) {
            Ok(failure) => failure.error.code,
            Err(_) => {
                self.count(wish, End::Error(&format!("answered {status} without a code")), sent);
                let is_decided = (400..500).contains(&status) || wish.number.is_none();
                return is_decided.then(|| Known::Refused(status.to_string()));
            }
        };
        match status {
            429 | 503 => {
                if code == LIMITED {
                    static SAID: Once = Once::new();
                    SAID.call_once(|| say(LIMITS_ARE_ON));
                }
                self.count(wish, End::TurnedAway(code), sent);
                // Turned away this time; but an earlier attempt may have been carried out, and a
                // payment that has begun may be completed elsewhere.
                let is_begun = status == 503 && wish.op == Op::Pay;
                let is_open = code == "OUTCOME_UNKNOWN" || is_doubtful || is_begun;
                (!(is_open && wish.number.is_some())).then(|| Known::Refused(code.to_owned()))
            }
            // The token has expired since; the answer does not tell whether the earlier attempt was
            // carried out.
            401 if is_doubtful && wish.number.is_some() => {
                self.count(wish, End::Refused(code), sent);
                None
            }
            // The earlier attempt is still in progress.
            409 if code == "IDEMPOTENCY_KEY_IN_PROGRESS"
                || (code == "PAYMENT_IN_PROGRESS" && is_doubtful) =>
            {
                self.count(wish, End::TurnedAway(code), sent);
                None
            }
            400..500 => {
                self.count(wish, End::Refused(code), sent);
                Some(Known::Refused(code.to_owned()))
            }
            _ => {
                self.count(wish, End::Error(code), sent);
                None
            }
        }
    }

    fn count(&self, wish: &Wish<'_>, end: End<'_>, sent: Sent) {
        let now = self.now();
        self.with_figures(|figures| figures.ended(wish.op, wish.meant, now, end, sent));
    }

    pub(super) fn end(self: &Rc<Self>) -> WorkerResult {
        self.is_ending.set(true);
        WorkerResult {
            entries: self.entries.take(),
            told: self.told.take(),
            violations: self.violations.take(),
            unfinished: self.under_way.get(),
        }
    }
}

/// Adds a header to a request, behind its first line.
fn add_header(request: &mut Vec<u8>, name: &str, value: &str) {
    let end = request.windows(2).position(|two| two == b"\r\n").map_or(request.len(), |at| at + 2);
    request.splice(end..end, format!("{name}: {value}\r\n").into_bytes());
}
