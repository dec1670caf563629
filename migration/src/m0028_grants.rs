//! Roles as grants, invitations to them, and the log of administrative acts. The role of accounts
//! stays beside the grants for instances of the version before, and is not read any more.

use sea_orm_migration::prelude::*;
use sea_orm_migration::sea_orm::{ConnectionTrait, DbBackend};

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

const DOWN: &[&str] = &[
    "DROP TABLE audit_log",
    "DROP TABLE invitations",
    "DROP TABLE grant_generation",
    "DROP TABLE grants",
];

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    /// `None` would mean no transaction on SQLite, and an interrupted step could never be repeated.
    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }

    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let (id, bytes) = match manager.get_database_backend() {
            DbBackend::Postgres => ("uuid", "bytea"),
            _ => ("blob", "blob"),
        };
        let statements = [
            // Without an offering for ADMIN, with one for every other role.
            format!(
                "CREATE TABLE grants (
                    id {id} NOT NULL PRIMARY KEY,
                    user_id {id} NOT NULL,
                    role text NOT NULL,
                    offering_id {id},
                    granted_by {id},
                    granted_at bigint NOT NULL
                )"
            ),
            "CREATE UNIQUE INDEX grants_everywhere ON grants (user_id, role)
             WHERE offering_id IS NULL"
                .to_owned(),
            "CREATE UNIQUE INDEX grants_of_offering ON grants (user_id, role, offering_id)
             WHERE offering_id IS NOT NULL"
                .to_owned(),
            "CREATE INDEX grants_by_time ON grants (granted_at, id)".to_owned(),
            format!(
                "INSERT INTO grants (id, user_id, role, offering_id, granted_by, granted_at)
                 SELECT id, id, 'ADMIN', NULL, NULL, created_at FROM users
                 WHERE role = 'ADMIN' AND email NOT LIKE '{CLOSED}'"
            ),
            // Its row is locked by every change of grants until it commits.
            "CREATE TABLE grant_generation (id integer PRIMARY KEY, last bigint NOT NULL)"
                .to_owned(),
            "INSERT INTO grant_generation (id, last) VALUES (1, 1)".to_owned(),
            format!(
                "CREATE TABLE invitations (
                    id {id} NOT NULL PRIMARY KEY,
                    email text NOT NULL,
                    role text NOT NULL,
                    offering_id {id},
                    invited_by {id} NOT NULL,
                    token_hash {bytes} NOT NULL UNIQUE,
                    created_at bigint NOT NULL,
                    expires_at bigint NOT NULL
                )"
            ),
            "CREATE INDEX invitations_by_time ON invitations (created_at, id)".to_owned(),
            "CREATE INDEX invitations_expiry ON invitations (expires_at)".to_owned(),
            format!(
                "CREATE TABLE audit_log (
                    id {id} NOT NULL PRIMARY KEY,
                    at bigint NOT NULL,
                    actor {id},
                    session {id},
                    address text,
                    action text NOT NULL,
                    offering_id {id},
                    target text,
                    before text,
                    after text,
                    request_id text,
                    outcome text NOT NULL
                )"
            ),
            "CREATE INDEX audit_log_by_time ON audit_log (at, id)".to_owned(),
            "CREATE INDEX audit_log_of_offering ON audit_log (offering_id, at, id)".to_owned(),
            "CREATE INDEX audit_log_of_actor ON audit_log (actor, at, id)".to_owned(),
        ];
        for sql in statements {
            manager.get_connection().execute_unprepared(&sql).await?;
        }
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for sql in DOWN {
            manager.get_connection().execute_unprepared(sql).await?;
        }
        Ok(())
    }
}

/// The addresses of closed accounts.
const CLOSED: &str = "%@deleted.invalid";
