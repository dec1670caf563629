//! The visitor's tickets: the code to show at the door, and files to keep.

use std::cmp::Reverse;

use actix_web::{HttpResponse, web};
use maud::{Markup, PreEscaped, html};
use serde::Deserialize;
use uuid::Uuid;

use crate::accounts::Caller;
use crate::http::api::offerings::tickets::{TicketDto, render as ticket_dto};
use crate::http::error::ApiError;
use crate::http::extract::Path;
use crate::http::state::AppState;
use crate::offerings::short_code;
use crate::store::EventRow;
use crate::web::guests;
use crate::web::layout::{self, Page};
use crate::web::places;
use crate::web::visitor::Visitor;

/// Tickets on one page.
const SHOWN: u64 = 30;

/// Adds the routes.
pub(super) fn configure(cfg: &mut web::ServiceConfig) {
    cfg.service(web::resource("/tickets").get(list))
        .service(web::resource("/tickets/{ticket}").get(page));
}

#[derive(Deserialize)]
struct Query {
    after: Option<String>,
    notice: Option<String>,
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
    let found = state.offerings.tickets(caller, after, SHOWN).await?;
    let (mut rows, mut shown) = (found.rows, Vec::new());
    // The tickets of an order are equally old: its seats come as the plan orders them.
    rows.sort_by_key(|row| (Reverse(row.created_at), row.reservation, row.seat, row.index));
    for row in &rows {
        shown.push((state.offerings.offering(row.offering).await?, ticket_dto(&state, row).await?));
    }
    let code = guests::claim_code(&state, &visitor).await?;
    let has_new_code = query.notice.as_deref() == Some(guests::NEW_CODE);
    let main = html! {
        h1 { (visitor.text("tickets.title")) }
        (saved_copy(&visitor, caller))
        @if has_new_code { (code) }
        @if shown.is_empty() {
            section.empty {
                p { (visitor.text("tickets.none")) }
                p { a.button href="/" { (visitor.text("basket.look")) } }
                p { a href="/claim" { (visitor.text("tickets.find")) } }
            }
        }
        ul.tickets {
            @for (event, ticket) in &shown { li { (card(&visitor, event, ticket)) } }
        }
        @if let Some(next) = &found.next_cursor {
            p.more { a.button.quiet href={ "/tickets?after=" (next) } { (visitor.text("start.more")) } }
        }
        @if !has_new_code { (code) }
        p { a href="/orders" { (visitor.text("basket.orders")) } }
    };
    let page = Page::new(visitor.text("tickets.title")).main(main).script("tickets.js");
    Ok(layout::render(&visitor, page.notice(query.notice.as_deref())))
}

async fn page(
    state: web::Data<AppState>,
    visitor: Visitor,
    Path(id): Path<Uuid>,
) -> Result<HttpResponse, ApiError> {
    let caller = visitor.caller()?;
    let row = state.offerings.ticket(caller, id).await?;
    let event = state.offerings.offering(row.offering).await?;
    let ticket = ticket_dto(&state, &row).await?;
    let main = html! {
        h1.visually-hidden { (visitor.text("tickets.ticket")) }
        (saved_copy(&visitor, caller))
        (card(&visitor, &event, &ticket))
        p.actions {
            a.button.quiet href={ "/tickets/" (ticket.id) ".pdf" } { (visitor.text("tickets.pdf")) }
            a.button.quiet href={ "/tickets/" (ticket.id) ".ics" } { (visitor.text("tickets.calendar")) }
            a.button.quiet href={ "/orders/" (ticket.reservation_id) } { (visitor.text("tickets.order")) }
        }
    };
    let page = Page::new(visitor.text("tickets.ticket")).main(main).script("tickets.js");
    Ok(layout::render(&visitor, page))
}

/// Renders the line that `sw.js` shows on a copy of the page, under this very class. It names the
/// person whose tickets these are: copies of others are deleted when this page is kept.
fn saved_copy(visitor: &Visitor, caller: Caller) -> Markup {
    html! {
        p.warning.saved-copy hidden role="status" data-owner=(caller.user) {
            (visitor.text("offline.saved_copy")) " " time data-saved-at {}
        }
    }
}

/// Renders a ticket with its code.
fn card(visitor: &Visitor, event: &EventRow, ticket: &TicketDto) -> Markup {
    let status = visitor.language.find(&format!("ticket_status.{}", ticket.status));
    html! {
        article.ticket data-status=(ticket.status) {
            div.ticket-qr { (qr(visitor, &ticket.code)) }
            div.ticket-text {
                h2 { a href={ "/tickets/" (ticket.id) } { (event.details.name) } }
                (places::heading(visitor, event))
                p.ticket-place {
                    (places::product_name(event, &ticket.product_id))
                    @if let Some(seat) = &ticket.seat { br; strong { (places::seat(visitor, seat)) } }
                }
                p.facts { span.badge data-status=(ticket.status) { (status.unwrap_or(ticket.status)) } }
                @if ticket.status != "VOID" {
                    p { (visitor.fill("tickets.by_hand", &[("code", &short_code(&ticket.code))])) }
                }
                p.fine { code { (ticket.code) } }
            }
        }
    }
}

/// Draws a code; part of the page itself, so that it shows without a network.
fn qr(visitor: &Visitor, code: &str) -> Markup {
    let Ok(code) = qrcode::QrCode::new(code) else { return html! {} };
    let svg = code.render::<qrcode::render::svg::Color<'_>>().min_dimensions(200, 200).build();
    let svg = svg.split_once("?>").map_or(svg.as_str(), |(_, svg)| svg);
    html! {
        div role="img" aria-label=(visitor.text("tickets.code")) { (PreEscaped(svg)) }
    }
}
