//! Groups on SQLite: one transaction each, rows as JSON, with ids as hex digits.

use sea_orm::sqlx::{self, Executor, SqliteConnection, SqlitePool};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::ids::PaymentId;
use crate::store::states::entry_id;
use crate::store::tables::payment_group::{Authorizing, Beginning, Begun, Result, begun_row};
use crate::store::tables::payment_row::PaymentRow;

// Without the WHERE the parser would take ON CONFLICT as part of a join.
const BEGIN: &str = "
INSERT INTO payments (id, reservation_id, offering_id, user_id, method, state, amount, currency,
    attempts, next_try_at, created_at, updated_at, gateway_options, return_url, deadline)
SELECT unhex(x.value->>0), r.id, r.offering_id, r.user_id, x.value->>3, 'CREATED', r.total_price,
    e.currency, 0, x.value->>5, x.value->>4, x.value->>4, x.value->>6, x.value->>7,
    max(r.pay_by, x.value->>4) + (x.value->>8)
FROM json_each($1) AS x
JOIN reservations r ON r.id = unhex(x.value->>2) AND r.user_id = unhex(x.value->>1)
    AND r.status = 'PAYMENT_PENDING'
JOIN events e ON e.id = r.offering_id
WHERE true
ON CONFLICT DO NOTHING
RETURNING id, reservation_id, offering_id, user_id, method, amount, currency, next_try_at,
    created_at, gateway_options, return_url, deadline";

/// Each customer is in a group once, so each wallet is checked for one payment.
const MOVE: &str = "
UPDATE payments SET state = 'AUTHORIZED', updated_at = x.value->>2
FROM json_each($1) AS x
WHERE payments.id = unhex(x.value->>0) AND payments.state = 'CREATED'
    AND payments.method = 'wallet' AND EXISTS (
    SELECT 1 FROM wallets w WHERE w.user_id = payments.user_id
        AND w.currency = payments.currency AND w.balance >= payments.amount)
RETURNING payments.id";

const ENTER: &str = "
INSERT INTO wallet_entries (id, user_id, currency, payment_id, kind, amount, created_at)
SELECT unhex(x.value->>1), p.user_id, p.currency, p.id, 'authorize', -p.amount, x.value->>2
FROM json_each($1) AS x JOIN payments p ON p.id = unhex(x.value->>0)";

const TAKE: &str = "
UPDATE wallets SET balance = balance - p.amount
FROM json_each($1) AS x JOIN payments p ON p.id = unhex(x.value->>0)
WHERE wallets.user_id = p.user_id AND wallets.currency = p.currency";

pub(crate) async fn begin(pool: &SqlitePool, group: &[&Beginning]) -> Result<Vec<PaymentRow>> {
    let rows = group.iter().map(|one| {
        let ids = [one.id.0, one.user.0, one.reservation.0].map(hex);
        json!([
            ids[0],
            ids[1],
            ids[2],
            one.method.as_str(),
            one.now,
            one.retry_at,
            one.options,
            one.return_url,
            one.grace_ms,
        ])
    });
    let begun: Vec<Begun> = sqlx::query_as(BEGIN).bind(text(rows)).fetch_all(pool).await?;
    Ok(begun.into_iter().filter_map(begun_row).collect())
}

pub(crate) async fn authorize(pool: &SqlitePool, group: &[Authorizing]) -> Result<Vec<PaymentId>> {
    let mut connection = pool.acquire().await?;
    connection.execute("BEGIN IMMEDIATE").await?;
    let moved = write(&mut connection, group).await;
    let ended = connection.execute(if moved.is_ok() { "COMMIT" } else { "ROLLBACK" }).await;
    if ended.is_err() {
        // The connection may be in any state, so it is closed; that rolls back an open transaction.
        connection.close_on_drop();
    }
    ended.and(moved)
}

async fn write(connection: &mut SqliteConnection, group: &[Authorizing]) -> Result<Vec<PaymentId>> {
    let row = |one: &Authorizing| json!([hex(one.id.0), hex(entry_id(one.now)), one.now]);
    let moved: Vec<Uuid> = sqlx::query_scalar(MOVE)
        .bind(text(group.iter().map(row)))
        .fetch_all(&mut *connection)
        .await?;
    let moved: Vec<PaymentId> = moved.into_iter().map(PaymentId).collect();
    let paid = text(group.iter().filter(|one| moved.contains(&one.id)).map(row));
    sqlx::query(ENTER).bind(&paid).execute(&mut *connection).await?;
    sqlx::query(TAKE).bind(&paid).execute(&mut *connection).await?;
    Ok(moved)
}

fn text(rows: impl Iterator<Item = Value>) -> String {
    Value::from_iter(rows).to_string()
}

fn hex(id: Uuid) -> String {
    id.simple().to_string()
}
