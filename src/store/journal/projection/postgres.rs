//! A projection as parts of the append's own statement. Each part reads `FROM h`, the row that
//! exists only if the head was swapped, and so writes nothing when the append is fenced. Rows
//! travel as arrays: there is no limit to their number, and few different statements to prepare.

use sea_orm::sqlx::error::BoxDynError;
use sea_orm::sqlx::postgres::PgArguments;
use sea_orm::sqlx::{Arguments, Encode, Postgres, Type};
use uuid::Uuid;

use crate::store::journal::projection::{NOT_SET_ASIDE, Projection, postgres_class};
use crate::store::states::ReservationState;
use crate::store::states::ticket_id;

/// A statement under construction.
#[derive(Default)]
pub(crate) struct Parts {
    pub(crate) sql: String,
    pub(crate) arguments: PgArguments,
    /// The condition for writing the journal row. Where it does not hold, it raises an error of its
    /// own, which rolls the whole statement back.
    pub(crate) condition: String,
}

impl Parts {
    /// Binds a value; returns its placeholder.
    pub(crate) fn bind<'t, T>(&mut self, value: T) -> Result<String, BoxDynError>
    where
        T: Encode<'t, Postgres> + Type<Postgres> + 't,
    {
        self.arguments.add(value)?;
        Ok(format!("${}", self.arguments.len()))
    }
}

/// Adds the projection's parts after the first (`WITH h AS (…)`). The statement's `$1` is the
/// offering.
///
/// # Errors
/// When a value cannot be encoded: nothing was sent.
pub(crate) fn add_parts(rows: &Projection, parts: &mut Parts) -> Result<(), BoxDynError> {
    let at = parts.bind(rows.at)?;
    new_reservations(rows, parts, &at)?;
    reservation_changes(rows, parts, &at)?;
    new_tickets(rows, parts, &at)?;
    ticket_changes(rows, parts)?;
    payment_changes(rows, parts, &at)?;
    refunds(rows, parts, &at)?;
    outbox(rows, parts, &at)?;
    seats(rows, parts)?;
    new_products(rows, parts, &at)?;
    products(rows, parts, &at)?;
    event(rows, parts, &at)?;
    class(rows, parts, &at)
}

fn class(rows: &Projection, parts: &mut Parts, at: &str) -> Result<(), BoxDynError> {
    for (sql, values) in postgres_class::parts(&rows.class, rows.seq, rows.at) {
        let json = parts.bind(serde_json::Value::from(values).to_string())?;
        let source = format!("jsonb_array_elements({json}::jsonb)");
        parts.sql.push_str(&sql.replace("«ROWS»", &source).replace("«AT»", at));
    }
    Ok(())
}

fn new_reservations(rows: &Projection, parts: &mut Parts, at: &str) -> Result<(), BoxDynError> {
    let new =
        || rows.reservations.iter().filter_map(|(id, row)| Some((id, row, row.created.as_ref()?)));
    if new().next().is_none() {
        return Ok(());
    }
    let id = parts.bind(new().map(|(id, _, _)| id.0).collect::<Vec<_>>())?;
    let customer = parts.bind(new().map(|(_, _, new)| new.customer.0).collect::<Vec<_>>())?;
    let hold = parts.bind(new().map(|(_, _, new)| new.hold.0).collect::<Vec<_>>())?;
    let status = |row: &crate::store::journal::projection::ReservationChange| {
        row.state.map(ReservationState::as_str)
    };
    let status = parts.bind(new().map(|(_, row, _)| status(row)).collect::<Vec<_>>())?;
    let price = parts.bind(new().map(|(_, _, new)| new.total_price).collect::<Vec<_>>())?;
    let lines = parts.bind(new().map(|(_, _, new)| new.lines.clone()).collect::<Vec<_>>())?;
    let pay_by = parts.bind(new().map(|(_, row, _)| row.pay_by).collect::<Vec<_>>())?;
    let payment = |row: &crate::store::journal::projection::ReservationChange| {
        row.payment.map(|payment| payment.0)
    };
    let payment = parts.bind(new().map(|(_, row, _)| payment(row)).collect::<Vec<_>>())?;
    let refund = parts.bind(new().map(|(_, row, _)| row.refund).collect::<Vec<_>>())?;
    parts.sql.push_str(&format!(
        ", new_reservations AS (
            INSERT INTO reservations (id, offering_id, user_id, hold_id, status, total_price,
                lines, pay_by, payment_id, refund_amount, created_at, updated_at)
            SELECT x.id, $1, x.customer, x.hold, x.status, x.price, x.lines, x.pay_by, x.payment,
                x.refund, {at}, {at}
            FROM h, unnest({id}::uuid[], {customer}::uuid[], {hold}::uuid[], {status}::text[],
                {price}::bigint[], {lines}::text[], {pay_by}::bigint[], {payment}::uuid[],
                {refund}::bigint[])
                AS x (id, customer, hold, status, price, lines, pay_by, payment, refund))"
    ));
    Ok(())
}

