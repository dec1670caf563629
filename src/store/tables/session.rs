//! Sessions of accounts: one row per login. A session that ends early takes a number of the counter
//! of revocations, by which every instance learns that its access tokens are invalid; one that ends
//! with all others of its account needs none, since the version of the account's tokens rises.

use std::net::IpAddr;

use entities::session;
use sea_orm::sea_query::{Expr, OnConflict};
use sea_orm::{
    ActiveValue::Set, ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, QueryOrder,
    QuerySelect, Select, TransactionTrait,
};

use super::{refresh_token, revocation, user};
use crate::ids::{SessionId, UserId};
use crate::inventory::TimestampMs;
use crate::store::{RefreshToken, Store, StoreError};

/// The most living sessions of an account; another one ends the oldest.
const MAX_LIVING: u64 = 100;
/// Rows that one statement marks as seen.
const SEEN_AT_ONCE: usize = 500;

/// The device that a person logs in from.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Device {
    /// A name for people, like "Chrome on Android"; empty if it is not known.
    pub name: String,
    /// The network address.
    pub address: Option<IpAddr>,
}

impl From<Option<IpAddr>> for Device {
    fn from(address: Option<IpAddr>) -> Self {
        Self { name: String::new(), address }
    }
}

/// A living session.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say it")]
pub struct SessionRow {
    pub id: SessionId,
    pub user: UserId,
    pub device: String,
    pub address: Option<String>,
    pub created_at: TimestampMs,
    /// Exact to a few minutes.
    pub last_seen_at: TimestampMs,
    pub expires_at: TimestampMs,
}

/// The access tokens of `session` are invalid since `at`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EndedSession {
    /// The number of the revocation; later ones have higher numbers.
    pub number: i64,
    /// The session.
    pub session: SessionId,
    /// When it ended, by the clock of the instance that ended it.
    pub at: TimestampMs,
}

impl Store {
    /// Returns the living sessions of an account, the one seen last first.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn session_list(
        &self,
        user: UserId,
        now: TimestampMs,
    ) -> Result<Vec<SessionRow>, StoreError> {
        let found = living(user, now)
            .order_by_desc(session::Column::LastSeenAt)
            .order_by_asc(session::Column::Id)
            .limit(MAX_LIVING);
        let rows = found.all(self.reads()).await?;
        Ok(rows.into_iter().map(row).collect())
    }

    /// Ends a session of an account. Returns false if the account has no such living session.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn session_end(
        &self,
        user: UserId,
        id: SessionId,
        now: TimestampMs,
    ) -> Result<bool, StoreError> {
        let transaction = self.writes().begin().await?;
        if user::lock(&transaction, user).await?.is_none() {
            return Ok(false);
        }
        let found = living(user, now).filter(session::Column::Id.eq(id.0));
        if found.one(&transaction).await?.is_none() {
            return Ok(false);
        }
        end(&transaction, &[id], now).await?;
        transaction.commit().await?;
        Ok(true)
    }

    /// Ends all living sessions of an account but `keep`; returns them.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn session_end_others(
        &self,
        user: UserId,
        keep: SessionId,
        now: TimestampMs,
    ) -> Result<Vec<SessionId>, StoreError> {
        let transaction = self.writes().begin().await?;
        if user::lock(&transaction, user).await?.is_none() {
            return Ok(Vec::new());
        }
        let found = living(user, now).filter(session::Column::Id.ne(keep.0));
        let others: Vec<SessionId> =
            found.all(&transaction).await?.into_iter().map(|row| SessionId(row.id)).collect();
        end(&transaction, &others, now).await?;
        transaction.commit().await?;
        Ok(others)
    }

    /// Notes that these sessions were used at `now`.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn sessions_seen(
        &self,
        seen: &[SessionId],
        now: TimestampMs,
    ) -> Result<(), StoreError> {
        for some in seen.chunks(SEEN_AT_ONCE) {
            session::Entity::update_many()
                .col_expr(session::Column::LastSeenAt, Expr::value(now))
                .filter(session::Column::Id.is_in(some.iter().map(|id| id.0)))
                .filter(session::Column::LastSeenAt.lt(now))
                .exec(self.writes())
                .await?;
        }
        Ok(())
    }

    /// Returns at most `limit` ended sessions with numbers in `(after, up_to]`, lowest first.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn sessions_ended_after(
        &self,
        after: i64,
        up_to: i64,
        limit: u64,
    ) -> Result<Vec<EndedSession>, StoreError> {
        let found = session::Entity::find()
            .filter(session::Column::Revocation.gt(after))
            .filter(session::Column::Revocation.lte(up_to))
            .order_by_asc(session::Column::Revocation);
        self.sessions_ended(found.limit(limit)).await
    }

    /// Returns at most `limit` ended sessions with numbers up to `number`, highest first.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn sessions_ended_up_to(
        &self,
        number: i64,
        limit: u64,
    ) -> Result<Vec<EndedSession>, StoreError> {
        let found = session::Entity::find()
            .filter(session::Column::Revocation.lte(number))
            .order_by_desc(session::Column::Revocation);
        self.sessions_ended(found.limit(limit)).await
    }

    async fn sessions_ended(
        &self,
        found: Select<session::Entity>,
    ) -> Result<Vec<EndedSession>, StoreError> {
        let columns = [session::Column::Revocation, session::Column::Id, session::Column::EndedAt];
        let rows: Vec<(Option<i64>, uuid::Uuid, Option<i64>)> =
            found.select_only().columns(columns).into_tuple().all(self.reads()).await?;
        let ended = |(number, id, at): (Option<i64>, uuid::Uuid, Option<i64>)| {
            Some(EndedSession { number: number?, session: SessionId(id), at: at? })
        };
        Ok(rows.into_iter().filter_map(ended).collect())
    }
}

