//! Lists of articles: those that all may read, one's own, and those that one keeps.

use actix_web::{HttpResponse, web};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::shown::{ArticleSummaryDto, summary};
use crate::community::articles::tag;
use crate::community::articles::{ArticleCategory, ArticleFilter, ArticleSort, ListedArticle};
use crate::http::envelope::Page;
use crate::http::error::ApiError;
use crate::http::extract::{Caller, Query, object};
use crate::http::pages::{PageQuery, next_cursor};
use crate::http::respond::{self, rfc3339};
use crate::http::state::AppState;
use crate::ids::{OfferingId, UserId};

/// Adds the routes.
pub fn configure(cfg: &mut web::ServiceConfig) {
    cfg.service(web::resource("/api/users/me/articles").get(mine))
        .service(web::resource("/api/users/me/bookmarks").get(bookmarks));
}

/// The order of a list of articles.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum ArticleOrder {
    /// Those published last are first.
    #[default]
    Recent,
    /// Those with the most likes are first.
    Popular,
}

/// The query of the list.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct ArticlesQuery {
    #[serde(default, deserialize_with = "object::option_word")]
    category: Option<ArticleCategory>,
    tag: Option<String>,
    author: Option<UserId>,
    concert_id: Option<OfferingId>,
    #[serde(default, deserialize_with = "object::option_word")]
    sort: Option<ArticleOrder>,
    limit: Option<u64>,
    cursor: Option<String>,
}

/// An article that a person keeps.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[expect(missing_docs, reason = "the names say it")]
pub struct BookmarkDto {
    pub article: ArticleSummaryDto,
    pub bookmarked_at: String,
}

/// List published articles.
///
/// With `sort=popular` an article whose likes change while one turns pages may be missed, or come twice.
#[utoipa::path(get, path = "/api/articles", tag = "articles", operation_id = "listArticles",
    security(()),
    params(
        ("category" = Option<ArticleCategory>, Query), ("tag" = Option<String>, Query),
        ("author" = Option<UserId>, Query), ("concertId" = Option<OfferingId>, Query),
        ("sort" = Option<ArticleOrder>, Query, description = "`recent` if left out"),
        ("limit" = Option<u64>, Query), ("cursor" = Option<String>, Query)),
    responses((status = 200, body = Page<ArticleSummaryDto>)))]
pub(crate) async fn list(
    state: web::Data<AppState>,
    Query(query): Query<ArticlesQuery>,
) -> Result<HttpResponse, ApiError> {
    let page = PageQuery { limit: query.limit, cursor: query.cursor };
    let sort = match query.sort.unwrap_or_default() {
        ArticleOrder::Recent => ArticleSort::Recent,
        ArticleOrder::Popular => ArticleSort::Popular,
    };
    let filter = ArticleFilter {
        category: query.category,
        tag: query.tag.as_deref().map(|it| tag("tag", it)).transpose()?,
        author: query.author,
        concert: query.concert_id,
        sort,
        after: page.after()?,
    };
    let limit = page.limit()?;
    let found = state.articles.list(&filter, limit).await?;
    let by = |article: &ListedArticle| match sort {
        ArticleSort::Recent => article.head.published_at.unwrap_or_default(),
        ArticleSort::Popular => article.head.likes,
    };
    let next = next_cursor(&found, limit, |it| format!("{}_{}", by(it), it.head.id));
    Ok(respond::page(&found.into_iter().map(summary).collect::<Vec<_>>(), next))
}

/// List the caller's articles, newest first, with drafts and hidden ones.
#[utoipa::path(get, path = "/api/users/me/articles", tag = "articles",
    operation_id = "listMyArticles",
    params(("limit" = Option<u64>, Query), ("cursor" = Option<String>, Query)),
    responses((status = 200, body = Page<ArticleSummaryDto>)))]
pub(crate) async fn mine(
    state: web::Data<AppState>,
    caller: Caller,
    Query(page): Query<PageQuery>,
) -> Result<HttpResponse, ApiError> {
    let limit = page.limit()?;
    let found = state.articles.mine(caller, page.after_id()?, limit).await?;
    let next = next_cursor(&found, limit, |it| it.head.id.to_string());
    Ok(respond::page(&found.into_iter().map(summary).collect::<Vec<_>>(), next))
}

/// List the articles that the caller keeps, newest first.
#[utoipa::path(get, path = "/api/users/me/bookmarks", tag = "articles",
    operation_id = "listBookmarks",
    params(("limit" = Option<u64>, Query), ("cursor" = Option<String>, Query)),
    responses((status = 200, body = Page<BookmarkDto>)))]
pub(crate) async fn bookmarks(
    state: web::Data<AppState>,
    caller: Caller,
    Query(page): Query<PageQuery>,
) -> Result<HttpResponse, ApiError> {
    let limit = page.limit()?;
    let found = state.articles.bookmarks(caller, page.after()?, limit).await?;
    let next = next_cursor(&found, limit, |(at, it)| format!("{at}_{}", it.head.id));
    let render = |(at, it)| BookmarkDto { article: summary(it), bookmarked_at: rfc3339(at) };
    Ok(respond::page(&found.into_iter().map(render).collect::<Vec<_>>(), next))
}
