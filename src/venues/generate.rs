//! A generator of plans: a short specification of blocks becomes a plan with a place for every seat.
//! Blocks in the middle follow one another away from the stage; blocks at the sides stand beside the
//! last block in the middle.

mod shapes;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::object;
use crate::text::InvalidField;
use crate::venues::check::MAX_SEATS;
use crate::venues::geometry::{self, Bounds};
use crate::venues::plan::{FORMAT, Plan, PlanSection, PlanStage, PlanZone};
use shapes::Centre;

/// The space between blocks.
const SPACE: f64 = 3.0;
/// The height of the stage.
const STAGE_HEIGHT: f64 = 4.0;

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
    /// The number of rows; for tables, of lines of tables.
    #[schema(minimum = 1, maximum = 1_000)]
    pub rows: u32,
    /// The number of seats of a row, of the first row of a tribune, or of a table.
    #[schema(minimum = 1, maximum = 1_000)]
    pub seats_per_row: u32,
    /// The number of tables in a line; 1 by default. For tables only.
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

/// Generates a plan, and checks it as if it were imported.
///
/// # Errors
/// The first field that is not allowed.
pub fn generate(spec: &PlanSpec) -> Result<Plan, InvalidField> {
    if spec.blocks.is_empty() || spec.blocks.len() > 200 {
        return Err(InvalidField::new("blocks", "must have 1 to 200 items"));
    }
    let mut hall = Hall::default();
    let mut seats = 0;
    for (index, block) in spec.blocks.iter().enumerate() {
        let field = format!("blocks[{index}]");
        seats += shapes::check(&field, block)?;
        if seats > MAX_SEATS {
            let reason = format!("have {seats} seats in all: at most {MAX_SEATS}");
            return Err(InvalidField::new("blocks", reason));
        }
        hall.add(&field, block)?;
    }
    let mut zones: Vec<PlanZone> = Vec::new();
    for block in &spec.blocks {
        if !zones.iter().any(|zone| zone.name == block.zone) {
            zones.push(PlanZone { name: block.zone.clone() });
        }
    }
    let stage = spec.stage.then(|| PlanStage {
        x: 0.0,
        y: -SPACE - STAGE_HEIGHT / 2.0,
        width: geometry::rounded((hall.widest * 0.6).clamp(8.0, 40.0)),
        height: STAGE_HEIGHT,
        label: "Stage".to_owned(),
    });
    let (name, labels, sections) = (spec.name.clone(), Vec::new(), hall.sections);
    Plan { format: FORMAT, name, stage, labels, zones, sections }.check()
}

/// The blocks that are placed.
#[derive(Default)]
struct Hall {
    sections: Vec<PlanSection>,
    /// The extent of all blocks.
    all: Bounds,
    /// The extent of the last block in the middle and of the blocks beside it.
    tier: Bounds,
    /// The circles of the last block, if it is an arc with no blocks beside it.
    centre: Option<Centre>,
    widest: f64,
}

impl Hall {
    fn add(&mut self, field: &str, block: &BlockSpec) -> Result<(), InvalidField> {
        let side = block.side.unwrap_or(BlockSide::Center);
        let within = self.centre.filter(|_| side == BlockSide::Center);
        let (mut section, centre) = shapes::section(field, block, within)?;
        let extent = Bounds::of(geometry::seats_of(&section));
        self.widest = self.widest.max(extent.width());
        let [left, top, right, _] = extent.0;
        let below = if self.all.is_empty() { 0.0 } else { self.all.0[3] + SPACE };
        let beside = if self.tier.is_empty() { 0.0 } else { self.tier.0[1] };
        (section.x, section.y) = match side {
            // An arc around an arc stays on the same centre.
            BlockSide::Center if within.is_some() && block.kind == BlockKind::Arc => {
                self.centre.map_or((0.0, 0.0), |centre| centre.origin)
            }
            BlockSide::Center => (-extent.middle(), below - top),
            BlockSide::Left => (self.left() - SPACE - right, beside - top),
            BlockSide::Right => (self.right() + SPACE - left, beside - top),
        };
        (section.x, section.y) = (geometry::rounded(section.x), geometry::rounded(section.y));
        let placed = Bounds::of(geometry::seats_of(&section));
        if side == BlockSide::Center {
            self.tier = Bounds::default();
        }
        for bounds in [&mut self.tier, &mut self.all] {
            bounds.add([placed.0[0], placed.0[1]]);
            bounds.add([placed.0[2], placed.0[3]]);
        }
        self.centre = centre
            .filter(|_| side == BlockSide::Center)
            .map(|centre| Centre { origin: (section.x, section.y), ..centre });
        self.sections.push(section);
        Ok(())
    }

    fn left(&self) -> f64 {
        if self.tier.is_empty() { 0.0 } else { self.tier.0[0] }
    }

    fn right(&self) -> f64 {
        if self.tier.is_empty() { 0.0 } else { self.tier.0[2] }
    }
}
