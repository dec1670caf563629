//! Lists of articles: those that all may read, one's own, and those that one keeps.

use actix_web::{HttpResponse, web};
use maud::{Markup, html};
use serde::Deserialize;

use super::parts::{Noticed, after, count, member, name_of};
use crate::community::articles::{ArticleCategory, ArticleFilter, ArticleSort, ListedArticle, tag};
use crate::http::error::ApiError;
use crate::http::state::AppState;
use crate::web::format;
use crate::web::layout::{self, Page};
use crate::web::visitor::Visitor;

/// Articles on one page.
const SHOWN: u64 = 20;

/// Adds the routes.
pub(super) fn configure(cfg: &mut web::ServiceConfig) {
    cfg.service(web::resource("/articles").get(list))
        .service(web::resource("/account/articles").get(mine))
        .service(web::resource("/account/bookmarks").get(bookmarks));
}

#[derive(Default, Deserialize)]
struct Query {
    #[serde(default)]
    category: String,
    #[serde(default)]
    sort: String,
    #[serde(default)]
    tag: String,
    #[serde(default)]
    author: String,
    #[serde(default)]
    concert: String,
    after: Option<String>,
    notice: Option<String>,
}

/// Returns the name of a category, in words.
pub(super) fn category_text(visitor: &Visitor, category: ArticleCategory) -> &'static str {
    visitor.text(match category {
        ArticleCategory::News => "articles.news",
        ArticleCategory::Review => "articles.review",
        ArticleCategory::Preview => "articles.preview",
        ArticleCategory::Talk => "articles.talk",
        ArticleCategory::Question => "articles.question",
    })
}

async fn list(
    state: web::Data<AppState>,
    visitor: Visitor,
    query: web::Query<Query>,
) -> Result<HttpResponse, ApiError> {
    let is_popular = query.sort == "popular";
    let sort = if is_popular { ArticleSort::Popular } else { ArticleSort::Recent };
    let chosen = ArticleCategory::ALL.into_iter().find(|it| it.as_str() == query.category);
    let filter = ArticleFilter {
        category: chosen,
        tag: tag("tag", &query.tag).ok(),
        author: query.author.parse().ok(),
        concert: query.concert.parse().ok(),
        sort,
        after: after(query.after.as_deref()),
    };
    let found = state.articles.list(&filter, SHOWN).await?;
    let next = found.last().filter(|_| found.len() as u64 == SHOWN).map(|last| {
        let by = match sort {
            ArticleSort::Recent => last.head.published_at.unwrap_or_default(),
            ArticleSort::Popular => last.head.likes,
        };
        address(&query, Some(&format!("{by}_{}", last.head.id)))
    });
    let title = visitor.text("articles.title");
    let main = html! {
        h1 { (title) }
        p.actions {
            a.button href={ "/articles/new?concert=" (filter.concert.map(|id| id.to_string()).unwrap_or_default()) } {
                (visitor.text("articles.write"))
            }
            a href="/chat" { (visitor.text("chat.title")) }
            @if visitor.has_account() {
                a href="/account/articles" { (visitor.text("articles.mine")) }
                a href="/account/bookmarks" { (visitor.text("articles.kept")) }
            }
        }
        (choices(&visitor, &query, chosen, is_popular))
        @if let Some(tag) = &filter.tag { p { (visitor.text("articles.with_tag")) " " strong { "#" (tag) } } }
        @if found.is_empty() { p.empty { (visitor.text("articles.none")) } }
        (cards(&visitor, &found))
        @if let Some(next) = &next {
            p.more { a.button.quiet href=(next) { (visitor.text("start.more")) } }
        }
        p.fine { a href="/feeds/articles.atom" { (visitor.text("articles.feed")) } }
    };
    let page = Page::new(title).main(main).notice(query.notice.as_deref());
    Ok(layout::render(&visitor, page))
}

/// Returns the address of a list with this choice.
fn address(query: &Query, after: Option<&str>) -> String {
    let mut link = form_urlencoded::Serializer::new(String::from("/articles?"));
    for (name, value) in [
        ("category", &query.category),
        ("sort", &query.sort),
        ("tag", &query.tag),
        ("author", &query.author),
        ("concert", &query.concert),
    ] {
        if !value.is_empty() {
            link.append_pair(name, value);
        }
    }
    if let Some(after) = after {
        link.append_pair("after", after);
    }
    link.finish()
}

