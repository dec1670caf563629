//! The middleware that every request passes through, and the connection state that it keeps.

pub mod admission;
pub mod aliases;
pub mod connections;
pub mod cors;
pub mod deadline;
pub mod lifecycle;
pub mod origin;
pub mod rates;
pub mod request_context;
pub mod response_body;
pub mod unnamed_proxies;
