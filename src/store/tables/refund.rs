//! Refunds. The projection of the journal writes them; the payments module pays them back. Money
//! never moves twice for one row, and never more than the payment's amount for all rows of a
//! payment: both are conditions of the transaction that moves it.

use entities::{payment, refund};
use sea_orm::sea_query::{Expr, ExprTrait, Query};
use sea_orm::{
    ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect, Statement,
    TransactionTrait,
};
use serde_json::json;

use crate::ids::{OfferingId, PaymentId, RefundId, ReservationId, Seq, UserId};
use crate::inventory::{Minor, TimestampMs};
use crate::store::states::{PaymentMethod, PaymentState, RefundReason, RefundState, refund_id};
use crate::store::tables::notice;
use crate::store::tables::payment_row::PaymentRow;
use crate::store::tables::wallet::{Entry, EntryKind, apply};
use crate::store::{NewNotice, Store, StoreError, older};

/// Money to give back for a payment.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say it")]
pub struct RefundRow {
    pub id: RefundId,
    pub payment: PaymentId,
    pub reservation: ReservationId,
    pub offering: OfferingId,
    pub amount: Minor,
    pub currency: String,
    pub reason: RefundReason,
    /// The reason in the words of the administrator who asked for it.
    pub note: Option<String>,
    pub state: RefundState,
    pub attempts: i32,
    /// How often an administrator had it tried again.
    pub retries: i32,
    /// When it may be tried; `None` when it is done or refused.
    pub next_try_at: Option<TimestampMs>,
    /// Why it was refused.
    pub error: Option<String>,
    /// `None` if the event was cancelled.
    pub requested_by: Option<UserId>,
    pub created_at: TimestampMs,
    pub updated_at: TimestampMs,
}

/// The filter of a list of refunds.
#[derive(Clone, Debug, Default)]
#[expect(missing_docs, reason = "the names say it")]
pub struct RefundFilter {
    pub reservation: Option<ReservationId>,
    pub state: Option<RefundState>,
    /// Only refunds of these offerings.
    pub offerings: Option<Vec<OfferingId>>,
    /// Only refunds after this one in the list, given by its time and id.
    pub after: Option<(TimestampMs, RefundId)>,
}

/// What came of a refund.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PaidBack {
    /// The money is back.
    Done,
    /// It was back before, or the refund is refused.
    Elsewhere,
    /// All refunds of the payment would be more than was paid. Nothing changed.
    TooMuch,
    /// The wallet's balance would be too high. Nothing changed.
    WalletFull,
}

/// The notice that money is back.
const PAID_BACK: &str = "payment.refunded";
const OPEN: [RefundState; 2] = [RefundState::Due, RefundState::AtGateway];

/// Returns a customer's payments that have refunds on their way, or refused ones.
pub(crate) async fn payments_to_refund(
    connection: &impl ConnectionTrait,
    user: UserId,
) -> Result<Vec<PaymentId>, StoreError> {
    let of_user = Query::select()
        .column(payment::Column::Id)
        .from(payment::Entity)
        .and_where(payment::Column::UserId.eq(user.0))
        .to_owned();
    let found = refund::Entity::find()
        .filter(refund::Column::State.ne(RefundState::Done.as_str()))
        .filter(refund::Column::PaymentId.in_subquery(of_user))
        .all(connection)
        .await?;
    Ok(found.into_iter().map(|row| PaymentId(row.payment_id)).collect())
}

