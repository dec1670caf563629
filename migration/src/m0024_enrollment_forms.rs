//! The forms of classes. A row is a version of a form and never changes: a change, and a deletion,
//! is the next version.

use sea_orm_migration::prelude::*;
use sea_orm_migration::sea_orm::{ConnectionTrait, DbBackend};

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

// `form_id` is the same in all versions until the form is deleted; versions of a class go on counting.
const UP: &str = "CREATE TABLE enrollment_forms (
    class_id «ID» NOT NULL,
    version bigint NOT NULL,
    form_id «ID» NOT NULL,
    title text NOT NULL,
    description text NOT NULL,
    questions text NOT NULL,
    is_active integer NOT NULL,
    created_by «ID» NOT NULL,
    created_at bigint NOT NULL,
    deleted_at bigint,
    PRIMARY KEY (class_id, version)
)";

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
        manager.get_connection().execute_unprepared(&UP.replace("«ID»", id)).await?;
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.get_connection().execute_unprepared("DROP TABLE enrollment_forms").await?;
        Ok(())
    }
}
