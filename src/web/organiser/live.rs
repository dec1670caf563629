//! An event's own page: what is sold, held and waited for, the curve of its sale, the last orders, and
//! what can be done. The numbers are live by `organiser.js`.

use actix_web::{HttpResponse, web};
use maud::{Markup, PreEscaped, html};
use serde::Deserialize;
use serde_json::json;

use super::event_form::Pairs;
use super::shown::Shown;
use super::tables::scrolling;
use super::{actions, curve, orders, seats};
use crate::http::error::{ApiError, mark_refused};
use crate::http::extract::{IdempotencyKey, Path};
use crate::http::state::AppState;
use crate::ids::OfferingId;
use crate::inventory::Counts;
use crate::roles::Permission;
use crate::store::{EventRow, ReservationFilter, ReservationState};
use crate::web::format::{money, number};
use crate::web::forms::{Form, see_other};
use crate::web::layout::{self, Page, for_script_element};
use crate::web::places::{self, zone_of};
use crate::web::shop::state_badge;
use crate::web::visitor::Visitor;

/// Orders shown on the page.
const LAST_ORDERS: u64 = 10;
/// Up to how many waiting customers are counted.
const COUNTED: u16 = 500;

/// Adds the routes.
pub(super) fn configure(cfg: &mut web::ServiceConfig) {
    cfg.service(web::resource("/organiser/events/{event}").get(page))
        .service(web::resource("/organiser/events/{event}/actions").post(act));
}

#[derive(Deserialize)]
struct Query {
    notice: Option<String>,
}

async fn page(
    state: web::Data<AppState>,
    visitor: Visitor,
    Path(event): Path<OfferingId>,
    query: web::Query<Query>,
) -> Result<HttpResponse, ApiError> {
    visitor.staff()?;
    let shown = Shown::read(&state, event).await?;
    show(&state, &visitor, &shown, query.notice.as_deref()).await
}

async fn show(
    state: &AppState,
    visitor: &Visitor,
    shown: &Shown,
    notice: Option<&str>,
) -> Result<HttpResponse, ApiError> {
    let event = &shown.event;
    let zone = zone_of(visitor, event);
    let sales = state.offerings.sales(event.id).await?;
    let filter = ReservationFilter { offering: Some(event.id), ..ReservationFilter::default() };
    let last = orders::read(state, filter, LAST_ORDERS).await?;
    let waiting = state.offices.waiting(event.id, None, COUNTED).await?.len();
    let manages = visitor.may(Permission::Manage, event.id);
    // Seats are picked on the map, to be acted on.
    let has_map = manages && shown.view.products.iter().any(|product| product.numbered);
    let main = html! {
        div id="organised" data-event=(event.id) data-time-zone=(zone.name())
            data-currency=(event.currency)
        {
            p.back { a href="/organiser" { (visitor.text("organiser.back")) } }
            header.event-head {
                h1 { (event.details.name) }
                (places::heading(visitor, event))
                p.facts {
                    span data-sale-state-of="event" { (state_badge(visitor, shown.status)) }
                    span.live-state id="live-state" role="status" {}
                }
            }
            (links(visitor, event))
            @if let Some((action, text)) = &shown.refused {
                p.error role="alert" { a href={ "#action-" (action) } { (text) } }
            }
            div id="numbers" data-refresh { (numbers(visitor, shown, waiting)) }
            h2 { (visitor.text("organiser_live.products")) }
            (product_table(visitor, shown))
            @if has_map {
                h2 { (visitor.text("organiser_live.map")) }
                div.map id="map" hidden {}
                (actions::picked_form(visitor, event))
                p { a href={ "/organiser/events/" (event.id) "/seats" } {
                    (visitor.text("organiser_live.seats_as_list"))
                } }
            }
            h2 { (visitor.text("organiser_live.sales")) }
            div id="sales" data-refresh {
                (curve::render(visitor, &sales, (&event.currency, zone), shown.now))
            }
            h2 { (visitor.text("organiser_live.last_orders")) }
            div id="last-orders" data-refresh { (orders::table(visitor, event, &last.rows)) }
            div id="refusals" data-refresh { (refusals(state, visitor, event.id)) }
            @if manages {
                h2 id="actions" { (visitor.text("organiser_action.title")) }
                (actions::forms(visitor, shown))
            }
        }
        (products_for_scripts(shown))
    };
    let page = Page::new(&event.details.name).main(main).class("wide").script("organiser.js");
    Ok(layout::render(visitor, page.notice(notice)))
}

fn links(visitor: &Visitor, event: &EventRow) -> Markup {
    let below = |path: &str| format!("/organiser/events/{}/{path}", event.id);
    html! {
        nav.chips aria-label=(event.details.name) {
            a href=(below("orders")) { (visitor.text("organiser_live.orders")) }
            a href=(below("holds")) { (visitor.text("organiser_live.holds")) }
            a href=(below("waitlist")) { (visitor.text("organiser_live.waitlist")) }
            @if visitor.may(Permission::Manage, event.id) {
                a href=(below("queue")) { (visitor.text("queue.title")) }
                a href=(below("give")) { (visitor.text("organiser_give.title")) }
                a href=(below("edit")) { (visitor.text("organiser_form.edit_title")) }
                a href=(below("concert")) { (visitor.text("concert.title")) }
                a href={ "/organiser/team?event=" (event.id) } { (visitor.text("team.title")) }
                a href={ "/organiser/audit?event=" (event.id) } { (visitor.text("audit_log.title")) }
            }
            a href={ "/events/" (event.id) } { (visitor.text("organiser_live.public_page")) }
            @if visitor.may(Permission::Door, event.id) {
                a href={ "/door/" (event.id) } { (visitor.text("frame.door")) }
            }
        }
    }
}

