//! The page itself.

use actix_web::{HttpRequest, HttpResponse, web};
use maud::{Markup, PreEscaped, html};
use serde::Deserialize;
use serde_json::json;

use super::shown::Shown;
use super::{choose, sale, waitlist};
use crate::http::error::{ApiError, ErrorCode};
use crate::http::state::AppState;
use crate::ids::OfferingId;
use crate::web::basket;
use crate::web::cookies;
use crate::web::format::money;
use crate::web::layout::{self, Page, for_script_element};
use crate::web::places::{self, zone_of};
use crate::web::refusals::{Explainer, OF_HOLDS};
use crate::web::sessions;
use crate::web::visitor::Visitor;

/// The modules that the page's script imports.
const MODULES: &[&str] = &[
    "address.js",
    "api.js",
    "strings.js",
    "clock.js",
    "live.js",
    "plan.js",
    "seat-grid.js",
    "seat-map.js",
    "seat-pixels.js",
    "seat-sprites.js",
    "section-shape.js",
    "map-draw.js",
    "map-gestures.js",
    "map-keys.js",
    "map-text.js",
    "map-view.js",
    "holds.js",
    "basket.js",
];

/// Refusals after which the waiting room is the way on.
const NO_PASS: &[ErrorCode] =
    &[ErrorCode::PassRequired, ErrorCode::PassExpired, ErrorCode::PassUsed, ErrorCode::QueueIsOn];

/// The most seats that a refusal names.
const NAMED: usize = 8;

#[derive(Deserialize)]
pub(crate) struct Query {
    notice: Option<String>,
}

pub(super) async fn page(
    state: web::Data<AppState>,
    request: HttpRequest,
    visitor: Visitor,
    path: crate::http::extract::Path<OfferingId>,
    query: web::Query<Query>,
) -> Result<HttpResponse, ApiError> {
    let notice = query.notice.as_deref();
    let is_own = !matches!(notice, Some("held" | "waiting")) || visitor.caller.is_some();
    if !is_own && !cookies::sent_any(&request) {
        return without_cookies(&state, &request, &visitor, path.0).await;
    }
    let notice = notice.filter(|_| is_own);
    let shown = Shown::read(&state, &visitor, path.0).await?;
    let mut response = render(&state, &visitor, &shown, notice, None).await?;
    basket::remember(&mut response, &request, &visitor, shown.event.id);
    Ok(response)
}

/// Renders the page for a browser that keeps no cookies: what it asked for cannot be its own.
pub(crate) async fn without_cookies(
    state: &AppState,
    request: &HttpRequest,
    visitor: &Visitor,
    event: OfferingId,
) -> Result<HttpResponse, ApiError> {
    let said = html! {
        div.notice role="alert" { p { (sessions::cookie_advice(request, visitor)) } }
    };
    let shown = Shown::read(state, visitor, event).await?;
    let mut page = render(state, visitor, &shown, None, Some(said)).await?;
    *page.status_mut() = ErrorCode::Unauthorized.status();
    // A browser whose cookies have run out keeps this one, and its next try is carried out.
    basket::remember(&mut page, request, visitor, event);
    Ok(page)
}

