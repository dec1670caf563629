//! The document of a seat plan, as it is imported, stored and exported. Lengths are in seat pitches
//! (1 = the distance of neighbouring seats), y grows downwards, angles are in degrees clockwise.
//!
//! A row is a path: its first seat is at (x, y), each step goes `spacing` in the current direction,
//! which then turns by `curve`. Positions count from 1 along the path; labels may differ from them.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::object;

/// The version of the document's form.
pub const FORMAT: u32 = 1;

/// A seat plan.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(example = json!({
    "format": 1, "name": "Main hall",
    "stage": { "x": 0.0, "y": -4.0, "width": 12.0, "height": 3.0, "label": "Stage" },
    "zones": [{ "name": "Gold" }],
    "sections": [{ "name": "Stalls", "zone": "Gold", "x": 0.0, "y": 0.0, "rows": [
        { "name": "A", "x": -5.5, "y": 0.0, "seats": 10, "gaps": [{ "after": 5, "width": 2.0 }] }
    ] }]
}))]
pub struct Plan {
    /// The version of this form: 1.
    #[schema(minimum = 1, maximum = 1)]
    pub format: u32,
    /// 1 to 200 characters.
    #[schema(max_length = 200)]
    pub name: String,
    /// The stage, to be drawn.
    #[serde(default, deserialize_with = "object::option", skip_serializing_if = "Option::is_none")]
    pub stage: Option<PlanStage>,
    /// Texts to be drawn, such as entrances.
    #[serde(default, deserialize_with = "object::list", skip_serializing_if = "Vec::is_empty")]
    #[schema(max_items = 1_000)]
    pub labels: Vec<PlanLabel>,
    /// The price zones. An event maps each to one of its products.
    #[serde(deserialize_with = "object::list")]
    #[schema(min_items = 1, max_items = 1_000)]
    pub zones: Vec<PlanZone>,
    /// The sections, the preferred ones first.
    #[serde(deserialize_with = "object::list")]
    #[schema(min_items = 1, max_items = 1_000)]
    pub sections: Vec<PlanSection>,
}

/// The stage: a rectangle around its centre.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PlanStage {
    /// The centre.
    pub x: f64,
    /// The centre.
    pub y: f64,
    /// More than 0.
    pub width: f64,
    /// More than 0.
    pub height: f64,
    /// The text on it.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    #[schema(max_length = 100)]
    pub label: String,
}

/// A text at a place of the plan.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PlanLabel {
    /// The centre of the text.
    pub x: f64,
    /// The centre of the text.
    pub y: f64,
    /// 1 to 100 characters.
    #[schema(max_length = 100)]
    pub text: String,
}

/// A price zone.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PlanZone {
    /// 1 to 100 characters.
    #[schema(max_length = 100)]
    pub name: String,
}

/// A section of rows. The coordinates of its rows and outline are in its own frame, which `x`, `y`
/// and `rotation` place in the plan.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PlanSection {
    /// 1 to 100 characters; no other section of the plan has it.
    #[schema(max_length = 100)]
    pub name: String,
    /// The zone of the seats that no row puts into another.
    #[schema(max_length = 100)]
    pub zone: String,
    /// Where the origin of the section's frame is in the plan.
    #[serde(default)]
    pub x: f64,
    /// Where the origin of the section's frame is in the plan.
    #[serde(default)]
    pub y: f64,
    /// The rotation of the section's frame.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub rotation: f64,
    /// The corners of the outline as `[x, y]`; if absent, it is drawn around the seats.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schema(max_items = 200)]
    pub outline: Vec<[f64; 2]>,
    /// The rows, the preferred ones first.
    #[serde(deserialize_with = "object::list")]
    #[schema(min_items = 1, max_items = 10_000)]
    pub rows: Vec<PlanRow>,
}

