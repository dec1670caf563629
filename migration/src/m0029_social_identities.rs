//! Ways to sign in by a provider of identities, each of one account, and the logins that have come back
//! from a provider. `issuer` is empty for providers whose name says who they are. An account has at
//! most one identity of each provider.

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
        let (uuid, bytes) = match manager.get_database_backend() {
            DbBackend::Postgres => ("uuid", "bytea"),
            _ => ("blob", "blob"),
        };
        let connection = manager.get_connection();
        for sql in [
            format!(
                "CREATE TABLE social_identities (
                    provider text NOT NULL,
                    issuer text NOT NULL,
                    subject text NOT NULL,
                    user_id {uuid} NOT NULL,
                    email_at_link text,
                    created_at bigint NOT NULL,
                    last_login_at bigint NOT NULL,
                    PRIMARY KEY (provider, issuer, subject)
                )"
            ),
            "CREATE UNIQUE INDEX social_identities_of_user ON social_identities (user_id, provider)"
                .into(),
            format!(
                "CREATE TABLE social_states (
                    state_hash {bytes} NOT NULL PRIMARY KEY,
                    expires_at bigint NOT NULL
                )"
            ),
            "CREATE INDEX social_states_by_end ON social_states (expires_at)".into(),
        ] {
            connection.execute_unprepared(&sql).await?;
        }
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let connection = manager.get_connection();
        for table in ["social_states", "social_identities"] {
            connection.execute_unprepared(&format!("DROP TABLE {table}")).await?;
        }
        Ok(())
    }
}
