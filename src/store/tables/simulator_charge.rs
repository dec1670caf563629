//! The charges of the simulated gateway, which live in tables of their own as those of a real gateway
//! live elsewhere: a restart of the server loses none. No other code may draw conclusions from them.

use entities::{simulator_charge, simulator_refund};
use sea_orm::sea_query::{Expr, ExprTrait, OnConflict};
use sea_orm::{
    ActiveValue::Set, ColumnTrait, EntityTrait, QueryFilter, Statement, TransactionTrait,
};
use uuid::Uuid;

use crate::ids::PaymentId;
use crate::inventory::{Minor, TimestampMs};
use crate::store::{Store, StoreError};

const OPEN: &str = "OPEN";
const CAPTURED: &str = "CAPTURED";
const VOIDED: &str = "VOIDED";

/// A charge to make.
#[derive(Clone, Debug)]
#[expect(missing_docs, reason = "the names say it")]
pub struct NewSimulatorCharge {
    pub payment: PaymentId,
    pub amount: Minor,
    pub currency: String,
    /// A word of the gateway's.
    pub outcome: &'static str,
    pub settles_at: TimestampMs,
    pub notify_at: Option<TimestampMs>,
}

/// A charge.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say it")]
pub struct SimulatorCharge {
    pub payment: PaymentId,
    pub amount: Minor,
    pub currency: String,
    pub outcome: String,
    /// When it is authorized, or declined.
    pub settles_at: TimestampMs,
    pub is_captured: bool,
    pub is_voided: bool,
    pub refunded: Minor,
    /// How many notifications were sent.
    pub notified: i32,
}

