//! What an organiser does to single tickets and refunds of an order.

use actix_web::{HttpResponse, web};
use serde::Deserialize;
use uuid::Uuid;

use super::entered;
use super::order::show;
use crate::http::error::{ApiError, ErrorCode, mark_refused};
use crate::http::extract::{IdempotencyKey, Path};
use crate::http::state::AppState;
use crate::ids::{RefundId, ReservationId};
use crate::offerings::TicketsToCancel;
use crate::web::errors::explain;
use crate::web::forms::{Form, see_other};
use crate::web::visitor::Visitor;

/// Adds the routes.
pub(super) fn configure(cfg: &mut web::ServiceConfig) {
    let order = "/organiser/orders/{reservation}";
    cfg.service(web::resource(format!("{order}/refund")).post(cancel_ticket))
        .service(web::resource(format!("{order}/retry")).post(retry));
}

#[derive(Deserialize)]
struct CancelTicket {
    key: String,
    ticket: Uuid,
    #[serde(default)]
    amount: String,
    #[serde(default)]
    reason: String,
}

async fn cancel_ticket(
    state: web::Data<AppState>,
    visitor: Visitor,
    Path(id): Path<ReservationId>,
    Form(form): Form<CancelTicket>,
) -> Result<HttpResponse, ApiError> {
    visitor.staff()?;
    match cancelled(&state, &visitor, id, &form).await {
        Ok(()) => Ok(see_other(&format!("/organiser/orders/{id}?notice=ticket_cancelled"))),
        Err(failure) if failure.code() == ErrorCode::Internal => Err(failure),
        Err(failure) => refused(&state, &visitor, id, &failure).await,
    }
}

async fn cancelled(
    state: &AppState,
    visitor: &Visitor,
    id: ReservationId,
    form: &CancelTicket,
) -> Result<(), ApiError> {
    let (admin, ticket) = (visitor.staff()?, form.ticket);
    let row = state.offerings.reservation(admin, id).await?;
    let currency = state.offerings.offering(row.offering).await?.currency;
    let refund = match form.amount.trim() {
        "" => None,
        text => Some(
            entered::amount(text, &currency)
                .map_err(|key| ApiError::new(ErrorCode::Invalid, visitor.text(key)))?,
        ),
    };
    let reason: String = form.reason.trim().chars().take(500).collect();
    let wanted = TicketsToCancel { tickets: Some(vec![ticket]), refund };
    // The form's own key: however often it is sent, the ticket is cancelled once.
    let key = IdempotencyKey(Some(form.key.clone()));
    let key = key.identity(admin.user, "refund tickets", &(id, ticket, refund));
    let done = state.offerings.cancel_tickets(admin, id, wanted, key).await?;
    let note = (!reason.is_empty()).then_some(reason.as_str());
    state.payments.refund_called_for((id, done.seq), done.refund, note).await?;
    Ok(())
}

#[derive(Deserialize)]
struct Retry {
    refund: RefundId,
}

async fn retry(
    state: web::Data<AppState>,
    visitor: Visitor,
    Path(id): Path<ReservationId>,
    Form(Retry { refund }): Form<Retry>,
) -> Result<HttpResponse, ApiError> {
    visitor.staff()?;
    // The gate has compared the order of the path with the visitor's offerings, and not the refund.
    let of_order = state.store.refund_get(refund).await?.filter(|row| row.reservation == id);
    if of_order.is_none() {
        return Err(ApiError::of(ErrorCode::NotFound));
    }
    match state.payments.retry_refund(refund).await.map_err(ApiError::from) {
        Ok(_) => Ok(see_other(&format!("/organiser/orders/{id}?notice=done"))),
        Err(failure) if failure.code() == ErrorCode::Internal => Err(failure),
        Err(failure) => refused(&state, &visitor, id, &failure).await,
    }
}

async fn refused(
    state: &AppState,
    visitor: &Visitor,
    id: ReservationId,
    failure: &ApiError,
) -> Result<HttpResponse, ApiError> {
    let said = explain(visitor, failure);
    let mut page = show(state, visitor, id, None, Some(&said)).await?;
    mark_refused(&mut page, failure.code());
    Ok(page)
}
