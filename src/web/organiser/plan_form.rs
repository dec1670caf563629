//! A plan as it is entered: a line for each block of seats, or JSON. It is read where long computations
//! may run, and refusals name the line.

use serde_json::json;

use super::entered;
use super::plan_picture::Picture;
use super::reasons;
use super::refused::Refused;
use crate::http::api::venues::plans;
use crate::http::error::ApiError;
use crate::text::InvalidField;
use crate::venues::{BlockSpec, CheckedPlan, Plan, PlanChanges, PlanSpec, generate};
use crate::web::visitor::Visitor;

/// A description to begin with: a hall of 2,000 seats.
pub(super) const EXAMPLE: &str = "Stalls, Gold, 20 x 40, arc\nCircle, Silver, 30 x 40";

/// A plan that was read, with all that pages show of it.
pub(super) struct ReadPlan {
    pub(super) checked: CheckedPlan,
    pub(super) picture: Picture,
    /// The changes from the newest version of the venue.
    pub(super) changes: Option<PlanChanges>,
}

/// Why a plan cannot be read.
#[derive(Debug, PartialEq, Eq)]
enum Fault {
    /// A line, counted from 1, that does not say what a block is.
    Line(usize),
    /// A rule about a block; the line is absent if it is about all of them.
    Rule(Option<usize>, InvalidField),
    /// A rule about a plan in JSON.
    Json(InvalidField),
    /// A text that is no JSON of a plan.
    Syntax(String),
}

/// Reads a plan, and compares it with an earlier one.
///
/// # Errors
/// The server failed; the inner error is the refusal of the plan.
pub(super) async fn read(
    visitor: &Visitor,
    text: &str,
    before: Option<Plan>,
) -> Result<Result<ReadPlan, Refused>, ApiError> {
    let text = text.to_owned();
    let read = plans::apart(move || {
        Ok(plan_of(&text).and_then(|plan| {
            let picture = Picture::of(&plan);
            let changes = before.map(|before| PlanChanges::between(&before, &plan));
            let checked = CheckedPlan::new(plan).map_err(Fault::Json)?;
            Ok(ReadPlan { checked, picture, changes })
        }))
    });
    Ok(read.await?.map_err(|fault| refused(visitor, &fault)))
}

/// Reads a whole plan, or one that is generated from a description of blocks.
fn plan_of(text: &str) -> Result<Plan, Fault> {
    let unreadable = |error: serde_json::Error| Fault::Syntax(error.to_string());
    if !text.trim_start().starts_with('{') {
        let (spec, lines) = spec_of_lines(text)?;
        return generate(&spec).map_err(|error| {
            let line = index_of(&error.field).and_then(|index| lines.get(index).copied());
            Fault::Rule(line, error)
        });
    }
    let json: serde_json::Value = serde_json::from_str(text).map_err(unreadable)?;
    if json.get("blocks").is_some() {
        // Read from the text, so that a refusal names the line.
        let spec: PlanSpec = serde_json::from_str(text).map_err(unreadable)?;
        return generate(&spec).map_err(Fault::Json);
    }
    let plan: Plan = serde_json::from_str(text).map_err(unreadable)?;
    plan.check().map_err(Fault::Json)
}

/// Returns the index of a block, which is also that of its section.
fn index_of(field: &str) -> Option<usize> {
    let rest = field.strip_prefix("blocks[").or_else(|| field.strip_prefix("sections["))?;
    rest.split_once(']')?.0.parse().ok()
}

