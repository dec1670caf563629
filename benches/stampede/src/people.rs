//! The people before a waiting room: what each of them will do, when each acts next, and what they
//! were told.

mod agenda;
mod decisions;
pub mod measures;
mod told;
mod watch;

pub use agenda::{Agenda, run};
pub use decisions::{Decisions, Leaving, Purpose};
pub(crate) use told::StatusData;
pub use told::{Estimate, Outlook, Question, Reply, Standing, State, Told};
pub use watch::{Sample, Watch, watch};
