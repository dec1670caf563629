//! Orders: paying for one, its confirmation, and its cancellation by the event's terms.

use actix_web::{HttpResponse, web};
use maud::{Markup, html};
use serde::Deserialize;
use uuid::Uuid;

use crate::http::api::box_office::reservations::{
    ReservationDto, cancel_as, render as reservation,
};
use crate::http::api::offerings::tickets;
use crate::http::api::payments::by_hand;
use crate::http::error::{ApiError, ErrorCode, mark_refused};
use crate::http::extract::{IdempotencyKey, Path};
use crate::http::state::AppState;
use crate::ids::ReservationId;
use crate::offerings::{TicketsToCancel, refund_of};
use crate::store::{EventRow, ReservationFilter, ReservationRow, ReservationState};
use crate::web::errors::explain;
use crate::web::fields::refusal;
use crate::web::format::{self, money};
use crate::web::forms::{Form, see_other};
use crate::web::guests;
use crate::web::layout::{self, Page};
use crate::web::pay::{self, Attempts, Pay};
use crate::web::places::{self, price};
use crate::web::visitor::Visitor;
use crate::web::{order_refunds, order_status};

/// Orders on one page.
const SHOWN: u64 = 20;

/// Adds the routes.
pub(super) fn configure(cfg: &mut web::ServiceConfig) {
    cfg.service(web::resource("/orders").get(list))
        .service(web::resource("/orders/{reservation}").get(page))
        .service(web::resource("/orders/{reservation}/pay").post(pay_order))
        .service(web::resource("/orders/{reservation}/cancel").post(cancel))
        .service(web::resource("/orders/{reservation}/refund").post(cancel_ticket));
}

#[derive(Deserialize)]
struct Query {
    notice: Option<String>,
    after: Option<String>,
}

async fn list(
    state: web::Data<AppState>,
    visitor: Visitor,
    query: web::Query<Query>,
) -> Result<HttpResponse, ApiError> {
    let caller = visitor.caller()?;
    let after = query.after.as_deref().and_then(|text| {
        let (at, id) = text.split_once('_')?;
        Some((at.parse().ok()?, id.parse().ok()?))
    });
    let filter = ReservationFilter { user: Some(caller.user), after, ..Default::default() };
    let found = state.offerings.reservations(filter, SHOWN).await?;
    let mut orders = Vec::new();
    for row in &found.rows {
        orders
            .push((state.offerings.offering(row.offering).await?, reservation(&state, row).await?));
    }
    let main = html! {
        h1 { (visitor.text("orders.title")) }
        @if orders.is_empty() {
            section.empty {
                p { (visitor.text("orders.none")) }
                p { a.button href="/" { (visitor.text("basket.look")) } }
                p { a href="/claim" { (visitor.text("tickets.find")) } }
            }
        }
        ul.cards {
            @for (event, order) in &orders {
                li.card {
                    a.card-link href={ "/orders/" (order.id) } { h2 { (event.details.name) } }
                    (places::heading(&visitor, event))
                    p.facts {
                        (order_status::badge(&visitor, event, order))
                        span { (visitor.fill("orders.places", &[("places", &format::number(order.quantity))])) }
                        span.price { (price(&visitor, &order.total_price)) }
                    }
                }
            }
        }
        @if let Some(next) = &found.next_cursor {
            p.more { a.button.quiet href={ "/orders?after=" (next) } { (visitor.text("start.more")) } }
        }
    };
    let page = Page::new(visitor.text("orders.title")).main(main);
    Ok(layout::render(&visitor, page.notice(query.notice.as_deref())))
}

async fn page(
    state: web::Data<AppState>,
    visitor: Visitor,
    Path(id): Path<ReservationId>,
    query: web::Query<Query>,
) -> Result<HttpResponse, ApiError> {
    show(&state, &visitor, id, query.notice.as_deref(), None).await
}

