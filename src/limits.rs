//! Limits: how many requests a person or a network may send, and how many attempts there are before a
//! lock. Counted in this process, or by all instances together in Redis; while Redis is away, each
//! instance counts by itself with its share of the numbers. This module knows neither HTTP nor accounts.

mod attempts;
mod challenge;
mod class;
mod gcra;
mod key;
mod local;
mod marks;
#[cfg(test)]
mod tests;

use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::time::Duration;

pub use challenge::{BITS, MAX_BITS};
pub use class::{Class, NETWORKS_OF_SITE, Principal, WINDOW};
pub use gcra::{Rate, Standing};

use crate::clock::Clock;
use crate::cluster::{NotRedeemed, Redeem, Since, Take, Tally};
use crate::proof_of_work::{Challenge, Flaw};
use attempts::Attempts;
use challenge::{LimitChallenges, REMEMBERED};
use key::Key;
use local::Local;
use marks::Marked;

/// How long Redis is left alone after a call that failed, so that not every request waits for it.
const LEFT_ALONE: Duration = Duration::from_secs(1);
/// The least time between two warnings that Redis is away.
const WARNED_EVERY: Duration = Duration::from_secs(60);

/// How long something is remembered as counted.
const COUNTED_FOR: Duration = Duration::from_secs(3_600);

/// Returns the number of instances that live.
pub type Instances = Arc<dyn Fn() -> usize + Send + Sync>;

/// The limits of a process.
pub struct Limits {
    clock: Arc<dyn Clock>,
    local: Local,
    shared: Option<Shared>,
    challenges: LimitChallenges,
}

/// What the instances count together.
struct Shared {
    tally: Arc<Tally>,
    instances: Instances,
    /// True if the last call failed.
    is_away: AtomicBool,
    /// Monotonic milliseconds.
    away_until_ms: AtomicU64,
    warned_until_ms: AtomicU64,
}

/// A proof of work that is good for its challenge.
struct Shown {
    class: Class,
    /// What tells it from all others.
    used: [u8; 16],
    /// The count of the network's proofs, and the most of them for which this one is hard enough.
    proofs: (Key, u32),
    /// What is counted.
    key: Key,
    rate: Rate,
    limit: u32,
}

impl Shown {
    /// Returns the debt at this rate that stays before the request; `None` if it stays as it is.
    fn left_us(&self, rate: Rate) -> Option<u64> {
        match self.class.is_paid_singly() {
            true => None,
            false => Some(rate.debt_of(rate.burst.saturating_sub(u64::from(self.limit)))),
        }
    }
}

impl Limits {
    /// Limits that this process counts alone; `secret` signs challenges.
    #[must_use]
    pub fn alone(secret: &str, clock: Arc<dyn Clock>) -> Self {
        let challenges = LimitChallenges::new(secret);
        let local = Local::new(REMEMBERED, COUNTED_FOR);
        Self { clock, local, shared: None, challenges }
    }

    /// Limits that all instances of a cluster count together.
    #[must_use]
    pub fn shared(
        secret: &str,
        clock: Arc<dyn Clock>,
        tally: Arc<Tally>,
        instances: Instances,
    ) -> Self {
        let (away_until_ms, warned_until_ms) = (AtomicU64::new(0), AtomicU64::new(0));
        let is_away = AtomicBool::new(false);
        let shared = Shared { tally, instances, is_away, away_until_ms, warned_until_ms };
        Self { shared: Some(shared), ..Self::alone(secret, clock) }
    }

    /// True if this process counts alone what the instances should count together: Redis did not answer last.
    #[must_use]
    pub fn is_cut_off(&self) -> bool {
        self.shared.as_ref().is_some_and(|shared| shared.is_away.load(Relaxed))
    }

    /// Counts a request; `None` if requests of this class are not counted.
    pub async fn count(&self, class: Class, of: Principal) -> Option<Standing> {
        self.ask(class, of, true).await
    }

    /// Returns what the limit would say to a request now, without counting one.
    pub async fn look(&self, class: Class, of: Principal) -> Option<Standing> {
        self.ask(class, of, false).await
    }

    async fn ask(&self, class: Class, of: Principal, counts: bool) -> Option<Standing> {
        let (rate, key) = (class.rate(of)?, Key::of(class.as_str(), of));
        let mut now = self.clock.monotonic();
        let mut share = rate;
        if let Some(shared) = self.shared.as_ref().filter(|_| class.is_shared()) {
            let name = key.name();
            let Rate { interval_us, burst } = rate;
            let take = Take { key: &name, interval_us, burst, counts };
            if let Some((is_within, debt_us)) = shared.try_call(now, shared.tally.take(take)).await
            {
                return Some(rate.standing(is_within, debt_us));
            }
            share = rate.shared_by(shared.instances());
            // Requests that have waited in vain are counted in the order in which they go on.
            now = self.clock.monotonic();
        }
        Some(match counts {
            true => self.local.take(key, share, now),
            false => self.local.look(key, share, now),
        })
    }

