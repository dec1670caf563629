//! The basket: the visitor's holds at the events whose pages this browser has opened lately.

use actix_web::cookie::time::Duration;
use actix_web::{HttpRequest, HttpResponse, web};
use maud::{Markup, html};
use serde::Deserialize;

use crate::accounts::Caller;
use crate::http::api::box_office::holds::active;
use crate::http::error::ApiError;
use crate::http::state::AppState;
use crate::ids::{HoldId, OfferingId, UserId};
use crate::inventory::{Command, Holdings, Line, LineRequest, Request, TimestampMs};
use crate::store::EventRow;
use crate::web::cookies;
use crate::web::format;
use crate::web::forms::noted;
use crate::web::layout::{self, Page};
use crate::web::places::{self, price, zone_of};
use crate::web::visitor::Visitor;

/// The cookie that names events; holds themselves are read from the box offices.
pub(crate) const COOKIE: &str = "events";
/// Events remembered, the latest first.
const REMEMBERED: usize = 8;
const LISTED: u16 = 20;

/// Adds the route.
pub(super) fn configure(cfg: &mut web::ServiceConfig) {
    cfg.service(web::resource("/basket").get(page));
}

/// Notes that this browser may have holds at an event.
pub(super) fn remember(
    response: &mut HttpResponse,
    request: &HttpRequest,
    visitor: &Visitor,
    event: OfferingId,
) {
    let mut events = vec![event];
    events.extend(remembered(request).into_iter().filter(|known| *known != event));
    events.truncate(REMEMBERED);
    let value = events.iter().map(OfferingId::to_string).collect::<Vec<_>>().join(".");
    let _ = response.add_cookie(&cookies::cookie(&visitor.site, COOKIE, value, Duration::days(1)));
}

fn remembered(request: &HttpRequest) -> Vec<OfferingId> {
    let Some(cookie) = request.cookie(COOKIE) else { return Vec::new() };
    cookie.value().split('.').take(REMEMBERED).filter_map(|id| id.parse().ok()).collect()
}

/// What became of a guest's holds at a sign-in.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Moved {
    taken_along: u32,
    lost: u32,
}

impl Moved {
    /// Returns the address of a page with the notice of what became of the holds.
    pub(super) fn noted(self, path: &str) -> String {
        let notice = match (self.taken_along, self.lost) {
            (0, 0) => return path.to_owned(),
            (_, 0) => "taken_along",
            _ => "partly_taken_along",
        };
        noted(path, notice)
    }
}

/// Gives a guest's holds to the customer who has signed in. The two commands for each hold are sent
/// together, so that they meet in one turn of the box office; if another customer is quicker all
/// the same, or the customer would have more places than one may have, the hold is lost.
pub(super) async fn hand_over(
    state: &AppState,
    request: &HttpRequest,
    guest: Caller,
    customer: UserId,
) -> Moved {
    let mut moved = Moved::default();
    for event in remembered(request) {
        let Ok(mine) = state.offices.holdings(event, guest.user, LISTED).await else { continue };
        for held in mine.holds.into_iter().filter(|hold| !hold.offered) {
            let wish = |line: &Line| match line.seats.is_empty() {
                true => LineRequest::Quantity { product: line.product, quantity: line.quantity },
                false => LineRequest::Seats(line.seats.to_vec()),
            };
            let lines = held.lines.iter().map(wish).collect();
            let release = Command::ReleaseHold { hold: held.id, customer: guest.user };
            let place = Command::PlaceHold { hold: HoldId::random(), customer, lines };
            let place = Command::WithPass { pass: None, command: Box::new(place) };
            let send =
                |command| state.offices.submit(event, Request { command, idempotency: None });
            let (_, placed) = futures_util::future::join(send(release), send(place)).await;
            match placed {
                Ok(_) => moved.taken_along += 1,
                Err(error) => {
                    moved.lost += 1;
                    tracing::info!(%event, %error, "a guest's hold was lost at the sign-in");
                }
            }
        }
    }
    moved
}

#[derive(Deserialize)]
struct Query {
    notice: Option<String>,
}

