//! The measures of a waiting room, as text and as part of the page.

use plotters::prelude::RGBColor;

use super::plots::{Line, Plot, Scale, value};
use super::{count, whole};
use crate::people::Sample;
use crate::people::measures::{Measures, Second, Spread};

const GREEN: RGBColor = RGBColor(38, 128, 62);
const BLUE: RGBColor = RGBColor(40, 90, 180);
const RED: RGBColor = RGBColor(200, 40, 40);
const GREY: RGBColor = RGBColor(110, 130, 150);

/// Rows of names and values.
fn rows(measures: &Measures) -> Vec<(String, String)> {
    let at = |seconds: Option<f64>| seconds.map_or("never".into(), |at| format!("{at:.1} s"));
    let percent = |part: f64| format!("{:.1}%", part * 100.0);
    let spread = |spread: &Spread, as_text: &dyn Fn(f64) -> String| {
        let [p10, p25, p50, p75, p90, p99, max] =
            [spread.p10, spread.p25, spread.p50, spread.p75, spread.p90, spread.p99, spread.max]
                .map(as_text);
        format!(
            "p10 {p10}, p25 {p25}, p50 {p50}, p75 {p75}, p90 {p90}, p99 {p99}, max {max} ({})",
            count(spread.count as u64)
        )
    };
    let whole_ms = |ms: f64| format!("{ms:.0} ms");
    let number = |number: f64| format!("{number:.0}");
    let mut rows: Vec<(String, String)> = Vec::new();
    let mut row = |name: &str, value: String| rows.push((name.into(), value));
    row(
        "people",
        format!(
            "{} came, {} entered, {} admitted",
            count(measures.people.into()),
            count(measures.entered.into()),
            count(measures.admitted.into())
        ),
    );
    row(
        "places",
        format!(
            "{} of {} sold, {} a minute; first admission after {}, last sale after {}",
            measures.sold,
            measures.places,
            whole(measures.sold_per_minute),
            at(measures.first_admission_at),
            at(measures.sold_out_at)
        ),
    );
    if let Some(compared) = &measures.all_knowing {
        row(
            "places sold, by an all-knowing admitter = 1",
            format!(
                "{:.3} ({:.1} s and {:.1} s; by the rules, played the same way, {:.1} s); until nine in \
                 ten are sold {:.3}; by one who passes over people that will not buy = 1: {:.3}",
                compared.ratio,
                compared.seconds,
                compared.seconds_all_knowing,
                compared.seconds_by_rules,
                compared.ratio_at_90_percent,
                compared.ratio_to_picking
            ),
        );
    }
    let what_if = measures.all_knowing.iter().flat_map(|compared| &compared.what_if);
    for one in what_if {
        let lost =
            if one.counts_those_who_lost { "" } else { ", without those who lost what they held" };
        row(
            &format!("… at admitPercent {}{lost}", one.admit_percent),
            format!(
                "{:.3} ({:.1} s), {} inside in vain",
                one.ratio,
                one.seconds,
                count(one.in_vain.into())
            ),
        );
    }
    row(
        "from a freed place to the next admission",
        spread(&measures.freed_to_admission_ms, &whole_ms),
    );
    row("from the rules' leave to the admission", spread(&measures.admission_delay_ms, &whole_ms));
    let estimates = &measures.estimates;
    row("error of estimates, after the first minute", spread(&estimates.error, &percent));
    row("… and with its sign (above 0: waited longer)", spread(&estimates.signed, &percent));
    row("… within low and high", percent(estimates.within));
    for by in &estimates.by_wait {
        row(&format!("… of waits {}", by.wait), spread(&by.error, &percent));
    }
    for by in &estimates.by_time {
        row(
            &format!("… told in minute {}, with its sign", by.minute),
            spread(&by.signed, &percent),
        );
    }
    row("error of estimates in the first minute", spread(&estimates.first_minute, &percent));
    row("admitted before, of those told to be ahead", spread(&measures.position_truth, &percent));
    row("bytes of an answer to a poll", spread(&measures.poll_bytes, &number));
    rows
}

/// The measures as text.
pub(super) fn text(measures: &Measures) -> String {
    let row = |(name, value): (String, String)| format!("  {name}: {value}\n");
    format!("\nthe waiting room\n{}", rows(measures).into_iter().map(row).collect::<String>())
}

/// The measures as a part of the page, with plots.
pub(super) fn page(measures: &Measures) -> String {
    let row = |(name, value): (String, String)| {
        format!("<tr><td>{name}</td><td>{}</td></tr>\n", super::html::escape(&value))
    };
    let mut page = format!(
        "<h2>The waiting room</h2>\n<table class=\"facts\">\n{}</table>\n",
        rows(measures).into_iter().map(row).collect::<String>()
    );
    let line = &measures.line;
    let of_line = |name, colour, of: fn(&Sample) -> u32| Line {
        name,
        colour,
        points: line.iter().map(|sample| Some((sample.at, f64::from(of(sample))))).collect(),
    };
    let by_second = |name, colour, of: &dyn Fn(&Second) -> f64| Line {
        name,
        colour,
        points: (0_u32..)
            .zip(&measures.seconds)
            .map(|(at, second)| Some((f64::from(at) + 0.5, of(second))))
            .collect(),
    };
    let right = line.last().map_or(0.0, |last| last.at);
    let allowed = measures.allowed_per_second;
    #[expect(clippy::cast_precision_loss, reason = "at most millions")]
    let plots = [
        ("People waiting", "people", vec![of_line("waiting", BLUE, |one| one.waiting)]),
        (
            "Inside, and places",
            "people and places",
            vec![
                of_line("inside", GREEN, |one| one.inside),
                of_line("places free", BLUE, |one| one.places_left),
                of_line("places held", GREY, |one| one.places_held),
            ],
        ),
        (
            "Entries",
            "entries a second",
            vec![by_second("entries", BLUE, &|second| f64::from(second.entries))],
        ),
        (
            "Admissions and the rate that is allowed",
            "admissions a second",
            vec![
                by_second("admissions", GREEN, &|second| f64::from(second.admissions)),
                by_second("allowed, ten seconds' worth at once", RED, &|_| allowed),
            ],
        ),
        (
            "Places sold",
            "places",
            vec![by_second("sold", GREEN, &|second| second.sold_so_far as f64)],
        ),
    ];
    for (title, y, lines) in plots {
        let x = "seconds into the run";
        let (marks, scale, x_label) = (&[][..], Scale::Linear, value as fn(&f64) -> String);
        if let Some(svg) = (Plot { lines: &lines, marks, right, x, y, scale, x_label }).draw() {
            page.push_str(&format!("<h2>{title}</h2>\n{svg}\n"));
        }
    }
    page
}
