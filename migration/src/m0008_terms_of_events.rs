//! The end of an event, the refund after a cancellation, withdrawn products, the gate and the
//! administrator of a check-in, the refunded part of a payment.

use sea_orm_migration::prelude::*;
use sea_orm_migration::sea_orm::{ConnectionTrait, DbBackend};

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

/// Table, column and type; all may be NULL, for existing rows. Tables are in the order in which
/// appends and payments lock them: on Postgres another order can deadlock with an instance that
/// serves.
const COLUMNS: &[(&str, &str, &str)] = &[
    ("reservations", "refund_amount", "bigint"),
    ("tickets", "gate", "text"),
    ("tickets", "checked_in_by", "«ID»"),
    ("payments", "refund_amount", "bigint"),
    ("products", "withdrawn_at", "bigint"),
    ("events", "event_end_at", "bigint"),
    ("events", "cancellation", "text"),
];

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
        for (table, column, kind) in COLUMNS {
            let kind = kind.replace("«ID»", id);
            let sql = format!("ALTER TABLE {table} ADD COLUMN {column} {kind}");
            manager.get_connection().execute_unprepared(&sql).await?;
        }
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for (table, column, _) in COLUMNS {
            let sql = format!("ALTER TABLE {table} DROP COLUMN {column}");
            manager.get_connection().execute_unprepared(&sql).await?;
        }
        Ok(())
    }
}
