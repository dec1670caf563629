//! The rules for a plan. Every refusal names the field and says how to mend it. A plan that passes
//! makes an event with any products for its zones: the core refuses none of it.

use std::collections::{HashMap, HashSet};

use crate::inventory::{MAX_ROW, MAX_SEATS as MAX_CORE_SEATS, MAX_SECTIONS as MAX_CORE_SECTIONS};
use crate::text::{self, InvalidField};
use crate::venues::geometry::{self, Point};
use crate::venues::plan::{FORMAT, Plan, PlanNumbering, PlanRow, PlanSection};

/// The most seats of a plan.
pub const MAX_SEATS: u64 = 200_000;
/// The most sections, zones and labels of a plan.
const MAX_PARTS: usize = 1_000;
/// The most rows of a section.
const MAX_ROWS: usize = 10_000;
/// The most corners of an outline.
const MAX_CORNERS: usize = 200;
/// The largest coordinate and length.
const FAR: f64 = 100_000.0;
/// The smallest distance of two seats.
const NEAREST: f64 = 0.5;

type Checked<T> = Result<T, InvalidField>;

fn wrong<T>(field: impl Into<String>, reason: impl Into<String>) -> Checked<T> {
    Err(InvalidField::new(field, reason))
}

impl Plan {
    /// Checks every field. Returns the plan with its texts trimmed.
    ///
    /// # Errors
    /// The first field that is not allowed.
    pub fn check(mut self) -> Checked<Self> {
        if self.format != FORMAT {
            return wrong("format", format!("must be {FORMAT}, the only form of plans so far"));
        }
        self.name = text::line("name", &self.name, 200)?;
        self.check_drawing()?;
        let zones = self.check_zones()?;
        count("sections", self.sections.len(), 1, MAX_PARTS)?;
        let seats = self.seats();
        if seats > MAX_SEATS {
            let reason =
                format!("have {seats} seats in all: at most {MAX_SEATS}, so make several plans");
            return wrong("sections", reason);
        }
        let mut names = HashSet::new();
        let mut size = CoreSize::default();
        for (index, section) in self.sections.iter_mut().enumerate() {
            let field = format!("sections[{index}]");
            check_section(&field, section, &zones)?;
            if !names.insert(section.name.clone()) {
                return wrong(
                    format!("{field}.name"),
                    "is the name of another section: give each its own",
                );
            }
            size.add(section);
        }
        size.check()?;
        self.check_distances()?;
        Ok(self)
    }

    fn check_drawing(&mut self) -> Checked<()> {
        if let Some(stage) = &mut self.stage {
            coordinate("stage.x", stage.x)?;
            coordinate("stage.y", stage.y)?;
            length("stage.width", stage.width)?;
            length("stage.height", stage.height)?;
            if !stage.label.is_empty() {
                stage.label = text::line("stage.label", &stage.label, 100)?;
            }
        }
        count("labels", self.labels.len(), 0, MAX_PARTS)?;
        for (index, label) in self.labels.iter_mut().enumerate() {
            coordinate(&format!("labels[{index}].x"), label.x)?;
            coordinate(&format!("labels[{index}].y"), label.y)?;
            label.text = text::line(&format!("labels[{index}].text"), &label.text, 100)?;
        }
        Ok(())
    }

    fn check_zones(&mut self) -> Checked<HashSet<String>> {
        count("zones", self.zones.len(), 1, MAX_PARTS)?;
        let mut names = HashSet::new();
        for (index, zone) in self.zones.iter_mut().enumerate() {
            let field = format!("zones[{index}].name");
            zone.name = text::line(&field, &zone.name, 100)?;
            if !names.insert(zone.name.clone()) {
                return wrong(field, "is the name of another zone: give each its own");
            }
        }
        Ok(names)
    }

    /// Refuses two seats on one place. Each seat is compared with those of the nine squares around
    /// it, so that the time grows with the number of seats alone.
    fn check_distances(&self) -> Checked<()> {
        #[expect(clippy::cast_possible_truncation, reason = "coordinates are bounded")]
        let square = |[x, y]: Point| ((x / NEAREST).floor() as i32, (y / NEAREST).floor() as i32);
        let total = usize::try_from(self.seats()).unwrap_or_default();
        let mut squares: HashMap<(i32, i32), Vec<u32>> = HashMap::with_capacity(total);
        let mut seats: Vec<(Point, [u32; 3])> = Vec::with_capacity(total);
        for (section, of) in (0_u32..).zip(&self.sections) {
            let frame = geometry::Frame::of(of);
            for (row, of) in (0_u32..).zip(&of.rows) {
                for (position, point) in (1_u32..).zip(geometry::path(of)) {
                    let point = frame.place(point);
                    let (column, line) = square(point);
                    let around = (-1..=1).flat_map(|dx| (-1..=1).map(move |dy| (dx, dy)));
                    let near = around
                        .filter_map(|(dx, dy)| squares.get(&(column + dx, line + dy)))
                        .flatten()
                        .map(|seat| &seats[*seat as usize])
                        .find(|(other, _)| distance(*other, point) < NEAREST - 1e-9);
                    if let Some((_, [section2, row2, position2])) = near {
                        let reason = format!(
                            "has seat {position} nearer than {NEAREST} to seat {position2} of \
                             sections[{section2}].rows[{row2}]: move one of them"
                        );
                        return wrong(format!("sections[{section}].rows[{row}]"), reason);
                    }
                    let index = u32::try_from(seats.len()).expect("seats are limited");
                    squares.entry((column, line)).or_default().push(index);
                    seats.push((point, [section, row, position]));
                }
            }
        }
        Ok(())
    }
}

