//! Comments on articles, and replies to them.

use actix_web::{HttpResponse, web};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::shown::{AuthorDto, HiddenDto, render_author, render_hidden};
use crate::community::articles::{CommentsOf, NewComment, ShownComment};
use crate::http::envelope::{Done, Page, Success};
use crate::http::error::{ApiError, ErrorCode, OperationCodes};
use crate::http::extract::{Body, Caller, IdempotencyKey, MaybeCaller, Path, Query};
use crate::http::pages::{PageQuery, next_cursor};
use crate::http::respond::{self, mark_replayed, rfc3339};
use crate::http::state::AppState;
use crate::ids::{ArticleId, CommentId};

/// Adds the routes.
pub fn configure(cfg: &mut web::ServiceConfig) {
    cfg.service(web::resource("/api/articles/{article}/comments").get(list).post(create))
        .service(web::resource("/api/comments/{comment}").patch(change).delete(delete));
}

/// The error codes of these operations, beyond those that follow from their form.
pub(crate) const CODES: &[OperationCodes] = &[
    ("post", "/api/articles/{article}/comments", &[ErrorCode::AccountRequired, ErrorCode::Banned]),
    ("patch", "/api/comments/{comment}", &[ErrorCode::AccountRequired, ErrorCode::Banned]),
    (
        "get",
        "/api/articles/{article}/comments",
        &[ErrorCode::Unauthorized, ErrorCode::TokenExpired],
    ),
    ("delete", "/api/comments/{comment}", &[ErrorCode::Forbidden]),
];

/// A comment on an article, or a reply to one.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[expect(missing_docs, reason = "the names say it")]
pub struct CommentDto {
    pub id: CommentId,
    pub article_id: ArticleId,
    /// The comment that it replies to.
    #[schema(required = true)]
    pub parent_id: Option<CommentId>,
    /// Null if it is deleted or hidden, and once the account is closed.
    #[schema(required = true)]
    pub author: Option<AuthorDto>,
    /// Plain text; null if it is deleted or hidden.
    #[schema(required = true)]
    pub text: Option<String>,
    /// A deleted comment stays for its replies.
    pub is_deleted: bool,
    pub is_hidden: bool,
    /// Why a moderator has hidden it, for its author and moderators.
    #[schema(required = true)]
    pub hidden: Option<HiddenDto>,
    #[schema(minimum = 0)]
    pub replies_count: i64,
    pub created_at: String,
    pub updated_at: String,
}

/// A comment to write.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct NewCommentBody {
    /// Plain text, shown with its line breaks.
    #[schema(example = "I was there too.", max_length = 2_000)]
    text: String,
    /// The comment to reply to, which replies to none itself.
    parent_id: Option<CommentId>,
}

/// A new text of a comment.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct CommentPatchBody {
    /// Plain text, shown with its line breaks.
    #[schema(max_length = 2_000)]
    text: String,
}

/// The query of the list.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct CommentsQuery {
    parent_id: Option<CommentId>,
    limit: Option<u64>,
    cursor: Option<String>,
}

/// List the comments on an article, oldest first, or the replies to one of them.
#[utoipa::path(get, path = "/api/articles/{article}/comments", tag = "articles",
    operation_id = "listComments", security(()),
    params(("article" = ArticleId, Path),
        ("parentId" = Option<CommentId>, Query, description = "Only the replies to this comment. Left out: only comments that reply to none"),
        ("limit" = Option<u64>, Query), ("cursor" = Option<String>, Query)),
    responses((status = 200, body = Page<CommentDto>)))]
pub(crate) async fn list(
    state: web::Data<AppState>,
    MaybeCaller(caller): MaybeCaller,
    Path(article): Path<ArticleId>,
    Query(query): Query<CommentsQuery>,
) -> Result<HttpResponse, ApiError> {
    let page = PageQuery { limit: query.limit, cursor: query.cursor };
    let limit = page.limit()?;
    let of = CommentsOf { article, parent: query.parent_id, after: page.after_id()? };
    let found = state.articles.comments(caller, of, limit).await?;
    let next = next_cursor(&found, limit, |it| it.row.id.to_string());
    Ok(respond::page(&found.into_iter().map(render).collect::<Vec<_>>(), next))
}

/// Comment on an article, or reply to a comment.
#[utoipa::path(post, path = "/api/articles/{article}/comments", tag = "articles",
    operation_id = "createComment", params(("article" = ArticleId, Path)),
    request_body = NewCommentBody, responses((status = 201, body = Success<CommentDto>)))]
pub(crate) async fn create(
    state: web::Data<AppState>,
    caller: Caller,
    Path(article): Path<ArticleId>,
    key: IdempotencyKey,
    Body(body): Body<NewCommentBody>,
) -> Result<HttpResponse, ApiError> {
    let key = key.row_key(caller.user, "create comment", &(article, &body));
    let new = NewComment { text: body.text, parent: body.parent_id };
    let now = state.clock.now_ms();
    let (comment, replayed) =
        state.articles.comment(caller, article, new, key.as_ref(), now).await?;
    let mut response = respond::created(&render(comment));
    mark_replayed(&mut response, replayed);
    Ok(response)
}

/// Change the text of a comment of one's own.
#[utoipa::path(patch, path = "/api/comments/{comment}", tag = "articles",
    operation_id = "changeComment", params(("comment" = CommentId, Path)),
    request_body = CommentPatchBody, responses((status = 200, body = Success<CommentDto>)))]
pub(crate) async fn change(
    state: web::Data<AppState>,
    caller: Caller,
    Path(comment): Path<CommentId>,
    _: IdempotencyKey,
    Body(body): Body<CommentPatchBody>,
) -> Result<HttpResponse, ApiError> {
    let now = state.clock.now_ms();
    let changed = state.articles.change_comment(caller, comment, &body.text, now).await?;
    Ok(respond::ok(&render(changed)))
}

/// Delete a comment: one's own, or any (moderators). One with replies stays without author and text.
#[utoipa::path(delete, path = "/api/comments/{comment}", tag = "articles",
    operation_id = "deleteComment", params(("comment" = CommentId, Path)),
    responses((status = 200, body = Done)))]
pub(crate) async fn delete(
    state: web::Data<AppState>,
    caller: Caller,
    Path(comment): Path<CommentId>,
    key: IdempotencyKey,
) -> Result<HttpResponse, ApiError> {
    let key = key.row_key(caller.user, "delete comment", &comment);
    let now = state.clock.now_ms();
    let replayed = state.articles.delete_comment(caller, comment, key.as_ref(), now).await?;
    let mut response = respond::done("the comment is deleted");
    mark_replayed(&mut response, replayed);
    Ok(response)
}

fn render(comment: ShownComment) -> CommentDto {
    let ShownComment { row, author, hidden, is_readable, replies } = comment;
    CommentDto {
        id: row.id,
        article_id: row.article,
        parent_id: row.parent,
        author: author.filter(|_| is_readable).map(render_author),
        text: is_readable.then_some(row.text),
        is_deleted: row.is_deleted,
        is_hidden: hidden.is_some(),
        hidden: hidden.filter(|_| is_readable).map(render_hidden),
        replies_count: replies,
        created_at: rfc3339(row.created_at),
        updated_at: rfc3339(row.updated_at),
    }
}
