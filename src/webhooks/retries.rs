//! When a message that was not delivered is sent again, as Standard Webhooks suggests: at once, and
//! then more and more rarely over three days.

use std::time::Duration;

use crate::random;

const fn minutes(minutes: u64) -> Duration {
    Duration::from_secs(minutes * 60)
}

/// The pauses between the attempts, without jitter; 75.6 hours in all. After the last, a message
/// that was not delivered is parked.
pub const RETRIES: [Duration; 9] = [
    Duration::from_secs(5),
    minutes(5),
    minutes(30),
    minutes(2 * 60),
    minutes(5 * 60),
    minutes(10 * 60),
    minutes(14 * 60),
    minutes(20 * 60),
    minutes(24 * 60),
];

/// The longest pause that an endpoint may ask for with `Retry-After`.
pub const MAX_RETRY_AFTER: Duration = minutes(24 * 60);

/// Returns the pause after the attempt of this number, which counts from 1, with up to a fifth more
/// at random; `None` if it was the last. `asked` is what the endpoint's `Retry-After` says: the
/// longer of both counts.
#[must_use]
pub fn pause_after(attempt: u32, asked: Option<Duration>) -> Option<Duration> {
    let index = usize::try_from(attempt.max(1) - 1).unwrap_or(usize::MAX);
    let pause = *RETRIES.get(index)?;
    let longest_jitter = u64::try_from(pause.as_millis() / 5).unwrap_or(u64::MAX);
    let pause = pause + Duration::from_millis(random::within(0..=longest_jitter));
    Some(pause.max(asked.unwrap_or_default().min(MAX_RETRY_AFTER)))
}

/// True if no attempt follows this one.
#[must_use]
pub fn is_last(attempt: u32) -> bool {
    usize::try_from(attempt).is_ok_and(|attempt| attempt > RETRIES.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pauses_grow_to_three_days_in_all() {
        assert!(RETRIES.is_sorted());
        let all: Duration = RETRIES.iter().sum();
        assert!(all > minutes(72 * 60) && all < minutes(80 * 60), "{all:?}");
        for (attempt, pause) in (1..).zip(RETRIES) {
            let jittered = pause_after(attempt, None).unwrap();
            assert!((pause..=pause.mul_f64(1.21)).contains(&jittered), "{attempt}: {jittered:?}");
            assert!(!is_last(attempt));
        }
        assert_eq!(pause_after(10, None), None);
        assert!(is_last(10) && is_last(u32::MAX) && !is_last(0));
        assert_eq!(pause_after(1, Some(minutes(7))), Some(minutes(7)));
        assert_eq!(pause_after(1, Some(minutes(100_000))), Some(MAX_RETRY_AFTER));
        assert!(pause_after(9, Some(Duration::ZERO)).unwrap() >= minutes(24 * 60));
    }
}
