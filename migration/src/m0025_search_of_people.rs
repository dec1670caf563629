//! The text that searches of people look through: name and address in lower case. The database keeps
//! it, so that older instances keep it too while a version is rolled out, and closing an account
//! empties it.

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
        let (line_break, kept) = match manager.get_database_backend() {
            DbBackend::Postgres => ("chr(10)", "STORED"),
            // SQLite adds no stored column to a table; it lowers texts faster than it reads more.
            _ => ("char(10)", "VIRTUAL"),
        };
        let sql = format!(
            "ALTER TABLE users ADD COLUMN search text
            GENERATED ALWAYS AS (lower(name || {line_break} || email)) {kept}"
        );
        manager.get_connection().execute_unprepared(&sql).await?;
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let sql = "ALTER TABLE users DROP COLUMN search";
        manager.get_connection().execute_unprepared(sql).await?;
        Ok(())
    }
}
