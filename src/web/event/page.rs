//! The page itself.

use actix_web::{HttpRequest, HttpResponse, web};
use maud::{Markup, PreEscaped, html};
use serde::Deserialize;
use serde_json::json;

use super::shown::Shown;
use super::{choose, waitlist};
use crate::http::error::ApiError;
use crate::http::respond::rfc3339;
use crate::http::state::AppState;
use crate::ids::OfferingId;
use crate::web::basket;
use crate::web::format::{self, money};
use crate::web::layout::{self, Page, for_script_element};
use crate::web::places::{self, zone_of};
use crate::web::shop::state_badge;
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
    let shown = Shown::read(&state, &visitor, path.0).await?;
    let mut response = render(&state, &visitor, &shown, query.notice.as_deref(), None).await?;
    basket::remember(&mut response, &request, &visitor, shown.event.id);
    Ok(response)
}

/// Renders the page; `refused` says why a form of it was not carried out.
pub(crate) async fn render(
    state: &AppState,
    visitor: &Visitor,
    shown: &Shown,
    notice: Option<&str>,
    refused: Option<Markup>,
) -> Result<HttpResponse, ApiError> {
    let Shown { event, view, status, .. } = shown;
    let zone = zone_of(visitor, event);
    let opens_at = view.sale.start.filter(|at| *at > shown.now);
    let main = html! {
        div.event id="event" data-event=(event.id) data-time-zone=(zone.name())
            data-currency=(event.currency) data-status=(status)
        {
            header.event-head {
                h1 { (event.details.name) }
                (places::heading(visitor, event))
                p.facts {
                    span.badge data-sale-state data-status=(status) {
                        (visitor.language.find(&format!("sale.{status}")).unwrap_or(status))
                    }
                    @if let Some(opens_at) = opens_at {
                        span.opens data-show-when="SCHEDULED" hidden[*status != "SCHEDULED"] {
                            (visitor.text("start.opens")) " "
                            time data-countdown data-reload datetime=(rfc3339(opens_at)) {
                                (format::date_time(visitor.language, opens_at, zone))
                            }
                        }
                    }
                    span.live-state id="live-state" role="status" {}
                }
                @for paragraph in event.details.description.lines().filter(|line| !line.is_empty()) {
                    p { (paragraph) }
                }
                p.fine { (places::cancellation(visitor, event)) }
            }
            @if let Some(refused) = refused { (refused) }
            div.notices id="notices" {}
            div.columns {
                @if shown.has_seats() {
                    div.map-place {
                        div.map id="map" hidden {}
                        p.list-link {
                            a href={ "/events/" (event.id) "/seats" } { (visitor.text("event.seat_list")) }
                        }
                    }
                }
                section.prices aria-labelledby="prices-title" {
                    h2 id="prices-title" { (visitor.text("event.prices")) }
                    (price_table(visitor, shown))
                    (choose::forms(visitor, shown))
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
    let page = Page::new(&event.details.name).main(main).class("wide");
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
                        }
                        td { (money(visitor.language, of_view.price, &shown.event.currency)) }
                        td data-available-of=(product.id.to_public(shown.event.id)) {
                            (format::number(of_view.counts.available))
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

/// Renders a refusal with its badge of the sale, for the top of the page.
pub(crate) fn refusal(visitor: &Visitor, failure: &ApiError, status: &str) -> Markup {
    html! {
        div.notice role="alert" {
            p { (crate::web::errors::explain(visitor, failure)) " " (state_badge(visitor, status)) }
        }
    }
}
