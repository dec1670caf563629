//! Articles of fans with their likes, bookmarks and comments; and moderation: reports, hidden things
//! and bans, which chat and setlists use too.

use sea_orm_migration::prelude::*;
use sea_orm_migration::sea_orm::{ConnectionTrait, DbBackend};

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

const TABLES: [&str; 8] = [
    "bans",
    "hidden_things",
    "reports",
    "article_comments",
    "article_bookmarks",
    "article_likes",
    "article_tags",
    "articles",
];

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
        for sql in articles(uuid).into_iter().chain(moderation(uuid)) {
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

/// The author is null once the account is closed.
fn articles(uuid: &str) -> Vec<String> {
    vec![
        format!(
            "CREATE TABLE articles (
                id {uuid} NOT NULL PRIMARY KEY,
                author_id {uuid},
                title text NOT NULL,
                content text NOT NULL,
                html text NOT NULL,
                renderer integer NOT NULL,
                excerpt text NOT NULL,
                category text NOT NULL,
                tags text NOT NULL,
                concert_id {uuid},
                image_ids text NOT NULL,
                is_published integer NOT NULL,
                published_at bigint,
                views bigint NOT NULL,
                likes bigint NOT NULL,
                comments bigint NOT NULL,
                version bigint NOT NULL,
                created_at bigint NOT NULL,
                updated_at bigint NOT NULL
            )"
        ),
        "CREATE INDEX articles_recent ON articles (published_at, id) WHERE is_published = 1".into(),
        "CREATE INDEX articles_popular ON articles (likes, id) WHERE is_published = 1".into(),
        "CREATE INDEX articles_of_author ON articles (author_id, id)".into(),
        "CREATE INDEX articles_of_concert ON articles (concert_id) WHERE concert_id IS NOT NULL"
            .into(),
        format!(
            "CREATE TABLE article_tags (
                tag text NOT NULL,
                article_id {uuid} NOT NULL,
                PRIMARY KEY (tag, article_id)
            )"
        ),
        "CREATE INDEX article_tags_of_article ON article_tags (article_id)".into(),
        format!(
            "CREATE TABLE article_likes (
                article_id {uuid} NOT NULL,
                user_id {uuid} NOT NULL,
                created_at bigint NOT NULL,
                PRIMARY KEY (article_id, user_id)
            )"
        ),
        "CREATE INDEX article_likes_of_user ON article_likes (user_id)".into(),
        format!(
            "CREATE TABLE article_bookmarks (
                article_id {uuid} NOT NULL,
                user_id {uuid} NOT NULL,
                created_at bigint NOT NULL,
                PRIMARY KEY (article_id, user_id)
            )"
        ),
        "CREATE INDEX article_bookmarks_of_user
            ON article_bookmarks (user_id, created_at, article_id)"
            .into(),
        format!(
            "CREATE TABLE article_comments (
                id {uuid} NOT NULL PRIMARY KEY,
                article_id {uuid} NOT NULL,
                parent_id {uuid},
                author_id {uuid},
                body text NOT NULL,
                is_deleted integer NOT NULL,
                created_at bigint NOT NULL,
                updated_at bigint NOT NULL
            )"
        ),
        "CREATE INDEX article_comments_of_article ON article_comments (article_id, id)".into(),
        "CREATE INDEX article_comments_of_parent ON article_comments (parent_id, id)
            WHERE parent_id IS NOT NULL"
            .into(),
        "CREATE INDEX article_comments_of_author ON article_comments (author_id)".into(),
    ]
}

fn moderation(uuid: &str) -> Vec<String> {
    vec![
        format!(
            "CREATE TABLE reports (
                id {uuid} NOT NULL PRIMARY KEY,
                kind text NOT NULL,
                thing_id {uuid} NOT NULL,
                reporter_id {uuid} NOT NULL,
                reason text NOT NULL,
                note text NOT NULL,
                outcome text,
                closed_at bigint,
                closed_by {uuid},
                created_at bigint NOT NULL
            )"
        ),
        "CREATE UNIQUE INDEX reports_once ON reports (reporter_id, kind, thing_id)".into(),
        "CREATE INDEX reports_open ON reports (id) WHERE closed_at IS NULL".into(),
        "CREATE INDEX reports_of_thing ON reports (kind, thing_id)".into(),
        format!(
            "CREATE TABLE hidden_things (
                kind text NOT NULL,
                thing_id {uuid} NOT NULL,
                reason text NOT NULL,
                hidden_by {uuid} NOT NULL,
                hidden_at bigint NOT NULL,
                PRIMARY KEY (kind, thing_id)
            )"
        ),
        format!(
            "CREATE TABLE bans (
                id {uuid} NOT NULL PRIMARY KEY,
                user_id {uuid} NOT NULL,
                scope text NOT NULL,
                room_id {uuid},
                reason text NOT NULL,
                until bigint,
                created_by {uuid} NOT NULL,
                created_at bigint NOT NULL,
                lifted_by {uuid},
                lifted_at bigint
            )"
        ),
        "CREATE INDEX bans_of_user ON bans (user_id)".into(),
    ]
}
