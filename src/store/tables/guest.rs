//! Customers without an account, who have left an e-mail address. A guest who registers becomes an
//! account with the same id, and a guest who is forgotten becomes a closed account: an id never has
//! a row here and an account at a time.

use entities::{guest, reservation, user};
use sea_orm::sea_query::{OnConflict, Query};
use sea_orm::{
    ActiveValue::Set, ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, QueryOrder,
    QuerySelect, TransactionTrait,
};
use uuid::Uuid;

use crate::ids::{OfferingId, UserId};
use crate::inventory::TimestampMs;
use crate::store::tables::mail_link;
use crate::store::{Store, StoreError};

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
}

impl Store {
    /// Stores the e-mail address of a guest, or another one in its place, which is not confirmed and
    /// ends the links that were sent to the one before. The caller has normalised the address.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] when the guest has an account by now.
    pub async fn guest_put(
        &self,
        user: UserId,
        email: &str,
        now: TimestampMs,
    ) -> Result<(), StoreError> {
        let transaction = self.writes().begin().await?;
        if user::Entity::find_by_id(user.0).one(&transaction).await?.is_some() {
            transaction.rollback().await?;
            return Err(StoreError::Conflict("this guest, who has an account"));
        }
        let before = guest::Entity::find_by_id(user.0).lock_exclusive().one(&transaction).await?;
        let same = before.filter(|before| before.email == email);
        if same.is_none() {
            mail_link::end_all(&transaction, user).await?;
        }
        let row = guest::ActiveModel {
            user_id: Set(user.0),
            email: Set(email.to_owned()),
            created_at: Set(now),
            updated_at: Set(now),
            language: Set(None),
            email_confirmed_at: Set(same.and_then(|before| before.email_confirmed_at)),
        };
        let changed =
            [guest::Column::Email, guest::Column::UpdatedAt, guest::Column::EmailConfirmedAt];
        let other = OnConflict::column(guest::Column::UserId).update_columns(changed).to_owned();
        guest::Entity::insert(row).on_conflict(other).exec_without_returning(&transaction).await?;
        transaction.commit().await?;
        Ok(())
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
        }))
    }

    /// Returns the guests with reservations of an event and their addresses, newest first; at most
    /// `limit`.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn guests_of_event(
        &self,
        event: OfferingId,
        limit: u64,
    ) -> Result<Vec<(UserId, String)>, StoreError> {
        let customers = Query::select()
            .column(reservation::Column::UserId)
            .from(reservation::Entity)
            .and_where(reservation::Column::OfferingId.eq(event.0))
            .to_owned();
        let found: Vec<(Uuid, String)> = guest::Entity::find()
            .select_only()
            .columns([guest::Column::UserId, guest::Column::Email])
            .filter(guest::Column::UserId.in_subquery(customers))
            .order_by_desc(guest::Column::CreatedAt)
            .limit(limit)
            .into_tuple()
            .all(self.reads())
            .await?;
        Ok(found.into_iter().map(|(id, email)| (UserId(id), email)).collect())
    }

    /// Returns the guests with that normalised address and without an account, newest first; at most
    /// `limit`.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn guest_by_email(&self, email: &str, limit: u64) -> Result<Vec<UserId>, StoreError> {
        let accounts = Query::select().column(user::Column::Id).from(user::Entity).to_owned();
        let found: Vec<Uuid> = guest::Entity::find()
            .select_only()
            .column(guest::Column::UserId)
            .filter(guest::Column::Email.eq(email))
            .filter(guest::Column::UserId.not_in_subquery(accounts))
            .order_by_desc(guest::Column::CreatedAt)
            .limit(limit)
            .into_tuple()
            .all(self.reads())
            .await?;
        Ok(found.into_iter().map(UserId).collect())
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
    mail_link::end_all(transaction, user).await?;
    let deleted = guest::Entity::delete_by_id(user.0).exec(transaction).await?;
    Ok(deleted.rows_affected == 1)
}
