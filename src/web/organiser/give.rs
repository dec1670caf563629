//! Giving places away: a complimentary order for press, sponsors and artists, by the same function as
//! the API's. Rows become seats in a form that is shown once more: a form that names rows would
//! mean other seats when it is sent twice.

use std::collections::HashSet;

use actix_web::{HttpResponse, web};
use maud::{Markup, html};

use super::entered;
use super::event_form::Pairs;
use super::seats_named::{UNSOLD, seats_of};
use super::shown::{Shown, place};
use crate::http::api::box_office::complimentary::{Recipient, issue};
use crate::http::error::{ApiError, ErrorCode, mark_refused};
use crate::http::extract::{ActRecord, IdempotencyKey, Path};
use crate::http::state::AppState;
use crate::ids::{OfferingId, ReservationId, SeatId};
use crate::inventory::{LineRequest, Policy, Rejection, SeatStatus};
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

/// The most seats of one order.
const MOST_SEATS: usize = Policy::MAX_PLACES_PER_HOLD as usize;

type Entered = Vec<(String, String)>;

/// What a form says above its fields.
enum Said {
    /// The seats that the rows mean.
    Check,
    /// Why the form was refused.
    Refused(String),
}

/// Shows the form. The query has the seats that were picked on the map or ticked in the list.
async fn page(
    state: web::Data<AppState>,
    visitor: Visitor,
    Path(event): Path<OfferingId>,
    query: web::Query<Entered>,
) -> Result<HttpResponse, ApiError> {
    visitor.staff()?;
    let shown = Shown::read(&state, event).await?;
    let names_seats = ["picked", "seat", "rows"]
        .iter()
        .any(|name| query.iter().any(|(key, value)| key == name && !value.trim().is_empty()));
    let entered = match names_seats {
        // Only the seats: the form of the map has a key of its own.
        true => with_seats(&visitor, &shown, &query)?
            .into_iter()
            .filter(|(name, _)| name == "seat")
            .collect(),
        false => Vec::new(),
    };
    Ok(show(&visitor, &shown, &entered, None))
}

/// Returns what was entered, with the seats themselves in the place of rows and of those picked.
fn with_seats(visitor: &Visitor, shown: &Shown, entered: &Entered) -> Result<Entered, ApiError> {
    let seats = seats_of(visitor, shown, entered, UNSOLD)?;
    if seats.len() > MOST_SEATS {
        let most = MOST_SEATS.to_string();
        let said = visitor.fill("organiser_give.too_many", &[("most", &most)]);
        return Err(ApiError::new(ErrorCode::Invalid, said));
    }
    let seats = seats.iter().map(|seat| ("seat".to_owned(), seat.to_public(shown.event.id)));
    let others = entered.iter().filter(|(key, _)| !["picked", "seat", "rows"].contains(&&**key));
    Ok(others.cloned().chain(seats).collect())
}

fn show(visitor: &Visitor, shown: &Shown, entered: &Entered, said: Option<&Said>) -> HttpResponse {
    let event = &shown.event;
    let form = Pairs(entered);
    let key = form.value("key").map_or_else(|| uuid::Uuid::new_v4().to_string(), str::to_owned);
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
            @match said {
                Some(Said::Check) => p.notice role="status" { (visitor.text("organiser_give.check")) },
                Some(Said::Refused(why)) => (refusal(Some(why))),
                None => {}
            }
            input type="hidden" name="key" value=(key);
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
    let chosen = chosen(visitor, shown, form);
    html! {
        fieldset.stack {
            legend { (visitor.text("organiser_give.seats")) }
            @if !chosen.is_empty() {
                p { (visitor.fill("organiser_give.chosen", &[("n", &chosen.len().to_string())])) }
                ul.plain { @for seat in chosen { li { (seat) } } }
            }
            (select("in", visitor.text("event.section"), &form.entered("in"), &options))
            (text_area("rows", visitor.text("organiser_action.rows"), &form.entered("rows"), 2))
            p.hint { (visitor.text("organiser_give.seats_hint")) }
        }
    }
}

/// Renders the chosen seats, ticked, with the state of those that are not free. What is sold or held
/// cannot be given.
fn chosen(visitor: &Visitor, shown: &Shown, form: &Pairs<'_>) -> Vec<Markup> {
    let event = shown.event.id;
    let ids = form.0.iter().filter(|(name, _)| name == "seat");
    let ids: HashSet<SeatId> =
        ids.filter_map(|(_, id)| SeatId::from_public(event, id).ok()).collect();
    let mut rendered = Vec::with_capacity(ids.len());
    for section in &shown.view.sections {
        for row in &section.rows {
            for ((seat, status), number) in (row.first_seat.0..).zip(&row.seats).zip(1_u32..) {
                let seat = SeatId(seat);
                if !ids.contains(&seat) {
                    continue;
                }
                let label = shown.labels.label(seat, number);
                let key = match status {
                    SeatStatus::Available | SeatStatus::Kept => None,
                    SeatStatus::Blocked | SeatStatus::Removed => Some("place.blocked"),
                    SeatStatus::Sold => Some("organiser_give.sold"),
                    SeatStatus::Held => Some("organiser_give.held"),
                };
                let can_be_given = UNSOLD.contains(status);
                rendered.push(html! {
                    label.check {
                        input type="checkbox" name="seat" value=(seat.to_public(event))
                            checked[can_be_given] disabled[!can_be_given];
                        " " (place(visitor, (&section.name, &row.name, &label)))
                        @if let Some(key) = key { " (" (visitor.text(key)) ")" }
                    }
                });
            }
        }
    }
    rendered
}

