//! Reads the reservations and payments that a customer who closes an account still has, and the
//! events in which to search for more.

use std::collections::BTreeSet;

use entities::{event, head, payment, reservation, waitlisted};
use sea_orm::sea_query::{OnConflict, Query};
use sea_orm::{
    ActiveValue::Set, ColumnTrait, ConnectionTrait, DbErr, EntityTrait, QueryFilter, QueryOrder,
    Statement,
};

use crate::ids::{OfferingId, PaymentId, ReservationId, UserId};
use crate::inventory::{DEFAULT_EVENT_LENGTH_MS, Minor, TimestampMs};
use crate::store::states::{PaymentMethod, PaymentState, ReservationState};
use crate::store::tables::closed::FORGOTTEN;
use crate::store::tables::payment::moves_or_is_parked;
use crate::store::tables::refund::payments_to_refund;
use crate::store::{Store, StoreError};

/// A reservation that waits for payment, or a paid one whose event is not over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say it")]
pub struct LivingReservation {
    pub id: ReservationId,
    pub offering: OfferingId,
    pub is_paid: bool,
    pub price: Minor,
    /// True if its cancellation puts money into the wallet.
    pub refunds_to_wallet: bool,
}

/// How a balance is treated when its account is closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnBalance {
    /// The account stays open while it has a balance.
    Refuse,
    /// The balance is taken out, with a wallet entry that gives the reason.
    Forfeit,
}

