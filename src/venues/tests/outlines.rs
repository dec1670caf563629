//! Outlines follow the rows: they hold all seats of their section and none of its neighbours.

use serde_json::{Value, json};

use crate::venues::generate::{PlanSpec, generate};
use crate::venues::geometry::{self, Point};
use crate::venues::outline::{self, holds};
use crate::venues::plan::PlanSection;

fn section(value: &Value) -> PlanSection {
    serde_json::from_value(value.clone()).expect("a section")
}

fn generated(blocks: &Value) -> Vec<PlanSection> {
    let spec = json!({"name": "Hall", "blocks": blocks});
    let spec: PlanSpec = serde_json::from_value(spec).expect("a specification");
    generate(&spec).expect("a plan").sections
}

fn seats_in(section: &PlanSection, outline: &[Point]) -> usize {
    geometry::seats_of(section).filter(|seat| holds(outline, *seat)).count()
}

#[track_caller]
fn are_apart(sections: &[PlanSection]) {
    let outlines: Vec<_> = sections.iter().map(outline::outline).collect();
    for (index, (one, outline)) in sections.iter().zip(&outlines).enumerate() {
        let own = one.rows.iter().map(|row| row.seats as usize).sum::<usize>();
        assert_eq!(seats_in(one, outline), own, "{} has seats outside", one.name);
        for (other, (second, beside)) in sections.iter().zip(&outlines).enumerate() {
            if index == other {
                continue;
            }
            assert_eq!(seats_in(second, outline), 0, "{} holds seats of {}", one.name, second.name);
            let within = beside.iter().filter(|corner| holds(outline, **corner)).count();
            assert_eq!(within, 0, "{} overlaps {}", one.name, second.name);
        }
    }
}

#[test]
fn arcs_around_one_stage_do_not_overlap_as_their_hulls_do() {
    let arcs = generated(&json!([
        {"kind": "arc", "section": "Stalls", "zone": "Z", "rows": 8, "seatsPerRow": 40,
         "aisles": [10, 30]},
        {"kind": "arc", "section": "Circle", "zone": "Z", "rows": 6, "seatsPerRow": 70},
        {"kind": "arc", "section": "Gallery", "zone": "Z", "rows": 1, "seatsPerRow": 90},
    ]));
    are_apart(&arcs);
    let hull = geometry::around(geometry::hull(geometry::seats_of(&arcs[1]).collect()));
    assert!(seats_in(&arcs[0], &hull) > 50, "the test has no overlap to find");
}

#[test]
fn wedges_side_by_side_around_a_stage_do_not_overlap() {
    // Five wedges of a circle, 30 degrees each, with an aisle of about two seats between them.
    let wedge = |index: i32| {
        let rows: Vec<Value> = (0..12)
            .map(|row| {
                let radius = 12.0 + 1.2 * f64::from(row);
                let turn = (1.0 / radius).to_degrees();
                let fits = |seats: &u32| f64::from(*seats) * turn <= 26.0;
                let seats = (1_u32..).take_while(fits).last().unwrap_or(1);
                let half = f64::from(seats - 1) * turn / 2.0;
                let at = (90.0 + half).to_radians();
                json!({"name": row.to_string(), "x": radius * at.cos(), "y": radius * at.sin(),
                    "rotation": half - turn / 2.0, "curve": -turn, "seats": seats})
            })
            .collect();
        section(&json!({"name": index.to_string(), "zone": "Z", "rotation": 30 * index,
            "rows": rows}))
    };
    are_apart(&(-2..=2).map(wedge).collect::<Vec<_>>());
}

#[test]
fn tribunes_that_are_turned_towards_a_stage_do_not_overlap() {
    let tribune = |name: &str, x: f64, y: f64, rotation: f64| {
        let row = |row: u32| {
            json!({"name": row.to_string(), "x": -4.5 - f64::from(row), "y": 1.2 * f64::from(row),
                "seats": 10 + 2 * row})
        };
        let rows: Vec<Value> = (0..8).map(row).collect();
        section(&json!({"name": name, "zone": "Z", "x": x, "y": y, "rotation": rotation,
            "rows": rows}))
    };
    are_apart(&[
        tribune("left", -17.0, -4.0, 45.0),
        tribune("middle", 0.0, 0.0, 0.0),
        tribune("right", 17.0, -4.0, -45.0),
    ]);
}

#[test]
fn tables_and_rows_in_no_order_keep_their_hull() {
    let table = json!({"name": "1", "x": 0, "y": 0, "seats": 8, "curve": 45});
    let tables = section(&json!({"name": "T", "zone": "Z", "rows": [table]}));
    let side_by_side = section(&json!({"name": "S", "zone": "Z", "rows": [
        {"name": "A", "x": 0, "y": 0, "seats": 4}, {"name": "A right", "x": 8, "y": 0, "seats": 4},
        {"name": "B", "x": 0, "y": 1.2, "seats": 4}]}));
    for section in [tables, side_by_side] {
        let hull = geometry::around(geometry::hull(geometry::seats_of(&section).collect()));
        assert_eq!(outline::outline(&section), hull);
    }
}

#[test]
fn a_row_of_one_seat_has_an_outline_and_long_rows_have_few_corners() {
    let one = section(&json!({"name": "S", "zone": "Z",
        "rows": [{"name": "A", "x": 3, "y": 4, "seats": 1}]}));
    let outline = outline::outline(&one);
    assert_eq!(outline.len(), 4, "{outline:?}");
    assert!(holds(&outline, [3.0, 4.0]));
    let rows: Vec<Value> = (0..1_000)
        .map(|row| {
            json!({"name": row.to_string(), "x": -0.5 * f64::from(row % 2),
            "y": 1.2 * f64::from(row), "seats": 90 + row % 2, "curve": -0.01})
        })
        .collect();
    let outline = outline::outline(&section(&json!({"name": "S", "zone": "Z", "rows": rows})));
    assert!(outline.len() <= 80, "{} corners", outline.len());
}

#[test]
fn the_name_of_a_crescent_is_written_on_its_seats() {
    let arcs = generated(&json!([
        {"kind": "arc", "section": "Ring", "zone": "Z", "rows": 2, "seatsPerRow": 60}]));
    let (outline, label) = outline::outlined(&arcs[0]);
    assert!(holds(&outline, label), "{label:?} is outside");
    assert!(!holds(&outline, geometry::centre(&outline)), "the test has no crescent");
}
