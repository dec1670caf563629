//! The box office of an offering: an actor that decides in memory, appends, then answers. It is the
//! only writer of its offering, and it answers only from durable state.
//!
//! - `office`: the actor itself, its batches, its recovery;
//! - `registry`: the live box offices of this process;
//! - `forwarding`: forwards a command to the instance that owns its offering;
//! - `views`: the views that readers see, here and on other instances;
//! - `telemetry`: metrics and spans.

mod clock_guard;
mod command;
#[cfg(test)]
mod encodings;
mod forwarding;
mod handle;
mod office;
mod outcome;
mod permits;
mod protocol;
mod registry;
mod settings;
mod shared;
mod telemetry;
mod unknown;
mod views;

#[cfg(test)]
pub(crate) use encodings::every_rejection;
pub use forwarding::{MAX_HOPS, PeerRequestError};
pub use office::offering_clock::{JOURNAL_AHEAD, TOLERATED_MS};
pub use outcome::{Committed, SubmitError, Unavailable};
pub use registry::BoxOffices;
pub use registry::handoff::MoveError;
pub use settings::{BeforeDecide, Settings};
pub use telemetry::gauges::{Count, OfferingFigures};
pub use telemetry::metrics::describe as describe_metrics;
pub use unknown::{UnknownReason, outcome_unknown};
pub(crate) use views::queue_state::changes_view;
pub use views::queue_state::{PublishedQueue, QueueAnswer};
pub use views::view::{ProductView, View};
