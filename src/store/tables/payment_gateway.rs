//! The steps of payments that a gateway makes. Each is a compare-and-swap on the state, as all steps
//! of payments are; what the gateway itself did is recorded after it is done there.

use std::collections::HashMap;

use entities::payment;
use sea_orm::sea_query::{Expr, ExprTrait};
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect, UpdateMany};
use uuid::Uuid;

use crate::ids::{OfferingId, PaymentId, ReservationId};
use crate::inventory::TimestampMs;
use crate::store::states::{PaymentMethod, PaymentState};
use crate::store::tables::payment_row::{PaymentRow, payment_row};
use crate::store::{Store, StoreError, older};

/// Which payments by gateways to list.
#[derive(Clone, Debug, Default)]
pub struct PaymentFilter {
    /// Only those in one of these states; empty for all.
    pub states: Vec<PaymentState>,
    /// Only those with a problem.
    pub with_problem: bool,
    /// Only those of these offerings.
    pub offerings: Option<Vec<OfferingId>>,
    /// Only those older than this time and id.
    pub after: Option<(TimestampMs, PaymentId)>,
}

fn step(id: PaymentId, from: &[PaymentState], now: TimestampMs) -> UpdateMany<payment::Entity> {
    payment::Entity::update_many()
        .col_expr(payment::Column::UpdatedAt, Expr::value(now))
        .filter(payment::Column::Id.eq(id.0))
        .filter(payment::Column::State.is_in(from.iter().map(|state| state.as_str())))
}

fn state(to: PaymentState) -> Expr {
    Expr::value(to.as_str())
}

impl Store {
    async fn took(&self, update: UpdateMany<payment::Entity>) -> Result<bool, StoreError> {
        Ok(update.exec(self.writes()).await?.rows_affected == 1)
    }

