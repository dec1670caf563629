//! The waiting room of an event: its rules, and the state of its queue. Positions, admissions and
//! sessions are part of the offering's state, so that an admission sees the stock at the same step.
//!
//! Journalled and sent between instances: append new variants, never reorder, never change the
//! fields of an old type (`box_office/encodings.rs` pins the bytes).

mod draw;
mod events;
mod line;
mod rules;
mod saved;
mod sessions;
mod state;

pub use draw::{Draw, chained, commitment_of, first_link, seed_of};
pub(super) use events::Shown;
pub use events::{Admission, Lane, Pass, QueueEnd, QueueEntry, QueueTotals, SessionEnd};
pub(super) use line::{Closed, Entry, EntryState};
pub use rules::{
    CLOSING_MS, IDLE_MS, MAX_QUEUE_BATCH, MAX_QUEUE_ENTRIES, MAX_QUEUE_TEXT, QueueChange,
    QueueRules, SESSION_MS,
};
pub(super) use rules::{FEW_LOOKS, LOOKS};
pub(super) use saved::SavedQueue;
pub(super) use sessions::Session;
pub(super) use state::Queue;
