//! The first schema. Plain SQL, since operators read plain SQL in the database; the two
//! dialects differ in the names of three types. All times are milliseconds UTC.

use sea_orm_migration::prelude::*;
use sea_orm_migration::sea_orm::DbBackend;

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let backend = manager.get_database_backend();
        for statement in UP {
            let sql = dialect(statement, backend);
            manager.get_connection().execute_unprepared(&sql).await?;
        }
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for table in TABLES {
            manager.get_connection().execute_unprepared(&format!("DROP TABLE {table}")).await?;
        }
        Ok(())
    }
}

/// Replaces the names in «» with those of the dialect. `HOT` leaves free space on each page, so
/// that the row that every append updates has its next version stored beside the last.
fn dialect(statement: &str, backend: DbBackend) -> String {
    let (id, bytes, hot) = match backend {
        DbBackend::Postgres => ("uuid", "bytea", " WITH (fillfactor = 50)"),
        _ => ("blob", "blob", ""),
    };
    statement.replace("«ID»", id).replace("«BYTES»", bytes).replace("«HOT»", hot)
}

const TABLES: &[&str] = &[
    "idempotency_keys",
    "outbox_messages",
    "wallet_entries",
    "wallets",
    "payments",
    "tickets",
    "reservations",
    "seats",
    "products",
    "events",
    "refresh_tokens",
    "users",
    "snapshots",
    "journal",
    "heads",
];