async fn show(
    state: &AppState,
    visitor: &Visitor,
    id: ReservationId,
    notice: Option<&str>,
    refused: Option<&str>,
) -> Result<HttpResponse, ApiError> {
    let caller = visitor.caller()?;
    let row = state.offerings.reservation(caller, id).await?;
    let event = state.offerings.offering(row.offering).await?;
    let mut order = reservation(state, &row).await?;
    let seats = state.venues.labels(row.offering).await;
    let attempts = match row.state {
        ReservationState::PaymentPending => Attempts::read(state, &row).await?,
        ReservationState::Confirmed | ReservationState::Cancelled | ReservationState::Expired => {
            Attempts::default()
        }
    };
    let attempts = if refused.is_some() { attempts.without_decline() } else { attempts };
    let pay_by = attempts.deadline().map_or(row.pay_by, |deadline| deadline.max(row.pay_by));
    let is_late = row.state == ReservationState::PaymentPending && pay_by <= state.clock.now_ms();
    let status = if is_late { ReservationState::Expired } else { row.state };
    order.status = status.as_str();
    let body = match status {
        ReservationState::PaymentPending => {
            payment(state, visitor, &row, &event, &attempts).await?
        }
        ReservationState::Confirmed => confirmed(state, visitor, (&row, &order), &event).await?,
        ReservationState::Cancelled => cancelled(visitor, &order),
        ReservationState::Expired => html! {
            p { (visitor.text("orders.expired")) }
            p { a.button href=(places::address(&event)) { (visitor.text("orders.choose_again")) } }
        },
    };
    let (payments, refunds) = state.payments.of_reservation(row.id).await?;
    let main = html! {
        section.narrow {
            h1 { (visitor.text("orders.order")) }
            p.facts { (order_status::badge(visitor, &event, &order)) }
            h2 { a href=(places::address(&event)) { (event.details.name) } }
            (places::heading(visitor, &event))
            (places::marked_lines(visitor, &event, &order.lines, &seats))
            p.basket-total { (visitor.text("basket.total")) " " strong { (price(visitor, &order.total_price)) } }
            (refusal(refused))
            (body)
            (order_refunds::list(visitor, &event, (&payments, &refunds), |_| Markup::default()))
            p.fine { (visitor.text("orders.number")) " " code { (order.id) } }
        }
    };
    let page = Page::new(visitor.text("orders.order")).main(main).script("page.js");
    let mut response = layout::render(visitor, page.notice(notice));
    attempts.ask_again(&mut response);
    Ok(response)
}

/// Renders the ways to pay, or the wait for a payment.
async fn payment(
    state: &AppState,
    visitor: &Visitor,
    row: &ReservationRow,
    event: &EventRow,
    attempts: &Attempts,
) -> Result<Markup, ApiError> {
    if let Some(wait) = attempts.wait(visitor, event) {
        let hint = visitor.text("pay.give_up_transfer");
        return Ok(html! {
            (wait)
            @if attempts.wait_for_a_transfer() {
                (cancel_form(visitor, row, visitor.text("orders.give_up"), Some(hint)))
            }
        });
    }
    let ways = pay::ways(state, visitor, row, event, attempts).await?;
    Ok(html! {
        (ways)
        (cancel_form(visitor, row, visitor.text("orders.give_up"), None))
    })
}

async fn confirmed(
    state: &AppState,
    visitor: &Visitor,
    (row, order): (&ReservationRow, &ReservationDto),
    event: &EventRow,
) -> Result<Markup, ApiError> {
    let said = if order_status::is_paid(order) { "orders.confirmed" } else { "orders.issued" };
    let tickets = state.offerings.tickets_of(row.id).await?;
    let mut shown = Vec::new();
    for ticket in &tickets {
        shown.push((ticket.clone(), tickets::render(state, ticket).await?));
    }
    let now = state.clock.now_ms();
    let left = order_refunds::price_left(row, &tickets);
    let refund = refund_of(event, left, order_refunds::refundable(row), now);
    Ok(html! {
        p.success role="status" { (visitor.text(said)) }
        (guests::claim_code(state, visitor).await?)
        (order_refunds::tickets(visitor, (event, row), &shown, now))
        p.actions {
            a.button href="/tickets" { (visitor.text("orders.show_tickets")) }
            a.button.quiet href={ "/orders/" (row.id) ".pdf" } { (visitor.text("tickets.pdf")) }
            a.button.quiet href={ "/tickets/" (shown.first().map(|(one, _)| one.id).unwrap_or_default()) ".ics" } {
                (visitor.text("tickets.calendar"))
            }
        }
        @match refund {
            Some(refund) => {
                @let amount = money(visitor.language, refund, &event.currency);
                (cancel_form(visitor, row, visitor.text("orders.cancel"),
                    Some(&visitor.fill("orders.refund_now", &[("amount", &amount)]))))
            }
            None => p.hint { (places::cancellation(visitor, event)) },
        }
    })
}

