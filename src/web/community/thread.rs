//! Writing comments, and the page of a comment with its replies.

use actix_web::{HttpResponse, web};
use maud::html;
use serde::Deserialize;

use super::article;
use super::comments::{Entered, form, one};
use super::parts::{key_of, member};
use crate::accounts::Caller;
use crate::community::articles::{CommentsOf, NewComment};
use crate::http::error::{ApiError, mark_refused};
use crate::http::extract::Path;
use crate::http::state::AppState;
use crate::ids::{ArticleId, CommentId};
use crate::web::errors::explain;
use crate::web::forms::{Form, see_other};
use crate::web::layout::{self, Page};
use crate::web::visitor::Visitor;

/// Replies on one page.
const SHOWN: u64 = 50;

/// Adds the routes.
pub(super) fn configure(cfg: &mut web::ServiceConfig) {
    cfg.service(web::resource("/articles/{article}/comments").post(write))
        .service(web::resource("/articles/{article}/comments/{comment}").get(thread).post(act));
}

async fn write(
    state: web::Data<AppState>,
    visitor: Visitor,
    Path(article): Path<ArticleId>,
    Form(mut entered): Form<Entered>,
) -> Result<HttpResponse, ApiError> {
    let caller = member(&visitor)?;
    let parent = entered.parent.parse::<CommentId>().ok();
    let fields = (article, &entered.text, &entered.parent);
    let key = key_of(&entered.key).row_key(caller.user, "comment by form", &fields);
    let new = NewComment { text: entered.text.clone(), parent };
    let written = state.articles.comment(caller, article, new, key.as_ref(), visitor.now).await;
    let failure = match written {
        Ok((comment, _)) => {
            let id = comment.row.id;
            let at = match comment.row.parent {
                Some(parent) => format!("/articles/{article}/comments/{parent}#comment-{id}"),
                None => format!("/articles/{article}#comment-{id}"),
            };
            return Ok(see_other(&at));
        }
        Err(error) => ApiError::from(error),
    };
    if matches!(failure.code().status().as_u16(), 404 | 500..) {
        return Err(failure);
    }
    entered.refused = Some(explain(&visitor, &failure));
    let mut page = match parent {
        Some(parent) => show_thread(&state, &visitor, (article, parent), None, &entered).await?,
        None => {
            let article = state.articles.read(visitor.caller, article).await?;
            article::show(&state, &visitor, &article, (None, None), &entered).await?
        }
    };
    mark_refused(&mut page, failure.code());
    Ok(page)
}

#[derive(Deserialize)]
struct Query {
    after: Option<CommentId>,
}

async fn thread(
    state: web::Data<AppState>,
    visitor: Visitor,
    Path(ids): Path<(ArticleId, CommentId)>,
    query: web::Query<Query>,
) -> Result<HttpResponse, ApiError> {
    show_thread(&state, &visitor, ids, query.after, &Entered::default()).await
}

/// Renders a comment with its replies.
async fn show_thread(
    state: &AppState,
    visitor: &Visitor,
    (article, id): (ArticleId, CommentId),
    after: Option<CommentId>,
    entered: &Entered,
) -> Result<HttpResponse, ApiError> {
    let first = state.articles.comment_in(visitor.caller, article, id).await?;
    // Replies have none of their own.
    let top = first.row.parent.unwrap_or(id);
    if top != id {
        return Ok(see_other(&format!("/articles/{article}/comments/{top}#comment-{id}")));
    }
    let of = CommentsOf { article, parent: Some(id), after };
    let found = state.articles.comments(visitor.caller, of, SHOWN).await?;
    let next = found.last().filter(|_| found.len() as u64 == SHOWN).map(|last| last.row.id);
    let title = visitor.text("comments.thread");
    let main = html! {
        section.narrow {
            p.back { a href={ "/articles/" (article) "#comments" } { (visitor.text("comments.to_article")) } }
            h1 { (title) }
            (one(visitor, &first, false))
            div.replies {
                @for comment in &found { (one(visitor, comment, false)) }
            }
            @if let Some(next) = next {
                p.more { a.button.quiet href={ "/articles/" (article) "/comments/" (id) "?after=" (next) } {
                    (visitor.text("start.more"))
                } }
            }
            @if !first.row.is_deleted { (form(visitor, article, Some(id), entered)) }
        }
    };
    Ok(layout::render(visitor, Page::new(title).main(main)))
}

#[derive(Deserialize)]
struct Act {
    #[serde(rename = "do")]
    what: String,
    #[serde(default)]
    key: String,
    #[serde(default)]
    text: String,
}

async fn act(
    state: web::Data<AppState>,
    visitor: Visitor,
    Path((article, id)): Path<(ArticleId, CommentId)>,
    Form(act): Form<Act>,
) -> Result<HttpResponse, ApiError> {
    let caller = member(&visitor)?;
    let comment = state.articles.comment_in(Some(caller), article, id).await?;
    match &*act.what {
        "change" => {
            state.articles.change_comment(caller, id, &act.text, visitor.now).await?;
        }
        "delete" => delete(&state, caller, id, &act.key, visitor.now).await?,
        _ => {}
    }
    let at = match comment.row.parent {
        Some(parent) => format!("/articles/{article}/comments/{parent}#comment-{id}"),
        None => format!("/articles/{article}#comment-{id}"),
    };
    Ok(see_other(&at))
}

async fn delete(
    state: &AppState,
    caller: Caller,
    id: CommentId,
    key: &str,
    now: i64,
) -> Result<(), ApiError> {
    let key = key_of(key).row_key(caller.user, "delete comment by form", &id);
    state.articles.delete_comment(caller, id, key.as_ref(), now).await?;
    Ok(())
}
