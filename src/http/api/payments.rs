//! Payments of reservations, and wallets.

pub mod pay;
pub mod wallet;
