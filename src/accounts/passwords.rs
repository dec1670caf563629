//! Passwords: hashed with argon2id on threads of low priority, and a bounded number at a time, since
//! each takes 19 MiB and tens of milliseconds. The queue (`passwords/queue.rs`) determines the order.

mod queue;

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{PasswordHasher, PasswordVerifier};
use argon2::{Algorithm, Argon2, Params, Version};
use tokio::sync::oneshot;

pub(super) use queue::Place;
use queue::{Purpose, Queue, Turn};

use super::AccountError;
use crate::clock::Clock;
use crate::quiet_threads::{QuietThreads, Share};
use crate::store::NO_PASSWORD;

/// OWASP's first choice for argon2id: 19 MiB, two passes, one lane.
/// <https://cheatsheetseries.owasp.org/cheatsheets/Password_Storage_Cheat_Sheet.html>
const MEMORY_KIB: u32 = 19 * 1_024;
const PASSES: u32 = 2;
/// How many of the last hashing times are remembered.
const TIMES: usize = 32;
/// The hashing time assumed while none was measured.
const USUALLY: Duration = Duration::from_millis(40);

/// Hashes and verifies passwords.
pub(super) struct Passwords {
    hashers: Arc<Hashers>,
}

struct Hashers {
    max: usize,
    threads: QuietThreads,
    runtime: tokio::runtime::Handle,
    clock: Arc<dyn Clock>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    queue: Queue<Task>,
    at_work: usize,
    /// The last hashing times.
    took: VecDeque<Duration>,
}

type Answer<T> = oneshot::Sender<Result<T, AccountError>>;

/// A password to hash, and the channel for the answer.
enum Task {
    Hash { password: String, answer: Answer<String> },
    Compare { password: String, with: Option<String>, answer: Answer<bool> },
}

impl Passwords {
    /// Hashes at most `max` passwords at a time; timers run on `runtime`.
    pub(super) fn new(max: usize, runtime: tokio::runtime::Handle, clock: Arc<dyn Clock>) -> Self {
        let threads = QuietThreads::new(max, Share::Third);
        let state = Mutex::default();
        Self { hashers: Arc::new(Hashers { max, threads, runtime, clock, state }) }
    }

    /// Returns the hash to store for a new account's password, as a PHC string with its own salt.
    pub(super) async fn hash_first(
        &self,
        from: Place,
        password: String,
    ) -> Result<String, AccountError> {
        let (answer, answered) = oneshot::channel();
        let task = Task::Hash { password, answer };
        self.hashers.ask(from, Purpose::Registration, task, answered).await
    }

    /// Returns the hash to store for an account's next password.
    pub(super) async fn hash_next(
        &self,
        from: Place,
        password: String,
    ) -> Result<String, AccountError> {
        let (answer, answered) = oneshot::channel();
        let task = Task::Hash { password, answer };
        self.hashers.ask(from, Purpose::Known, task, answered).await
    }

    /// True if the password is the one that was hashed. Without a hash (or with an empty one, of a
    /// closed account, or the mark of an account without a password) the answer takes as long.
    pub(super) async fn verify(
        &self,
        from: Place,
        password: String,
        hash: Option<String>,
    ) -> Result<bool, AccountError> {
        let with = hash.filter(|hash| !hash.is_empty() && hash != NO_PASSWORD);
        let purpose = if with.is_some() { Purpose::Known } else { Purpose::Unknown };
        let (answer, answered) = oneshot::channel();
        let task = Task::Compare { password, with, answer };
        self.hashers.ask(from, purpose, task, answered).await
    }
}

impl Hashers {
    async fn ask<T>(
        self: &Arc<Self>,
        from: Place,
        purpose: Purpose,
        task: Task,
        answered: oneshot::Receiver<Result<T, AccountError>>,
    ) -> Result<T, AccountError> {
        let pushed = self.state().queue.push(from, purpose, task);
        pushed.map_err(|_task| AccountError::Busy)?;
        self.start();
        answered.await.map_err(failed)?
    }