async fn give(
    state: web::Data<AppState>,
    visitor: Visitor,
    record: ActRecord,
    Path(event): Path<OfferingId>,
    Form(mut entered): Form<Entered>,
) -> Result<HttpResponse, ApiError> {
    visitor.staff()?;
    let shown = Shown::read(&state, event).await?;
    let given = match Pairs(&entered).entered("rows").trim().is_empty() {
        true => submit(&state, &visitor, &shown, &entered).await.map(Some),
        false => with_seats(&visitor, &shown, &entered).map(|seats| {
            entered = seats;
            None
        }),
    };
    let failure = match given {
        Ok(Some(order)) => {
            record.made(&order);
            return Ok(see_other(&format!("/organiser/orders/{order}?notice=given")));
        }
        Ok(None) => return Ok(show(&visitor, &shown, &entered, Some(&Said::Check))),
        Err(failure) => failure,
    };
    match failure.code().status().as_u16() {
        // What was sent may have taken effect: only with its key it can be sent again.
        503 => {}
        500.. => return Err(failure),
        _ => entered.retain(|(name, _)| name != "key"),
    }
    let said = Said::Refused(shown.explain(&visitor, &failure));
    let mut page = show(&visitor, &shown, &entered, Some(&said));
    mark_refused(&mut page, failure.code());
    Ok(page)
}

/// Issues the order.
async fn submit(
    state: &AppState,
    visitor: &Visitor,
    shown: &Shown,
    entered: &Entered,
) -> Result<ReservationId, ApiError> {
    let admin = visitor.staff()?;
    let key = IdempotencyKey(Pairs(entered).value("key").map(str::to_owned));
    let key = key.identity(admin.user, "complimentary order by form", &(shown.event.id, entered));
    let (recipient, lines) = read(state, visitor, shown, entered).await?;
    let is_account = Pairs(entered).value("account").is_some();
    let given = match recipient {
        Ok(recipient) => issue(state, admin, shown.event.id, (recipient, lines.clone()), key).await,
        Err(no_account) => Err(no_account),
    };
    match given {
        Ok(issued) => Ok(issued.reservation),
        // A wish that nothing can come of does not tell who has an account.
        Err(error) if is_account && error.code().status().is_client_error() => {
            check_lines(visitor, shown, &lines)?;
            Err(error)
        }
        Err(error) => Err(error),
    }
}

/// Reads the recipient, if there is such an account, and the places. An account whose address is not
/// confirmed may be another person's: it is as good as none.
async fn read(
    state: &AppState,
    visitor: &Visitor,
    shown: &Shown,
    entered: &Entered,
) -> Result<(Result<Recipient, ApiError>, Vec<LineRequest>), ApiError> {
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
    if entered.iter().any(|(name, _)| name == "seat") {
        lines.push(LineRequest::Seats(seats_of(visitor, shown, entered, UNSOLD)?));
    }
    if lines.is_empty() {
        return Err(said("organiser_give.nothing"));
    }
    let email = form.entered("email");
    if form.value("account").is_none() {
        return Ok((Ok(Recipient::Guest(email)), lines));
    }
    let email = crate::accounts::normalise_email(&email)
        .map_err(|reason| ApiError::invalid("email", reason))?;
    let account = state.store.user_by_email(&email).await?;
    let account = account.filter(|account| state.accounts.has_proved_address(account));
    let account = account.map(|account| Recipient::Account(account.id));
    Ok((account.ok_or_else(|| said("organiser_give.no_account")), lines))
}

/// Refuses what cannot be given to anyone.
fn check_lines(visitor: &Visitor, shown: &Shown, lines: &[LineRequest]) -> Result<(), ApiError> {
    if shown.status == "CANCELLED" {
        return Err(ApiError::of(ErrorCode::EventCancelled));
    }
    let mut all = 0_u64;
    for line in lines {
        let (product, quantity) = match line {
            LineRequest::Seats(seats) => {
                let is_taken = |seat: &SeatId| {
                    shown.view.status(*seat).is_some_and(|status| !UNSOLD.contains(&status))
                };
                let seats_taken: Vec<_> = seats.iter().copied().filter(is_taken).collect();
                if !seats_taken.is_empty() {
                    return Err(Rejection::SeatsTaken { seats: seats_taken }.into());
                }
                all += seats.len() as u64;
                continue;
            }
            LineRequest::Quantity { product, quantity }
            | LineRequest::BestAvailable { product, quantity, .. } => (product, *quantity),
        };
        all += u64::from(quantity);
        let free = shown.view.products.get(product.index()).map_or(0, |live| match live.numbered {
            true => live.counts.available,
            false => live.counts.available.saturating_add(live.counts.blocked),
        });
        if quantity > free && all <= MOST_SEATS as u64 {
            return Err(ApiError::of(ErrorCode::SoldOut));
        }
    }
    if all > MOST_SEATS as u64 {
        let most = MOST_SEATS.to_string();
        let said = visitor.fill("organiser_give.too_many", &[("most", &most)]);
        return Err(ApiError::new(ErrorCode::Invalid, said));
    }
    Ok(())
}
