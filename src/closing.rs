//! Closing an account. The owner's remaining reservations and money are settled as the owner asks,
//! or the closing is refused with a list of them; the owner's holds and places in line end in every
//! event. Reservations that stay belong to no person. Closing never gives money away that its owner
//! has not given up.

use std::sync::Arc;
use std::time::Duration;

use futures_util::{StreamExt, stream};

use crate::accounts::{AccountError, Accounts};
use crate::box_office::{BoxOffices, SubmitError, Unavailable};
use crate::clock::Clock;
use crate::ids::{OfferingId, PaymentId, ReservationId, UserId};
use crate::inventory::{Command, Request, Requester};
use crate::payments::Payments;
use crate::store::{
    Balance, LivingReservation, OnBalance, OwnerProof, ReservationState, Store, StoreError,
};

/// Events from which claims are removed at a time.
const AT_ONCE: usize = 8;
/// How often the refunds of reservations that were just cancelled are driven on before the closing
/// is refused because of them.
const REFUND_ROUNDS: usize = 4;
const BETWEEN_ROUNDS: Duration = Duration::from_millis(150);
/// After this time every instance refuses the tokens of a closed account, and no new request can
/// arrive.
const LATE: Duration = Duration::from_secs(3);

/// How reservations that are not over are treated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnReservations {
    /// All are cancelled; money from the wallet comes back to it.
    Cancel,
    /// Paid reservations stay, and their tickets stay valid; unpaid ones are cancelled.
    KeepTickets,
}

/// How the owner wants the remaining reservations and money to be settled.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say it")]
pub struct Settlement {
    pub reservations: Option<OnReservations>,
    /// True if the money in the wallet is given up.
    pub forfeits_balance: bool,
}

/// The reservations, money and payments that an account still has.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say it")]
pub struct Left {
    pub reservations: Vec<LivingReservation>,
    pub balances: Vec<Balance>,
    /// Payments and refunds under way.
    pub payments: Vec<PaymentId>,
}

/// An account that was closed just now.
#[derive(Debug)]
#[must_use = "what was begun at the last moment is ended by `finish`"]
pub struct Closed {
    user: UserId,
    /// The reservations that the owner's settlement covered.
    settled: Vec<ReservationId>,
}

/// Why an account was not closed. Reservations cancelled before stay cancelled.
#[derive(Debug, thiserror::Error)]
pub enum ClosingError {
    /// Something is left that the settlement does not cover.
    #[error("something is left")]
    Unsettled(Left),
    /// A reservation could not be cancelled.
    #[error("{reservation} was not cancelled: {error}")]
    Reservation {
        /// The reservation.
        reservation: ReservationId,
        /// The reason.
        error: SubmitError,
    },
    /// Holds and places in line could not be ended.
    #[error(transparent)]
    Claims(#[from] SubmitError),
    /// The account is the last administrator's, or the store failed.
    #[error(transparent)]
    Account(#[from] AccountError),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// The parts of the server in which an account has something.
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
    /// Settles everything that is left as the owner asks, ends holds and places in line, and closes
    /// the account.
    ///
    /// # Errors
    /// [`ClosingError`].
    pub async fn close(
        &self,
        user: UserId,
        proof: OwnerProof,
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
        if !self.accounts.close(user, proof, on_balance).await? {
            return Err(ClosingError::Unsettled(self.left(user).await?));
        }
        Ok(Closed { user, settled })
    }

    /// Ends what the owner of a closed account began at the last moment, or on another instance
    /// before that instance knew of the closing. A paid reservation stays as it is: its ticket is
    /// valid.
    ///
    /// # Errors
    /// [`ClosingError`].
    pub async fn finish(&self, Closed { user, settled }: Closed) -> Result<(), ClosingError> {
        tokio::time::sleep(LATE).await;
        self.end_claims_for_good(user).await?;
        self.store.enrollment_words_erase(user).await?;
        let late = self.store.reservations_living(user, self.clock.now_ms()).await?;
        let late = late.into_iter().filter(|one| !settled.contains(&one.id));
        for reservation in late.filter(|one| !one.is_paid || one.price == 0) {
            self.cancel(Requester::Admin, &reservation).await?;
        }
        Ok(())
    }

    /// Continues closings where the process was stopped, or could not reach an event.
    ///
    /// # Errors
    /// [`ClosingError`].
    pub async fn finish_old(&self) -> Result<(), ClosingError> {
        let late = i64::try_from(LATE.as_millis()).unwrap_or(i64::MAX);
        let before = self.clock.now_ms().saturating_sub(late);
        for user in self.store.closed_and_waiting(before).await? {
            self.end_claims_for_good(user).await?;
            self.store.enrollment_words_erase(user).await?;
        }
        Ok(())
    }

    /// Ends the customer's claims, and deletes the record of each event where that is done.
    /// Afterwards nothing records where the customer may have waited.
    async fn end_claims_for_good(&self, user: UserId) -> Result<(), ClosingError> {
        for event in self.end_claims(user).await? {
            self.store.waitlisted_remove(user, event).await?;
        }
        Ok(())
    }

    /// Returns what the account still has.
    ///
    /// # Errors
    /// The store failed.
    pub async fn left(&self, user: UserId) -> Result<Left, StoreError> {
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
        // The reservation has ended since it was read.
        Ok(())
    }

    /// Refunds the cancelled reservations now: after the closing, the owner could not say how the
    /// money is to be settled.
    async fn refund(&self, user: UserId) -> Result<(), ClosingError> {
        for _ in 0..REFUND_ROUNDS {
            if self.store.payments_under_way(user).await?.is_empty() {
                return Ok(());
            }
            self.payments.recover_due().await?;
            // Another instance may be driving it.
            tokio::time::sleep(BETWEEN_ROUNDS).await;
        }
        let left = self.left(user).await?;
        if left.payments.is_empty() { Ok(()) } else { Err(ClosingError::Unsettled(left)) }
    }

    /// Ends the customer's claims in every event that the customer waited in, and in every event
    /// where anything could be held, since holds are in the journal alone. Returns those of the
    /// events waited in where that is done. An event that cannot be reached now does not keep the
    /// account open: a hold there ends with its time, and the place in line ends in one of the next
    /// rounds of `finish_old`.
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
                // No claim is left.
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
    /// True if the settlement covers everything that is left, and the money that cancelling gives
    /// back.
    fn is_settled_by(&self, settlement: Settlement) -> bool {
        let comes_back = settlement.reservations == Some(OnReservations::Cancel)
            && self.reservations.iter().any(|reservation| reservation.refunds_to_wallet);
        let has_money = comes_back || !self.balances.is_empty();
        let reservations_said = self.reservations.is_empty() || settlement.reservations.is_some();
        reservations_said && (!has_money || settlement.forfeits_balance)
    }

    /// Describes for people the things that are left.
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
