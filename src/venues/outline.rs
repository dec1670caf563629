//! The outline that is drawn around the seats of a section: along its first row, the ends of its rows
//! and its last row, so that sections around a stage do not overlap. Rows that do not follow one
//! another from front to back are surrounded by their hull. Pure, and bounded by the number of seats.

use crate::venues::geometry::{self, Bounds, Frame, MARGIN, Point};
use crate::venues::plan::{Plan, PlanRow, PlanSection};

/// The most points of a row that are looked at.
const SAMPLES: usize = 33;
/// How far the outline of a row may be from the row's curve, beside the margin.
const NEAR: f64 = 0.05;
/// How far the sides may be from the ends of rows, so that rows of unequal length give a smooth line.
/// It is less than the margin, so that no seat comes to lie outside.
const SMOOTH: f64 = 0.6;
/// The least distance of a row from the one before it.
const APART: f64 = 0.3;
/// A row that turns further than this, in degrees, goes around something, as a table does.
const MOST_TURN: f64 = 270.0;

/// A row as some of its seats, each with the direction of the row there.
struct Line(Vec<(Point, Point)>);

impl Line {
    /// Returns the line of a row; `None` if the row has no seats.
    fn of(row: &PlanRow, frame: Frame) -> Option<Self> {
        let path: Vec<Point> = geometry::path(row).map(|point| frame.place(point)).collect();
        let last = path.len().checked_sub(1)?;
        let rotation = frame.turn(row.rotation).to_radians();
        let count = if row.curve == 0.0 { 2 } else { SAMPLES }.min(path.len());
        let sample = |index: usize| match count {
            1 => 0,
            _ => index * last / (count - 1),
        };
        let at = |index: usize| {
            let (before, after) = (path[index.saturating_sub(1)], path[last.min(index + 1)]);
            let along = unit(minus(after, before)).unwrap_or([rotation.cos(), rotation.sin()]);
            (path[index], along)
        };
        Some(Self((0..count).map(|index| at(sample(index))).collect()))
    }

    fn first(&self) -> (Point, Point) {
        self.0[0]
    }

    fn last(&self) -> (Point, Point) {
        self.0[self.0.len() - 1]
    }

    /// Returns the point between the ends that is nearest to the middle of the row.
    fn middle(&self) -> Point {
        self.0[self.0.len() / 2].0
    }

    /// Returns the direction from the first to the last seat.
    fn along(&self) -> Point {
        unit(minus(self.last().0, self.first().0)).unwrap_or(self.first().1)
    }
}

/// Returns the outline of a section in the plan: its own, or one around its rows with a margin.
#[must_use]
pub fn outline(section: &PlanSection) -> Vec<Point> {
    outlined(section).0
}

/// Returns the outline of a section in the plan, and the place of its name.
#[must_use]
pub(crate) fn outlined(section: &PlanSection) -> (Vec<Point>, Point) {
    if section.outline.is_empty() {
        return around_rows(section);
    }
    let frame = Frame::of(section);
    let outline: Vec<Point> = section.outline.iter().map(|point| frame.place(*point)).collect();
    let centre = geometry::centre(&outline);
    (outline, centre)
}

/// Returns the bounds of everything that is drawn of a plan.
#[must_use]
pub fn bounds(plan: &Plan) -> Bounds {
    let mut bounds = Bounds::default();
    for section in &plan.sections {
        for [x, y] in geometry::hull(geometry::seats_of(section).collect()) {
            bounds.add([x - MARGIN, y - MARGIN]);
            bounds.add([x + MARGIN, y + MARGIN]);
        }
        outline(section).into_iter().for_each(|point| bounds.add(point));
    }
    if let Some(stage) = &plan.stage {
        let (half, tall) = (stage.width / 2.0, stage.height / 2.0);
        bounds.add([stage.x - half, stage.y - tall]);
        bounds.add([stage.x + half, stage.y + tall]);
    }
    plan.labels.iter().for_each(|label| bounds.add([label.x, label.y]));
    bounds
}

/// Returns the outline of a section's seats in the plan, and the place of its name.
fn around_rows(section: &PlanSection) -> (Vec<Point>, Point) {
    if let Some(outline) = band(section) {
        let rows: Vec<&PlanRow> = section.rows.iter().filter(|row| row.seats > 0).collect();
        let label = Line::of(rows[rows.len() / 2], Frame::of(section)).map(|line| line.middle());
        let centre = geometry::centre(&outline);
        let is_within = holds(&outline, centre);
        return (outline, if is_within { centre } else { label.unwrap_or(centre) });
    }
    let outline = geometry::around(geometry::hull(geometry::seats_of(section).collect()));
    let centre = geometry::centre(&outline);
    (outline, centre)
}

