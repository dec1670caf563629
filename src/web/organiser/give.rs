//! Giving places away: a complimentary order for press, sponsors and artists, by the same function as
//! the API's.

use actix_web::{HttpResponse, web};
use maud::{Markup, html};

use super::entered;
use super::event_form::Pairs;
use super::seats_named::seats_of;
use super::shown::Shown;
use crate::http::api::box_office::complimentary::{Recipient, issue};
use crate::http::error::{ApiError, ErrorCode};
use crate::http::extract::{IdempotencyKey, Path};
use crate::http::state::AppState;
use crate::ids::OfferingId;
use crate::inventory::{LineRequest, SeatStatus};
use crate::web::errors::explain;
use crate::web::fields::{Field, refusal, select, text_area};
use crate::web::format::number;
use crate::web::forms::{Form, see_other};
use crate::web::layout::{self, Page};
use crate::web::visitor::Visitor;

/// Adds the route.
pub(super) fn configure(cfg: &mut web::ServiceConfig) {
    cfg.service(
        web::resource("/organiser/events/{event}/give").route(web::get().to(page)).post(give),
    );
}

type Entered = Vec<(String, String)>;

/// Shows the form. The query has the seats that were picked on the map or ticked in the list.
async fn page(
    state: web::Data<AppState>,
    visitor: Visitor,
    Path(event): Path<OfferingId>,
    query: web::Query<Entered>,
) -> Result<HttpResponse, ApiError> {
    visitor.admin()?;
    let shown = Shown::read(&state, event).await?;
    let has_seats = ["picked", "seat", "rows"]
        .iter()
        .any(|name| query.iter().any(|(key, value)| key == name && !value.trim().is_empty()));
    let entered = match has_seats {
        true => {
            let seats = seats_of(&visitor, &shown, &query)?;
            let picked: Vec<_> = seats.iter().map(|seat| seat.to_public(event)).collect();
            vec![("picked".to_owned(), picked.join(" "))]
        }
        false => Vec::new(),
    };
    Ok(show(&visitor, &shown, &entered, None))
}

fn show(
    visitor: &Visitor,
    shown: &Shown,
    entered: &Entered,
    refused: Option<&str>,
) -> HttpResponse {
    let event = &shown.event;
    let form = Pairs(entered);
    let title = visitor.text("organiser_give.title");
    let email = form.entered("email");
    let email = Field {
        name: "email",
        label: visitor.text("account.email"),
        kind: "email",
        value: &email,
        hint: Some(visitor.text("organiser_give.email_hint")),
        autocomplete: Some("off"),
        required: true,
        max_length: Some(254),
        ..Field::default()
    };
    let main = html! {
        p.back { a href={ "/organiser/events/" (event.id) } { (event.details.name) } }
        h1 { (title) }
        p { (visitor.text("organiser_give.explained")) }
        form.stack method="post" action={ "/organiser/events/" (event.id) "/give" } {
            (refusal(refused))
            input type="hidden" name="key" value=(uuid::Uuid::new_v4());
            (email.render())
            div.field { label.check {
                input type="checkbox" name="account" value="true"
                    checked[form.value("account").is_some()];
                " " (visitor.text("organiser_give.to_account"))
            } }
            (how_many(visitor, shown, &form))
            (seats(visitor, shown, &form))
            button.button { (visitor.text("organiser_give.give")) }
        }
    };
    layout::render(visitor, Page::new(title).main(main))
}

/// Renders a number field for each ticket type: any places of it, or the best seats.
fn how_many(visitor: &Visitor, shown: &Shown, form: &Pairs<'_>) -> Markup {
    let products = shown.event.products.iter().zip(&shown.view.products);
    html! {
        fieldset.stack {
            legend { (visitor.text("organiser_give.how_many")) }
            @for (product, live) in products {
                @let name = format!("quantity-{}", product.id.0);
                @let entered = form.entered(&name);
                @let key = if live.numbered { "organiser_give.best" } else { "organiser_give.any" };
                @let hint = visitor.fill(key, &[
                    ("free", &number(live.counts.available)),
                    ("blocked", &number(live.counts.blocked)),
                ]);
                div.short { (Field {
                    name: &name, label: &product.name, kind: "number", value: &entered,
                    hint: Some(&hint), min: Some("0"), max: Some("64"), ..Field::default()
                }.render()) }
            }
        }
    }
}

