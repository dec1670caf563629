//! Payments of reservations, and wallets.

pub mod administration;
pub mod automatic;
pub(crate) mod by_hand;
pub mod pay;
pub mod refunds;
pub mod wallet;
pub mod webhooks;
