//! The instances of the cluster: their health, their events, and the calls between them.

pub mod health;
pub mod instances;
pub mod internal;
