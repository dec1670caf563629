//! The report as one HTML page that needs nothing else: tables, and plots over time as SVG.

use plotters::prelude::*;

use super::{Results, count, described, ms, whole};
use crate::http::respond::rfc3339;
use crate::stampede::measure::{Latencies, Op, Second};

const SIZE: (u32, u32) = (960, 320);
const STYLE: &str = "body{font:15px/1.5 system-ui,sans-serif;max-width:1100px;margin:2em auto;\
padding:0 1em;color:#222}table{border-collapse:collapse;margin:1em 0;font-variant-numeric:\
tabular-nums}td,th{padding:.2em .45em;text-align:right;border-bottom:1px solid #ddd;\
white-space:nowrap}.key span{margin-right:1.2em;white-space:nowrap}\
td:first-child,th:first-child{text-align:left}.bad{background:#fdd;padding:.5em 1em}\
.good{background:#dfd;padding:.5em 1em}svg{max-width:100%;height:auto}";

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
    page.push_str(&table(results));
    page.push_str(&codes(results));
    for (title, svg) in plots(results) {
        page.push_str(&format!("<h2>{title}</h2>\n{svg}\n"));
    }
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

fn table(results: &Results) -> String {
    let mut text = String::from(
        "<table><tr><th></th><th>attempts</th><th>successes</th><th>refused</th><th>turned \
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
        let mut cells = vec![count(figures.attempts), count(figures.successes)];
        for counts in [&figures.refused, &figures.turned_away, &figures.errors] {
            cells.push(count(counts.values().sum()));
        }
        cells.push(whole(results.per_second(figures)));
        cells.extend(times(&figures.latencies));
        row(op.name(), &cells);
        if !figures.refusal_latencies.is_empty() {
            let mut cells = vec![count(figures.refusal_latencies.len())];
            cells.extend(std::iter::repeat_n(String::new(), 5));
            cells.extend(times(&figures.refusal_latencies));
            row(&format!("… until refused: {}", op.name()), &cells);
        }
    }
    for (name, latencies) in
        [("generator's lag", &results.figures.lag), ("connection wait", &results.figures.waits)]
    {
        let mut cells = vec![count(latencies.len())];
        cells.extend(std::iter::repeat_n(String::new(), 5));
        cells.extend(times(latencies));
        row(name, &cells);
    }
    text + "</table>\n<p>Counts and times are of what was meant to be sent after the warm-up, what ended \
            late and what was asked again under its key included; successes/s are of the time that \
            is measured.</p>\n"
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

type Line<'a> = (&'a str, RGBColor, Vec<(f64, f64)>);

fn plots(results: &Results) -> Vec<(&'static str, String)> {
    let seconds = &results.figures.seconds;
    #[expect(clippy::cast_precision_loss, reason = "counts far below 2^52")]
    let over_time = |of: fn(&Second) -> u64| -> Vec<(f64, f64)> {
        let whole = seconds.iter().enumerate();
        whole.map(|(second, figures)| (second as f64, of(figures) as f64)).collect()
    };
    let in_ms = |of: fn(&Second) -> u64| -> Vec<(f64, f64)> {
        over_time(of).into_iter().map(|(at, us)| (at, us / 1_000.0)).collect()
    };
    let answers = [
        ("done", RGBColor(38, 128, 62), over_time(|second| second.successes)),
        ("refused", RGBColor(190, 140, 20), over_time(|second| second.refused)),
        ("turned away", RGBColor(120, 80, 190), over_time(|second| second.turned_away)),
        ("errors", RGBColor(200, 40, 40), over_time(|second| second.errors)),
    ];
    let latency = [
        ("p50", RGBColor(38, 128, 62), in_ms(|second| second.latencies.at_us(0.5))),
        ("p99", RGBColor(40, 90, 180), in_ms(|second| second.latencies.at_us(0.99))),
        ("max", RGBColor(200, 40, 40), in_ms(|second| second.latencies.max_us())),
    ];
    let colours = Palette99::COLORS.iter().map(|(r, g, b)| RGBColor(*r, *g, *b));
    let of_ops = results.figures.ops.iter().filter(|(_, figures)| !figures.latencies.is_empty());
    let spread: Vec<Line<'_>> = of_ops
        .zip(colours.cycle())
        .map(|((op, figures), colour)| (op.name(), colour, quantiles(&figures.latencies)))
        .collect();
    [
        ("Answers a second", draw(&answers, "seconds into the run", "answers/s")),
        ("Latency of successes over time", draw(&latency, "seconds into the run", "ms")),
        ("Latency of successes by percentile (2 is 99%, 3 is 99.9%)", draw(&spread, "nines", "ms")),
    ]
    .into_iter()
    .filter_map(|(title, svg)| Some((title, svg?)))
    .collect()
}

/// The latency at each quantile, which stands at the number of its nines.
fn quantiles(latencies: &Latencies) -> Vec<(f64, f64)> {
    #[expect(clippy::cast_precision_loss, reason = "at most a minute")]
    let at = |step: u32| {
        let nines = f64::from(step) / 10.0;
        (nines, latencies.at_us(1.0 - 10_f64.powf(-nines)) as f64 / 1_000.0)
    };
    (0..=40).map(at).collect()
}

/// Lines over one axis; `None` when there is nothing to draw.
fn draw(lines: &[Line<'_>], x: &str, y: &str) -> Option<String> {
    let points = || lines.iter().flat_map(|(_, _, points)| points);
    let right = points().map(|(x, _)| *x).fold(0.0, f64::max);
    let top = points().map(|(_, y)| *y).fold(0.0, f64::max);
    if right <= 0.0 || top <= 0.0 {
        return None;
    }
    let mut svg = String::new();
    {
        let area = SVGBackend::with_string(&mut svg, SIZE).into_drawing_area();
        let mut chart = ChartBuilder::on(&area)
            .margin(8)
            .x_label_area_size(36)
            .y_label_area_size(64)
            .build_cartesian_2d(0.0..right, 0.0..top * 1.05)
            .ok()?;
        let mesh = chart.configure_mesh().x_desc(x).y_desc(y).light_line_style(WHITE).draw();
        mesh.ok()?;
        for (_, colour, points) in lines {
            let series = LineSeries::new(points.iter().copied(), colour.stroke_width(2));
            chart.draw_series(series).ok()?;
        }
        area.present().ok()?;
    }
    Some(svg + &key(lines))
}

/// Which line is which, below the plot: beside so many lines there is no room in it.
fn key(lines: &[Line<'_>]) -> String {
    let name = |(name, RGBColor(r, g, b), _): &Line<'_>| {
        format!("<span><b style=\"color:rgb({r},{g},{b})\">&#9632;</b> {name}</span>\n")
    };
    format!("\n<p class=\"key\">{}</p>", lines.iter().map(name).collect::<String>())
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}
