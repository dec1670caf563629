//! The requests of a group, and what its statements return.

use sea_orm::sqlx;

use crate::ids::{PaymentId, ReservationId, UserId};
use crate::inventory::TimestampMs;
use crate::store::states::{PaymentMethod, PaymentState};
use crate::store::tables::payment_row::{GatewayPart, PaymentRow};

/// A payment to begin; its event and amount are read from the reservation.
#[derive(Clone, Copy, Debug)]
pub struct Beginning {
    /// The id of the payment, derived from the idempotency key.
    pub id: PaymentId,
    /// The customer who must own the reservation.
    pub user: UserId,
    /// The reservation to pay for.
    pub reservation: ReservationId,
    /// The payment method.
    pub method: PaymentMethod,
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
pub(crate) type Begun =
    (uuid::Uuid, uuid::Uuid, uuid::Uuid, uuid::Uuid, String, i64, String, Option<i64>, i64);

/// Returns `None` for a method that this version does not have; the payment is then read again, and
/// the error has its id.
pub(crate) fn begun_row(row: Begun) -> Option<PaymentRow> {
    let (id, reservation, offering, user, method, amount, currency, next_try_at, created_at) = row;
    Some(PaymentRow {
        id: PaymentId(id),
        reservation: ReservationId(reservation),
        offering: crate::ids::OfferingId(offering),
        user: UserId(user),
        method: PaymentMethod::parse(&method)?,
        state: PaymentState::Created,
        amount,
        currency,
        attempts: 0,
        next_try_at,
        refunded: 0,
        is_unwatched: false,
        created_at,
        updated_at: created_at,
        gateway: GatewayPart::default(),
    })
}

pub(crate) type Result<T> = std::result::Result<T, sqlx::Error>;
