//! Venues with the versions of their seat plans, the plan and the time zone of an event. A version is
//! never changed; an event without a row in `event_plans` has no plan.

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
        let id = match manager.get_database_backend() {
            DbBackend::Postgres => "uuid",
            _ => "blob",
        };
        let statements = [
            format!(
                "CREATE TABLE venues (
                    id {id} NOT NULL PRIMARY KEY,
                    name text NOT NULL,
                    place text NOT NULL,
                    time_zone text NOT NULL,
                    created_at bigint NOT NULL,
                    updated_at bigint NOT NULL
                )"
            ),
            // The plan is JSON: `src/venues/plan.rs` reads it.
            format!(
                "CREATE TABLE venue_plans (
                    venue_id {id} NOT NULL,
                    version integer NOT NULL,
                    plan text NOT NULL,
                    seats bigint NOT NULL,
                    created_at bigint NOT NULL,
                    created_by {id} NOT NULL,
                    PRIMARY KEY (venue_id, version)
                )"
            ),
            // The zones are JSON: the index of each zone's product.
            format!(
                "CREATE TABLE event_plans (
                    offering_id {id} NOT NULL PRIMARY KEY,
                    venue_id {id} NOT NULL,
                    version integer NOT NULL,
                    zones text NOT NULL
                )"
            ),
            "ALTER TABLE events ADD COLUMN time_zone text".to_owned(),
        ];
        for statement in statements {
            manager.get_connection().execute_unprepared(&statement).await?;
        }
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for statement in [
            "ALTER TABLE events DROP COLUMN time_zone",
            "DROP TABLE event_plans",
            "DROP TABLE venue_plans",
            "DROP TABLE venues",
        ] {
            manager.get_connection().execute_unprepared(statement).await?;
        }
        Ok(())
    }
}
