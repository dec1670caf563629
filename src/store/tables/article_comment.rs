//! Comments on articles, and replies to them. Every change locks the row of the article first, so that
//! no reply arrives while its comment goes.

use std::collections::HashMap;

use entities::{article, article_comment};
use sea_orm::ActiveValue::Set;
use sea_orm::sea_query::{Expr, ExprTrait};
use sea_orm::{
    ColumnTrait, Condition, ConnectionTrait, EntityTrait, PaginatorTrait, QueryFilter, QueryOrder,
    QuerySelect, TransactionTrait,
};
use uuid::Uuid;

use crate::ids::{ArticleId, CommentId, UserId};
use crate::inventory::TimestampMs;
use crate::store::tables::idempotency;
use crate::store::{Answered, Key, Store, StoreError};

/// A comment, or a reply to one.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say it")]
pub struct CommentRow {
    pub id: CommentId,
    pub article: ArticleId,
    /// The comment that it replies to.
    pub parent: Option<CommentId>,
    /// `None` once the account is closed, or the comment deleted.
    pub author: Option<UserId>,
    /// Plain text; empty if deleted.
    pub text: String,
    /// True for a deleted comment that stays for its replies.
    pub is_deleted: bool,
    pub created_at: TimestampMs,
    pub updated_at: TimestampMs,
}

/// What became of a new comment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CommentAdded {
    /// It is stored, or was by an earlier request with the key.
    Stored(Answered<()>),
    /// The article is gone.
    NoSuchArticle,
    /// The comment to reply to is gone, deleted, of another article, or a reply itself.
    NoSuchParent,
}

impl Store {
    /// Stores a new comment, or answers a retry with the id of the first.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn comment_add(
        &self,
        new: &CommentRow,
        key: Option<&Key>,
    ) -> Result<CommentAdded, StoreError> {
        let transaction = self.writes().begin().await?;
        let (id, now) = (new.id.to_string(), new.created_at);
        if let Some(before) = idempotency::claim(&transaction, key, &id, now).await? {
            transaction.rollback().await?;
            return Ok(CommentAdded::Stored(Answered::Before(before)));
        }
        if !count(&transaction, new.article, 1).await? {
            transaction.rollback().await?;
            return Ok(CommentAdded::NoSuchArticle);
        }
        if let Some(parent) = new.parent {
            let found = article_comment::Entity::find_by_id(parent.0).one(&transaction).await?;
            let fits = found.is_some_and(|found| {
                found.article_id == new.article.0
                    && found.parent_id.is_none()
                    && found.is_deleted == 0
            });
            if !fits {
                transaction.rollback().await?;
                return Ok(CommentAdded::NoSuchParent);
            }
        }
        let row = article_comment::ActiveModel {
            id: Set(new.id.0),
            article_id: Set(new.article.0),
            parent_id: Set(new.parent.map(|id| id.0)),
            author_id: Set(new.author.map(|id| id.0)),
            body: Set(new.text.clone()),
            is_deleted: Set(0),
            created_at: Set(new.created_at),
            updated_at: Set(new.updated_at),
        };
        article_comment::Entity::insert(row).exec_without_returning(&transaction).await?;
        transaction.commit().await?;
        Ok(CommentAdded::Stored(Answered::Now(())))
    }

    /// Returns a comment.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn comment_get(&self, id: CommentId) -> Result<Option<CommentRow>, StoreError> {
        let found = article_comment::Entity::find_by_id(id.0).one(self.reads()).await?;
        Ok(found.map(row_of))
    }

    /// Returns comments on an article, or replies to one comment, oldest first; at most `limit`.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn comment_list(
        &self,
        article: ArticleId,
        parent: Option<CommentId>,
        after: Option<CommentId>,
        limit: u64,
    ) -> Result<Vec<CommentRow>, StoreError> {
        use article_comment::Column;
        let of_parent = match parent {
            Some(parent) => Column::ParentId.eq(parent.0),
            None => Column::ParentId.is_null(),
        };
        let mut query = article_comment::Entity::find()
            .filter(Column::ArticleId.eq(article.0))
            .filter(of_parent)
            .order_by_asc(Column::Id)
            .limit(limit);
        if let Some(after) = after {
            query = query.filter(Column::Id.gt(after.0));
        }
        Ok(query.all(self.reads()).await?.into_iter().map(row_of).collect())
    }

    /// Returns how many replies each of these comments has; those without are left out.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn comment_replies(
        &self,
        ids: &[CommentId],
    ) -> Result<HashMap<CommentId, i64>, StoreError> {
        use article_comment::Column;
        let counts: Vec<(Option<Uuid>, i64)> = article_comment::Entity::find()
            .select_only()
            .column(Column::ParentId)
            .column_as(Column::Id.count(), "replies")
            .filter(Column::ParentId.is_in(ids.iter().map(|id| id.0)))
            .group_by(Column::ParentId)
            .into_tuple()
            .all(self.reads())
            .await?;
        Ok(counts.into_iter().filter_map(|(id, count)| Some((CommentId(id?), count))).collect())
    }

    /// Replaces the text of a comment that is not deleted; returns false if there is none.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn comment_update(
        &self,
        id: CommentId,
        text: &str,
        now: TimestampMs,
    ) -> Result<bool, StoreError> {
        use article_comment::Column;
        let update = article_comment::Entity::update_many()
            .col_expr(Column::Body, Expr::value(text))
            .col_expr(Column::UpdatedAt, Expr::value(now))
            .filter(Column::Id.eq(id.0))
            .filter(Column::IsDeleted.eq(0));
        Ok(update.exec(self.writes()).await?.rows_affected > 0)
    }

    /// Deletes a comment, or answers a retry. One with replies stays without author and text; it goes
    /// with the last reply.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn comment_delete(
        &self,
        row: &CommentRow,
        key: Option<&Key>,
        now: TimestampMs,
    ) -> Result<Answered<()>, StoreError> {
        let transaction = self.writes().begin().await?;
        if let Some(before) = idempotency::claim(&transaction, key, "", now).await? {
            transaction.rollback().await?;
            return Ok(Answered::Before(before));
        }
        let was_there = count(&transaction, row.article, -1).await?
            && remove(&transaction, row.id, now).await?;
        if !was_there {
            // Deleted meanwhile by another request, which has counted it.
            transaction.rollback().await?;
            return Ok(Answered::Now(()));
        }
        if let Some(parent) = row.parent
            && replies(&transaction, parent).await? == 0
        {
            let shell = Condition::all()
                .add(article_comment::Column::Id.eq(parent.0))
                .add(article_comment::Column::IsDeleted.eq(1));
            article_comment::Entity::delete_many().filter(shell).exec(&transaction).await?;
        }
        transaction.commit().await?;
        Ok(Answered::Now(()))
    }
}

