//! Mail: the language of people and whether their addresses are confirmed, the links that mails carry,
//! and the mails that a server without SMTP keeps.

use sea_orm_migration::prelude::*;
use sea_orm_migration::sea_orm::{ConnectionTrait, DbBackend};

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

const DOWN: &[&str] = &[
    "DROP TABLE kept_mail_parts",
    "DROP TABLE kept_mails",
    "DROP TABLE mail_links",
    "ALTER TABLE guests DROP COLUMN email_confirmed_at",
    "ALTER TABLE guests DROP COLUMN language",
    "ALTER TABLE users DROP COLUMN email_confirmed_at",
    "ALTER TABLE users DROP COLUMN language",
];

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
        let statements = [
            // A tag such as ko; NULL where it is not known.
            "ALTER TABLE users ADD COLUMN language text".to_owned(),
            "ALTER TABLE users ADD COLUMN email_confirmed_at bigint".to_owned(),
            "ALTER TABLE guests ADD COLUMN language text".to_owned(),
            "ALTER TABLE guests ADD COLUMN email_confirmed_at bigint".to_owned(),
            // The token of a link is derived from its id and from what it is bound to, and is stored
            // as a hash alone.
            format!(
                "CREATE TABLE mail_links (
                    id {id} NOT NULL PRIMARY KEY,
                    user_id {id} NOT NULL,
                    purpose text NOT NULL,
                    token_hash {bytes} NOT NULL UNIQUE,
                    created_at bigint NOT NULL,
                    expires_at bigint NOT NULL
                )"
            ),
            "CREATE INDEX mail_links_of_user ON mail_links (user_id, purpose)".to_owned(),
            "CREATE INDEX mail_links_expiry ON mail_links (expires_at)".to_owned(),
            // The id is that of the delivery, so that a repeated delivery keeps one mail.
            format!(
                "CREATE TABLE kept_mails (
                    id {id} NOT NULL PRIMARY KEY,
                    user_id {id} NOT NULL,
                    kind text NOT NULL,
                    recipient text NOT NULL,
                    subject text NOT NULL,
                    plain text NOT NULL,
                    html text NOT NULL,
                    created_at bigint NOT NULL
                )"
            ),
            "CREATE INDEX kept_mails_by_time ON kept_mails (created_at, id)".to_owned(),
            format!(
                "CREATE TABLE kept_mail_parts (
                    mail_id {id} NOT NULL,
                    position integer NOT NULL,
                    name text NOT NULL,
                    content_type text NOT NULL,
                    content_id text,
                    content {bytes} NOT NULL,
                    PRIMARY KEY (mail_id, position)
                )"
            ),
        ];
        for sql in statements {
            manager.get_connection().execute_unprepared(&sql).await?;
        }
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for sql in DOWN {
            manager.get_connection().execute_unprepared(sql).await?;
        }
        Ok(())
    }
}
