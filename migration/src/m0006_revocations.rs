//! Revoked access tokens: each account has a version, its tokens contain the version they were
//! issued with, and each transaction that raises a version takes the next number of one counter.
//! The counter's row is locked until the transaction commits, so numbers become visible in their
//! order, and a read of all revocations after number n misses none.

use sea_orm_migration::prelude::*;
use sea_orm_migration::sea_orm::ConnectionTrait;

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

const UP: &[&str] = &[
    "ALTER TABLE users ADD COLUMN token_version bigint NOT NULL DEFAULT 0",
    "ALTER TABLE users ADD COLUMN revocation bigint",
    "ALTER TABLE users ADD COLUMN revoked_at bigint",
    "CREATE TABLE revocation_counter (id integer PRIMARY KEY, last bigint NOT NULL)",
    // Accounts that were closed before: their tokens may still be valid.
    "UPDATE users SET token_version = 1, revoked_at = updated_at, revocation = closed.number
     FROM (SELECT id, row_number() OVER (ORDER BY updated_at, id) AS number
           FROM users WHERE email LIKE '%@deleted.invalid') AS closed
     WHERE users.id = closed.id",
    "INSERT INTO revocation_counter (id, last)
     SELECT 1, coalesce(max(revocation), 0) FROM users",
    "CREATE UNIQUE INDEX users_revocation ON users (revocation) WHERE revocation IS NOT NULL",
];

const DOWN: &[&str] = &[
    "DROP INDEX users_revocation",
    "DROP TABLE revocation_counter",
    "ALTER TABLE users DROP COLUMN revoked_at",
    "ALTER TABLE users DROP COLUMN revocation",
    "ALTER TABLE users DROP COLUMN token_version",
];

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