async fn page(
    state: web::Data<AppState>,
    request: HttpRequest,
    visitor: Visitor,
    query: web::Query<Query>,
) -> Result<HttpResponse, ApiError> {
    let now = state.clock.now_ms();
    let mut events = Vec::new();
    if let Some(caller) = visitor.caller {
        for event in remembered(&request) {
            // An event that cannot be read now must not hide the others.
            let Ok(mine) = state.offices.holdings(event, caller.user, LISTED).await else {
                continue;
            };
            let Ok(row) = state.offerings.event(event).await else { continue };
            if mine != Holdings::default() {
                let shown = holds(&state, &visitor, &row, &mine, now).await?;
                events.push((row, mine, shown));
            }
        }
    }
    let main = html! {
        h1 { (visitor.text("basket.title")) }
        @if events.iter().all(|(_, mine, _)| is_empty(mine)) {
            section.empty {
                p { (visitor.text("basket.empty")) }
                p { a.button href="/" { (visitor.text("basket.look")) } }
            }
        }
        @for (event, mine, shown) in &events {
            section.basket {
                h2 { a href={ "/events/" (event.id) } { (event.details.name) } }
                (places::heading(&visitor, event))
                @if !is_empty(mine) { (shown) }
                (has_order(&visitor, mine))
                @if mine.holds.iter().any(|hold| hold.offered) {
                    p { a href={ "/events/" (event.id) } { (visitor.text("basket.has_offer")) } }
                }
                @if !mine.entries.is_empty() {
                    p { a href={ "/events/" (event.id) } { (visitor.text("basket.is_waiting")) } }
                }
            }
        }
        p { a href="/orders" { (visitor.text("basket.orders")) } }
        p { a href="/enrollments" { (visitor.text("enrollment.title")) } }
    };
    let title = visitor.text("basket.title");
    let page = Page::new(title).main(main).script("page.js");
    Ok(layout::render(&visitor, page.notice(query.notice.as_deref())))
}

/// True if a basket has neither places, offers nor entries of a waitlist.
fn is_empty(mine: &Holdings) -> bool {
    mine.holds.is_empty() && mine.entries.is_empty()
}

/// Says that the visitor has an order at an event: a buyer whose connection was lost while paying
/// learns here that the order exists. Nothing for visitors without one.
pub(super) fn has_order(visitor: &Visitor, mine: &Holdings) -> Markup {
    let href = match &*mine.reservations {
        [] => return Markup::default(),
        [only] => format!("/orders/{only}"),
        [..] => "/orders".to_owned(),
    };
    html! {
        p.has-order {
            (visitor.text("basket.has_order")) " "
            a href=(href) { (visitor.text("basket.see_order")) }
        }
    }
}

/// Renders the holds of an event that are not offers, each with its deadline and what can be done.
pub(super) async fn holds(
    state: &AppState,
    visitor: &Visitor,
    event: &EventRow,
    mine: &Holdings,
    now: TimestampMs,
) -> Result<Markup, ApiError> {
    let mut shown = Vec::new();
    let labels = state.venues.labels(event.id).await;
    for hold in mine.holds.iter().filter(|hold| !hold.offered) {
        let view = state.offices.view_covering(event.id, &hold.lines).await?;
        let dto = active((&view, &labels), hold.id, None, &hold.lines, hold.expires_at, now);
        shown.push((
            dto,
            format::date_time(visitor.language, hold.expires_at, zone_of(visitor, event)),
        ));
    }
    Ok(html! {
        @if shown.is_empty() {
            p.basket-empty { (visitor.text("basket.nothing")) }
        }
        @for (hold, until) in &shown {
            div.basket-hold {
                p.basket-time {
                    (visitor.text("basket.held_for")) " "
                    time data-countdown data-reload datetime=(hold.expires_at) { (until) }
                }
                (places::marked_lines(visitor, event, &hold.lines, &labels))
                p.basket-total {
                    (visitor.text("basket.total")) " " strong { (price(visitor, &hold.total_price)) }
                }
                div.actions {
                    a.button href={ "/checkout/" (event.id) "/" (hold.id) } {
                        (visitor.text("basket.checkout"))
                    }
                    form method="post" action={ "/events/" (event.id) "/holds/" (hold.id) "/extend" } {
                        button.button.quiet { (visitor.text("basket.extend")) }
                    }
                    form method="post" action={ "/events/" (event.id) "/holds/" (hold.id) "/release" } {
                        button.button.quiet { (visitor.text("basket.give_back")) }
                    }
                }
            }
        }
    })
}
