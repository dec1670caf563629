//! Tests of plans: their rules, their geometry, the generator, and the seats of the core.

mod bad_plans;
mod generated;
mod outlines;
mod seats;

use serde_json::{Value, json};

use crate::venues::geometry::{self, Bounds, Point};
use crate::venues::outline;
use crate::venues::plan::Plan;

/// A plan of two sections: rows with a gap, a curve, own labels and two zones.
fn body() -> Value {
    json!({
        "format": 1, "name": "Main hall",
        "stage": {"x": 0, "y": -8, "width": 24, "height": 4, "label": "Stage"},
        "labels": [{"x": -20, "y": 0, "text": "Entrance"}],
        "zones": [{"name": "Gold"}, {"name": "Silver"}],
        "sections": [
            {"name": "Stalls", "zone": "Gold", "rows": [
                {"name": "A", "x": -4.5, "y": 0, "seats": 6, "gaps": [{"after": 2, "width": 2}],
                 "accessible": [1], "companion": [2], "restricted": [6],
                 "zones": [{"from": 4, "to": 6, "zone": "Silver"}]},
                {"name": "B", "x": -4.5, "y": 1.2, "seats": 4, "direction": "rtl",
                 "numbering": {"start": 11, "step": 2}},
            ]},
            {"name": "Balcony", "zone": "Silver", "x": 0, "y": 10, "rotation": 90, "rows": [
                {"name": "1", "x": 0, "y": 0, "seats": 3, "curve": 10,
                 "numbering": {"labels": ["a", "b", "c"]}},
            ]},
        ],
    })
}

fn plan() -> Plan {
    let plan: Plan = serde_json::from_value(body()).expect("a plan");
    plan.check().expect("a good plan")
}

fn distance(a: Point, b: Point) -> f64 {
    (a[0] - b[0]).hypot(a[1] - b[1])
}

#[test]
fn a_plan_is_exported_as_it_was_imported() {
    let exported = serde_json::to_string(&plan()).expect("plain data");
    let again: Plan = serde_json::from_str(&exported).expect("it can be imported");
    assert_eq!(again.check(), Ok(plan()));
}

#[test]
fn labels_count_from_the_end_that_the_direction_names() {
    let plan = plan();
    let labels = |section: usize, row: usize| -> Vec<String> {
        let row = &plan.sections[section].rows[row];
        (1..=row.seats).map(|position| row.label(position)).collect()
    };
    assert_eq!(labels(0, 0), ["1", "2", "3", "4", "5", "6"]);
    assert_eq!(labels(0, 1), ["17", "15", "13", "11"]);
    assert_eq!(labels(1, 0), ["a", "b", "c"]);
}

#[test]
fn a_gap_makes_one_step_longer() {
    let points: Vec<Point> = geometry::path(&plan().sections[0].rows[0]).collect();
    let x: Vec<f64> = points.iter().map(|point| point[0]).collect();
    assert_eq!(x, [-4.5, -3.5, -0.5, 0.5, 1.5, 2.5]);
}

#[test]
fn a_section_is_rotated_and_shifted_into_the_plan() {
    let points: Vec<Point> = geometry::seats_of(&plan().sections[1]).collect();
    // To the right in the section is down in the plan; the path then turns clockwise.
    assert!(distance(points[0], [0.0, 10.0]) < 1e-9, "{points:?}");
    assert!(distance(points[1], [0.0, 11.0]) < 1e-9, "{points:?}");
    assert!(points[2][0] < -0.1 && points[2][1] > 11.9, "{points:?}");
}

#[test]
fn eight_seats_with_a_turn_of_45_degrees_are_a_round_table() {
    let row = json!({"name": "1", "x": 0, "y": 0, "seats": 8, "curve": 45});
    let row = serde_json::from_value(row).expect("a row");
    let points: Vec<Point> = geometry::path(&row).collect();
    assert!((distance(points[7], points[0]) - 1.0).abs() < 1e-9, "the table is closed");
    let middle = Bounds::of(points.iter().copied());
    let centre = [middle.middle(), f64::midpoint(middle.0[1], middle.0[3])];
    let radii: Vec<f64> = points.iter().map(|point| distance(*point, centre)).collect();
    assert!(radii.iter().all(|radius| (radius - radii[0]).abs() < 1e-9), "{radii:?}");
}

#[test]
fn an_outline_goes_around_all_seats_and_the_bounds_around_everything() {
    let plan = plan();
    let outline = outline::outline(&plan.sections[0]);
    let around = Bounds::of(outline.iter().copied());
    for [x, y] in geometry::seats_of(&plan.sections[0]) {
        let [left, top, right, bottom] = around.0;
        assert!(left < x && x < right && top < y && y < bottom);
    }
    let [x, y] = geometry::centre(&outline);
    assert!(x.abs() < 2.0 && (0.0..1.2).contains(&y), "{x} {y}");
    let all = outline::bounds(&plan).0;
    assert_eq!((all[0], all[1]), (-20.0, -10.0), "the label and the stage");
}
