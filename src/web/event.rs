//! The page of an event: times, prices, what is left, the ways to choose places, and the visitor's
//! own holds and places on the waitlist. All of it works without scripts.

mod choose;
mod seat_list;
mod waitlist;

use std::sync::Arc;

use actix_web::{HttpRequest, HttpResponse, web};
use maud::{Markup, PreEscaped, html};
use serde::Deserialize;
use serde_json::json;

use crate::box_office::View;
use crate::http::error::ApiError;
use crate::http::respond::rfc3339;
use crate::http::state::AppState;
use crate::ids::OfferingId;
use crate::inventory::{CancellationPolicy, Holdings, TimestampMs};
use crate::offerings::SaleStatus;
use crate::store::EventRow;
use crate::web::basket;
use crate::web::format::{self, money};
use crate::web::layout::{self, Page, for_script_element};
use crate::web::places::{self, zone_of};
use crate::web::shop::state_badge;
use crate::web::visitor::Visitor;

/// The most holds and waitlist entries of a visitor that are shown.
const LISTED: u16 = 20;

/// The modules that the page's script imports.
const MODULES: &[&str] = &[
    "api.js",
    "strings.js",
    "clock.js",
    "live.js",
    "plan.js",
    "seat-grid.js",
    "seat-map.js",
    "seat-sprites.js",
    "map-draw.js",
    "map-gestures.js",
    "map-keys.js",
    "map-text.js",
    "map-view.js",
    "holds.js",
    "basket.js",
];

/// Adds the routes.
pub(super) fn configure(cfg: &mut web::ServiceConfig) {
    cfg.service(web::resource("/events/{event}").get(page))
        .service(web::resource("/events/{event}/seats").get(seat_list::page))
        .service(web::resource("/events/{event}/holds").post(choose::hold))
        .service(web::resource("/events/{event}/holds/{hold}/extend").post(choose::extend))
        .service(web::resource("/events/{event}/holds/{hold}/release").post(choose::release))
        .service(web::resource("/events/{event}/waitlist").post(waitlist::join))
        .service(web::resource("/events/{event}/waitlist/{entry}/accept").post(waitlist::accept))
        .service(web::resource("/events/{event}/waitlist/{entry}/leave").post(waitlist::leave));
}

#[derive(Deserialize)]
pub(crate) struct Query {
    notice: Option<String>,
}

/// An event as its page shows it.
pub(crate) struct Shown {
    pub(crate) event: EventRow,
    pub(crate) view: Arc<View>,
    pub(crate) status: &'static str,
    pub(crate) mine: Holdings,
    pub(crate) now: TimestampMs,
}

impl Shown {
    /// Reads an event and what the visitor has of it.
    pub(crate) async fn read(
        state: &AppState,
        visitor: &Visitor,
        event: OfferingId,
    ) -> Result<Self, ApiError> {
        let view = state.offices.view(event).await?;
        let event = state.offerings.event(event).await?;
        let mine = match visitor.caller {
            Some(caller) => state.offices.holdings(event.id, caller.user, LISTED).await?,
            None => Holdings::default(),
        };
        let now = state.clock.now_ms();
        let status = SaleStatus::of(&view, now).name;
        Ok(Self { event, view, status, mine, now })
    }

    /// Products on sale, with their numbers.
    fn products(
        &self,
    ) -> impl Iterator<Item = (&crate::store::ProductRow, &crate::box_office::ProductView)> {
        let of_view =
            |product: &crate::store::ProductRow| self.view.products.get(product.id.index());
        let all = self.event.products.iter().filter(|product| product.withdrawn_at.is_none());
        all.filter_map(move |product| Some((product, of_view(product)?)))
    }

    fn has_seats(&self) -> bool {
        self.view.products.iter().any(|product| product.numbered)
    }
}

async fn page(
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
    let zone = zone_of(event);
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
                p.fine { (cancellation(visitor, event)) }
            }
            div.notices id="notices" { @if let Some(refused) = refused { (refused) } }
            @if shown.has_seats() {
                div.map id="map" hidden {}
                p.list-link { a href={ "/events/" (event.id) "/seats" } { (visitor.text("event.seat_list")) } }
            }
            div.columns {
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

/// Says on which terms a paid order can be cancelled.
pub(crate) fn cancellation(visitor: &Visitor, event: &EventRow) -> String {
    match event.cancellation {
        CancellationPolicy::Never => visitor.text("event.no_cancellation").to_owned(),
        CancellationPolicy::Until { until, refund_percent } => {
            let until = until.unwrap_or(event.details.event_date);
            let until = format::date_time(visitor.language, until, zone_of(event));
            let percent = refund_percent.to_string();
            visitor.fill("event.cancellation", &[("until", &until), ("percent", &percent)])
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
