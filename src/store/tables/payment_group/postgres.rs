//! Groups on Postgres: one statement each, rows as arrays.

use sea_orm::sqlx::{self, PgPool};
use uuid::Uuid;

use crate::ids::PaymentId;
use crate::store::states::entry_id;
use crate::store::tables::payment_group::{Authorizing, Beginning, Begun, Result, begun_row};
use crate::store::tables::payment_row::PaymentRow;

const BEGIN: &str = "
INSERT INTO payments (id, reservation_id, offering_id, user_id, method, state, amount, currency,
    attempts, next_try_at, created_at, updated_at, gateway_options, return_url, deadline)
SELECT x.id, r.id, r.offering_id, r.user_id, x.method, 'CREATED', r.total_price, e.currency, 0,
    x.retry_at, x.now, x.now, x.options, x.return_url, greatest(r.pay_by, x.now) + x.grace_ms
FROM unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::text[], $5::bigint[], $6::bigint[], $7::text[],
    $8::text[], $9::bigint[])
    AS x (id, user_id, reservation_id, method, now, retry_at, options, return_url, grace_ms)
JOIN reservations r ON r.id = x.reservation_id AND r.user_id = x.user_id
    AND r.status = 'PAYMENT_PENDING'
JOIN events e ON e.id = r.offering_id
ON CONFLICT DO NOTHING
RETURNING id, reservation_id, offering_id, user_id, method, amount, currency, next_try_at,
    created_at, gateway_options, return_url, deadline";

/// Skips rows that another transaction has locked, so that no group waits for a row, and payments
/// whose wallet does not hold enough.
const AUTHORIZE: &str = "
WITH x AS (
    SELECT p.id, p.user_id, p.currency, p.amount, a.entry, a.now
    FROM unnest($1::uuid[], $2::uuid[], $3::bigint[]) AS a (id, entry, now)
    JOIN payments p ON p.id = a.id AND p.state = 'CREATED' AND p.method = 'wallet'
    JOIN wallets w ON w.user_id = p.user_id AND w.currency = p.currency
    FOR UPDATE SKIP LOCKED
), paid AS (
    UPDATE wallets w SET balance = w.balance - x.amount FROM x
    WHERE w.user_id = x.user_id AND w.currency = x.currency AND w.balance >= x.amount
    RETURNING x.id, x.user_id, x.currency, x.amount, x.entry, x.now
), moved AS (
    UPDATE payments p SET state = 'AUTHORIZED', updated_at = paid.now FROM paid
    WHERE p.id = paid.id
), entries AS (
    INSERT INTO wallet_entries (id, user_id, currency, payment_id, kind, amount, created_at)
    SELECT entry, user_id, currency, id, 'authorize', -amount, now FROM paid
)
SELECT id FROM paid";

pub(crate) async fn begin(pool: &PgPool, group: &[&Beginning]) -> Result<Vec<PaymentRow>> {
    let rows: Vec<Begun> = sqlx::query_as(BEGIN)
        .bind(group.iter().map(|one| one.id.0).collect::<Vec<_>>())
        .bind(group.iter().map(|one| one.user.0).collect::<Vec<_>>())
        .bind(group.iter().map(|one| one.reservation.0).collect::<Vec<_>>())
        .bind(group.iter().map(|one| one.method.as_str()).collect::<Vec<_>>())
        .bind(group.iter().map(|one| one.now).collect::<Vec<_>>())
        .bind(group.iter().map(|one| one.retry_at).collect::<Vec<_>>())
        .bind(group.iter().map(|one| one.options.as_deref()).collect::<Vec<_>>())
        .bind(group.iter().map(|one| one.return_url.as_deref()).collect::<Vec<_>>())
        .bind(group.iter().map(|one| one.grace_ms).collect::<Vec<_>>())
        .fetch_all(pool)
        .await?;
    Ok(rows.into_iter().filter_map(begun_row).collect())
}

pub(crate) async fn authorize(pool: &PgPool, group: &[Authorizing]) -> Result<Vec<PaymentId>> {
    let ids: Vec<Uuid> = sqlx::query_scalar(AUTHORIZE)
        .bind(group.iter().map(|one| one.id.0).collect::<Vec<_>>())
        .bind(group.iter().map(|one| entry_id(one.now)).collect::<Vec<_>>())
        .bind(group.iter().map(|one| one.now).collect::<Vec<_>>())
        .fetch_all(pool)
        .await?;
    Ok(ids.into_iter().map(PaymentId).collect())
}
