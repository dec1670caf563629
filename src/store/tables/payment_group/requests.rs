//! The requests of a group, and what its statements return.

use sea_orm::sqlx;

use crate::ids::{PaymentId, ReservationId, UserId};
use crate::inventory::TimestampMs;
use crate::store::tables::payment_row::PaymentRow;

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
    pub method: &'static str,
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
pub(crate) type Begun = (uuid::Uuid, uuid::Uuid, uuid::Uuid, uuid::Uuid, i64, String, Option<i64>);

pub(crate) fn begun_row(row: Begun) -> PaymentRow {
    let (id, reservation, offering, user, amount, currency, next_try_at) = row;
    PaymentRow {
        id: PaymentId(id),
        reservation: ReservationId(reservation),
        offering: crate::ids::OfferingId(offering),
        user: UserId(user),
        state: crate::store::states::PaymentState::Created,
        amount,
        currency,
        attempts: 0,
        next_try_at,
    }
}

pub(crate) type Result<T> = std::result::Result<T, sqlx::Error>;
