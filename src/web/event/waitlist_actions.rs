//! What the forms of the waitlist do: join, accept an offer, and leave.

use actix_web::{HttpRequest, HttpResponse, web};
use serde::Deserialize;

use super::page::{refusal, render, without_cookies};
use super::shown::Shown;
use crate::accounts::Caller;
use crate::http::commands::submit;
use crate::http::dto;
use crate::http::error::{ApiError, mark_refused};
use crate::http::extract::{IdempotencyKey, Path};
use crate::http::state::AppState;
use crate::ids::{HoldId, OfferingId};
use crate::inventory::{Command, Request};
use crate::web::cookies;
use crate::web::forms::{Form, see_other};
use crate::web::visitor::Visitor;

#[derive(Deserialize)]
pub(super) struct Join {
    key: String,
    product: String,
    places: u32,
}

pub(super) async fn join(
    state: web::Data<AppState>,
    request: HttpRequest,
    visitor: Visitor,
    Path(event): Path<OfferingId>,
    Form(form): Form<Join>,
) -> Result<HttpResponse, ApiError> {
    if !cookies::sent_any(&request) {
        return without_cookies(&state, &request, &visitor, event).await;
    }
    let session = cookies::of_buyer(&state, visitor.caller())?;
    let mut response = match wait(&state, session.caller, event, &form).await {
        Ok(()) => see_other(&format!("/events/{event}?notice=waiting")),
        Err(failure) if failure.code().status().is_client_error() => {
            refused(&state, &visitor, event, &failure).await?
        }
        Err(failure) => return Err(failure),
    };
    session.keep(&mut response, &visitor.site);
    Ok(response)
}

/// Renders the page of the event with the reason why the visitor does not wait.
async fn refused(
    state: &AppState,
    visitor: &Visitor,
    event: OfferingId,
    failure: &ApiError,
) -> Result<HttpResponse, ApiError> {
    let shown = Shown::read(state, visitor, event).await?;
    let said = refusal(state, visitor, &shown, failure).await;
    let mut page = render(state, visitor, &shown, None, Some(said)).await?;
    mark_refused(&mut page, failure.code());
    Ok(page)
}

async fn wait(
    state: &AppState,
    caller: Caller,
    event: OfferingId,
    form: &Join,
) -> Result<(), ApiError> {
    let product = dto::product_id(event, "productId", &form.product)?;
    let (entry, customer, party_size) = (HoldId::random(), caller.user, form.places);
    let command = Command::JoinWaitlist { entry, customer, product, party_size };
    let key = IdempotencyKey(Some(form.key.clone()));
    let idempotency = key.identity(customer, "join waitlist", &(event, &form.product, party_size));
    let view = state.offices.view(event).await?;
    let is_full = view.products.get(product.index()).is_some_and(|of| of.counts.available == 0);
    if is_full {
        // Written before the customer waits, so that closing the account finds the entry. Where
        // there are places the box office refuses, and nothing is to be written.
        state.store.waitlisted_add(customer, event).await?;
    }
    submit(state, event, Request { command, idempotency }).await?;
    Ok(())
}

pub(super) async fn accept(
    state: web::Data<AppState>,
    visitor: Visitor,
    Path((event, entry)): Path<(OfferingId, HoldId)>,
    Form(_): Form<Vec<(String, String)>>,
) -> Result<HttpResponse, ApiError> {
    let customer = visitor.caller()?.user;
    let command = Command::AcceptOffer { entry, customer };
    submit(&state, event, Request { command, idempotency: None }).await?;
    Ok(see_other(&format!("/checkout/{event}/{entry}")))
}

pub(super) async fn leave(
    state: web::Data<AppState>,
    visitor: Visitor,
    Path((event, entry)): Path<(OfferingId, HoldId)>,
    Form(_): Form<Vec<(String, String)>>,
) -> Result<HttpResponse, ApiError> {
    let caller = visitor.caller()?;
    state.offerings.leave_waitlist(caller, event, entry, None).await?;
    Ok(see_other(&format!("/events/{event}?notice=left_waitlist")))
}
