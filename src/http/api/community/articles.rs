//! `/api/articles`: articles of fans, their likes and bookmarks, comments and feeds.

pub mod comments;
pub mod feeds;
pub mod lists;
pub mod reactions;
pub mod shown;

use actix_web::{HttpRequest, HttpResponse, web};
use serde::{Deserialize, Deserializer, Serialize};
use utoipa::ToSchema;

use crate::community::articles::{ArticleCategory, ArticleChange, ArticleDraft, ShownArticle};
use crate::http::envelope::{Done, Success};
use crate::http::error::{ApiError, ErrorCode, OperationCodes};
use crate::http::extract::{
    Body, Caller, IdempotencyKey, MaybeCaller, Path, client_address, object,
};
use crate::http::respond::{self, locate, mark_replayed};
use crate::http::state::AppState;
use crate::ids::{ArticleId, ImageId, OfferingId};
use crate::network;
use shown::{ArticleDto, render};

/// The largest body in bytes: 50,000 characters, each as two escapes of JSON.
const LIMIT: usize = 768 * 1_024;

/// Adds the routes.
pub fn configure(cfg: &mut web::ServiceConfig) {
    cfg.service(web::resource("/api/articles").get(lists::list).post(create))
        .service(web::resource("/api/articles/{article}").get(show).patch(change).delete(delete))
        .service(web::resource("/api/articles/{article}/publish").post(publish))
        .service(web::resource("/api/articles/{article}/unpublish").post(unpublish))
        .configure(lists::configure)
        .configure(reactions::configure)
        .configure(comments::configure)
        .configure(feeds::configure);
}

/// The error codes of these operations, beyond those that follow from their form.
pub(crate) const CODES: &[OperationCodes] = &[
    ("post", "/api/articles", &[ErrorCode::AccountRequired, ErrorCode::Banned]),
    (
        "patch",
        "/api/articles/{article}",
        &[ErrorCode::AccountRequired, ErrorCode::Banned, ErrorCode::VersionConflict],
    ),
    ("get", "/api/articles/{article}", &[ErrorCode::Unauthorized, ErrorCode::TokenExpired]),
    ("delete", "/api/articles/{article}", &[ErrorCode::Forbidden]),
    ("post", "/api/articles/{article}/publish", &[ErrorCode::AccountRequired, ErrorCode::Banned]),
];

/// An article to write.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct NewArticleBody {
    /// One line.
    #[schema(example = "The night of the second encore", max_length = 200)]
    title: String,
    /// Markdown, without HTML, tables and footnotes. Pictures are those of `/images/`.
    #[schema(example = "They played **everything**.", max_length = 50_000)]
    content: String,
    #[serde(deserialize_with = "object::word")]
    category: ArticleCategory,
    /// Each of 1 to 30 characters; kept in lower case, with hyphens for blanks.
    #[serde(default)]
    #[schema(max_items = 10)]
    tags: Vec<String>,
    /// The event that it is about.
    concert_id: Option<OfferingId>,
    /// Pictures that the caller has uploaded.
    #[serde(default)]
    #[schema(max_items = 10)]
    image_ids: Vec<ImageId>,
    /// False, or left out, for a draft.
    #[serde(default)]
    is_published: bool,
}

/// Changes of an article; fields that are left out stay as they are.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ArticlePatchBody {
    /// The version that the changes were made to, as it was read.
    #[schema(minimum = 1)]
    version: i64,
    /// One line.
    #[schema(max_length = 200)]
    title: Option<String>,
    /// Markdown, without HTML, tables and footnotes. Pictures are those of `/images/`.
    #[schema(max_length = 50_000)]
    content: Option<String>,
    #[serde(default, deserialize_with = "object::option_word")]
    category: Option<ArticleCategory>,
    /// Each of 1 to 30 characters.
    #[schema(max_items = 10)]
    tags: Option<Vec<String>>,
    /// The event that it is about; null for none.
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = Option<OfferingId>)]
    concert_id: Option<Option<OfferingId>>,
    /// New pictures are those that the caller has uploaded.
    #[schema(max_items = 10)]
    image_ids: Option<Vec<ImageId>>,
}

/// Distinguishes `null` from absent.
fn present<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<Option<OfferingId>>, D::Error> {
    Option::deserialize(deserializer).map(Some)
}

/// Write an article, as a draft or to be read at once.
#[utoipa::path(post, path = "/api/articles", tag = "articles", operation_id = "createArticle",
    request_body = NewArticleBody, responses((status = 201, body = Success<ArticleDto>)))]
pub(crate) async fn create(
    state: web::Data<AppState>,
    caller: Caller,
    key: IdempotencyKey,
    Body(body): Body<NewArticleBody, LIMIT>,
) -> Result<HttpResponse, ApiError> {
    let key = key.row_key(caller.user, "create article", &body);
    let is_published = body.is_published;
    let draft = ArticleDraft {
        title: body.title,
        content: body.content,
        category: body.category,
        tags: body.tags,
        concert: body.concert_id,
        images: body.image_ids,
    };
    let now = state.clock.now_ms();
    let (id, replayed) =
        state.articles.create(caller, draft, is_published, key.as_ref(), now).await?;
    let mut response = respond::created(&render(state.articles.read(Some(caller), id).await?));
    locate(&mut response, &format!("/api/articles/{id}"));
    mark_replayed(&mut response, replayed);
    Ok(response)
}

