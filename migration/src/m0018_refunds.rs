//! Refunds as rows of their own, several for a payment; and what an event does when a payment fails.

use sea_orm_migration::prelude::*;
use sea_orm_migration::sea_orm::{ConnectionTrait, DbBackend};

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

const UP: &[&str] = &[
    "ALTER TABLE payments ADD COLUMN refunded bigint NOT NULL DEFAULT 0",
    "ALTER TABLE events ADD COLUMN on_payment_failure text",
    "CREATE TABLE refunds (
        id «ID» NOT NULL PRIMARY KEY,
        payment_id «ID» NOT NULL,
        reservation_id «ID» NOT NULL,
        offering_id «ID» NOT NULL,
        amount bigint NOT NULL CHECK (amount > 0),
        currency text NOT NULL,
        reason text NOT NULL,
        note text,
        state text NOT NULL,
        attempts integer NOT NULL,
        next_try_at bigint,
        error text,
        requested_by «ID»,
        created_at bigint NOT NULL,
        updated_at bigint NOT NULL
    )",
    "CREATE INDEX refunds_next_try ON refunds (next_try_at) WHERE next_try_at IS NOT NULL",
    "CREATE INDEX refunds_payment ON refunds (payment_id)",
    "CREATE INDEX refunds_reservation ON refunds (reservation_id)",
    "CREATE INDEX refunds_time ON refunds (created_at, id)",
    "CREATE INDEX refunds_refused ON refunds (created_at, id) WHERE state = 'REFUSED'",
    // A payment had one refund at most: its row has the payment's id.
    "INSERT INTO refunds (id, payment_id, reservation_id, offering_id, amount, currency, reason,
        state, attempts, next_try_at, created_at, updated_at)
     SELECT id, id, reservation_id, offering_id, coalesce(refund_amount, amount), currency,
        'RESERVATION_CANCELLED', CASE WHEN state = 'REFUNDED' THEN 'DONE' ELSE 'DUE' END, 0,
        next_try_at, updated_at, updated_at
     FROM payments WHERE coalesce(refund_amount, amount) > 0
        AND (state = 'REFUNDED' OR (state = 'CAPTURED' AND next_try_at IS NOT NULL))",
    "UPDATE payments SET refunded = coalesce(refund_amount, amount) WHERE state = 'REFUNDED'",
    "UPDATE payments SET next_try_at = NULL WHERE state = 'CAPTURED'",
];

/// The old uniqueness is that of the table itself, which SQLite can only make anew.
const WALLET_ENTRIES: &[(&str, &[&str])] = &[
    ("postgres", &[
        "ALTER TABLE wallet_entries DROP CONSTRAINT wallet_entries_payment_id_kind_key",
        "ALTER TABLE wallet_entries ADD COLUMN refund_id uuid",
    ]),
    ("sqlite", &[
        "CREATE TABLE wallet_entries_new (
            id blob NOT NULL PRIMARY KEY,
            user_id blob NOT NULL,
            currency text NOT NULL,
            payment_id blob,
            kind text NOT NULL,
            amount bigint NOT NULL,
            created_at bigint NOT NULL,
            refund_id blob
        )",
        "INSERT INTO wallet_entries_new (id, user_id, currency, payment_id, kind, amount, created_at)
         SELECT id, user_id, currency, payment_id, kind, amount, created_at FROM wallet_entries",
        "DROP TABLE wallet_entries",
        "ALTER TABLE wallet_entries_new RENAME TO wallet_entries",
        "CREATE INDEX wallet_entries_user ON wallet_entries (user_id, created_at, id)",
    ]),
];

/// Each refund enters the wallet once, everything else once per payment and kind.
const UNIQUE: &[&str] = &[
    "UPDATE wallet_entries SET refund_id = payment_id WHERE kind = 'refund'",
    "CREATE UNIQUE INDEX wallet_entries_once ON wallet_entries (payment_id, kind)
        WHERE refund_id IS NULL",
    "CREATE UNIQUE INDEX wallet_entries_refund ON wallet_entries (refund_id)
        WHERE refund_id IS NOT NULL",
];

/// Payments with several refunds keep their sum only.
const DOWN: &[&str] = &[
    "UPDATE payments SET next_try_at = (SELECT min(r.next_try_at) FROM refunds r
        WHERE r.payment_id = payments.id AND r.state IN ('DUE', 'AT_GATEWAY')),
        refund_amount = (SELECT sum(r.amount) FROM refunds r WHERE r.payment_id = payments.id)
     WHERE id IN (SELECT payment_id FROM refunds)",
    "DROP TABLE refunds",
    "ALTER TABLE events DROP COLUMN on_payment_failure",
    "ALTER TABLE payments DROP COLUMN refunded",
    "DROP INDEX wallet_entries_once",
    "DROP INDEX wallet_entries_refund",
];

const WALLET_ENTRIES_DOWN: &[(&str, &[&str])] = &[
    (
        "postgres",
        &[
            "ALTER TABLE wallet_entries DROP COLUMN refund_id",
            "ALTER TABLE wallet_entries ADD UNIQUE (payment_id, kind)",
        ],
    ),
    (
        "sqlite",
        &[
            "CREATE TABLE wallet_entries_old (
            id blob NOT NULL PRIMARY KEY,
            user_id blob NOT NULL,
            currency text NOT NULL,
            payment_id blob,
            kind text NOT NULL,
            amount bigint NOT NULL,
            created_at bigint NOT NULL,
            UNIQUE (payment_id, kind)
        )",
            "INSERT INTO wallet_entries_old SELECT id, user_id, currency, payment_id, kind, amount,
            created_at FROM wallet_entries",
            "DROP TABLE wallet_entries",
            "ALTER TABLE wallet_entries_old RENAME TO wallet_entries",
            "CREATE INDEX wallet_entries_user ON wallet_entries (user_id, created_at, id)",
        ],
    ),
];

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    /// `None` would mean no transaction on SQLite, and an interrupted step could never be repeated.
    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }

    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        run(manager, UP).await?;
        run_of_database(manager, WALLET_ENTRIES).await?;
        run(manager, UNIQUE).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        run(manager, DOWN).await?;
        run_of_database(manager, WALLET_ENTRIES_DOWN).await
    }
}

async fn run_of_database(
    manager: &SchemaManager<'_>,
    statements: &[(&str, &[&str])],
) -> Result<(), DbErr> {
    let name = match manager.get_database_backend() {
        DbBackend::Postgres => "postgres",
        _ => "sqlite",
    };
    for (_, statements) in statements.iter().filter(|(of, _)| *of == name) {
        run(manager, statements).await?;
    }
    Ok(())
}

async fn run(manager: &SchemaManager<'_>, statements: &[&str]) -> Result<(), DbErr> {
    let id = match manager.get_database_backend() {
        DbBackend::Postgres => "uuid",
        _ => "blob",
    };
    for sql in statements {
        manager.get_connection().execute_unprepared(&sql.replace("«ID»", id)).await?;
    }
    Ok(())
}