/// Renders the form that chooses category and order.
fn choices(
    visitor: &Visitor,
    query: &Query,
    chosen: Option<ArticleCategory>,
    is_popular: bool,
) -> Markup {
    html! {
        form.search method="get" action="/articles" {
            @for (name, value) in [("tag", &query.tag), ("author", &query.author), ("concert", &query.concert)] {
                @if !value.is_empty() { input type="hidden" name=(name) value=(value); }
            }
            div.field {
                label for="field-category" { (visitor.text("articles.category")) }
                select id="field-category" name="category" {
                    option value="" { (visitor.text("articles.any_category")) }
                    @for category in ArticleCategory::ALL {
                        option value=(category.as_str()) selected[chosen == Some(category)] {
                            (category_text(visitor, category))
                        }
                    }
                }
            }
            div.field {
                label for="field-sort" { (visitor.text("articles.order")) }
                select id="field-sort" name="sort" {
                    option value="" { (visitor.text("articles.newest")) }
                    option value="popular" selected[is_popular] { (visitor.text("articles.most_liked")) }
                }
            }
            button.button { (visitor.text("articles.show")) }
        }
    }
}

/// Renders articles of a list.
pub(super) fn cards(visitor: &Visitor, found: &[ListedArticle]) -> Markup {
    html! {
        ul.cards {
            @for ListedArticle { head, author, hidden } in found {
                li.card {
                    a.card-link href={ "/articles/" (head.id) } { h2 { (head.title) } }
                    p.facts {
                        span.badge { (category_text(visitor, head.category)) }
                        @if hidden.is_some() { span.badge { (visitor.text("community.hidden")) } }
                        @else if !head.is_published { span.badge { (visitor.text("articles.draft")) } }
                        (name_of(visitor, author.as_ref().and_then(|author| author.name.as_deref())))
                        @if let Some(at) = head.published_at {
                            (format::time(visitor.language, at, visitor.site.zone))
                        }
                    }
                    p { (head.excerpt) }
                    p.fine {
                        (visitor.fill("articles.figures", &[
                            ("views", &count(head.views)),
                            ("likes", &count(head.likes)),
                            ("comments", &count(head.comments)),
                        ]))
                    }
                }
            }
        }
    }
}

async fn mine(
    state: web::Data<AppState>,
    visitor: Visitor,
    query: web::Query<Noticed>,
) -> Result<HttpResponse, ApiError> {
    let caller = member(&visitor)?;
    let from = query.after.as_deref().and_then(|id| id.parse().ok());
    let found = state.articles.mine(caller, from, SHOWN).await?;
    let next = found.last().filter(|_| found.len() as u64 == SHOWN).map(|last| last.head.id);
    let title = visitor.text("articles.mine");
    let main = html! {
        p.back { a href="/articles" { (visitor.text("articles.title")) } }
        h1 { (title) }
        p { a.button href="/articles/new" { (visitor.text("articles.write")) } }
        @if found.is_empty() { p.empty { (visitor.text("articles.none_written")) } }
        (cards(&visitor, &found))
        @if let Some(next) = next {
            p.more { a.button.quiet href={ "/account/articles?after=" (next) } { (visitor.text("start.more")) } }
        }
    };
    let page = Page::new(title).main(main).notice(query.notice.as_deref());
    Ok(layout::render(&visitor, page))
}

async fn bookmarks(
    state: web::Data<AppState>,
    visitor: Visitor,
    query: web::Query<Noticed>,
) -> Result<HttpResponse, ApiError> {
    let caller = member(&visitor)?;
    let from = after(query.after.as_deref());
    let kept = state.articles.bookmarks(caller, from, SHOWN).await?;
    let next = kept.last().filter(|_| kept.len() as u64 == SHOWN);
    let next = next.map(|(at, last)| format!("/account/bookmarks?after={at}_{}", last.head.id));
    let found: Vec<ListedArticle> = kept.into_iter().map(|(_, article)| article).collect();
    let title = visitor.text("articles.kept");
    let main = html! {
        p.back { a href="/articles" { (visitor.text("articles.title")) } }
        h1 { (title) }
        @if found.is_empty() { p.empty { (visitor.text("articles.none_kept")) } }
        (cards(&visitor, &found))
        @if let Some(next) = next {
            p.more { a.button.quiet href=(next) { (visitor.text("start.more")) } }
        }
    };
    Ok(layout::render(&visitor, Page::new(title).main(main)))
}