/// Returns the outline along the first row, the ends and the last row; `None` if the rows do not lie
/// behind one another.
fn band(section: &PlanSection) -> Option<Vec<Point>> {
    let frame = Frame::of(section);
    if !section.rows.iter().all(is_open) {
        return None;
    }
    let lines: Vec<Line> = section.rows.iter().filter_map(|row| Line::of(row, frame)).collect();
    let (front, rear) = (lines.first()?, lines.last()?);
    let side = side_of(&lines)?;
    let back = |[x, y]: Point| [-y * side, x * side];
    let moved = |(point, along): (Point, Point), ahead: f64, behind: f64| {
        plus(plus(point, along, ahead * MARGIN), back(along), behind * MARGIN)
    };
    let ahead: Vec<Point> = front.0.iter().map(|at| moved(*at, 0.0, -1.0)).collect();
    let behind: Vec<Point> = rear.0.iter().map(|at| moved(*at, 0.0, 1.0)).collect();
    let right: Vec<Point> = std::iter::once(moved(front.last(), 1.0, -1.0))
        .chain(lines.iter().map(|line| moved(line.last(), 1.0, 0.0)))
        .chain([moved(rear.last(), 1.0, 1.0)])
        .collect();
    let left: Vec<Point> = std::iter::once(moved(front.first(), -1.0, -1.0))
        .chain(lines.iter().map(|line| moved(line.first(), -1.0, 0.0)))
        .chain([moved(rear.first(), -1.0, 1.0)])
        .collect();
    let mut outline = simple(&ahead, NEAR);
    outline.extend(simple(&right, SMOOTH));
    outline.extend(simple(&behind, NEAR).into_iter().rev());
    outline.extend(simple(&left, SMOOTH).into_iter().rev());
    outline.dedup_by(|a, b| distance(*a, *b) < 1e-6);
    let outline = corners(&outline);
    let seats = lines.iter().flat_map(|line| &line.0);
    seats.into_iter().all(|(seat, _)| holds(&outline, *seat)).then_some(outline)
}

/// True for rows that do not close around something, and that leave room for the margin within.
fn is_open(row: &PlanRow) -> bool {
    let steps = f64::from(row.seats.saturating_sub(1));
    let gaps: f64 = row.gaps.iter().map(|gap| gap.width / row.spacing).sum();
    let turn = (steps + gaps) * row.curve.abs();
    let radius = row.spacing / row.curve.abs().to_radians();
    turn <= MOST_TURN && (row.curve == 0.0 || radius > 2.0 * MARGIN)
}

/// Returns 1 or -1 for the side of the rows on which the next row lies; `None` if that changes, or a
/// row runs the other way.
fn side_of(lines: &[Line]) -> Option<f64> {
    let mut side = None;
    for pair in lines.windows(2) {
        let (along, next) = (pair[0].along(), pair[1].along());
        let step = minus(pair[1].middle(), pair[0].middle());
        let across = along[0] * step[1] - along[1] * step[0];
        if across.abs() < APART || along[0] * next[0] + along[1] * next[1] <= 0.0 {
            return None;
        }
        if *side.get_or_insert(across.signum()) != across.signum() {
            return None;
        }
    }
    Some(side.unwrap_or(1.0))
}

/// Returns the ends of a line and those of its points that are needed to stay within `tolerance`, by
/// Douglas and Peucker, without recursion.
fn simple(line: &[Point], tolerance: f64) -> Vec<Point> {
    let mut needed = vec![false; line.len()];
    let mut open = vec![(0, line.len() - 1)];
    while let Some((from, to)) = open.pop() {
        (needed[from], needed[to]) = (true, true);
        let off = |index: &usize| from_line(line[*index], line[from], line[to]);
        let furthest = (from + 1..to).max_by(|a, b| off(a).total_cmp(&off(b)));
        if let Some(index) = furthest.filter(|index| off(index) > tolerance) {
            open.extend([(from, index), (index, to)]);
        }
    }
    line.iter().zip(needed).filter(|(_, needed)| *needed).map(|(point, _)| *point).collect()
}

/// Returns the points of a polygon at which it turns.
fn corners(polygon: &[Point]) -> Vec<Point> {
    let before = polygon.iter().cycle().skip(polygon.len().saturating_sub(1));
    let after = polygon.iter().cycle().skip(1);
    let around = polygon.iter().zip(before).zip(after);
    let turning = around.filter(|((at, before), after)| from_line(**at, **before, **after) > 1e-6);
    turning.map(|((at, _), _)| *at).collect()
}

/// Returns the distance of a point from the line between two others.
fn from_line(point: Point, from: Point, to: Point) -> f64 {
    let Some([x, y]) = unit(minus(to, from)) else { return distance(point, from) };
    let [dx, dy] = minus(point, from);
    (x * dy - y * dx).abs()
}

/// True if a point lies within a polygon.
pub(crate) fn holds(polygon: &[Point], [x, y]: Point) -> bool {
    let mut is_within = false;
    for (a, b) in polygon.iter().zip(polygon.iter().cycle().skip(1)) {
        if (a[1] > y) != (b[1] > y) && x < (b[0] - a[0]) * (y - a[1]) / (b[1] - a[1]) + a[0] {
            is_within = !is_within;
        }
    }
    is_within
}

fn minus(a: Point, b: Point) -> Point {
    [a[0] - b[0], a[1] - b[1]]
}

fn plus(a: Point, b: Point, times: f64) -> Point {
    [a[0] + times * b[0], a[1] + times * b[1]]
}

fn distance(a: Point, b: Point) -> f64 {
    let [x, y] = minus(a, b);
    x.hypot(y)
}

/// Returns the vector of length 1 in the same direction; `None` for one without a direction.
fn unit([x, y]: Point) -> Option<Point> {
    let length = x.hypot(y);
    (length > 1e-9).then(|| [x / length, y / length])
}