fn reservation_changes(rows: &Projection, parts: &mut Parts, at: &str) -> Result<(), BoxDynError> {
    let changed = || rows.reservations.iter().filter(|(_, row)| row.created.is_none());
    if changed().next().is_none() {
        return Ok(());
    }
    let id = parts.bind(changed().map(|(id, _)| id.0).collect::<Vec<_>>())?;
    let status = |row: &crate::store::journal::projection::ReservationChange| {
        row.state.map(ReservationState::as_str)
    };
    let status = parts.bind(changed().map(|(_, row)| status(row)).collect::<Vec<_>>())?;
    let pay_by = parts.bind(changed().map(|(_, row)| row.pay_by).collect::<Vec<_>>())?;
    let payment = |row: &crate::store::journal::projection::ReservationChange| {
        row.payment.map(|payment| payment.0)
    };
    let payment = parts.bind(changed().map(|(_, row)| payment(row)).collect::<Vec<_>>())?;
    let refund = parts.bind(changed().map(|(_, row)| row.refund).collect::<Vec<_>>())?;
    parts.sql.push_str(&format!(
        ", reservation_changes AS (
            UPDATE reservations r SET status = coalesce(x.status, r.status),
                pay_by = coalesce(x.pay_by, r.pay_by),
                payment_id = coalesce(x.payment, r.payment_id),
                refund_amount = CASE WHEN x.refund IS NULL THEN r.refund_amount
                    ELSE coalesce(r.refund_amount, 0) + x.refund END, updated_at = {at}
            FROM h, unnest({id}::uuid[], {status}::text[], {pay_by}::bigint[], {payment}::uuid[],
                {refund}::bigint[]) AS x (id, status, pay_by, payment, refund)
            WHERE r.id = x.id)"
    ));
    Ok(())
}

fn new_tickets(rows: &Projection, parts: &mut Parts, at: &str) -> Result<(), BoxDynError> {
    if rows.tickets.is_empty() {
        return Ok(());
    }
    let ids = rows.tickets.keys().map(|(reservation, index)| ticket_id(*reservation, *index));
    let id = parts.bind(ids.collect::<Vec<_>>())?;
    let reservations = rows.tickets.keys().map(|(reservation, _)| reservation.0);
    let reservation = parts.bind(reservations.collect::<Vec<_>>())?;
    let indexes = rows.tickets.keys().map(|(_, index)| i32::from(*index));
    let index = parts.bind(indexes.collect::<Vec<_>>())?;
    let new = || rows.tickets.values();
    let customer = parts.bind(new().map(|new| new.customer.0).collect::<Vec<_>>())?;
    let product = parts.bind(new().map(|new| i32::from(new.product.0)).collect::<Vec<_>>())?;
    let seats = new().map(|new| new.seat.map(|seat| i64::from(seat.0)));
    let seat = parts.bind(seats.collect::<Vec<_>>())?;
    let status = parts.bind(new().map(|new| new.state().as_str()).collect::<Vec<_>>())?;
    let used = parts.bind(new().map(|new| new.door.checked_in_at).collect::<Vec<_>>())?;
    let gate = parts.bind(new().map(|new| new.door.gate.clone()).collect::<Vec<_>>())?;
    let by = parts.bind(new().map(|new| new.door.by.map(|by| by.0)).collect::<Vec<_>>())?;
    parts.sql.push_str(&format!(
        ", new_tickets AS (
            INSERT INTO tickets (id, offering_id, reservation_id, ticket_index, user_id,
                product_id, seat_id, status, checked_in_at, gate, checked_in_by, created_at)
            SELECT x.id, $1, x.reservation, x.index, x.customer, x.product, x.seat, x.status,
                x.used, x.gate, x.by, {at}
            FROM h, unnest({id}::uuid[], {reservation}::uuid[], {index}::int[], {customer}::uuid[],
                {product}::int[], {seat}::bigint[], {status}::text[], {used}::bigint[],
                {gate}::text[], {by}::uuid[]) AS x (id, reservation, index, customer, product, seat,
                status, used, gate, by))"
    ));
    Ok(())
}

