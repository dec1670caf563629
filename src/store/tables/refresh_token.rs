//! Refresh tokens, stored by hash; those of a session are revoked together. Every operation that
//! opens, renews or revokes a token locks its owner's row first, so that no successor is kept after
//! its session has ended.

use entities::{refresh_token, user};
use sea_orm::{
    ActiveModelTrait, ActiveValue::Set, ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter,
    TransactionTrait,
};

use crate::ids::{SessionId, UserId};
use crate::inventory::TimestampMs;
use crate::store::tables::identity_rows::{self, NewIdentity};
use crate::store::tables::session_rows;
use crate::store::tables::user::lock;
use crate::store::tables::user_row::user_row;
use crate::store::{Device, RefreshToken, Store, StoreError, UserRow};

/// How long after its use a refresh token is answered again, for a client that lost the answer.
const REPEATED_FOR_MS: TimestampMs = 60_000;

/// What a client has proved, to have a session opened.
#[derive(Clone, Copy, Debug)]
pub enum Proof<'a> {
    /// To know the password with this hash.
    Password(&'a str),
    /// To be this person at a provider.
    Identity(&'a NewIdentity),
}

/// The result of presenting a refresh token.
#[derive(Clone, Debug)]
pub enum Rotation {
    /// The token was valid; it is used up now and its successor is stored.
    Rotated(UserRow, SessionId),
    /// The token was used up within the last minute for this very successor, which has not been used
    /// yet: the retry of an answer that got lost. Holds the time when the successor expires.
    Repeated(UserRow, SessionId, TimestampMs),
    /// The token is unknown, expired or revoked, or its owner's account is closed.
    Refused,
    /// The token was used before, so another party has a copy: its whole session has ended now.
    Reused(SessionId),
}

/// The result of opening a session.
#[derive(Clone, Debug)]
pub struct Opened {
    /// The account.
    pub user: UserRow,
    /// The sessions that ended to make room.
    pub ended: Vec<SessionId>,
}

impl Store {
    /// Stores the session of a login with its first refresh token. Returns `None`, and stores nothing,
    /// if the password was changed or the identity unlinked since the proof, or the account is closed.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn refresh_token_open(
        &self,
        token: &RefreshToken,
        proof: Proof<'_>,
        device: &Device,
    ) -> Result<Option<Opened>, StoreError> {
        let transaction = self.writes().begin().await?;
        let Some(owner) = lock(&transaction, token.user).await? else { return Ok(None) };
        let opened_by = match proof {
            Proof::Password(hash) if owner.password_hash == hash => None,
            Proof::Password(_) => return Ok(None),
            Proof::Identity(identity) => {
                if !identity_rows::is_of(&transaction, identity, token.user).await? {
                    return Ok(None);
                }
                Some(identity.provider)
            }
        };
        session_rows::insert_token(&transaction, token).await?;
        let ended = session_rows::open(&transaction, token, device, opened_by).await?;
        transaction.commit().await?;
        Ok(Some(Opened { user: user_row(owner)?, ended }))
    }

    /// Uses a refresh token up and stores `successor` in its session, regardless of the session and
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
        let id = SessionId(found.family_id);
        if let Some(used_at) = found.used_at {
            let kept = refresh_token::Entity::find()
                .filter(refresh_token::Column::TokenHash.eq(successor.token_hash.to_vec()))
                .filter(refresh_token::Column::FamilyId.eq(found.family_id))
                .filter(refresh_token::Column::UsedAt.is_null())
                .one(&transaction)
                .await?;
            let is_retry = now.saturating_sub(used_at) <= REPEATED_FOR_MS;
            if let Some(kept) = kept.filter(|_| is_retry) {
                return Ok(Rotation::Repeated(user_row(owner)?, id, kept.expires_at));
            }
            session_rows::end(&transaction, &[id], now).await?;
            transaction.commit().await?;
            return Ok(Rotation::Reused(id));
        }
        let successor = RefreshToken { session: id, user: UserId(found.user_id), ..successor };
        let mut used: refresh_token::ActiveModel = found.into();
        used.used_at = Set(Some(now));
        used.update(&transaction).await?;
        session_rows::insert_token(&transaction, &successor).await?;
        session_rows::extend(&transaction, &successor).await?;
        transaction.commit().await?;
        Ok(Rotation::Rotated(user_row(owner)?, id))
    }

    /// Ends the session of a refresh token and returns it; does nothing if there is no such token.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn refresh_token_revoke(
        &self,
        token_hash: [u8; 32],
        now: TimestampMs,
    ) -> Result<Option<SessionId>, StoreError> {
        let transaction = self.writes().begin().await?;
        let Some((found, _)) = locked(&transaction, token_hash).await? else { return Ok(None) };
        let id = SessionId(found.family_id);
        session_rows::end(&transaction, &[id], now).await?;
        transaction.commit().await?;
        Ok(Some(id))
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
