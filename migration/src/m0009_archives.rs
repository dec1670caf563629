//! The row up to which an offering's journal is in files and no longer in the table. The state
//! after that row is a snapshot of the same seq, which is kept as long as this row refers to it.

use sea_orm_migration::prelude::*;
use sea_orm_migration::sea_orm::{ConnectionTrait, DbBackend, Statement};

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    /// `None` would mean no transaction on SQLite, and an interrupted step could never be repeated.
    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }

    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let (id, bytes) = match manager.get_database_backend() {
            DbBackend::Postgres => ("uuid", "bytea"),
            _ => ("blob", "blob"),
        };
        let sql = format!(
            "CREATE TABLE archives (
                offering_id {id} NOT NULL PRIMARY KEY,
                seq bigint NOT NULL,
                epoch bigint NOT NULL,
                at bigint NOT NULL,
                hash {bytes} NOT NULL,
                tally text NOT NULL,
                directory text NOT NULL,
                archived_at bigint NOT NULL
            )"
        );
        manager.get_connection().execute_unprepared(&sql).await?;
        Ok(())
    }

    /// Refused while any journal is archived: the previous version would take such a journal for
    /// damaged.
    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let connection = manager.get_connection();
        let backend = manager.get_database_backend();
        let any = Statement::from_string(backend, "SELECT 1 AS found FROM archives LIMIT 1");
        if connection.query_one_raw(any).await?.is_some() {
            return Err(DbErr::Migration(
                "journals are archived, which the version before cannot read: restore the database \
                 from before that"
                    .into(),
            ));
        }
        connection.execute_unprepared("DROP TABLE archives").await?;
        Ok(())
    }
}
