//! The state of a queue that is on: its rules, its line, its sessions, and when the next pass keeps the
//! rate.

use super::events::QueueTotals;
use super::line::{EntryState, Line};
use super::rules::{BURST_MS, QueueRules};
use super::sessions::Sessions;
use crate::inventory::definition::TimestampMs;
use crate::inventory::status::Violation;

const NS_PER_MS: i64 = 1_000_000;

/// The state of a queue that is on.
#[derive(Clone, Debug)]
pub(in crate::inventory) struct Queue {
    pub(in crate::inventory) rules: QueueRules,
    pub(in crate::inventory) commitment: [u8; 32],
    /// The time at which it was switched on.
    pub(in crate::inventory) began_at: TimestampMs,
    pub(in crate::inventory) line: Line,
    pub(in crate::inventory) sessions: Sessions,
    /// The earliest time, in nanoseconds, at which the next pass keeps the rate, without the burst.
    pub(in crate::inventory) next_pass_ns: i64,
    pub(in crate::inventory) totals: QueueTotals,
}

impl Queue {
    pub(in crate::inventory) fn new(
        rules: QueueRules,
        commitment: [u8; 32],
        began_at: TimestampMs,
    ) -> Self {
        Self {
            rules,
            commitment,
            began_at,
            line: Line::default(),
            sessions: Sessions::default(),
            next_pass_ns: i64::MIN,
            totals: QueueTotals::default(),
        }
    }

    /// The time between two passes, rounded up: the rate is never exceeded.
    fn interval_ns(&self) -> i64 {
        const MINUTE_NS: i64 = 60_000_000_000;
        let passes = i64::from(self.rules.passes_per_minute.max(1));
        (MINUTE_NS + passes - 1) / passes
    }

    /// How far ahead of their time passes may be given.
    fn tolerance_ns(&self) -> i64 {
        (BURST_MS * NS_PER_MS - self.interval_ns()).max(0)
    }

    /// The number of passes that the rate allows now: the generic cell rate algorithm (ITU-T
    /// I.371), whose only state is the time of the next cell.
    pub(in crate::inventory) fn rate_allows(&self, now: TimestampMs) -> u32 {
        let now_ns = now.saturating_mul(NS_PER_MS);
        let due = self.next_pass_ns.max(now_ns);
        let slack = now_ns.saturating_add(self.tolerance_ns()).saturating_sub(due);
        if slack < 0 {
            return 0;
        }
        u32::try_from(slack / self.interval_ns() + 1).unwrap_or(u32::MAX)
    }

    /// The first time at which the rate allows a pass.
    pub(in crate::inventory) fn rate_allows_at(&self) -> TimestampMs {
        let at_ns = self.next_pass_ns.saturating_sub(self.tolerance_ns());
        at_ns.div_euclid(NS_PER_MS) + i64::from(at_ns.rem_euclid(NS_PER_MS) > 0)
    }

    /// Records passes given now.
    pub(in crate::inventory) fn passes_given(&mut self, passes: u32, now: TimestampMs) {
        let due = self.next_pass_ns.max(now.saturating_mul(NS_PER_MS));
        self.next_pass_ns =
            due.saturating_add(self.interval_ns().saturating_mul(i64::from(passes)));
    }

    pub(in crate::inventory) fn check(&self) -> Result<(), Violation> {
        self.line.check()?;
        self.sessions.check()?;
        let inside = self.line.count(EntryState::Inside);
        if inside != self.sessions.open() {
            return Err(Violation("open sessions are not the entries inside".into()));
        }
        for (customer, session) in self.sessions.iter() {
            let entry = self.line.entry(session.number);
            if entry.is_none_or(|entry| entry.customer != customer) {
                return Err(Violation("a session is not of its entry's customer".into()));
            }
        }
        Ok(())
    }
}
