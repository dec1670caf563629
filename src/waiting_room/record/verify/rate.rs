//! How many passes were given within any minute, against the rules of that minute.

use std::collections::VecDeque;

use crate::inventory::TimestampMs;

const MINUTE_MS: i64 = 60_000;

/// The passes of the last minute, and the rates that held in it.
pub(super) struct Rate {
    /// Passes and their time, the oldest first.
    passes: VecDeque<(TimestampMs, u32)>,
    within: u32,
    /// Rates and the time from which each held; the first holds at the beginning of the minute.
    rules: VecDeque<(TimestampMs, u32)>,
    fastest: (u32, u32),
}

impl Rate {
    pub(super) fn new(at: TimestampMs, per_minute: u32) -> Self {
        let rules = [(at, per_minute)].into();
        Self { passes: VecDeque::new(), within: 0, rules, fastest: (0, allowed(per_minute)) }
    }

    pub(super) fn change(&mut self, at: TimestampMs, per_minute: u32) {
        self.rules.push_back((at, per_minute));
    }

    /// Counts passes given at one time.
    pub(super) fn pass(&mut self, at: TimestampMs, passes: usize) -> Result<(), String> {
        let passes = u32::try_from(passes).unwrap_or(u32::MAX);
        let begin = at - MINUTE_MS;
        while let Some((old, passes)) = self.passes.front().copied()
            && old <= begin
        {
            self.within -= passes;
            self.passes.pop_front();
        }
        while self.rules.get(1).is_some_and(|(from, _)| *from <= begin) {
            self.rules.pop_front();
        }
        self.passes.push_back((at, passes));
        self.within = self.within.saturating_add(passes);
        let fastest = self.rules.iter().map(|(_, per_minute)| *per_minute).max();
        let most = allowed(fastest.unwrap_or(0));
        if self.within > most {
            let given = self.within;
            return Err(format!("{given} passes within a minute, and the rules allow {most}"));
        }
        if self.within > self.fastest.0 {
            self.fastest = (self.within, most);
        }
        Ok(())
    }

    /// The most passes within a minute, and how many the rules allowed in that minute.
    pub(super) fn fastest(&self) -> (u32, u32) {
        self.fastest
    }
}

/// Passes within a minute: those of the minute, and ten seconds' worth at once.
fn allowed(per_minute: u32) -> u32 {
    u32::try_from(u64::from(per_minute) * 70 / 60).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::Rate;

    #[test]
    fn a_minute_has_its_passes_and_ten_seconds_worth() {
        let mut rate = Rate::new(0, 60);
        rate.pass(1_000, 10).unwrap();
        rate.pass(60_999, 60).unwrap();
        assert_eq!(rate.fastest(), (70, 70));
        assert!(rate.pass(60_999, 1).is_err());
    }

    #[test]
    fn a_lower_rate_counts_once_the_higher_one_is_a_minute_ago() {
        let mut rate = Rate::new(0, 600);
        rate.pass(0, 100).unwrap();
        rate.change(1, 6);
        rate.pass(30_000, 1).unwrap();
        rate.pass(60_000, 1).unwrap();
        rate.pass(60_001, 5).unwrap();
        assert!(rate.pass(60_002, 1).is_err(), "seven in the minute before");
    }
}
