//! A projection as statements inside the append's savepoint. Rows travel as JSON, with ids as hex
//! digits: one variable per table for any number of rows, and one trip to the thread that owns the
//! connection.

use sea_orm::sqlx::Arguments;
use sea_orm::sqlx::error::BoxDynError;
use sea_orm::sqlx::sqlite::SqliteArguments;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::store::journal::projection::{NOT_SET_ASIDE, Projection};
use crate::store::states::ReservationState;
use crate::store::states::ticket_id;

/// Returns the statements and their arguments. All statements share `$1`, the offering, and `$2`,
/// the batch's time. They return a row for each payment that they close, which [`check_captures`]
/// counts.
///
/// # Errors
/// When a value cannot be encoded: nothing was sent.
pub(crate) fn statements(rows: &Projection) -> Result<(String, SqliteArguments), BoxDynError> {
    let mut arguments = SqliteArguments::default();
    arguments.add(rows.offering.0)?;
    arguments.add(rows.at)?;
    let mut statements = Statements { sql: String::new(), arguments };
    statements.add(NEW_RESERVATIONS, new_reservations(rows))?;
    statements.add(RESERVATION_CHANGES, reservation_changes(rows))?;
    statements.add(NEW_TICKETS, new_tickets(rows))?;
    // Postgres refuses such texts itself; SQLite would cut them off.
    if rows.texts().any(|text| text.contains('\0')) {
        return Err("a text holds a NUL".into());
    }
    statements.add(AT_THE_DOOR, at_the_door(rows))?;
    let cancelled: Vec<_> = rows.cancelled.iter().map(|id| json!([hex(id.0)])).collect();
    statements.add(VOID_TICKETS, cancelled.clone())?;
    let void = rows.void_tickets.iter().map(|id| json!([hex(*id)]));
    statements.add(VOID_SINGLE_TICKETS, void.collect())?;
    statements.add(CAPTURES, rows.captured.iter().map(|id| json!([hex(id.0)])).collect())?;
    statements.add(CANCELLED_PAYMENTS, cancelled)?;
    statements.add(REFUNDS, refunds(rows))?;
    statements.add(OUTBOX, outbox(rows))?;
    let lost = rows.seats_lost().into_iter().map(|id| json!([id])).collect();
    statements.add(NEW_PRODUCTS, new_products(rows))?;
    statements.add(PRODUCT_CHANGES, product_changes(rows))?;
    statements.add(SEATS_LOST, lost)?;
    let growth = rows.section_growth().into_iter();
    statements.add(GROWTH, growth.map(|(section, by)| json!([section.0, by])).collect())?;
    let seats = rows.seats.iter();
    let seat = |(id, new): (&crate::ids::SeatId, &crate::store::journal::projection::NewSeat)| {
        json!([id.0, new.section.0, new.row, new.number])
    };
    statements.add(NEW_SEATS, seats.map(seat).collect())?;
    statements.add(EVENT, event(rows))?;
    statements.add(NEW_ENROLLMENTS, rows.class.new_enrollments())?;
    statements.add(ENROLLMENT_CHANGES, rows.class.enrollment_changes())?;
    statements.add(CLASS_RULES, rows.class.rules())?;
    statements.add(CLASS_COUNTS, rows.class.counts())?;
    statements.add(CLASS_HOURS, rows.class.hours(rows.at))?;
    statements.add(ENROLLMENT_LOG, rows.class.log(rows.seq))?;
    Ok((statements.sql, statements.arguments))
}

struct Statements {
    sql: String,
    arguments: SqliteArguments,
}

impl Statements {
    /// Adds a statement that reads `rows` from `«ROWS»`, unless there are none.
    fn add(&mut self, sql: &str, rows: Vec<Value>) -> Result<(), BoxDynError> {
        if rows.is_empty() {
            return Ok(());
        }
        self.arguments.add(Value::from(rows).to_string())?;
        let placeholder = format!("json_each(${})", self.arguments.len());
        self.sql.push_str(&sql.replace("«ROWS»", &placeholder));
        self.sql.push(';');
        Ok(())
    }
}

