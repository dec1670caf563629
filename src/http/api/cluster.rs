//! The instances of the cluster: their health, their offerings, calls between them.

pub mod health;
pub mod instances;
pub mod internal;