fn ticket_changes(rows: &Projection, parts: &mut Parts) -> Result<(), BoxDynError> {
    if rows.cancelled.is_empty() && rows.void_tickets.is_empty() && rows.at_the_door.is_empty() {
        return Ok(());
    }
    let cancelled: Vec<Uuid> = rows.cancelled.iter().map(|id| id.0).collect();
    let cancelled = parts.bind(cancelled)?;
    let void = parts.bind(rows.void_tickets.iter().copied().collect::<Vec<_>>())?;
    let id = parts.bind(rows.at_the_door.keys().copied().collect::<Vec<_>>())?;
    let doors = || rows.at_the_door.values();
    let status = parts.bind(doors().map(|door| door.state().as_str()).collect::<Vec<_>>())?;
    let used = parts.bind(doors().map(|door| door.checked_in_at).collect::<Vec<_>>())?;
    let gate = parts.bind(doors().map(|door| door.gate.clone()).collect::<Vec<_>>())?;
    let by = parts.bind(doors().map(|door| door.by.map(|by| by.0)).collect::<Vec<_>>())?;
    // One update for both, since a ticket may be used and then void in one batch.
    parts.sql.push_str(&format!(
        ", ticket_changes AS (
            UPDATE tickets t SET
                status = CASE WHEN t.reservation_id = ANY({cancelled}::uuid[])
                    OR t.id = ANY({void}::uuid[]) THEN 'VOID' ELSE x.status END,
                checked_in_at = CASE WHEN x.id IS NULL THEN t.checked_in_at ELSE x.used END,
                gate = CASE WHEN x.id IS NULL THEN t.gate ELSE x.gate END,
                checked_in_by = CASE WHEN x.id IS NULL THEN t.checked_in_by ELSE x.by END
            FROM h, tickets q
            LEFT JOIN unnest({id}::uuid[], {status}::text[], {used}::bigint[], {gate}::text[],
                {by}::uuid[]) AS x (id, status, used, gate, by) ON x.id = q.id
            WHERE t.id = q.id
                AND (q.reservation_id = ANY({cancelled}::uuid[]) OR q.id = ANY({id}::uuid[])
                    OR q.id = ANY({void}::uuid[])))"
    ));
    Ok(())
}

/// The driver that confirms takes the money at the gateway; the recovery scan does if that one has not
/// so much later.
const CAPTURE_LATER_MS: i64 = 5_000;
/// True for payments whose money a gateway has still to take when they are confirmed.
const AT_GATEWAY: &str = "p.method NOT IN ('wallet', 'demo')";

/// Closes payments that are confirmed, and wakes the drivers of those under way whose reservation is
/// cancelled: one update for both, since both may be in one batch. Every captured payment must be authorized, or
/// the statement fails.
fn payment_changes(rows: &Projection, parts: &mut Parts, at: &str) -> Result<(), BoxDynError> {
    let (mut state, mut next_try, mut filters) = ("p.state".into(), "NULL".into(), Vec::new());
    let mut is_captured = "false".to_owned();
    if !rows.captured.is_empty() {
        let captured = rows.captured.iter().map(|id| id.0).collect::<Vec<_>>();
        let ids = format!("{}::uuid[]", parts.bind(captured)?);
        let captured = format!("p.id = ANY({ids})");
        state = format!("CASE WHEN {captured} THEN 'CAPTURED' ELSE p.state END");
        next_try = format!("CASE WHEN {AT_GATEWAY} THEN {at} + {CAPTURE_LATER_MS} END");
        filters.push(format!("({captured} AND p.state = 'AUTHORIZED')"));
        is_captured = captured;
        // A text that is no boolean: the plainest way to fail with an error text of our own.
        parts.condition = format!(
            " WHERE (SELECT CASE WHEN count(*) = cardinality({ids}) OR NOT EXISTS (SELECT FROM h)
                THEN 'true' ELSE format('{NOT_SET_ASIDE} %s of %s payments',
                    cardinality({ids}) - count(*), cardinality({ids})) END
                FROM payment_changes c WHERE c.id = ANY({ids}))::boolean"
        );
    }
    if !rows.cancelled.is_empty() {
        let cancelled = rows.cancelled.iter().map(|id| id.0).collect::<Vec<_>>();
        let cancelled = format!("p.reservation_id = ANY({}::uuid[])", parts.bind(cancelled)?);
        next_try =
            format!("CASE WHEN {cancelled} AND NOT {is_captured} THEN {at} ELSE {next_try} END");
        // They are not refunded: their driver will be informed that the payment is over.
        filters.push(format!(
            "({cancelled} AND p.state IN ('PENDING', 'AUTHORIZED') AND p.problem IS NULL)"
        ));
    }
    if filters.is_empty() {
        return Ok(());
    }
    let filters = filters.join(" OR ");
    parts.sql.push_str(&format!(
        ", payment_changes AS (
            UPDATE payments p SET state = {state}, next_try_at = {next_try}, updated_at = {at}
            FROM h WHERE {filters} RETURNING p.id)"
    ));
    Ok(())
}