/// Adds to the count of an article's comments, which locks its row; returns false if it is gone.
async fn count(
    transaction: &impl ConnectionTrait,
    id: ArticleId,
    change: i64,
) -> Result<bool, StoreError> {
    let update = article::Entity::update_many()
        .col_expr(article::Column::Comments, Expr::col(article::Column::Comments).add(change))
        .filter(article::Column::Id.eq(id.0));
    Ok(update.exec(transaction).await?.rows_affected > 0)
}

async fn replies(transaction: &impl ConnectionTrait, id: CommentId) -> Result<u64, StoreError> {
    let query = article_comment::Entity::find().filter(article_comment::Column::ParentId.eq(id.0));
    Ok(query.count(transaction).await?)
}

/// Deletes a comment, or makes it a shell; returns false if it was gone or one before.
async fn remove(
    transaction: &impl ConnectionTrait,
    id: CommentId,
    now: TimestampMs,
) -> Result<bool, StoreError> {
    use article_comment::Column;
    if replies(transaction, id).await? == 0 {
        let there = Condition::all().add(Column::Id.eq(id.0)).add(Column::IsDeleted.eq(0));
        let deleted =
            article_comment::Entity::delete_many().filter(there).exec(transaction).await?;
        return Ok(deleted.rows_affected > 0);
    }
    let update = article_comment::Entity::update_many()
        .col_expr(Column::IsDeleted, Expr::value(1))
        .col_expr(Column::Body, Expr::value(""))
        .col_expr(Column::AuthorId, Expr::value(Option::<Uuid>::None))
        .col_expr(Column::UpdatedAt, Expr::value(now))
        .filter(Column::Id.eq(id.0))
        .filter(Column::IsDeleted.eq(0));
    Ok(update.exec(transaction).await?.rows_affected > 0)
}

fn row_of(row: article_comment::Model) -> CommentRow {
    CommentRow {
        id: CommentId(row.id),
        article: ArticleId(row.article_id),
        parent: row.parent_id.map(CommentId),
        author: row.author_id.map(UserId),
        text: row.body,
        is_deleted: row.is_deleted != 0,
        created_at: row.created_at,
        updated_at: row.updated_at,
    }
}
