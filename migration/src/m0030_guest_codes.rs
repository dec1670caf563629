//! The version of a guest's claim code, which ends the codes of before, and whether the code of places
//! that were given away still waits for its recipient.

use sea_orm_migration::prelude::*;
use sea_orm_migration::sea_orm::ConnectionTrait;

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    /// `None` would mean no transaction on SQLite, and an interrupted step could never be repeated.
    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }

    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let connection = manager.get_connection();
        for sql in [
            "ALTER TABLE guests ADD COLUMN code_version bigint NOT NULL DEFAULT 0",
            "ALTER TABLE guests ADD COLUMN is_unclaimed_gift boolean NOT NULL DEFAULT false",
        ] {
            connection.execute_unprepared(sql).await?;
        }
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let connection = manager.get_connection();
        for column in ["is_unclaimed_gift", "code_version"] {
            let sql = format!("ALTER TABLE guests DROP COLUMN {column}");
            connection.execute_unprepared(&sql).await?;
        }
        Ok(())
    }
}
