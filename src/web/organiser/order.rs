//! One order for its organiser: who has it, what it is, its tickets and payment, everything that
//! happened to it, and its cancellation with a full refund.

use actix_web::{HttpResponse, web};
use maud::{Markup, html};
use serde::Deserialize;

use super::order_forms;
use super::orders::customer;
use super::tables::scrolling;
use crate::accounts::GuestContact;
use crate::http::api::box_office::reservations::{cancel_as, render as reservation};
use crate::http::api::offerings::tickets::{TicketDto, render as ticket_dto};
use crate::http::error::{ApiError, ErrorCode, mark_refused};
use crate::http::extract::{IdempotencyKey, Path};
use crate::http::respond::rfc3339;
use crate::http::state::AppState;
use crate::ids::ReservationId;
use crate::offerings::{Happening, History, ticket_prices};
use crate::roles::Permission;
use crate::store::{EventRow, ReservationRow, ReservationState, TicketRow, TicketState};
use crate::web::errors::explain;
use crate::web::fields::refusal;
use crate::web::format::{self, money};
use crate::web::forms::{Form, see_other};
use crate::web::layout::{self, Page};
use crate::web::places::{self, price, zone_of};
use crate::web::visitor::Visitor;
use crate::web::{order_refunds, order_status};

/// Adds the routes.
pub(super) fn configure(cfg: &mut web::ServiceConfig) {
    cfg.service(web::resource("/organiser/orders/{reservation}").get(page))
        .service(web::resource("/organiser/orders/{reservation}/cancel").post(cancel));
}

#[derive(Deserialize)]
struct Query {
    notice: Option<String>,
}

async fn page(
    state: web::Data<AppState>,
    visitor: Visitor,
    Path(id): Path<ReservationId>,
    query: web::Query<Query>,
) -> Result<HttpResponse, ApiError> {
    show(&state, &visitor, id, query.notice.as_deref(), None).await
}

/// Shows an order; `refused` says why what was asked for was not done.
///
/// # Errors
/// The order cannot be read.
pub(super) async fn show(
    state: &AppState,
    visitor: &Visitor,
    id: ReservationId,
    notice: Option<&str>,
    refused: Option<&str>,
) -> Result<HttpResponse, ApiError> {
    let admin = visitor.staff()?;
    let row = state.offerings.reservation(admin, id).await?;
    let event = state.offerings.offering(row.offering).await?;
    let order = reservation(state, &row).await?;
    let person = state.store.people([row.user]).await?.remove(&row.user);
    let mut tickets = Vec::new();
    for ticket in state.offerings.tickets_of(row.id).await? {
        let place = place_of(visitor, &event, &ticket_dto(state, &ticket).await?);
        tickets.push((ticket, place));
    }
    let price_left = order_refunds::price_left(&row, tickets.iter().map(|(ticket, _)| ticket));
    let (payments, refunds) = state.payments.of_reservation(row.id).await?;
    // With the code one takes the places: that is for those who may give them.
    let contact = match is_given(&row) && visitor.may(Permission::Manage, event.id) {
        true => state.accounts.gift_contact(row.user).await?,
        false => None,
    };
    let history = state.offerings.history(event.id, (row.id, row.hold)).await?;
    let main = html! {
        p.back { a href={ "/organiser/events/" (event.id) "/orders" } {
            (event.details.name) " · " (visitor.text("organiser_live.orders"))
        } }
        h1 { (visitor.text("organiser_order.title")) }
        p.facts { (order_status::badge(visitor, &event, &order)) (customer(visitor, person.as_ref())) }
        (refusal(refused))
        p.fine { (visitor.text("orders.number")) " " code { (order.id) } }
        (places::lines(visitor, &event, &order.lines))
        p.basket-total { (visitor.text("basket.total")) " " strong { (price(visitor, &order.total_price)) } }
        @if let Some(refund) = &order.refund {
            p { (visitor.text("organiser_order.refund")) ": " (price(visitor, refund)) }
        }
        @if let Some(contact) = &contact { (to_pass_on(visitor, contact)) }
        (tickets_of(visitor, (&event, &row), &tickets))
        (order_refunds::list(visitor, &event, (&payments, &refunds), |refund| {
            let of = payments.iter().find(|payment| payment.id == refund.payment);
            order_forms::refund(visitor, &row, (refund, of.map(|payment| payment.method)))
        }))
        p.actions {
            a href="/organiser/payments" { (visitor.text("organiser_payments.title")) }
            a href="/organiser/refunds" { (visitor.text("organiser_payments.refunds")) }
        }
        (history_of(visitor, &event, &history, &tickets))
        (cancel_form(visitor, &event, (&row, price_left)))
    };
    let title = visitor.text("organiser_order.title");
    Ok(layout::render(visitor, Page::new(title).main(main).notice(notice)))
}

/// True for a confirmed order that cost nothing: of a free event, or given away.
fn is_given(row: &ReservationRow) -> bool {
    row.state == ReservationState::Confirmed && row.total_price == 0 && row.payment.is_none()
}

/// Renders the claim code of places that were given away, until the recipient has used it.
fn to_pass_on(visitor: &Visitor, contact: &GuestContact) -> Markup {
    html! {
        section.claim-code {
            h2 { (visitor.text("organiser_give.pass_on")) }
            p { (visitor.fill("organiser_give.pass_on_explained", &[("email", &contact.email)])) }
            p.code-large { code { (contact.claim_code) } }
        }
    }
}

