//! Classes, the applications for them, and the answers and reasons that no journal holds.

use sea_orm_migration::prelude::*;
use sea_orm_migration::sea_orm::{ConnectionTrait, DbBackend};

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

const UP: &[&str] = &[
    "ALTER TABLE events ADD COLUMN kind text NOT NULL DEFAULT 'EVENT'",
    // Beside the row of `events`, which has title, times, place and terms, and that of `products`,
    // which has capacity and fee.
    "CREATE TABLE classes (
        id «ID» NOT NULL PRIMARY KEY,
        visibility text NOT NULL,
        is_online integer NOT NULL,
        waitlist_capacity bigint NOT NULL,
        selection_type text NOT NULL,
        promotion text NOT NULL,
        allow_reapply integer NOT NULL,
        pay_window_ms bigint NOT NULL,
        offer_ttl_ms bigint NOT NULL,
        search text NOT NULL,
        deleted_at bigint
    )",
    // Derived from the journal, with the row that causes each change.
    "CREATE TABLE enrollments (
        id «ID» NOT NULL PRIMARY KEY,
        class_id «ID» NOT NULL,
        user_id «ID» NOT NULL,
        status text NOT NULL,
        version bigint NOT NULL,
        answers_id «ID»,
        reason_id «ID»,
        reason_type text,
        cause text,
        line_rank bigint,
        offer_expires_at bigint,
        promoted_at bigint,
        attendance text,
        applied_at bigint NOT NULL,
        decided_at bigint,
        decided_by «ID»,
        canceled_at bigint,
        updated_at bigint NOT NULL
    )",
    "CREATE INDEX enrollments_class ON enrollments (class_id, applied_at, id)",
    "CREATE INDEX enrollments_class_status ON enrollments (class_id, status, applied_at, id)",
    "CREATE INDEX enrollments_line ON enrollments (class_id, line_rank) WHERE line_rank IS NOT NULL",
    "CREATE INDEX enrollments_offered ON enrollments (class_id) WHERE offer_expires_at IS NOT NULL",
    "CREATE INDEX enrollments_user ON enrollments (user_id, applied_at, id)",
    "CREATE INDEX enrollments_time ON enrollments (applied_at, id)",
    "CREATE INDEX enrollments_class_decided ON enrollments (class_id, decided_at, id)
        WHERE decided_at IS NOT NULL",
    "CREATE INDEX enrollments_decided ON enrollments (decided_at, id) WHERE decided_at IS NOT NULL",
    "CREATE INDEX enrollments_attendance ON enrollments (class_id, attendance, applied_at, id)
        WHERE attendance IS NOT NULL",
    // Holds all that the revenue of a class needs.
    "CREATE INDEX payments_taken ON payments (offering_id, state, currency, amount, refunded)
        WHERE state IN ('CAPTURED', 'REFUNDED')",
    // Numbers of enrollments by status; follow from the changes alone, so that nothing is counted.
    "CREATE TABLE class_counts (
        class_id «ID» NOT NULL PRIMARY KEY,
        applied bigint NOT NULL,
        approved bigint NOT NULL,
        waitlisted bigint NOT NULL,
        rejected bigint NOT NULL,
        canceled bigint NOT NULL
    )",
    // What happened in each hour (since 1970, UTC).
    "CREATE TABLE class_hours (
        class_id «ID» NOT NULL,
        hour bigint NOT NULL,
        applications bigint NOT NULL,
        approvals bigint NOT NULL,
        waitlistings bigint NOT NULL,
        rejections bigint NOT NULL,
        cancellations bigint NOT NULL,
        PRIMARY KEY (class_id, hour)
    )",
    // Who did what after the application.
    "CREATE TABLE enrollment_changes (
        class_id «ID» NOT NULL,
        seq bigint NOT NULL,
        position integer NOT NULL,
        enrollment_id «ID» NOT NULL,
        at bigint NOT NULL,
        actor_id «ID»,
        action text NOT NULL,
        detail text,
        reason_id «ID»,
        PRIMARY KEY (class_id, seq, position)
    )",
    "CREATE INDEX enrollment_changes_of ON enrollment_changes (enrollment_id, seq, position)",
    "CREATE INDEX enrollment_changes_reason ON enrollment_changes (reason_id)
        WHERE reason_id IS NOT NULL",
    // Written before the command that names it; `is_pending` until it is seen that the command took
    // effect. Deleted with the person.
    "CREATE TABLE enrollment_answers (
        id «ID» NOT NULL PRIMARY KEY,
        class_id «ID» NOT NULL,
        enrollment_id «ID» NOT NULL,
        user_id «ID» NOT NULL,
        form_id «ID»,
        form_version bigint,
        answers text,
        idempotency_key text,
        fingerprint «BYTES»,
        is_pending integer NOT NULL,
        created_at bigint NOT NULL
    )",
    "CREATE INDEX enrollment_answers_pending ON enrollment_answers (created_at) WHERE is_pending = 1",
    "CREATE INDEX enrollment_answers_user ON enrollment_answers (user_id)",
    "CREATE TABLE enrollment_reasons (
        id «ID» NOT NULL PRIMARY KEY,
        class_id «ID» NOT NULL,
        author_id «ID» NOT NULL,
        reason text NOT NULL,
        is_pending integer NOT NULL,
        created_at bigint NOT NULL
    )",
    "CREATE INDEX enrollment_reasons_pending ON enrollment_reasons (created_at) WHERE is_pending = 1",
    // Mixed into the fingerprints of a person's answers, and deleted with the person: a journal then
    // holds nothing that answers could be guessed from.
    "CREATE TABLE answer_salts (
        user_id «ID» NOT NULL PRIMARY KEY,
        salt «BYTES» NOT NULL
    )",
];

const DOWN: &[&str] = &[
    "DROP INDEX payments_taken",
    "DROP TABLE answer_salts",
    "DROP TABLE enrollment_reasons",
    "DROP TABLE enrollment_answers",
    "DROP TABLE enrollment_changes",
    "DROP TABLE class_hours",
    "DROP TABLE class_counts",
    "DROP TABLE enrollments",
    "DROP TABLE classes",
    "ALTER TABLE events DROP COLUMN kind",
];

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    /// `None` would mean no transaction on SQLite, and an interrupted step could never be repeated.
    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }

    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        run(manager, UP).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        run(manager, DOWN).await
    }
}

async fn run(manager: &SchemaManager<'_>, statements: &[&str]) -> Result<(), DbErr> {
    let (id, bytes) = match manager.get_database_backend() {
        DbBackend::Postgres => ("uuid", "bytea"),
        _ => ("blob", "blob"),
    };
    for sql in statements {
        let sql = sql.replace("«ID»", id).replace("«BYTES»", bytes);
        manager.get_connection().execute_unprepared(&sql).await?;
    }
    Ok(())
}
