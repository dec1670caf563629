//! Lets the payments and the notifications that need a person be counted every few seconds, whose cost
//! must not grow with the payments that need none.

use sea_orm_migration::prelude::*;
use sea_orm_migration::sea_orm::ConnectionTrait;

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

const UP: &[&str] = &[
    "CREATE INDEX payments_with_problem ON payments (id) WHERE problem IS NOT NULL",
    "CREATE INDEX gateway_notifications_parked ON gateway_notifications (received_at, id)
        WHERE parked_reason IS NOT NULL",
];

const DOWN: &[&str] =
    &["DROP INDEX gateway_notifications_parked", "DROP INDEX payments_with_problem"];

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    /// `None` would mean no transaction on SQLite, and an interrupted step could never be repeated.
    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }

    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        each(manager, UP).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        each(manager, DOWN).await
    }
}

async fn each(manager: &SchemaManager<'_>, statements: &[&str]) -> Result<(), DbErr> {
    for statement in statements {
        manager.get_connection().execute_unprepared(statement).await?;
    }
    Ok(())
}