impl Store {
    /// Returns one refund.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn refund_get(&self, id: RefundId) -> Result<Option<RefundRow>, StoreError> {
        refund::Entity::find_by_id(id.0).one(self.writes()).await?.map(refund_row).transpose()
    }

    /// Returns the refunds of a payment that are not at their end, oldest first.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn refund_open_of(&self, payment: PaymentId) -> Result<Vec<RefundRow>, StoreError> {
        let found = refund::Entity::find()
            .filter(refund::Column::PaymentId.eq(payment.0))
            .filter(refund::Column::NextTryAt.is_not_null())
            .order_by_asc(refund::Column::CreatedAt)
            .all(self.writes())
            .await?;
        found.into_iter().map(refund_row).collect()
    }

    /// Returns the refunds of a reservation that a row of the journal called for.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn refunds_of_row(
        &self,
        reservation: ReservationId,
        seq: Seq,
    ) -> Result<Vec<RefundRow>, StoreError> {
        // A row calls for one refund for each ticket at most.
        let ids = (0..=64).map(|nth| refund_id(reservation, seq, nth).0);
        let found =
            refund::Entity::find().filter(refund::Column::Id.is_in(ids)).all(self.writes()).await?;
        found.into_iter().map(refund_row).collect()
    }

    /// Returns refunds, newest first; at most `limit`.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn refund_list(
        &self,
        filter: RefundFilter,
        limit: u64,
    ) -> Result<Vec<RefundRow>, StoreError> {
        use refund::Column;
        let mut query = refund::Entity::find()
            .order_by_desc(Column::CreatedAt)
            .order_by_desc(Column::Id)
            .limit(limit);
        if let Some(reservation) = filter.reservation {
            query = query.filter(Column::ReservationId.eq(reservation.0));
        }
        if let Some(state) = filter.state {
            query = query.filter(Column::State.eq(state.as_str()));
        }
        if let Some(offerings) = &filter.offerings {
            query = query.filter(Column::OfferingId.is_in(offerings.iter().map(|id| id.0)));
        }
        if let Some((at, id)) = filter.after {
            query = query.filter(older((Column::CreatedAt, at), (Column::Id, id.0)));
        }
        query.all(self.reads()).await?.into_iter().map(refund_row).collect()
    }

    /// Claims refunds that are due, for `lease_ms` milliseconds; concurrent scans get different
    /// refunds.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn refund_claim_due(
        &self,
        now: TimestampMs,
        lease_ms: i64,
        limit: i64,
    ) -> Result<Vec<RefundRow>, StoreError> {
        let skip = if self.is_postgres() { "FOR UPDATE SKIP LOCKED" } else { "" };
        // The pause doubles with each failed attempt, up to 64 times the first.
        let sql = format!(
            "UPDATE refunds SET attempts = attempts + 1, next_try_at = $1 + $2 *
                 CASE WHEN attempts < 6 THEN (1 << attempts) ELSE 64 END
             WHERE id IN (SELECT id FROM refunds WHERE next_try_at <= $1
                          ORDER BY next_try_at LIMIT $3 {skip})
             RETURNING *"
        );
        let values = [now.into(), lease_ms.into(), limit.into()];
        let statement = Statement::from_sql_and_values(self.backend(), sql, values);
        let rows = refund::Entity::find().from_raw_sql(statement).all(self.writes()).await?;
        rows.into_iter().map(refund_row).collect()
    }

    /// Gives the money of a refund back, once: to the wallet, or, where a gateway has moved it, by
    /// the payment's sum alone. Writes a notice to the customer.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn refund_pay_back(
        &self,
        row: &RefundRow,
        of: &PaymentRow,
        now: TimestampMs,
    ) -> Result<PaidBack, StoreError> {
        let transaction = self.writes().begin().await?;
        if !end(&transaction, row.id, RefundState::Done, None, now).await? {
            transaction.rollback().await?;
            return Ok(PaidBack::Elsewhere);
        }
        let sum = || Expr::col(payment::Column::Refunded).add(row.amount);
        let is_all = sum().eq(Expr::col(payment::Column::Amount));
        let all_back = Expr::value(PaymentState::Refunded.as_str());
        let state = Expr::case(is_all, all_back).finally(Expr::col(payment::Column::State));
        let added = payment::Entity::update_many()
            .col_expr(payment::Column::Refunded, sum())
            .col_expr(payment::Column::State, state.into())
            .col_expr(payment::Column::UpdatedAt, Expr::value(now))
            .filter(payment::Column::Id.eq(row.payment.0))
            .filter(payment::Column::State.eq(PaymentState::Captured.as_str()))
            .filter(sum().lte(Expr::col(payment::Column::Amount)))
            .exec(&transaction)
            .await?;
        if added.rows_affected == 0 {
            transaction.rollback().await?;
            return Ok(PaidBack::TooMuch);
        }
        let is_back = match of.method {
            PaymentMethod::Wallet => {
                let (payment, refund) = (Some(of.id), Some(row.id));
                let (user, currency, amount) = (of.user, &row.currency, row.amount);
                let kind = EntryKind::Refund;
                let entry = Entry { user, currency, payment, refund, kind, amount, at: now };
                apply(&transaction, &entry).await?
            }
            PaymentMethod::Demo
            | PaymentMethod::Simulator
            | PaymentMethod::Manual
            | PaymentMethod::Stripe => true,
        };
        if !is_back {
            transaction.rollback().await?;
            return Ok(PaidBack::WalletFull);
        }
        let payload = json!({
            "reservationId": row.reservation,
            "paymentId": row.payment,
            "refundId": row.id,
            "amount": row.amount,
            "method": of.method.as_str(),
        });
        let (offering, user) = (Some(row.offering), Some(of.user));
        let told = NewNotice { kind: PAID_BACK, offering, user, payload };
        notice::put(&transaction, &told, now).await?;
        transaction.commit().await?;
        Ok(PaidBack::Done)
    }

    /// Records that the gateway is asked: from now on the money may have moved. Returns `false` if
    /// all refunds of the payment would be more than was paid, or the refund has ended.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn refund_at_gateway(
        &self,
        row: &RefundRow,
        now: TimestampMs,
    ) -> Result<bool, StoreError> {
        let transaction = self.writes().begin().await?;
        // The payment's row makes the refunds of one payment wait for each other.
        let lock = "UPDATE payments SET updated_at = $2 WHERE id = $1";
        let mark = "UPDATE refunds SET state = 'AT_GATEWAY', updated_at = $2
            WHERE id = $1 AND state IN ('DUE', 'AT_GATEWAY') AND
                (SELECT p.amount FROM payments p WHERE p.id = refunds.payment_id) >=
                amount + (SELECT coalesce(sum(r.amount), 0) FROM refunds r
                    WHERE r.payment_id = refunds.payment_id AND r.id <> refunds.id
                        AND r.state IN ('AT_GATEWAY', 'DONE'))";
        let run = async |sql: &str, id: uuid::Uuid| {
            let values = [id.into(), now.into()];
            transaction
                .execute_raw(Statement::from_sql_and_values(self.backend(), sql, values))
                .await
        };
        run(lock, row.payment.0).await?;
        let marked = run(mark, row.id.0).await?.rows_affected() == 1;
        transaction.commit().await?;
        Ok(marked)
    }

    /// Records that a refund was refused, and why; returns `false` if it had ended before.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn refund_refuse(
        &self,
        id: RefundId,
        error: &str,
        now: TimestampMs,
    ) -> Result<bool, StoreError> {
        end(self.writes(), id, RefundState::Refused, Some(error), now).await
    }

    /// Has a refused refund tried again; returns `false` if it is not refused.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn refund_retry(&self, id: RefundId, now: TimestampMs) -> Result<bool, StoreError> {
        let retried = refund::Entity::update_many()
            .col_expr(refund::Column::State, Expr::value(RefundState::Due.as_str()))
            .col_expr(refund::Column::NextTryAt, Expr::value(Some(now)))
            .col_expr(refund::Column::Attempts, Expr::value(0))
            .col_expr(refund::Column::Retries, Expr::col(refund::Column::Retries).add(1))
            .col_expr(refund::Column::UpdatedAt, Expr::value(now))
            .filter(refund::Column::Id.eq(id.0))
            .filter(refund::Column::State.eq(RefundState::Refused.as_str()))
            .exec(self.writes())
            .await?;
        Ok(retried.rows_affected == 1)
    }

    /// Stores the reason that an administrator gave.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn refund_note(&self, id: RefundId, note: &str) -> Result<(), StoreError> {
        refund::Entity::update_many()
            .col_expr(refund::Column::Note, Expr::value(note))
            .filter(refund::Column::Id.eq(id.0))
            .exec(self.writes())
            .await?;
        Ok(())
    }

    /// Makes a refund of a captured payment that an instance of an earlier version has marked as to
    /// be refunded, in its own row.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn refund_adopt(&self, id: PaymentId, now: TimestampMs) -> Result<(), StoreError> {
        let transaction = self.writes().begin().await?;
        let insert = "INSERT INTO refunds (id, payment_id, reservation_id, offering_id, amount,
                currency, reason, state, attempts, next_try_at, created_at, updated_at)
            SELECT id, id, reservation_id, offering_id, coalesce(refund_amount, amount), currency,
                'RESERVATION_CANCELLED', 'DUE', 0, $2, $2, $2
            FROM payments WHERE id = $1 AND state = 'CAPTURED' AND next_try_at IS NOT NULL
                AND method IN ('wallet', 'demo') AND coalesce(refund_amount, amount) > 0
            ON CONFLICT DO NOTHING";
        let clear = "UPDATE payments SET next_try_at = NULL, updated_at = $2
            WHERE id = $1 AND state = 'CAPTURED'";
        for sql in [insert, clear] {
            let values = [id.0.into(), now.into()];
            let statement = Statement::from_sql_and_values(self.backend(), sql, values);
            transaction.execute_raw(statement).await?;
        }
        transaction.commit().await?;
        Ok(())
    }
}

