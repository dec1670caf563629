//! The results of a run, as text and as files.

mod html;
mod json;
mod plots;
mod queue;

use std::io::{self, Write};
use std::time::Duration;

use super::audit::Findings;
use super::environment::Fact;
use super::ledger::Ledger;
use super::measure::{Figures, Latencies, Op, OpFigures};
use super::options::{Load, Options};
use super::people::Sample;
use super::people::measures::{Facts, Measures, measures};
use super::run::Verdict;
use super::run::commands::Ran;
use super::say;
use super::setup::Plan;

/// The part of the due journeys that an open loop must begin to have reached its rate.
const REACHED: f64 = 0.99;

/// A run's results.
#[derive(Debug)]
#[expect(missing_docs, reason = "the names say it")]
pub struct Results {
    pub options: Options,
    pub environment: Vec<Fact>,
    pub figures: Figures,
    pub commands: Vec<Ran>,
    /// The line of a waiting room over time.
    pub samples: Vec<Sample>,
    /// What a run with a waiting room measured.
    pub queue: Option<Measures>,
    pub interrupted_at: Option<Duration>,
    /// Journeys abandoned at the end.
    pub unfinished: u32,
    pub audit: Result<Findings, String>,
    /// Errors outside the measurement, such as a report that could not be written.
    pub complaints: Vec<String>,
    /// End of the run in milliseconds since the Unix epoch.
    pub ended_at_ms: i64,
}

impl Results {
    /// The results before the audit.
    #[must_use]
    pub fn new(
        plan: &Plan,
        figures: Figures,
        commands: Vec<Ran>,
        interrupted_at: Option<Duration>,
    ) -> Self {
        use admitone::clock::Clock;
        Self {
            options: plan.options.clone(),
            environment: plan.environment.clone(),
            figures,
            commands,
            samples: Vec::new(),
            queue: None,
            interrupted_at,
            unfinished: 0,
            audit: Err("not made yet".into()),
            complaints: Vec::new(),
            ended_at_ms: admitone::clock::SystemClock::new().now_ms(),
        }
    }

    /// Sets the result of the audit.
    pub fn audited(&mut self, audited: anyhow::Result<Findings>) {
        self.audit = audited.map_err(|error| format!("{error:#}"));
    }

    /// Computes what a run with a waiting room measured; needs the journal, which the audit has read.
    pub fn measured(&mut self, plan: &Plan, ledger: &Ledger) {
        let history = self.audit.as_mut().ok().and_then(|findings| findings.history.take());
        let (Some(options), Some(history)) = (&plan.options.queue, history) else { return };
        self.queue = Some(measures(Facts {
            options,
            seed: plan.options.seed,
            people: &ledger.header.buyers,
            told: &ledger.told,
            history: &history,
            samples: std::mem::take(&mut self.samples),
            starts_at_ms: plan.starts_at_ms,
        }));
    }

    /// The reason why the figures are no statement about the server, if there is one.
    #[must_use]
    pub fn void(&self) -> Option<String> {
        let lag = Duration::from_micros(self.figures.lag.at_us(0.99));
        if lag > self.options.max_lag {
            return Some(format!(
                "the generator itself was late: p99 {} (at most {} are allowed, --max-lag)",
                ms(self.figures.lag.at_us(0.99)),
                ms(u64::try_from(self.options.max_lag.as_micros()).unwrap_or(u64::MAX)),
            ));
        }
        let due = self.figures.begun + self.figures.dropped;
        if self.figures.dropped > 0 {
            let (begun, dropped) = (count(self.figures.begun), count(self.figures.dropped));
            return Some(format!(
                "too many were under way: of {} arrivals {begun} began, {dropped} were left out",
                count(due)
            ));
        }
        let (asked, reached) = self.rates()?;
        (reached < asked * REACHED && self.interrupted_at.is_none()).then(|| {
            format!("{} arrivals a second were asked for, {} reached", whole(asked), whole(reached))
        })
    }

    /// Arrivals per second, requested and begun; for an open loop only.
    #[must_use]
    pub fn rates(&self) -> Option<(f64, f64)> {
        let Load::Open { from, to } = self.options.load else { return None };
        let (before, measured) = (self.options.warm_up, self.options.duration);
        let all = before + measured;
        let ran = self.interrupted_at.map_or(all, |at| at.min(all));
        // The elapsed part of the measured time, in which the rate may rise.
        let part = ran.saturating_sub(before).as_secs_f64();
        let reached = from + (to - from) * part / measured.as_secs_f64();
        let due = from * ran.min(before).as_secs_f64() + f64::midpoint(from, reached) * part;
        let ran = ran.as_secs_f64().max(0.001);
        #[expect(clippy::cast_precision_loss, reason = "far below 2^52")]
        let begun = self.figures.begun as f64;
        // Poisson arrivals scatter by the root of their number; by four times that once in 30,000
        // runs.
        let scatter = if self.options.is_poisson { 4.0 * due.sqrt() } else { 0.0 };
        Some((due / ran, (begun + scatter).min(due) / ran))
    }

