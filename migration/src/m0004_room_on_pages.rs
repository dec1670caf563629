//! Reservations, payments and wallets are changed soon after they are made: with room on its page a
//! row's next version stands beside it, and no index has to be told.

use sea_orm_migration::prelude::*;
use sea_orm_migration::sea_orm::{ConnectionTrait, DbBackend};

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        each_table(manager, "SET (fillfactor = 70)").await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        each_table(manager, "RESET (fillfactor)").await
    }
}

/// SQLite packs its pages by itself.
async fn each_table(manager: &SchemaManager<'_>, change: &str) -> Result<(), DbErr> {
    if manager.get_database_backend() != DbBackend::Postgres {
        return Ok(());
    }
    for table in ["reservations", "payments", "wallets"] {
        let sql = format!("ALTER TABLE {table} {change}");
        manager.get_connection().execute_unprepared(&sql).await?;
    }
    Ok(())
}
