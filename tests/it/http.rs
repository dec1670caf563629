//! The API as clients use it.

mod administration;
pub mod api_client;
mod bad_input;
mod catalogue;
mod changed_holds;
mod checkins;
mod conformance;
mod document;
mod export;
mod holders;
mod kept_seats;
mod listing_own;
mod messages;
mod ownership;
mod participation;
mod products;
mod purchase;
mod retries;
mod sale_status;
mod seats;
mod seeds;
mod terms;
mod unknown_bodies;
mod views_agree;
mod waitlist;
