//! Expansion: a waiting message becomes one delivery for each destination that wants it. The
//! messages of an offering are expanded in their order, by one process at a time, so that each can
//! name the one before it.

use std::collections::{BTreeMap, HashMap};

use serde_json::Value;

use super::Subscription;
use super::envelope::Envelope;
use crate::ids::{EnrollmentId, OfferingId, ReservationId, Seq, UserId, time_ordered};
use crate::inventory::TimestampMs;
use crate::journal::LoadError;
use crate::journal::messages::{self, Message, Position};
use crate::store::{Lane, NewDelivery, OutboxRow, Store, StoreError};

/// Most messages of an offering that are expanded together.
const AT_ONCE: u64 = 500;
/// Rows of a journal read at a time to find the message before the first one.
const LOOK_BACK: u64 = 64;

/// Refunds of a cancelled event come by the thousand, and no one waits at a screen for a mail about one.
const MASS_NOTICE: &str = "payment.refunded";
/// What does not wait behind the tickets of a sale that goes on.
const URGENT: [&str; 8] = [
    "account.email_confirmation",
    "account.password_reset",
    "enrollment.offered",
    "security.identity_linked",
    "security.identity_unlinked",
    "security.login_locked",
    "security.password_changed",
    "waitlist.offered",
];

/// Why messages were not expanded.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ExpandError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("the journal of {0} cannot be read: {1}")]
    Journal(OfferingId, #[source] LoadError),
}

/// Expands the first messages of an offering that wait; returns how many there were.
pub(crate) async fn offering(
    store: &Store,
    offering: OfferingId,
    subscriptions: &[Subscription],
    now: TimestampMs,
) -> Result<usize, ExpandError> {
    let from = store.relay_position(offering).await?;
    let waiting = store.outbox_of(offering, AT_ONCE).await?;
    let (Some(first), Some(last)) = (waiting.first(), waiting.last()) else { return Ok(0) };
    let to = last.position;
    let mut previous = match from {
        Some(position) => position,
        None => last_before(store, offering, first.position.seq).await?,
    };
    let messages = read(store, offering, &waiting).await?;
    let customers = customers(store, &messages).await?;
    let applicants = applicants(store, &messages).await?;
    let mut deliveries = Vec::new();
    for message in &messages {
        let customer = message
            .customer
            .or_else(|| message.reservation.and_then(|id| customers.get(&id).copied()))
            .or_else(|| enrollment_of(message).and_then(|id| applicants.get(&id).copied()));
        let wanted =
            |one: &&Subscription| one.wants(message.kind, Some(offering), customer.is_some());
        let mut rendered = None;
        for subscription in subscriptions.iter().filter(wanted) {
            let (id, body) = rendered.get_or_insert_with(|| {
                let envelope = Envelope::of(offering, message, previous);
                let body = envelope.to_json();
                (envelope.id, body)
            });
            deliveries.push(NewDelivery {
                id: time_ordered(now.unsigned_abs()),
                message_id: id.clone(),
                destination: subscription.destination.clone(),
                kind: message.kind.to_owned(),
                offering: Some(offering),
                user: customer,
                body: body.clone(),
                lane: lane_of(message.kind, message.is_mass),
            });
        }
        previous = message.position;
    }
    let seqs: Vec<Seq> = by_row(&waiting).into_keys().collect();
    store.outbox_expand(offering, (from, previous.max(to)), seqs, deliveries, now).await?;
    Ok(waiting.len())
}

/// Expands notices; returns how many there were.
pub(crate) async fn notices(
    store: &Store,
    subscriptions: &[Subscription],
    now: TimestampMs,
) -> Result<usize, ExpandError> {
    let waiting = store.notice_waiting(AT_ONCE).await?;
    if waiting.is_empty() {
        return Ok(0);
    }
    let mut deliveries = Vec::new();
    for notice in &waiting {
        let wanted =
            |one: &&Subscription| one.wants(&notice.kind, notice.offering, notice.user.is_some());
        for subscription in subscriptions.iter().filter(wanted) {
            let envelope = Envelope::of_notice(notice);
            deliveries.push(NewDelivery {
                id: time_ordered(now.unsigned_abs()),
                body: envelope.to_json(),
                message_id: envelope.id,
                destination: subscription.destination.clone(),
                kind: notice.kind.clone(),
                offering: notice.offering,
                user: notice.user,
                lane: lane_of(&notice.kind, notice.kind == MASS_NOTICE),
            });
        }
    }
    let ids: Vec<_> = waiting.iter().map(|notice| notice.id).collect();
    store.notice_expand(&ids, deliveries, now).await?;
    Ok(waiting.len())
}

