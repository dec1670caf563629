//! Agreements of people to versions of terms: once per person and version, and kept for ever, also
//! after the account is closed. They hold ids and times only.

use std::collections::BTreeSet;

use entities::{current_term, term_agreement};
use sea_orm::ActiveValue::Set;
use sea_orm::sea_query::OnConflict;
use sea_orm::{
    ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect,
    TransactionTrait,
};
use uuid::Uuid;

use crate::ids::{TermId, UserId, time_ordered};
use crate::inventory::TimestampMs;
use crate::store::tables::idempotency;
use crate::store::{Key, Store, StoreError};

/// An agreement as it is stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say it")]
pub struct AgreementRow {
    pub id: Uuid,
    pub user: UserId,
    pub term: TermId,
    pub agreed_at: TimestampMs,
}

impl Store {
    /// Stores an agreement, and returns it and whether the request repeats an earlier one with the
    /// key. A person who has agreed to this version gets the first agreement. `None` if the version
    /// is not current: nothing changed.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn term_agree(
        &self,
        user: UserId,
        term: TermId,
        key: Option<&Key>,
        now: TimestampMs,
    ) -> Result<Option<(AgreementRow, bool)>, StoreError> {
        let transaction = self.writes().begin().await?;
        let before = idempotency::claim(&transaction, key, &term.to_string(), now).await?;
        let found = match find(&transaction, user, term).await? {
            Some(found) => Some(found),
            None if agree(&transaction, user, &[term], now).await? => {
                // Of two requests at once, both read the agreement that was stored first.
                find(&transaction, user, term).await?
            }
            None => {
                transaction.rollback().await?;
                return Ok(None);
            }
        };
        transaction.commit().await?;
        let found = found.ok_or_else(|| StoreError::Damaged("an agreement vanished".into()))?;
        Ok(Some((found, before.is_some())))
    }

    /// Stores agreements to all of `terms`, where there is none yet. False if one of them is not
    /// current: nothing changed.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn term_agree_all(
        &self,
        user: UserId,
        terms: &[TermId],
        now: TimestampMs,
    ) -> Result<bool, StoreError> {
        let transaction = self.writes().begin().await?;
        if !agree(&transaction, user, terms, now).await? {
            transaction.rollback().await?;
            return Ok(false);
        }
        transaction.commit().await?;
        Ok(true)
    }

    /// Returns the agreement of a person to a version, if there is one.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn term_agreement_get(
        &self,
        user: UserId,
        term: TermId,
    ) -> Result<Option<AgreementRow>, StoreError> {
        find(self.reads(), user, term).await
    }

    /// Returns the agreements of a person, newest first, after `cursor`; at most `limit`.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn term_agreement_list(
        &self,
        user: UserId,
        cursor: Option<Uuid>,
        limit: u64,
    ) -> Result<Vec<AgreementRow>, StoreError> {
        let mut query = term_agreement::Entity::find()
            .filter(term_agreement::Column::UserId.eq(user.0))
            .order_by_desc(term_agreement::Column::Id)
            .limit(limit);
        if let Some(cursor) = cursor {
            query = query.filter(term_agreement::Column::Id.lt(cursor));
        }
        Ok(query.all(self.reads()).await?.iter().map(row_of).collect())
    }
}

/// Stores agreements to `terms` as part of a transaction. False if one of them is not current; the
/// caller rolls back.
pub(crate) async fn agree(
    transaction: &impl ConnectionTrait,
    user: UserId,
    terms: &[TermId],
    now: TimestampMs,
) -> Result<bool, StoreError> {
    let terms: BTreeSet<TermId> = terms.iter().copied().collect();
    if terms.is_empty() {
        return Ok(true);
    }
    // Locked until the transaction ends: no version is replaced between this look and the commit.
    let current = current_term::Entity::find()
        .filter(current_term::Column::TermId.is_in(terms.iter().map(|term| term.0)))
        .order_by_asc(current_term::Column::SeriesId)
        .lock_shared()
        .all(transaction)
        .await?;
    if current.len() != terms.len() {
        return Ok(false);
    }
    let rows = terms.iter().map(|term| term_agreement::ActiveModel {
        id: Set(time_ordered(now.unsigned_abs())),
        user_id: Set(user.0),
        term_id: Set(term.0),
        agreed_at: Set(now),
    });
    term_agreement::Entity::insert_many(rows)
        .on_conflict(OnConflict::new().do_nothing().to_owned())
        .exec_without_returning(transaction)
        .await?;
    Ok(true)
}

async fn find(
    connection: &impl ConnectionTrait,
    user: UserId,
    term: TermId,
) -> Result<Option<AgreementRow>, StoreError> {
    let found = term_agreement::Entity::find()
        .filter(term_agreement::Column::UserId.eq(user.0))
        .filter(term_agreement::Column::TermId.eq(term.0))
        .one(connection)
        .await?;
    Ok(found.as_ref().map(row_of))
}

fn row_of(row: &term_agreement::Model) -> AgreementRow {
    AgreementRow {
        id: row.id,
        user: UserId(row.user_id),
        term: TermId(row.term_id),
        agreed_at: row.agreed_at,
    }
}
