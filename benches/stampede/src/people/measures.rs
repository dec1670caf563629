//! What a run with a waiting room measured: from what people were told, from what they would have
//! done, and from the journal. Computed after the audit; nothing here judges.

mod all_knowing;
mod estimates;

use std::collections::HashMap;

use serde::Serialize;

use super::told::{Question, Reply, State, Told};
use super::watch::Sample;
use crate::audit::queue::history::History;
use crate::ledger::Account;
use crate::options::QueueOptions;
use admitone::inventory::TimestampMs;

pub use all_knowing::AllKnowing;
pub use estimates::Estimates;

/// The measures of a waiting room.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Measures {
    /// The number of people who came.
    pub people: u32,
    /// People in the journal's queue.
    pub entered: u32,
    /// Passes given.
    pub admitted: u32,
    /// Places on sale.
    pub places: i64,
    /// Places sold in the end.
    pub sold: i64,
    /// Seconds into the run at which the line began to move, and at which the last place was sold.
    pub first_admission_at: Option<f64>,
    /// See `first_admission_at`.
    pub sold_out_at: Option<f64>,
    /// Places sold in a minute, from the first admission to the last sale.
    pub sold_per_minute: f64,
    /// The comparison with an admitter who knows what everybody will do.
    pub all_knowing: Option<AllKnowing>,
    /// Milliseconds from the time at which the rules allowed an admission to the admission.
    pub admission_delay_ms: Spread,
    /// The same where a place or a session had to become free.
    pub freed_to_admission_ms: Spread,
    /// The errors of estimated waits.
    pub estimates: Estimates,
    /// Told position, and how many were really admitted before: the part of the told that came.
    pub position_truth: Spread,
    /// Bytes of the body of an answer to a poll.
    pub poll_bytes: Spread,
    /// The line by the second, as everybody sees it.
    pub line: Vec<Sample>,
    /// By the second into the run: entries, admissions, and places sold so far.
    pub seconds: Vec<Second>,
    /// The rate that the rules allow, in admissions per second.
    pub allowed_per_second: f64,
}

/// One second of the journal.
#[derive(Clone, Copy, Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
#[expect(missing_docs, reason = "the names say it")]
pub struct Second {
    pub entries: u32,
    pub admissions: u32,
    pub sold_so_far: i64,
}

/// A distribution.
#[derive(Clone, Debug, Default, Serialize)]
#[expect(missing_docs, reason = "the names say it")]
pub struct Spread {
    pub count: usize,
    pub p10: f64,
    pub p25: f64,
    pub p50: f64,
    pub p75: f64,
    pub p90: f64,
    pub p99: f64,
    pub max: f64,
}

impl Spread {
    fn of(mut values: Vec<f64>) -> Self {
        values.sort_unstable_by(f64::total_cmp);
        let count = values.len();
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            clippy::cast_precision_loss,
            reason = "an index into a list"
        )]
        let at = |part: f64| {
            let index = (part * count.saturating_sub(1) as f64).round() as usize;
            values.get(index).copied().unwrap_or_default()
        };
        let (p10, p25, p50) = (at(0.1), at(0.25), at(0.5));
        Self { count, p10, p25, p50, p75: at(0.75), p90: at(0.9), p99: at(0.99), max: at(1.0) }
    }
}

/// What the measures are made of.
#[expect(missing_docs, reason = "the names say it")]
pub struct Facts<'a> {
    pub options: &'a QueueOptions,
    pub seed: u64,
    pub people: &'a [Account],
    pub told: &'a [Told],
    pub history: &'a History,
    pub samples: Vec<Sample>,
    /// The server's time at the beginning of the run.
    pub starts_at_ms: TimestampMs,
}

