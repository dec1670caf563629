//! The report as one self-contained HTML page: tables, and plots over time as SVG.

use plotters::prelude::*;

use super::plots::{Line, Mark, Plot, Scale, key_of, value};
use super::{Results, count, described, ms, whole};
use crate::environment::Fact;
use crate::measure::{Interval, Latencies, Op};
use admitone::http::respond::rfc3339;

const STYLE: &str = "body{font:15px/1.5 system-ui,sans-serif;max-width:1180px;margin:2em auto;\
padding:0 1em;color:#222}h2{margin-top:1.6em}table{border-collapse:collapse;margin:1em 0;\
font-size:14px;font-variant-numeric:tabular-nums}td,th{padding:.2em .45em;text-align:right;\
border-bottom:1px solid #ddd;white-space:nowrap}td:first-child,th:first-child{text-align:left}\
.facts td{text-align:left;white-space:normal}.facts td:first-child{white-space:nowrap}\
.key span,.marks span{margin-right:1.2em;white-space:nowrap}.key{margin:0 0 1em 6em}\
.marks{color:#444}.bad{background:#fdd;padding:.5em 1em}.good{background:#dfd;padding:.5em 1em}\
svg{width:100%;height:auto}";

pub(super) fn render(results: &Results) -> String {
    let name = results.options.workload.name;
    let mut page = format!(
        "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><title>stampede: {name}</title>\
         <style>{STYLE}</style>\n<h1>stampede: {name}</h1>\n<p>{}. {}; ended {}.</p>\n",
        escape(results.options.workload.about),
        escape(&described(&results.options)),
        rfc3339(results.ended_at_ms),
    );
    page.push_str(&verdicts(results));
    page.push_str(&environment(results));
    page.push_str(&table(results));
    page.push_str(&codes(results));
    if let Some(measures) = &results.queue {
        page.push_str(&super::queue::page(measures));
    }
    page.push_str(&plots(results));
    page.push_str("</html>\n");
    page
}

fn verdicts(results: &Results) -> String {
    let mut text = String::new();
    if let Some(why) = results.void() {
        text.push_str(&format!("<p class=\"bad\">Void: {}.</p>\n", escape(&why)));
    }
    if let Some(at) = results.interrupted_at {
        let seconds = at.as_secs_f64();
        text.push_str(&format!("<p class=\"bad\">Interrupted after {seconds:.1} s.</p>\n"));
    }
    if let Some((asked, reached)) = results.rates() {
        let (asked, reached) = (whole(asked), whole(reached));
        text.push_str(&format!(
            "<p>Arrivals a second: {asked} asked for, {reached} reached.</p>\n"
        ));
    }
    match &results.audit {
        Ok(findings) if findings.violations == 0 => text.push_str(&format!(
            "<p class=\"good\">Audit: zero violations in {} rows of {} journals; {} acknowledged \
             changes found.</p>\n",
            count(findings.rows),
            count(findings.events),
            count(findings.acknowledged)
        )),
        Ok(findings) => {
            let items = findings.told.iter().map(|one| format!("<li>{}</li>", escape(one)));
            text.push_str(&format!(
                "<div class=\"bad\">Audit: {} violations.<ul>{}</ul></div>\n",
                count(findings.violations),
                items.collect::<String>()
            ));
        }
        Err(error) => {
            text.push_str(&format!("<p class=\"bad\">No audit: {}.</p>\n", escape(error)));
        }
    }
    for ran in &results.commands {
        let (command, ended) = (escape(&ran.command), escape(&ran.ended));
        text.push_str(&format!("<p>At {} s: <code>{command}</code> ({ended})</p>\n", ran.at));
    }
    text
}

fn environment(results: &Results) -> String {
    let row = |Fact { name, value }: &Fact| {
        format!("<tr><td>{}</td><td>{}</td></tr>\n", escape(name), escape(value))
    };
    let rows: String = results.environment.iter().map(row).collect();
    format!("<h2>Environment</h2>\n<table class=\"facts\">\n{rows}</table>\n<h2>Figures</h2>\n")
}

