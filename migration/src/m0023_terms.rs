//! Terms and the agreements of people to them. A row of `terms` is one version, and is never changed or
//! deleted; `current_terms` names the version of each series that is asked for now, if any.

use sea_orm_migration::prelude::*;
use sea_orm_migration::sea_orm::{ConnectionTrait, DbBackend};

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

const UP: &[&str] = &[
    // Lists are sorted by title, in the same order on both databases.
    "CREATE TABLE terms (
        id «ID» NOT NULL PRIMARY KEY,
        series_id «ID» NOT NULL,
        version integer NOT NULL,
        kind text NOT NULL,
        class_id «ID»,
        title «SORTED» NOT NULL,
        content text NOT NULL,
        is_required integer NOT NULL,
        created_at bigint NOT NULL,
        created_by «ID» NOT NULL
    )",
    "CREATE UNIQUE INDEX terms_series_version ON terms (series_id, version)",
    "CREATE TABLE current_terms (
        series_id «ID» NOT NULL PRIMARY KEY,
        term_id «ID» NOT NULL UNIQUE
    )",
    "CREATE TABLE term_agreements (
        id «ID» NOT NULL PRIMARY KEY,
        user_id «ID» NOT NULL,
        term_id «ID» NOT NULL,
        agreed_at bigint NOT NULL
    )",
    "CREATE UNIQUE INDEX term_agreements_user_term ON term_agreements (user_id, term_id)",
];

const DOWN: &[&str] =
    &["DROP TABLE term_agreements", "DROP TABLE current_terms", "DROP TABLE terms"];

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
    let (id, sorted) = match manager.get_database_backend() {
        DbBackend::Postgres => ("uuid", "text COLLATE \"C\""),
        _ => ("blob", "text"),
    };
    for sql in statements {
        let sql = sql.replace("«ID»", id).replace("«SORTED»", sorted);
        manager.get_connection().execute_unprepared(&sql).await?;
    }
    Ok(())
}