fn cancelled(visitor: &Visitor, order: &ReservationDto) -> Markup {
    html! {
        p { (visitor.text("orders.is_cancelled")) }
        @if let Some(refund) = &order.refund {
            p { (visitor.fill("orders.refunded", &[("amount", &price(visitor, refund))])) }
        }
    }
}

fn cancel_form(visitor: &Visitor, row: &ReservationRow, label: &str, hint: Option<&str>) -> Markup {
    html! {
        details.cancel {
            summary { (label) }
            form.stack method="post" action={ "/orders/" (row.id) "/cancel" } {
                input type="hidden" name="key" value={ "cancel-" (row.id) };
                p { (hint.unwrap_or(visitor.text("orders.give_up_hint"))) }
                button.button.danger { (label) }
            }
        }
    }
}

async fn pay_order(
    state: web::Data<AppState>,
    visitor: Visitor,
    Path(id): Path<ReservationId>,
    Form(form): Form<Pay>,
) -> Result<HttpResponse, ApiError> {
    let caller = visitor.payer()?;
    let pay_by = form.pay_by()?;
    let paid = match by_hand::check(&state, caller, pay_by.method).await {
        Ok(()) => state.payments.pay(caller.user, id, pay_by, &form.key).await.map_err(Into::into),
        Err(refused) => Err(refused),
    };
    match paid {
        Ok(_) => Ok(see_other(&format!("/orders/{id}"))),
        // Refused: the page says why, and the order can be paid in another way.
        Err(failure) if failure.code().status().as_u16() < 500 => {
            let said = explain(&visitor, &failure);
            let mut page = show(&state, &visitor, id, None, Some(&said)).await?;
            mark_refused(&mut page, failure.code());
            Ok(page)
        }
        Err(failure) => Err(failure),
    }
}

#[derive(Deserialize)]
struct CancelTicket {
    key: String,
    ticket: Uuid,
}

async fn cancel_ticket(
    state: web::Data<AppState>,
    visitor: Visitor,
    Path(id): Path<ReservationId>,
    Form(CancelTicket { key, ticket }): Form<CancelTicket>,
) -> Result<HttpResponse, ApiError> {
    let caller = visitor.payer()?;
    let key = IdempotencyKey(Some(key)).identity(caller.user, "refund tickets", &(id, ticket));
    let wanted = TicketsToCancel { tickets: Some(vec![ticket]), refund: None };
    match state.offerings.cancel_tickets(caller, id, wanted, key).await.map_err(ApiError::from) {
        Ok(_) => Ok(see_other(&format!("/orders/{id}?notice=ticket_cancelled"))),
        Err(failure) if failure.code() == ErrorCode::Internal => Err(failure),
        Err(failure) => {
            let said = explain(&visitor, &failure);
            let mut page = show(&state, &visitor, id, None, Some(&said)).await?;
            mark_refused(&mut page, failure.code());
            Ok(page)
        }
    }
}

#[derive(Deserialize)]
struct Cancel {
    key: String,
}

async fn cancel(
    state: web::Data<AppState>,
    visitor: Visitor,
    Path(id): Path<ReservationId>,
    Form(form): Form<Cancel>,
) -> Result<HttpResponse, ApiError> {
    let caller = visitor.payer()?;
    let idempotency =
        IdempotencyKey(Some(form.key)).identity(caller.user, "cancel reservation", &id);
    match cancel_as(&state, caller, id, idempotency).await {
        Ok(_) => Ok(see_other(&format!("/orders/{id}?notice=cancelled"))),
        Err(failure) if failure.code() == ErrorCode::Internal => Err(failure),
        Err(failure) => {
            let said = explain(&visitor, &failure);
            let mut page = show(&state, &visitor, id, None, Some(&said)).await?;
            mark_refused(&mut page, failure.code());
            Ok(page)
        }
    }
}
