//! When an event ends, what comes back to those who cancel, which products were withdrawn, where and
//! by whom a ticket was checked in, what of a payment was refunded.

use sea_orm_migration::prelude::*;
use sea_orm_migration::sea_orm::{ConnectionTrait, DbBackend};

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

/// Table, column and type; all may be NULL, for rows of before. Tables in the order in which appends
/// and payments lock them: on Postgres another order can deadlock with an instance that serves.
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
    /// None would mean none on SQLite, and an interrupted step could never be taken again.
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
