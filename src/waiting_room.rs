//! The waiting room of an event, around the queue that its box office keeps.

pub mod record;
