//! Admit One: a reservation engine. See README.md for the code map.
pub mod accounts;
pub mod audit;
pub mod box_office;
pub mod cli;
pub mod clock;
pub mod cluster;
pub mod config;
pub mod executor;
pub mod http;
pub mod ids;
pub mod inventory;
pub mod journal;
pub mod payments;
pub mod random;
pub mod server;
pub mod store;
pub mod telemetry;
