//! Venues and their plans (administrators), and the drawing of an event with its seat states
//! (everyone).

pub mod drawings;
mod packed;
pub mod plans;
mod rendered;
pub mod seat_states;
#[expect(clippy::module_inception, reason = "the resource has the name of its capability")]
pub mod venues;

pub(crate) use packed::Packed;
pub use rendered::{Drawings, SeatStates};
