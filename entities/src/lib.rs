//! The tables of Admit One as SeaORM entities: no logic. Only `store` of the root crate uses them.
//! The migrations explain the columns; all times are milliseconds UTC.
#![expect(missing_docs, reason = "columns are documented where the migrations make them")]

pub mod answer_salt;
pub mod archive;
pub mod auto_payment;
pub mod class;
pub mod class_count;
pub mod class_hour;
pub mod delivery;
pub mod enrollment;
pub mod enrollment_answers;
pub mod enrollment_change;
pub mod enrollment_form;
pub mod enrollment_reason;
pub mod event;
pub mod event_plan;
pub mod gateway_notification;
pub mod guest;
pub mod head;
pub mod idempotency_key;
pub mod journal;
pub mod kept_mail;
pub mod kept_mail_part;
pub mod mail_link;
pub mod notice;
pub mod outbox_message;
pub mod payment;
pub mod product;
pub mod refresh_token;
pub mod refund;
pub mod relay;
pub mod reservation;
pub mod seat;
pub mod simulator_charge;
pub mod simulator_refund;
pub mod snapshot;
pub mod ticket;
pub mod user;
pub mod venue;
pub mod venue_plan;
pub mod waitlisted;
pub mod wallet;
pub mod wallet_entry;
pub mod webhook_attempt;
pub mod webhook_endpoint;
