//! Accounts: register, log in, one's own account.

pub mod auth;
pub mod users;
