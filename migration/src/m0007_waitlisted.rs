//! Who has ever waited for places, and of which event. The waitlist itself is in the journal; this says
//! in which journals to look when somebody closes their account.

use sea_orm_migration::prelude::*;
use sea_orm_migration::sea_orm::{ConnectionTrait, DbBackend};

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    /// None would mean none on SQLite, and an interrupted step could never be taken again.
    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }

    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let id = match manager.get_database_backend() {
            DbBackend::Postgres => "uuid",
            _ => "blob",
        };
        let sql = format!(
            "CREATE TABLE waitlisted (
                user_id {id} NOT NULL,
                offering_id {id} NOT NULL,
                PRIMARY KEY (user_id, offering_id)
            )"
        );
        manager.get_connection().execute_unprepared(&sql).await?;
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.get_connection().execute_unprepared("DROP TABLE waitlisted").await?;
        Ok(())
    }
}
