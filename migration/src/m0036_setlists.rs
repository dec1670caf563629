//! Setlists of concerts, whose versions stay, and who was at a concert. A version never changes; the
//! highest one is shown. Titles of links are kept so that their hosts are asked once.

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
        let uuid = match manager.get_database_backend() {
            DbBackend::Postgres => "uuid",
            _ => "blob",
        };
        let connection = manager.get_connection();
        for sql in [
            format!(
                "CREATE TABLE setlists (
                    offering_id {uuid} NOT NULL,
                    version bigint NOT NULL,
                    songs text NOT NULL,
                    playlists text NOT NULL,
                    is_deleted boolean NOT NULL,
                    created_by {uuid} NOT NULL,
                    created_at bigint NOT NULL,
                    PRIMARY KEY (offering_id, version)
                )"
            ),
            format!(
                "CREATE TABLE attendances (
                    offering_id {uuid} NOT NULL,
                    user_id {uuid} NOT NULL,
                    created_at bigint NOT NULL,
                    PRIMARY KEY (offering_id, user_id)
                )"
            ),
            "CREATE INDEX attendances_of_user ON attendances (user_id, created_at, offering_id)"
                .into(),
            "CREATE TABLE link_titles (
                url text NOT NULL PRIMARY KEY,
                title text NOT NULL,
                fetched_at bigint NOT NULL
            )"
            .into(),
        ] {
            connection.execute_unprepared(&sql).await?;
        }
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let connection = manager.get_connection();
        for table in ["link_titles", "attendances", "setlists"] {
            connection.execute_unprepared(&format!("DROP TABLE {table}")).await?;
        }
        Ok(())
    }
}
