//! The tables that the store keeps beside the journal, on both databases.

mod accounts;
mod enrollments;
mod large_events;
mod projection;
mod revocation;
mod schema;
