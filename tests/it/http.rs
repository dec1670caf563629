//! The API as clients meet it.

mod administration;
mod bad_input;
mod catalogue;
mod conformance;
mod document;
mod door;
mod export;
mod holders;
mod lost_tab;
mod messages;
mod ownership;
mod participation;
mod pictures;
mod products;
mod purchase;
mod retries;
mod sale_status;
mod seats;
mod seeds;
pub mod shop;
mod terms;
mod unknown_bodies;
mod waitlist;
