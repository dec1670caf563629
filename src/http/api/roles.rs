//! Roles of people, invitations to them, accounts, and the audit log.

pub mod audit_log;
pub mod grants;
pub mod invitations;
pub mod users;