/// The refunds of payments that were captured before, or are captured in this batch.
fn refunds(rows: &Projection, parts: &mut Parts, at: &str) -> Result<(), BoxDynError> {
    if rows.refunds.is_empty() {
        return Ok(());
    }
    let new = || rows.refunds.iter();
    let id = parts.bind(new().map(|refund| refund.id.0).collect::<Vec<_>>())?;
    let reservation = parts.bind(new().map(|refund| refund.reservation.0).collect::<Vec<_>>())?;
    let amount = parts.bind(new().map(|refund| refund.amount).collect::<Vec<_>>())?;
    let reason = parts.bind(new().map(|refund| refund.reason.as_str()).collect::<Vec<_>>())?;
    let by = parts.bind(new().map(|refund| refund.by.map(|by| by.0)).collect::<Vec<_>>())?;
    let captured = parts.bind(rows.captured.iter().map(|id| id.0).collect::<Vec<_>>())?;
    let cancelled = parts.bind(rows.cancels_event())?;
    parts.sql.push_str(&format!(
        ", new_refunds AS (
            INSERT INTO refunds (id, payment_id, reservation_id, offering_id, amount, currency,
                reason, state, attempts, next_try_at, requested_by, created_at, updated_at)
            SELECT r.id, p.id, p.reservation_id, p.offering_id, coalesce(r.amount, p.amount),
                p.currency, CASE WHEN r.by_event THEN 'EVENT_CANCELLED' ELSE r.reason END, 'DUE',
                0, {at}, CASE WHEN r.by_event THEN NULL ELSE coalesce(r.by, p.user_id) END, {at},
                {at}
            FROM h, (SELECT x.*, x.by IS NULL AND ({cancelled} OR coalesce((SELECT sale_state
                    FROM events WHERE id = $1), '') = 'CANCELLED') AS by_event
                FROM unnest({id}::uuid[], {reservation}::uuid[], {amount}::bigint[],
                    {reason}::text[], {by}::uuid[]) AS x (id, reservation, amount, reason, by)) AS r
            JOIN payments p ON p.reservation_id = r.reservation
                AND (p.state = 'CAPTURED'
                    OR (p.state = 'AUTHORIZED' AND p.id = ANY({captured}::uuid[])))
            WHERE coalesce(r.amount, p.amount) > 0)"
    ));
    Ok(())
}

fn outbox(rows: &Projection, parts: &mut Parts, at: &str) -> Result<(), BoxDynError> {
    if rows.outbox.is_empty() {
        return Ok(());
    }
    let seq = parts.bind(rows.seq)?;
    let positions = rows.outbox.iter().map(|(position, _, _)| i32::try_from(*position));
    let position = parts.bind(positions.collect::<Result<Vec<_>, _>>()?)?;
    let kind = parts.bind(rows.outbox.iter().map(|(_, kind, _)| *kind).collect::<Vec<_>>())?;
    let payloads = rows.outbox.iter().map(|(_, _, payload)| payload.clone());
    let payload = parts.bind(payloads.collect::<Vec<_>>())?;
    parts.sql.push_str(&format!(
        ", outbox AS (
            INSERT INTO outbox_messages (offering_id, seq, position, kind, payload, created_at)
            SELECT $1, {seq}, x.position, x.kind, x.payload, {at}
            FROM h, unnest({position}::int[], {kind}::text[], {payload}::text[])
                AS x (position, kind, payload))"
    ));
    Ok(())
}

