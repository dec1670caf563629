//! New payments: which payment an idempotency key stands for, and whether a reservation can be paid.

use tokio::sync::MutexGuard;

use super::crash_points::{Edge, Side};
use super::{PayBy, PaymentError, Payments, charging};
use crate::box_office::Unavailable;
use crate::ids::{PaymentId, ReservationId, UserId};
use crate::inventory::Rejection;
use crate::store::{
    Beginning, NewPayment, PaymentMethod, PaymentRow, PaymentState, ReservationRow,
    ReservationState,
};

/// How often a payment may be refused under one idempotency key.
const MAX_TRIES_PER_KEY: u8 = 16;

impl Payments {
    /// Returns the payment that this key stands for now. Each refusal uses up one id: an ended
    /// payment never becomes active again, so a delayed step of it can do no harm.
    pub(super) async fn find_or_create(
        &self,
        user: UserId,
        reservation: ReservationId,
        pay_by: &PayBy,
        key: &str,
    ) -> Result<PaymentRow, PaymentError> {
        let id = payment_id(user, key, 0);
        self.crash_points.pass(id, Edge::Create, Side::Before)?;
        let by_hand = pay_by.method == PaymentMethod::Manual;
        let _turn =
            if by_hand { Some(self.only_one_by_hand(user, reservation).await?) } else { None };
        if let Some(row) = self.begin(id, user, reservation, pay_by).await {
            self.crash_points.pass(id, Edge::Create, Side::After)?;
            return Ok(row);
        }
        let ids: Vec<_> = (0..MAX_TRIES_PER_KEY).map(|n| payment_id(user, key, n)).collect();
        let known = self.store.payment_find(&ids).await?;
        if known.iter().any(|row| row.reservation != reservation) {
            return Err(Rejection::KeyReused.into());
        }
        if let Some(row) = known.iter().find(|row| !is_refused(row.state)) {
            return asked_alike(row.clone(), pay_by);
        }
        let unused = ids.iter().copied().find(|id| known.iter().all(|row| row.id != *id));
        let id = unused.ok_or(PaymentError::KeyExhausted)?;
        let row = match self.payable(user, reservation).await {
            Ok(row) => row,
            // The reservation may be paid because another request with this key was quicker.
            Err(refused) => {
                let now_known = self.store.payment_find(&ids).await?;
                let quicker =
                    |row: &&PaymentRow| row.reservation == reservation && !is_refused(row.state);
                let found = now_known.iter().find(quicker).cloned().ok_or(refused)?;
                return asked_alike(found, pay_by);
            }
        };
        let created = self.create(id, &row, pay_by).await?;
        // Another request with this key was quicker, and for another reservation.
        if created.reservation != reservation {
            return Err(Rejection::KeyReused.into());
        }
        asked_alike(created, pay_by)
    }

    /// Checks that no other order of the customer at the same event waits for a payment by hand, which
    /// keeps its places for days. Those who pay by hand at once take turns until their payments are
    /// stored, on this instance.
    async fn only_one_by_hand(
        &self,
        user: UserId,
        reservation: ReservationId,
    ) -> Result<MutexGuard<'_, ()>, PaymentError> {
        let turn = usize::from(user.0.as_bytes()[15]) % self.turns.len();
        let turn = self.turns[turn].lock().await;
        match self.store.payment_waits_by_hand(user, reservation).await? {
            true => Err(PaymentError::AnotherWaits),
            false => Ok(turn),
        }
    }

    /// Creates the payment of a reservation, or returns the one that has this id.
    pub(super) async fn create(
        &self,
        id: PaymentId,
        row: &ReservationRow,
        pay_by: &PayBy,
    ) -> Result<PaymentRow, PaymentError> {
        let event = self.store.event_get(row.offering).await?;
        let currency = event.ok_or(Unavailable::NoSuchOffering)?.currency;
        let new = NewPayment {
            id,
            reservation: row.id,
            offering: row.offering,
            user: row.user,
            method: pay_by.method,
            amount: row.total_price,
            currency,
            options: pay_by.options.clone(),
            return_url: pay_by.return_url.clone(),
        };
        self.crash_points.pass(id, Edge::Create, Side::Before)?;
        let now = self.clock.now_ms();
        let created = self.store.payment_create(&new, now, now + self.timeout_ms()).await?;
        self.crash_points.pass(id, Edge::Create, Side::After)?;
        Ok(created)
    }

    /// Begins the payment if the key was never used and the reservation waits: nearly every
    /// payment.
    pub(super) async fn begin(
        &self,
        id: PaymentId,
        user: UserId,
        reservation: ReservationId,
        pay_by: &PayBy,
    ) -> Option<PaymentRow> {
        let now = self.clock.now_ms();
        let beginning = Beginning {
            id,
            user,
            reservation,
            method: pay_by.method,
            options: pay_by.options.clone(),
            return_url: pay_by.return_url.clone(),
            grace_ms: charging::grace_ms(pay_by.method),
            now,
            retry_at: now + self.timeout_ms(),
        };
        self.store.payment_begin(beginning).await
    }

    /// Refuses reservations that need no payment to be refused; the box office decides the rest.
    pub(super) async fn payable(
        &self,
        user: UserId,
        reservation: ReservationId,
    ) -> Result<ReservationRow, PaymentError> {
        let found = self.store.reservation_get(reservation).await?;
        let row = found
            .filter(|row| row.user == user)
            .ok_or(PaymentError::Rejected(Rejection::ReservationNotFound))?;
        let wrong = |state: &'static str| {
            Err(Rejection::WrongState { what: "reservation".into(), state: state.into() }.into())
        };
        match row.state {
            ReservationState::PaymentPending => Ok(row),
            ReservationState::Confirmed => wrong("confirmed"),
            ReservationState::Cancelled => wrong("cancelled"),
            ReservationState::Expired => Err(Rejection::ReservationExpired.into()),
        }
    }
}

/// Returns the payment, unless its key was used for another method or with other options.
fn asked_alike(row: PaymentRow, pay_by: &PayBy) -> Result<PaymentRow, PaymentError> {
    let is_alike = row.method == pay_by.method && row.gateway.options == pay_by.options;
    if is_alike { Ok(row) } else { Err(Rejection::KeyReused.into()) }
}

/// True if a payment ended while its reservation was unpaid, and moved no money for good.
fn is_refused(state: PaymentState) -> bool {
    match state {
        PaymentState::Failed | PaymentState::Voided => true,
        PaymentState::Created
        | PaymentState::Pending
        | PaymentState::Authorized
        | PaymentState::Captured
        | PaymentState::Refunded => false,
    }
}

/// Returns the id of the n-th payment under a key. The id is derived, so that two concurrent
/// requests with the same key are one payment.
fn payment_id(user: UserId, key: &str, nth: u8) -> PaymentId {
    let mut hasher = blake3::Hasher::new_derive_key("admitone payment id v1");
    hasher.update(user.0.as_bytes());
    hasher.update(&[nth]);
    hasher.update(key.as_bytes());
    let mut bytes = [0; 16];
    hasher.finalize_xof().fill(&mut bytes);
    PaymentId(uuid::Builder::from_custom_bytes(bytes).into_uuid())
}