    /// Returns a challenge whose proof lets a network that is over its limit go on. It asks for more work
    /// the more proofs the network has shown of late.
    pub async fn challenge(&self, class: Class, network: IpAddr) -> Challenge {
        let (key, now) = (proofs_of(class, network), self.clock.monotonic());
        let mut proofs = None;
        if let Some(shared) = &self.shared {
            let name = key.name();
            proofs = shared.try_call(now, shared.tally.proofs(&name)).await;
        }
        let proofs = proofs.unwrap_or_else(|| self.local.attempts.count(key, now));
        let bits = challenge::bits_after(proofs);
        self.challenges.issue((class, network), bits, self.clock.now_ms())
    }

    /// Counts a request of a network that is over its limit and shows a proof of work. The request itself is
    /// within the limit then; with most classes the network gets a fresh allowance of one limit too.
    ///
    /// # Errors
    /// [`Flaw`]: the proof does not count, was used before, or is too easy by now.
    pub async fn redeem(
        &self,
        class: Class,
        network: IpAddr,
        proof: &str,
    ) -> Result<Option<Standing>, Flaw> {
        let of = Principal::Network(network);
        let (Some(rate), Some(limit)) = (class.rate(of), class.limit(of)) else { return Ok(None) };
        let (used, bits) = self.challenges.check(class, network, proof, self.clock.now_ms())?;
        let (key, now) = (Key::of(class.as_str(), of), self.clock.monotonic());
        let proofs = (proofs_of(class, network), challenge::proofs_for(bits));
        let shown = Shown { class, used, proofs, key, rate, limit };
        // Before Redis is asked: it may have been away, or have lost its memory, when the proof was used.
        if self.local.used.has(used, now) {
            return Err(Flaw::NotYours);
        }
        // A proof counts once for all instances, also where each counts the requests by itself.
        let mut answer = None;
        if let Some(shared) = &self.shared {
            let (mark, name, count) = (hex(used), key.name(), proofs.0.name());
            let left = shown.left_us(rate).filter(|_| class.is_shared());
            let redeem = Redeem {
                proof: (&mark, REMEMBERED),
                proofs: (&count, proofs.1, WINDOW),
                limit: (&name, rate.interval_us, left),
            };
            answer = shared.try_call(now, shared.tally.redeem(redeem)).await;
        }
        self.settle(&shown, answer, now).map(Some)
    }

    /// Decides about a proof that was not used here, given the answer of Redis if there is one.
    fn settle(
        &self,
        shown: &Shown,
        answer: Option<Result<u64, NotRedeemed>>,
        now: Duration,
    ) -> Result<Standing, Flaw> {
        let Shown { class, used, proofs, key, rate, .. } = *shown;
        if let Some(redeemed) = answer {
            let debt_us = redeemed.map_err(flaw_of)?;
            // Redis may be away when it is shown again. Half of the room is left for that time, and a
            // proof that finds none is good: Redis knows it.
            if self.local.used.set_if_roomy(used, now) == Marked::Again {
                return Err(Flaw::NotYours);
            }
            return Ok(match class.is_shared() {
                true => rate.standing(true, debt_us),
                false => self.local.pay(key, rate, shown.left_us(rate), now),
            });
        }
        // One that is too easy takes no room.
        let too_many = proofs.1.saturating_add(1);
        if self.local.attempts.count(proofs.0, now) >= too_many {
            return Err(Flaw::TooEasy);
        }
        // Better refuse a good proof than take one twice.
        if self.local.used.set(used, now) != Marked::First {
            return Err(Flaw::NotYours);
        }
        if self.local.attempts.attempt(proofs.0, (too_many, WINDOW), now).is_err() {
            return Err(Flaw::TooEasy);
        }
        let share = self.shared.as_ref().filter(|_| class.is_shared());
        let share = share.map_or(rate, |shared| rate.shared_by(shared.instances()));
        Ok(self.local.pay(key, share, shown.left_us(share), now))
    }

