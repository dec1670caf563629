//! Chat: rooms, their members, and messages. `last_rev` counts the changes of a room: each new, edited or
//! deleted message takes the next number as its `rev`, so that a client that was away asks for what came
//! after the last number it has seen. The `rev` of a message's first change is its place, `seq`.

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
                "CREATE TABLE chat_rooms (
                    id {uuid} NOT NULL PRIMARY KEY,
                    kind text NOT NULL,
                    offering_id {uuid} UNIQUE,
                    name text NOT NULL,
                    description text NOT NULL,
                    created_by {uuid} NOT NULL,
                    last_rev bigint NOT NULL,
                    members_rev bigint NOT NULL,
                    created_at bigint NOT NULL,
                    last_activity_at bigint NOT NULL,
                    closed_at bigint
                )"
            ),
            "CREATE INDEX chat_rooms_by_activity ON chat_rooms (kind, last_activity_at, id)".into(),
            "CREATE INDEX chat_rooms_open ON chat_rooms (last_activity_at, id)
                WHERE closed_at IS NULL"
                .into(),
            format!(
                "CREATE TABLE chat_members (
                    room_id {uuid} NOT NULL,
                    user_id {uuid} NOT NULL,
                    role text NOT NULL,
                    state text NOT NULL,
                    read_seq bigint NOT NULL,
                    joined_at bigint NOT NULL,
                    banned_until bigint,
                    ban_reason text,
                    PRIMARY KEY (room_id, user_id)
                )"
            ),
            "CREATE INDEX chat_members_by_user ON chat_members (user_id, room_id)".into(),
            format!(
                "CREATE TABLE chat_messages (
                    room_id {uuid} NOT NULL,
                    seq bigint NOT NULL,
                    id {uuid} NOT NULL UNIQUE,
                    rev bigint NOT NULL,
                    author_id {uuid} NOT NULL,
                    nonce text,
                    content text NOT NULL,
                    reply_to {uuid},
                    created_at bigint NOT NULL,
                    edited_at bigint,
                    deleted_at bigint,
                    deleted_by {uuid},
                    PRIMARY KEY (room_id, seq)
                )"
            ),
            "CREATE UNIQUE INDEX chat_messages_by_rev ON chat_messages (room_id, rev)".into(),
            "CREATE UNIQUE INDEX chat_messages_once ON chat_messages (room_id, author_id, nonce)
                WHERE nonce IS NOT NULL"
                .into(),
        ] {
            connection.execute_unprepared(&sql).await?;
        }
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let connection = manager.get_connection();
        for table in ["chat_messages", "chat_members", "chat_rooms"] {
            connection.execute_unprepared(&format!("DROP TABLE {table}")).await?;
        }
        Ok(())
    }
}
