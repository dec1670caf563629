//! Endpoints of other systems that messages are sent to, and the log of the attempts.

use sea_orm_migration::prelude::*;
use sea_orm_migration::sea_orm::{ConnectionTrait, DbBackend};

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    /// `None` would mean no transaction on SQLite, and an interrupted step could never be repeated.
    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }

    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let id = match manager.get_database_backend() {
            DbBackend::Postgres => "uuid",
            _ => "blob",
        };
        let statements = [
            // `kinds` and `offerings` are lists in JSON; an empty one filters nothing. `exhausted`
            // counts the messages in a row that were given up.
            format!(
                "CREATE TABLE webhook_endpoints (
                    id {id} NOT NULL PRIMARY KEY,
                    url text NOT NULL,
                    description text NOT NULL,
                    kinds text NOT NULL,
                    offerings text NOT NULL,
                    secret text NOT NULL,
                    previous_secret text,
                    previous_until bigint,
                    disabled_at bigint,
                    disabled_reason text,
                    exhausted integer NOT NULL,
                    created_at bigint NOT NULL,
                    created_by {id} NOT NULL,
                    updated_at bigint NOT NULL
                )"
            ),
            // `status` is missing where there was no answer, `error` where the message was taken.
            format!(
                "CREATE TABLE webhook_attempts (
                    id {id} NOT NULL PRIMARY KEY,
                    endpoint_id {id} NOT NULL,
                    message_id text NOT NULL,
                    attempt bigint NOT NULL,
                    at bigint NOT NULL,
                    status integer,
                    error text,
                    duration_ms bigint NOT NULL,
                    answer text
                )"
            ),
            "CREATE INDEX webhook_attempts_of_message ON webhook_attempts (endpoint_id, message_id)"
                .to_owned(),
            "CREATE INDEX webhook_attempts_by_time ON webhook_attempts (at)".to_owned(),
        ];
        for statement in statements {
            manager.get_connection().execute_unprepared(&statement).await?;
        }
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for table in ["webhook_attempts", "webhook_endpoints"] {
            manager.get_connection().execute_unprepared(&format!("DROP TABLE {table}")).await?;
        }
        Ok(())
    }
}
