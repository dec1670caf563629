//! Comments below an article, and the replies to one of them on a page of their own.

use actix_web::{HttpResponse, web};
use maud::{Markup, html};
use serde::Deserialize;

use super::{article, count, key_of, lines, member, name_of, new_key, report_link};
use crate::caller::Caller;
use crate::community::articles::{CommentsOf, MAX_COMMENT, NewComment, ShownArticle, ShownComment};
use crate::http::error::{ApiError, mark_refused};
use crate::http::extract::Path;
use crate::http::state::AppState;
use crate::ids::{ArticleId, CommentId};
use crate::web::errors::explain;
use crate::web::fields::{Field, refusal};
use crate::web::format;
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

/// A comment as a form sends it.
#[derive(Clone, Debug, Default, Deserialize)]
pub(super) struct Entered {
    #[serde(default)]
    key: String,
    #[serde(default)]
    text: String,
    /// The comment that it replies to.
    #[serde(default)]
    parent: String,
    /// Why it was refused.
    #[serde(skip)]
    refused: Option<String>,
}

/// Renders the comments of an article, and the form for another.
pub(super) fn section(
    visitor: &Visitor,
    article: &ShownArticle,
    found: &[ShownComment],
    next: Option<CommentId>,
    entered: &Entered,
) -> Markup {
    let head = &article.row.head;
    html! {
        section.narrow aria-labelledby="comments" {
            h2 id="comments" { (visitor.fill("comments.title", &[("n", &count(head.comments))])) }
            @if found.is_empty() { p.empty { (visitor.text("comments.none")) } }
            @for comment in found { (one(visitor, comment, true)) }
            @if let Some(next) = next {
                p.more { a.button.quiet href={ "/articles/" (head.id) "?comments=" (next) "#comments" } {
                    (visitor.text("start.more"))
                } }
            }
            @if head.is_published { (form(visitor, head.id, None, entered)) }
        }
    }
}

/// Renders a comment.
fn one(visitor: &Visitor, comment: &ShownComment, leads_on: bool) -> Markup {
    let ShownComment { row, author, hidden, is_readable, replies } = comment;
    let address = format!("/articles/{}/comments/{}", row.article, row.id);
    let is_own = row.author.is_some() && visitor.caller.map(|caller| caller.user) == row.author;
    html! {
        article.comment id={ "comment-" (row.id) } {
            p.facts {
                @if *is_readable { (name_of(visitor, author.as_ref().and_then(|it| it.name.as_deref()))) }
                (format::time(visitor.language, row.created_at, visitor.site.zone))
                @if row.updated_at > row.created_at && !row.is_deleted {
                    span.hint { (visitor.text("community.edited")) }
                }
            }
            @if let Some(hidden) = hidden.as_ref().filter(|_| *is_readable) {
                p.warning { (visitor.fill("community.hidden_because", &[("reason", &hidden.reason)])) }
            }
            @if *is_readable { (lines(&row.text)) }
            @else if row.is_deleted { p.hint { (visitor.text("comments.deleted")) } }
            @else { p.hint { (visitor.text("comments.is_hidden")) } }
            div.row {
                @if leads_on {
                    a.fine href=(address) {
                        @if *replies > 0 { (visitor.fill("comments.replies", &[("n", &count(*replies))])) }
                        @else { (visitor.text("comments.reply")) }
                    }
                }
                @if *is_readable && !is_own { (report_link(visitor, "COMMENT", row.id.0)) }
            }
            @if *is_readable && (is_own || visitor.is_admin()) { (own(visitor, comment, &address)) }
        }
    }
}

/// Renders what the author of a comment, and moderators, may do with it.
fn own(visitor: &Visitor, comment: &ShownComment, address: &str) -> Markup {
    let row = &comment.row;
    let is_own = visitor.caller.map(|caller| caller.user) == row.author;
    html! {
        details {
            summary { (visitor.text("comments.change")) }
            form.stack method="post" action=(address) {
                input type="hidden" name="key" value=(new_key());
                @if is_own {
                    label for={ "text-" (row.id) } { (visitor.text("comments.text")) }
                    textarea id={ "text-" (row.id) } name="text" rows="3" maxlength=(MAX_COMMENT) { (row.text) }
                    button.button name="do" value="change" { (visitor.text("comments.save")) }
                }
                button.button.quiet name="do" value="delete" { (visitor.text("comments.delete")) }
            }
        }
    }
}

fn form(
    visitor: &Visitor,
    article: ArticleId,
    parent: Option<CommentId>,
    entered: &Entered,
) -> Markup {
    if !visitor.has_account() {
        let back: String = form_urlencoded::byte_serialize(visitor.here.as_bytes()).collect();
        return html! {
            p { a href={ "/sign-in?back=" (back) } { (visitor.text("comments.sign_in")) } }
        };
    }
    let label = visitor.text(if parent.is_some() { "comments.reply" } else { "comments.write" });
    let field = Field { name: "text", label, value: &entered.text, required: true, ..Field::default() };
    let key = if entered.key.is_empty() { new_key() } else { entered.key.clone() };
    html! {
        form.stack id="write" method="post" action={ "/articles/" (article) "/comments#write" } {
            (refusal(entered.refused.as_deref()))
            input type="hidden" name="key" value=(key);
            @if let Some(parent) = parent { input type="hidden" name="parent" value=(parent); }
            (field.area(3))
            button.button { (visitor.text("comments.send")) }
        }
    }
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
