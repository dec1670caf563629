//! The API as clients meet it.

mod administration;
mod bad_input;
mod catalogue;
mod conformance;
mod document;
mod door;
mod export;
mod messages;
mod ownership;
mod pictures;
mod products;
mod purchase;
mod retries;
mod sale_status;
mod seats;
pub mod shop;
mod terms;
mod unknown_bodies;
mod waitlist;
