//! Where seats are: the path of a row, the frame of a section, hulls and bounds. Pure; the map in
//! the browser computes the same positions from the same fields.

use crate::venues::plan::{PlanRow, PlanSection};

/// A point of the plan as `[x, y]`.
pub type Point = [f64; 2];

/// The margin between a seat's centre and the outline that is drawn around the seats.
pub(crate) const MARGIN: f64 = 0.9;

/// A frame in the plan: a rotation, and then a shift.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Frame {
    origin: Point,
    rotation: f64,
    cos: f64,
    sin: f64,
}

impl Frame {
    pub(crate) fn of(section: &PlanSection) -> Self {
        let (sin, cos) = section.rotation.to_radians().sin_cos();
        Self { origin: [section.x, section.y], rotation: section.rotation, cos, sin }
    }

    /// Returns a point of the frame as a point of the plan.
    pub(crate) fn place(self, [x, y]: Point) -> Point {
        let [left, top] = self.origin;
        [left + x * self.cos - y * self.sin, top + x * self.sin + y * self.cos]
    }

    /// Returns a direction of the frame as a direction of the plan.
    pub(crate) fn turn(self, direction: f64) -> f64 {
        direction + self.rotation
    }
}

/// Returns the centres of a row's seats in the frame of its section, in the order of the path.
pub fn path(row: &PlanRow) -> impl Iterator<Item = Point> {
    let (mut at, mut direction) = ([row.x, row.y], row.rotation);
    let mut gaps: Vec<(u32, f64)> = row.gaps.iter().map(|gap| (gap.after, gap.width)).collect();
    gaps.sort_unstable_by_key(|(after, _)| *after);
    let mut gaps = gaps.into_iter().peekable();
    (1..=row.seats).map(move |position| {
        let here = at;
        let wider = gaps.next_if(|(after, _)| *after == position).map_or(0.0, |(_, width)| width);
        let step = row.spacing + wider;
        let (sin, cos) = direction.to_radians().sin_cos();
        at = [at[0] + step * cos, at[1] + step * sin];
        direction += row.curve * step / row.spacing;
        here
    })
}

/// Returns the centres of all seats of a section in the plan, row by row.
pub fn seats_of(section: &PlanSection) -> impl Iterator<Item = Point> {
    let frame = Frame::of(section);
    section.rows.iter().flat_map(path).map(move |point| frame.place(point))
}

/// Returns the hull of points with a margin around each.
#[must_use]
pub fn around(points: Vec<Point>) -> Vec<Point> {
    let corners = points.into_iter().flat_map(|[x, y]| {
        [(-1.0, -1.0), (1.0, -1.0), (1.0, 1.0), (-1.0, 1.0)]
            .map(|(dx, dy)| [x + dx * MARGIN, y + dy * MARGIN])
    });
    hull(corners.collect())
}

/// Returns the convex hull, by Andrew's monotone chain.
#[must_use]
pub fn hull(mut points: Vec<Point>) -> Vec<Point> {
    points.sort_unstable_by(|a, b| a[0].total_cmp(&b[0]).then(a[1].total_cmp(&b[1])));
    points.dedup();
    if points.len() < 3 {
        return points;
    }
    let mut hull: Vec<Point> = Vec::new();
    for is_upper in [false, true] {
        let start = hull.len();
        let mut add = |point: Point| {
            while hull.len() >= start + 2
                && cross(hull[hull.len() - 2], hull[hull.len() - 1], point) <= 0.0
            {
                hull.pop();
            }
            hull.push(point);
        };
        match is_upper {
            false => points.iter().copied().for_each(&mut add),
            true => points.iter().rev().copied().for_each(&mut add),
        }
        // The last point is the first one of the other half.
        hull.pop();
    }
    hull
}

fn cross(o: Point, a: Point, b: Point) -> f64 {
    (a[0] - o[0]) * (b[1] - o[1]) - (a[1] - o[1]) * (b[0] - o[0])
}

/// Returns the centre of a polygon's area, which is where its name is drawn.
#[must_use]
pub fn centre(polygon: &[Point]) -> Point {
    let Some(&first) = polygon.first() else { return [0.0, 0.0] };
    let (mut area, mut x, mut y) = (0.0, 0.0, 0.0);
    for (a, b) in polygon.iter().zip(polygon.iter().cycle().skip(1)) {
        // Relative to the first corner, so that a polygon far from the origin loses no digits.
        let (a, b) = ([a[0] - first[0], a[1] - first[1]], [b[0] - first[0], b[1] - first[1]]);
        let twice = a[0] * b[1] - b[0] * a[1];
        area += twice;
        x += (a[0] + b[0]) * twice;
        y += (a[1] + b[1]) * twice;
    }
    if area.abs() < 1e-9 {
        return first;
    }
    [first[0] + x / (3.0 * area), first[1] + y / (3.0 * area)]
}

/// The smallest rectangle around points, as `[minX, minY, maxX, maxY]`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Bounds(pub [f64; 4]);

impl Default for Bounds {
    fn default() -> Self {
        Self([f64::INFINITY, f64::INFINITY, f64::NEG_INFINITY, f64::NEG_INFINITY])
    }
}

impl Bounds {
    /// Returns the bounds of points.
    pub fn of(points: impl IntoIterator<Item = Point>) -> Self {
        let mut bounds = Self::default();
        points.into_iter().for_each(|point| bounds.add(point));
        bounds
    }

    /// Widens the bounds to a point.
    pub fn add(&mut self, [x, y]: Point) {
        let [left, top, right, bottom] = self.0;
        self.0 = [left.min(x), top.min(y), right.max(x), bottom.max(y)];
    }

    /// True if no point was added.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0[0] > self.0[2]
    }

    /// Returns the width.
    #[must_use]
    pub fn width(&self) -> f64 {
        self.0[2] - self.0[0]
    }

    /// Returns the x halfway between the left and the right.
    #[must_use]
    pub fn middle(&self) -> f64 {
        f64::midpoint(self.0[0], self.0[2])
    }
}

/// Returns a length or an angle with four digits, which are all that a drawing needs.
#[must_use]
pub fn rounded(value: f64) -> f64 {
    // Adding 0 turns -0 into 0.
    (value * 10_000.0).round() / 10_000.0 + 0.0
}

/// Returns a point with four digits.
#[must_use]
pub fn rounded_point([x, y]: Point) -> Point {
    [rounded(x), rounded(y)]
}