/// The size of the core's seat map in the worst case: each zone its own product.
#[derive(Default)]
struct CoreSize {
    sections: usize,
    seats: u64,
}

impl CoreSize {
    fn add(&mut self, section: &PlanSection) {
        let mut of_section = HashSet::new();
        for row in &section.rows {
            let mut of_row: HashSet<&str> =
                row.zones.iter().map(|range| range.zone.as_str()).collect();
            of_row.insert(&section.zone);
            self.seats += (u64::from(row.seats) + row.gaps.len() as u64) * of_row.len() as u64;
            of_section.extend(of_row);
        }
        self.sections += of_section.len();
    }

    fn check(&self) -> Checked<()> {
        if self.sections > MAX_CORE_SECTIONS || self.seats > u64::from(MAX_CORE_SEATS) {
            let reason = "mix too many zones: use fewer zones in a row, or more sections";
            return wrong("sections", reason);
        }
        Ok(())
    }
}

fn check_section(field: &str, section: &mut PlanSection, zones: &HashSet<String>) -> Checked<()> {
    section.name = text::line(&format!("{field}.name"), &section.name, 100)?;
    section.zone = zone(&format!("{field}.zone"), &section.zone, zones)?;
    coordinate(&format!("{field}.x"), section.x)?;
    coordinate(&format!("{field}.y"), section.y)?;
    angle(&format!("{field}.rotation"), section.rotation)?;
    let corners = section.outline.len();
    if corners != 0 && !(3..=MAX_CORNERS).contains(&corners) {
        let reason = format!("must have 3 to {MAX_CORNERS} corners, or be left out");
        return wrong(format!("{field}.outline"), reason);
    }
    for (index, [x, y]) in section.outline.iter().enumerate() {
        coordinate(&format!("{field}.outline[{index}]"), *x)?;
        coordinate(&format!("{field}.outline[{index}]"), *y)?;
    }
    count(&format!("{field}.rows"), section.rows.len(), 1, MAX_ROWS)?;
    let mut names = HashSet::new();
    for (index, row) in section.rows.iter_mut().enumerate() {
        let field = format!("{field}.rows[{index}]");
        check_row(&field, row, zones)?;
        if !names.insert(row.name.clone()) {
            let reason = "is the name of another row of this section: give each its own";
            return wrong(format!("{field}.name"), reason);
        }
    }
    Ok(())
}

fn check_row(field: &str, row: &mut PlanRow, zones: &HashSet<String>) -> Checked<()> {
    let of = |name: &str| format!("{field}.{name}");
    row.name = text::line(&of("name"), &row.name, 50)?;
    coordinate(&of("x"), row.x)?;
    coordinate(&of("y"), row.y)?;
    angle(&of("rotation"), row.rotation)?;
    angle(&of("curve"), row.curve)?;
    if !(NEAREST..=100.0).contains(&row.spacing) {
        return wrong(of("spacing"), format!("must be {NEAREST} to 100"));
    }
    if row.seats == 0 || row.seats > MAX_ROW {
        return wrong(of("seats"), format!("must be 1 to {MAX_ROW}: make several rows of it"));
    }
    check_gaps(field, row)?;
    if row.seats as usize + row.gaps.len() > MAX_ROW as usize {
        return wrong(of("gaps"), format!("make {MAX_ROW} places with the seats at most"));
    }
    for (name, positions) in [
        ("accessible", &row.accessible),
        ("companion", &row.companion),
        ("restricted", &row.restricted),
    ] {
        let mut seen = HashSet::new();
        for position in positions {
            if !(1..=row.seats).contains(position) {
                let reason = format!("has {position}: positions count from 1 to {}", row.seats);
                return wrong(of(name), reason);
            }
            if !seen.insert(position) {
                return wrong(of(name), format!("has {position} twice: name it once"));
            }
        }
    }
    if let Some(both) = row.companion.iter().find(|seat| row.accessible.contains(seat)) {
        let reason = format!("has {both}, which is accessible: it can be one of both");
        return wrong(of("companion"), reason);
    }
    if let Some(numbering) = &mut row.numbering {
        check_numbering(&of("numbering"), numbering, row.seats)?;
    }
    check_ranges(field, row, zones)
}

