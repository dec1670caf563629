//! Articles of fans. Tags are kept twice: in the row, to be shown, and in a table of their own, to find
//! articles by them.

use entities::{article, article_bookmark, article_comment, article_like, article_tag, image};
use sea_orm::ActiveValue::{NotSet, Set};
use sea_orm::sea_query::{Expr, ExprTrait};
use sea_orm::{
    ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, QuerySelect, TransactionTrait,
};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::ids::{ArticleId, ImageId, OfferingId, UserId};
use crate::inventory::TimestampMs;
use crate::store::tables::idempotency;
use crate::store::{Answered, Key, Store, StoreError};

/// What an article is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "UPPERCASE")]
pub enum ArticleCategory {
    /// Something that has happened, or will.
    News,
    /// How a concert was.
    Review,
    /// What a concert may be like.
    Preview,
    /// Anything to talk about.
    Talk,
    /// A question to others.
    Question,
}

impl ArticleCategory {
    /// All categories.
    pub const ALL: [Self; 5] =
        [Self::News, Self::Review, Self::Preview, Self::Talk, Self::Question];

    /// Returns the name of the category in rows and answers.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::News => "NEWS",
            Self::Review => "REVIEW",
            Self::Preview => "PREVIEW",
            Self::Talk => "TALK",
            Self::Question => "QUESTION",
        }
    }

    fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|category| category.as_str() == text)
    }
}

/// What the author of an article writes, and what follows from it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say it")]
pub struct ArticleText {
    pub title: String,
    /// Markdown.
    pub content: String,
    /// The content as HTML that is safe to show.
    pub html: String,
    /// The version of the code that made the HTML.
    pub renderer: i32,
    /// The beginning of the content as plain text.
    pub excerpt: String,
    pub category: ArticleCategory,
    pub tags: Vec<String>,
    pub concert: Option<OfferingId>,
    pub images: Vec<ImageId>,
}

/// An article without its content.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say it")]
pub struct ArticleHead {
    pub id: ArticleId,
    /// `None` once the account is closed.
    pub author: Option<UserId>,
    pub title: String,
    pub excerpt: String,
    pub category: ArticleCategory,
    pub tags: Vec<String>,
    pub concert: Option<OfferingId>,
    pub images: Vec<ImageId>,
    pub is_published: bool,
    /// The time of the first publication.
    pub published_at: Option<TimestampMs>,
    pub views: i64,
    pub likes: i64,
    pub comments: i64,
    /// Rises with each change of the text, from 1.
    pub version: i64,
    pub created_at: TimestampMs,
    pub updated_at: TimestampMs,
}

/// A whole article.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say it")]
pub struct ArticleRow {
    pub head: ArticleHead,
    pub content: String,
    pub html: String,
    pub renderer: i32,
}

/// What became of a change of an article.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ArticleChanged {
    /// It has the new text.
    Changed,
    /// The article has another version than the one named, or is gone.
    OtherVersion,
}

impl Store {
    /// Stores a new article of a person, or answers a retry with the id of the first.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn article_create(
        &self,
        (id, author): (ArticleId, UserId),
        text: &ArticleText,
        is_published: bool,
        key: Option<&Key>,
        now: TimestampMs,
    ) -> Result<Answered<()>, StoreError> {
        let transaction = self.writes().begin().await?;
        if let Some(before) = idempotency::claim(&transaction, key, &id.to_string(), now).await? {
            transaction.rollback().await?;
            return Ok(Answered::Before(before));
        }
        let row = article::ActiveModel {
            id: Set(id.0),
            author_id: Set(Some(author.0)),
            is_published: Set(i32::from(is_published)),
            published_at: Set(is_published.then_some(now)),
            views: Set(0),
            likes: Set(0),
            comments: Set(0),
            version: Set(1),
            created_at: Set(now),
            ..written(text, now)
        };
        article::Entity::insert(row).exec_without_returning(&transaction).await?;
        tag(&transaction, id, &text.tags).await?;
        transaction.commit().await?;
        Ok(Answered::Now(()))
    }

    /// Returns an article.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn article_get(&self, id: ArticleId) -> Result<Option<ArticleRow>, StoreError> {
        let found = article::Entity::find_by_id(id.0).one(self.reads()).await?;
        found.map(row_of).transpose()
    }

    /// Replaces the text of an article that has this version still, or answers a retry.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn article_update(
        &self,
        (id, version): (ArticleId, i64),
        text: &ArticleText,
        key: Option<&Key>,
        now: TimestampMs,
    ) -> Result<Answered<ArticleChanged>, StoreError> {
        let transaction = self.writes().begin().await?;
        if let Some(before) = idempotency::claim(&transaction, key, "", now).await? {
            transaction.rollback().await?;
            return Ok(Answered::Before(before));
        }
        let set =
            article::ActiveModel { version: Set(version.saturating_add(1)), ..written(text, now) };
        let update = article::Entity::update_many()
            .set(set)
            .filter(article::Column::Id.eq(id.0))
            .filter(article::Column::Version.eq(version));
        if update.exec(&transaction).await?.rows_affected == 0 {
            transaction.rollback().await?;
            return Ok(Answered::Now(ArticleChanged::OtherVersion));
        }
        untag(&transaction, id).await?;
        tag(&transaction, id, &text.tags).await?;
        transaction.commit().await?;
        Ok(Answered::Now(ArticleChanged::Changed))
    }

    /// Publishes an article, or takes it back. The time of the first publication stays.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn article_publish(
        &self,
        id: ArticleId,
        is_published: bool,
        now: TimestampMs,
    ) -> Result<(), StoreError> {
        use article::Column;
        let mut update = article::Entity::update_many()
            .col_expr(Column::IsPublished, Expr::value(i32::from(is_published)))
            .filter(Column::Id.eq(id.0));
        if is_published {
            let first = Expr::col(Column::PublishedAt).if_null(now);
            update = update.col_expr(Column::PublishedAt, first);
        }
        update.exec(self.writes()).await?;
        Ok(())
    }

    /// Deletes an article with its comments, likes and bookmarks; returns whether there was one. Answers
    /// a retry.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn article_delete(
        &self,
        id: ArticleId,
        key: Option<&Key>,
        now: TimestampMs,
    ) -> Result<Answered<bool>, StoreError> {
        let transaction = self.writes().begin().await?;
        if let Some(before) = idempotency::claim(&transaction, key, "", now).await? {
            transaction.rollback().await?;
            return Ok(Answered::Before(before));
        }
        let was_there = delete(&transaction, &[id.0]).await?;
        transaction.commit().await?;
        Ok(Answered::Now(was_there))
    }

    /// Returns how many of the pictures exist and were uploaded by this person.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn article_images_of(
        &self,
        images: &[ImageId],
        user: UserId,
    ) -> Result<usize, StoreError> {
        let found: Vec<Uuid> = image::Entity::find()
            .select_only()
            .column(image::Column::Id)
            .filter(image::Column::Id.is_in(images.iter().map(|id| id.0)))
            .filter(image::Column::CreatedBy.eq(user.0))
            .into_tuple()
            .all(self.reads())
            .await?;
        Ok(found.len())
    }
}