const UP: &[&str] = &[
    // One row per offering, updated by every append: no index but the key, so that updates stay on
    // their page. The sweeper reads the whole table, which is small.
    "CREATE TABLE heads (
        offering_id «ID» NOT NULL PRIMARY KEY,
        seq bigint NOT NULL,
        epoch bigint NOT NULL,
        hash «BYTES» NOT NULL,
        owner «ID» NOT NULL,
        owner_address text NOT NULL,
        next_due_at bigint
    )«HOT»",
    "CREATE TABLE journal (
        offering_id «ID» NOT NULL,
        seq bigint NOT NULL,
        epoch bigint NOT NULL,
        owner «ID» NOT NULL,
        batch_id «ID» NOT NULL,
        at bigint NOT NULL,
        format integer NOT NULL,
        hash «BYTES» NOT NULL,
        payload «BYTES» NOT NULL,
        PRIMARY KEY (offering_id, seq)
    )",
    "CREATE TABLE snapshots (
        offering_id «ID» NOT NULL,
        seq bigint NOT NULL,
        epoch bigint NOT NULL,
        at bigint NOT NULL,
        hash «BYTES» NOT NULL,
        format integer NOT NULL,
        payload «BYTES» NOT NULL,
        PRIMARY KEY (offering_id, seq)
    )",
    "CREATE TABLE users (
        id «ID» NOT NULL PRIMARY KEY,
        email text NOT NULL UNIQUE,
        password_hash text NOT NULL,
        name text NOT NULL,
        phone_number text,
        role text NOT NULL,
        created_at bigint NOT NULL,
        updated_at bigint NOT NULL
    )",
    "CREATE TABLE refresh_tokens (
        id «ID» NOT NULL PRIMARY KEY,
        family_id «ID» NOT NULL,
        user_id «ID» NOT NULL,
        token_hash «BYTES» NOT NULL UNIQUE,
        issued_at bigint NOT NULL,
        expires_at bigint NOT NULL,
        used_at bigint,
        revoked_at bigint
    )",
    "CREATE INDEX refresh_tokens_family ON refresh_tokens (family_id)",
    "CREATE INDEX refresh_tokens_user ON refresh_tokens (user_id)",
    "CREATE TABLE events (
        id «ID» NOT NULL PRIMARY KEY,
        name text NOT NULL,
        description text NOT NULL,
        venue text NOT NULL,
        event_date bigint NOT NULL,
        sale_start_at bigint,
        sale_end_at bigint,
        sale_state text NOT NULL,
        currency text NOT NULL,
        created_by «ID» NOT NULL,
        created_at bigint NOT NULL,
        updated_at bigint NOT NULL
    )",
    "CREATE TABLE products (
        offering_id «ID» NOT NULL,
        product_id integer NOT NULL,
        name text NOT NULL,
        description text NOT NULL,
        price bigint NOT NULL,
        total_stock bigint NOT NULL,
        max_per_customer bigint,
        sale_start_at bigint,
        sale_end_at bigint,
        PRIMARY KEY (offering_id, product_id)
    )",
    "CREATE TABLE seats (
        offering_id «ID» NOT NULL,
        seat_id bigint NOT NULL,
        section_id integer NOT NULL,
        section text NOT NULL,
        row_name text NOT NULL,
        number bigint NOT NULL,
        product_id integer NOT NULL,
        PRIMARY KEY (offering_id, seat_id)
    )",
    "CREATE TABLE reservations (
        id «ID» NOT NULL PRIMARY KEY,
        offering_id «ID» NOT NULL,
        user_id «ID» NOT NULL,
        hold_id «ID» NOT NULL,
        status text NOT NULL,
        total_price bigint NOT NULL,
        lines text NOT NULL,
        pay_by bigint NOT NULL,
        payment_id «ID»,
        created_at bigint NOT NULL,
        updated_at bigint NOT NULL
    )",
    "CREATE INDEX reservations_user ON reservations (user_id, created_at, id)",
    "CREATE TABLE tickets (
        id «ID» NOT NULL PRIMARY KEY,
        offering_id «ID» NOT NULL,
        reservation_id «ID» NOT NULL,
        ticket_index integer NOT NULL,
        user_id «ID» NOT NULL,
        product_id integer NOT NULL,
        seat_id bigint,
        status text NOT NULL,
        checked_in_at bigint,
        created_at bigint NOT NULL
    )",
    "CREATE INDEX tickets_user ON tickets (user_id, created_at, id)",
    "CREATE INDEX tickets_reservation ON tickets (reservation_id)",
    "CREATE TABLE payments (
        id «ID» NOT NULL PRIMARY KEY,
        reservation_id «ID» NOT NULL,
        offering_id «ID» NOT NULL,
        user_id «ID» NOT NULL,
        method text NOT NULL,
        state text NOT NULL,
        amount bigint NOT NULL,
        currency text NOT NULL,
        attempts integer NOT NULL,
        next_try_at bigint,
        created_at bigint NOT NULL,
        updated_at bigint NOT NULL
    )",
    "CREATE INDEX payments_reservation ON payments (reservation_id)",
    "CREATE INDEX payments_next_try ON payments (next_try_at) WHERE next_try_at IS NOT NULL",
    "CREATE TABLE wallets (
        user_id «ID» NOT NULL,
        currency text NOT NULL,
        balance bigint NOT NULL CHECK (balance >= 0),
        PRIMARY KEY (user_id, currency)
    )",
    "CREATE TABLE wallet_entries (
        id «ID» NOT NULL PRIMARY KEY,
        user_id «ID» NOT NULL,
        currency text NOT NULL,
        payment_id «ID»,
        kind text NOT NULL,
        amount bigint NOT NULL,
        created_at bigint NOT NULL,
        UNIQUE (payment_id, kind)
    )",
    "CREATE INDEX wallet_entries_user ON wallet_entries (user_id, created_at, id)",
    "CREATE TABLE outbox_messages (
        offering_id «ID» NOT NULL,
        seq bigint NOT NULL,
        position integer NOT NULL,
        kind text NOT NULL,
        payload text NOT NULL,
        created_at bigint NOT NULL,
        processed_at bigint,
        PRIMARY KEY (offering_id, seq, position)
    )",
    "CREATE INDEX outbox_messages_waiting ON outbox_messages (created_at)
     WHERE processed_at IS NULL",
    "CREATE TABLE idempotency_keys (
        principal «ID» NOT NULL,
        operation text NOT NULL,
        key_hash «BYTES» NOT NULL,
        fingerprint «BYTES» NOT NULL,
        response text NOT NULL,
        created_at bigint NOT NULL,
        PRIMARY KEY (principal, operation, key_hash)
    )",
    "CREATE INDEX idempotency_keys_age ON idempotency_keys (created_at)",
];
