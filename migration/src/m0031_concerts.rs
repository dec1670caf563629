//! What fans see of an event beside its sale: artists, series of dates, pictures, outside links and
//! when tickets open; and who likes it. None of it is read by a sale.

use sea_orm_migration::prelude::*;
use sea_orm_migration::sea_orm::{ConnectionTrait, DbBackend};

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

const TABLES: [&str; 7] =
    ["like_counts", "likes", "concert_artists", "concerts", "series", "artists", "images"];

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
                "CREATE TABLE images (
                    id {uuid} NOT NULL PRIMARY KEY,
                    created_by {uuid} NOT NULL,
                    content_type text NOT NULL,
                    width integer NOT NULL,
                    height integer NOT NULL,
                    bytes bigint NOT NULL,
                    created_at bigint NOT NULL
                )"
            ),
            format!(
                "CREATE TABLE artists (
                    id {uuid} NOT NULL PRIMARY KEY,
                    name text NOT NULL,
                    other_names text NOT NULL,
                    description text NOT NULL,
                    image_id {uuid},
                    created_by {uuid} NOT NULL,
                    created_at bigint NOT NULL,
                    updated_at bigint NOT NULL
                )"
            ),
            format!(
                "CREATE TABLE series (
                    id {uuid} NOT NULL PRIMARY KEY,
                    name text NOT NULL,
                    description text NOT NULL,
                    created_by {uuid} NOT NULL,
                    created_at bigint NOT NULL,
                    updated_at bigint NOT NULL
                )"
            ),
            format!(
                "CREATE TABLE concerts (
                    offering_id {uuid} NOT NULL PRIMARY KEY,
                    category text NOT NULL,
                    series_id {uuid},
                    ticket_open_at bigint,
                    poster_id {uuid},
                    image_ids text NOT NULL,
                    ticket_links text NOT NULL,
                    created_at bigint NOT NULL,
                    updated_at bigint NOT NULL
                )"
            ),
            "CREATE INDEX concerts_of_series ON concerts (series_id) WHERE series_id IS NOT NULL"
                .into(),
            format!(
                "CREATE TABLE concert_artists (
                    offering_id {uuid} NOT NULL,
                    artist_id {uuid} NOT NULL,
                    position integer NOT NULL,
                    PRIMARY KEY (offering_id, artist_id)
                )"
            ),
            "CREATE INDEX concert_artists_by_artist ON concert_artists (artist_id, offering_id)"
                .into(),
            format!(
                "CREATE TABLE likes (
                    user_id {uuid} NOT NULL,
                    offering_id {uuid} NOT NULL,
                    created_at bigint NOT NULL,
                    PRIMARY KEY (offering_id, user_id)
                )"
            ),
            "CREATE INDEX likes_of_user ON likes (user_id, created_at, offering_id)".into(),
            format!(
                "CREATE TABLE like_counts (
                    offering_id {uuid} NOT NULL PRIMARY KEY,
                    likes bigint NOT NULL
                )"
            ),
        ] {
            connection.execute_unprepared(&sql).await?;
        }
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let connection = manager.get_connection();
        for table in TABLES {
            connection.execute_unprepared(&format!("DROP TABLE {table}")).await?;
        }
        Ok(())
    }
}