impl Store {
    /// Makes a charge, or returns the existing one for that payment; true if it is new.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn simulator_charge_make(
        &self,
        new: &NewSimulatorCharge,
        now: TimestampMs,
    ) -> Result<(SimulatorCharge, bool), StoreError> {
        let row = simulator_charge::ActiveModel {
            id: Set(new.payment.0),
            amount: Set(new.amount),
            currency: Set(new.currency.clone()),
            outcome: Set(new.outcome.into()),
            state: Set(OPEN.into()),
            settles_at: Set(new.settles_at),
            refunded: Set(0),
            notified: Set(0),
            notify_at: Set(new.notify_at),
            created_at: Set(now),
            updated_at: Set(now),
        };
        let written = simulator_charge::Entity::insert(row)
            .on_conflict(OnConflict::new().do_nothing().to_owned())
            .exec_without_returning(self.writes())
            .await?;
        if written == 1 {
            return Ok((made(new), true));
        }
        let found = self.simulator_charge_get(new.payment).await?;
        let vanished = || StoreError::Damaged(format!("charge {} vanished", new.payment));
        Ok((found.ok_or_else(vanished)?, false))
    }

    /// Returns the charge of a payment.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn simulator_charge_get(
        &self,
        payment: PaymentId,
    ) -> Result<Option<SimulatorCharge>, StoreError> {
        let found = simulator_charge::Entity::find_by_id(payment.0).one(self.writes()).await?;
        Ok(found.map(charge))
    }

    /// Captures a charge that is authorized by `now`; false if it is none.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn simulator_charge_capture(
        &self,
        payment: PaymentId,
        now: TimestampMs,
    ) -> Result<bool, StoreError> {
        let update = simulator_charge::Entity::update_many()
            .col_expr(simulator_charge::Column::State, Expr::value(CAPTURED))
            .col_expr(simulator_charge::Column::UpdatedAt, Expr::value(now))
            .filter(simulator_charge::Column::Id.eq(payment.0))
            .filter(simulator_charge::Column::State.eq(OPEN))
            .filter(simulator_charge::Column::Outcome.ne("decline"))
            .filter(simulator_charge::Column::SettlesAt.lte(now));
        Ok(update.exec(self.writes()).await?.rows_affected == 1)
    }

    /// Voids a charge that is not captured; false if it is.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn simulator_charge_void(
        &self,
        payment: PaymentId,
        now: TimestampMs,
    ) -> Result<bool, StoreError> {
        let update = simulator_charge::Entity::update_many()
            .col_expr(simulator_charge::Column::State, Expr::value(VOIDED))
            .col_expr(simulator_charge::Column::UpdatedAt, Expr::value(now))
            .filter(simulator_charge::Column::Id.eq(payment.0))
            .filter(simulator_charge::Column::State.eq(OPEN));
        Ok(update.exec(self.writes()).await?.rows_affected == 1)
    }

    /// Gives a part of a captured charge back, once for each `id`; false if less than that is left
    /// of it.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn simulator_charge_refund(
        &self,
        payment: PaymentId,
        (id, amount): (Uuid, Minor),
        now: TimestampMs,
    ) -> Result<bool, StoreError> {
        let transaction = self.writes().begin().await?;
        let row = simulator_refund::ActiveModel {
            id: Set(id),
            charge_id: Set(payment.0),
            amount: Set(amount),
            created_at: Set(now),
        };
        let written = simulator_refund::Entity::insert(row)
            .on_conflict(OnConflict::new().do_nothing().to_owned())
            .exec_without_returning(&transaction)
            .await?;
        if written == 0 {
            transaction.rollback().await?;
            return Ok(true);
        }
        let refunded = || Expr::col(simulator_charge::Column::Refunded).add(amount);
        let changed = simulator_charge::Entity::update_many()
            .col_expr(simulator_charge::Column::Refunded, refunded())
            .filter(simulator_charge::Column::Id.eq(payment.0))
            .filter(simulator_charge::Column::State.eq(CAPTURED))
            .filter(refunded().lte(Expr::col(simulator_charge::Column::Amount)))
            .exec(&transaction)
            .await?;
        if changed.rows_affected == 0 {
            transaction.rollback().await?;
            return Ok(false);
        }
        transaction.commit().await?;
        Ok(true)
    }

    /// Takes the charges whose next notification is due, and counts it as sent. Charges with the
    /// outcome `duplicate` are notified `repeats` times, `pause_ms` apart, others once.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn simulator_notifications_take(
        &self,
        (repeats, pause_ms): (i32, i64),
        now: TimestampMs,
        limit: i64,
    ) -> Result<Vec<SimulatorCharge>, StoreError> {
        let skip = if self.is_postgres() { "FOR UPDATE SKIP LOCKED" } else { "" };
        let sql = format!(
            "UPDATE simulator_charges SET notified = notified + 1, notify_at =
                 CASE WHEN outcome = 'duplicate' AND notified + 1 < $2 THEN $1 + $3 END
             WHERE id IN (SELECT id FROM simulator_charges WHERE notify_at <= $1
                          ORDER BY notify_at LIMIT $4 {skip})
             RETURNING *"
        );
        let values = [now.into(), repeats.into(), pause_ms.into(), limit.into()];
        let statement = Statement::from_sql_and_values(self.backend(), sql, values);
        let rows =
            simulator_charge::Entity::find().from_raw_sql(statement).all(self.writes()).await?;
        Ok(rows.into_iter().map(charge).collect())
    }
}

fn made(new: &NewSimulatorCharge) -> SimulatorCharge {
    SimulatorCharge {
        payment: new.payment,
        amount: new.amount,
        currency: new.currency.clone(),
        outcome: new.outcome.into(),
        settles_at: new.settles_at,
        is_captured: false,
        is_voided: false,
        refunded: 0,
        notified: 0,
    }
}

fn charge(row: simulator_charge::Model) -> SimulatorCharge {
    SimulatorCharge {
        payment: PaymentId(row.id),
        amount: row.amount,
        currency: row.currency,
        outcome: row.outcome,
        settles_at: row.settles_at,
        is_captured: row.state == CAPTURED,
        is_voided: row.state == VOIDED,
        refunded: row.refunded,
        notified: row.notified,
    }
}
