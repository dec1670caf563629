//! What the store keeps beside the journal, on both databases.

mod accounts;
mod projection;
mod revocation;
mod schema;