fn table(results: &Results) -> String {
    let mut text = String::from(
        "<table><tr><th></th><th>attempts</th><th>repeats</th><th>successes</th><th>refused</th><th>turned \
         away</th><th>errors</th><th>successes/s</th><th>p50</th><th>p90</th><th>p99</th>\
         <th>p99.9</th><th>max</th></tr>\n",
    );
    let mut row = |name: &str, cells: &[String]| {
        let cells: String = cells.iter().map(|cell| format!("<td>{cell}</td>")).collect();
        text.push_str(&format!("<tr><td>{name}</td>{cells}</tr>\n"));
    };
    let times = |l: &Latencies| {
        [l.at_us(0.5), l.at_us(0.9), l.at_us(0.99), l.at_us(0.999), l.max_us()].map(ms)
    };
    for op in Op::ALL {
        let Some(figures) = results.figures.ops.get(&op) else { continue };
        let mut cells = [figures.attempts, figures.repeats, figures.successes].map(count).to_vec();
        for counts in [&figures.refused, &figures.turned_away, &figures.errors] {
            cells.push(count(counts.values().sum()));
        }
        cells.push(whole(results.per_second(figures)));
        cells.extend(times(&figures.latencies));
        row(op.name(), &cells);
        if !figures.refusal_latencies.is_empty() {
            let mut cells = vec![count(figures.refusal_latencies.len())];
            cells.extend(std::iter::repeat_n(String::new(), 6));
            cells.extend(times(&figures.refusal_latencies));
            row(&format!("… until refused: {}", op.name()), &cells);
        }
    }
    for (name, latencies) in
        [("generator's lag", &results.figures.lag), ("connection wait", &results.figures.waits)]
    {
        let mut cells = vec![count(latencies.len())];
        cells.extend(std::iter::repeat_n(String::new(), 6));
        cells.extend(times(latencies));
        row(name, &cells);
    }
    text + "</table>\n<p>Counts and times are of what was meant to be sent after the warm-up, what ended \
            late included. Attempts count each request once, repeats what was sent again under its \
            key; each has an answer or an error. successes/s are of the time that is measured.</p>\n"
}

fn codes(results: &Results) -> String {
    let mut rows = String::new();
    for op in Op::ALL {
        let Some(figures) = results.figures.ops.get(&op) else { continue };
        for counts in [&figures.refused, &figures.turned_away, &figures.errors] {
            for (code, number) in counts {
                rows.push_str(&format!(
                    "<tr><td>{}</td><td>{}</td><td>{}</td></tr>\n",
                    op.name(),
                    escape(code),
                    count(*number)
                ));
            }
        }
    }
    if rows.is_empty() {
        return rows;
    }
    format!("<table><tr><th></th><th>code</th><th>answers</th></tr>\n{rows}</table>\n")
}

fn plots(results: &Results) -> String {
    let intervals = &results.figures.intervals;
    let marks = marks(results);
    let mut page = String::new();
    let mut section = |title: &str, all: &[Interval]| {
        let over_time = OverTime { width_s: intervals.width().as_secs_f64(), marks: &marks };
        let drawn: Vec<_> =
            [over_time.rates(all), over_time.latencies(all)].into_iter().flatten().collect();
        if !drawn.is_empty() {
            page.push_str(&format!("<h2>{title}</h2>\n{}{}\n", key_of(&marks), drawn.join("\n")));
        }
    };
    section("All requests", &intervals.of_all());
    for op in Op::ALL {
        section(op.name(), &intervals.of(op));
    }
    if let Some(svg) = percentiles(results) {
        page.push_str(&format!("<h2>Latency of successes by percentile</h2>\n{svg}\n"));
    }
    page
}

/// The marks in every plot over time.
fn marks(results: &Results) -> Vec<Mark> {
    const LONGEST: usize = 60;
    let mut marks = Vec::new();
    if !results.options.warm_up.is_zero() {
        let what = "the measured time begins".into();
        marks.push(Mark { at: results.options.warm_up.as_secs_f64(), what });
    }
    for ran in &results.commands {
        let mut command: String = ran.command.chars().take(LONGEST).collect();
        if command.len() < ran.command.len() {
            command.push('…');
        }
        marks.push(Mark { at: ran.at, what: format!("at {} s: {command}", ran.at) });
    }
    if let Some(at) = results.figures.sold_out_at {
        let at = at.as_secs_f64();
        marks.push(Mark {
            at,
            what: format!("at {at:.1} s: the first hold is refused as sold out"),
        });
    }
    let intervals = &results.figures.intervals;
    #[expect(clippy::cast_precision_loss, reason = "at most 600 intervals")]
    let shown = intervals.width().as_secs_f64() * intervals.len() as f64;
    marks.retain(|mark| mark.at <= shown);
    marks.sort_by(|one, other| one.at.total_cmp(&other.at));
    marks
}