    /// The verdict on the run.
    #[must_use]
    pub fn verdict(&self) -> Verdict {
        match &self.audit {
            Ok(findings) if findings.violations == 0 && self.complaints.is_empty() => {
                if self.void().is_some() { Verdict::Void } else { Verdict::Sound }
            }
            Ok(_) | Err(_) => Verdict::Violated,
        }
    }

    /// Successes per second of a kind of request, within the measured time.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "far below 2^52")]
    pub fn per_second(&self, figures: &OpFigures) -> f64 {
        let measured = self.figures.measured().as_secs_f64();
        if measured > 0.0 { figures.successes_in_time as f64 / measured } else { 0.0 }
    }
}

/// Prints the table of a run.
pub fn print(results: &Results) {
    let mut text = String::from("\n");
    let options = &results.options;
    text.push_str(&format!("{}: {}\n", options.workload.name, options.workload.about));
    text.push_str(&format!("{}\n", described(options)));
    for Fact { name, value } in &results.environment {
        text.push_str(&format!("{name}: {value}\n"));
    }
    text.push('\n');
    text.push_str(&format!(
        "{:<17}{:>11}{:>10}{:>11}{:>10}{:>10}{:>9}{:>11}{:>10}{:>10}{:>10}{:>10}{:>10}\n",
        "",
        "attempts",
        "repeats",
        "successes",
        "refused",
        "turned",
        "errors",
        "success/s",
        "p50",
        "p90",
        "p99",
        "p99.9",
        "max"
    ));
    for op in Op::ALL {
        let Some(figures) = results.figures.ops.get(&op) else { continue };
        let sum = |counts: &std::collections::BTreeMap<String, u64>| counts.values().sum::<u64>();
        let l = &figures.latencies;
        text.push_str(&format!(
            "{:<17}{:>11}{:>10}{:>11}{:>10}{:>10}{:>9}{:>11}{:>10}{:>10}{:>10}{:>10}{:>10}\n",
            op.name(),
            count(figures.attempts),
            count(figures.repeats),
            count(figures.successes),
            count(sum(&figures.refused)),
            count(sum(&figures.turned_away)),
            count(sum(&figures.errors)),
            whole(results.per_second(figures)),
            ms(l.at_us(0.5)),
            ms(l.at_us(0.9)),
            ms(l.at_us(0.99)),
            ms(l.at_us(0.999)),
            ms(l.max_us()),
        ));
    }
    text.push_str(&format!(
        "Counts and times are of what was meant to be sent after the warm-up, what ended late \
         included. Attempts count each request once, repeats what was sent again under its key; each \
         has an answer or an error. success/s is of the {:.1} s that are measured.\n",
        results.figures.measured().as_secs_f64()
    ));
    text.push_str(&refusals(results));
    let line = |name: &str, l: &Latencies| {
        format!(
            "{name}: p50 {}, p99 {}, max {}\n",
            ms(l.at_us(0.5)),
            ms(l.at_us(0.99)),
            ms(l.max_us())
        )
    };
    text.push('\n');
    text.push_str(&line("generator's own lag (in the latencies above)", &results.figures.lag));
    text.push_str(&line(
        "wait for a free connection (in the latencies above)",
        &results.figures.waits,
    ));
    if let Some((asked, reached)) = results.rates() {
        text.push_str(&format!(
            "arrivals a second: {} asked for, {} reached\n",
            whole(asked),
            whole(reached)
        ));
    }
    for ran in &results.commands {
        text.push_str(&format!("at {} s: {} ({})\n", ran.at, ran.command, ran.ended));
    }
    if let Some(at) = results.figures.sold_out_at {
        text.push_str(&format!("first refused as sold out after {:.1} s\n", at.as_secs_f64()));
    }
    if results.unfinished > 0 {
        text.push_str(&format!("{} journeys were given up at the end\n", results.unfinished));
    }
    if let Some(at) = results.interrupted_at {
        text.push_str(&format!("interrupted after {:.1} s\n", at.as_secs_f64()));
    }
    if let Some(why) = results.void() {
        text.push_str(&format!("\nVOID: {why}. These figures say nothing about the server.\n"));
    }
    put(&text);
}

fn refusals(results: &Results) -> String {
    let mut text = String::new();
    for op in Op::ALL {
        let Some(figures) = results.figures.ops.get(&op) else { continue };
        let kinds = [
            ("refused", &figures.refused),
            ("turned away", &figures.turned_away),
            ("error", &figures.errors),
        ];
        for (kind, counts) in kinds {
            for (code, number) in counts {
                text.push_str(&format!("  {}, {kind}: {code} {}\n", op.name(), count(*number)));
            }
        }
        if !figures.refusal_latencies.is_empty() {
            let l = &figures.refusal_latencies;
            text.push_str(&format!(
                "  {}, time to a refusal: p50 {}, p99 {}, max {}\n",
                op.name(),
                ms(l.at_us(0.5)),
                ms(l.at_us(0.99)),
                ms(l.max_us())
            ));
        }
    }
    text
}

