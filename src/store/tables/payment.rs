//! Payments and how far each has come. Every step is a compare-and-swap on the state, in one
//! transaction with the wallet entry that belongs to it, so that a step takes effect once, no
//! matter how often and by how many drivers it is tried. The method decides whether a step has such
//! an entry.

use entities::{payment, refund};
use sea_orm::sea_query::{Expr, OnConflict};
use sea_orm::{
    ActiveValue::Set, ColumnTrait, Condition, ConnectionTrait, EntityTrait, PaginatorTrait,
    QueryFilter, QueryOrder, Statement, TransactionTrait,
};

use crate::ids::{PaymentId, ReservationId, UserId};
use crate::inventory::{Minor, TimestampMs};
use crate::store::states::{PaymentMethod, PaymentState};
use crate::store::tables::payment_group::requests::{Authorizing, Beginning};
use crate::store::tables::payment_row::{NewPayment, PaymentRow, payment_row};
use crate::store::tables::refund::payments_to_refund;
use crate::store::tables::wallet::{Entry, EntryKind, apply};
use crate::store::{Store, StoreError};

/// True if money of the customer is moving, or is to go back.
pub(crate) async fn is_under_way(
    transaction: &impl ConnectionTrait,
    user: UserId,
) -> Result<bool, StoreError> {
    let moving = payment::Entity::find()
        .filter(moves_or_is_parked())
        .filter(payment::Column::UserId.eq(user.0));
    Ok(moving.one(transaction).await?.is_some()
        || !payments_to_refund(transaction, user).await?.is_empty())
}

/// True for payments that are not at their end: one with a problem waits for an administrator, also if
/// its money came too late and is to be given back by hand.
pub(crate) fn moves_or_is_parked() -> Condition {
    let is_parked = Condition::all().add(payment::Column::Problem.is_not_null()).add(
        payment::Column::State.is_in(
            [PaymentState::Pending, PaymentState::Failed, PaymentState::Voided]
                .map(PaymentState::as_str),
        ),
    );
    Condition::any().add(payment::Column::NextTryAt.is_not_null()).add(is_parked)
}

/// Failed attempts after which a payment counts as stuck: with the pauses in between, after some 20
/// s.
const STUCK_ATTEMPTS: i32 = 3;

/// Counts of the payments that are not at their end, and of the refunds that are not done.
#[derive(Clone, Copy, Debug, Default)]
pub struct PaymentBacklog {
    /// All of them, including those that are just being made.
    pub unsettled: u64,
    /// Those that the recovery scan has tried several times without success.
    pub stuck: u64,
    /// Refunds that were refused, and wait for an administrator.
    pub refunds_refused: u64,
    /// Payments with a problem that a person has to look at.
    pub problems: u64,
    /// Notifications of gateways that fit no payment.
    pub notifications_parked: u64,
    /// When the scan may take on the first of them.
    pub next_try_at: Option<TimestampMs>,
}

/// The result of an authorization.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Authorization {
    /// The money is set aside, now or since an earlier try.
    Authorized,
    /// The wallet does not hold enough; nothing changed.
    InsufficientBalance,
    /// The payment has ended, or has come further already.
    Elsewhere(PaymentState),
}

impl Store {
    /// Starts a payment of a reservation that waits for it, in a group with other payments that
    /// arrive at the same time. Returns `None` when the payment has to be handled on its own.
    pub async fn payment_begin(&self, new: Beginning) -> Option<PaymentRow> {
        self.inner.payments.begin(new).await
    }

