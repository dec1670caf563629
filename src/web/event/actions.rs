//! What the forms of the page do: hold places, extend a hold, and give it back.

use actix_web::{HttpRequest, HttpResponse, web};
use serde_json::json;

use super::page::{refusal, render, without_cookies};
use super::shown::Shown;
use crate::accounts::Caller;
use crate::http::commands::submit;
use crate::http::dto;
use crate::http::error::{ApiError, ErrorCode};
use crate::http::extract::{IdempotencyKey, Path};
use crate::http::state::AppState;
use crate::ids::{HoldId, OfferingId, UserId};
use crate::inventory::{Change, Command, Fit, Line, LineRequest, Request};
use crate::web::basket;
use crate::web::cookies;
use crate::web::forms::{Form, see_other};
use crate::web::visitor::Visitor;

/// Holds places for a while: `kind` says whether `productId` and `quantity` mean the best seats or
/// standing places, or whether every `seat` is one seat of the list.
pub(super) async fn hold(
    state: web::Data<AppState>,
    request: HttpRequest,
    visitor: Visitor,
    Path(event): Path<OfferingId>,
    Form(pairs): Form<Vec<(String, String)>>,
) -> Result<HttpResponse, ApiError> {
    if !cookies::sent_any(&request) {
        return without_cookies(&state, &request, &visitor, event).await;
    }
    let session = cookies::of_buyer(&state, visitor.caller())?;
    let held = place(&state, session.caller, event, &pairs).await;
    let mut response = match held {
        Ok(()) => see_other(&format!("/events/{event}?notice=held#basket")),
        Err(failure) => {
            let shown = Shown::read(&state, &visitor, event).await?;
            let said = refusal(&state, &visitor, &shown, &failure).await;
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
    let place = Command::PlaceHold { hold, customer, lines };
    // The visitor is known by the session: the pass is the one they have.
    let command = Command::WithPass { pass: None, command: Box::new(place) };
    let committed = submit(state, event, Request { command, idempotency }).await?;
    match committed.transition.changes.first() {
        Some(Change::HoldPlaced { hold, lines, .. }) if value("together") == Some("yes") => {
            together_or_released(state, event, (*hold, customer), lines).await
        }
        Some(Change::HoldPlaced { .. }) => Ok(()),
        _ => Err(ApiError::internal("a hold was answered by another change")),
    }
}

/// Gives a hold back whose seats are not side by side, for a visitor who wants no others. The box
/// office seats a party as well as it can.
async fn together_or_released(
    state: &AppState,
    event: OfferingId,
    (hold, customer): (HoldId, UserId),
    lines: &[Line],
) -> Result<(), ApiError> {
    let is_apart = |line: &&Line| matches!(line.fit, Fit::SplitRows | Fit::Scattered);
    let Some(apart) = lines.iter().find(is_apart) else { return Ok(()) };
    let command = Command::ReleaseHold { hold, customer };
    match submit(state, event, Request { command, idempotency: None }).await {
        Ok(_) => {}
        // A form that was sent twice has released it before.
        Err(failure) if failure.code() == ErrorCode::HoldEnded => {}
        Err(failure) => return Err(failure),
    }
    let none = ApiError::of(ErrorCode::SoldOut);
    Err(none.with_details(json!({ "apart": apart.quantity })))
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
            Some(crate::http::api::box_office::holds::section_named(&view, name, Some(product))?)
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
