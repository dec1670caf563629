//! The secrets of waiting rooms' draws, by their public hashes. The journal gets a secret when its draw is
//! made, and has only the hash before.

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
        let (uuid, bytes) = match manager.get_database_backend() {
            DbBackend::Postgres => ("uuid", "bytea"),
            _ => ("blob", "blob"),
        };
        let sql = format!(
            "CREATE TABLE queue_secrets (
                offering_id {uuid} NOT NULL,
                commitment {bytes} NOT NULL,
                secret {bytes} NOT NULL,
                created_at bigint NOT NULL,
                PRIMARY KEY (offering_id, commitment)
            )"
        );
        manager.get_connection().execute_unprepared(&sql).await?;
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.get_connection().execute_unprepared("DROP TABLE queue_secrets").await?;
        Ok(())
    }
}
