//! Plots as self-contained SVG: lines over one axis, with the events of the run marked.

use std::ops::Range;

use plotters::chart::ChartContext;
use plotters::coord::ranged1d::{Ranged, ValueFormatter};
use plotters::coord::types::RangedCoordf64;
use plotters::prelude::*;

use super::count;

const SIZE: (u32, u32) = (1_100, 320);
/// Appears as 15 pixels: text is drawn a quarter smaller than requested.
const TEXT: (&str, u32) = ("sans-serif", 19);
const MARK: RGBColor = RGBColor(90, 90, 90);
const GRID: RGBColor = RGBColor(225, 225, 225);
/// Marks that are near each other are numbered in rows below each other.
const MARK_ROWS: usize = 3;

/// An event during the run.
pub(super) struct Mark {
    /// Seconds into the run.
    pub(super) at: f64,
    pub(super) what: String,
}

/// Points from left to right; `None` is a gap.
pub(super) struct Line {
    pub(super) name: &'static str,
    pub(super) colour: RGBColor,
    pub(super) points: Vec<Option<(f64, f64)>>,
}

/// The scale of an axis.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Scale {
    /// Starts at zero.
    Linear,
    /// Each step is ten times the one before, so that small and large values are both visible.
    Logarithmic,
}

/// The data of a plot.
pub(super) struct Plot<'a> {
    pub(super) lines: &'a [Line],
    pub(super) marks: &'a [Mark],
    pub(super) right: f64,
    pub(super) x: &'a str,
    pub(super) y: &'a str,
    pub(super) scale: Scale,
    pub(super) x_label: fn(&f64) -> String,
}

impl Plot<'_> {
    /// The plot with its key; `None` when there is nothing to draw.
    pub(super) fn draw(&self) -> Option<String> {
        let values = || self.lines.iter().flat_map(|line| &line.points).flatten().map(|(_, y)| *y);
        let top = values().fold(0.0, f64::max);
        if self.right <= 0.0 || top <= 0.0 {
            return None;
        }
        let mut svg = String::new();
        {
            let area = SVGBackend::with_string(&mut svg, SIZE).into_drawing_area();
            let mut builder = ChartBuilder::on(&area);
            builder.margin(10).margin_right(28).x_label_area_size(52).y_label_area_size(92);
            match self.scale {
                Scale::Linear => {
                    let y = 0.0..top * 1.08;
                    let chart = builder.build_cartesian_2d(0.0..self.right, y.clone()).ok()?;
                    self.fill(chart, &y)?;
                }
                Scale::Logarithmic => {
                    let lowest = values().filter(|y| *y > 0.0).fold(top, f64::min);
                    let y = decades(lowest, top);
                    let chart =
                        builder.build_cartesian_2d(0.0..self.right, y.clone().log_scale()).ok()?;
                    self.fill(chart, &y)?;
                }
            }
            area.present().ok()?;
        }
        Some(format!("{svg}{}", self.key()))
    }

    fn fill<'s, Y>(
        &self,
        mut chart: ChartContext<'s, SVGBackend<'s>, Cartesian2d<RangedCoordf64, Y>>,
        y: &Range<f64>,
    ) -> Option<()>
    where
        Y: Ranged<ValueType = f64> + ValueFormatter<f64>,
    {
        chart
            .configure_mesh()
            .x_desc(self.x)
            .y_desc(self.y)
            .x_label_formatter(&self.x_label)
            .y_label_formatter(&value)
            .x_labels(12)
            .y_labels(6)
            .bold_line_style(GRID)
            .light_line_style(TRANSPARENT)
            .axis_style(MARK)
            .label_style(TEXT)
            .axis_desc_style(TEXT)
            .draw()
            .ok()?;
        for line in self.lines {
            for run in line.points.split(Option::is_none).filter(|run| !run.is_empty()) {
                let points = run.iter().flatten().copied();
                let style = line.colour.stroke_width(2);
                if run.len() == 1 {
                    let dot = |at| Circle::new(at, 3, line.colour.filled());
                    chart.draw_series(points.map(dot)).ok()?;
                } else {
                    chart.draw_series(LineSeries::new(points, style)).ok()?;
                }
            }
        }
        for (index, mark) in self.marks.iter().enumerate() {
            let ends = [(mark.at, y.start), (mark.at, y.end)];
            let dashes = DashedLineSeries::new(ends, 5, 4, MARK.stroke_width(1));
            chart.draw_series(dashes).ok()?;
            let below = i32::try_from(2 + 18 * (index % MARK_ROWS)).unwrap_or_default();
            let number = (index + 1).to_string();
            let text = Text::new(number, (5, below), TEXT.into_font().color(&MARK));
            chart.draw_series([EmptyElement::at((mark.at, y.end)) + text]).ok()?;
        }
        Some(())
    }

    /// The names of the lines, below the plot: inside it there is no room.
    fn key(&self) -> String {
        let name = |Line { name, colour: RGBColor(r, g, b), .. }: &Line| {
            format!("<span><b style=\"color:rgb({r},{g},{b})\">&#9632;</b> {name}</span>\n")
        };
        format!("\n<p class=\"key\">{}</p>", self.lines.iter().map(name).collect::<String>())
    }
}

