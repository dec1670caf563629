//! Customers without an account, who have left an e-mail address. A guest who registers becomes an
//! account with the same id, and a guest who is forgotten becomes a closed account: an id never has
//! a row here and an account at a time.

use entities::{guest, reservation, user};
use sea_orm::sea_query::{Expr, ExprTrait, OnConflict, Query};
use sea_orm::{
    ActiveValue::Set, ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, QueryOrder,
    QuerySelect, TransactionTrait,
};
use uuid::Uuid;

use crate::ids::{OfferingId, UserId};
use crate::inventory::TimestampMs;
use crate::store::tables::{idempotency, mail_link};
use crate::store::{Key, Store, StoreError};

/// A customer without an account.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say it")]
pub struct GuestRow {
    pub user: UserId,
    pub email: String,
    pub created_at: TimestampMs,
    pub updated_at: TimestampMs,
    /// The tag of the guest's language; `None` where it is not known.
    pub language: Option<String>,
    /// When the guest proved to receive mail at the address.
    pub email_confirmed_at: Option<TimestampMs>,
    /// Grows with each claim code that ends the one before.
    pub code_version: i64,
    /// True for the recipient of places given away whose claim code was not used yet.
    pub is_unclaimed_gift: bool,
}

/// A guest whose claim code may be meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say it")]
pub struct ClaimableGuest {
    pub user: UserId,
    pub code_version: i64,
    pub is_unclaimed_gift: bool,
}

impl Store {
    /// Stores the e-mail address of a guest, or another one in its place, which is not confirmed and
    /// ends the claim code and the links that were sent to the one before. The caller has normalised
    /// the address. Returns the version of the claim code.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] when the guest has an account by now.
    pub async fn guest_put(
        &self,
        user: UserId,
        email: &str,
        now: TimestampMs,
    ) -> Result<i64, StoreError> {
        let transaction = self.writes().begin().await?;
        if user::Entity::find_by_id(user.0).one(&transaction).await?.is_some() {
            transaction.rollback().await?;
            return Err(StoreError::Conflict("this guest, who has an account"));
        }
        let before = guest::Entity::find_by_id(user.0).lock_exclusive().one(&transaction).await?;
        let had = before.as_ref().map(|before| before.code_version);
        let same = before.filter(|before| before.email == email);
        let code_version = match &same {
            Some(same) => same.code_version,
            None => {
                mail_link::end_all(&transaction, user).await?;
                had.map_or(0, |had| had.saturating_add(1))
            }
        };
        let row = guest::ActiveModel {
            user_id: Set(user.0),
            email: Set(email.to_owned()),
            created_at: Set(now),
            updated_at: Set(now),
            language: Set(None),
            email_confirmed_at: Set(same.and_then(|before| before.email_confirmed_at)),
            code_version: Set(code_version),
            is_unclaimed_gift: Set(false),
        };
        let changed = [
            guest::Column::Email,
            guest::Column::UpdatedAt,
            guest::Column::EmailConfirmedAt,
            guest::Column::CodeVersion,
        ];
        let other = OnConflict::column(guest::Column::UserId).update_columns(changed).to_owned();
        guest::Entity::insert(row).on_conflict(other).exec_without_returning(&transaction).await?;
        transaction.commit().await?;
        Ok(code_version)
    }