/// Reads a plan as people write it, a block of seats on each line: section, price zone, rows x seats
/// and, if it is not a plain block, its shape. Returns the lines of the blocks too.
fn spec_of_lines(text: &str) -> Result<(PlanSpec, Vec<usize>), Fault> {
    let (mut blocks, mut lines) = (Vec::new(), Vec::new());
    for (index, line) in text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
        let unclear = || Fault::Line(index + 1);
        let parts: Vec<&str> = line.split(',').map(str::trim).collect();
        let (section, zone, size, kind) = match parts[..] {
            [section, zone, size] => (section, zone, size, "block"),
            [section, zone, size, kind] => (section, zone, size, shape(kind)),
            _ => return Err(unclear()),
        };
        let (rows, seats) = size.split_once(['x', 'X', '×', '*']).ok_or_else(unclear)?;
        let whole = |text: &str| {
            let number = Some(text.trim()).filter(|text| entered::is_number(text));
            number.and_then(|text| text.parse::<u32>().ok()).ok_or_else(unclear)
        };
        let block = json!({
            "kind": kind.to_lowercase(), "section": section, "zone": zone,
            "rows": whole(rows)?, "seatsPerRow": whole(seats)?,
        });
        blocks.push(serde_json::from_value::<BlockSpec>(block).map_err(|_| unclear())?);
        lines.push(index + 1);
    }
    Ok((PlanSpec { name: "Plan".into(), stage: true, blocks }, lines))
}

/// Returns the name of a shape that is written in Korean.
fn shape(text: &str) -> &str {
    match text {
        "부채꼴" => "arc",
        "계단식" => "tribune",
        "테이블" => "tables",
        other => other,
    }
}

fn refused(visitor: &Visitor, fault: &Fault) -> Refused {
    let line = |line: usize| visitor.fill("venues.line", &[("line", &line.to_string())]);
    let text = match fault {
        Fault::Line(at) => format!("{}: {}", line(*at), visitor.text("venues.line_unclear")),
        Fault::Rule(None, error) if error.field == "blocks" && error.reason.contains("items") => {
            visitor.text("venues.blocks").to_owned()
        }
        Fault::Rule(None, error) => reasons::of(visitor, &error.reason),
        Fault::Rule(Some(at), error) => {
            let part = error.field.rsplit('.').next().and_then(|part| part_of(visitor, part));
            let part = part.map(|part| format!(", {part}")).unwrap_or_default();
            format!("{}{part}: {}", line(*at), reasons::of(visitor, &error.reason))
        }
        Fault::Json(error) => {
            let values = [("at", &*error.field), ("reason", &reasons::of(visitor, &error.reason))];
            visitor.fill("venues.json_refused", &values)
        }
        Fault::Syntax(message) => visitor.fill("venues.no_json", &[("message", message)]),
    };
    Refused { input: "plan".into(), text }
}

/// Returns the part of a line that a field of a block is.
fn part_of(visitor: &Visitor, field: &str) -> Option<&'static str> {
    Some(visitor.text(match field {
        "rows" => "venues.part_rows",
        "seatsPerRow" | "seats" => "venues.part_seats",
        "zone" => "venues.part_zone",
        "section" | "name" => "venues.part_section",
        _ => return None,
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hall_is_a_line_for_each_block() {
        assert_eq!(plan_of(EXAMPLE).expect("it makes a plan").seats(), 2_000);
        assert_eq!(plan_of("1층, R, 5 × 10, 부채꼴").expect("it makes a plan").seats(), 50);
        for bad in [
            "\nStalls",
            "\nStalls, Gold",
            "\nStalls, Gold, 20",
            "\nStalls, Gold, a x 3",
            "\nStalls, Gold, +1 x 3",
            "\nA, B, 1 x 1, heap",
        ] {
            assert_eq!(plan_of(bad), Err(Fault::Line(2)), "{bad}");
        }
        for (bad, line) in [
            ("A, Gold, 0 x 5", Some(1)),
            ("A, Gold, 2 x 5\n\nB, Gold, 2 x 2000", Some(3)),
            ("A, Gold, 2 x 5\nA, Gold, 2 x 5", Some(2)),
            (", Gold, 2 x 5", Some(1)),
            ("", None),
        ] {
            let Err(Fault::Rule(at, _)) = plan_of(bad) else { panic!("{bad} passes") };
            assert_eq!(at, line, "{bad}");
        }
        assert!(matches!(plan_of("{\"a\":"), Err(Fault::Syntax(_))));
        assert!(matches!(plan_of("{\"blocks\":[],\"name\":\"x\"}"), Err(Fault::Json(_))));
    }
}
