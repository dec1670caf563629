//! Lets administrators page through all reservations, or those of one event, newest first.

use sea_orm_migration::prelude::*;
use sea_orm_migration::sea_orm::ConnectionTrait;

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        each(
            manager,
            &[
                "CREATE INDEX reservations_created ON reservations (created_at, id)",
                "CREATE INDEX reservations_offering ON reservations (offering_id, created_at, id)",
            ],
        )
        .await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        each(manager, &["DROP INDEX reservations_created", "DROP INDEX reservations_offering"])
            .await
    }
}

async fn each(manager: &SchemaManager<'_>, statements: &[&str]) -> Result<(), DbErr> {
    for statement in statements {
        manager.get_connection().execute_unprepared(statement).await?;
    }
    Ok(())
}