/// Renders the seats that were picked, and the fields for seats by their rows.
fn seats(visitor: &Visitor, shown: &Shown, form: &Pairs<'_>) -> Markup {
    let sections = &shown.view.sections;
    if sections.is_empty() {
        return Markup::default();
    }
    let options: Vec<_> = sections
        .iter()
        .enumerate()
        .map(|(index, section)| (index.to_string(), section.name.clone()))
        .collect();
    let picked = form.entered("picked");
    html! {
        fieldset.stack {
            legend { (visitor.text("organiser_give.seats")) }
            @if !picked.is_empty() {
                input type="hidden" name="picked" value=(picked);
                ul { @for place in places(visitor, shown, &picked) { li { (place) } } }
            }
            (select("in", visitor.text("event.section"), &form.entered("in"), &options))
            (text_area("rows", visitor.text("organiser_action.rows"), &form.entered("rows"), 2))
            p.hint { (visitor.text("organiser_give.seats_hint")) }
        }
    }
}

/// The places of seats, as people read them, with the state of those that are not free.
fn places(visitor: &Visitor, shown: &Shown, picked: &str) -> Vec<String> {
    let picked: Vec<&str> = picked.split_whitespace().collect();
    let mut found = Vec::with_capacity(picked.len());
    for section in &shown.view.sections {
        for row in &section.rows {
            for ((seat, status), number) in (row.first_seat.0..).zip(&row.seats).zip(1_u32..) {
                let seat = crate::ids::SeatId(seat);
                if !picked.contains(&seat.to_public(shown.event.id).as_str()) {
                    continue;
                }
                let row = visitor.fill("place.row", &[("row", &row.name)]);
                let label = shown.labels.label(seat, number);
                let blocked = match status {
                    SeatStatus::Blocked => format!(" ({})", visitor.text("place.blocked")),
                    _ => String::new(),
                };
                found.push(format!("{} {row} {label}{blocked}", section.name));
            }
        }
    }
    found
}

async fn give(
    state: web::Data<AppState>,
    visitor: Visitor,
    Path(event): Path<OfferingId>,
    Form(entered): Form<Entered>,
) -> Result<HttpResponse, ApiError> {
    let admin = visitor.admin()?;
    let shown = Shown::read(&state, event).await?;
    let key = IdempotencyKey(Some(Pairs(&entered).entered("key")));
    let key = key.identity(admin.user, "complimentary order by form", &(event, &entered));
    let issued = match read(&state, &visitor, &shown, &entered).await {
        Ok(order) => issue(&state, admin, event, order, key).await,
        Err(failure) => Err(failure),
    };
    match issued {
        Ok(issued) => {
            Ok(see_other(&format!("/organiser/orders/{}?notice=given", issued.reservation)))
        }
        Err(failure) if failure.code().status().as_u16() < 500 => {
            let said = explain(&visitor, &failure);
            let mut page = show(&visitor, &shown, &entered, Some(&said));
            *page.status_mut() = failure.code().status();
            Ok(page)
        }
        Err(failure) => Err(failure),
    }
}

/// Reads the recipient and the places.
async fn read(
    state: &AppState,
    visitor: &Visitor,
    shown: &Shown,
    entered: &Entered,
) -> Result<(Recipient, Vec<LineRequest>), ApiError> {
    let form = Pairs(entered);
    let said = |key| ApiError::new(ErrorCode::Invalid, visitor.text(key));
    let mut lines = Vec::new();
    for (product, live) in shown.event.products.iter().zip(&shown.view.products) {
        let entered = form.entered(&format!("quantity-{}", product.id.0));
        let Some(quantity) = entered::whole(&entered).map_err(said)?.filter(|some| *some > 0)
        else {
            continue;
        };
        let product = product.id;
        lines.push(match live.numbered {
            true => LineRequest::BestAvailable { product, quantity, section: None },
            false => LineRequest::Quantity { product, quantity },
        });
    }
    if !form.entered("picked").is_empty() || !form.entered("rows").trim().is_empty() {
        lines.push(LineRequest::Seats(seats_of(visitor, shown, entered)?));
    }
    if lines.is_empty() {
        return Err(said("organiser_give.nothing"));
    }
    let email = form.entered("email");
    if form.value("account").is_none() {
        return Ok((Recipient::Guest(email), lines));
    }
    let email = crate::accounts::normalise_email(&email)
        .map_err(|reason| ApiError::invalid("email", reason))?;
    let account = state.store.user_by_email(&email).await?;
    let account = account.ok_or_else(|| said("organiser_give.no_account"))?;
    Ok((Recipient::Account(account.id), lines))
}
