//! Reservations, payments and wallets are updated soon after they are inserted: with free space on
//! its page a row's next version is stored beside it, and no index needs an update.

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

/// SQLite fills its pages by itself.
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
