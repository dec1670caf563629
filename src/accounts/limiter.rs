//! A limit on attempts per minute, by name; any text can be a name. The counts are in memory and of
//! this process alone, and bounded, so that invented names cannot fill the memory.

use std::sync::Arc;
use std::time::Duration;

use dashmap::DashMap;

use super::AccountError;
use crate::clock::Clock;

const WINDOW: Duration = Duration::from_secs(60);
/// 64 Ki names take about 4 MiB.
const MAX_NAMES: usize = 65_536;

/// Counts attempts in windows of a minute that start with the first attempt.
pub(super) struct Limiter {
    max: u32,
    clock: Arc<dyn Clock>,
    windows: DashMap<[u8; 16], Window>,
}

#[derive(Clone, Copy)]
struct Window {
    started: Duration,
    attempts: u32,
}

impl Limiter {
    /// Allows at most `max` attempts a minute.
    pub(super) fn new(max: u32, clock: Arc<dyn Clock>) -> Self {
        Self { max, clock, windows: DashMap::new() }
    }

    /// Counts an attempt and checks that it is allowed, in one step: concurrent attempts cannot
    /// exceed the limit.
    ///
    /// # Errors
    /// [`AccountError::Limited`], with the remaining time of the window.
    pub(super) fn attempt(&self, name: &str) -> Result<(), AccountError> {
        match self.counted(name) {
            (_, attempts) if attempts <= self.max => Ok(()),
            (started, _) => {
                let age = self.clock.monotonic().saturating_sub(started);
                Err(AccountError::Limited { retry_after: WINDOW.saturating_sub(age) })
            }
        }
    }

    /// Counts an attempt; returns when its window started, in monotonic time, and the attempts in
    /// it.
    fn counted(&self, name: &str) -> (Duration, u32) {
        let now = self.clock.monotonic();
        if self.windows.len() >= MAX_NAMES {
            self.windows.retain(|_, window| now.saturating_sub(window.started) < WINDOW);
            // Under a flood of names, old names are forgotten so that the memory does not fill.
            if self.windows.len() >= MAX_NAMES {
                self.windows.clear();
            }
        }
        let mut window =
            self.windows.entry(key(name)).or_insert(Window { started: now, attempts: 0 });
        if now.saturating_sub(window.started) >= WINDOW {
            *window = Window { started: now, attempts: 0 };
        }
        window.attempts = window.attempts.saturating_add(1);
        (window.started, window.attempts)
    }

    /// Forgets the attempts of a name that has proved its identity.
    pub(super) fn forget(&self, name: &str) {
        self.windows.remove(&key(name));
    }
}

pub(super) fn key(name: &str) -> [u8; 16] {
    let mut key = [0; 16];
    key.copy_from_slice(&blake3::hash(name.as_bytes()).as_bytes()[..16]);
    key
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::ManualClock;

    #[test]
    fn attempts_are_limited_by_name_until_the_minute_is_over() {
        let clock = Arc::new(ManualClock::at(1_000_000));
        let limiter = Limiter::new(3, clock.clone());
        for _ in 0..3 {
            assert!(limiter.attempt("a").is_ok());
        }
        clock.advance_ms(20_000);
        let Err(AccountError::Limited { retry_after }) = limiter.attempt("a") else {
            panic!("a fourth attempt was allowed");
        };
        assert_eq!(retry_after, Duration::from_secs(40));
        assert!(limiter.attempt("b").is_ok(), "another name is not limited");
        clock.advance_ms(40_000);
        assert!(limiter.attempt("a").is_ok());
        assert_eq!(limiter.windows.get(&key("a")).unwrap().attempts, 1);
        limiter.forget("a");
        limiter.forget("b");
        assert!(limiter.windows.is_empty());
    }

    #[test]
    fn a_flood_of_names_does_not_fill_the_memory() {
        let limiter = Limiter::new(1, Arc::new(ManualClock::at(0)));
        for name in 0..MAX_NAMES + 10 {
            let _ = limiter.attempt(&name.to_string());
        }
        assert!(limiter.windows.len() <= MAX_NAMES);
    }
}
