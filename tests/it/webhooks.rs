//! Messages to endpoints of other systems, sent to a receiver that verifies them with the public
//! library of another language.

mod api;
mod browser;
mod log;
mod pages;
mod pushing;
pub mod receiver;
mod sale;