/// Stores the session of a login; the oldest sessions of the account make room for it. Returns those
/// that ended.
pub(crate) async fn open(
    transaction: &impl ConnectionTrait,
    token: &RefreshToken,
    device: &Device,
) -> Result<Vec<SessionId>, StoreError> {
    let now = token.issued_at;
    let too_many = living(token.user, now)
        .order_by_desc(session::Column::CreatedAt)
        .order_by_desc(session::Column::Id)
        .offset(MAX_LIVING - 1)
        .limit(MAX_LIVING);
    let oldest: Vec<SessionId> =
        too_many.all(transaction).await?.into_iter().map(|row| SessionId(row.id)).collect();
    put(transaction, token, device).await?;
    end(transaction, &oldest, now).await?;
    Ok(oldest)
}

/// Extends the session of a refresh token that was renewed. One that an instance of an earlier
/// version opened gets its row now.
pub(crate) async fn extend(
    transaction: &impl ConnectionTrait,
    token: &RefreshToken,
) -> Result<(), StoreError> {
    put(transaction, token, &Device::default()).await
}

async fn put(
    transaction: &impl ConnectionTrait,
    token: &RefreshToken,
    device: &Device,
) -> Result<(), StoreError> {
    let row = session::ActiveModel {
        id: Set(token.session.0),
        user_id: Set(token.user.0),
        device: Set(device.name.clone()),
        address: Set(device.address.map(|address| address.to_canonical().to_string())),
        created_at: Set(token.issued_at),
        last_seen_at: Set(token.issued_at),
        expires_at: Set(token.expires_at),
        ended_at: Set(None),
        revocation: Set(None),
    };
    let known = OnConflict::column(session::Column::Id)
        .update_columns([session::Column::LastSeenAt, session::Column::ExpiresAt])
        .to_owned();
    session::Entity::insert(row).on_conflict(known).exec_without_returning(transaction).await?;
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
        refresh_token::revoke(transaction, *id, now).await?;
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

fn living(user: UserId, now: TimestampMs) -> Select<session::Entity> {
    session::Entity::find()
        .filter(session::Column::UserId.eq(user.0))
        .filter(session::Column::EndedAt.is_null())
        .filter(session::Column::ExpiresAt.gt(now))
}

fn row(row: session::Model) -> SessionRow {
    SessionRow {
        id: SessionId(row.id),
        user: UserId(row.user_id),
        device: row.device,
        address: row.address,
        created_at: row.created_at,
        last_seen_at: row.last_seen_at,
        expires_at: row.expires_at,
    }
}
