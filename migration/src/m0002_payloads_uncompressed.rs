//! Payloads are compact and full of random ids: Postgres would spend time on every append and every
//! snapshot to find that they do not compress. A journal row of up to a page also stays in one
//! piece: beyond 2 kB it would be split into a second table with an index of its own.

use sea_orm_migration::prelude::*;
use sea_orm_migration::sea_orm::{ConnectionTrait, DbBackend};

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        set_storage(manager, "EXTERNAL", "SET (toast_tuple_target = 8160)").await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        set_storage(manager, "EXTENDED", "RESET (toast_tuple_target)").await
    }
}

/// SQLite never compresses.
async fn set_storage(
    manager: &SchemaManager<'_>,
    storage: &str,
    target: &str,
) -> Result<(), DbErr> {
    if manager.get_database_backend() != DbBackend::Postgres {
        return Ok(());
    }
    for table in ["journal", "snapshots"] {
        let sql = format!("ALTER TABLE {table} ALTER COLUMN payload SET STORAGE {storage}");
        manager.get_connection().execute_unprepared(&sql).await?;
    }
    manager.get_connection().execute_unprepared(&format!("ALTER TABLE journal {target}")).await?;
    Ok(())
}