    /// Starts a payment, or returns the existing one with that id. `retry_at` is when the recovery
    /// scan may first take the payment on.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn payment_create(
        &self,
        new: &NewPayment,
        now: TimestampMs,
        retry_at: TimestampMs,
    ) -> Result<PaymentRow, StoreError> {
        let row = payment::ActiveModel {
            id: Set(new.id.0),
            reservation_id: Set(new.reservation.0),
            offering_id: Set(new.offering.0),
            user_id: Set(new.user.0),
            method: Set(new.method.as_str().into()),
            state: Set(PaymentState::Created.as_str().into()),
            amount: Set(new.amount),
            currency: Set(new.currency.clone()),
            attempts: Set(0),
            next_try_at: Set(Some(retry_at)),
            created_at: Set(now),
            updated_at: Set(now),
            refunded: Set(0),
            unwatched: Set(0),
            gateway_options: Set(new.options.clone()),
            return_url: Set(new.return_url.clone()),
            ..Default::default()
        };
        let written = payment::Entity::insert(row)
            .on_conflict(OnConflict::new().do_nothing().to_owned())
            .exec_without_returning(self.writes())
            .await?;
        if written == 1 {
            return Ok(PaymentRow::new(new, now, retry_at));
        }
        let found = payment::Entity::find_by_id(new.id.0).one(self.writes()).await?;
        found.map_or_else(
            || Err(StoreError::Damaged(format!("payment {} vanished", new.id))),
            payment_row,
        )
    }

    /// Returns one payment.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn payment_get(&self, id: PaymentId) -> Result<Option<PaymentRow>, StoreError> {
        // Read where payments are written: a payment that is asked for was often changed a moment
        // ago.
        payment::Entity::find_by_id(id.0).one(self.writes()).await?.map(payment_row).transpose()
    }

    /// Returns the payments of a reservation, newest first.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn payment_list_of(
        &self,
        reservation: ReservationId,
    ) -> Result<Vec<PaymentRow>, StoreError> {
        let found = payment::Entity::find()
            .filter(payment::Column::ReservationId.eq(reservation.0))
            .order_by_desc(payment::Column::CreatedAt)
            .all(self.reads())
            .await?;
        found.into_iter().map(payment_row).collect()
    }

    /// Returns those of `ids` that exist.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn payment_find(&self, ids: &[PaymentId]) -> Result<Vec<PaymentRow>, StoreError> {
        let found = payment::Entity::find()
            .filter(payment::Column::Id.is_in(ids.iter().map(|id| id.0)))
            .all(self.writes())
            .await?;
        found.into_iter().map(payment_row).collect()
    }

    /// Returns the counts of the payments that are not at their end, or are to be given back.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn payment_backlog(&self) -> Result<PaymentBacklog, StoreError> {
        let sql = format!(
            "SELECT COUNT(*) AS unsettled, MIN(next_try_at) AS due,
                    COUNT(CASE WHEN attempts >= {STUCK_ATTEMPTS} THEN 1 END) AS stuck,
                    (SELECT COUNT(*) FROM refunds WHERE state = 'REFUSED') AS refused,
                    (SELECT COUNT(*) FROM payments WHERE problem IS NOT NULL) AS problems,
                    (SELECT COUNT(*) FROM gateway_notifications
                        WHERE parked_reason IS NOT NULL) AS parked
             FROM (SELECT next_try_at, attempts FROM payments WHERE next_try_at IS NOT NULL
                UNION ALL
                SELECT next_try_at, attempts FROM refunds WHERE next_try_at IS NOT NULL) AS open"
        );
        let statement = Statement::from_string(self.backend(), sql);
        let Some(row) = self.reads().query_one_raw(statement).await? else {
            return Ok(PaymentBacklog::default());
        };
        let count = |column| row.try_get::<i64>("", column).map(i64::unsigned_abs);
        Ok(PaymentBacklog {
            unsettled: count("unsettled")?,
            stuck: count("stuck")?,
            refunds_refused: count("refused")?,
            problems: count("problems")?,
            notifications_parked: count("parked")?,
            next_try_at: row.try_get("", "due")?,
        })
    }

    /// Returns how many payments are not at their end, or are to be given back.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn payment_unsettled(&self) -> Result<u64, StoreError> {
        let open = payment::Entity::find().filter(payment::Column::NextTryAt.is_not_null());
        let refunds = refund::Entity::find().filter(refund::Column::NextTryAt.is_not_null());
        Ok(open.count(self.reads()).await? + refunds.count(self.reads()).await?)
    }

    /// Sets the money aside.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn payment_authorize(
        &self,
        row: &PaymentRow,
        now: TimestampMs,
    ) -> Result<Authorization, StoreError> {
        match row.method {
            PaymentMethod::Wallet => {
                let asked = Authorizing { id: row.id, user: row.user, now };
                if self.inner.payments.authorize(asked).await.is_some() {
                    return Ok(Authorization::Authorized);
                }
            }
            PaymentMethod::Demo
            | PaymentMethod::Simulator
            | PaymentMethod::Manual
            | PaymentMethod::Stripe => {}
        }
        self.authorize_alone(row, now).await
    }

    /// Decides a payment that belongs to no group, or that a group left out, on its own.
    async fn authorize_alone(
        &self,
        row: &PaymentRow,
        now: TimestampMs,
    ) -> Result<Authorization, StoreError> {
        let transaction = self.writes().begin().await?;
        let (from, to) = (&[PaymentState::Created][..], PaymentState::Authorized);
        if !advance(&transaction, row.id, from, to, now).await? {
            let found = payment::Entity::find_by_id(row.id.0).one(&transaction).await?;
            transaction.rollback().await?;
            let found = found.map(payment_row).transpose()?;
            let state = found.map_or(PaymentState::Failed, |found| found.state);
            return Ok(match state {
                PaymentState::Authorized => Authorization::Authorized,
                other => Authorization::Elsewhere(other),
            });
        }
        let is_covered = match row.method {
            PaymentMethod::Wallet => {
                apply(&transaction, &entry(row, EntryKind::Authorize, -row.amount, now)).await?
            }
            PaymentMethod::Demo
            | PaymentMethod::Simulator
            | PaymentMethod::Manual
            | PaymentMethod::Stripe => true,
        };
        if !is_covered {
            transaction.rollback().await?;
            return Ok(Authorization::InsufficientBalance);
        }
        transaction.commit().await?;
        Ok(Authorization::Authorized)
    }

    /// Records a step that moves no money; returns `false` if the payment was not in one of `from`.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn payment_advance(
        &self,
        id: PaymentId,
        from: &[PaymentState],
        to: PaymentState,
        now: TimestampMs,
    ) -> Result<bool, StoreError> {
        advance(self.writes(), id, from, to, now).await
    }

    /// Gives the money of a payment back that was set aside and never captured, if it is not back
    /// yet, and ends the payment.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn payment_void(
        &self,
        row: &PaymentRow,
        now: TimestampMs,
    ) -> Result<bool, StoreError> {
        let transaction = self.writes().begin().await?;
        let (from, to) = (&[PaymentState::Authorized][..], PaymentState::Voided);
        let moved = advance(&transaction, row.id, from, to, now).await?;
        let is_back = match row.method {
            PaymentMethod::Wallet if moved => {
                apply(&transaction, &entry(row, EntryKind::Void, row.amount, now)).await?
            }
            PaymentMethod::Wallet
            | PaymentMethod::Demo
            | PaymentMethod::Simulator
            | PaymentMethod::Manual
            | PaymentMethod::Stripe => true,
        };
        if !is_back {
            return Err(StoreError::Damaged(format!("payment {} cannot be given back", row.id)));
        }
        if moved {
            // What a gateway refused before, it has done, or an administrator has.
            payment::Entity::update_many()
                .col_expr(payment::Column::Problem, Expr::value(Option::<String>::None))
                .filter(payment::Column::Id.eq(row.id.0))
                .exec(&transaction)
                .await?;
        }
        transaction.commit().await?;
        Ok(moved)
    }

    /// Claims payments that are due, for `lease_ms` milliseconds; concurrent scans get different
    /// payments.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn payment_claim_due(
        &self,
        now: TimestampMs,
        lease_ms: i64,
        limit: i64,
    ) -> Result<Vec<PaymentRow>, StoreError> {
        let skip = if self.is_postgres() { "FOR UPDATE SKIP LOCKED" } else { "" };
        // The pause doubles with each failed attempt, up to 64 times the first. A payment that is
        // younger than a lease may still have its request, which a gateway's notification can overtake.
        let sql = format!(
            "UPDATE payments SET attempts = attempts + 1, next_try_at = $1 + $2 *
                 CASE WHEN attempts < 6 THEN (1 << attempts) ELSE 64 END,
                 unwatched = CASE WHEN state IN ('FAILED', 'VOIDED') OR created_at > $1 - $2
                                  THEN unwatched ELSE 1 END
             WHERE id IN (SELECT id FROM payments WHERE next_try_at <= $1
                          ORDER BY next_try_at LIMIT $3 {skip})
             RETURNING *"
        );
        let values = [now.into(), lease_ms.into(), limit.into()];
        let statement = Statement::from_sql_and_values(self.backend(), sql, values);
        let rows = payment::Entity::find().from_raw_sql(statement).all(self.writes()).await?;
        rows.into_iter().map(payment_row).collect()
    }
}

async fn advance(
    connection: &impl ConnectionTrait,
    id: PaymentId,
    from: &[PaymentState],
    to: PaymentState,
    now: TimestampMs,
) -> Result<bool, StoreError> {
    let mut update = payment::Entity::update_many()
        .col_expr(payment::Column::State, Expr::value(to.as_str()))
        .col_expr(payment::Column::UpdatedAt, Expr::value(now))
        .filter(payment::Column::Id.eq(id.0))
        .filter(payment::Column::State.is_in(from.iter().map(|state| state.as_str())));
    match to {
        PaymentState::Created | PaymentState::Pending | PaymentState::Authorized => {}
        PaymentState::Captured
        | PaymentState::Failed
        | PaymentState::Voided
        | PaymentState::Refunded => {
            update = update.col_expr(payment::Column::NextTryAt, Expr::value(Option::<i64>::None));
        }
    }
    Ok(update.exec(connection).await?.rows_affected == 1)
}

fn entry<'a>(row: &'a PaymentRow, kind: EntryKind, amount: Minor, at: TimestampMs) -> Entry<'a> {
    let (currency, payment, refund) = (&row.currency, Some(row.id), None);
    Entry { user: row.user, currency, payment, refund, kind, amount, at }
}
