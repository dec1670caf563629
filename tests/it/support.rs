//! Helpers of the tests: servers, databases and clients of their own, fault injection, checks.

#[macro_use]
pub mod test_db;

pub mod chat_client;
pub mod customers;
pub mod gateways;
pub mod history;
pub mod line_history;
pub mod payments;
pub mod private_postgres;
pub mod private_prometheus;
pub mod private_redis;
pub mod process;
pub mod proxy;
pub mod rank_test;
pub mod smtp_server;
pub mod sold_event;
pub mod stream_frames;
pub mod students;
pub mod test_app;
pub mod tls;
pub mod two_instances;
pub mod waiters;
pub mod waiting_customers;
