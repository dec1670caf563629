//! What fans find beside the sale of an event: who likes it, its chat, its setlist, and the articles
//! about it; and the events that one likes. Apart from the event's own page, whose crowd it must not slow.

use actix_web::{HttpResponse, web};
use maud::{Markup, html};
use serde::Deserialize;

use super::articles::cards;
use super::parts::{Noticed, after, count, member};
use crate::community::articles::{ArticleFilter, ArticleSort};
use crate::community::catalogue::ShownConcert;
use crate::http::error::{ApiError, ErrorCode};
use crate::http::extract::Path;
use crate::http::state::AppState;
use crate::ids::OfferingId;
use crate::store::LikeChange;
use crate::web::format;
use crate::web::forms::{Form, see_other};
use crate::web::layout::{self, Page};
use crate::web::places::{self, zone_of};
use crate::web::visitor::Visitor;

/// Articles on the page of an event.
const ARTICLES: u64 = 5;
/// Liked events on one page.
const SHOWN: u64 = 30;

/// Adds the routes.
pub(super) fn configure(cfg: &mut web::ServiceConfig) {
    cfg.service(web::resource("/events/{event}/fans").get(page))
        .service(web::resource("/events/{event}/like").post(like))
        .service(web::resource("/account/likes").get(likes));
}

async fn page(
    state: web::Data<AppState>,
    visitor: Visitor,
    Path(id): Path<OfferingId>,
    query: web::Query<Noticed>,
) -> Result<HttpResponse, ApiError> {
    let event = state.offerings.offering(id).await?;
    if event.is_class {
        return Err(ApiError::of(ErrorCode::EventNotFound));
    }
    let (liked, likes) = match visitor.caller.filter(|caller| !caller.guest) {
        Some(caller) => {
            let like = state.likes.state(caller, id).await?;
            (like.liked, like.likes)
        }
        None => (false, state.likes.count(id).await?),
    };
    let there = state.setlists.attendance(id, visitor.caller.map(|caller| caller.user)).await?;
    let filter =
        ArticleFilter { concert: Some(id), sort: ArticleSort::Recent, ..ArticleFilter::default() };
    let articles = state.articles.list(&filter, ARTICLES).await?;
    let has_begun = event.details.event_date <= visitor.now;
    let shown = state.catalogue.concert(id, visitor.now).await?;
    let title = visitor.fill("fans.title", &[("event", &event.details.name)]);
    let main = html! {
        p.back { a href=(places::address(&event)) { (event.details.name) } }
        h1 { (title) }
        (places::heading(&visitor, &event))
        (said(&visitor, &shown))
        form.row method="post" action={ "/events/" (id) "/like" } {
            @if liked {
                button.button.quiet name="like" value="off" { (visitor.text("community.liked")) }
            } @else {
                button.button name="like" value="on" { (visitor.text("community.like")) }
            }
            span.hint { (visitor.fill("community.likes", &[("n", &count(likes))])) }
        }
        ul.cards {
            li.card {
                a.card-link href={ "/events/" (id) "/chat" } { h2 { (visitor.text("chat.of_event")) } }
                p { (visitor.text("chat.of_event_says")) }
            }
            li.card {
                a.card-link href={ "/events/" (id) "/setlist" } { h2 { (visitor.text("setlist.title")) } }
                p { (visitor.text("setlist.says")) }
                @if has_begun {
                    p.hint { (visitor.fill("setlist.there", &[("n", &format::number(there.count))])) }
                }
            }
        }
        h2 { (visitor.text("articles.title")) }
        p.actions {
            a.button.quiet href={ "/articles/new?concert=" (id) } { (visitor.text("articles.write")) }
            @if articles.len() as u64 == ARTICLES {
                a href={ "/articles?concert=" (id) } { (visitor.text("articles.all")) }
            }
        }
        @if articles.is_empty() { p.empty { (visitor.text("articles.none")) } }
        (cards(&visitor, &articles))
    };
    let page = Page::new(&title).main(main).notice(query.notice.as_deref());
    Ok(layout::render(&visitor, page))
}

/// Renders what the organiser says of the event.
fn said(visitor: &Visitor, shown: &ShownConcert) -> Markup {
    let Some(concert) = &shown.concert else { return Markup::default() };
    html! {
        @if let Some(poster) = concert.poster {
            p { img src={ "/images/" (poster) "/800" } alt=(visitor.text("fans.poster")) loading="lazy"; }
        }
        @if !shown.artists.is_empty() {
            p { (visitor.text("fans.artists")) " "
                strong { (shown.artists.iter().map(|(_, name)| &**name).collect::<Vec<_>>().join(", ")) }
            }
        }
        @if let Some(at) = shown.ticket_open().filter(|at| *at > visitor.now) {
            p { (visitor.text("fans.tickets_from")) " "
                (format::time(visitor.language, at, zone_of(visitor, &shown.event)))
            }
        }
        @if !concert.ticket_links.is_empty() {
            p { (visitor.text("fans.elsewhere")) }
            ul.plain {
                @for link in &concert.ticket_links {
                    li { a href=(link.url) rel="nofollow noopener" target="_blank" { (link.name) } }
                }
            }
        }
        @for image in &concert.images {
            p { img src={ "/images/" (image) "/800" } alt="" loading="lazy"; }
        }
    }
}

#[derive(Deserialize)]
struct Choice {
    like: String,
}

async fn like(
    state: web::Data<AppState>,
    visitor: Visitor,
    Path(id): Path<OfferingId>,
    Form(choice): Form<Choice>,
) -> Result<HttpResponse, ApiError> {
    let caller = member(&visitor)?;
    let change = if choice.like == "on" { LikeChange::Like } else { LikeChange::Unlike };
    state.likes.change(caller, id, change, None, visitor.now).await?;
    Ok(see_other(&format!("/events/{id}/fans")))
}

async fn likes(
    state: web::Data<AppState>,
    visitor: Visitor,
    query: web::Query<Noticed>,
) -> Result<HttpResponse, ApiError> {
    let caller = member(&visitor)?;
    let found = state.likes.list(caller, after(query.after.as_deref()), SHOWN).await?;
    let next = found.last().filter(|_| found.len() as u64 == SHOWN);
    let title = visitor.text("fans.likes");
    let main = html! {
        p.back { a href="/account" { (visitor.text("account.title")) } }
        h1 { (title) }
        @if found.is_empty() { p.empty { (visitor.text("fans.no_likes")) } }
        ul.cards {
            @for liked in &found {
                li.card {
                    a.card-link href={ "/events/" (liked.event) } { h2 { (liked.name) } }
                    p.when { (format::time(visitor.language, liked.event_date, visitor.site.zone)) }
                    @if !liked.venue.is_empty() { p.where { (liked.venue) } }
                    p { a href={ "/events/" (liked.event) "/fans" } { (visitor.text("fans.link")) } }
                }
            }
        }
        @if let Some(last) = next {
            p.more { a.button.quiet href={ "/account/likes?after=" (last.liked_at) "_" (last.event) } {
                (visitor.text("start.more"))
            } }
        }
    };
    Ok(layout::render(&visitor, Page::new(title).main(main)))
}