impl Store {
    /// Returns a customer's reservations that are not over, newest first.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn reservations_living(
        &self,
        user: UserId,
        now: TimestampMs,
    ) -> Result<Vec<LivingReservation>, StoreError> {
        let states = [ReservationState::PaymentPending, ReservationState::Confirmed];
        let found = reservation::Entity::find()
            .filter(reservation::Column::UserId.eq(user.0))
            .filter(reservation::Column::Status.is_in(states.map(ReservationState::as_str)))
            .order_by_desc(reservation::Column::CreatedAt)
            .all(self.writes())
            .await?;
        let events: BTreeSet<_> = found.iter().map(|row| row.offering_id).collect();
        let events =
            event::Entity::find().filter(event::Column::Id.is_in(events)).all(self.reads()).await?;
        let end_of = |row: &event::Model| {
            row.event_end_at.unwrap_or(row.event_date.saturating_add(DEFAULT_EVENT_LENGTH_MS))
        };
        let past = events.iter().filter(|row| end_of(row) <= now);
        let past: BTreeSet<_> = past.map(|row| row.id).collect();
        let payments = found.iter().filter_map(|row| row.payment_id);
        let from_wallet: BTreeSet<_> = payment::Entity::find()
            .filter(payment::Column::Id.is_in(payments))
            .filter(payment::Column::Method.eq(PaymentMethod::Wallet.as_str()))
            .all(self.writes())
            .await?
            .into_iter()
            .map(|row| row.id)
            .collect();
        let living = found.into_iter().map(|row| {
            let is_paid = row.status == ReservationState::Confirmed.as_str();
            let is_over = is_paid && past.contains(&row.offering_id);
            (!is_over).then_some(LivingReservation {
                id: ReservationId(row.id),
                offering: OfferingId(row.offering_id),
                is_paid,
                price: row.total_price,
                refunds_to_wallet: row.total_price > 0
                    && row.payment_id.is_some_and(|payment| from_wallet.contains(&payment)),
            })
        });
        Ok(living.flatten().collect())
    }

    /// True if another order of the customer at the event of this one waits for a payment by hand.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn payment_waits_by_hand(
        &self,
        user: UserId,
        reservation: ReservationId,
    ) -> Result<bool, StoreError> {
        let event = Query::select()
            .column(reservation::Column::OfferingId)
            .from(reservation::Entity)
            .and_where(reservation::Column::Id.eq(reservation.0))
            .to_owned();
        let others = Query::select()
            .column(reservation::Column::Id)
            .from(reservation::Entity)
            .and_where(reservation::Column::UserId.eq(user.0))
            .and_where(reservation::Column::Id.ne(reservation.0))
            .and_where(reservation::Column::Status.eq(ReservationState::PaymentPending.as_str()))
            .and_where(reservation::Column::OfferingId.in_subquery(event))
            .to_owned();
        let waits = [PaymentState::Created, PaymentState::Pending];
        let found = payment::Entity::find()
            .filter(payment::Column::ReservationId.in_subquery(others))
            .filter(payment::Column::Method.eq(PaymentMethod::Manual.as_str()))
            .filter(payment::Column::State.is_in(waits.map(PaymentState::as_str)))
            .one(self.writes())
            .await?;
        Ok(found.is_some())
    }

    /// Returns a customer's payments whose money is moving, or is to go back.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn payments_under_way(&self, user: UserId) -> Result<Vec<PaymentId>, StoreError> {
        let states = [
            PaymentState::Created,
            PaymentState::Pending,
            PaymentState::Authorized,
            PaymentState::Captured,
            PaymentState::Failed,
            PaymentState::Voided,
        ];
        let to_refund = payments_to_refund(self.writes(), user).await?;
        let found = payment::Entity::find()
            .filter(moves_or_is_parked())
            .filter(payment::Column::UserId.eq(user.0))
            .filter(payment::Column::State.is_in(states.map(PaymentState::as_str)))
            .all(self.writes())
            .await?;
        let moving = found.into_iter().map(|row| PaymentId(row.id)).chain(to_refund);
        Ok(moving.collect::<BTreeSet<_>>().into_iter().collect())
    }

    /// Records that a customer is about to wait for places of an event.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn waitlisted_add(&self, user: UserId, event: OfferingId) -> Result<(), StoreError> {
        let row = waitlisted::ActiveModel { user_id: Set(user.0), offering_id: Set(event.0) };
        waitlisted::Entity::insert(row)
            .on_conflict(OnConflict::new().do_nothing().to_owned())
            .exec_without_returning(self.writes())
            .await?;
        Ok(())
    }

    /// Deletes the record that a customer may wait for places of an event.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn waitlisted_remove(
        &self,
        user: UserId,
        event: OfferingId,
    ) -> Result<(), StoreError> {
        let id = (user.0, event.0);
        waitlisted::Entity::delete_by_id(id).exec(self.writes()).await?;
        Ok(())
    }

    /// Returns the owners of accounts that were closed before `before` and that may still wait for
    /// places; at most 100 of them.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn closed_and_waiting(&self, before: TimestampMs) -> Result<Vec<UserId>, StoreError> {
        let sql = "SELECT DISTINCT users.id FROM users JOIN (
                SELECT user_id FROM waitlisted
                UNION ALL SELECT user_id FROM enrollments WHERE status IN ('APPLIED', 'WAITLISTED')
            ) AS waits ON users.id = waits.user_id
            WHERE users.email LIKE $1 AND users.updated_at < $2 LIMIT 100";
        let values = [format!("%{FORGOTTEN}").into(), before.into()];
        let statement = Statement::from_sql_and_values(self.backend(), sql, values);
        let rows = self.reads().query_all_raw(statement).await?;
        let rows = rows.iter().map(|row| Ok(UserId(row.try_get("", "id")?)));
        Ok(rows.collect::<Result<_, DbErr>>()?)
    }

    /// Returns the events that a customer has ever waited in, with the classes in which one waits
    /// now, and the other events in which anything is held now.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn offerings_to_leave(
        &self,
        user: UserId,
    ) -> Result<(Vec<OfferingId>, Vec<OfferingId>), StoreError> {
        let waited = waitlisted::Entity::find()
            .filter(waitlisted::Column::UserId.eq(user.0))
            .all(self.writes())
            .await?;
        let mut waited: BTreeSet<_> =
            waited.into_iter().map(|row| OfferingId(row.offering_id)).collect();
        // An application says itself where it waits.
        waited.extend(self.enrollment_classes_waiting(user).await?);
        // Reads small rows, one for each event; the sweeper reads them as well.
        let due = head::Entity::find()
            .filter(head::Column::NextDueAt.is_not_null())
            .all(self.reads())
            .await?;
        let due = due.into_iter().map(|row| OfferingId(row.offering_id));
        let held = due.filter(|event| !waited.contains(event)).collect();
        Ok((waited.into_iter().collect(), held))
    }
}