    /// Starts tasks as long as there are free threads.
    fn start(self: &Arc<Self>) {
        while let Some(turn) = self.next() {
            match turn {
                Turn::Work(task) => {
                    let busy = Busy(Arc::clone(self));
                    // A client that disconnects does not stop the thread.
                    self.threads.start(move || busy.carry_out(task));
                }
                Turn::Pretend(task) => {
                    let takes = self.state().usual_time();
                    self.runtime.spawn(async move {
                        tokio::time::sleep(takes).await;
                        task.refuse();
                    });
                }
            }
        }
    }

    /// Returns the next task whose caller still waits, if a thread is free.
    fn next(&self) -> Option<Turn<Task>> {
        let mut state = self.state();
        while state.at_work < self.max {
            match state.queue.pop()? {
                Turn::Work(task) | Turn::Pretend(task) if task.is_abandoned() => {}
                Turn::Work(task) => {
                    state.at_work += 1;
                    return Some(Turn::Work(task));
                }
                pretend @ Turn::Pretend(_) => return Some(pretend),
            }
        }
        None
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Returns one of the last hashing times, at random.
    fn usual_time(&self) -> Duration {
        match self.took.len() {
            0 => USUALLY,
            known => self.took[rand::random_range(0..known)],
        }
    }
}

/// A thread at work. Dropping it starts the next task, also after a panic.
struct Busy(Arc<Hashers>);

impl Busy {
    fn carry_out(self, task: Task) {
        let started = self.0.clock.monotonic();
        task.carry_out();
        let took = self.0.clock.monotonic().saturating_sub(started);
        let mut state = self.0.state();
        if state.took.len() == TIMES {
            state.took.pop_front();
        }
        state.took.push_back(took);
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        self.0.state().at_work -= 1;
        self.0.start();
    }
}

impl Task {
    fn is_abandoned(&self) -> bool {
        match self {
            Self::Hash { answer, .. } => answer.is_closed(),
            Self::Compare { answer, .. } => answer.is_closed(),
        }
    }

    /// Sends the answer. A caller that has stopped waiting misses it.
    fn carry_out(self) {
        match self {
            Self::Hash { password, answer } => drop(answer.send(hash(&password))),
            Self::Compare { password, with, answer } => {
                drop(answer.send(compare(&password, with.as_deref())));
            }
        }
    }

    fn refuse(self) {
        match self {
            Self::Hash { answer, .. } => drop(answer.send(Err(AccountError::Busy))),
            Self::Compare { answer, .. } => drop(answer.send(Ok(false))),
        }
    }
}

fn hash(password: &str) -> Result<String, AccountError> {
    let hash = argon2()?.hash_password(password.as_bytes()).map_err(failed)?;
    Ok(hash.to_string())
}

fn compare(password: &str, with: Option<&str>) -> Result<bool, AccountError> {
    let kept = match with {
        Some(hash) => hash,
        None => nobody(),
    };
    let hash = PasswordHash::new(kept).map_err(failed)?;
    let is_it = argon2()?.verify_password(password.as_bytes(), &hash).is_ok();
    Ok(is_it && with.is_some())
}

fn argon2() -> Result<Argon2<'static>, AccountError> {
    let params = Params::new(MEMORY_KIB, PASSES, 1, None).map_err(failed)?;
    Ok(Argon2::new(Algorithm::Argon2id, Version::V0x13, params))
}

fn failed(error: impl std::fmt::Display) -> AccountError {
    AccountError::Internal(format!("a password could not be hashed: {error}"))
}

/// Returns 120 random bits in letters and digits that are not easily confused.
#[must_use]
pub fn generated_password() -> String {
    const ALPHABET: &[u8; 32] = b"abcdefghijkmnpqrstuvwxyz23456789";
    let random: [u8; 24] = rand::random();
    random.iter().map(|byte| char::from(ALPHABET[usize::from(byte % 32)])).collect()
}

/// Returns the hash of a random password that no account has.
fn nobody() -> &'static str {
    static HASH: OnceLock<String> = OnceLock::new();
    HASH.get_or_init(|| {
        let random: [u8; 16] = rand::random();
        let hash = argon2()
            .ok()
            .and_then(|argon2| argon2.hash_password(&random).ok().map(|hash| hash.to_string()));
        hash.unwrap_or_default()
    })
}
