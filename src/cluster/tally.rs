//! Counts that all instances share in Redis: requests within a limit, attempts before a lock, mails to
//! strangers, proofs that were used. They need not outlive a restart of Redis: every key has a time to live,
//! of minutes or of an hour.

use std::time::Duration;

use redis::{FromRedisValue, Script, ScriptInvocation};

use super::lease::redis::link::Link;
use super::lease::{LeaseError, redis_base, redis_client};

/// The longest that an answer is waited for: a request stands behind it.
const TIMEOUT: Duration = Duration::from_millis(150);

/// The counts of all instances with the same Redis and prefix.
pub struct Tally {
    link: Link,
    base: String,
    take: Script,
    redeem: Script,
    proofs: Script,
    attempt: Script,
    undo: Script,
    forget: Script,
}

/// A request of a limit.
#[derive(Clone, Copy, Debug)]
pub struct Take<'a> {
    /// The name of the limit, and of the one that it is about.
    pub key: &'a str,
    /// Microseconds between two requests at the steady rate.
    pub interval_us: u64,
    /// The most requests at once.
    pub burst: u64,
    /// False to only look.
    pub counts: bool,
}

/// A proof of work for a request beyond a limit.
#[derive(Clone, Copy, Debug)]
pub struct Redeem<'a> {
    /// What tells the proof from others, and how long it is remembered.
    pub proof: (&'a str, Duration),
    /// The name of the count of proofs of the same network, the most of them for which this one is hard
    /// enough, and how long they count after the last one.
    pub proofs: (&'a str, u32, Duration),
    /// The name of the limit, its interval, and the microseconds of debt that stay before the request is
    /// counted; with `None` the limit stays as it is.
    pub limit: (&'a str, u64, Option<u64>),
}

/// From when on attempts count for their time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Since {
    /// All of them from the first on, so that there is no more than the most of them in a time and the next.
    First,
    /// All of them from the last on: a lock lasts that long.
    Last,
}

/// Why a proof was not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotRedeemed {
    /// It was used before.
    Used,
    /// There were so many proofs meanwhile that it takes more work.
    TooEasy,
}

impl Tally {
    /// Connects. The connection lives on the caller's runtime, and is made anew whenever it breaks.
    ///
    /// # Errors
    /// [`LeaseError`], as for leases.
    pub async fn connect(url: &str, prefix: &str) -> Result<Self, LeaseError> {
        let client = redis_client(url)
            .map_err(|reason| LeaseError::Unusable(format!("REDIS_URL: the value {reason}")))?;
        let base = redis_base(prefix);
        Ok(Self {
            link: Link::connect(client, base.clone()).await?,
            base,
            take: Script::new(include_str!("tally/take.lua")),
            redeem: Script::new(include_str!("tally/redeem.lua")),
            proofs: Script::new("return redis.call('GET', KEYS[1]) or '0'"),
            attempt: Script::new(include_str!("tally/attempt.lua")),
            undo: Script::new(include_str!("tally/undo.lua")),
            forget: Script::new(include_str!("tally/forget.lua")),
        })
    }

    /// Counts a request. Returns whether it is within the limit, and the debt in microseconds.
    ///
    /// # Errors
    /// [`LeaseError`] if Redis does not answer.
    pub async fn take(&self, take: Take<'_>) -> Result<(bool, u64), LeaseError> {
        let mut call = self.take.key(self.key("limit", take.key));
        call.arg(take.interval_us).arg(take.burst).arg(u8::from(take.counts));
        let (is_within, debt_us): (u8, String) = self.run(&call).await?;
        Ok((is_within == 1, debt_us.parse().unwrap_or(0)))
    }

    /// Marks a proof as used, counts it, and counts its request. Returns the debt in microseconds.
    ///
    /// # Errors
    /// [`LeaseError`] if Redis does not answer.
    pub async fn redeem(
        &self,
        Redeem { proof, proofs, limit }: Redeem<'_>,
    ) -> Result<Result<u64, NotRedeemed>, LeaseError> {
        let mut call = self.redeem.key(self.key("used", proof.0));
        call.key(self.key("limit", limit.0)).key(self.key("attempts", proofs.0));
        call.arg(millis(proof.1)).arg(limit.2.map_or("-1".to_owned(), |left| left.to_string()));
        call.arg(limit.1).arg(proofs.1).arg(millis(proofs.2));
        let (outcome, debt_us): (u8, String) = self.run(&call).await?;
        Ok(match outcome {
            0 => Err(NotRedeemed::Used),
            1 => Ok(debt_us.parse().unwrap_or(0)),
            _ => Err(NotRedeemed::TooEasy),
        })
    }

    /// Returns how many proofs of a network count now.
    ///
    /// # Errors
    /// [`LeaseError`] if Redis does not answer.
    pub async fn proofs(&self, key: &str) -> Result<u32, LeaseError> {
        let call = self.proofs.key(self.key("attempts", key));
        let count: String = self.run(&call).await?;
        Ok(count.parse().unwrap_or(0))
    }

    /// Counts an attempt, unless there were `max` already. Returns how many there are with it, or the time
    /// for which there can be no more.
    ///
    /// # Errors
    /// [`LeaseError`] if Redis does not answer.
    pub async fn attempt(
        &self,
        key: &str,
        (max, life): (u32, Duration),
        since: Since,
    ) -> Result<Result<u32, Duration>, LeaseError> {
        let mut call = self.attempt.key(self.key("attempts", key));
        call.arg(max).arg(millis(life)).arg(u8::from(since == Since::First));
        let (count, left_ms): (u32, u64) = self.run(&call).await?;
        Ok(if count > 0 { Ok(count) } else { Err(Duration::from_millis(left_ms)) })
    }

    /// Takes an attempt back.
    ///
    /// # Errors
    /// [`LeaseError`] if Redis does not answer.
    pub async fn undo(&self, key: &str) -> Result<(), LeaseError> {
        let call = self.undo.key(self.key("attempts", key));
        self.run::<i64>(&call).await.map(drop)
    }

    /// Forgets the attempts.
    ///
    /// # Errors
    /// [`LeaseError`] if Redis does not answer.
    pub async fn forget(&self, key: &str) -> Result<(), LeaseError> {
        let call = self.forget.key(self.key("attempts", key));
        self.run::<u8>(&call).await.map(drop)
    }

    fn key(&self, kind: &str, name: &str) -> String {
        format!("{}{kind}:{name}", self.base)
    }

    async fn run<T: FromRedisValue>(&self, call: &ScriptInvocation<'_>) -> Result<T, LeaseError> {
        match tokio::time::timeout(TIMEOUT, self.link.run(call)).await {
            Ok(answer) => Ok(answer?),
            Err(_) => Err(LeaseError::Away(anyhow::anyhow!("Redis takes too long to answer"))),
        }
    }
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}
