//! Sessions of accounts: listed, ended, and read by every instance that must know which have ended.

use entities::session;
use sea_orm::sea_query::Expr;
use sea_orm::{
    ColumnTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect, Select, TransactionTrait,
};

use super::session_rows::{FreshSession, MAX_LIVING, end, is_fresh, living, revoke_others};
use super::user;
use crate::ids::{SessionId, UserId};
use crate::inventory::TimestampMs;
use crate::store::{Store, StoreError};

/// Rows that one statement marks as seen.
const SEEN_AT_ONCE: usize = 500;

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

    /// True if this session of an account lives and was opened lately.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn session_is_fresh(
        &self,
        user: UserId,
        session: FreshSession,
        now: TimestampMs,
    ) -> Result<bool, StoreError> {
        is_fresh(self.reads(), user, session, now).await
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
        // An instance of the version before opens logins without a row.
        revoke_others(&transaction, user, keep, now).await?;
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
