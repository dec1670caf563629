//! What readers do with articles: likes with their counts, bookmarks, and views.

use entities::{article, article_bookmark, article_like};
use sea_orm::ActiveValue::Set;
use sea_orm::sea_query::{CaseStatement, Expr, ExprTrait, OnConflict};
use sea_orm::{
    ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, QuerySelect, QueryTrait,
    TransactionTrait,
};
use uuid::Uuid;

use crate::ids::{ArticleId, UserId};
use crate::inventory::TimestampMs;
use crate::store::tables::idempotency;
use crate::store::{Key, Store, StoreError};

/// Whether a person likes an article afterwards.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Liking {
    /// Yes.
    On,
    /// No.
    Off,
    /// If not before.
    Switch,
}

impl Store {
    /// Sets whether a person likes an article. Returns whether this is so now, and how many like it;
    /// `None` if there is no such article. A retry with the key changes nothing.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn article_like(
        &self,
        (id, user): (ArticleId, UserId),
        liking: Liking,
        key: Option<&Key>,
        now: TimestampMs,
    ) -> Result<Option<(bool, i64)>, StoreError> {
        let transaction = self.writes().begin().await?;
        let replayed = idempotency::claim(&transaction, key, "", now).await?.is_some();
        let change = match (replayed, liking) {
            (true, _) => 0,
            (false, Liking::On) => like(&transaction, id, user, now).await?,
            (false, Liking::Off) => -unlike(&transaction, id, user).await?,
            (false, Liking::Switch) => match unlike(&transaction, id, user).await? {
                0 => like(&transaction, id, user, now).await?,
                removed => -removed,
            },
        };
        if change != 0 {
            let update = article::Entity::update_many()
                .col_expr(article::Column::Likes, Expr::col(article::Column::Likes).add(change))
                .filter(article::Column::Id.eq(id.0));
            update.exec(&transaction).await?;
        }
        let likes = likes(&transaction, id).await?;
        let liked = article_like::Entity::find_by_id((id.0, user.0)).one(&transaction).await?;
        match likes {
            Some(_) => transaction.commit().await?,
            None => transaction.rollback().await?,
        }
        Ok(likes.map(|likes| (liked.is_some(), likes)))
    }

    /// Keeps an article for a person, or no more; returns false if there is no such article.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn article_bookmark(
        &self,
        (id, user): (ArticleId, UserId),
        is_kept: bool,
        now: TimestampMs,
    ) -> Result<bool, StoreError> {
        if !is_kept {
            article_bookmark::Entity::delete_by_id((id.0, user.0)).exec(self.writes()).await?;
            return Ok(true);
        }
        let transaction = self.writes().begin().await?;
        let there = article::Entity::find_by_id(id.0)
            .select_only()
            .column(article::Column::Id)
            .lock_exclusive();
        let there: Option<Uuid> = there.into_tuple().one(&transaction).await?;
        if there.is_none() {
            transaction.rollback().await?;
            return Ok(false);
        }
        let row = article_bookmark::ActiveModel {
            article_id: Set(id.0),
            user_id: Set(user.0),
            created_at: Set(now),
        };
        article_bookmark::Entity::insert(row)
            .on_conflict(OnConflict::new().do_nothing().to_owned())
            .exec_without_returning(&transaction)
            .await?;
        transaction.commit().await?;
        Ok(true)
    }

    /// Returns whether a person likes an article, and whether the person keeps it.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn article_reactions(
        &self,
        id: ArticleId,
        user: UserId,
    ) -> Result<(bool, bool), StoreError> {
        let key = (id.0, user.0);
        let liked = article_like::Entity::find_by_id(key).one(self.reads()).await?;
        let kept = article_bookmark::Entity::find_by_id(key).one(self.reads()).await?;
        Ok((liked.is_some(), kept.is_some()))
    }

    /// Adds views to articles, in one statement.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`]; then none is added.
    pub async fn article_views_add(&self, views: &[(ArticleId, i64)]) -> Result<(), StoreError> {
        use article::Column;
        if views.is_empty() {
            return Ok(());
        }
        let mut more = CaseStatement::new();
        for (id, count) in views {
            more = more.case(Expr::col(Column::Id).eq(id.0), *count);
        }
        let more = Expr::col(Column::Views).add(Expr::expr(more.finally(0)));
        let update = article::Entity::update_many()
            .col_expr(Column::Views, more)
            .filter(Column::Id.is_in(views.iter().map(|(id, _)| id.0)));
        update.exec(self.writes()).await?;
        Ok(())
    }
}

async fn likes(
    transaction: &impl ConnectionTrait,
    id: ArticleId,
) -> Result<Option<i64>, StoreError> {
    let likes = article::Entity::find_by_id(id.0).select_only().column(article::Column::Likes);
    Ok(likes.into_tuple().one(transaction).await?)
}

/// Returns 1 if the person did not like it before.
async fn like(
    transaction: &impl ConnectionTrait,
    id: ArticleId,
    user: UserId,
    now: TimestampMs,
) -> Result<i64, StoreError> {
    let row = article_like::ActiveModel {
        article_id: Set(id.0),
        user_id: Set(user.0),
        created_at: Set(now),
    };
    let inserted = article_like::Entity::insert(row)
        .on_conflict(OnConflict::new().do_nothing().to_owned())
        .exec_without_returning(transaction)
        .await?;
    Ok(i64::from(inserted > 0))
}

/// Returns 1 if the person liked it before.
async fn unlike(
    transaction: &impl ConnectionTrait,
    id: ArticleId,
    user: UserId,
) -> Result<i64, StoreError> {
    let deleted = article_like::Entity::delete_by_id((id.0, user.0)).exec(transaction).await?;
    Ok(i64::from(deleted.rows_affected > 0))
}

/// Takes the likes and bookmarks of a person away.
pub(crate) async fn forget(
    transaction: &impl ConnectionTrait,
    user: UserId,
) -> Result<(), StoreError> {
    let liked = article_like::Entity::find()
        .select_only()
        .column(article_like::Column::ArticleId)
        .filter(article_like::Column::UserId.eq(user.0));
    let update = article::Entity::update_many()
        .col_expr(article::Column::Likes, Expr::col(article::Column::Likes).sub(1))
        .filter(article::Column::Id.in_subquery(liked.into_query()));
    update.exec(transaction).await?;
    article_like::Entity::delete_many()
        .filter(article_like::Column::UserId.eq(user.0))
        .exec(transaction)
        .await?;
    article_bookmark::Entity::delete_many()
        .filter(article_bookmark::Column::UserId.eq(user.0))
        .exec(transaction)
        .await?;
    Ok(())
}
