//! An event's history: its audit, and its journal as a file.

pub mod journal;
pub mod verify;
