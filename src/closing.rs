//! Closing an account. What its owner still has is settled as they say, or the closing is refused with
//! what there is; their holds and places in line end in every event. Reservations that stay are nobody's.
//! It never gives money away that its owner has not given up.

use std::sync::Arc;
use std::time::Duration;

use futures_util::{StreamExt, stream};

use crate::accounts::{AccountError, Accounts};
use crate::box_office::{BoxOffices, SubmitError, Unavailable};
use crate::clock::Clock;
use crate::ids::{OfferingId, PaymentId, ReservationId, UserId};
use crate::inventory::{Command, Request, Requester};
use crate::payments::Payments;
use crate::store::{Balance, LivingReservation, OnBalance, ReservationState, Store, StoreError};

/// Events that are asked at a time.
const AT_ONCE: usize = 8;
/// How often refunds of reservations that were just cancelled are driven on before the closing is
/// refused for them.
const REFUND_ROUNDS: usize = 4;
const BETWEEN_ROUNDS: Duration = Duration::from_millis(150);
/// Until then every instance refuses the tokens of a closed account, and nothing new can come.
const LATE: Duration = Duration::from_secs(3);

/// What becomes of reservations that are not over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnReservations {
    /// All are cancelled; what was paid comes back to the wallet.
    Cancel,
    /// Paid ones stay, and their tickets stay valid; unpaid ones are cancelled.
    KeepTickets,
}

/// How an owner wants what is left to be settled.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say it")]
pub struct Settlement {
    pub reservations: Option<OnReservations>,
    /// Money in the wallet is given up.
    pub forfeits_balance: bool,
}

/// What an account still has.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say it")]
pub struct Left {
    pub reservations: Vec<LivingReservation>,
    pub balances: Vec<Balance>,
    /// Payments and refunds on their way.
    pub payments: Vec<PaymentId>,
}

/// An account that was closed just now.
#[derive(Debug)]
#[must_use = "what was begun at the last moment is ended by `finish`"]
pub struct Closed {
    user: UserId,
    /// The reservations whose owner said what becomes of them.
    settled: Vec<ReservationId>,
}

