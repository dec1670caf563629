//! Venues and their seat plans: the document of a plan and its rules, a generator of plans, versions
//! that never change, and the plan of an event as seats of the core. A plan is a projection beside
//! the stock: no box office reads one.

mod changes;
mod check;
mod draw;
mod error;
mod generate;
pub mod geometry;
mod layouts;
pub mod outline;
mod plan;
mod seats;
mod service;
#[cfg(test)]
mod tests;

pub use changes::PlanChanges;
pub use check::MAX_SEATS;
pub use draw::{Drawing, DrawnRow, DrawnRun, DrawnSection, DrawnZone, draw};
pub use error::VenueError;
pub use generate::{
    BlockKind, BlockSide, BlockSpec, DEFAULT_STAGE_LABEL, GeneratedNumbering, PlanSpec, generate,
};
pub use layouts::{EventSeats, SeatMarks};
pub use plan::{
    FORMAT, Plan, PlanDirection, PlanGap, PlanLabel, PlanNumbering, PlanRow, PlanSection,
    PlanStage, PlanZone, PlanZoneRange,
};
pub use seats::{CoreRow, PlanSeats, Run, ZoneProducts, zones_in_use};
pub use service::{AddedPlan, CheckedPlan, VenueDraft, VenueEdit, Venues, time_zone};
