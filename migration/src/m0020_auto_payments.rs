//! Payments that follow a checkout by themselves, the method that a customer pays by, and which
//! payments may fail without the customer's knowledge.

use sea_orm_migration::prelude::*;
use sea_orm_migration::sea_orm::{ConnectionTrait, DbBackend};

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

const UP: &[&str] = &[
    "ALTER TABLE users ADD COLUMN default_payment_method text",
    "ALTER TABLE payments ADD COLUMN unwatched integer NOT NULL DEFAULT 0",
    // Written before the checkout, so that neither is lost without the other.
    "CREATE TABLE auto_payments (
        reservation_id «ID» NOT NULL PRIMARY KEY,
        user_id «ID» NOT NULL,
        method text NOT NULL,
        attempts integer NOT NULL,
        next_try_at bigint NOT NULL,
        created_at bigint NOT NULL
    )",
    "CREATE INDEX auto_payments_next_try ON auto_payments (next_try_at)",
];

const DOWN: &[&str] = &[
    "DROP TABLE auto_payments",
    "ALTER TABLE payments DROP COLUMN unwatched",
    "ALTER TABLE users DROP COLUMN default_payment_method",
];

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    /// `None` would mean no transaction on SQLite, and an interrupted step could never be repeated.
    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }

    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        run(manager, UP).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        run(manager, DOWN).await
    }
}

async fn run(manager: &SchemaManager<'_>, statements: &[&str]) -> Result<(), DbErr> {
    let id = match manager.get_database_backend() {
        DbBackend::Postgres => "uuid",
        _ => "blob",
    };
    for sql in statements {
        manager.get_connection().execute_unprepared(&sql.replace("«ID»", id)).await?;
    }
    Ok(())
}