/// Read an article. It counts as a view, once per person or address within half an hour.
///
/// `views` is up to ten seconds old. A draft is its author's alone; what is hidden is shown to its author
/// and moderators.
#[utoipa::path(get, path = "/api/articles/{article}", tag = "articles", operation_id = "getArticle",
    security(()), params(("article" = ArticleId, Path)),
    responses((status = 200, body = Success<ArticleDto>)))]
pub(crate) async fn show(
    state: web::Data<AppState>,
    request: HttpRequest,
    MaybeCaller(caller): MaybeCaller,
    Path(article): Path<ArticleId>,
) -> Result<HttpResponse, ApiError> {
    let found = state.articles.read(caller, article).await?;
    count_view(&state, &request, caller, &found);
    Ok(respond::ok(&render(found)))
}

/// Counts a view by an account, or by a network address.
pub(crate) fn count_view(
    state: &AppState,
    request: &HttpRequest,
    caller: Option<Caller>,
    article: &ShownArticle,
) {
    let address = || client_address(request).map(|address| network::counted(address).to_string());
    let viewer = caller.map(|caller| caller.user.to_string()).or_else(address);
    if let Some(viewer) = viewer {
        state.articles.count_view(article, &viewer, state.clock.now_ms());
    }
}

/// Change an article of one's own, in the version that it has still.
#[utoipa::path(patch, path = "/api/articles/{article}", tag = "articles",
    operation_id = "changeArticle", params(("article" = ArticleId, Path)),
    request_body = ArticlePatchBody, responses((status = 200, body = Success<ArticleDto>)))]
pub(crate) async fn change(
    state: web::Data<AppState>,
    caller: Caller,
    Path(article): Path<ArticleId>,
    key: IdempotencyKey,
    Body(body): Body<ArticlePatchBody, LIMIT>,
) -> Result<HttpResponse, ApiError> {
    let key = key.row_key(caller.user, "change article", &(article, &body));
    let version = body.version;
    let change = ArticleChange {
        title: body.title,
        content: body.content,
        category: body.category,
        tags: body.tags,
        concert: body.concert_id,
        images: body.image_ids,
    };
    let (of, now) = ((article, version), state.clock.now_ms());
    let replayed = state.articles.change(caller, of, change, key.as_ref(), now).await?;
    let mut response = respond::ok(&render(state.articles.read(Some(caller), article).await?));
    mark_replayed(&mut response, replayed);
    Ok(response)
}

/// Delete an article with its comments: one's own, or any (moderators).
#[utoipa::path(delete, path = "/api/articles/{article}", tag = "articles",
    operation_id = "deleteArticle", params(("article" = ArticleId, Path)),
    responses((status = 200, body = Done)))]
pub(crate) async fn delete(
    state: web::Data<AppState>,
    caller: Caller,
    Path(article): Path<ArticleId>,
    key: IdempotencyKey,
) -> Result<HttpResponse, ApiError> {
    let key = key.row_key(caller.user, "delete article", &article);
    let now = state.clock.now_ms();
    let replayed = state.articles.delete(caller, article, key.as_ref(), now).await?;
    let mut response = respond::done("the article is deleted");
    mark_replayed(&mut response, replayed);
    Ok(response)
}

/// Publish an article of one's own. It may be published already.
#[utoipa::path(post, path = "/api/articles/{article}/publish", tag = "articles",
    operation_id = "publishArticle", params(("article" = ArticleId, Path)),
    responses((status = 200, body = Success<ArticleDto>)))]
pub(crate) async fn publish(
    state: web::Data<AppState>,
    caller: Caller,
    Path(article): Path<ArticleId>,
    _: IdempotencyKey,
) -> Result<HttpResponse, ApiError> {
    state.articles.publish(caller, article, true, state.clock.now_ms()).await?;
    Ok(respond::ok(&render(state.articles.read(Some(caller), article).await?)))
}

/// Make a draft of an article of one's own again. It may be one already.
#[utoipa::path(post, path = "/api/articles/{article}/unpublish", tag = "articles",
    operation_id = "unpublishArticle", params(("article" = ArticleId, Path)),
    responses((status = 200, body = Success<ArticleDto>)))]
pub(crate) async fn unpublish(
    state: web::Data<AppState>,
    caller: Caller,
    Path(article): Path<ArticleId>,
    _: IdempotencyKey,
) -> Result<HttpResponse, ApiError> {
    state.articles.publish(caller, article, false, state.clock.now_ms()).await?;
    Ok(respond::ok(&render(state.articles.read(Some(caller), article).await?)))
}
