//! A generator of plans: a short specification of blocks becomes a plan with a place for every seat.
//! Blocks in the middle follow one another away from the stage; blocks at the sides stand beside the
//! last block in the middle.

mod shapes;
mod spec;

use crate::text::InvalidField;
use crate::venues::check::MAX_SEATS;
use crate::venues::geometry::{self, Bounds};
use crate::venues::plan::{FORMAT, Plan, PlanSection, PlanStage, PlanZone};
use shapes::Centre;
pub use spec::{BlockKind, BlockSide, BlockSpec, GeneratedNumbering, PlanSpec};

/// The space between blocks.
const SPACE: f64 = 3.0;
/// The height of the stage.
const STAGE_HEIGHT: f64 = 4.0;
/// The label of the stage; pages write it in their own language, unless an organiser chose another.
pub const DEFAULT_STAGE_LABEL: &str = "Stage";

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
        label: DEFAULT_STAGE_LABEL.to_owned(),
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
