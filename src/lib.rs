//! Admit One: a reservation engine. See `docs/architecture.md` for the way of a request, the
//! glossary and the code map.
pub mod accounts;
pub mod archive;
pub mod audit;
pub mod box_office;
pub mod caller;
pub mod cli;
pub mod clock;
pub mod closing;
pub mod cluster;
pub mod config;
pub mod executor;
pub mod http;
pub mod ids;
pub mod inventory;
pub mod journal;
pub mod offerings;
pub mod payments;
pub mod planted;
pub mod random;
pub mod server;
pub mod simulation;
pub mod store;
pub mod telemetry;
pub mod text;
pub mod ticket_documents;
pub mod trace;