/// Renders the page; `refused` says why a form of it was not carried out.
pub(crate) async fn render(
    state: &AppState,
    visitor: &Visitor,
    shown: &Shown,
    notice: Option<&str>,
    refused: Option<Markup>,
) -> Result<HttpResponse, ApiError> {
    let Shown { event, status, .. } = shown;
    let zone = zone_of(visitor, event);
    let marks = state.venues.labels(event.id).await.all_marks();
    let seen = sale::TO_BE_SEEN;
    let is_seen = seen.split(' ').any(|one| one == *status);
    let main = html! {
        div.event id="event" data-event=(event.id) data-time-zone=(zone.name())
            data-currency=(event.currency) data-status=(status)
        {
            header.event-head {
                h1 { (event.details.name) }
                (places::heading(visitor, event))
                p.facts {
                    (sale::badge(visitor, shown))
                    span.live-state id="live-state" role="status" {}
                }
                div role="status" { (sale::state(visitor, shown)) }
                (sale::waiting_room(visitor, shown))
                (basket::has_order(visitor, &shown.mine))
                @for paragraph in event.details.description.lines().filter(|line| !line.is_empty()) {
                    p { (paragraph) }
                }
                p { a href={ "/events/" (event.id) "/fans" } { (visitor.text("fans.link")) } }
                p.fine { (places::cancellation(visitor, event)) }
            }
            @if let Some(refused) = refused { (refused) }
            div.notices id="notices" {}
            div.columns {
                @if shown.has_seats() {
                    div.map-place data-show-when=(seen) hidden[!is_seen] {
                        div.map id="map" hidden {}
                        p.list-link {
                            a href={ "/events/" (event.id) "/seats" } { (visitor.text("event.seat_list")) }
                        }
                        (places::marks_explained(visitor, marks))
                    }
                }
                section.prices aria-labelledby="prices-title" {
                    h2 id="prices-title" { (visitor.text("event.prices")) }
                    (price_table(visitor, shown))
                    div data-show-when="SELLING" hidden[*status != "SELLING"] {
                        p.hint { (sale::limits(visitor, shown)) }
                        (choose::forms(visitor, shown, marks))
                    }
                    (waitlist::section(state, visitor, shown).await?)
                }
                section.basket id="basket" aria-labelledby="basket-title" {
                    h2 id="basket-title" { (visitor.text("event.basket")) }
                    div data-basket {
                        (basket::holds(state, visitor, event, &shown.mine, shown.now).await?)
                    }
                }
            }
        }
        (products_for_scripts(shown))
    };
    let page = Page::new(&event.details.name).main(main).class("wide").refusals(&OF_HOLDS);
    Ok(layout::render(visitor, page.script("event.js").preload(MODULES).notice(notice)))
}

fn price_table(visitor: &Visitor, shown: &Shown) -> Markup {
    html! {
        table.price-table {
            thead {
                tr {
                    th scope="col" { (visitor.text("event.ticket")) }
                    th scope="col" { (visitor.text("event.price")) }
                    th scope="col" { (visitor.text("event.left")) }
                }
            }
            tbody {
                @for (product, of_view) in shown.products() {
                    tr {
                        th scope="row" {
                            (product.name)
                            @if !product.description.is_empty() {
                                span.hint { (product.description) }
                            }
                            (sale::of_product(visitor, shown, product, of_view))
                        }
                        td { (money(visitor.language, of_view.price, &shown.event.currency)) }
                        td data-available-of=(product.id.to_public(shown.event.id)) {
                            (sale::left(visitor, of_view))
                        }
                    }
                }
            }
        }
    }
}

fn products_for_scripts(shown: &Shown) -> Markup {
    let products: Vec<_> = shown
        .products()
        .map(|(product, of_view)| {
            json!({
                "id": product.id.to_public(shown.event.id),
                "name": product.name,
                "price": { "amount": of_view.price, "currency": shown.event.currency },
                "numbered": of_view.numbered,
            })
        })
        .collect();
    let json = json!(products).to_string();
    html! {
        script type="application/json" id="products" { (PreEscaped(for_script_element(&json))) }
    }
}

/// Renders a refusal with its badge of the sale, for the top of the page. Seats that it is about are
/// named as tickets name them.
pub(crate) async fn refusal(
    state: &AppState,
    visitor: &Visitor,
    shown: &Shown,
    failure: &ApiError,
) -> Markup {
    let Shown { event, view, .. } = shown;
    let labels = match failure.seats() {
        [] => None,
        _ => Some(state.venues.labels(event.id).await),
    };
    let named = failure.seats().iter().take(NAMED).filter_map(|id| {
        let (section, row, number) = view.label(*id)?;
        let label = labels.as_ref()?.label(*id, number);
        let values = [("section", section), ("row", row), ("seat", &*label)];
        Some(visitor.fill("place.seat", &values))
    });
    let named = named.collect::<Vec<_>>().join(" · ");
    let explainer = Explainer::of(visitor).in_zone(zone_of(visitor, event)).naming(&named);
    html! {
        div.notice role="alert" {
            p { (explainer.explain(failure)) " " (sale::refusal_badge(visitor, shown)) }
            @if NO_PASS.contains(&failure.code()) {
                p { (sale::to_waiting_room(visitor, shown)) }
            }
            @if shown.has_basket() {
                p { (visitor.text("sale_says.has_basket")) " " (sale::to_basket(visitor, shown)) }
            }
        }
    }
}