/// Returns the seat of a ticket, or its type if it has none.
fn place_of(visitor: &Visitor, event: &EventRow, ticket: &TicketDto) -> String {
    let product = || places::product_name(event, &ticket.product_id).to_owned();
    ticket.seat.as_ref().map_or_else(product, |seat| places::seat(visitor, seat))
}

/// Renders the tickets of an order, given with their places.
fn tickets_of(
    visitor: &Visitor,
    (event, row): (&EventRow, &ReservationRow),
    tickets: &[(TicketRow, String)],
) -> Markup {
    let prices = ticket_prices(row);
    let living = tickets.iter().filter(|(ticket, _)| ticket.state != TicketState::Void).count();
    let price = |ticket: &TicketRow| {
        let is_valid = ticket.state == TicketState::Valid && living > 1;
        prices.get(usize::from(ticket.index)).copied().filter(|_| is_valid)
    };
    let used = |ticket: &TicketRow| {
        let at = ticket.checked_in_at?;
        let at = format::exact_time(visitor.language, at, zone_of(visitor, event));
        let gate = ticket.gate.as_ref();
        let gate = gate.map(|gate| visitor.fill("organiser_order.at_gate", &[("gate", gate)]));
        let used = visitor.fill("organiser_order.used_at", &[("time", &at)]);
        Some(format!("{used} {}", gate.unwrap_or_default()))
    };
    html! {
        @if !tickets.is_empty() {
            h2 { (visitor.text("organiser_order.tickets")) }
            ul.lines {
                @for (ticket, place) in tickets {
                    @let status = ticket.state.as_str();
                    @let key = format!("ticket_status.{status}");
                    li {
                        span {
                            (visitor.text("tickets.ticket")) " " (u32::from(ticket.index) + 1) ", " (place)
                            @if let Some(used) = used(ticket) { span.hint { " " (used) } }
                            @if let Some(price) = price(ticket) {
                                (order_forms::cancel_ticket(visitor, event, row, (ticket, price)))
                            }
                        }
                        span.badge data-status=(status) { (visitor.language.find(&key).unwrap_or(status)) }
                    }
                }
            }
        }
    }
}

fn history_of(
    visitor: &Visitor,
    event: &EventRow,
    history: &History,
    tickets: &[(TicketRow, String)],
) -> Markup {
    let words = |happening: &Happening| {
        let key = format!("happened.{}", happening.what);
        let text = visitor.language.find(&key).unwrap_or(happening.what);
        let ticket = happening.ticket.unwrap_or_default().to_string();
        crate::web::language::fill(text, &[("ticket", &ticket)])
    };
    let place = |happening: &Happening| {
        let number = happening.ticket?;
        let of = tickets.iter().find(|(ticket, _)| ticket.index.saturating_add(1) == number);
        of.map(|(_, place)| place)
    };
    let zone = zone_of(visitor, event);
    let time = |at| format::exact_time(visitor.language, at, zone);
    html! {
        h2 { (visitor.text("organiser_order.history")) }
        p.hint { (visitor.text("organiser_order.history_hint")) }
        (scrolling(visitor.text("organiser_order.history"), &html! {
            table.history {
                tbody {
                    @for happening in &history.happenings {
                        tr {
                            td { time datetime=(rfc3339(happening.at)) { (time(happening.at)) } }
                            th scope="row" {
                                (words(happening))
                                @if let Some(place) = place(happening) { span.hint { (place) } }
                                @if let Some(gate) = &happening.gate {
                                    span.hint { (visitor.fill("organiser_order.at_gate", &[("gate", gate)])) }
                                }
                                @if happening.by.is_some() {
                                    span.hint { (visitor.text("organiser_order.by_admin")) }
                                }
                            }
                            td.hint { (visitor.text("organiser_order.row")) " " (happening.seq.0) }
                        }
                    }
                }
            }
        }))
        @if history.is_cut { p.hint { (visitor.text("organiser_order.history_cut")) } }
    }
}

fn cancel_form(
    visitor: &Visitor,
    event: &EventRow,
    (row, price_left): (&ReservationRow, i64),
) -> Markup {
    let does = match row.state {
        ReservationState::Confirmed => {
            let refund = price_left.min(order_refunds::refundable(row));
            let amount = money(visitor.language, refund, &event.currency);
            visitor.fill("organiser_order.cancel_does", &[("amount", &amount)])
        }
        ReservationState::PaymentPending => {
            visitor.text("organiser_order.cancel_unpaid").to_owned()
        }
        ReservationState::Cancelled | ReservationState::Expired => return Markup::default(),
    };
    html! {
        details.cancel {
            summary { (visitor.text("organiser_order.cancel")) }
            form.stack method="post" action={ "/organiser/orders/" (row.id) "/cancel" } {
                input type="hidden" name="key" value={ "cancel-" (row.id) };
                p { (does) }
                button.button.danger { (visitor.text("organiser_order.cancel")) }
            }
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
    let admin = visitor.staff()?;
    let key = IdempotencyKey(Some(form.key)).identity(admin.user, "cancel reservation", &id);
    match cancel_as(&state, admin, id, key).await {
        Ok(_) => Ok(see_other(&format!("/organiser/orders/{id}?notice=cancelled"))),
        Err(failure) if failure.code() == ErrorCode::Internal => Err(failure),
        Err(failure) => {
            let said = explain(&visitor, &failure);
            let mut page = show(&state, &visitor, id, None, Some(&said)).await?;
            mark_refused(&mut page, failure.code());
            Ok(page)
        }
    }
}