/// Deletes articles and all that hangs on them. The article goes first: who adds to it meanwhile finds
/// its row gone.
pub(crate) async fn delete(
    transaction: &impl ConnectionTrait,
    ids: &[Uuid],
) -> Result<bool, StoreError> {
    let ids = || ids.iter().copied();
    let deleted = article::Entity::delete_many()
        .filter(article::Column::Id.is_in(ids()))
        .exec(transaction)
        .await?;
    article_tag::Entity::delete_many()
        .filter(article_tag::Column::ArticleId.is_in(ids()))
        .exec(transaction)
        .await?;
    article_like::Entity::delete_many()
        .filter(article_like::Column::ArticleId.is_in(ids()))
        .exec(transaction)
        .await?;
    article_bookmark::Entity::delete_many()
        .filter(article_bookmark::Column::ArticleId.is_in(ids()))
        .exec(transaction)
        .await?;
    article_comment::Entity::delete_many()
        .filter(article_comment::Column::ArticleId.is_in(ids()))
        .exec(transaction)
        .await?;
    Ok(deleted.rows_affected > 0)
}

fn written(text: &ArticleText, now: TimestampMs) -> article::ActiveModel {
    article::ActiveModel {
        id: NotSet,
        title: Set(text.title.clone()),
        content: Set(text.content.clone()),
        html: Set(text.html.clone()),
        renderer: Set(text.renderer),
        excerpt: Set(text.excerpt.clone()),
        category: Set(text.category.as_str().into()),
        tags: Set(json(&text.tags)),
        concert_id: Set(text.concert.map(|id| id.0)),
        image_ids: Set(json(&text.images)),
        updated_at: Set(now),
        ..Default::default()
    }
}

async fn tag(
    transaction: &impl ConnectionTrait,
    id: ArticleId,
    tags: &[String],
) -> Result<(), StoreError> {
    if tags.is_empty() {
        return Ok(());
    }
    let row =
        |tag: &String| article_tag::ActiveModel { tag: Set(tag.clone()), article_id: Set(id.0) };
    article_tag::Entity::insert_many(tags.iter().map(row))
        .exec_without_returning(transaction)
        .await?;
    Ok(())
}

async fn untag(transaction: &impl ConnectionTrait, id: ArticleId) -> Result<(), StoreError> {
    article_tag::Entity::delete_many()
        .filter(article_tag::Column::ArticleId.eq(id.0))
        .exec(transaction)
        .await?;
    Ok(())
}

fn json<T: Serialize>(list: &[T]) -> String {
    serde_json::to_string(list).expect("a list of plain values")
}

fn row_of(row: article::Model) -> Result<ArticleRow, StoreError> {
    let (content, html, renderer) = (row.content.clone(), row.html.clone(), row.renderer);
    Ok(ArticleRow { head: head_of(row)?, content, html, renderer })
}

/// Makes the head of an article from its row, in which content and HTML may be left out.
pub(crate) fn head_of(row: article::Model) -> Result<ArticleHead, StoreError> {
    let damaged = |what| StoreError::Damaged(format!("the {what} of article {}", row.id));
    let images: Vec<Uuid> =
        serde_json::from_str(&row.image_ids).map_err(|_| damaged("pictures"))?;
    Ok(ArticleHead {
        id: ArticleId(row.id),
        author: row.author_id.map(UserId),
        category: ArticleCategory::parse(&row.category).ok_or_else(|| damaged("category"))?,
        tags: serde_json::from_str(&row.tags).map_err(|_| damaged("tags"))?,
        title: row.title,
        excerpt: row.excerpt,
        concert: row.concert_id.map(OfferingId),
        images: images.into_iter().map(ImageId).collect(),
        is_published: row.is_published != 0,
        published_at: row.published_at,
        views: row.views,
        likes: row.likes,
        comments: row.comments,
        version: row.version,
        created_at: row.created_at,
        updated_at: row.updated_at,
    })
}
