//! A payment as it is stored.

use entities::payment;

use crate::ids::{OfferingId, PaymentId, ReservationId, UserId};
use crate::inventory::{Minor, TimestampMs};
use crate::store::StoreError;
use crate::store::states::{PaymentMethod, PaymentState};

/// A payment to start.
#[derive(Clone, Debug)]
#[expect(missing_docs, reason = "the names say it")]
pub struct NewPayment {
    pub id: PaymentId,
    pub reservation: ReservationId,
    pub offering: OfferingId,
    pub user: UserId,
    pub method: PaymentMethod,
    pub amount: Minor,
    pub currency: String,
    /// What the request asked of the gateway, as JSON.
    pub options: Option<String>,
    /// Where the customer comes back to from the gateway.
    pub return_url: Option<String>,
}

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
    pub created_at: TimestampMs,
    pub updated_at: TimestampMs,
    /// True if it may fail without the customer's knowledge: no request of theirs waits for its end.
    pub is_unwatched: bool,
    /// Empty for payments by the wallet.
    pub gateway: GatewayPart,
}

impl PaymentRow {
    /// Returns the row of a payment that has just begun.
    pub(crate) fn new(new: &NewPayment, now: TimestampMs, retry_at: TimestampMs) -> Self {
        Self {
            id: new.id,
            reservation: new.reservation,
            offering: new.offering,
            user: new.user,
            method: new.method,
            state: PaymentState::Created,
            amount: new.amount,
            currency: new.currency.clone(),
            attempts: 0,
            next_try_at: Some(retry_at),
            refunded: 0,
            is_unwatched: false,
            created_at: now,
            updated_at: now,
            gateway: GatewayPart {
                options: new.options.clone(),
                return_url: new.return_url.clone(),
                ..GatewayPart::default()
            },
        }
    }
}

/// The part of a payment that concerns its gateway.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct GatewayPart {
    /// The gateway's own id of the charge.
    pub reference: Option<String>,
    /// Why the payment was declined.
    pub decline_reason: Option<String>,
    /// What an administrator has to look at.
    pub problem: Option<String>,
    /// Where the customer has to go.
    pub redirect_url: Option<String>,
    /// Where the customer comes back to.
    pub return_url: Option<String>,
    /// What the request asked of this gateway, as JSON.
    pub options: Option<String>,
    /// Until when the gateway may take.
    pub deadline: Option<TimestampMs>,
    /// When the gateway had taken the money.
    pub captured_at: Option<TimestampMs>,
}

/// Reads a row.
///
/// # Errors
/// [`StoreError::Damaged`] for a state or a method that this version does not have.
pub(crate) fn payment_row(row: payment::Model) -> Result<PaymentRow, StoreError> {
    let state = PaymentState::ALL.into_iter().find(|state| state.as_str() == row.state);
    let method = PaymentMethod::parse(&row.method);
    Ok(PaymentRow {
        id: PaymentId(row.id),
        reservation: ReservationId(row.reservation_id),
        offering: OfferingId(row.offering_id),
        user: UserId(row.user_id),
        method: method
            .ok_or_else(|| StoreError::Damaged(format!("the method of payment {}", row.id)))?,
        state: state
            .ok_or_else(|| StoreError::Damaged(format!("the state of payment {}", row.id)))?,
        amount: row.amount,
        currency: row.currency,
        attempts: row.attempts,
        next_try_at: row.next_try_at,
        created_at: row.created_at,
        updated_at: row.updated_at,
        refunded: row.refunded,
        is_unwatched: row.unwatched != 0,
        gateway: GatewayPart {
            reference: row.gateway_ref,
            decline_reason: row.decline_reason,
            problem: row.problem,
            redirect_url: row.redirect_url,
            return_url: row.return_url,
            options: row.gateway_options,
            deadline: row.deadline,
            captured_at: row.captured_at,
        },
    })
}
