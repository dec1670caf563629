//! Lists of articles, without their contents. What moderators have hidden is left out of all lists but
//! an author's own.

use entities::{article, article_bookmark, article_tag, hidden_thing};
use sea_orm::sea_query::{Expr, SelectStatement};
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect, QueryTrait, Select};
use uuid::Uuid;

use crate::ids::{ArticleId, OfferingId, UserId};
use crate::inventory::TimestampMs;
use crate::store::tables::article::head_of;
use crate::store::{ArticleCategory, ArticleHead, Store, StoreError, ThingKind, older};

/// The order of a list of articles.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ArticleSort {
    /// Those published last are first.
    #[default]
    Recent,
    /// Those with the most likes are first; of these, the newest.
    Popular,
}

/// The articles to list.
#[derive(Clone, Debug, Default)]
#[expect(missing_docs, reason = "the names say it")]
pub struct ArticleFilter {
    pub category: Option<ArticleCategory>,
    pub tag: Option<String>,
    pub author: Option<UserId>,
    pub concert: Option<OfferingId>,
    pub sort: ArticleSort,
    /// The last article of the page before, with the value by which it is ordered.
    pub after: Option<(i64, ArticleId)>,
}

impl Store {
    /// Returns published articles; at most `limit`.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn article_list(
        &self,
        filter: &ArticleFilter,
        limit: u64,
    ) -> Result<Vec<ArticleHead>, StoreError> {
        use article::Column;
        let by = match filter.sort {
            ArticleSort::Recent => Column::PublishedAt,
            ArticleSort::Popular => Column::Likes,
        };
        let mut query = shown().order_by_desc(by).order_by_desc(Column::Id).limit(limit);
        if let Some(category) = filter.category {
            query = query.filter(Column::Category.eq(category.as_str()));
        }
        if let Some(author) = filter.author {
            query = query.filter(Column::AuthorId.eq(author.0));
        }
        if let Some(concert) = filter.concert {
            query = query.filter(Column::ConcertId.eq(concert.0));
        }
        if let Some(tag) = &filter.tag {
            let tagged = article_tag::Entity::find()
                .select_only()
                .column(article_tag::Column::ArticleId)
                .filter(article_tag::Column::Tag.eq(tag.as_str()));
            query = query.filter(Column::Id.in_subquery(tagged.into_query()));
        }
        if let Some((value, id)) = filter.after {
            query = query.filter(older((by, value), (Column::Id, id.0)));
        }
        query.all(self.reads()).await?.into_iter().map(head_of).collect()
    }

    /// Returns the articles of a person, newest first, drafts and hidden ones too; at most `limit`.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn article_list_of(
        &self,
        author: UserId,
        after: Option<ArticleId>,
        limit: u64,
    ) -> Result<Vec<ArticleHead>, StoreError> {
        let mut query = heads()
            .filter(article::Column::AuthorId.eq(author.0))
            .order_by_desc(article::Column::Id)
            .limit(limit);
        if let Some(after) = after {
            query = query.filter(article::Column::Id.lt(after.0));
        }
        query.all(self.reads()).await?.into_iter().map(head_of).collect()
    }

    /// Returns the articles that a person keeps and may still read, and since when, newest first; at
    /// most `limit`.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn article_bookmarks(
        &self,
        user: UserId,
        after: Option<(TimestampMs, ArticleId)>,
        limit: u64,
    ) -> Result<Vec<(TimestampMs, ArticleHead)>, StoreError> {
        use article_bookmark::Column;
        let readable = shown().select_only().column(article::Column::Id);
        let mut query = article_bookmark::Entity::find()
            .filter(Column::UserId.eq(user.0))
            .filter(Column::ArticleId.in_subquery(readable.into_query()))
            .order_by_desc(Column::CreatedAt)
            .order_by_desc(Column::ArticleId)
            .limit(limit);
        if let Some((at, id)) = after {
            query = query.filter(older((Column::CreatedAt, at), (Column::ArticleId, id.0)));
        }
        let kept = query.all(self.reads()).await?;
        let ids: Vec<Uuid> = kept.iter().map(|row| row.article_id).collect();
        let found = heads().filter(article::Column::Id.is_in(ids)).all(self.reads()).await?;
        let heads = found.into_iter().map(head_of).collect::<Result<Vec<_>, _>>()?;
        let head = |id| heads.iter().find(|head| head.id.0 == id).cloned();
        let of = |row: &article_bookmark::Model| Some((row.created_at, head(row.article_id)?));
        Ok(kept.iter().filter_map(of).collect())
    }
}

/// Selects articles without their contents.
fn heads() -> Select<article::Entity> {
    use article::Column;
    article::Entity::find()
        .select_only()
        .columns([
            Column::Id,
            Column::AuthorId,
            Column::Title,
            Column::Renderer,
            Column::Excerpt,
            Column::Category,
            Column::Tags,
            Column::ConcertId,
            Column::ImageIds,
            Column::IsPublished,
            Column::PublishedAt,
            Column::Views,
            Column::Likes,
            Column::Comments,
            Column::Version,
            Column::CreatedAt,
            Column::UpdatedAt,
        ])
        .column_as(Expr::value(""), "content")
        .column_as(Expr::value(""), "html")
}

/// Selects the articles that everyone may read, without their contents.
fn shown() -> Select<article::Entity> {
    heads()
        // No parameter: with one, SQLite would not know that its partial indexes fit.
        .filter(Expr::cust("is_published = 1"))
        .filter(article::Column::Id.not_in_subquery(hidden(ThingKind::Article)))
}

/// Selects the ids of what is hidden of a kind.
fn hidden(kind: ThingKind) -> SelectStatement {
    hidden_thing::Entity::find()
        .select_only()
        .column(hidden_thing::Column::ThingId)
        .filter(hidden_thing::Column::Kind.eq(kind.as_str()))
        .into_query()
}
