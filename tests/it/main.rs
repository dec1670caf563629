//! Behaviour of the whole, on real databases. Run with `tests/run`, which brings them along.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

#[macro_use]
mod test_db;

mod accounts;
mod box_office;
mod cli;
mod envelope;
mod health;
mod journal;
mod private_postgres;
mod shutdown;
mod store;
mod test_app;
