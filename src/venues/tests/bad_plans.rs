//! Plans that are refused, each with the field that is wrong.

use serde_json::{Value, json};

use super::body;
use crate::venues::plan::Plan;

/// Returns the refusal of the plan with another value at a place.
fn refusal(pointer: &str, value: Value) -> String {
    let mut body = body();
    match body.pointer_mut(pointer) {
        Some(place) => *place = value,
        None => {
            let (parent, name) = pointer.rsplit_once('/').expect("a pointer");
            body.pointer_mut(parent).expect("a place")[name] = value;
        }
    }
    let plan: Plan =
        serde_json::from_value(body).unwrap_or_else(|error| panic!("{pointer}: {error}"));
    plan.check().expect_err(pointer).to_string()
}

#[test]
fn a_plan_that_is_not_allowed_is_refused_with_its_field() {
    const STALLS: &str = "/sections/0";
    const ROW: &str = "/sections/0/rows/0";
    let long = "x".repeat(201);
    let gap = |after: u32, width: f64| json!([{"after": after, "width": width}]);
    let range = |from: u32, to: u32, zone: &str| json!({"from": from, "to": to, "zone": zone});
    let row = |name: &str| json!({"name": name, "x": 0, "y": 0, "seats": 3});
    let cases: Vec<(String, Value, &str)> = vec![
        ("/format".into(), json!(2), "format must be 1"),
        ("/name".into(), json!(" "), "name must have 1 to 200"),
        ("/name".into(), json!(long), "name must have 1 to 200"),
        ("/stage/width".into(), json!(0), "stage.width must be more than 0"),
        ("/stage/x".into(), json!(1e300), "stage.x must be a number from"),
        ("/stage/label".into(), json!("a\u{202e}b"), "stage.label must not contain"),
        ("/labels/0/text".into(), json!(""), "labels[0].text must have"),
        ("/zones".into(), json!([]), "zones must have 1 to 1000"),
        ("/zones/1/name".into(), json!("Gold "), "zones[1].name is the name of another"),
        ("/sections".into(), json!([]), "sections must have 1 to 1000"),
        ("/sections/1/name".into(), json!("Stalls"), "sections[1].name is the name of another"),
        (format!("{STALLS}/name"), json!("a\nb"), "sections[0].name must not contain"),
        (format!("{STALLS}/zone"), json!("Bronze"), "sections[0].zone must be a zone of the plan"),
        (format!("{STALLS}/x"), json!(-100_001), "sections[0].x must be a number from"),
        (format!("{STALLS}/rotation"), json!(361), "sections[0].rotation must be -360 to 360"),
        (format!("{STALLS}/outline"), json!([[0, 0], [1, 1]]), "sections[0].outline must have 3"),
        (format!("{STALLS}/rows"), json!([]), "sections[0].rows must have 1 to"),
        (format!("{STALLS}/rows/1/name"), json!("A"), "rows[1].name is the name of another row"),
        (format!("{ROW}/name"), json!("x".repeat(51)), "rows[0].name must have 1 to 50"),
        (format!("{ROW}/seats"), json!(0), "rows[0].seats must be 1 to 1000"),
        (format!("{ROW}/seats"), json!(1_001), "rows[0].seats must be 1 to 1000"),
        (format!("{ROW}/spacing"), json!(0), "rows[0].spacing must be 0.5 to 100"),
        (format!("{ROW}/curve"), json!(-400), "rows[0].curve must be -360 to 360"),
        (format!("{ROW}/gaps"), gap(0, 1.0), "gaps[0].after must be 1 to 5"),
        (format!("{ROW}/gaps"), gap(6, 1.0), "gaps[0].after must be 1 to 5"),
        (format!("{ROW}/gaps"), gap(2, 0.0), "gaps[0].width must be more than 0"),
        (format!("{ROW}/gaps"), gap(2, -1.0), "gaps[0].width must be more than 0"),
        (
            format!("{ROW}/gaps"),
            json!([{"after": 2, "width": 1}, {"after": 2, "width": 1}]),
            "gaps[1].after has a gap already",
        ),
        (format!("{ROW}/accessible"), json!([7]), "rows[0].accessible has 7"),
        (format!("{ROW}/accessible"), json!([0]), "rows[0].accessible has 0"),
        (format!("{ROW}/restricted"), json!([3, 3]), "rows[0].restricted has 3 twice"),
        (format!("{ROW}/companion"), json!([1]), "rows[0].companion has 1, which is accessible"),
        (format!("{ROW}/zones"), json!([range(0, 2, "Gold")]), "zones[0].from must be 1 to 6"),
        (format!("{ROW}/zones"), json!([range(3, 2, "Gold")]), "zones[0].to must be 3 to 6"),
        (format!("{ROW}/zones"), json!([range(3, 7, "Gold")]), "zones[0].to must be 3 to 6"),
        (format!("{ROW}/zones"), json!([range(1, 1, "No")]), "zones[0].zone must be a zone"),
        (
            format!("{ROW}/zones"),
            json!([range(3, 5, "Gold"), range(1, 3, "Silver")]),
            "rows[0].zones put position 3 into two zones",
        ),
        (format!("{ROW}/numbering"), json!({"step": 0}), "numbering.step must be 1 to 100"),
        (format!("{ROW}/numbering"), json!({"start": 100_001}), "numbering.start must be 0 to"),
        (format!("{ROW}/numbering"), json!({"labels": ["1"]}), "numbering.labels must be 6"),
        (
            format!("{ROW}/numbering"),
            json!({"start": 1, "labels": ["1", "2", "3", "4", "5", "6"]}),
            "numbering.labels stand for start and step",
        ),
        (
            format!("{ROW}/numbering"),
            json!({"labels": ["1", "2", "3", "4", "5", " 1"]}),
            "numbering.labels[5] is the label of another seat",
        ),
        (
            format!("{ROW}/numbering"),
            json!({"labels": ["1", "2", "3", "4", "5", "\u{200b}"]}),
            "numbering.labels[5] must have 1 to 20",
        ),
        (
            format!("{STALLS}/rows"),
            json!([row("A"), row("B")]),
            "sections[0].rows[1] has seat 1 nearer than 0.5 to seat 1 of sections[0].rows[0]",
        ),
        (
            "/sections/1".into(),
            json!({"name": "Balcony", "zone": "Gold", "x": -1.6, "y": 1, "rows": [row("1")]}),
            "sections[1].rows[0] has seat 1 nearer than 0.5 to seat 4 of sections[0].rows[1]",
        ),
    ];
    for (pointer, value, says) in cases {
        let shown = value.to_string();
        let refusal = refusal(&pointer, value);
        assert!(refusal.contains(says), "{pointer} {shown}: {refusal}");
    }
}

