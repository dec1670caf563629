//! The times at which a product was created and last changed. Existing products were created with
//! their event.

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
        each(
            manager,
            &[
                "ALTER TABLE products ADD COLUMN created_at bigint NOT NULL DEFAULT 0",
                "ALTER TABLE products ADD COLUMN updated_at bigint NOT NULL DEFAULT 0",
                "UPDATE products SET
                    created_at = coalesce((SELECT e.created_at FROM events e
                        WHERE e.id = products.offering_id), 0),
                    updated_at = coalesce((SELECT e.updated_at FROM events e
                        WHERE e.id = products.offering_id), 0)",
            ],
        )
        .await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        each(
            manager,
            &[
                "ALTER TABLE products DROP COLUMN updated_at",
                "ALTER TABLE products DROP COLUMN created_at",
            ],
        )
        .await
    }
}

async fn each(manager: &SchemaManager<'_>, statements: &[&str]) -> Result<(), DbErr> {
    for statement in statements {
        manager.get_connection().execute_unprepared(statement).await?;
    }
    Ok(())
}
