//! A payment as it is stored.

use crate::ids::{OfferingId, PaymentId, ReservationId, UserId};
use crate::inventory::{Minor, TimestampMs};
use crate::store::states::{PaymentMethod, PaymentState};

/// A payment.
#[derive(Clone, Debug)]
#[expect(missing_docs, reason = "the names say it")]
pub struct PaymentRow {
    pub id: PaymentId,
    pub reservation: ReservationId,
    pub offering: OfferingId,
    pub user: UserId,
    pub method: PaymentMethod,
    pub state: PaymentState,
    pub amount: Minor,
    pub currency: String,
    pub attempts: i32,
    /// When the recovery scan may take the payment on; `None` when nothing is left to do.
    pub next_try_at: Option<TimestampMs>,
    /// The sum of the refunds that are done.
    pub refunded: Minor,
}