const NEW_RESERVATIONS: &str = "
INSERT INTO reservations (id, offering_id, user_id, hold_id, status, total_price, lines, pay_by,
    payment_id, refund_amount, created_at, updated_at)
SELECT unhex(value->>0), $1, unhex(value->>1), unhex(value->>2), value->>3, value->>4, value->>5,
    value->>6, unhex(value->>7), value->>8, $2, $2 FROM «ROWS»";

fn new_reservations(rows: &Projection) -> Vec<Value> {
    let new = rows.reservations.iter().filter_map(|(id, row)| {
        let new = row.created.as_ref()?;
        Some(json!([
            hex(id.0),
            hex(new.customer.0),
            hex(new.hold.0),
            row.state.map(ReservationState::as_str),
            new.total_price,
            new.lines,
            row.pay_by,
            row.payment.map(|payment| hex(payment.0)),
            row.refund,
        ]))
    });
    new.collect()
}

const RESERVATION_CHANGES: &str = "
UPDATE reservations SET status = coalesce(x.value->>1, status),
    pay_by = coalesce(x.value->>2, pay_by),
    payment_id = coalesce(unhex(x.value->>3), payment_id),
    refund_amount = CASE WHEN x.value->>4 IS NULL THEN refund_amount
        ELSE coalesce(refund_amount, 0) + x.value->>4 END, updated_at = $2
FROM «ROWS» AS x WHERE reservations.id = unhex(x.value->>0)";

fn reservation_changes(rows: &Projection) -> Vec<Value> {
    let changed = rows.reservations.iter().filter(|(_, row)| row.created.is_none());
    let change = |(id, row): (
        &crate::ids::ReservationId,
        &crate::store::journal::projection::ReservationChange,
    )| {
        let payment = row.payment.map(|payment| hex(payment.0));
        let state = row.state.map(ReservationState::as_str);
        json!([hex(id.0), state, row.pay_by, payment, row.refund])
    };
    changed.map(change).collect()
}

const NEW_TICKETS: &str = "
INSERT INTO tickets (id, offering_id, reservation_id, ticket_index, user_id, product_id, seat_id,
    status, checked_in_at, gate, checked_in_by, created_at)
SELECT unhex(value->>0), $1, unhex(value->>1), value->>2, unhex(value->>3), value->>4, value->>5,
    value->>6, value->>7, value->>8, unhex(value->>9), $2 FROM «ROWS»";

fn new_tickets(rows: &Projection) -> Vec<Value> {
    let tickets = rows.tickets.iter().map(|((reservation, index), new)| {
        json!([
            hex(ticket_id(*reservation, *index)),
            hex(reservation.0),
            index,
            hex(new.customer.0),
            new.product.0,
            new.seat.map(|seat| seat.0),
            new.state().as_str(),
            new.door.checked_in_at,
            new.door.gate,
            new.door.by.map(|by| hex(by.0)),
        ])
    });
    tickets.collect()
}

const AT_THE_DOOR: &str = "
UPDATE tickets SET status = x.value->>1, checked_in_at = x.value->>2, gate = x.value->>3,
    checked_in_by = unhex(x.value->>4)
FROM «ROWS» AS x WHERE tickets.id = unhex(x.value->>0)";

fn at_the_door(rows: &Projection) -> Vec<Value> {
    let door = |(id, door): (&Uuid, &crate::store::journal::projection::Door)| {
        let by = door.by.map(|by| hex(by.0));
        json!([hex(*id), door.state().as_str(), door.checked_in_at, door.gate, by])
    };
    rows.at_the_door.iter().map(door).collect()
}

const VOID_TICKETS: &str = "
UPDATE tickets SET status = 'VOID'
WHERE reservation_id IN (SELECT unhex(value->>0) FROM «ROWS»)";

const VOID_SINGLE_TICKETS: &str = "
UPDATE tickets SET status = 'VOID' WHERE id IN (SELECT unhex(value->>0) FROM «ROWS»)";

