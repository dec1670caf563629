//! The options of the workload `queue`: the crowd before a waiting room, and the rules of the room.

use std::time::Duration;

use clap::{Arg, ArgMatches, Error, value_parser};

use super::{duration, valued, wrong};

/// The crowd of a waiting room, and its rules.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct QueueOptions {
    /// The number of people.
    pub people: u32,
    /// The time before the opening in which people enter the draw.
    pub prequeue: Duration,
    /// The time after the opening in which the last people come.
    pub arriving: Duration,
    /// The most admissions in a minute.
    pub passes_per_minute: u32,
    /// The most open sessions.
    pub active_limit: u32,
    /// Sessions that hold nothing yet, in percent of the places left.
    pub admit_percent: u32,
    /// Seconds from an admission to the first hold.
    pub pass_seconds: u32,
    /// Seconds until a hold expires.
    pub hold_seconds: u32,
    /// Seconds without a poll after which a person is passed over.
    pub silence_seconds: u32,
}

impl QueueOptions {
    /// The usual number of people.
    const PEOPLE: u32 = 100_000;

    /// The usual rate, at which a tenth of the people, more or less, is sold out in about seven
    /// minutes.
    fn usual_passes(people: u32) -> u32 {
        (people / 100).clamp(60, 1_000_000)
    }

    /// The options for a number of people, with everything else as usual.
    #[must_use]
    pub fn usual(people: u32) -> Self {
        let passes_per_minute = Self::usual_passes(people);
        Self {
            people,
            prequeue: Duration::from_secs(30),
            arriving: Duration::from_secs(180),
            passes_per_minute,
            active_limit: passes_per_minute,
            admit_percent: 100,
            pass_seconds: 60,
            hold_seconds: 60,
            silence_seconds: 120,
        }
    }

    /// The usual number of places: one for ten people.
    #[must_use]
    pub fn usual_places(&self) -> u32 {
        (self.people / 10).max(1)
    }
}

pub(super) fn arguments() -> Vec<Arg> {
    let number = |name, help: &str, most: i64| {
        valued(name, "N", help.to_owned()).value_parser(value_parser!(u32).range(1..=most))
    };
    vec![
        number("people", "People who come [100000]", 2_000_000),
        valued("prequeue", "TIME", "How long people enter before the opening [30s]")
            .value_parser(duration),
        valued("arriving", "TIME", "How long people come after the opening [3m]")
            .value_parser(duration),
        number(
            "passes-per-minute",
            "The most admissions in a minute [a hundredth of the people, at least 60]",
            1_000_000,
        ),
        number("active-limit", "The most open sessions [as many as passes a minute]", 1_000_000),
        number(
            "admit-percent",
            "Sessions that hold nothing yet, in percent of the places left [100]",
            1_000,
        ),
        number("pass-seconds", "Seconds from an admission to the first hold [60]", 3_600),
        number("hold-seconds", "Seconds until a hold expires [60]", 3_600),
        number("silence-seconds", "Seconds of silence until a person is passed over [120]", 86_400),
    ]
}

pub(super) fn read(arguments: &ArgMatches) -> Result<QueueOptions, Error> {
    let number = |name: &str| arguments.get_one::<u32>(name).copied();
    let time = |name: &str| arguments.get_one::<Duration>(name).copied();
    let usual = QueueOptions::usual(number("people").unwrap_or(QueueOptions::PEOPLE));
    let passes_per_minute = number("passes-per-minute").unwrap_or(usual.passes_per_minute);
    let prequeue = time("prequeue").unwrap_or(usual.prequeue);
    if prequeue < Duration::from_secs(1) {
        return Err(wrong("--prequeue: must be a second or more"));
    }
    Ok(QueueOptions {
        prequeue,
        arriving: time("arriving").unwrap_or(usual.arriving),
        passes_per_minute,
        active_limit: number("active-limit").unwrap_or(passes_per_minute),
        admit_percent: number("admit-percent").unwrap_or(usual.admit_percent),
        pass_seconds: number("pass-seconds").unwrap_or(usual.pass_seconds),
        hold_seconds: number("hold-seconds").unwrap_or(usual.hold_seconds),
        silence_seconds: number("silence-seconds").unwrap_or(usual.silence_seconds),
        ..usual
    })
}
