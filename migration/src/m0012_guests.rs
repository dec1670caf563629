//! Guests: the e-mail addresses of customers who buy without an account, by the id that their
//! reservations have.

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
        // One address may be that of many guests: each purchase without an account is a guest.
        let statements = [
            format!(
                "CREATE TABLE guests (
                    user_id {id} NOT NULL PRIMARY KEY,
                    email text NOT NULL,
                    created_at bigint NOT NULL,
                    updated_at bigint NOT NULL
                )"
            ),
            "CREATE INDEX guests_by_email ON guests (email, created_at)".to_owned(),
        ];
        for sql in statements {
            manager.get_connection().execute_unprepared(&sql).await?;
        }
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.get_connection().execute_unprepared("DROP TABLE guests").await?;
        Ok(())
    }
}
