//! Generated plans pass the rules of imported ones, and have the seats that were asked for.

use serde_json::{Value, json};

use crate::venues::generate::{PlanSpec, generate};
use crate::venues::geometry::{self, Bounds, Point};
use crate::venues::plan::Plan;

fn generated(blocks: &Value) -> Plan {
    let spec = json!({"name": "Hall", "blocks": blocks});
    let spec: PlanSpec = serde_json::from_value(spec).expect("a specification");
    generate(&spec).expect("a plan")
}

fn refusal(block: &Value) -> String {
    let mut blocks = json!([{"kind": "block", "section": "S", "zone": "Z", "rows": 2,
        "seatsPerRow": 10}]);
    for (name, value) in block.as_object().expect("fields") {
        blocks[0][name] = value.clone();
    }
    let spec = json!({"name": "Hall", "blocks": blocks});
    let spec: PlanSpec = serde_json::from_value(spec).expect("a specification");
    generate(&spec).expect_err("it is not allowed").to_string()
}

#[test]
fn a_hall_of_two_thousand_takes_one_short_specification() {
    let plan = generated(&json!([
        {"kind": "arc", "section": "Stalls", "zone": "Gold", "rows": 25, "seatsPerRow": 40,
         "aisles": [10, 30], "accessible": 4},
        {"kind": "arc", "section": "Circle", "zone": "Silver", "rows": 10, "seatsPerRow": 60,
         "aisles": [20, 40]},
        {"kind": "tribune", "section": "Balcony", "zone": "Bronze", "rows": 8, "seatsPerRow": 43,
         "firstRow": "AA"},
    ]));
    assert_eq!(plan.seats(), 25 * 40 + 10 * 60 + 8 * 43 + 7 * 8);
    let first = &plan.sections[0].rows[0];
    assert_eq!((&*first.accessible, &*first.companion), (&[1, 3, 38, 40][..], &[2, 4, 37, 39][..]));
    let names: Vec<_> = plan.sections[2].rows.iter().map(|row| row.name.as_str()).collect();
    assert_eq!(names, ["AA", "AB", "AC", "AD", "AE", "AF", "AG", "AH"]);
    assert_eq!(plan.zones.len(), 3);
    // The sections follow one another away from the stage.
    let tops: Vec<f64> =
        plan.sections.iter().map(|section| Bounds::of(geometry::seats_of(section)).0[3]).collect();
    assert!(tops.is_sorted(), "{tops:?}");
}

#[test]
fn an_arc_lies_on_circles_around_one_centre() {
    let plan = generated(&json!([
        {"kind": "arc", "section": "Inner", "zone": "Z", "rows": 5, "seatsPerRow": 30},
        {"kind": "arc", "section": "Outer", "zone": "Z", "rows": 5, "seatsPerRow": 50},
    ]));
    let centre = [plan.sections[0].x, plan.sections[0].y];
    assert_eq!(centre, [plan.sections[1].x, plan.sections[1].y]);
    for row in plan.sections.iter().flat_map(|section| &section.rows) {
        let points: Vec<Point> = geometry::path(row).collect();
        let radii: Vec<f64> = points.iter().map(|[x, y]| x.hypot(*y)).collect();
        let off = radii.iter().map(|radius| (radius - radii[0]).abs()).fold(0.0, f64::max);
        assert!(off < 0.01, "row {}: {off}", row.name);
        let (first, last) = (points[0], points[points.len() - 1]);
        assert!((first[0] + last[0]).abs() < 0.02, "row {} is not symmetrical", row.name);
        assert!(first[1] < points[points.len() / 2][1], "the middle is farthest from the stage");
    }
}

#[test]
fn tables_are_rows_of_their_own_and_side_blocks_stand_beside() {
    let plan = generated(&json!([
        {"kind": "tables", "section": "Tables", "zone": "Z", "rows": 3, "tablesPerRow": 4,
         "seatsPerRow": 8, "accessible": 2},
        {"kind": "block", "section": "Left", "zone": "Z", "rows": 4, "seatsPerRow": 5,
         "side": "left", "numbering": "even"},
        {"kind": "block", "section": "Right", "zone": "Z", "rows": 4, "seatsPerRow": 5,
         "side": "right", "numbering": "odd", "firstRow": "7"},
    ]));
    assert_eq!(plan.seats(), 12 * 8 + 40);
    assert_eq!(plan.sections[0].rows.len(), 12);
    let accessible = plan.sections[0].rows.iter().filter(|row| row.accessible == [1]);
    assert_eq!(accessible.count(), 2);
    let extent = |index: usize| Bounds::of(geometry::seats_of(&plan.sections[index])).0;
    let (tables, left, right) = (extent(0), extent(1), extent(2));
    assert!(left[2] + 2.0 < tables[0] && tables[2] + 2.0 < right[0], "{left:?} {right:?}");
    assert!((left[1] - tables[1]).abs() < 0.01);
    let labels = |section: usize| -> Vec<String> {
        (1..=5).map(|at| plan.sections[section].rows[0].label(at)).collect()
    };
    assert_eq!(labels(1), ["2", "4", "6", "8", "10"]);
    assert_eq!(labels(2), ["1", "3", "5", "7", "9"]);
    assert_eq!(plan.sections[2].rows[3].name, "10");
}

