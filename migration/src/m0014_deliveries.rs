//! What becomes of outbox messages: a delivery for each message and destination, how far the relay
//! has come in each offering, and notices, which are messages without a place in a journal.

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
        for sql in STATEMENTS {
            manager.get_connection().execute_unprepared(&sql.replace("«ID»", id)).await?;
        }
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for table in ["deliveries", "notices", "relays"] {
            manager.get_connection().execute_unprepared(&format!("DROP TABLE {table}")).await?;
        }
        Ok(())
    }
}

const STATEMENTS: &[&str] = &[
    "CREATE TABLE deliveries (
        id «ID» NOT NULL PRIMARY KEY,
        message_id text NOT NULL,
        destination text NOT NULL,
        kind text NOT NULL,
        offering_id «ID»,
        user_id «ID»,
        body text NOT NULL,
        lane smallint NOT NULL,
        state text NOT NULL,
        attempts integer NOT NULL,
        next_try_at bigint NOT NULL,
        error text,
        processed_at bigint,
        created_at bigint NOT NULL,
        updated_at bigint NOT NULL,
        UNIQUE (message_id, destination)
    )",
    "CREATE INDEX deliveries_waiting ON deliveries (destination, lane, next_try_at)
     WHERE state = 'WAITING'",
    "CREATE INDEX deliveries_by_time ON deliveries (created_at, id)",
    "CREATE INDEX deliveries_log ON deliveries (destination, created_at, id)",
    "CREATE INDEX deliveries_processed ON deliveries (processed_at) WHERE processed_at IS NOT NULL",
    "CREATE TABLE notices (
        id «ID» NOT NULL PRIMARY KEY,
        kind text NOT NULL,
        offering_id «ID»,
        user_id «ID»,
        payload text NOT NULL,
        created_at bigint NOT NULL,
        processed_at bigint
    )",
    "CREATE INDEX notices_waiting ON notices (created_at) WHERE processed_at IS NULL",
    // The last message of each offering that was expanded into deliveries.
    "CREATE TABLE relays (
        offering_id «ID» NOT NULL PRIMARY KEY,
        seq bigint NOT NULL,
        position integer NOT NULL
    )",
    // Messages from before there was a relay are history: months of them must not be mailed at the
    // first start.
    "UPDATE outbox_messages SET processed_at = created_at WHERE processed_at IS NULL",
];