/// The confirmation itself closes a payment; a gateway has still to take its money.
const CAPTURES: &str = "
UPDATE payments SET state = 'CAPTURED', updated_at = $2,
    next_try_at = CASE WHEN method NOT IN ('wallet', 'demo') THEN $2 + 5000 END
WHERE id IN (SELECT unhex(value->>0) FROM «ROWS») AND state = 'AUTHORIZED' RETURNING 1";

/// Checks that every captured payment was authorized; otherwise nothing of the append may stay.
///
/// # Errors
/// The number of payments that were not authorized.
pub(crate) fn check_captures(rows: &Projection, captured: usize) -> Result<(), BoxDynError> {
    match rows.captured.len() {
        all if all == captured => Ok(()),
        all => Err(format!("{NOT_SET_ASIDE} {} of {all} payments", all - captured).into()),
    }
}

/// Authorized payments are not refunded: their driver will be informed that the payment is over.
const CANCELLED_PAYMENTS: &str = "
UPDATE payments SET next_try_at = $2
WHERE reservation_id IN (SELECT unhex(value->>0) FROM «ROWS»)
    AND state IN ('PENDING', 'AUTHORIZED') AND problem IS NULL";

/// Runs after the captures of the same batch.
const REFUNDS: &str = "
INSERT INTO refunds (id, payment_id, reservation_id, offering_id, amount, currency, reason, state,
    attempts, next_try_at, requested_by, created_at, updated_at)
SELECT r.id, p.id, p.reservation_id, p.offering_id, coalesce(r.amount, p.amount), p.currency,
    CASE WHEN r.by_event THEN 'EVENT_CANCELLED' ELSE r.reason END, 'DUE', 0, $2,
    CASE WHEN r.by_event THEN NULL ELSE coalesce(r.by, p.user_id) END, $2, $2
FROM (SELECT unhex(x.value->>0) AS id, unhex(x.value->>1) AS reservation, x.value->>2 AS amount,
        x.value->>3 AS reason, unhex(x.value->>4) AS by,
        x.value->>4 IS NULL AND (x.value->>5 OR e.sale_state = 'CANCELLED') AS by_event
    FROM «ROWS» AS x LEFT JOIN events e ON e.id = $1) AS r
JOIN payments p ON p.reservation_id = r.reservation AND p.state = 'CAPTURED'
WHERE coalesce(r.amount, p.amount) > 0";

fn refunds(rows: &Projection) -> Vec<Value> {
    let refund = |refund: &crate::store::journal::projection::NewRefund| {
        let by = refund.by.map(|by| hex(by.0));
        let ids = [refund.id.0, refund.reservation.0].map(hex);
        let is_cancelled = rows.cancels_event();
        json!([ids[0], ids[1], refund.amount, refund.reason.as_str(), by, is_cancelled])
    };
    rows.refunds.iter().map(refund).collect()
}

const OUTBOX: &str = "
INSERT INTO outbox_messages (offering_id, seq, position, kind, payload, created_at)
SELECT $1, value->>0, value->>1, value->>2, value->>3, $2 FROM «ROWS»";

fn outbox(rows: &Projection) -> Vec<Value> {
    let messages = rows.outbox.iter();
    messages.map(|(position, kind, payload)| json!([rows.seq, position, kind, payload])).collect()
}

const PRODUCT_CHANGES: &str = "
UPDATE products SET price = coalesce(x.value->>1, price),
    total_stock = coalesce(x.value->>2, total_stock),
    sale_start_at = CASE WHEN x.value->>3 THEN x.value->>4 ELSE sale_start_at END,
    sale_end_at = CASE WHEN x.value->>3 THEN x.value->>5 ELSE sale_end_at END,
    name = coalesce(x.value->>6, name), description = coalesce(x.value->>7, description),
    withdrawn_at = CASE WHEN x.value->>8 THEN x.value->>9 ELSE withdrawn_at END,
    updated_at = $2
FROM «ROWS» AS x WHERE products.offering_id = $1 AND products.product_id = x.value->>0";

