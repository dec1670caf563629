//! Decides which requests are traced. A caller may request a trace, but a flood of such requests
//! must not slow down a sale: a fixed number per second is granted, and beyond that chance decides,
//! as for all others.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use super::{Context, TraceId};

/// Chances are counted in 56 bits, since that many bits of a trace's id are random.
const WHOLE: f64 = (1_u64 << 56) as f64;

/// The sampling rule of one instance.
#[derive(Debug)]
pub struct Sampling {
    /// Traces whose random part is below this are not recorded. All systems that use this rule
    /// select the same traces.
    from: u64,
    forced_per_second: u32,
    /// The current second, and the number of traces forced in it.
    forced: AtomicU64,
}

impl Sampling {
    /// Records `ratio`, from 0 to 1, of the requests whose caller requests no trace, and all whose
    /// caller requests one, up to `forced_per_second`.
    #[must_use]
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped")]
    pub fn new(ratio: f64, forced_per_second: u32) -> Self {
        let from = ((1.0 - ratio.clamp(0.0, 1.0)) * WHOLE) as u64;
        Self { from, forced_per_second, forced: AtomicU64::new(0) }
    }

    /// True if a trace that began elsewhere is recorded: only if the caller requests it, and not
    /// for that reason alone.
    pub(super) fn follows(&self, parent: &Context, now: Duration) -> bool {
        parent.is_sampled() && (self.by_chance(parent.trace_id) || self.takes_one_more(now))
    }

    pub(super) fn by_chance(&self, trace: TraceId) -> bool {
        trace.chance() >= self.from
    }

    fn takes_one_more(&self, now: Duration) -> bool {
        let second = now.as_secs() << 32;
        let one_more = |forced: u64| match forced & !u64::from(u32::MAX) == second {
            true if forced - second < self.forced_per_second.into() => Some(forced + 1),
            true => None,
            false if self.forced_per_second > 0 => Some(second + 1),
            false => None,
        };
        self.forced.fetch_update(Ordering::Relaxed, Ordering::Relaxed, one_more).is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(flags: &str) -> Context {
        let trace = TraceId([1; 16]);
        let parent = format!("00-{trace}-00f067aa0ba902b7-{flags}");
        Context::read([parent.as_bytes()], []).unwrap()
    }

    #[test]
    fn chance_keeps_to_the_ratio() {
        for (ratio, expected) in [(0.0, 0..=0), (0.01, 50..=150), (0.5, 4_700..=5_300)] {
            let sampling = Sampling::new(ratio, 0);
            let taken = (0..10_000).filter(|_| sampling.by_chance(TraceId::draw())).count();
            assert!(expected.contains(&taken), "{ratio}: {taken}");
        }
        let all = Sampling::new(1.0, 0);
        assert!((0..10_000).all(|_| all.by_chance(TraceId::draw())));
    }

    #[test]
    fn whoever_wants_a_trace_gets_it_as_long_as_not_everybody_does() {
        let sampling = Sampling::new(0.0, 2);
        let at = Duration::from_millis;
        let taken = |now| sampling.follows(&asked("01"), now);
        assert_eq!([at(7_000), at(7_500), at(7_999)].map(taken), [true, true, false]);
        assert_eq!([at(8_000), at(8_000), at(8_000)].map(taken), [true, true, false]);
        assert!(!sampling.follows(&asked("00"), at(9_000)), "not against the caller's will");
        assert!(!Sampling::new(1.0, 9).follows(&asked("00"), at(9_000)));
        assert!(!Sampling::new(0.0, 0).follows(&asked("01"), at(9_000)), "0 heeds nobody");
        assert!(Sampling::new(1.0, 0).follows(&asked("01"), at(9_000)), "by chance");
    }
}
