//! Tests of the core, through its public interface only: tables of behaviour, and long random
//! histories compared with a naive second model.

mod cancelled_tickets;
mod changes;
mod classes;
mod complimentary;
mod kept;
mod model;
mod participation;
mod properties;
mod queue;
mod tables;
mod world;
