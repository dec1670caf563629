//! What the forms of the waitlist do: join, accept an offer, and leave.

use actix_web::{HttpResponse, web};
use serde::Deserialize;

use crate::http::commands::submit;
use crate::http::dto;
use crate::http::error::ApiError;
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
    visitor: Visitor,
    Path(event): Path<OfferingId>,
    Form(form): Form<Join>,
) -> Result<HttpResponse, ApiError> {
    let session = cookies::of_buyer(&state, visitor.caller)?;
    let product = dto::product_id(event, "product", &form.product)?;
    let (entry, customer, party_size) = (HoldId::random(), session.caller.user, form.places);
    let command = Command::JoinWaitlist { entry, customer, product, party_size };
    let key = IdempotencyKey(Some(form.key));
    let idempotency = key.identity(customer, "join waitlist", &(event, &form.product, party_size));
    let view = state.offices.view(event).await?;
    let is_full = view.products.get(product.index()).is_some_and(|of| of.counts.available == 0);
    if is_full {
        // Written before the customer waits, so that closing the account finds the entry. Where
        // there are places the box office refuses, and nothing is to be written.
        state.store.waitlisted_add(customer, event).await?;
    }
    submit(&state, event, Request { command, idempotency }).await?;
    let mut response = see_other(&format!("/events/{event}?notice=waiting"));
    session.keep(&mut response, &visitor.site);
    Ok(response)
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
