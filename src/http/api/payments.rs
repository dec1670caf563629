//! Payments of reservations, and wallets.

pub mod pay;
pub mod refunds;
pub mod wallet;