/// Computes the measures.
#[must_use]
pub fn measures(facts: Facts<'_>) -> Measures {
    let Facts { history, told, options, .. } = facts;
    let first = history.admissions.first().map(|(at, _)| *at);
    let sold = history.sold.last().map_or(0, |(_, sold)| *sold);
    let most_sold = history.sold.iter().map(|(_, sold)| *sold).max().unwrap_or(0);
    let last_sale = history.sold.iter().find(|(_, sold)| *sold == most_sold).map(|(at, _)| *at);
    let seconds_in = |at: TimestampMs| seconds(at - facts.starts_at_ms);
    let minutes = first.zip(last_sale).map(|(first, last)| seconds(last - first) / 60.0);
    let notices = notices(&facts);
    let delays = |freed_only: bool| {
        let counts = |(_, freed): &&(i64, bool)| *freed || !freed_only;
        Spread::of(history.delays.iter().filter(counts).map(|(ms, _)| ms_of(*ms)).collect())
    };
    Measures {
        people: options.people,
        entered: count(history.entries.len()),
        admitted: count(history.admissions.len()),
        places: history.places,
        sold,
        first_admission_at: first.map(seconds_in),
        sold_out_at: last_sale.filter(|_| most_sold == history.places).map(seconds_in),
        #[expect(clippy::cast_precision_loss, reason = "at most millions")]
        sold_per_minute: minutes.map_or(0.0, |minutes| most_sold as f64 / minutes.max(0.001)),
        all_knowing: all_knowing::compare(&facts, &notices),
        admission_delay_ms: delays(false),
        freed_to_admission_ms: delays(true),
        estimates: estimates::of(told, facts.people, history),
        position_truth: position_truth(&facts),
        poll_bytes: Spread::of(
            told.iter()
                .filter(|told| told.question == Question::Poll)
                .filter_map(|told| match &told.reply {
                    Reply::Standing(standing) => Some(f64::from(standing.bytes)),
                    Reply::Held | Reply::Refused(_) | Reply::Unknown => None,
                })
                .collect(),
        ),
        seconds: by_second(history, facts.starts_at_ms),
        allowed_per_second: f64::from(history.rules.passes_per_minute) / 60.0,
        line: facts.samples,
    }
}

fn by_second(history: &History, starts_at_ms: TimestampMs) -> Vec<Second> {
    let mut seconds: Vec<Second> = Vec::new();
    let mut at = |at: TimestampMs, change: &dyn Fn(&mut Second)| {
        let second = usize::try_from((at - starts_at_ms).div_euclid(1_000)).unwrap_or(0);
        if seconds.len() <= second {
            let last = seconds.last().map_or(0, |last| last.sold_so_far);
            let empty = Second { sold_so_far: last, ..Second::default() };
            seconds.resize(second + 1, empty);
        }
        change(&mut seconds[second]);
    };
    for (sold_at, sold) in &history.sold {
        at(*sold_at, &|second| second.sold_so_far = *sold);
    }
    for life in &history.entries {
        at(life.entered_at, &|second| second.entries += 1);
    }
    for (admitted_at, _) in &history.admissions {
        at(*admitted_at, &|second| second.admissions += 1);
    }
    seconds
}

/// Milliseconds from each admission to the first answer that says so, by entry.
fn notices(facts: &Facts<'_>) -> HashMap<u32, i64> {
    let mut notices = HashMap::new();
    for told in facts.told {
        let Reply::Standing(standing) = &told.reply else { continue };
        if standing.state != State::Admitted {
            continue;
        }
        let life = facts.history.entries.get(standing.number as usize);
        let Some((admitted_at, _)) = life.and_then(|life| life.admitted) else { continue };
        let notice = (told.answered_at - admitted_at).max(0);
        let first = notices.entry(standing.number).or_insert(notice);
        *first = (*first).min(notice);
    }
    notices
}

fn position_truth(facts: &Facts<'_>) -> Spread {
    let mut parts = Vec::new();
    for told in facts.told {
        let Reply::Standing(standing) = &told.reply else { continue };
        let life = facts.history.entries.get(standing.number as usize);
        let admitted = life.filter(|life| !life.was_moved).and_then(|life| life.admitted);
        let (Some(said), Some((_, before))) = (standing.position, admitted) else { continue };
        if said >= 10 {
            let real = before.saturating_sub(facts.history.admitted_until(standing.as_of));
            parts.push(f64::from(count(real)) / f64::from(said));
        }
    }
    Spread::of(parts)
}

fn count(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

fn ms_of(ms: i64) -> f64 {
    f64::from(i32::try_from(ms).unwrap_or(i32::MAX))
}

fn seconds(ms: i64) -> f64 {
    ms_of(ms) / 1_000.0
}

#[cfg(test)]
mod tests;
