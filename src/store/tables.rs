//! The tables, one module for each kind of row.

pub(crate) mod catalogue;
pub(crate) mod closed;
pub(crate) mod event;
pub(crate) mod gateway_notification;
pub(crate) mod guest;
pub(crate) mod idempotency;
pub(crate) mod leaving;
pub(crate) mod outbox;
pub(crate) mod payment;
pub(crate) mod payment_gateway;
pub(crate) mod payment_group;
pub(crate) mod payment_row;
pub(crate) mod person;
pub(crate) mod refresh_token;
pub(crate) mod reservation;
pub(crate) mod revocation;
pub(crate) mod sales;
pub(crate) mod seat;
pub(crate) mod seat_slices;
pub(crate) mod simulator_charge;
pub(crate) mod ticket;
pub(crate) mod user;
pub(crate) mod venue;
pub(crate) mod wallet;
