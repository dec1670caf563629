//! Payments of reservations, and wallets.

pub mod payments;
pub mod wallet;
