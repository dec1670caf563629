//! Revoked access tokens, numbered in the order in which they become visible. An account is listed
//! once, under its last number.

use entities::user;
use sea_orm::{
    ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect, Select,
    Statement,
};

use crate::ids::UserId;
use crate::inventory::TimestampMs;
use crate::store::{Store, StoreError};

/// Access tokens of `user` with a version below `version` are invalid since `at`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Revocation {
    /// The number of the revocation; later ones have higher numbers.
    pub number: i64,
    /// The account whose tokens are revoked.
    pub user: UserId,
    /// The lowest version that is still valid.
    pub version: i64,
    /// When the tokens were revoked, by the clock of the instance that revoked them.
    pub at: TimestampMs,
}

/// Draws the next number. No other transaction draws one until this one ends, so this is the last
/// step of a transaction.
pub(crate) async fn next_number(transaction: &impl ConnectionTrait) -> Result<i64, StoreError> {
    let sql = "UPDATE revocation_counter SET last = last + 1 WHERE id = 1 RETURNING last";
    number(transaction, sql).await
}

async fn number(connection: &impl ConnectionTrait, sql: &str) -> Result<i64, StoreError> {
    let statement = Statement::from_string(connection.get_database_backend(), sql);
    let row = connection.query_one_raw(statement).await?;
    let row = row.ok_or_else(|| StoreError::Damaged("the counter of revocations".into()))?;
    Ok(row.try_get("", "last")?)
}

impl Store {
    /// Returns the number of the last revocation, 0 before the first.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn revocation_last(&self) -> Result<i64, StoreError> {
        number(self.reads(), "SELECT last FROM revocation_counter WHERE id = 1").await
    }

    /// Returns at most `limit` revocations with numbers in `(after, up_to]`, oldest first.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn revocations_after(
        &self,
        after: i64,
        up_to: i64,
        limit: u64,
    ) -> Result<Vec<Revocation>, StoreError> {
        let found = user::Entity::find()
            .filter(user::Column::Revocation.gt(after))
            .filter(user::Column::Revocation.lte(up_to))
            .order_by_asc(user::Column::Revocation);
        self.revocations(found.limit(limit)).await
    }

    /// Returns at most `limit` revocations with numbers up to `number`, newest first.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn revocations_up_to(
        &self,
        number: i64,
        limit: u64,
    ) -> Result<Vec<Revocation>, StoreError> {
        let found = user::Entity::find()
            .filter(user::Column::Revocation.lte(number))
            .order_by_desc(user::Column::Revocation);
        self.revocations(found.limit(limit)).await
    }

    async fn revocations(
        &self,
        found: Select<user::Entity>,
    ) -> Result<Vec<Revocation>, StoreError> {
        let rows = found.all(self.reads()).await?;
        let revocation = |row: user::Model| {
            Some(Revocation {
                number: row.revocation?,
                user: UserId(row.id),
                version: row.token_version,
                at: row.revoked_at?,
            })
        };
        Ok(rows.into_iter().filter_map(revocation).collect())
    }
}
