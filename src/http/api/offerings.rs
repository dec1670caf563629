//! Events and their products, the administrators' hand on a sale, tickets.

pub mod checkins;
pub mod create_event;
pub mod events;
pub mod products;
pub mod sale;
pub mod tickets;