struct OverTime<'a> {
    width_s: f64,
    marks: &'a [Mark],
}

impl OverTime<'_> {
    fn rates(&self, all: &[Interval]) -> Option<String> {
        let rate = |name, colour, of: fn(&Interval) -> u64| {
            #[expect(clippy::cast_precision_loss, reason = "counts far below 2^52")]
            let points = self.points(all, |interval| Some(of(interval) as f64 / self.width_s));
            Line { name, colour, points }
        };
        let mut lines = vec![
            rate("done", RGBColor(38, 128, 62), |interval| interval.successes),
            rate("refused", RGBColor(190, 140, 20), |interval| interval.refused),
            rate("turned away", RGBColor(120, 80, 190), |interval| interval.turned_away),
            rate("errors", RGBColor(200, 40, 40), |interval| interval.errors),
            rate("sent again", RGBColor(110, 130, 150), |interval| interval.repeats),
        ];
        // A line along the bottom would only need an explanation in the key.
        lines.retain(|line| line.points.iter().flatten().any(|(_, rate)| *rate > 0.0));
        self.plot(&lines, all.len(), "answers a second", Scale::Linear)
    }

    fn latencies(&self, all: &[Interval]) -> Option<String> {
        let quantile = |name, colour, of: fn(&Latencies) -> u64| {
            #[expect(clippy::cast_precision_loss, reason = "at most a minute")]
            let points = self.points(all, |interval| {
                (!interval.latencies.is_empty()).then(|| of(&interval.latencies) as f64 / 1_000.0)
            });
            Line { name, colour, points }
        };
        let lines = [
            quantile("p50 of what was done", RGBColor(38, 128, 62), |l| l.at_us(0.5)),
            quantile("p99", RGBColor(40, 90, 180), |l| l.at_us(0.99)),
            quantile("max", RGBColor(200, 40, 40), Latencies::max_us),
        ];
        self.plot(&lines, all.len(), "ms", Scale::Logarithmic)
    }

    /// Each interval's value, placed at the interval's middle.
    #[expect(clippy::cast_precision_loss, reason = "at most 600 intervals")]
    fn points(
        &self,
        all: &[Interval],
        of: impl Fn(&Interval) -> Option<f64>,
    ) -> Vec<Option<(f64, f64)>> {
        let point = |(index, interval): (usize, &Interval)| {
            Some(((index as f64 + 0.5) * self.width_s, of(interval)?))
        };
        all.iter().enumerate().map(point).collect()
    }

    #[expect(clippy::cast_precision_loss, reason = "at most 600 intervals")]
    fn plot(&self, lines: &[Line], intervals: usize, y: &str, scale: Scale) -> Option<String> {
        let right = intervals as f64 * self.width_s;
        let x = "seconds into the run";
        let (marks, x_label) = (self.marks, value as fn(&f64) -> String);
        Plot { lines, marks, right, x, y, scale, x_label }.draw()
    }
}

/// The latency of each kind of request at each quantile; a quantile's position is its number of
/// nines.
fn percentiles(results: &Results) -> Option<String> {
    const MOST_NINES: f64 = 4.0;
    let colours = Palette99::COLORS.iter().map(|(r, g, b)| RGBColor(*r, *g, *b));
    let of_ops = results.figures.ops.iter().filter(|(_, figures)| !figures.latencies.is_empty());
    let lines: Vec<Line> = of_ops
        .zip(colours.cycle())
        .map(|((op, figures), colour)| {
            let points = quantiles(&figures.latencies);
            Line { name: op.name(), colour, points }
        })
        .collect();
    Plot {
        lines: &lines,
        marks: &[],
        right: MOST_NINES,
        x: "share of the answers that came in this time or less",
        y: "ms",
        scale: Scale::Logarithmic,
        x_label: |nines| match nines {
            0.0 => "0%".into(),
            1.0 => "90%".into(),
            2.0 => "99%".into(),
            3.0 => "99.9%".into(),
            4.0 => "99.99%".into(),
            _ => String::new(),
        },
    }
    .draw()
}

fn quantiles(latencies: &Latencies) -> Vec<Option<(f64, f64)>> {
    #[expect(clippy::cast_precision_loss, reason = "at most a minute")]
    let at = |step: u32| {
        let nines = f64::from(step) / 10.0;
        Some((nines, latencies.at_us(1.0 - 10_f64.powf(-nines)) as f64 / 1_000.0))
    };
    (0..=40).map(at).collect()
}

pub(super) fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}
