//! Links in mails that prove who reads the mail. Only the hash of a link's token is stored.

use entities::{guest, mail_link, user};
use sea_orm::sea_query::{Expr, Func, IntoColumnRef};
use sea_orm::{
    ActiveModelTrait, ActiveValue::Set, ColumnTrait, ConnectionTrait, EntityTrait, PaginatorTrait,
    QueryFilter, QuerySelect, TransactionTrait,
};
use uuid::Uuid;

use crate::ids::UserId;
use crate::inventory::TimestampMs;
use crate::store::{Store, StoreError};

/// The action that a link proves the right to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LinkPurpose {
    /// To confirm the address.
    ConfirmEmail,
    /// To set a new password.
    ResetPassword,
}

impl LinkPurpose {
    /// Returns the name of the purpose in rows.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::ConfirmEmail => "confirm-email",
            Self::ResetPassword => "reset-password",
        }
    }
}

/// A link.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say it")]
pub struct MailLink {
    pub id: Uuid,
    pub user: UserId,
    pub purpose: LinkPurpose,
    pub token_hash: [u8; 32],
    pub created_at: TimestampMs,
    pub expires_at: TimestampMs,
}

impl Store {
    /// Stores a link.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn mail_link_put(&self, link: &MailLink) -> Result<(), StoreError> {
        let row = mail_link::ActiveModel {
            id: Set(link.id),
            user_id: Set(link.user.0),
            purpose: Set(link.purpose.as_str().into()),
            token_hash: Set(link.token_hash.to_vec()),
            created_at: Set(link.created_at),
            expires_at: Set(link.expires_at),
        };
        row.insert(self.writes()).await?;
        Ok(())
    }

    /// True if a link for that purpose was made for the person after `since` and was not used.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn mail_link_since(
        &self,
        user: UserId,
        purpose: LinkPurpose,
        since: TimestampMs,
    ) -> Result<bool, StoreError> {
        let found = mail_link::Entity::find()
            .filter(mail_link::Column::UserId.eq(user.0))
            .filter(mail_link::Column::Purpose.eq(purpose.as_str()))
            .filter(mail_link::Column::CreatedAt.gt(since));
        Ok(found.count(self.reads()).await? > 0)
    }

    /// Returns the owner of a link and the hash of its token, if it has that purpose and has not
    /// expired.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn mail_link_get(
        &self,
        id: Uuid,
        purpose: LinkPurpose,
        now: TimestampMs,
    ) -> Result<Option<(UserId, Vec<u8>)>, StoreError> {
        let found = mail_link::Entity::find_by_id(id)
            .filter(mail_link::Column::Purpose.eq(purpose.as_str()))
            .filter(mail_link::Column::ExpiresAt.gt(now));
        let found = found.one(self.reads()).await?;
        Ok(found.map(|row| (UserId(row.user_id), row.token_hash)))
    }

    /// Returns the id and the owner of the link with a token, as [`Self::mail_link_get`] does.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn mail_link_by_token(
        &self,
        token_hash: [u8; 32],
        purpose: LinkPurpose,
        now: TimestampMs,
    ) -> Result<Option<(Uuid, UserId)>, StoreError> {
        let found = mail_link::Entity::find()
            .filter(mail_link::Column::TokenHash.eq(token_hash.to_vec()))
            .filter(mail_link::Column::Purpose.eq(purpose.as_str()))
            .filter(mail_link::Column::ExpiresAt.gt(now));
        let found = found.one(self.reads()).await?;
        Ok(found.map(|row| (row.id, UserId(row.user_id))))
    }

    /// Uses a link up: deletes all links of its owner for that purpose and marks the owner's address
    /// `email` as confirmed; one that was confirmed before stays confirmed since then. Returns false,
    /// and changes nothing, if the link was used before or the owner has another address by now.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn mail_link_use(
        &self,
        (id, user): (Uuid, UserId),
        purpose: LinkPurpose,
        email: &str,
        now: TimestampMs,
    ) -> Result<bool, StoreError> {
        let transaction = self.writes().begin().await?;
        // Accounts and guests come before their links in the order of locks.
        user::Entity::find_by_id(user.0).lock_exclusive().one(&transaction).await?;
        guest::Entity::find_by_id(user.0).lock_exclusive().one(&transaction).await?;
        if mail_link::Entity::delete_by_id(id).exec(&transaction).await?.rows_affected == 0 {
            transaction.rollback().await?;
            return Ok(false);
        }
        mail_link::Entity::delete_many()
            .filter(mail_link::Column::UserId.eq(user.0))
            .filter(mail_link::Column::Purpose.eq(purpose.as_str()))
            .exec(&transaction)
            .await?;
        let of_account = user::Entity::update_many()
            .col_expr(user::Column::EmailConfirmedAt, since(user::Column::EmailConfirmedAt, now))
            .filter(user::Column::Id.eq(user.0))
            .filter(user::Column::Email.eq(email))
            .exec(&transaction)
            .await?;
        let of_guest = guest::Entity::update_many()
            .col_expr(guest::Column::EmailConfirmedAt, since(guest::Column::EmailConfirmedAt, now))
            .filter(guest::Column::UserId.eq(user.0))
            .filter(guest::Column::Email.eq(email))
            .exec(&transaction)
            .await?;
        if of_account.rows_affected + of_guest.rows_affected == 0 {
            transaction.rollback().await?;
            return Ok(false);
        }
        transaction.commit().await?;
        Ok(true)
    }
}

/// Returns the value of a column, or `now` where there is none.
fn since(column: impl IntoColumnRef, now: TimestampMs) -> Expr {
    Func::coalesce([Expr::col(column), Expr::value(now)]).into()
}

/// Deletes all links of a person.
pub(crate) async fn end_all(
    transaction: &impl ConnectionTrait,
    user: UserId,
) -> Result<(), StoreError> {
    mail_link::Entity::delete_many()
        .filter(mail_link::Column::UserId.eq(user.0))
        .exec(transaction)
        .await?;
    Ok(())
}
