//! The specification of a hall to generate.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::object;

/// A hall to generate.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(example = json!({
    "name": "Main hall", "stage": true, "blocks": [
        { "kind": "arc", "section": "Stalls", "zone": "Gold", "rows": 20, "seatsPerRow": 40,
          "aisles": [10, 30], "accessible": 4 },
        { "kind": "tribune", "section": "Circle", "zone": "Silver", "rows": 12, "seatsPerRow": 40 }
    ]
}))]
pub struct PlanSpec {
    /// The name of the plan.
    #[schema(max_length = 200)]
    pub name: String,
    /// Whether there is a stage; `true` by default.
    #[serde(default = "yes")]
    pub stage: bool,
    /// The blocks, from the stage away.
    #[serde(deserialize_with = "object::list")]
    #[schema(min_items = 1, max_items = 200)]
    pub blocks: Vec<BlockSpec>,
}

/// A block of seats, which becomes one section.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct BlockSpec {
    /// The shape.
    #[serde(deserialize_with = "object::word")]
    pub kind: BlockKind,
    /// The name of the section.
    #[schema(max_length = 100)]
    pub section: String,
    /// The price zone.
    #[schema(max_length = 100)]
    pub zone: String,
    /// The number of rows; for tables, of lines of tables, or of tables if `tablesPerRow` is left out.
    #[schema(minimum = 1, maximum = 1_000)]
    pub rows: u32,
    /// The number of seats of a row, of the first row of a tribune, or of a table.
    #[schema(minimum = 1, maximum = 1_000)]
    pub seats_per_row: u32,
    /// The number of tables in a line. Without it `rows` is the number of tables, which stand in lines
    /// that fill a room. For tables only.
    #[serde(default)]
    #[schema(minimum = 1, maximum = 200)]
    pub tables_per_row: Option<u32>,
    /// The seats more in each further row of a tribune; 2 by default. For tribunes only.
    #[serde(default)]
    #[schema(maximum = 20)]
    pub widening: Option<u32>,
    /// The positions of the first row behind which there is an aisle, from left to right.
    #[serde(default)]
    #[schema(max_items = 100)]
    pub aisles: Vec<u32>,
    /// The name of the first row, letters or a number; the others follow it. `A` by default, `1` for
    /// tables.
    #[serde(default)]
    #[schema(max_length = 6)]
    pub first_row: Option<String>,
    /// The first number in each row; by default 1, or 2 for even numbers.
    #[serde(default)]
    #[schema(maximum = 100_000)]
    pub start_number: Option<u32>,
    /// The numbers that are used; all by default.
    #[serde(default, deserialize_with = "object::option_word")]
    pub numbering: Option<GeneratedNumbering>,
    /// The number of accessible seats, each with a seat for a companion beside it. They are at the
    /// ends of the first row, or at the first tables.
    #[serde(default)]
    pub accessible: u32,
    /// Where the block stands; in the middle by default.
    #[serde(default, deserialize_with = "object::option_word")]
    pub side: Option<BlockSide>,
}

/// The shape of a block.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum BlockKind {
    /// Straight rows of one length.
    Block,
    /// Rows on circles around the stage.
    Arc,
    /// Straight rows, each longer than the one before it.
    Tribune,
    /// Round tables; each is a row of its own.
    Tables,
}

/// The numbers of a row's seats.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
#[expect(missing_docs, reason = "the names say it")]
pub enum GeneratedNumbering {
    All,
    Odd,
    Even,
}

/// Where a block stands, seen with the stage at the top.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
#[expect(missing_docs, reason = "the names say it")]
pub enum BlockSide {
    Center,
    Left,
    Right,
}

fn yes() -> bool {
    true
}
