//! Sessions: one row per login, under the id of its family of refresh tokens, which access tokens
//! name. A session that ends early takes a number of the counter of revocations, so that every
//! instance learns of it.

use sea_orm_migration::prelude::*;
use sea_orm_migration::sea_orm::{ConnectionTrait, DbBackend};

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

const UP: &[&str] = &[
    "CREATE TABLE sessions (
        id «ID» NOT NULL PRIMARY KEY,
        user_id «ID» NOT NULL,
        device text NOT NULL,
        address text,
        opened_by text,
        created_at bigint NOT NULL,
        last_seen_at bigint NOT NULL,
        expires_at bigint NOT NULL,
        ended_at bigint,
        revocation bigint
    )",
    // The logins of before, of whose devices nothing is known.
    "INSERT INTO sessions (id, user_id, device, created_at, last_seen_at, expires_at)
     SELECT family_id, user_id, '', min(issued_at), max(issued_at), max(expires_at)
     FROM refresh_tokens WHERE revoked_at IS NULL GROUP BY family_id, user_id",
    "CREATE INDEX sessions_user ON sessions (user_id, created_at)",
    "CREATE INDEX sessions_expiry ON sessions (expires_at)",
    "CREATE UNIQUE INDEX sessions_revocation ON sessions (revocation)
     WHERE revocation IS NOT NULL",
];

const DOWN: &[&str] = &["DROP TABLE sessions"];

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
    let id = match manager.get_database_backend() {
        DbBackend::Postgres => "uuid",
        _ => "blob",
    };
    for statement in statements {
        manager.get_connection().execute_unprepared(&statement.replace("«ID»", id)).await?;
    }
    Ok(())
}
