//! The routes, one directory per capability. Handlers parse, make one call, and render.

pub mod accounts;
pub mod audit;
pub mod box_office;
pub mod classes;
pub mod cluster;
pub mod community;
pub mod forms;
pub mod offerings;
pub mod outbox;
pub mod payments;
pub mod roles;
pub mod terms;
pub mod venues;
pub mod waiting_room;
pub mod webhooks;