/// A row of seats.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PlanRow {
    /// 1 to 50 characters; no other row of the section has it.
    #[schema(max_length = 50)]
    pub name: String,
    /// The centre of the first seat.
    pub x: f64,
    /// The centre of the first seat.
    pub y: f64,
    /// The direction of the first step; 0 is to the right.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub rotation: f64,
    /// The length of a step.
    #[serde(default = "one", skip_serializing_if = "is_one")]
    pub spacing: f64,
    /// The turn of the direction after each step.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub curve: f64,
    /// The number of seats, gaps not counted.
    #[schema(minimum = 1, maximum = 1_000)]
    pub seats: u32,
    /// The end of the path from which the labels count.
    #[serde(
        default,
        deserialize_with = "object::word",
        skip_serializing_if = "PlanDirection::is_default"
    )]
    pub direction: PlanDirection,
    /// The labels of the seats; 1, 2, 3 … if absent.
    #[serde(default, deserialize_with = "object::option", skip_serializing_if = "Option::is_none")]
    pub numbering: Option<PlanNumbering>,
    /// Aisles in the row. Seats on both sides of a gap are never counted as neighbours.
    #[serde(default, deserialize_with = "object::list", skip_serializing_if = "Vec::is_empty")]
    pub gaps: Vec<PlanGap>,
    /// Positions of seats for wheelchairs and others with such a need.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub accessible: Vec<u32>,
    /// Positions of seats for those who accompany them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub companion: Vec<u32>,
    /// Positions of seats with a restricted view.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub restricted: Vec<u32>,
    /// Positions in other zones than the section's.
    #[serde(default, deserialize_with = "object::list", skip_serializing_if = "Vec::is_empty")]
    pub zones: Vec<PlanZoneRange>,
}

/// The end of a row from which its labels count.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum PlanDirection {
    /// From the first seat of the path.
    #[default]
    Ltr,
    /// From the last seat of the path.
    Rtl,
}

/// The labels of a row: `start` and `step`, or `labels`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PlanNumbering {
    /// The first number; 1 if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(maximum = 100_000)]
    pub start: Option<u32>,
    /// The distance of neighbouring numbers: 1 if absent, 2 for odd or even numbers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 1, maximum = 100)]
    pub step: Option<u32>,
    /// Own labels, one for each seat, 1 to 20 characters each.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub labels: Option<Vec<String>>,
}

/// An aisle in a row.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PlanGap {
    /// The position of the seat before it.
    #[schema(minimum = 1, maximum = 999)]
    pub after: u32,
    /// By how much the step to the next seat is longer; more than 0.
    pub width: f64,
}

/// Positions of a row in one zone.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PlanZoneRange {
    /// The first position.
    #[schema(minimum = 1, maximum = 1_000)]
    pub from: u32,
    /// The last position.
    #[schema(minimum = 1, maximum = 1_000)]
    pub to: u32,
    /// The name of a zone of the plan.
    #[schema(max_length = 100)]
    pub zone: String,
}

fn one() -> f64 {
    1.0
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes fields by reference")]
fn is_zero(value: &f64) -> bool {
    *value == 0.0
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes fields by reference")]
fn is_one(value: &f64) -> bool {
    (*value - 1.0).abs() < f64::EPSILON
}

impl PlanDirection {
    #[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes fields by reference")]
    fn is_default(&self) -> bool {
        *self == Self::Ltr
    }
}

impl Plan {
    /// Returns the number of seats.
    #[must_use]
    pub fn seats(&self) -> u64 {
        let rows = self.sections.iter().flat_map(|section| &section.rows);
        rows.map(|row| u64::from(row.seats)).sum()
    }
}

impl PlanRow {
    /// Returns the label of the seat at a position, as it is printed on a ticket.
    #[must_use]
    pub fn label(&self, position: u32) -> String {
        let ordinal = match self.direction {
            PlanDirection::Ltr => position.saturating_sub(1),
            PlanDirection::Rtl => self.seats.saturating_sub(position),
        };
        let numbering = self.numbering.as_ref();
        if let Some(labels) = numbering.and_then(|numbering| numbering.labels.as_ref()) {
            return labels.get(ordinal as usize).cloned().unwrap_or_default();
        }
        let start = numbering.and_then(|numbering| numbering.start).unwrap_or(1);
        let step = numbering.and_then(|numbering| numbering.step).unwrap_or(1);
        (u64::from(start) + u64::from(step) * u64::from(ordinal)).to_string()
    }

    /// Returns the zone of the seat at a position.
    #[must_use]
    pub fn zone<'a>(&'a self, section: &'a PlanSection, position: u32) -> &'a str {
        let range = self.zones.iter().find(|range| (range.from..=range.to).contains(&position));
        range.map_or(&section.zone, |range| &range.zone)
    }
}