fn numbers(visitor: &Visitor, shown: &Shown, waiting: usize) -> Markup {
    let (paid, revenue) = shown.in_state(ReservationState::Confirmed);
    let (pending, _) = shown.in_state(ReservationState::PaymentPending);
    let sold = number(shown.sum(|counts| counts.sold));
    let total = number(shown.sum(|counts| counts.total));
    let at_most = usize::from(COUNTED);
    let waiting =
        if waiting < at_most { number(waiting as u64) } else { format!("{}+", number(COUNTED)) };
    let tile = |key, value: &str| html! { div.tile { dt { (visitor.text(key)) } dd { (value) } } };
    html! {
        dl.tiles {
            (tile("organiser.sold_of", &format!("{sold} / {total}")))
            (tile("organiser_live.revenue", &money(visitor.language, revenue, &shown.event.currency)))
            (tile("organiser_live.paid_orders", &number(paid)))
            (tile("organiser_live.pending_orders", &number(pending)))
            (tile("organiser_live.held", &number(shown.sum(|counts| counts.held))))
            (tile("organiser_live.waiting", &waiting))
        }
    }
}

fn product_table(visitor: &Visitor, shown: &Shown) -> Markup {
    let event = &shown.event;
    let products = event.products.iter().zip(&shown.view.products);
    html! {
        (scrolling(visitor.text("organiser_live.products"), &html! {
            table {
                thead { tr {
                    th scope="col" { (visitor.text("event.ticket")) }
                    th.number scope="col" { (visitor.text("event.price")) }
                    th.number scope="col" { (visitor.text("organiser_live.free")) }
                    th.number scope="col" { (visitor.text("organiser_live.held")) }
                    th.number scope="col" { (visitor.text("organiser_live.sold")) }
                    th.number scope="col" { (visitor.text("organiser_live.blocked")) }
                    th.number scope="col" { (visitor.text("organiser_live.total")) }
                } }
                tbody {
                    @for (product, live) in products {
                        @let Counts { total, available, held, sold, blocked, .. } = live.counts;
                        tr data-product=(product.id.to_public(event.id)) {
                            th scope="row" {
                                (product.name)
                                @if product.withdrawn_at.is_some() {
                                    span.hint { (visitor.text("organiser_live.withdrawn")) }
                                }
                            }
                            td.number { (money(visitor.language, live.price, &event.currency)) }
                            td.number data-count="available" { (number(available)) }
                            td.number data-count="held" { (number(held)) }
                            td.number data-count="sold" { (number(sold)) }
                            td.number data-count="blocked" { (number(blocked)) }
                            td.number data-count="total" { (number(total)) }
                        }
                    }
                }
            }
        }))
    }
}

/// Renders what was refused since the event became live in this process; nothing if nothing was.
fn refusals(state: &AppState, visitor: &Visitor, event: OfferingId) -> Markup {
    let refused = state.offices.figures(event).map(|figures| figures.refused).unwrap_or_default();
    let refused: Vec<_> = refused.into_iter().filter(|(_, count)| *count > 0).collect();
    html! {
        @if !refused.is_empty() {
            h2 { (visitor.text("organiser_live.refusals")) }
            p.hint { (visitor.text("organiser_live.refusals_hint")) }
            dl.tiles {
                @for (reason, count) in &refused {
                    @let key = format!("refusal.{reason}");
                    div.tile {
                        dt { (visitor.language.find(&key).unwrap_or(reason)) }
                        dd { (number(*count)) }
                    }
                }
            }
        }
    }
}

fn products_for_scripts(shown: &Shown) -> Markup {
    let event = &shown.event;
    let products = event.products.iter().zip(&shown.view.products).map(|(product, live)| {
        json!({
            "id": product.id.to_public(event.id),
            "name": product.name,
            "price": { "amount": live.price, "currency": event.currency },
            "numbered": live.numbered,
        })
    });
    let json = json!(products.collect::<Vec<_>>()).to_string();
    html! {
        script type="application/json" id="products" { (PreEscaped(for_script_element(&json))) }
    }
}

/// Carries an action out.
async fn act(
    state: web::Data<AppState>,
    visitor: Visitor,
    Path(id): Path<OfferingId>,
    Form(pairs): Form<Vec<(String, String)>>,
) -> Result<HttpResponse, ApiError> {
    let admin = visitor.staff()?;
    let mut shown = Shown::read(&state, id).await?;
    let key = IdempotencyKey(Some(Pairs(&pairs).entered("key")));
    let key = key.identity(admin.user, "act by form", &(id, &pairs));
    let done = match actions::command(&visitor, &shown, &pairs) {
        Ok(command) => {
            let submitted = state.offerings.submit_by_admin(id, admin.user, command, key).await;
            submitted.map(|_| ()).map_err(|error| ApiError::in_offering(id, error))
        }
        Err(failure) => Err(failure),
    };
    match done {
        Ok(()) => {
            let pairs = Pairs(&pairs);
            Ok(see_other(&match pairs.value("back") {
                Some("seats") => seats::address(id, &pairs.entered("at")),
                _ => format!("/organiser/events/{id}?notice=done"),
            }))
        }
        Err(failure) if failure.code().status().as_u16() < 500 => {
            shown.refused = Some((Pairs(&pairs).entered("do"), shown.explain(&visitor, &failure)));
            shown.pairs = pairs;
            let mut page = match shown.entered("back") {
                "seats" => seats::again(&visitor, &shown),
                _ => show(&state, &visitor, &shown, None).await?,
            };
            mark_refused(&mut page, failure.code());
            Ok(page)
        }
        Err(failure) => Err(failure),
    }
}
