//! Accounts: registration, login, and the caller's own account.

pub mod auth;
pub mod guests;
pub mod users;