    /// Stores a new guest with that normalised address, to whom places are given.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn guest_put_recipient(
        &self,
        user: UserId,
        email: &str,
        now: TimestampMs,
    ) -> Result<(), StoreError> {
        let row = guest::ActiveModel {
            user_id: Set(user.0),
            email: Set(email.to_owned()),
            created_at: Set(now),
            updated_at: Set(now),
            language: Set(None),
            email_confirmed_at: Set(None),
            code_version: Set(0),
            is_unclaimed_gift: Set(true),
        };
        guest::Entity::insert(row).exec_without_returning(self.writes()).await?;
        Ok(())
    }

    /// Ends the claim code of places that were given away, which was used, and returns the version of
    /// the guest's next one. `None` if it had ended: of several who use it at once, one is in time, with
    /// its retries, which have the same key.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn guest_claim_gift(
        &self,
        gift: ClaimableGuest,
        key: Option<&Key>,
        now: TimestampMs,
    ) -> Result<Option<i64>, StoreError> {
        let next = gift.code_version.saturating_add(1);
        let transaction = self.writes().begin().await?;
        let claimed = guest::Entity::update_many()
            .col_expr(guest::Column::CodeVersion, Expr::value(next))
            .col_expr(guest::Column::IsUnclaimedGift, Expr::value(false))
            .filter(guest::Column::UserId.eq(gift.user.0))
            .filter(guest::Column::CodeVersion.eq(gift.code_version))
            .filter(guest::Column::IsUnclaimedGift.eq(true))
            .exec(&transaction)
            .await?;
        if claimed.rows_affected == 0 {
            let Some(key) = key else { return Ok(None) };
            return Ok(idempotency::earlier(&transaction, key).await?.map(|_| next));
        }
        idempotency::claim(&transaction, key, "", now).await?;
        transaction.commit().await?;
        Ok(Some(next))
    }

    /// Returns a guest who has left an address.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn guest_get(&self, user: UserId) -> Result<Option<GuestRow>, StoreError> {
        let found = guest::Entity::find_by_id(user.0).one(self.reads()).await?;
        Ok(found.map(|row| GuestRow {
            user: UserId(row.user_id),
            email: row.email,
            created_at: row.created_at,
            updated_at: row.updated_at,
            language: row.language,
            email_confirmed_at: row.email_confirmed_at,
            code_version: row.code_version,
            is_unclaimed_gift: row.is_unclaimed_gift,
        }))
    }

    /// Returns the guests with reservations of an event, their addresses and the versions of their claim
    /// codes, newest first; at most `limit`.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn guests_of_event(
        &self,
        event: OfferingId,
        limit: u64,
    ) -> Result<Vec<(UserId, String, i64)>, StoreError> {
        let customers = Query::select()
            .column(reservation::Column::UserId)
            .from(reservation::Entity)
            .and_where(reservation::Column::OfferingId.eq(event.0))
            .to_owned();
        let found: Vec<(Uuid, String, i64)> = guest::Entity::find()
            .select_only()
            .columns([guest::Column::UserId, guest::Column::Email, guest::Column::CodeVersion])
            .filter(guest::Column::UserId.in_subquery(customers))
            .order_by_desc(guest::Column::CreatedAt)
            .limit(limit)
            .into_tuple()
            .all(self.reads())
            .await?;
        Ok(found.into_iter().map(|(id, email, version)| (UserId(id), email, version)).collect())
    }

    /// Returns the guests with that normalised address and without an account: those with orders, and
    /// then the newest; at most `limit` of each, so that no number of new guests hides the orders.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn guest_by_email(
        &self,
        email: &str,
        limit: u64,
    ) -> Result<Vec<ClaimableGuest>, StoreError> {
        let accounts = Query::select().column(user::Column::Id).from(user::Entity).to_owned();
        let of_address = guest::Entity::find()
            .select_only()
            .columns([
                guest::Column::UserId,
                guest::Column::CodeVersion,
                guest::Column::IsUnclaimedGift,
            ])
            .filter(guest::Column::Email.eq(email))
            .filter(guest::Column::UserId.not_in_subquery(accounts))
            .order_by_desc(guest::Column::CreatedAt)
            .limit(limit);
        let order = (reservation::Entity, reservation::Column::UserId);
        let orders = Query::select()
            .expr(Expr::value(1))
            .from(reservation::Entity)
            .and_where(Expr::col(order).equals((guest::Entity, guest::Column::UserId)))
            .to_owned();
        let with_orders = of_address.clone().filter(Expr::exists(orders));
        let mut found: Vec<(Uuid, i64, bool)> = with_orders.into_tuple().all(self.reads()).await?;
        found.extend(of_address.into_tuple::<(Uuid, i64, bool)>().all(self.reads()).await?);
        let guest = |(id, code_version, is_unclaimed_gift)| ClaimableGuest {
            user: UserId(id),
            code_version,
            is_unclaimed_gift,
        };
        Ok(found.into_iter().map(guest).collect())
    }
}

impl Store {
    /// Deletes a guest to whom nothing belongs.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn guest_delete(&self, user: UserId) -> Result<(), StoreError> {
        guest::Entity::delete_by_id(user.0).exec(self.writes()).await?;
        Ok(())
    }
}

/// Deletes the guest with this id, who is an account from now on; returns false if there is none.
pub(crate) async fn end(
    transaction: &impl ConnectionTrait,
    user: UserId,
) -> Result<bool, StoreError> {
    // Guests come before their links in the order of locks.
    let deleted = guest::Entity::delete_by_id(user.0).exec(transaction).await?;
    mail_link::end_all(transaction, user).await?;
    Ok(deleted.rows_affected == 1)
}
