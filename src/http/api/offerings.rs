//! Events and their products, the administrators' control of a sale, and tickets.

pub mod checkins;
pub mod create_event;
pub mod events;
pub mod products;
pub mod sale;
pub mod tickets;
