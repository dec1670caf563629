//! Behaviour of the whole program, on real databases. Run with `tests/run`, which starts them.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]
#![expect(clippy::print_stdout, reason = "a failed run says what it takes to repeat it")]

#[macro_use]
mod support;

mod accounts;
mod architecture;
mod archive;
mod attacks;
mod attacks_http;
mod backup;
mod balancer;
mod box_office;
mod chat_instances;
mod classes_at_once;
mod classes_crash;
mod cli;
mod clients;
mod clock;
mod closing;
mod cluster;
mod connections;
mod crash;
mod crowd;
mod dashboards;
mod documents;
mod envelope;
mod faults;
mod feed;
mod first_start;
mod fixtures;
mod forms;
mod growth;
mod health;
mod housekeeping;
mod http;
mod journal;
mod leases;
mod limits;
mod mail;
mod metrics;
mod overload;
mod password_queue;
mod payments;
mod payments_automatic;
mod payments_by_hand;
mod payments_crash;
mod payments_gateways;
mod payments_manual;
mod payments_schedules;
mod queue_record;
mod refunds;
mod relay;
mod relay_load;
mod requirements;
mod revoked_access;
mod roles;
mod schemathesis;
mod sessions;
mod shutdown;
mod simulation;
mod snapshots;
mod stampede;
mod store;
mod ticket_documents;
mod tracing;
mod unknown_outcomes;
mod wallet;
mod web;
mod webhooks;
mod worker;