/// Why an account was not closed. What was cancelled before stays cancelled.
#[derive(Debug, thiserror::Error)]
pub enum ClosingError {
    /// Something is left, and it was not said what becomes of it.
    #[error("something is left")]
    Unsettled(Left),
    /// A reservation could not be cancelled.
    #[error("{reservation} was not cancelled: {error}")]
    Reservation {
        /// Which.
        reservation: ReservationId,
        /// Why.
        error: SubmitError,
    },
    /// Holds and places in line could not be ended.
    #[error(transparent)]
    Claims(#[from] SubmitError),
    /// The last administrator, or the store.
    #[error(transparent)]
    Account(#[from] AccountError),
    /// The store.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// The parts that an account has something in.
#[derive(Clone)]
#[expect(missing_docs, reason = "the names say it")]
pub struct Closing {
    pub store: Store,
    pub offices: Arc<BoxOffices>,
    pub payments: Arc<Payments>,
    pub accounts: Arc<Accounts>,
    pub clock: Arc<dyn Clock>,
}

impl Closing {
    /// Settles what is left as its owner says, ends holds and places in line, and closes the account.
    ///
    /// # Errors
    /// [`ClosingError`].
    pub async fn close(
        &self,
        user: UserId,
        settlement: Settlement,
    ) -> Result<Closed, ClosingError> {
        self.accounts.may_close(user).await?;
        let left = self.left(user).await?;
        if !left.is_settled_by(settlement) {
            return Err(ClosingError::Unsettled(left));
        }
        for reservation in &left.reservations {
            let keeps = settlement.reservations == Some(OnReservations::KeepTickets);
            if !(keeps && reservation.is_paid) {
                self.cancel(Requester::Customer(user), reservation).await?;
            }
        }
        self.refund(user).await?;
        self.end_claims(user).await?;
        let settled: Vec<_> = left.reservations.iter().map(|one| one.id).collect();
        let now_left = self.left(user).await?;
        if now_left.reservations.iter().any(|one| !settled.contains(&one.id)) {
            return Err(ClosingError::Unsettled(now_left));
        }
        let on_balance = match settlement.forfeits_balance {
            true => OnBalance::Forfeit,
            false => OnBalance::Refuse,
        };
        if !self.accounts.close(user, on_balance).await? {
            return Err(ClosingError::Unsettled(self.left(user).await?));
        }
        Ok(Closed { user, settled })
    }

    /// Ends what the owner of a closed account began at the last moment, or on another instance before
    /// that knew. What is paid stays as it is: its ticket is valid.
    ///
    /// # Errors
    /// [`ClosingError`].
    pub async fn finish(&self, Closed { user, settled }: Closed) -> Result<(), ClosingError> {
        tokio::time::sleep(LATE).await;
        self.end_claims_for_good(user).await?;
        let late = self.store.reservations_living(user, self.clock.now_ms()).await?;
        let late = late.into_iter().filter(|one| !settled.contains(&one.id));
        for reservation in late.filter(|one| !one.is_paid || one.price == 0) {
            self.cancel(Requester::Admin, &reservation).await?;
        }
        Ok(())
    }

    /// Goes on where a process that closed accounts was stopped, or could not reach an event.
    ///
    /// # Errors
    /// [`ClosingError`].
    pub async fn finish_old(&self) -> Result<(), ClosingError> {
        let late = i64::try_from(LATE.as_millis()).unwrap_or(i64::MAX);
        let before = self.clock.now_ms().saturating_sub(late);
        for user in self.store.closed_and_waiting(before).await? {
            self.end_claims_for_good(user).await?;
        }
        Ok(())
    }

    /// Afterwards nothing says any more where the customer may have waited.
    async fn end_claims_for_good(&self, user: UserId) -> Result<(), ClosingError> {
        for event in self.end_claims(user).await? {
            self.store.waitlisted_remove(user, event).await?;
        }
        Ok(())
    }

    async fn left(&self, user: UserId) -> Result<Left, StoreError> {
        let mut balances = self.store.wallet_get(user).await?;
        balances.retain(|balance| balance.amount != 0);
        let reservations = self.store.reservations_living(user, self.clock.now_ms()).await?;
        let payments = self.store.payments_under_way(user).await?;
        Ok(Left { reservations, balances, payments })
    }

    async fn cancel(
        &self,
        by: Requester,
        reservation: &LivingReservation,
    ) -> Result<(), ClosingError> {
        let command = Command::CancelReservation { reservation: reservation.id, by };
        let request = Request { command, idempotency: None };
        let Err(error) = self.offices.submit(reservation.offering, request).await else {
            return Ok(());
        };
        let row = self.store.reservation_get(reservation.id).await?;
        let living = [ReservationState::PaymentPending, ReservationState::Confirmed];
        if row.is_some_and(|row| living.contains(&row.state)) {
            return Err(ClosingError::Reservation { reservation: reservation.id, error });
        }
        // It has ended since it was looked at.
        Ok(())
    }

    /// Has what was paid for cancelled reservations come back now: later nobody could say what becomes
    /// of it.
    async fn refund(&self, user: UserId) -> Result<(), ClosingError> {
        for _ in 0..REFUND_ROUNDS {
            if self.store.payments_under_way(user).await?.is_empty() {
                return Ok(());
            }
            self.payments.recover_due().await?;
            // Another instance may be at it.
            tokio::time::sleep(BETWEEN_ROUNDS).await;
        }
        let left = self.left(user).await?;
        if left.payments.is_empty() { Ok(()) } else { Err(ClosingError::Unsettled(left)) }
    }

    /// In every event that the customer waited in, and in every one where anything could be held: holds
    /// are in the journal alone. Returns the events waited in where it is done. One that cannot be asked
    /// now does not keep the account open: a hold there ends with its time, and the place in line at one
    /// of the next rounds of `finish_old`.
    async fn end_claims(&self, user: UserId) -> Result<Vec<OfferingId>, ClosingError> {
        let (waited, awake) = self.store.offerings_to_leave(user).await?;
        let end = async |event| match self.end_claims_in(event, user).await {
            Ok(()) => Some(event),
            Err(error) => {
                tracing::warn!(%event, %error, "what a closed account has there is left to end later");
                None
            }
        };
        let ended = stream::iter(waited).map(end).buffer_unordered(AT_ONCE);
        let ended = ended.filter_map(std::future::ready).collect().await;
        stream::iter(awake).map(end).buffer_unordered(AT_ONCE).collect::<Vec<_>>().await;
        Ok(ended)
    }

    async fn end_claims_in(&self, event: OfferingId, user: UserId) -> Result<(), SubmitError> {
        loop {
            let command = Command::EndClaims { customer: user };
            match self.offices.submit(event, Request { command, idempotency: None }).await {
                Ok(_) => {}
                // Nothing is left.
                Err(
                    SubmitError::Rejected(_)
                    | SubmitError::Unavailable(Unavailable::NoSuchOffering),
                ) => {
                    return Ok(());
                }
                Err(error) => return Err(error),
            }
        }
    }
}

impl Left {
    /// Whether it was said what becomes of all of it, and of what cancelling gives back.
    fn is_settled_by(&self, settlement: Settlement) -> bool {
        let comes_back = settlement.reservations == Some(OnReservations::Cancel)
            && self
                .reservations
                .iter()
                .any(|reservation| reservation.is_paid && reservation.price > 0);
        let has_money = comes_back || !self.balances.is_empty();
        let reservations_said = self.reservations.is_empty() || settlement.reservations.is_some();
        reservations_said && (!has_money || settlement.forfeits_balance)
    }

    /// For people: what is left.
    #[must_use]
    pub fn describe(&self) -> String {
        let ids: Vec<ReservationId> = self.reservations.iter().map(|one| one.id).collect();
        let mut parts = Vec::new();
        if !ids.is_empty() {
            parts.push(format!("{} reservation(s) that are not over", ids.len()));
        }
        for balance in &self.balances {
            parts.push(format!(
                "{} {} (minor units) in the wallet",
                balance.amount, balance.currency
            ));
        }
        if !self.payments.is_empty() {
            parts.push(format!("{} payment(s) under way", self.payments.len()));
        }
        parts.join(", ")
    }
}
