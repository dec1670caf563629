//! An article with its comments, and what its readers and its author do with it.

use actix_web::{HttpRequest, HttpResponse, web};
use maud::{Markup, PreEscaped, html};
use serde::Deserialize;

use super::articles::category_text;
use super::comments::{self, Entered};
use super::parts::{count, key_of, member, name_of, new_key, report_link};
use crate::community::articles::{CommentsOf, Liking, ShownArticle};
use crate::http::api::community::articles::count_view;
use crate::http::error::ApiError;
use crate::http::extract::Path;
use crate::http::state::AppState;
use crate::ids::{ArticleId, CommentId};
use crate::web::format;
use crate::web::forms::{Form, see_other};
use crate::web::layout::{self, Page};
use crate::web::visitor::Visitor;

/// Comments on one page.
const SHOWN: u64 = 30;

/// Adds the routes.
pub(super) fn configure(cfg: &mut web::ServiceConfig) {
    cfg.service(web::resource("/articles/{article}").get(page).post(act));
}

#[derive(Deserialize)]
struct Query {
    /// The last comment of the page before.
    comments: Option<CommentId>,
    notice: Option<String>,
}

async fn page(
    state: web::Data<AppState>,
    request: HttpRequest,
    visitor: Visitor,
    Path(id): Path<ArticleId>,
    query: web::Query<Query>,
) -> Result<HttpResponse, ApiError> {
    let article = state.articles.read(visitor.caller, id).await?;
    count_view(&state, &request, visitor.caller, &article);
    let notice = query.notice.as_deref();
    show(&state, &visitor, &article, (query.comments, notice), &Entered::default()).await
}

/// Renders the page; `entered` is a comment that was refused.
pub(super) async fn show(
    state: &AppState,
    visitor: &Visitor,
    article: &ShownArticle,
    (after, notice): (Option<CommentId>, Option<&str>),
    entered: &Entered,
) -> Result<HttpResponse, ApiError> {
    let head = &article.row.head;
    let of = CommentsOf { article: head.id, parent: None, after };
    let found = state.articles.comments(visitor.caller, of, SHOWN).await?;
    let next = found.last().filter(|_| found.len() as u64 == SHOWN).map(|last| last.row.id);
    let author = article.author.as_ref();
    let main = html! {
        article.narrow {
            p.back { a href="/articles" { (visitor.text("articles.title")) } }
            h1 { (head.title) }
            p.facts {
                a.badge href={ "/articles?category=" (head.category.as_str()) } {
                    (category_text(visitor, head.category))
                }
                @match author {
                    Some(author) => a href={ "/articles?author=" (author.id) } {
                        (name_of(visitor, author.name.as_deref()))
                    },
                    None => (name_of(visitor, None)),
                }
                @if let Some(at) = head.published_at {
                    (format::time(visitor.language, at, visitor.site.zone))
                }
                span.hint { (visitor.fill("articles.views", &[("views", &count(head.views))])) }
            }
            @if let Some(hidden) = &article.hidden {
                p.warning { (visitor.fill("community.hidden_because", &[("reason", &hidden.reason)])) }
            }
            @if !head.is_published { p.warning { (visitor.text("articles.is_draft")) } }
            div.prose { (PreEscaped(&article.row.html)) }
            @for image in &head.images {
                p { img.wide src={ "/images/" (image) "/800" } alt="" loading="lazy"; }
            }
            @if !head.tags.is_empty() {
                p.facts {
                    @for tag in &head.tags { a href=(tagged(tag)) { "#" (tag) } " " }
                }
            }
            @if let Some(concert) = head.concert {
                p { a href={ "/events/" (concert) } { (visitor.text("articles.about_event")) } }
            }
            (actions(visitor, article))
        }
        (comments::section(visitor, article, &found, next, entered))
    };
    Ok(layout::render(visitor, Page::new(&head.title).main(main).notice(notice)))
}

fn tagged(tag: &str) -> String {
    let mut link = form_urlencoded::Serializer::new(String::from("/articles?"));
    link.append_pair("tag", tag).finish()
}

/// True if the visitor wrote it.
fn is_own(visitor: &Visitor, article: &ShownArticle) -> bool {
    let author = article.row.head.author;
    visitor.has_account() && author.is_some_and(|id| visitor.caller.is_some_and(|it| it.user == id))
}

fn actions(visitor: &Visitor, article: &ShownArticle) -> Markup {
    let head = &article.row.head;
    let (likes, keeps) = article.reactions;
    let address = format!("/articles/{}", head.id);
    let own = is_own(visitor, article);
    let button = |name: &str, text: &'static str| {
        html! { button.button.quiet name="do" value=(name) { (visitor.text(text)) } }
    };
    html! {
        form.row method="post" action=(address) {
            input type="hidden" name="key" value=(new_key());
            @if head.is_published {
                @if likes { (button("unlike", "community.liked")) } @else { (button("like", "community.like")) }
                span.hint { (visitor.fill("community.likes", &[("n", &count(head.likes))])) }
                @if keeps { (button("forget", "articles.keep_no_more")) } @else { (button("keep", "articles.keep")) }
            }
            @if own && head.is_published { (button("unpublish", "articles.unpublish")) }
            @if own && !head.is_published { (button("publish", "articles.publish")) }
            @if !own { (report_link(visitor, "ARTICLE", head.id.0)) }
        }
        @if own {
            p { a href={ (address) "/edit" } { (visitor.text("articles.edit")) } }
        }
        @if own || visitor.is_admin() {
            details {
                summary { (visitor.text("articles.delete")) }
                form.row method="post" action=(address) {
                    input type="hidden" name="key" value=(new_key());
                    p { (visitor.text("articles.delete_does")) }
                    button.button.quiet name="do" value="delete" { (visitor.text("articles.delete_now")) }
                }
            }
        }
    }
}

#[derive(Deserialize)]
struct Act {
    #[serde(rename = "do")]
    what: String,
    #[serde(default)]
    key: String,
}

async fn act(
    state: web::Data<AppState>,
    visitor: Visitor,
    Path(id): Path<ArticleId>,
    Form(act): Form<Act>,
) -> Result<HttpResponse, ApiError> {
    let caller = member(&visitor)?;
    let (articles, now) = (&state.articles, visitor.now);
    let address = format!("/articles/{id}");
    let notice = match &*act.what {
        "like" => articles.like(caller, id, Liking::On, None, now).await.map(|_| "")?,
        "unlike" => articles.like(caller, id, Liking::Off, None, now).await.map(|_| "")?,
        "keep" => articles.bookmark(caller, id, true, now).await.map(|()| "article_kept")?,
        "forget" => articles.bookmark(caller, id, false, now).await.map(|()| "")?,
        "publish" => articles.publish(caller, id, true, now).await.map(|()| "published")?,
        "unpublish" => articles.publish(caller, id, false, now).await.map(|()| "unpublished")?,
        "delete" => {
            let key = key_of(&act.key).row_key(caller.user, "delete article by form", &id);
            articles.delete(caller, id, key.as_ref(), now).await?;
            return Ok(see_other("/articles?notice=article_deleted"));
        }
        _ => "",
    };
    let notice = if notice.is_empty() { String::new() } else { format!("?notice={notice}") };
    Ok(see_other(&format!("{address}{notice}")))
}
