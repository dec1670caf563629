//! The rows of sessions and of their refresh tokens, as other tables' transactions change them. A
//! session that ends early takes a number of the counter of revocations, by which every instance learns
//! that its access tokens are invalid; one that ends with all others of its account needs none, since
//! the version of the account's tokens rises.

use std::net::IpAddr;

use entities::{refresh_token, session};
use sea_orm::sea_query::Expr;
use sea_orm::{
    ActiveModelTrait, ActiveValue::Set, ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter,
    QueryOrder, QuerySelect, Select,
};
use uuid::Uuid;

use super::revocation;
use crate::ids::{SessionId, UserId};
use crate::inventory::TimestampMs;
use crate::store::{SocialProvider, StoreError};

/// The most living sessions of an account; another one ends the oldest.
pub(super) const MAX_LIVING: u64 = 100;

/// The device that a person logs in from.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Device {
    /// A name for people, like "Chrome (Android)"; empty if it is not known.
    pub name: String,
    /// The network address.
    pub address: Option<IpAddr>,
}

impl From<Option<IpAddr>> for Device {
    fn from(address: Option<IpAddr>) -> Self {
        Self { name: String::new(), address }
    }
}

/// A refresh token, known only by its hash.
#[derive(Clone, Debug)]
#[expect(missing_docs, reason = "the names say it")]
pub struct RefreshToken {
    pub session: SessionId,
    pub user: UserId,
    pub token_hash: [u8; 32],
    pub issued_at: TimestampMs,
    pub expires_at: TimestampMs,
}

/// A session that changes the ways to sign in to its account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FreshSession {
    /// The session. It has to live.
    pub id: SessionId,
    /// The session must not have been opened before this time.
    pub opened_since: TimestampMs,
}

/// True if a session of the account lives and was opened lately. Where the account's row is locked, it
/// stays so until the transaction ends.
pub(super) async fn is_fresh(
    connection: &impl ConnectionTrait,
    user: UserId,
    session: FreshSession,
    now: TimestampMs,
) -> Result<bool, StoreError> {
    let found = living(user, now)
        .filter(session::Column::Id.eq(session.id.0))
        .filter(session::Column::CreatedAt.gte(session.opened_since));
    Ok(found.one(connection).await?.is_some())
}

/// Stores the session of a login; the oldest sessions of the account make room for it. Returns those
/// that ended.
pub(crate) async fn open(
    transaction: &impl ConnectionTrait,
    token: &RefreshToken,
    device: &Device,
    opened_by: Option<SocialProvider>,
) -> Result<Vec<SessionId>, StoreError> {
    let now = token.issued_at;
    let too_many = living(token.user, now)
        .order_by_desc(session::Column::CreatedAt)
        .order_by_desc(session::Column::Id)
        .offset(MAX_LIVING - 1)
        .limit(MAX_LIVING);
    let oldest: Vec<SessionId> =
        too_many.all(transaction).await?.into_iter().map(|row| SessionId(row.id)).collect();
    put(transaction, token, device, opened_by, now).await?;
    end(transaction, &oldest, now).await?;
    Ok(oldest)
}

/// Extends the session of a refresh token that was renewed. One that an instance of an earlier
/// version opened gets its row now, and counts as opened when the oldest of its tokens was issued.
pub(crate) async fn extend(
    transaction: &impl ConnectionTrait,
    token: &RefreshToken,
) -> Result<(), StoreError> {
    let extended = session::Entity::update_many()
        .col_expr(session::Column::LastSeenAt, Expr::value(token.issued_at))
        .col_expr(session::Column::ExpiresAt, Expr::value(token.expires_at))
        .filter(session::Column::Id.eq(token.session.0))
        .exec(transaction)
        .await?;
    if extended.rows_affected > 0 {
        return Ok(());
    }
    let oldest = refresh_token::Entity::find()
        .filter(refresh_token::Column::FamilyId.eq(token.session.0))
        .order_by_asc(refresh_token::Column::IssuedAt)
        .one(transaction)
        .await?;
    let opened_at = oldest.map_or(token.issued_at, |oldest| oldest.issued_at);
    put(transaction, token, &Device::default(), None, opened_at).await
}

async fn put(
    transaction: &impl ConnectionTrait,
    token: &RefreshToken,
    device: &Device,
    opened_by: Option<SocialProvider>,
    opened_at: TimestampMs,
) -> Result<(), StoreError> {
    let row = session::ActiveModel {
        id: Set(token.session.0),
        user_id: Set(token.user.0),
        device: Set(device.name.clone()),
        address: Set(device.address.map(|address| address.to_canonical().to_string())),
        opened_by: Set(opened_by.map(|provider| provider.as_str().to_owned())),
        created_at: Set(opened_at),
        last_seen_at: Set(token.issued_at),
        expires_at: Set(token.expires_at),
        ended_at: Set(None),
        revocation: Set(None),
    };
    session::Entity::insert(row).exec_without_returning(transaction).await?;
    Ok(())
}