fn seats(rows: &Projection, parts: &mut Parts) -> Result<(), BoxDynError> {
    if rows.seats.is_empty() {
        return Ok(());
    }
    let id = parts.bind(rows.seats.keys().map(|id| i64::from(id.0)).collect::<Vec<_>>())?;
    let new = || rows.seats.values();
    let section = parts.bind(new().map(|new| i32::from(new.section.0)).collect::<Vec<_>>())?;
    let row = parts.bind(new().map(|new| new.row.clone()).collect::<Vec<_>>())?;
    let number = parts.bind(new().map(|new| i64::from(new.number)).collect::<Vec<_>>())?;
    // A section's name and product are read from its seats, whose rows are never deleted.
    parts.sql.push_str(&format!(
        ", new_seats AS (
            INSERT INTO seats (offering_id, seat_id, section_id, section, row_name, number,
                product_id)
            SELECT $1, x.id, x.section, s.section, x.row_name, x.number, s.product_id
            FROM h, unnest({id}::bigint[], {section}::int[], {row}::text[], {number}::bigint[])
                AS x (id, section, row_name, number)
            JOIN (SELECT DISTINCT section_id, section, product_id FROM seats
                WHERE offering_id = $1) s ON s.section_id = x.section)"
    ));
    Ok(())
}

fn products(rows: &Projection, parts: &mut Parts, at: &str) -> Result<(), BoxDynError> {
    if !rows.changes_products() {
        return Ok(());
    }
    let changed = || rows.products.values();
    let id = parts.bind(rows.products.keys().map(|id| i32::from(id.0)).collect::<Vec<_>>())?;
    let price = parts.bind(changed().map(|change| change.price).collect::<Vec<_>>())?;
    let totals = changed().map(|change| change.total.map(i64::from));
    let total = parts.bind(totals.collect::<Vec<_>>())?;
    let windowed =
        parts.bind(changed().map(|change| change.window.is_some()).collect::<Vec<_>>())?;
    let starts = changed().map(|change| change.window.and_then(|window| window.start));
    let start = parts.bind(starts.collect::<Vec<_>>())?;
    let ends = changed().map(|change| change.window.and_then(|window| window.end));
    let end = parts.bind(ends.collect::<Vec<_>>())?;
    let name = parts.bind(changed().map(|change| change.name.clone()).collect::<Vec<_>>())?;
    let texts = changed().map(|change| change.description.clone());
    let description = parts.bind(texts.collect::<Vec<_>>())?;
    let turned = changed().map(|change| change.withdrawn_at.is_some());
    let turned = parts.bind(turned.collect::<Vec<_>>())?;
    let withdrawn = changed().map(|change| change.withdrawn_at.flatten());
    let withdrawn = parts.bind(withdrawn.collect::<Vec<_>>())?;
    let growth = rows.section_growth();
    let sections = growth.keys().map(|section| i32::from(section.0));
    let section = parts.bind(sections.collect::<Vec<_>>())?;
    let grown = parts.bind(growth.values().copied().collect::<Vec<_>>())?;
    let lost = parts.bind(rows.seats_lost())?;
    parts.sql.push_str(&format!(
        ", product_changes AS (
            UPDATE products p SET price = coalesce(x.price, p.price),
                total_stock = coalesce(x.total, p.total_stock) + coalesce(g.by, 0),
                sale_start_at = CASE WHEN x.windowed THEN x.starts ELSE p.sale_start_at END,
                sale_end_at = CASE WHEN x.windowed THEN x.ends ELSE p.sale_end_at END,
                name = coalesce(x.name, p.name),
                description = coalesce(x.description, p.description),
                withdrawn_at = CASE WHEN x.turned THEN x.withdrawn ELSE p.withdrawn_at END,
                updated_at = {at}
            FROM h, products q
            LEFT JOIN unnest({id}::int[], {price}::bigint[], {total}::bigint[],
                {windowed}::bool[], {start}::bigint[], {end}::bigint[], {name}::text[],
                {description}::text[], {turned}::bool[], {withdrawn}::bigint[])
                AS x (id, price, total, windowed, starts, ends, name, description, turned,
                    withdrawn) ON x.id = q.product_id
            LEFT JOIN (
                SELECT product_id, sum(by)::bigint AS by FROM (
                    SELECT s.product_id, g.by
                    FROM unnest({section}::int[], {grown}::bigint[]) AS g (section, by)
                    JOIN (SELECT DISTINCT section_id, product_id FROM seats
                        WHERE offering_id = $1) s ON s.section_id = g.section
                    UNION ALL
                    SELECT product_id, -1 FROM seats
                    WHERE offering_id = $1 AND seat_id = ANY({lost}::bigint[])
                ) AS moves GROUP BY product_id
            ) AS g ON g.product_id = q.product_id
            WHERE q.offering_id = $1 AND p.offering_id = $1 AND p.product_id = q.product_id
                AND (x.id IS NOT NULL OR g.by IS NOT NULL))"
    ));
    Ok(())
}

