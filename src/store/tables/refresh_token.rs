//! Refresh tokens, stored by hash, in families that are revoked together. Every operation that
//! opens, renews or revokes a token locks its owner's row first, so that no successor is kept after
//! its family was revoked.

use entities::{refresh_token, user};
use sea_orm::sea_query::Expr;
use sea_orm::{
    ActiveModelTrait, ActiveValue::Set, ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter,
    TransactionTrait,
};
use uuid::Uuid;

use crate::ids::UserId;
use crate::inventory::TimestampMs;
use crate::store::tables::user::{lock, user_row};
use crate::store::{Store, StoreError, UserRow};

/// A refresh token, known only by its hash.
#[derive(Clone, Debug)]
#[expect(missing_docs, reason = "the names say it")]
pub struct RefreshToken {
    pub family: Uuid,
    pub user: UserId,
    pub token_hash: [u8; 32],
    pub issued_at: TimestampMs,
    pub expires_at: TimestampMs,
}

/// The result of presenting a refresh token.
#[derive(Clone, Debug)]
pub enum Rotation {
    /// The token was valid; it is used up now and its successor is stored.
    Rotated(UserRow),
    /// The token was used up before for this very successor, which has not been used yet: the retry
    /// of an answer that got lost. Holds the time when the successor expires.
    Repeated(UserRow, TimestampMs),
    /// The token is unknown, expired or revoked, or its owner's account is closed.
    Refused,
    /// The token was used before, so another party has a copy: its whole family is revoked now.
    Reused,
}

impl Store {
    /// Stores the first refresh token of a login, for a client that has proved to know the password
    /// with that hash. Returns `None`, and stores nothing, if the password has changed since or the
    /// account is closed.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn refresh_token_open(
        &self,
        token: &RefreshToken,
        password_hash: &str,
    ) -> Result<Option<UserRow>, StoreError> {
        let transaction = self.writes().begin().await?;
        let owner = lock(&transaction, token.user).await?;
        let Some(owner) = owner.filter(|owner| owner.password_hash == password_hash) else {
            return Ok(None);
        };
        refresh_row(token).insert(&transaction).await?;
        transaction.commit().await?;
        Ok(Some(user_row(owner)?))
    }

    /// Uses a refresh token up and stores `successor` in its family, regardless of the family and
    /// user that `successor` names.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn refresh_token_rotate(
        &self,
        token_hash: [u8; 32],
        successor: RefreshToken,
        now: TimestampMs,
    ) -> Result<Rotation, StoreError> {
        let transaction = self.writes().begin().await?;
        let Some((found, owner)) = locked(&transaction, token_hash).await? else {
            return Ok(Rotation::Refused);
        };
        if found.revoked_at.is_some() || found.expires_at <= now {
            return Ok(Rotation::Refused);
        }
        if found.used_at.is_some() {
            let kept = refresh_token::Entity::find()
                .filter(refresh_token::Column::TokenHash.eq(successor.token_hash.to_vec()))
                .filter(refresh_token::Column::FamilyId.eq(found.family_id))
                .filter(refresh_token::Column::UsedAt.is_null())
                .one(&transaction)
                .await?;
            if let Some(kept) = kept {
                return Ok(Rotation::Repeated(user_row(owner)?, kept.expires_at));
            }
            revoke(&transaction, found.family_id, now).await?;
            transaction.commit().await?;
            return Ok(Rotation::Reused);
        }
        let successor =
            RefreshToken { family: found.family_id, user: UserId(found.user_id), ..successor };
        let mut used: refresh_token::ActiveModel = found.into();
        used.used_at = Set(Some(now));
        used.update(&transaction).await?;
        refresh_row(&successor).insert(&transaction).await?;
        transaction.commit().await?;
        Ok(Rotation::Rotated(user_row(owner)?))
    }

    /// Revokes the family of a refresh token; does nothing if there is no such token.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn refresh_token_revoke(
        &self,
        token_hash: [u8; 32],
        now: TimestampMs,
    ) -> Result<(), StoreError> {
        let transaction = self.writes().begin().await?;
        if let Some((found, _)) = locked(&transaction, token_hash).await? {
            revoke(&transaction, found.family_id, now).await?;
            transaction.commit().await?;
        }
        Ok(())
    }
}

/// Returns a refresh token as read once its owner's row is locked, and that row.
async fn locked(
    transaction: &impl ConnectionTrait,
    token_hash: [u8; 32],
) -> Result<Option<(refresh_token::Model, user::Model)>, StoreError> {
    let Some(found) = by_hash(transaction, token_hash).await? else { return Ok(None) };
    let Some(owner) = lock(transaction, UserId(found.user_id)).await? else { return Ok(None) };
    // The token may have been used, revoked or deleted during the wait for the lock.
    Ok(by_hash(transaction, token_hash).await?.map(|found| (found, owner)))
}

async fn by_hash(
    connection: &impl ConnectionTrait,
    token_hash: [u8; 32],
) -> Result<Option<refresh_token::Model>, StoreError> {
    let found = refresh_token::Entity::find()
        .filter(refresh_token::Column::TokenHash.eq(token_hash.to_vec()));
    Ok(found.one(connection).await?)
}

async fn revoke(
    connection: &impl ConnectionTrait,
    family: Uuid,
    now: TimestampMs,
) -> Result<(), StoreError> {
    refresh_token::Entity::update_many()
        .col_expr(refresh_token::Column::RevokedAt, Expr::value(now))
        .filter(refresh_token::Column::FamilyId.eq(family))
        .filter(refresh_token::Column::RevokedAt.is_null())
        .exec(connection)
        .await?;
    Ok(())
}

fn refresh_row(token: &RefreshToken) -> refresh_token::ActiveModel {
    refresh_token::ActiveModel {
        id: Set(Uuid::new_v4()),
        family_id: Set(token.family),
        user_id: Set(token.user.0),
        token_hash: Set(token.token_hash.to_vec()),
        issued_at: Set(token.issued_at),
        expires_at: Set(token.expires_at),
        used_at: Set(None),
        revoked_at: Set(None),
    }
}