/// Ends sessions, whose owner's row is locked, and their refresh tokens. This is the last step of a
/// transaction.
pub(crate) async fn end(
    transaction: &impl ConnectionTrait,
    sessions: &[SessionId],
    now: TimestampMs,
) -> Result<(), StoreError> {
    if sessions.is_empty() {
        return Ok(());
    }
    for id in sessions {
        revoke(transaction, *id, now).await?;
    }
    for id in sessions {
        let number = revocation::next_number(transaction).await?;
        session::Entity::update_many()
            .col_expr(session::Column::EndedAt, Expr::value(now))
            .col_expr(session::Column::Revocation, Expr::value(number))
            .filter(session::Column::Id.eq(id.0))
            .filter(session::Column::EndedAt.is_null())
            .exec(transaction)
            .await?;
    }
    Ok(())
}

/// Marks all sessions of an account but `keep` as ended. Their access tokens end by the version of
/// the account, which the caller raises. Returns true if `keep` lives.
pub(crate) async fn end_with_account(
    transaction: &impl ConnectionTrait,
    user: UserId,
    keep: Option<SessionId>,
    now: TimestampMs,
) -> Result<bool, StoreError> {
    let kept = match keep {
        Some(id) => living(user, now).filter(session::Column::Id.eq(id.0)).one(transaction).await?,
        None => None,
    };
    let mut others = session::Entity::update_many()
        .col_expr(session::Column::EndedAt, Expr::value(now))
        .filter(session::Column::UserId.eq(user.0))
        .filter(session::Column::EndedAt.is_null());
    if let Some(kept) = &kept {
        others = others.filter(session::Column::Id.ne(kept.id));
    }
    others.exec(transaction).await?;
    Ok(kept.is_some())
}

/// Deletes all sessions of an account that is closed.
pub(crate) async fn forget(
    transaction: &impl ConnectionTrait,
    user: UserId,
) -> Result<(), StoreError> {
    let of_user = session::Column::UserId.eq(user.0);
    session::Entity::delete_many().filter(of_user).exec(transaction).await?;
    Ok(())
}

/// Ends the sessions of an account, whose row is locked, that a provider opened, but `keep`. Returns
/// them. This is the last step of a transaction.
pub(crate) async fn end_of_provider(
    transaction: &impl ConnectionTrait,
    user: UserId,
    provider: SocialProvider,
    keep: Option<SessionId>,
    now: TimestampMs,
) -> Result<Vec<SessionId>, StoreError> {
    let found = living(user, now).filter(session::Column::OpenedBy.eq(provider.as_str()));
    let found = found.all(transaction).await?.into_iter().map(|row| SessionId(row.id));
    let found: Vec<SessionId> = found.filter(|id| Some(*id) != keep).collect();
    end(transaction, &found, now).await?;
    Ok(found)
}

pub(super) fn living(user: UserId, now: TimestampMs) -> Select<session::Entity> {
    session::Entity::find()
        .filter(session::Column::UserId.eq(user.0))
        .filter(session::Column::EndedAt.is_null())
        .filter(session::Column::ExpiresAt.gt(now))
}

/// Revokes the refresh tokens of a session.
pub(crate) async fn revoke(
    connection: &impl ConnectionTrait,
    session: SessionId,
    now: TimestampMs,
) -> Result<(), StoreError> {
    refresh_token::Entity::update_many()
        .col_expr(refresh_token::Column::RevokedAt, Expr::value(now))
        .filter(refresh_token::Column::FamilyId.eq(session.0))
        .filter(refresh_token::Column::RevokedAt.is_null())
        .exec(connection)
        .await?;
    Ok(())
}

/// Revokes the refresh tokens of an account but those of `keep`.
pub(crate) async fn revoke_others(
    connection: &impl ConnectionTrait,
    user: UserId,
    keep: SessionId,
    now: TimestampMs,
) -> Result<(), StoreError> {
    refresh_token::Entity::update_many()
        .col_expr(refresh_token::Column::RevokedAt, Expr::value(now))
        .filter(refresh_token::Column::UserId.eq(user.0))
        .filter(refresh_token::Column::FamilyId.ne(keep.0))
        .filter(refresh_token::Column::RevokedAt.is_null())
        .exec(connection)
        .await?;
    Ok(())
}

/// Stores a token.
pub(crate) async fn insert_token(
    connection: &impl ConnectionTrait,
    token: &RefreshToken,
) -> Result<(), StoreError> {
    let row = refresh_token::ActiveModel {
        id: Set(Uuid::new_v4()),
        family_id: Set(token.session.0),
        user_id: Set(token.user.0),
        token_hash: Set(token.token_hash.to_vec()),
        issued_at: Set(token.issued_at),
        expires_at: Set(token.expires_at),
        used_at: Set(None),
        revoked_at: Set(None),
    };
    row.insert(connection).await?;
    Ok(())
}
