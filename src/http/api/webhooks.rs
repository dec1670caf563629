//! Webhooks: endpoints of other systems, and the log of what was sent to them (administrators).

pub mod endpoints;
pub mod log;
