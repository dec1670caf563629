//! Places: holds, reservations, the waitlist, and the views of available places.

pub mod availability;
pub mod checkout;
pub mod complimentary;
pub mod holders;
pub mod holds;
pub mod participation;
pub mod reservations;
pub mod seats;
pub mod stream;
pub mod waitlist;