fn check_gaps(field: &str, row: &PlanRow) -> Checked<()> {
    let mut seen = HashSet::new();
    for (index, gap) in row.gaps.iter().enumerate() {
        let field = format!("{field}.gaps[{index}]");
        if !(1..row.seats).contains(&gap.after) {
            let last = row.seats - 1;
            let reason = match last {
                0 => "must be left out: a row of one seat has no gaps".to_owned(),
                last => format!("must be 1 to {last}: a gap lies between two seats"),
            };
            return wrong(format!("{field}.after"), reason);
        }
        if !seen.insert(gap.after) {
            return wrong(format!("{field}.after"), "has a gap already: make one of both");
        }
        if !(gap.width > 0.0 && gap.width <= 1_000.0) {
            return wrong(format!("{field}.width"), "must be more than 0 and at most 1000");
        }
    }
    Ok(())
}

fn check_numbering(field: &str, numbering: &mut PlanNumbering, seats: u32) -> Checked<()> {
    if let Some(labels) = &mut numbering.labels {
        if numbering.start.is_some() || numbering.step.is_some() {
            let reason = "stand for start and step: leave these out, or the labels";
            return wrong(format!("{field}.labels"), reason);
        }
        if labels.len() != seats as usize {
            let reason = format!("must be {seats}, one for each seat");
            return wrong(format!("{field}.labels"), reason);
        }
        let mut seen = HashSet::new();
        for (index, label) in labels.iter_mut().enumerate() {
            let field = format!("{field}.labels[{index}]");
            *label = text::line(&field, label, 20)?;
            if !seen.insert(label.clone()) {
                return wrong(field, "is the label of another seat of this row: give each its own");
            }
        }
        return Ok(());
    }
    if numbering.start.is_some_and(|start| start > 100_000) {
        return wrong(format!("{field}.start"), "must be 0 to 100000");
    }
    if numbering.step.is_some_and(|step| !(1..=100).contains(&step)) {
        let reason = "must be 1 to 100: with 0 all seats would have one label";
        return wrong(format!("{field}.step"), reason);
    }
    Ok(())
}

fn check_ranges(field: &str, row: &mut PlanRow, zones: &HashSet<String>) -> Checked<()> {
    let mut taken: Vec<(u32, u32)> = Vec::new();
    let last = row.seats;
    for (index, range) in row.zones.iter_mut().enumerate() {
        let field = format!("{field}.zones[{index}]");
        range.zone = zone(&format!("{field}.zone"), &range.zone, zones)?;
        if range.from == 0 || range.from > last {
            return wrong(format!("{field}.from"), format!("must be 1 to {last}"));
        }
        if range.to < range.from || range.to > last {
            return wrong(format!("{field}.to"), format!("must be {} to {last}", range.from));
        }
        taken.push((range.from, range.to));
    }
    taken.sort_unstable();
    for pair in taken.windows(2) {
        if pair[1].0 <= pair[0].1 {
            let reason = format!("put position {} into two zones: end one before it", pair[1].0);
            return wrong(format!("{field}.zones"), reason);
        }
    }
    Ok(())
}

fn zone(field: &str, name: &str, zones: &HashSet<String>) -> Checked<String> {
    let name = text::line(field, name, 100)?;
    if !zones.contains(&name) {
        return wrong(field, format!("must be a zone of the plan: add {name:?} to zones"));
    }
    Ok(name)
}

fn count(field: &str, items: usize, least: usize, most: usize) -> Checked<()> {
    if !(least..=most).contains(&items) {
        return wrong(field, format!("must have {least} to {most} items"));
    }
    Ok(())
}

fn coordinate(field: &str, value: f64) -> Checked<()> {
    // NaN and infinity are in no range.
    if !(-FAR..=FAR).contains(&value) {
        return wrong(field, format!("must be a number from -{FAR} to {FAR}"));
    }
    Ok(())
}

fn length(field: &str, value: f64) -> Checked<()> {
    if !(value > 0.0 && value <= FAR) {
        return wrong(field, format!("must be more than 0 and at most {FAR}"));
    }
    Ok(())
}

fn angle(field: &str, value: f64) -> Checked<()> {
    if !(-360.0..=360.0).contains(&value) {
        return wrong(field, "must be -360 to 360 degrees");
    }
    Ok(())
}

fn distance(a: Point, b: Point) -> f64 {
    (a[0] - b[0]).hypot(a[1] - b[1])
}
