//! Likes and bookmarks of articles.

use actix_web::{HttpResponse, web};
use serde::Serialize;
use utoipa::ToSchema;

use crate::community::articles::Liking;
use crate::http::envelope::{Done, Success};
use crate::http::error::{ApiError, ErrorCode, OperationCodes};
use crate::http::extract::{Caller, IdempotencyKey, Path};
use crate::http::respond;
use crate::http::state::AppState;
use crate::ids::ArticleId;
use crate::store::Key;

/// Adds the routes.
pub fn configure(cfg: &mut web::ServiceConfig) {
    cfg.service(
        web::resource("/api/articles/{article}/like").post(switch).put(like).delete(unlike),
    )
    .service(web::resource("/api/articles/{article}/bookmark").put(keep).delete(let_go));
}

/// The error codes of these operations, beyond those that follow from their form.
pub(crate) const CODES: &[OperationCodes] = &[
    ("post", "/api/articles/{article}/like", &[ErrorCode::AccountRequired]),
    ("put", "/api/articles/{article}/like", &[ErrorCode::AccountRequired]),
    ("delete", "/api/articles/{article}/like", &[ErrorCode::AccountRequired]),
    ("put", "/api/articles/{article}/bookmark", &[ErrorCode::AccountRequired]),
    ("delete", "/api/articles/{article}/bookmark", &[ErrorCode::AccountRequired]),
];

/// Whether the caller likes an article, and how many do.
#[derive(Clone, Copy, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[expect(missing_docs, reason = "the names say it")]
pub struct ArticleLikeDto {
    pub liked: bool,
    #[schema(minimum = 0)]
    pub likes_count: i64,
}

/// Like an article, or no more if liked before.
#[utoipa::path(post, path = "/api/articles/{article}/like", tag = "articles",
    operation_id = "switchArticleLike", params(("article" = ArticleId, Path)),
    responses((status = 200, body = Success<ArticleLikeDto>)))]
pub(crate) async fn switch(
    state: web::Data<AppState>,
    caller: Caller,
    Path(article): Path<ArticleId>,
    key: IdempotencyKey,
) -> Result<HttpResponse, ApiError> {
    let key = key.row_key(caller.user, "switch article like", &article);
    set(&state, caller, article, Liking::Switch, key.as_ref()).await
}

/// Like an article. It may be liked already.
#[utoipa::path(put, path = "/api/articles/{article}/like", tag = "articles",
    operation_id = "likeArticle", params(("article" = ArticleId, Path)),
    responses((status = 200, body = Success<ArticleLikeDto>)))]
pub(crate) async fn like(
    state: web::Data<AppState>,
    caller: Caller,
    Path(article): Path<ArticleId>,
    _: IdempotencyKey,
) -> Result<HttpResponse, ApiError> {
    set(&state, caller, article, Liking::On, None).await
}

/// Like an article no more.
#[utoipa::path(delete, path = "/api/articles/{article}/like", tag = "articles",
    operation_id = "unlikeArticle", params(("article" = ArticleId, Path)),
    responses((status = 200, body = Success<ArticleLikeDto>)))]
pub(crate) async fn unlike(
    state: web::Data<AppState>,
    caller: Caller,
    Path(article): Path<ArticleId>,
    _: IdempotencyKey,
) -> Result<HttpResponse, ApiError> {
    set(&state, caller, article, Liking::Off, None).await
}

async fn set(
    state: &AppState,
    caller: Caller,
    article: ArticleId,
    liking: Liking,
    key: Option<&Key>,
) -> Result<HttpResponse, ApiError> {
    let now = state.clock.now_ms();
    let (liked, likes_count) = state.articles.like(caller, article, liking, key, now).await?;
    Ok(respond::ok(&ArticleLikeDto { liked, likes_count }))
}

/// Keep an article to read it again.
#[utoipa::path(put, path = "/api/articles/{article}/bookmark", tag = "articles",
    operation_id = "bookmarkArticle", params(("article" = ArticleId, Path)),
    responses((status = 200, body = Done)))]
pub(crate) async fn keep(
    state: web::Data<AppState>,
    caller: Caller,
    Path(article): Path<ArticleId>,
    _: IdempotencyKey,
) -> Result<HttpResponse, ApiError> {
    state.articles.bookmark(caller, article, true, state.clock.now_ms()).await?;
    Ok(respond::done("the article is kept"))
}

/// Keep an article no more.
#[utoipa::path(delete, path = "/api/articles/{article}/bookmark", tag = "articles",
    operation_id = "forgetArticle", params(("article" = ArticleId, Path)),
    responses((status = 200, body = Done)))]
pub(crate) async fn let_go(
    state: web::Data<AppState>,
    caller: Caller,
    Path(article): Path<ArticleId>,
    _: IdempotencyKey,
) -> Result<HttpResponse, ApiError> {
    state.articles.bookmark(caller, article, false, state.clock.now_ms()).await?;
    Ok(respond::done("the article is kept no more"))
}