fn product_changes(rows: &Projection) -> Vec<Value> {
    let changes = rows.products.iter().map(|(id, change)| {
        let window = change.window.unwrap_or_default();
        json!([
            id.0,
            change.price,
            change.total,
            change.window.is_some(),
            window.start,
            window.end,
            change.name,
            change.description,
            change.withdrawn_at.is_some(),
            change.withdrawn_at.flatten(),
        ])
    });
    changes.collect()
}

const NEW_PRODUCTS: &str = "
INSERT INTO products (offering_id, product_id, name, description, price, total_stock,
    max_per_customer, sale_start_at, sale_end_at, withdrawn_at, created_at, updated_at)
SELECT $1, value->>0, value->>1, value->>2, value->>3, value->>4, value->>5, value->>6, value->>7,
    value->>8, $2, $2 FROM «ROWS»";

fn new_products(rows: &Projection) -> Vec<Value> {
    let new = rows.new_products.iter().map(|(id, new)| rows.row_of_new(*id, new));
    let row = |row: crate::store::journal::projection::ProductRow| {
        json!([
            row.id.0,
            row.name,
            row.description,
            row.price,
            row.total,
            row.max_per_customer,
            row.window.start,
            row.window.end,
            row.withdrawn_at,
        ])
    };
    new.map(row).collect()
}

const SEATS_LOST: &str = "
UPDATE products SET total_stock = total_stock - x.lost, updated_at = $2
FROM (SELECT product_id, count(*) AS lost FROM seats
    WHERE offering_id = $1 AND seat_id IN (SELECT value->>0 FROM «ROWS») GROUP BY product_id) AS x
WHERE products.offering_id = $1 AND products.product_id = x.product_id";

const GROWTH: &str = "
UPDATE products SET total_stock = total_stock + x.grown, updated_at = $2
FROM (SELECT s.product_id, sum(r.value->>1) AS grown FROM «ROWS» AS r
    JOIN (SELECT DISTINCT section_id, product_id FROM seats WHERE offering_id = $1) AS s
        ON s.section_id = r.value->>0 GROUP BY s.product_id) AS x
WHERE products.offering_id = $1 AND products.product_id = x.product_id";

/// A section's name and product are read from its seats, whose rows are never deleted.
const NEW_SEATS: &str = "
INSERT INTO seats (offering_id, seat_id, section_id, section, row_name, number, product_id)
SELECT $1, x.value->>0, s.section_id, s.section, x.value->>2, x.value->>3, s.product_id
FROM «ROWS» AS x
JOIN (SELECT DISTINCT section_id, section, product_id FROM seats WHERE offering_id = $1) AS s
    ON s.section_id = x.value->>1";

const EVENT: &str = "
UPDATE events SET sale_state = coalesce(x.value->>0, sale_state),
    sale_start_at = CASE WHEN x.value->>1 THEN x.value->>2 ELSE sale_start_at END,
    sale_end_at = CASE WHEN x.value->>1 THEN x.value->>3 ELSE sale_end_at END,
    event_date = coalesce(x.value->>4, event_date),
    event_end_at = coalesce(x.value->>5, event_end_at),
    cancellation = coalesce(x.value->>6, cancellation), updated_at = $2
FROM «ROWS» AS x WHERE events.id = $1";

fn event(rows: &Projection) -> Vec<Value> {
    if !rows.changes_event() {
        return Vec::new();
    }
    let window = rows.sale_window.unwrap_or_default();
    let windowed = rows.sale_window.is_some();
    vec![json!([
        rows.sale_state_name(),
        windowed,
        window.start,
        window.end,
        rows.event_times.map(|times| times.starts_at),
        rows.event_times.map(|times| times.ends_at),
        rows.cancellation,
    ])]
}

const NEW_ENROLLMENTS: &str = "
INSERT INTO enrollments (id, class_id, user_id, status, version, answers_id, reason_id, reason_type,
    cause, line_rank, offer_expires_at, promoted_at, attendance, applied_at, decided_at, decided_by,
    canceled_at, updated_at)
