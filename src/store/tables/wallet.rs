//! Balances and the ledger of their changes. A balance changes only together with an entry.

use entities::{wallet, wallet_entry};
use sea_orm::sea_query::{Expr, OnConflict};
use sea_orm::{
    ActiveModelTrait, ActiveValue::Set, ColumnTrait, ConnectionTrait, EntityTrait, ExprTrait,
    QueryFilter, QueryOrder, QuerySelect, TransactionTrait,
};
use uuid::Uuid;

use crate::ids::{PaymentId, RefundId, UserId};
use crate::inventory::{Minor, TimestampMs};
use crate::store::states::entry_id;
use crate::store::tables::{closed, idempotency};
use crate::store::{Answered, Key, Store, StoreError};

/// A customer's balance in one currency.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say it")]
pub struct Balance {
    pub currency: String,
    pub amount: Minor,
}

/// Why a balance changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EntryKind {
    /// Money was put in.
    Charge,
    /// Money was set aside for a payment; it stays taken when the payment is confirmed.
    Authorize,
    /// The money went back, since the payment failed.
    Void,
    /// The money went back, since the paid reservation was cancelled.
    Refund,
    /// The owner gave the money up with the account.
    Forfeit,
}

impl EntryKind {
    const ALL: [Self; 5] = [Self::Charge, Self::Authorize, Self::Void, Self::Refund, Self::Forfeit];

    fn as_str(self) -> &'static str {
        match self {
            Self::Charge => "charge",
            Self::Authorize => "authorize",
            Self::Void => "void",
            Self::Refund => "refund",
            Self::Forfeit => "forfeit",
        }
    }
}

/// One change of a balance.
#[derive(Clone, Debug)]
#[expect(missing_docs, reason = "the names say it")]
pub struct WalletEntry {
    pub id: Uuid,
    pub currency: String,
    pub payment: Option<PaymentId>,
    pub kind: EntryKind,
    /// Negative where money left the wallet.
    pub amount: Minor,
    pub created_at: TimestampMs,
}

/// A change to write; at most one of each kind per payment, and one per refund.
pub(crate) struct Entry<'a> {
    pub(crate) user: UserId,
    pub(crate) currency: &'a str,
    pub(crate) payment: Option<PaymentId>,
    pub(crate) refund: Option<RefundId>,
    pub(crate) kind: EntryKind,
    pub(crate) amount: Minor,
    pub(crate) at: TimestampMs,
}

/// Applies an entry. Returns `false` when the balance is too low (or would leave the range of
/// amounts): the balance stays, and the caller must roll the transaction back. An entry of this
/// kind for this payment, or of this refund, that exists already counts as applied.
pub(crate) async fn apply(
    transaction: &impl ConnectionTrait,
    entry: &Entry<'_>,
) -> Result<bool, StoreError> {
    let row = wallet_entry::ActiveModel {
        id: Set(entry_id(entry.at)),
        user_id: Set(entry.user.0),
        currency: Set(entry.currency.into()),
        payment_id: Set(entry.payment.map(|payment| payment.0)),
        kind: Set(entry.kind.as_str().into()),
        amount: Set(entry.amount),
        created_at: Set(entry.at),
        refund_id: Set(entry.refund.map(|refund| refund.0)),
    };
    let written = wallet_entry::Entity::insert(row)
        .on_conflict(OnConflict::new().do_nothing().to_owned())
        .exec_without_returning(transaction)
        .await?;
    if written == 0 {
        return Ok(true);
    }
    let opened = wallet::ActiveModel {
        user_id: Set(entry.user.0),
        currency: Set(entry.currency.into()),
        balance: Set(0),
    };
    wallet::Entity::insert(opened)
        .on_conflict(OnConflict::new().do_nothing().to_owned())
        .exec_without_returning(transaction)
        .await?;
    let changed = wallet::Entity::update_many()
        .col_expr(wallet::Column::Balance, Expr::col(wallet::Column::Balance).add(entry.amount))
        .filter(wallet::Column::UserId.eq(entry.user.0))
        .filter(wallet::Column::Currency.eq(entry.currency))
        .filter(wallet::Column::Balance.gte(-entry.amount))
        .filter(wallet::Column::Balance.lte(i64::MAX - Ord::max(entry.amount, 0)))
        .exec(transaction)
        .await?;
    Ok(changed.rows_affected == 1)
}