    /// Counts an attempt at something of this kind, unless there were `max` already: counted before it is
    /// known how it ends, so that those at once are all counted in time. Returns how many there are with
    /// it; an attempt counts for `life` after the last one, so that `max` of them are a lock.
    ///
    /// # Errors
    /// The time for which there can be no more.
    pub async fn attempt(
        &self,
        kind: &'static str,
        what: &[u8],
        most: (u32, Duration),
    ) -> Result<u32, Duration> {
        self.count_one(&self.local.attempts, Key::hashed(kind, what), most).await
    }

    /// Counts one more of this kind; false if there were `max` within a window that began with the first
    /// of them. While Redis is away, each instance allows as many by itself.
    pub async fn may_have(
        &self,
        kind: &'static str,
        what: &[u8],
        (max, window): (u32, Duration),
    ) -> bool {
        let key = Key::hashed(kind, what);
        self.count_one(&self.local.windows, key, (max, window)).await.is_ok()
    }

    async fn count_one(
        &self,
        local: &Attempts,
        key: Key,
        most: (u32, Duration),
    ) -> Result<u32, Duration> {
        let now = self.clock.monotonic();
        if let Some(shared) = &self.shared {
            let name = key.name();
            let call = shared.tally.attempt(&name, most, local.since());
            if let Some(counted) = shared.try_call(now, call).await {
                return counted;
            }
        }
        local.attempt(key, most, now)
    }

    /// True if this is asked about something for the first time within an hour: for what may be tried again
    /// and counts once. More than fit into memory may count twice.
    pub async fn is_first(&self, kind: &'static str, what: &[u8]) -> bool {
        let (key, now) = (Key::hashed(kind, what), self.clock.monotonic());
        if let Some(shared) = &self.shared {
            let name = key.name();
            let call = shared.tally.attempt(&name, (1, COUNTED_FOR), Since::First);
            if let Some(counted) = shared.try_call(now, call).await {
                return counted.is_ok();
            }
        }
        self.local.counted.set_anyway(key, now)
    }

    /// Takes an attempt back that did not happen after all.
    pub async fn undo(&self, kind: &'static str, what: &[u8]) {
        self.take_back(&self.local.attempts, Key::hashed(kind, what)).await;
    }

    /// Takes back what [`Self::may_have`] counted and did not happen after all.
    pub async fn give_back(&self, kind: &'static str, what: &[u8]) {
        self.take_back(&self.local.windows, Key::hashed(kind, what)).await;
    }

    async fn take_back(&self, local: &Attempts, key: Key) {
        local.undo(key);
        if let Some(shared) = &self.shared {
            let name = key.name();
            let _ = shared.try_call(self.clock.monotonic(), shared.tally.undo(&name)).await;
        }
    }

    /// Forgets the attempts, after one that ended well.
    pub async fn forget(&self, kind: &'static str, what: &[u8]) {
        let (key, now) = (Key::hashed(kind, what), self.clock.monotonic());
        self.local.attempts.forget(key);
        if let Some(shared) = &self.shared {
            let name = key.name();
            let _ = shared.try_call(now, shared.tally.forget(&name)).await;
        }
    }
}

impl Shared {
    /// Asks Redis; `None` if it does not answer, or did not a moment ago.
    async fn try_call<T, E: std::fmt::Display>(
        &self,
        now: Duration,
        call: impl Future<Output = Result<T, E>>,
    ) -> Option<T> {
        let now_ms = millis(now);
        if now_ms < self.away_until_ms.load(Relaxed) {
            return None;
        }
        match call.await {
            Ok(answer) => {
                if self.is_away.load(Relaxed) {
                    self.is_away.store(false, Relaxed);
                }
                Some(answer)
            }
            Err(error) => {
                self.is_away.store(true, Relaxed);
                self.away_until_ms.store(now_ms + millis(LEFT_ALONE), Relaxed);
                let warned_until_ms = self.warned_until_ms.load(Relaxed);
                if now_ms >= warned_until_ms {
                    self.warned_until_ms.store(now_ms + millis(WARNED_EVERY), Relaxed);
                    tracing::warn!(%error, "limits are counted by this instance alone");
                }
                None
            }
        }
    }

    fn instances(&self) -> u64 {
        (self.instances)().max(1) as u64
    }
}

/// Returns the key under which the proofs of a network are counted.
fn proofs_of(class: Class, network: IpAddr) -> Key {
    Key::hashed("proofs", format!("{} {network}", class.as_str()).as_bytes())
}

fn flaw_of(refused: NotRedeemed) -> Flaw {
    match refused {
        NotRedeemed::Used => Flaw::NotYours,
        NotRedeemed::TooEasy => Flaw::TooEasy,
    }
}

fn hex(bytes: [u8; 16]) -> String {
    format!("{:032x}", u128::from_be_bytes(bytes))
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}
