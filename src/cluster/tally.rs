//! Counts that all instances share in Redis: requests within a limit, attempts before a lock, proofs that
//! were used. They need not outlive a restart of Redis: every key has a time to live of minutes.

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

    /// Marks a proof as used for `life`, and leaves a limit no more than so much debt; false if the proof
    /// was used before.
    ///
    /// # Errors
    /// [`LeaseError`] if Redis does not answer.
    pub async fn redeem(
        &self,
        (proof, life): (&str, Duration),
        (limit, debt_us): (&str, u64),
    ) -> Result<bool, LeaseError> {
        let mut call = self.redeem.key(self.key("used", proof));
        call.key(self.key("limit", limit)).arg(millis(life)).arg(debt_us);
        Ok(self.run::<u8>(&call).await? == 1)
    }

    /// Counts an attempt, unless there were `max` already. Returns how many there are with it, or the time
    /// for which there can be no more.
    ///
    /// # Errors
    /// [`LeaseError`] if Redis does not answer.
    pub async fn attempt(
        &self,
        key: &str,
        max: u32,
        life: Duration,
    ) -> Result<Result<u32, Duration>, LeaseError> {
        let mut call = self.attempt.key(self.key("attempts", key));
        call.arg(max).arg(millis(life));
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