/// The meaning of the numbers at the marks.
pub(super) fn key_of(marks: &[Mark]) -> String {
    let one = |(number, mark): (usize, &Mark)| {
        format!("<span><b>{number}</b> {}</span>\n", super::html::escape(&mark.what))
    };
    if marks.is_empty() {
        return String::new();
    }
    format!("<p class=\"marks\">{}</p>\n", (1..).zip(marks).map(one).collect::<String>())
}

/// The range of powers of ten that includes the values.
fn decades(lowest: f64, highest: f64) -> Range<f64> {
    let from = lowest.log10().floor();
    let to = highest.log10().ceil().max(from + 1.0);
    10_f64.powf(from)..10_f64.powf(to)
}

/// The label of a value on an axis: `1,500`, `0.25`.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "axes are small")]
pub(super) fn value(value: &f64) -> String {
    let is_whole = (value - value.round()).abs() < 1e-9;
    if is_whole || *value >= 100.0 {
        return count(value.round() as u64);
    }
    let text = format!("{value:.3}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_written_for_people() {
        assert_eq!(
            [0.0, 0.01, 0.25, 10.0, 2_500.0].map(|v| value(&v)),
            ["0", "0.01", "0.25", "10", "2,500"]
        );
        let decades = decades(0.3, 12.0);
        assert!((decades.start - 0.1).abs() < 1e-9 && (decades.end - 100.0).abs() < 1e-9);
    }

    #[test]
    fn a_gap_parts_a_line_and_marks_are_numbered() {
        let points = vec![Some((0.5, 10.0)), Some((1.5, 20.0)), None, Some((3.5, 5.0))];
        let lines = [Line { name: "p99", colour: RED, points }];
        let marks = [Mark { at: 2.0, what: "kill <a>".into() }];
        let x_label = |x: &f64| value(x);
        for scale in [Scale::Linear, Scale::Logarithmic] {
            let plot =
                Plot { lines: &lines, marks: &marks, right: 4.0, x: "s", y: "ms", scale, x_label };
            let svg = plot.draw().expect("there is something to draw");
            assert!(svg.contains("<circle"), "what stands alone is a dot: {svg}");
        }
        assert!(key_of(&marks).contains("<b>1</b> kill &lt;a&gt;"), "{}", key_of(&marks));
        let nothing = Plot {
            lines: &[],
            marks: &[],
            right: 4.0,
            x: "",
            y: "",
            scale: Scale::Linear,
            x_label,
        };
        assert!(nothing.draw().is_none());
    }
}
