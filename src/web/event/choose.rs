//! Choosing places by forms: the best available, standing places, or seats from the list; and the
//! visitor's holds, which are extended and given back.

use actix_web::{HttpRequest, HttpResponse, web};
use maud::{Markup, html};

use super::{Shown, refusal, render};
use crate::accounts::Caller;
use crate::http::commands::submit;
use crate::http::dto;
use crate::http::error::ApiError;
use crate::http::extract::{IdempotencyKey, Path};
use crate::http::state::AppState;
use crate::ids::{HoldId, OfferingId};
use crate::inventory::{Change, Command, LineRequest, Request};
use crate::web::basket;
use crate::web::fields::Field;
use crate::web::forms::{Form, see_other};
use crate::web::sessions;
use crate::web::visitor::Visitor;

/// Renders the forms by which places are chosen without a map.
pub(super) fn forms(visitor: &Visitor, shown: &Shown) -> Markup {
    let event = shown.event.id;
    let action = format!("/events/{event}/holds");
    let numbered: Vec<_> = shown.products().filter(|(_, view)| view.numbered).collect();
    let standing = shown.products().filter(|(_, view)| !view.numbered);
    let sections = shown.view.sections.iter().map(|section| section.name.as_str());
    html! {
        @if !numbered.is_empty() {
            form.choose id="best" method="post" action=(action) {
                h3 { (visitor.text("event.best")) }
                input type="hidden" name="kind" value="best";
                input type="hidden" name="key" value=(uuid::Uuid::new_v4());
                div.field {
                    label for="best-product" { (visitor.text("event.ticket")) }
                    select id="best-product" name="productId" {
                        @for (product, _) in &numbered {
                            option value=(product.id.to_public(event)) { (product.name) }
                        }
                    }
                }
                @if shown.view.sections.len() > numbered.len() {
                    div.field {
                        label for="best-section" { (visitor.text("event.section")) }
                        select id="best-section" name="section" {
                            option value="" { (visitor.text("event.any_section")) }
                            @for section in sections { option value=(section) { (section) } }
                        }
                    }
                }
                (quantity("best-quantity", visitor, "2"))
                button.button { (visitor.text("event.find_best")) }
            }
        }
        @for (product, _) in standing {
            form.choose data-lines method="post" action=(action) {
                h3 { (product.name) }
                input type="hidden" name="kind" value="lines";
                input type="hidden" name="key" value=(uuid::Uuid::new_v4());
                input type="hidden" name="productId" value=(product.id.to_public(event));
                (quantity(&format!("quantity-{}", product.id.index()), visitor, "1"))
                button.button { (visitor.text("event.take")) }
            }
        }
    }
}

fn quantity(id: &str, visitor: &Visitor, value: &str) -> Markup {
    let name = Field { name: "quantity", ..Field::default() }.name;
    html! {
        div.field.short {
            label for=(id) { (visitor.text("event.how_many")) }
            input id=(id) name=(name) type="number" inputmode="numeric" min="1" max="64" value=(value) required;
        }
    }
}

/// Holds places for a while: `kind` says whether `productId` and `quantity` mean the best seats or
/// standing places, or whether every `seat` is one seat of the list.
pub(super) async fn hold(
    state: web::Data<AppState>,
    request: HttpRequest,
    visitor: Visitor,
    Path(event): Path<OfferingId>,
    Form(pairs): Form<Vec<(String, String)>>,
) -> Result<HttpResponse, ApiError> {
    let session = sessions::of_buyer(&state, &visitor)?;
    let held = place(&state, session.caller, event, &pairs).await;
    let mut response = match held {
        Ok(()) => see_other(&format!("/events/{event}?notice=held#basket")),
        Err(failure) => {
            let shown = Shown::read(&state, &visitor, event).await?;
            let said = refusal(&visitor, &failure, shown.status);
            let mut page = render(&state, &visitor, &shown, None, Some(said)).await?;
            *page.status_mut() = failure.code().status();
            page
        }
    };
    session.keep(&mut response, &visitor.site);
    basket::remember(&mut response, &request, &visitor, event);
    Ok(response)
}

async fn place(
    state: &AppState,
    caller: Caller,
    event: OfferingId,
    pairs: &[(String, String)],
) -> Result<(), ApiError> {
    let value = |name: &str| pairs.iter().find(|(key, _)| key == name).map(|(_, value)| &**value);
    let lines = vec![wish(state, event, pairs).await?];
    let (hold, customer) = (HoldId::random(), caller.user);
    let key = IdempotencyKey(value("key").map(str::to_owned));
    let idempotency = key.identity(customer, "hold", &(event, pairs));
    let command = Command::PlaceHold { hold, customer, lines };
    let committed = submit(state, event, Request { command, idempotency }).await?;
    match committed.transition.changes.first() {
        Some(Change::HoldPlaced { .. }) => Ok(()),
        _ => Err(ApiError::internal("a hold was answered by another change")),
    }
}

async fn wish(
    state: &AppState,
    event: OfferingId,
    pairs: &[(String, String)],
) -> Result<LineRequest, ApiError> {
    let value = |name: &str| {
        pairs.iter().find(|(key, _)| key == name).map(|(_, value)| value.trim()).unwrap_or_default()
    };
    if value("kind") == "seats" {
        let seats = pairs.iter().filter(|(key, _)| key == "seat").map(|(_, seat)| seat.clone());
        let seats: Vec<String> = seats.collect();
        if seats.is_empty() {
            return Err(ApiError::invalid("seat", "is missing: choose at least one"));
        }
        return Ok(LineRequest::Seats(dto::seat_ids(event, "seat", &seats)?));
    }
    let product = dto::product_id(event, "productId", value("productId"))?;
    let quantity = value("quantity").parse::<u32>();
    let quantity = quantity.map_err(|_| ApiError::invalid("quantity", "must be a whole number"))?;
    dto::at_least_one("quantity", quantity)?;
    if value("kind") != "best" {
        return Ok(LineRequest::Quantity { product, quantity });
    }
    let section = match value("section") {
        "" => None,
        name => {
            let view = state.offices.view(event).await?;
            Some(crate::http::api::box_office::holds::section_named(&view, name)?)
        }
    };
    Ok(LineRequest::BestAvailable { product, quantity, section })
}

/// Gives a hold more time.
pub(super) async fn extend(
    state: web::Data<AppState>,
    visitor: Visitor,
    Path((event, hold)): Path<(OfferingId, HoldId)>,
    Form(_): Form<Vec<(String, String)>>,
) -> Result<HttpResponse, ApiError> {
    let customer = visitor.caller()?.user;
    let command = Command::ExtendHold { hold, customer };
    submit(&state, event, Request { command, idempotency: None }).await?;
    Ok(see_other(&format!("/events/{event}?notice=extended#basket")))
}

/// Gives a hold back.
pub(super) async fn release(
    state: web::Data<AppState>,
    visitor: Visitor,
    Path((event, hold)): Path<(OfferingId, HoldId)>,
    Form(_): Form<Vec<(String, String)>>,
) -> Result<HttpResponse, ApiError> {
    let caller = visitor.caller()?;
    state.offerings.release_hold(caller, event, hold, None).await?;
    Ok(see_other(&format!("/events/{event}?notice=released#basket")))
}
