//! The requests of a group, and what its statements return.

use sea_orm::sqlx;
use uuid::Uuid;

use crate::ids::{OfferingId, PaymentId, ReservationId, UserId};
use crate::inventory::TimestampMs;
use crate::store::states::{PaymentMethod, PaymentState};
use crate::store::tables::payment_row::{GatewayPart, PaymentRow};

/// A payment to begin; its event and amount are read from the reservation.
#[derive(Clone, Debug)]
pub struct Beginning {
    /// The id of the payment, derived from the idempotency key.
    pub id: PaymentId,
    /// The customer who must own the reservation.
    pub user: UserId,
    /// The reservation to pay for.
    pub reservation: ReservationId,
    /// The payment method.
    pub method: PaymentMethod,
    /// What the request asked of the gateway, as JSON.
    pub options: Option<String>,
    /// Where the customer comes back to from the gateway.
    pub return_url: Option<String>,
    /// How long after the pay window the gateway may take; `None` where that is settled later.
    pub grace_ms: Option<i64>,
    /// The current time.
    pub now: TimestampMs,
    /// When the recovery scan may first take the payment on.
    pub retry_at: TimestampMs,
}

/// A payment whose money is to be set aside.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Authorizing {
    pub(crate) id: PaymentId,
    pub(crate) user: UserId,
    pub(crate) now: TimestampMs,
}

/// A row as the statement that begins payments returns it.
pub(crate) type Begun = (
    Uuid,
    Uuid,
    Uuid,
    Uuid,
    String,
    i64,
    String,
    Option<i64>,
    i64,
    Option<String>,
    Option<String>,
    Option<i64>,
);

/// Returns `None` for a method that this version does not have; the payment is then read again, and
/// the error has its id.
pub(crate) fn begun_row(row: Begun) -> Option<PaymentRow> {
    let (
        id,
        reservation,
        offering,
        user,
        method,
        amount,
        currency,
        retry,
        at,
        options,
        url,
        deadline,
    ) = row;
    Some(PaymentRow {
        id: PaymentId(id),
        reservation: ReservationId(reservation),
        offering: OfferingId(offering),
        user: UserId(user),
        method: PaymentMethod::parse(&method)?,
        state: PaymentState::Created,
        amount,
        currency,
        attempts: 0,
        next_try_at: retry,
        refunded: 0,
        is_unwatched: false,
        created_at: at,
        updated_at: at,
        gateway: GatewayPart { options, return_url: url, deadline, ..GatewayPart::default() },
    })
}

pub(crate) type Result<T> = std::result::Result<T, sqlx::Error>;
