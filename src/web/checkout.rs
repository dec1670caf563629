//! Checking out a hold: who buys, then an order that waits for its payment.

use actix_web::{HttpRequest, HttpResponse, web};
use maud::{Markup, html};
use serde::Deserialize;

use crate::http::api::box_office::holds::{HoldDto, active};
use crate::http::commands::submit;
use crate::http::error::{ApiError, ErrorCode};
use crate::http::extract::{IdempotencyKey, Path, client_address};
use crate::http::state::AppState;
use crate::ids::{HoldId, OfferingId, ReservationId};
use crate::inventory::{Change, Command, HoldStatus, Rejection, Request};
use crate::store::EventRow;
use crate::venues::EventSeats;
use crate::web::errors::explain;
use crate::web::fields::refusal;
use crate::web::format;
use crate::web::forms::{Form, see_other};
use crate::web::guests;
use crate::web::layout::{self, Page};
use crate::web::places::{self, price, zone_of};
use crate::web::visitor::Visitor;

/// Adds the route.
pub(super) fn configure(cfg: &mut web::ServiceConfig) {
    cfg.service(web::resource("/checkout/{event}/{hold}").get(page).post(check_out));
}

/// A hold that is about to be checked out.
struct Shown {
    event: EventRow,
    hold: HoldDto,
    until: String,
    seats: EventSeats,
}

async fn page(
    state: web::Data<AppState>,
    visitor: Visitor,
    Path((event, hold)): Path<(OfferingId, HoldId)>,
) -> Result<HttpResponse, ApiError> {
    match read(&state, &visitor, event, hold).await? {
        Stage::Held(shown) => {
            let email = guests::address(&state, &visitor).await?;
            Ok(render(&visitor, &shown, &email, None))
        }
        Stage::Ordered(reservation) => Ok(see_other(&format!("/orders/{reservation}"))),
    }
}

/// How far a hold has come.
enum Stage {
    Held(Box<Shown>),
    /// The back button leads here after checking out.
    Ordered(ReservationId),
}

async fn read(
    state: &AppState,
    visitor: &Visitor,
    event: OfferingId,
    id: HoldId,
) -> Result<Stage, ApiError> {
    let caller = visitor.caller()?;
    let found = state.offices.hold(event, id).await?;
    let hold = found.filter(|hold| hold.customer == caller.user);
    let hold = hold.ok_or(Rejection::HoldNotFound)?;
    match hold.status {
        HoldStatus::Converted { reservation } => return Ok(Stage::Ordered(reservation)),
        HoldStatus::Released => return Err(Rejection::HoldEnded.into()),
        HoldStatus::Expired => return Err(Rejection::HoldExpired.into()),
        HoldStatus::Active | HoldStatus::Offered => {}
    }
    let event = state.offerings.event(event).await?;
    let view = state.offices.view_covering(event.id, &hold.lines).await?;
    let labels = state.venues.labels(event.id).await;
    let dto =
        active((&view, &labels), id, None, &hold.lines, hold.expires_at, state.clock.now_ms());
    let until = format::date_time(visitor.language, hold.expires_at, zone_of(visitor, &event));
    Ok(Stage::Held(Box::new(Shown { event, hold: dto, until, seats: labels })))
}

fn render(visitor: &Visitor, shown: &Shown, email: &str, refused: Option<&str>) -> HttpResponse {
    let Shown { event, hold, until, seats } = shown;
    let main = html! {
        section.narrow {
            h1 { (visitor.text("checkout.title")) }
            h2 { a href={ "/events/" (event.id) } { (event.details.name) } }
            (places::heading(visitor, event))
            p.basket-time {
                (visitor.text("basket.held_for")) " "
                time data-countdown data-reload datetime=(hold.expires_at) { (until) }
            }
            (places::marked_lines(visitor, event, &hold.lines, seats))
            p.basket-total { (visitor.text("basket.total")) " " strong { (price(visitor, &hold.total_price)) } }
            (refusal(refused))
            (who(visitor, shown, email))
            p { a href={ "/events/" (event.id) } { (visitor.text("checkout.back")) } }
        }
    };
    let page = Page::new(visitor.text("checkout.title")).main(main);
    layout::render(visitor, page.script("page.js"))
}

/// Renders who buys: the account that is signed in, or a guest's e-mail address.
fn who(visitor: &Visitor, shown: &Shown, email: &str) -> Markup {
    let here = format!("/checkout/{}/{}", shown.event.id, shown.hold.id);
    html! {
        form.stack method="post" action=(here) {
            input type="hidden" name="key" value=(shown.hold.id);
            @if !visitor.has_account() {
                (guests::email_field(visitor, email, Some(visitor.text("guest.email_hint"))))
            }
            button.button { (visitor.text("checkout.order")) }
        }
        @if !visitor.has_account() {
            (guests::or_sign_in(visitor, &here))
            @if !email.is_empty() {
                form method="post" action="/sign-out" {
                    button.link { (visitor.text("guest.start_anew")) }
                }
            }
        }
    }
}

#[derive(Deserialize)]
struct CheckOut {
    key: String,
    #[serde(default)]
    email: String,
}

async fn check_out(
    state: web::Data<AppState>,
    request: HttpRequest,
    visitor: Visitor,
    Path((event, hold)): Path<(OfferingId, HoldId)>,
    Form(form): Form<CheckOut>,
) -> Result<HttpResponse, ApiError> {
    let customer = visitor.caller()?.user;
    let from = client_address(&request);
    let shown = match read(&state, &visitor, event, hold).await? {
        Stage::Held(shown) => shown,
        Stage::Ordered(reservation) => return Ok(see_other(&format!("/orders/{reservation}"))),
    };
    if !visitor.has_account()
        && let Some(known) = guests::other_buyer(&state, &visitor, &form.email).await?
    {
        let said = visitor.fill("guest.other_buyer", &[("email", &known)]);
        let mut page = render(&visitor, &shown, &form.email, Some(&said));
        *page.status_mut() = ErrorCode::Conflict.status();
        return Ok(page);
    }
    if !visitor.has_account()
        && let Err(failure) = guests::identify(&state, &visitor, &form.email, from).await
    {
        let said = explain(&visitor, &failure);
        let mut page = render(&visitor, &shown, &form.email, Some(&said));
        *page.status_mut() = failure.code().status();
        return Ok(page);
    }
    let reservation = ReservationId::random();
    let command = Command::CheckOut { hold, reservation, customer };
    let idempotency = IdempotencyKey(Some(form.key)).identity(customer, "reserve", &(event, hold));
    let committed = match submit(&state, event, Request { command, idempotency }).await {
        Ok(committed) => committed,
        // Sent twice, or in two tabs: the order exists.
        Err(failure) if failure.code() == ErrorCode::HoldEnded => {
            return match read(&state, &visitor, event, hold).await? {
                Stage::Ordered(reservation) => Ok(see_other(&format!("/orders/{reservation}"))),
                Stage::Held(_) => Err(failure),
            };
        }
        Err(failure) => return Err(failure),
    };
    let made = committed.transition.changes.iter().find_map(|change| match change {
        Change::CheckedOut { reservation, .. } => Some(*reservation),
        _ => None,
    });
    let made =
        made.ok_or_else(|| ApiError::internal("a check-out was answered by another change"))?;
    Ok(see_other(&format!("/orders/{made}")))
}