SELECT unhex(value->>'id'), $1, unhex(value->>'user'), value->>'status', value->>'version',
    unhex(value->>'answers'), unhex(value->>'reason'), value->>'reason_type', value->>'cause',
    value->>'rank', value->>'offer', value->>'promoted', value->>'attendance', $2,
    value->>'decided', unhex(value->>'decided_by'), value->>'canceled', $2 FROM «ROWS»";

const ENROLLMENT_CHANGES: &str = "
UPDATE enrollments SET status = coalesce(x.value->>'status', status),
    version = x.value->>'version',
    answers_id = coalesce(unhex(x.value->>'answers'), answers_id),
    reason_id = CASE WHEN x.value->>'reasoned' THEN unhex(x.value->>'reason') ELSE reason_id END,
    reason_type = CASE WHEN x.value->>'reasoned' THEN x.value->>'reason_type' ELSE reason_type END,
    cause = CASE WHEN x.value->>'reasoned' THEN x.value->>'cause' ELSE cause END,
    line_rank = CASE WHEN x.value->>'lined' THEN x.value->>'rank' ELSE line_rank END,
    offer_expires_at = CASE WHEN x.value->>'lined' THEN x.value->>'offer' ELSE offer_expires_at END,
    promoted_at = coalesce(x.value->>'promoted', promoted_at),
    attendance = CASE WHEN x.value->>'attended' THEN x.value->>'attendance' ELSE attendance END,
    decided_at = coalesce(x.value->>'decided', decided_at),
    decided_by = coalesce(unhex(x.value->>'decided_by'), decided_by),
    canceled_at = CASE WHEN x.value->>'reasoned' THEN x.value->>'canceled' ELSE canceled_at END,
    updated_at = $2
FROM «ROWS» AS x WHERE enrollments.id = unhex(x.value->>'id')";

const CLASS_RULES: &str = "
UPDATE classes SET selection_type = x.value->>'selection', promotion = x.value->>'promotion',
    waitlist_capacity = x.value->>'waitlist', allow_reapply = x.value->>'reapply',
    pay_window_ms = x.value->>'pay', offer_ttl_ms = x.value->>'offer'
FROM «ROWS» AS x WHERE classes.id = $1";

const CLASS_COUNTS: &str = "
INSERT INTO class_counts (class_id, applied, approved, waitlisted, rejected, canceled)
SELECT $1, value->>0, value->>1, value->>2, value->>3, value->>4 FROM «ROWS» WHERE true
ON CONFLICT (class_id) DO UPDATE SET applied = class_counts.applied + excluded.applied,
    approved = class_counts.approved + excluded.approved,
    waitlisted = class_counts.waitlisted + excluded.waitlisted,
    rejected = class_counts.rejected + excluded.rejected,
    canceled = class_counts.canceled + excluded.canceled";

const CLASS_HOURS: &str = "
INSERT INTO class_hours (class_id, hour, applications, approvals, waitlistings, rejections,
    cancellations)
SELECT $1, value->>0, value->>1, value->>2, value->>3, value->>4, value->>5 FROM «ROWS» WHERE true
ON CONFLICT (class_id, hour) DO UPDATE SET
    applications = class_hours.applications + excluded.applications,
    approvals = class_hours.approvals + excluded.approvals,
    waitlistings = class_hours.waitlistings + excluded.waitlistings,
    rejections = class_hours.rejections + excluded.rejections,
    cancellations = class_hours.cancellations + excluded.cancellations";

const ENROLLMENT_LOG: &str = "
INSERT INTO enrollment_changes (class_id, seq, position, enrollment_id, at, actor_id, action,
    detail, reason_id)
SELECT $1, value->>'seq', value->>'position', unhex(value->>'id'), $2, unhex(value->>'actor'),
    value->>'action', value->>'detail', unhex(value->>'reason') FROM «ROWS»";

fn hex(id: Uuid) -> String {
    id.simple().to_string()
}
