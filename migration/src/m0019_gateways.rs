//! Payments by gateways: what a payment needs to know of its gateway, the charges of the simulated
//! gateway, and the notifications that gateways send.

use sea_orm_migration::prelude::*;
use sea_orm_migration::sea_orm::{ConnectionTrait, DbBackend};

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

/// New columns of payments; all of them are null for payments by the wallet.
const COLUMNS: &[(&str, &str)] = &[
    ("gateway_ref", "text"),
    ("decline_reason", "text"),
    ("problem", "text"),
    ("redirect_url", "text"),
    ("return_url", "text"),
    ("gateway_options", "text"),
    ("deadline", "bigint"),
    ("captured_at", "bigint"),
];

/// A refund that is asked for again needs another idempotency key.
const RETRIES: &str = "ALTER TABLE refunds ADD COLUMN retries integer NOT NULL DEFAULT 0";

const TABLES: &[&str] = &[
    "CREATE TABLE simulator_charges (
        id «ID» NOT NULL PRIMARY KEY,
        amount bigint NOT NULL,
        currency text NOT NULL,
        outcome text NOT NULL,
        state text NOT NULL,
        settles_at bigint NOT NULL,
        refunded bigint NOT NULL,
        notified integer NOT NULL,
        notify_at bigint,
        created_at bigint NOT NULL,
        updated_at bigint NOT NULL
    )",
    "CREATE INDEX simulator_charges_notify ON simulator_charges (notify_at)
        WHERE notify_at IS NOT NULL",
    "CREATE TABLE simulator_refunds (
        id «ID» NOT NULL PRIMARY KEY,
        charge_id «ID» NOT NULL,
        amount bigint NOT NULL,
        created_at bigint NOT NULL
    )",
    "CREATE TABLE gateway_notifications (
        gateway text NOT NULL,
        id text NOT NULL,
        kind text NOT NULL,
        payment_id «ID»,
        parked_reason text,
        body text,
        received_at bigint NOT NULL,
        PRIMARY KEY (gateway, id)
    )",
    "CREATE INDEX gateway_notifications_by_time ON gateway_notifications (received_at)",
    // The predicate is on a column that never changes, so that a change of state costs no entry.
    "CREATE INDEX payments_by_gateway ON payments (created_at, id) WHERE method <> 'wallet'",
];

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
        let connection = manager.get_connection();
        for (column, kind) in COLUMNS {
            let sql = format!("ALTER TABLE payments ADD COLUMN {column} {kind}");
            connection.execute_unprepared(&sql).await?;
        }
        for sql in TABLES {
            connection.execute_unprepared(&sql.replace("«ID»", id)).await?;
        }
        connection.execute_unprepared(RETRIES).await?;
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let connection = manager.get_connection();
        connection.execute_unprepared("ALTER TABLE refunds DROP COLUMN retries").await?;
        connection.execute_unprepared("DROP INDEX payments_by_gateway").await?;
        for table in ["gateway_notifications", "simulator_refunds", "simulator_charges"] {
            connection.execute_unprepared(&format!("DROP TABLE {table}")).await?;
        }
        for (column, _) in COLUMNS {
            let sql = format!("ALTER TABLE payments DROP COLUMN {column}");
            connection.execute_unprepared(&sql).await?;
        }
        Ok(())
    }
}