/// Takes a customer's whole balance out of the wallet, for good.
pub(crate) async fn forfeit(
    transaction: &impl ConnectionTrait,
    user: UserId,
    at: TimestampMs,
) -> Result<(), StoreError> {
    for Balance { currency, amount } in balances(transaction, user).await? {
        let kind = EntryKind::Forfeit;
        let currency = &currency;
        let (payment, refund, amount) = (None, None, -amount);
        apply(transaction, &Entry { user, currency, payment, refund, kind, amount, at }).await?;
    }
    Ok(())
}

/// True if the customer has money.
pub(crate) async fn has_money(
    transaction: &impl ConnectionTrait,
    user: UserId,
) -> Result<bool, StoreError> {
    Ok(!balances(transaction, user).await?.is_empty())
}

/// Returns the balances that are not zero, locked until the transaction ends.
async fn balances(
    transaction: &impl ConnectionTrait,
    user: UserId,
) -> Result<Vec<Balance>, StoreError> {
    let rows = wallet::Entity::find()
        .filter(wallet::Column::UserId.eq(user.0))
        .filter(wallet::Column::Balance.ne(0))
        .order_by_asc(wallet::Column::Currency)
        .lock_exclusive()
        .all(transaction)
        .await?;
    let balance = |row: wallet::Model| Balance { currency: row.currency, amount: row.balance };
    Ok(rows.into_iter().map(balance).collect())
}

impl Store {
    /// Returns all balances of a customer, by currency.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn wallet_get(&self, user: UserId) -> Result<Vec<Balance>, StoreError> {
        let rows = wallet::Entity::find()
            .filter(wallet::Column::UserId.eq(user.0))
            .order_by_asc(wallet::Column::Currency)
            .all(self.reads())
            .await?;
        let balance = |row: wallet::Model| Balance { currency: row.currency, amount: row.balance };
        Ok(rows.into_iter().map(balance).collect())
    }

    /// Returns the last changes of a customer's balances, newest first; at most `limit`.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn wallet_entries(
        &self,
        user: UserId,
        limit: u64,
    ) -> Result<Vec<WalletEntry>, StoreError> {
        let rows = wallet_entry::Entity::find()
            .filter(wallet_entry::Column::UserId.eq(user.0))
            .order_by_desc(wallet_entry::Column::CreatedAt)
            .order_by_desc(wallet_entry::Column::Id)
            .limit(limit)
            .all(self.reads())
            .await?;
        rows.into_iter().map(entry_row).collect()
    }

    /// Adds money. Returns the new balance; a retry gets the balance that was returned before.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] when the balance would leave the range of amounts; [`StoreError::Gone`]
    /// when the account is closed.
    pub async fn wallet_charge(
        &self,
        user: UserId,
        charge: &Balance,
        key: &Key,
        now: TimestampMs,
    ) -> Result<Answered<Minor>, StoreError> {
        let transaction = self.writes().begin().await?;
        if let Some(before) = idempotency::claim(&transaction, Some(key), "", now).await? {
            transaction.rollback().await?;
            return Ok(Answered::Before(before));
        }
        if closed::lock_closed(&transaction, user).await? {
            transaction.rollback().await?;
            return Err(StoreError::Gone("the account of this wallet"));
        }
        let entry = Entry {
            user,
            currency: &charge.currency,
            payment: None,
            refund: None,
            kind: EntryKind::Charge,
            amount: charge.amount,
            at: now,
        };
        if !apply(&transaction, &entry).await? {
            transaction.rollback().await?;
            return Err(StoreError::Conflict("the highest balance a wallet may have"));
        }
        let id = (user.0, charge.currency.clone());
        let balance = wallet::Entity::find_by_id(id).one(&transaction).await?;
        let balance = balance.map_or(0, |row| row.balance);
        let kept = entities::idempotency_key::ActiveModel {
            principal: Set(key.principal.0),
            operation: Set(key.operation.into()),
            key_hash: Set(key.key_hash.to_vec()),
            response: Set(balance.to_string()),
            ..Default::default()
        };
        kept.update(&transaction).await?;
        transaction.commit().await?;
        Ok(Answered::Now(balance))
    }
}

fn entry_row(row: wallet_entry::Model) -> Result<WalletEntry, StoreError> {
    let kind = EntryKind::ALL.into_iter().find(|kind| kind.as_str() == row.kind);
    Ok(WalletEntry {
        id: row.id,
        currency: row.currency,
        payment: row.payment_id.map(PaymentId),
        kind: kind
            .ok_or_else(|| StoreError::Damaged(format!("the kind of wallet entry {}", row.id)))?,
        amount: row.amount,
        created_at: row.created_at,
    })
}