/// Ends a refund that is not at its end.
async fn end(
    connection: &impl ConnectionTrait,
    id: RefundId,
    to: RefundState,
    error: Option<&str>,
    now: TimestampMs,
) -> Result<bool, StoreError> {
    let ended = refund::Entity::update_many()
        .col_expr(refund::Column::State, Expr::value(to.as_str()))
        .col_expr(refund::Column::NextTryAt, Expr::value(Option::<i64>::None))
        .col_expr(refund::Column::Error, Expr::value(error.map(str::to_owned)))
        .col_expr(refund::Column::UpdatedAt, Expr::value(now))
        .filter(refund::Column::Id.eq(id.0))
        .filter(refund::Column::State.is_in(OPEN.map(RefundState::as_str)))
        .exec(connection)
        .await?;
    Ok(ended.rows_affected == 1)
}

fn refund_row(row: refund::Model) -> Result<RefundRow, StoreError> {
    let damaged = |what: &str| StoreError::Damaged(format!("the {what} of refund {}", row.id));
    Ok(RefundRow {
        id: RefundId(row.id),
        payment: PaymentId(row.payment_id),
        reservation: ReservationId(row.reservation_id),
        offering: OfferingId(row.offering_id),
        amount: row.amount,
        reason: RefundReason::parse(&row.reason).ok_or_else(|| damaged("reason"))?,
        state: RefundState::parse(&row.state).ok_or_else(|| damaged("state"))?,
        currency: row.currency,
        note: row.note,
        attempts: row.attempts,
        retries: row.retries,
        next_try_at: row.next_try_at,
        error: row.error,
        requested_by: row.requested_by.map(UserId),
        created_at: row.created_at,
        updated_at: row.updated_at,
    })
}
