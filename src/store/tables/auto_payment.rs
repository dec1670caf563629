//! Payments that are to follow a checkout by themselves. A row is written before its checkout and
//! deleted once the payment has a row of its own; until then the recovery scan finds it here.

use entities::auto_payment;
use sea_orm::{ActiveValue::Set, EntityTrait, Statement};

use crate::ids::{ReservationId, UserId};
use crate::inventory::TimestampMs;
use crate::store::states::PaymentMethod;
use crate::store::{Store, StoreError};

/// A payment that is to follow a checkout by itself.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say it")]
pub struct AutoPaymentRow {
    /// The reservation that the checkout makes, if it succeeds.
    pub reservation: ReservationId,
    pub user: UserId,
    pub method: PaymentMethod,
    /// How often the recovery scan has taken it on.
    pub attempts: i32,
    pub created_at: TimestampMs,
}

impl Store {
    /// Notes the payment. `retry_at` is when the recovery scan may first take it on.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn auto_payment_put(
        &self,
        new: &AutoPaymentRow,
        retry_at: TimestampMs,
    ) -> Result<(), StoreError> {
        let row = auto_payment::ActiveModel {
            reservation_id: Set(new.reservation.0),
            user_id: Set(new.user.0),
            method: Set(new.method.as_str().into()),
            attempts: Set(new.attempts),
            next_try_at: Set(retry_at),
            created_at: Set(new.created_at),
        };
        auto_payment::Entity::insert(row).exec_without_returning(self.writes()).await?;
        Ok(())
    }

    /// Deletes the note: the payment has a row of its own, or there is nothing to pay.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn auto_payment_end(&self, reservation: ReservationId) -> Result<(), StoreError> {
        auto_payment::Entity::delete_by_id(reservation.0).exec(self.writes()).await?;
        Ok(())
    }

    /// Claims those that are due, for `lease_ms` milliseconds; concurrent scans get different ones.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn auto_payment_claim_due(
        &self,
        now: TimestampMs,
        lease_ms: i64,
        limit: i64,
    ) -> Result<Vec<AutoPaymentRow>, StoreError> {
        let skip = if self.is_postgres() { "FOR UPDATE SKIP LOCKED" } else { "" };
        // The pause doubles with each failed attempt, up to 64 times the first.
        let sql = format!(
            "UPDATE auto_payments SET attempts = attempts + 1, next_try_at = $1 + $2 *
                 CASE WHEN attempts < 6 THEN (1 << attempts) ELSE 64 END
             WHERE reservation_id IN (SELECT reservation_id FROM auto_payments
                          WHERE next_try_at <= $1 ORDER BY next_try_at LIMIT $3 {skip})
             RETURNING *"
        );
        let values = [now.into(), lease_ms.into(), limit.into()];
        let statement = Statement::from_sql_and_values(self.backend(), sql, values);
        let rows = auto_payment::Entity::find().from_raw_sql(statement).all(self.writes()).await?;
        rows.iter().map(auto_payment_row).collect()
    }
}

fn auto_payment_row(row: &auto_payment::Model) -> Result<AutoPaymentRow, StoreError> {
    let method = PaymentMethod::parse(&row.method).ok_or_else(|| {
        StoreError::Damaged(format!("the method of the payment of {}", row.reservation_id))
    })?;
    Ok(AutoPaymentRow {
        reservation: ReservationId(row.reservation_id),
        user: UserId(row.user_id),
        method,
        attempts: row.attempts,
        created_at: row.created_at,
    })
}
