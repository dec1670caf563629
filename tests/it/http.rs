//! The API as clients use it.

mod administration;
pub mod api_client;
mod bad_input;
mod catalogue;
mod changed_holds;
mod checkins;
mod conformance;
mod document;
mod event_plans;
mod export;
mod holders;
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
mod venues;
mod views_agree;
mod waitlist;