fn centre(points: impl Iterator<Item = Point>) -> Point {
    let [left, top, right, bottom] = Bounds::of(points).0;
    [f64::midpoint(left, right), f64::midpoint(top, bottom)]
}

#[test]
fn tables_fill_a_room_unless_their_lines_are_stated() {
    for (tables, seats) in (1..=60).map(|tables| (tables, 8)).chain([(200, 1), (100, 2), (37, 12)])
    {
        let plan = generated(&json!([{"kind": "tables", "section": "S", "zone": "Z",
            "rows": tables, "seatsPerRow": seats}]));
        let rows = &plan.sections[0].rows;
        let centres: Vec<Point> = rows.iter().map(|row| centre(geometry::path(row))).collect();
        assert_eq!(centres.len(), tables);
        let table = Bounds::of(geometry::path(&rows[0]));
        // A person can pass between the seats of two tables.
        for (nth, [x, y]) in centres.iter().enumerate() {
            for [other_x, other_y] in &centres[..nth] {
                let apart = (x - other_x).hypot(y - other_y) - table.width();
                assert!(apart > 2.0, "{tables} tables of {seats}: {apart} between two");
            }
        }
        let [left, top, right, bottom] = Bounds::of(geometry::seats_of(&plan.sections[0])).0;
        let ratio = (right - left + 2.5) / (bottom - top + 2.5);
        assert!((0.9..3.1).contains(&ratio), "{tables} tables of {seats}: {ratio}");
    }
    let lines = |block: Value| -> Vec<usize> {
        let plan = generated(&json!([block]));
        let tops: Vec<f64> = plan.sections[0].rows.iter().map(|row| row.y).collect();
        tops.chunk_by(|a, b| (a - b).abs() < 0.01).map(<[f64]>::len).collect()
    };
    let tables = |rows: u32| json!({"kind": "tables", "section": "S", "zone": "Z", "rows": rows, "seatsPerRow": 8});
    assert_eq!(lines(tables(10)), [5, 5]);
    assert_eq!(lines(tables(11)), [4, 4, 3]);
    assert_eq!(lines(tables(12)), [4, 4, 4]);
    let mut column = tables(3);
    column["tablesPerRow"] = json!(1);
    assert_eq!(lines(column), [1, 1, 1]);
}

#[test]
fn every_shape_of_every_size_passes_the_rules() {
    for kind in ["block", "arc", "tribune", "tables"] {
        for rows in [1, 2, 30] {
            for seats in [1, 2, 3, 7, 25, 100] {
                let middle = seats / 2;
                let aisles = if middle > 0 && kind != "tables" { vec![middle] } else { vec![] };
                let plan = generated(&json!([
                    {"kind": kind, "section": "One", "zone": "Z", "rows": rows,
                     "seatsPerRow": seats, "aisles": aisles},
                    {"kind": kind, "section": "Two", "zone": "Z", "rows": rows,
                     "seatsPerRow": seats},
                ]));
                assert!(plan.seats() >= 2 * rows * seats, "{kind} {rows} {seats}");
            }
        }
    }
}

#[test]
fn a_specification_that_is_not_allowed_is_refused_with_its_field() {
    for (fields, says) in [
        (json!({"rows": 0}), "blocks[0].rows must be 1 to 1000"),
        (json!({"seatsPerRow": 0}), "blocks[0].seatsPerRow must be 1 to 1000"),
        (json!({"seatsPerRow": 1_001}), "blocks[0].seatsPerRow must be 1 to 1000"),
        (json!({"rows": 1_000, "seatsPerRow": 1_000}), "blocks have 1000000 seats in all"),
        (json!({"aisles": [10]}), "blocks[0].aisles must rise"),
        (json!({"aisles": [3, 2]}), "blocks[0].aisles must rise"),
        (json!({"accessible": 6}), "blocks[0].accessible must be at most 5"),
        (json!({"widening": 1}), "blocks[0].widening is for tribunes only"),
        (json!({"tablesPerRow": 2}), "blocks[0].tablesPerRow is for tables only"),
        (json!({"kind": "tables", "aisles": [2]}), "blocks[0].aisles are for rows"),
        (json!({"kind": "tribune", "rows": 1_000}), "blocks[0].rows make the last row longer"),
        (json!({"numbering": "odd", "startNumber": 2}), "blocks[0].startNumber must be odd"),
        (json!({"firstRow": "a"}), "blocks[0].firstRow must be capital letters or a number"),
        (json!({"firstRow": ""}), "blocks[0].firstRow must be capital letters or a number"),
        (json!({"section": ""}), "sections[0].name must have 1 to 100"),
        (json!({"zone": " "}), "zones[0].name must have 1 to 100"),
    ] {
        let refusal = refusal(&fields);
        assert!(refusal.contains(says), "{fields}: {refusal}");
    }
    let nothing: PlanSpec = serde_json::from_value(json!({"name": "x", "blocks": []})).unwrap();
    assert!(generate(&nothing).is_err());
}