    /// Created → Pending, before the gateway is asked for the first time.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn payment_to_gateway(
        &self,
        id: PaymentId,
        deadline: TimestampMs,
        now: TimestampMs,
    ) -> Result<bool, StoreError> {
        let update = step(id, &[PaymentState::Created], now)
            .col_expr(payment::Column::State, state(PaymentState::Pending))
            .col_expr(payment::Column::Deadline, Expr::value(deadline));
        self.took(update).await
    }

    /// Records that the gateway is at work, and when to ask again.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn payment_waits(
        &self,
        id: PaymentId,
        reference: Option<&str>,
        redirect_url: Option<&str>,
        (ask_at, now): (TimestampMs, TimestampMs),
    ) -> Result<bool, StoreError> {
        let mut update = step(id, &[PaymentState::Pending], now)
            .col_expr(payment::Column::NextTryAt, Expr::value(ask_at))
            .col_expr(payment::Column::RedirectUrl, Expr::value(redirect_url))
            .col_expr(payment::Column::Unwatched, Expr::value(1))
            .col_expr(payment::Column::Attempts, Expr::value(0));
        if let Some(reference) = reference {
            update = update.col_expr(payment::Column::GatewayRef, Expr::value(reference));
        }
        self.took(update).await
    }

    /// Records that the customer is answered before the payment has ended.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn payment_is_unwatched(
        &self,
        id: PaymentId,
        now: TimestampMs,
    ) -> Result<bool, StoreError> {
        let update = step(id, &[PaymentState::Pending], now)
            .col_expr(payment::Column::Unwatched, Expr::value(1));
        self.took(update).await
    }

    /// Records that the customer knows of the end that is about to come.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn payment_is_watched(
        &self,
        id: PaymentId,
        now: TimestampMs,
    ) -> Result<bool, StoreError> {
        let update = step(id, &[PaymentState::Pending], now)
            .col_expr(payment::Column::Unwatched, Expr::value(0));
        self.took(update).await
    }

    /// Records that the gateway has set the money aside, also for a payment that had ended.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn payment_set_aside(
        &self,
        id: PaymentId,
        reference: Option<&str>,
        (retry_at, now): (TimestampMs, TimestampMs),
    ) -> Result<bool, StoreError> {
        let from = [PaymentState::Pending, PaymentState::Failed, PaymentState::Voided];
        let mut update = step(id, &from, now)
            .col_expr(payment::Column::State, state(PaymentState::Authorized))
            .col_expr(payment::Column::NextTryAt, Expr::value(retry_at))
            .col_expr(payment::Column::RedirectUrl, Expr::value(Option::<String>::None));
        if let Some(reference) = reference {
            update = update.col_expr(payment::Column::GatewayRef, Expr::value(reference));
        }
        self.took(update).await
    }

    /// Pending → Failed, with the reason.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn payment_decline(
        &self,
        id: PaymentId,
        reason: &str,
        now: TimestampMs,
    ) -> Result<bool, StoreError> {
        let update = step(id, &[PaymentState::Pending], now)
            .col_expr(payment::Column::State, state(PaymentState::Failed))
            .col_expr(payment::Column::DeclineReason, Expr::value(reason))
            .col_expr(payment::Column::RedirectUrl, Expr::value(Option::<String>::None))
            .col_expr(payment::Column::Problem, Expr::value(Option::<String>::None))
            .col_expr(payment::Column::NextTryAt, Expr::value(Option::<i64>::None));
        self.took(update).await
    }

    /// Leaves a payment to an administrator: nothing happens to it until one acts.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn payment_park(
        &self,
        id: PaymentId,
        problem: &str,
        now: TimestampMs,
    ) -> Result<bool, StoreError> {
        let from = [PaymentState::Pending, PaymentState::Failed, PaymentState::Voided];
        let update = step(id, &from, now)
            .col_expr(payment::Column::Problem, Expr::value(problem))
            .col_expr(payment::Column::NextTryAt, Expr::value(Option::<i64>::None));
        self.took(update).await
    }

    /// Removes the note of what a person has to look at.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn payment_problem_solved(&self, id: PaymentId) -> Result<(), StoreError> {
        payment::Entity::update_many()
            .col_expr(payment::Column::Problem, Expr::value(Option::<String>::None))
            .filter(payment::Column::Id.eq(id.0))
            .exec(self.writes())
            .await?;
        Ok(())
    }

    /// Records what the gateway refuses to do; it is tried again.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn payment_note_problem(
        &self,
        id: PaymentId,
        problem: &str,
    ) -> Result<(), StoreError> {
        payment::Entity::update_many()
            .col_expr(payment::Column::Problem, Expr::value(problem))
            .filter(payment::Column::Id.eq(id.0))
            .exec(self.writes())
            .await?;
        Ok(())
    }

    /// Records that the gateway has taken the money, after which nothing is left to do.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn payment_taken(&self, id: PaymentId, now: TimestampMs) -> Result<bool, StoreError> {
        let update = step(id, &[PaymentState::Captured], now)
            .col_expr(
                payment::Column::CapturedAt,
                Expr::col(payment::Column::CapturedAt).if_null(now),
            )
            .col_expr(payment::Column::Problem, Expr::value(Option::<String>::None))
            .col_expr(payment::Column::NextTryAt, Expr::value(Option::<i64>::None));
        self.took(update).await
    }

    /// Ends the second look at a payment that has ended before.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn payment_rest(&self, id: PaymentId, now: TimestampMs) -> Result<bool, StoreError> {
        let update = step(id, &[PaymentState::Failed, PaymentState::Voided], now)
            .col_expr(payment::Column::NextTryAt, Expr::value(Option::<i64>::None));
        self.took(update).await
    }

    /// Calls for another look at the gateway, unless the payment is confirmed, and learns the gateway's
    /// id of the charge. A parked payment stays parked.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn payment_look_again(
        &self,
        id: PaymentId,
        reference: &str,
        now: TimestampMs,
    ) -> Result<bool, StoreError> {
        let open = [PaymentState::Pending, PaymentState::Failed, PaymentState::Voided];
        let update = payment::Entity::update_many()
            .col_expr(payment::Column::NextTryAt, Expr::value(now))
            .col_expr(
                payment::Column::GatewayRef,
                Expr::col(payment::Column::GatewayRef).if_null(reference),
            )
            .filter(payment::Column::Id.eq(id.0))
            .filter(payment::Column::Problem.is_null())
            .filter(payment::Column::State.is_in(open.iter().map(|state| state.as_str())));
        self.took(update).await
    }

    /// Returns the payments of a reservation, oldest first.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn payments_of_reservation(
        &self,
        reservation: ReservationId,
    ) -> Result<Vec<PaymentRow>, StoreError> {
        let rows = payment::Entity::find()
            .filter(payment::Column::ReservationId.eq(reservation.0))
            .order_by_asc(payment::Column::CreatedAt)
            .order_by_asc(payment::Column::Id)
            .all(self.writes())
            .await?;
        rows.into_iter().map(payment_row).collect()
    }

    /// Returns how payments are made.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn payment_methods(
        &self,
        ids: impl IntoIterator<Item = PaymentId>,
    ) -> Result<HashMap<PaymentId, PaymentMethod>, StoreError> {
        let found: Vec<(Uuid, String)> = payment::Entity::find()
            .select_only()
            .columns([payment::Column::Id, payment::Column::Method])
            .filter(payment::Column::Id.is_in(ids.into_iter().map(|id| id.0)))
            .into_tuple()
            .all(self.reads())
            .await?;
        let parsed = found.into_iter().map(|(id, method)| {
            let damaged = || StoreError::Damaged(format!("the method of payment {id}"));
            Ok((PaymentId(id), PaymentMethod::parse(&method).ok_or_else(damaged)?))
        });
        parsed.collect()
    }

    /// Returns payments by gateways, newest first.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn payment_list(
        &self,
        filter: &PaymentFilter,
        limit: u64,
    ) -> Result<Vec<PaymentRow>, StoreError> {
        let mut found = payment::Entity::find()
            .filter(payment::Column::Method.ne(PaymentMethod::Wallet.as_str()))
            .order_by_desc(payment::Column::CreatedAt)
            .order_by_desc(payment::Column::Id)
            .limit(limit);
        if !filter.states.is_empty() {
            let states = filter.states.iter().map(|state| state.as_str());
            found = found.filter(payment::Column::State.is_in(states));
        }
        if filter.with_problem {
            found = found.filter(payment::Column::Problem.is_not_null());
        }
        if let Some(offerings) = &filter.offerings {
            let ids = offerings.iter().map(|id| id.0);
            found = found.filter(payment::Column::OfferingId.is_in(ids));
        }
        if let Some((at, id)) = filter.after {
            found =
                found.filter(older((payment::Column::CreatedAt, at), (payment::Column::Id, id.0)));
        }
        found.all(self.writes()).await?.into_iter().map(payment_row).collect()
    }
}
