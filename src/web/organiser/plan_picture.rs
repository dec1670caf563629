//! A plan as a drawing, before any event uses it: every seat as a dot in the colour of its price zone, or
//! rows as lines if there are too many seats for a page.

use std::collections::BTreeMap;
use std::fmt::Write;

use maud::{Markup, html};

use crate::venues::{DEFAULT_STAGE_LABEL, Plan, PlanSection};
use crate::venues::{
    geometry::{self, Point},
    outline,
};
use crate::web::format::number;
use crate::web::visitor::Visitor;

/// The most seats that are drawn as dots.
const DOTS: u64 = 5_000;
/// In larger plans, a row is drawn through every so many seats.
const EVERY: u32 = 8;
/// The number of colours of zones in the style sheet.
const COLOURS: usize = 8;

/// The drawing of a plan, made where long computations may run.
pub(super) struct Picture {
    bounds: [f64; 4],
    sections: Vec<Drawn>,
    stage: Option<([f64; 4], String)>,
    labels: Vec<(Point, String)>,
    /// The zones in the order of the plan, with their seats.
    zones: Vec<(String, u64)>,
    seats: u64,
}

struct Drawn {
    name: String,
    label: Point,
    outline: String,
    /// A path for each zone of the section, by its position in the plan.
    paths: BTreeMap<usize, String>,
}

impl Picture {
    /// Draws a checked plan.
    pub(super) fn of(plan: &Plan) -> Self {
        let seats = plan.seats();
        let mut zones: Vec<(String, u64)> =
            plan.zones.iter().map(|zone| (zone.name.clone(), 0)).collect();
        let sections =
            plan.sections.iter().map(|section| drawn(section, &mut zones, seats <= DOTS)).collect();
        let stage = plan.stage.as_ref().map(|stage| {
            let corner = [stage.x - stage.width / 2.0, stage.y - stage.height / 2.0];
            ([corner[0], corner[1], stage.width, stage.height], stage.label.clone())
        });
        let labels =
            plan.labels.iter().map(|label| ([label.x, label.y], label.text.clone())).collect();
        Self { bounds: outline::bounds(plan).0, sections, stage, labels, zones, seats }
    }

    /// Renders the drawing with its zones.
    pub(super) fn render(&self, visitor: &Visitor) -> Markup {
        let [left, top, right, bottom] = self.bounds;
        let (width, height) = (right - left + 2.0, bottom - top + 2.0);
        let view = format!("{:.2} {:.2} {width:.2} {height:.2}", left - 1.0, top - 1.0);
        // Texts are as large on the screen in a large hall as in a small one.
        let size = format!("{:.2}", (width.max(height) / 40.0).max(1.0));
        let said = visitor.fill("venues.drawing", &[("seats", &number(self.seats))]);
        html! {
            figure.plan-picture {
                svg viewBox=(view) role="img" aria-label=(said) {
                    @if let Some(([x, y, width, height], label)) = &self.stage {
                        rect.plan-stage x=(rounded(*x)) y=(rounded(*y)) width=(rounded(*width)) height=(rounded(*height)) {}
                        @let is_default = label == DEFAULT_STAGE_LABEL;
                        @let label = if is_default { visitor.text("place.stage") } else { label };
                        (words([x + width / 2.0, y + height / 2.0], label, &size))
                    }
                    @for section in &self.sections {
                        polygon.plan-outline points=(section.outline) {}
                        @for (zone, path) in &section.paths {
                            path class=(self.class(*zone)) d=(path) {}
                        }
                    }
                    @for section in &self.sections { (words(section.label, &section.name, &size)) }
                    @for (at, label) in &self.labels { (words(*at, label, &size)) }
                }
                figcaption {
                    @for (index, (zone, seats)) in self.zones.iter().enumerate() {
                        span class={ "plan-key zone-" (index % COLOURS + 1) } {
                            (zone) " · " (visitor.fill("venues.seat_count", &[("n", &number(*seats))]))
                        }
                    }
                }
            }
        }
    }

    fn class(&self, zone: usize) -> String {
        let kind = if self.seats <= DOTS { "plan-dots" } else { "plan-rows" };
        format!("{kind} zone-{}", zone % COLOURS + 1)
    }
}

fn drawn(section: &PlanSection, zones: &mut [(String, u64)], as_dots: bool) -> Drawn {
    let (outline, label) = outline::outlined(section);
    let mut paths: BTreeMap<usize, String> = BTreeMap::new();
    let mut points = geometry::seats_of(section);
    for row in &section.rows {
        let mut before = None;
        for position in 1..=row.seats {
            let Some([x, y]) = points.next() else { break };
            let name = row.zone(section, position);
            let zone = zones.iter().position(|(known, _)| known == name).unwrap_or_default();
            zones[zone].1 += 1;
            let path = paths.entry(zone).or_default();
            let is_first = before != Some(zone);
            let is_last = position == row.seats;
            if as_dots || is_first {
                let _ = write!(path, "M{x:.1} {y:.1}h0");
            } else if is_last || position.is_multiple_of(EVERY) {
                let _ = write!(path, "L{x:.1} {y:.1}");
            }
            before = Some(zone);
        }
    }
    let corners: Vec<String> = outline.iter().map(|[x, y]| format!("{x:.2},{y:.2}")).collect();
    Drawn { name: section.name.clone(), label, outline: corners.join(" "), paths }
}

fn words([x, y]: Point, text: &str, size: &str) -> Markup {
    html! { text.plan-words x=(rounded(x)) y=(rounded(y)) font-size=(size) { (text) } }
}

fn rounded(value: f64) -> String {
    format!("{value:.2}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::venues::{PlanSpec, generate};

    fn picture(rows: u32) -> Picture {
        let spec: PlanSpec = serde_json::from_value(serde_json::json!({
            "name": "Hall", "blocks": [
                {"kind": "arc", "section": "Stalls", "zone": "Gold", "rows": rows, "seatsPerRow": 40},
                {"kind": "block", "section": "Circle", "zone": "Silver", "rows": 2, "seatsPerRow": 30},
            ]
        }))
        .expect("a specification");
        Picture::of(&generate(&spec).expect("a plan"))
    }

    #[test]
    fn every_seat_is_a_dot_and_a_large_plan_has_lines() {
        let small = picture(10);
        assert_eq!(small.zones, [("Gold".to_owned(), 400), ("Silver".to_owned(), 60)]);
        let dots = |picture: &Picture| -> usize {
            let paths = picture.sections.iter().flat_map(|section| section.paths.values());
            paths.map(|path| path.matches('M').count()).sum()
        };
        assert_eq!(dots(&small), 460);
        let large = picture(200);
        assert_eq!((large.seats, dots(&large)), (8_060, 202));
    }
}
