//! Accounts: registration, login, and the caller's own account.

pub mod auth;
pub mod challenge;
pub mod guests;
pub mod identities;
pub mod mail_links;
pub mod profile;
pub mod sessions;
pub mod social;
pub mod users;