#[test]
fn numbers_that_are_none_are_refused() {
    let good: Plan = serde_json::from_value(body()).expect("a plan");
    for bad in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
        let spoil: [fn(&mut Plan, f64); 6] = [
            |plan, bad| plan.sections[0].x = bad,
            |plan, bad| plan.sections[0].rotation = bad,
            |plan, bad| plan.sections[0].outline = vec![[0.0, bad]; 3],
            |plan, bad| plan.sections[0].rows[0].y = bad,
            |plan, bad| plan.sections[0].rows[0].spacing = bad,
            |plan, bad| plan.sections[0].rows[0].gaps[0].width = bad,
        ];
        for spoil in spoil {
            let mut plan = good.clone();
            spoil(&mut plan, bad);
            assert!(plan.check().is_err(), "{bad}");
        }
    }
}

#[test]
fn a_plan_has_a_largest_size() {
    let rows = |count: u32, seats: u32| {
        let row = |at: u32| json!({"name": at.to_string(), "x": 0, "y": at * 2, "seats": seats});
        (0..count).map(row).collect::<Vec<_>>()
    };
    let says = refusal("/sections/0/rows", json!(rows(201, 1_000)));
    assert!(says.contains("sections have 201003 seats in all: at most 200000"), "{says}");
    // Every second seat in a zone of its own: each zone takes places in the whole row.
    let mut mixed = json!(rows(60, 400));
    let zones: Vec<Value> = (0..50)
        .map(|at| json!({"from": 2 * at + 1, "to": 2 * at + 1, "zone": format!("z{at}")}))
        .collect();
    for row in mixed.as_array_mut().expect("rows") {
        row["zones"] = json!(zones);
    }
    let mut body = body();
    body["sections"] = json!([{"name": "Stalls", "zone": "Gold", "rows": mixed}]);
    let names = (0..50).map(|at| json!({"name": format!("z{at}")}));
    body["zones"] = json!(names.chain([json!({"name": "Gold"})]).collect::<Vec<_>>());
    let plan: Plan = serde_json::from_value(body).expect("a plan");
    let says = plan.check().expect_err("too many places").to_string();
    assert!(says.contains("mix too many zones"), "{says}");
}