/// Prints the result of the audit.
pub fn print_audit(results: &Results) {
    match &results.audit {
        Ok(findings) => {
            if let Some(measures) = &results.queue {
                put(&queue::text(measures));
            }
            print_findings(findings);
        }
        Err(error) => put(&format!(
            "\nAUDIT NOT MADE: {error}\nThe run counts as failed. With --journal it can be audited \
             later: stampede audit FILE\n"
        )),
    }
}

/// Prints the findings of an audit.
pub fn print_findings(findings: &Findings) {
    let mut text = format!(
        "\naudit, {:.1} s: {} journals, {} rows; {} requests for a change, {} acknowledged, {} of \
         unknown outcome\n",
        findings.seconds,
        count(findings.events),
        count(findings.rows),
        count(findings.asked),
        count(findings.acknowledged),
        count(findings.unknown),
    );
    let list = |pairs: Vec<String>| pairs.join(", ");
    let tally = findings.tally.iter().map(|(what, number)| format!("{what} {}", count(*number)));
    text.push_str(&format!("  in the journals: {}\n", list(tally.collect())));
    let compared =
        findings.compared.iter().map(|(what, number)| format!("{what} {}", count(*number)));
    text.push_str(&format!("  compared with them: {}\n", list(compared.collect())));
    if findings.violations == 0 {
        text.push_str("AUDIT PASSED: zero violations\n");
    } else {
        text.push_str(&format!("AUDIT FAILED: {} violations\n", count(findings.violations)));
        for violation in &findings.told {
            text.push_str(&format!("  {violation}\n"));
        }
    }
    put(&text);
}

/// Writes the requested files. A file that cannot be written is a complaint, and does not end the
/// run.
pub fn write(results: &mut Results) {
    let mut complaints = Vec::new();
    let files = [
        (results.options.html.clone(), html::render as fn(&Results) -> String),
        (results.options.json.clone(), json::render),
    ];
    for (path, render) in files {
        let Some(path) = path else { continue };
        match std::fs::write(&path, render(results)) {
            Ok(()) => say(&format!("stampede: wrote {}", path.display())),
            Err(error) => complaints.push(format!("cannot write {}: {error}", path.display())),
        }
    }
    results.complaints.append(&mut complaints);
    for complaint in &results.complaints {
        say(&format!("stampede: {complaint}"));
    }
}

/// A description of the load.
pub(super) fn described(options: &Options) -> String {
    let load = match options.load {
        Load::Open { from, to } if (from - to).abs() < f64::EPSILON => {
            format!("open loop, {} arrivals/s", whole(from))
        }
        Load::Open { from, to } => {
            format!("open loop, {} to {} arrivals/s", whole(from), whole(to))
        }
        Load::Closed(clients) => format!("closed loop, {} clients", count(clients.into())),
        Load::People(people) => format!("a line of {} people", count(people.into())),
    };
    format!(
        "{load}; {} s measured after {} s; {} events, {} buyers, {} listeners; targets {}",
        options.duration.as_secs_f64(),
        options.warm_up.as_secs_f64(),
        count(options.events.into()),
        count(options.buyers.into()),
        count(options.listeners.into()),
        options.place.targets.join(", "),
    )
}

fn put(text: &str) {
    let mut out = io::stdout().lock();
    // It is no error if the reader has closed the pipe.
    let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
}

/// A number with separators: `1,234,567`.
#[must_use]
pub fn count(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (position, digit) in digits.chars().enumerate() {
        if position > 0 && (digits.len() - position).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "rates are small")]
fn whole(number: f64) -> String {
    if number < 10.0 { format!("{number:.1}") } else { count(number.round() as u64) }
}

/// Microseconds, formatted as milliseconds or seconds.
#[must_use]
#[expect(clippy::cast_precision_loss, reason = "at most a minute")]
pub fn ms(us: u64) -> String {
    let ms = us as f64 / 1_000.0;
    match us {
        0 => "-".into(),
        1..10_000 => format!("{ms:.2} ms"),
        10_000..1_000_000 => format!("{ms:.0} ms"),
        _ => format!("{:.2} s", ms / 1_000.0),
    }
}

#[cfg(test)]
mod tests {
    use super::{count, ms, whole};

    #[test]
    fn numbers_are_written_for_people() {
        assert_eq!([count(0), count(999), count(1_000)], ["0", "999", "1,000"]);
        assert_eq!(count(1_234_567), "1,234,567");
        assert_eq!([ms(150), ms(25_400), ms(2_345_000)], ["0.15 ms", "25 ms", "2.35 s"]);
        assert_eq!(ms(0), "-", "there is none");
        assert_eq!([whole(0.5), whole(1_999.6)], ["0.5", "2,000"]);
    }
}
