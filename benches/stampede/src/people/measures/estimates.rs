//! How far estimated waits were from the waits that came.

use serde::Serialize;

use super::{Spread, seconds};
use crate::audit::queue::history::History;
use crate::ledger::Account;
use crate::people::{Reply, Told};
use admitone::inventory::TimestampMs;

/// Estimates count from this time after the first admission: before, the line has no pace.
const AFTER_MS: i64 = 60_000;

/// The errors of estimates that were told after the line had moved for a minute, of people who were
/// admitted later.
#[derive(Clone, Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Estimates {
    /// |what came − what was told| ÷ what came.
    pub error: Spread,
    /// (what came − what was told) ÷ what came: above 0 if people waited longer than told.
    pub signed: Spread,
    /// The part of them whose wait lay between the told `low` and `high`.
    pub within: f64,
    /// The errors by the wait that came.
    pub by_wait: Vec<ByWait>,
    /// The errors by when it was told.
    pub by_time: Vec<ByTime>,
    /// The same for estimates told in the first minute.
    pub first_minute: Spread,
}

/// The errors of estimates before waits of a certain length.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ByWait {
    /// The wait that came, in words.
    pub wait: &'static str,
    /// The errors.
    pub error: Spread,
}

/// The errors of estimates told in a minute of the sale.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ByTime {
    /// The minute, counted from the first admission.
    pub minute: usize,
    /// (what came − what was told) ÷ what came.
    pub signed: Spread,
}

struct One {
    told_at: TimestampMs,
    error: f64,
    wait_s: f64,
    is_within: bool,
}

/// The errors of all estimates.
pub(super) fn of(told: &[Told], people: &[Account], history: &History) -> Estimates {
    let Some((first, _)) = history.admissions.first().copied() else {
        return Estimates::default();
    };
    let all: Vec<One> = told.iter().filter_map(|told| one(told, people, history)).collect();
    let is_late = |one: &&One| one.told_at >= first + AFTER_MS;
    let late: Vec<&One> = all.iter().filter(is_late).collect();
    let absolute = |one: &One| one.error.abs();
    let within = late.iter().filter(|one| one.is_within).count();
    let by_wait = |(wait, from, to): (&'static str, f64, f64)| {
        let these = late.iter().filter(|one| (from..to).contains(&one.wait_s));
        ByWait { wait, error: Spread::of(these.map(|one| absolute(one)).collect()) }
    };
    let minute = |one: &One| usize::try_from((one.told_at - first) / 60_000).unwrap_or(0);
    let minutes = late.iter().map(|one| minute(one)).max().map_or(0, |last| last + 1);
    let by_time = |number: usize| {
        let these = late.iter().filter(|one| minute(one) == number);
        ByTime { minute: number, signed: Spread::of(these.map(|one| one.error).collect()) }
    };
    let early = all.iter().filter(|one| one.told_at < first + AFTER_MS);
    Estimates {
        error: Spread::of(late.iter().map(|one| absolute(one)).collect()),
        signed: Spread::of(late.iter().map(|one| one.error).collect()),
        #[expect(clippy::cast_precision_loss, reason = "at most millions")]
        within: within as f64 / (late.len().max(1)) as f64,
        by_wait: [
            ("under 10 s", 0.0, 10.0),
            ("10 to 30 s", 10.0, 30.0),
            ("30 s to 2 min", 30.0, 120.0),
            ("over 2 min", 120.0, f64::INFINITY),
        ]
        .into_iter()
        .map(by_wait)
        .collect(),
        by_time: (1..minutes).map(by_time).collect(),
        first_minute: Spread::of(early.map(absolute).collect()),
    }
}

fn one(told: &Told, people: &[Account], history: &History) -> Option<One> {
    let Reply::Standing(standing) = &told.reply else { return None };
    let estimate = standing.estimate?;
    let number = history.numbers.get(&people.get(told.person as usize)?.id)?;
    let life = history.entries.get(*number as usize).filter(|life| !life.was_moved)?;
    let (admitted_at, _) = life.admitted?;
    let wait_s = seconds(admitted_at - told.answered_at);
    // Admitted while the answer was on its way.
    (wait_s > 0.0).then(|| {
        // Estimates are whole seconds.
        let error = (wait_s - f64::from(estimate.seconds)) / wait_s.max(1.0);
        let is_within = f64::from(estimate.low) <= wait_s + 1.0
            && estimate.high.is_none_or(|high| wait_s <= f64::from(high) + 1.0);
        One { told_at: told.answered_at, error, wait_s, is_within }
    })
}