/// Inserts new products. Changes that the same batch made to a new product are in its row already:
/// one statement cannot write a row twice.
fn new_products(rows: &Projection, parts: &mut Parts, at: &str) -> Result<(), BoxDynError> {
    if rows.new_products.is_empty() {
        return Ok(());
    }
    let new = || rows.new_products.iter().map(|(id, new)| rows.row_of_new(*id, new));
    let id = parts.bind(new().map(|row| i32::from(row.id.0)).collect::<Vec<_>>())?;
    let name = parts.bind(new().map(|row| row.name).collect::<Vec<_>>())?;
    let description = parts.bind(new().map(|row| row.description).collect::<Vec<_>>())?;
    let price = parts.bind(new().map(|row| row.price).collect::<Vec<_>>())?;
    let total = parts.bind(new().map(|row| i64::from(row.total)).collect::<Vec<_>>())?;
    let limits = new().map(|row| row.max_per_customer.map(i64::from));
    let limit = parts.bind(limits.collect::<Vec<_>>())?;
    let start = parts.bind(new().map(|row| row.window.start).collect::<Vec<_>>())?;
    let end = parts.bind(new().map(|row| row.window.end).collect::<Vec<_>>())?;
    let withdrawn = parts.bind(new().map(|row| row.withdrawn_at).collect::<Vec<_>>())?;
    parts.sql.push_str(&format!(
        ", new_products AS (
            INSERT INTO products (offering_id, product_id, name, description, price, total_stock,
                max_per_customer, sale_start_at, sale_end_at, withdrawn_at, created_at,
                updated_at)
            SELECT $1, x.id, x.name, x.description, x.price, x.total, x.max, x.starts, x.ends,
                x.withdrawn, {at}, {at}
            FROM h, unnest({id}::int[], {name}::text[], {description}::text[], {price}::bigint[],
                {total}::bigint[], {limit}::bigint[], {start}::bigint[], {end}::bigint[],
                {withdrawn}::bigint[]) AS x (id, name, description, price, total, max, starts,
                ends, withdrawn))"
    ));
    Ok(())
}

fn event(rows: &Projection, parts: &mut Parts, at: &str) -> Result<(), BoxDynError> {
    if !rows.changes_event() {
        return Ok(());
    }
    let state = parts.bind(rows.sale_state_name())?;
    let windowed = parts.bind(rows.sale_window.is_some())?;
    let start = parts.bind(rows.sale_window.and_then(|window| window.start))?;
    let end = parts.bind(rows.sale_window.and_then(|window| window.end))?;
    let starts_at = parts.bind(rows.event_times.map(|times| times.starts_at))?;
    let ends_at = parts.bind(rows.event_times.map(|times| times.ends_at))?;
    let cancellation = parts.bind(rows.cancellation.clone())?;
    parts.sql.push_str(&format!(
        ", event_change AS (
            UPDATE events e SET sale_state = coalesce({state}, e.sale_state),
                sale_start_at = CASE WHEN {windowed} THEN {start} ELSE e.sale_start_at END,
                sale_end_at = CASE WHEN {windowed} THEN {end} ELSE e.sale_end_at END,
                event_date = coalesce({starts_at}, e.event_date),
                event_end_at = coalesce({ends_at}, e.event_end_at),
                cancellation = coalesce({cancellation}, e.cancellation), updated_at = {at}
            FROM h WHERE e.id = $1)"
    ));
    Ok(())
}