fn lane_of(kind: &str, is_mass: bool) -> Lane {
    match is_mass {
        _ if URGENT.contains(&kind) => Lane::Urgent,
        true => Lane::Mass,
        false => Lane::Single,
    }
}

/// Returns the position of the last message before row `before`, or the start.
pub(crate) async fn last_before(
    store: &Store,
    offering: OfferingId,
    before: Seq,
) -> Result<Position, ExpandError> {
    let mut before = before;
    loop {
        let rows = store.journal_rows_before(offering, before, LOOK_BACK).await;
        let rows = rows.map_err(|error| ExpandError::Journal(offering, error))?;
        let last_of = |row: &(_, _)| messages::of_row(&row.0, &row.1).pop();
        if let Some(message) = rows.iter().find_map(last_of) {
            return Ok(message.position);
        }
        let Some((oldest, _)) = rows.last() else { return Ok(Position::START) };
        before = oldest.seq;
    }
}

fn by_row(waiting: &[OutboxRow]) -> BTreeMap<Seq, Vec<&OutboxRow>> {
    let mut rows: BTreeMap<_, Vec<_>> = BTreeMap::new();
    for message in waiting {
        rows.entry(message.position.seq).or_default().push(message);
    }
    rows
}

/// Returns the messages of the rows that wait, as their journal has them; of rows that were archived
/// meanwhile, as the outbox has them.
async fn read(
    store: &Store,
    offering: OfferingId,
    waiting: &[OutboxRow],
) -> Result<Vec<Message>, ExpandError> {
    let rows = by_row(waiting);
    let found = store.journal_rows_at(offering, rows.keys().copied()).await;
    let found = found.map_err(|error| ExpandError::Journal(offering, error))?;
    let mut found: HashMap<Seq, _> =
        found.iter().map(|(row, record)| (row.seq, messages::of_row(row, record))).collect();
    let mut messages = Vec::new();
    for (seq, waiting) in rows {
        match found.remove(&seq) {
            Some(of_row) => messages.extend(of_row),
            None => messages.extend(waiting.into_iter().filter_map(of_outbox)),
        }
    }
    Ok(messages)
}

/// Returns the message of an outbox row whose journal row was archived.
fn of_outbox(row: &OutboxRow) -> Option<Message> {
    let kind = messages::KINDS.iter().find(|kind| **kind == row.kind)?;
    let data: Value = serde_json::from_str(&row.payload).unwrap_or_default();
    let reservation = data.get("reservationId").and_then(Value::as_str);
    Some(Message {
        position: row.position,
        at: row.created_at,
        kind,
        customer: None,
        reservation: reservation.and_then(|id| id.parse().ok()).map(ReservationId),
        is_mass: false,
        data,
    })
}

/// Returns the customers of the reservations whose messages do not name them.
async fn customers(
    store: &Store,
    messages: &[Message],
) -> Result<HashMap<ReservationId, UserId>, StoreError> {
    let unnamed = messages.iter().filter(|message| message.customer.is_none());
    let ids: Vec<_> = unnamed.filter_map(|message| message.reservation).collect();
    if ids.is_empty() {
        return Ok(HashMap::new());
    }
    store.reservation_customers(ids).await
}

/// The application that a message is about, if it is about one.
fn enrollment_of(message: &Message) -> Option<EnrollmentId> {
    let id = message.data.get("enrollmentId").and_then(Value::as_str);
    id.and_then(|id| id.parse().ok()).map(EnrollmentId)
}

/// Returns the customers of the applications whose messages do not name them.
async fn applicants(
    store: &Store,
    messages: &[Message],
) -> Result<HashMap<EnrollmentId, UserId>, StoreError> {
    let unnamed = messages.iter().filter(|message| message.customer.is_none());
    let ids: Vec<_> = unnamed.filter_map(enrollment_of).collect();
    if ids.is_empty() {
        return Ok(HashMap::new());
    }
    let rows = store.enrollment_get_many(&ids).await?;
    Ok(rows.into_iter().map(|row| (row.id, row.user)).collect())
}
