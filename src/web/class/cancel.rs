//! The cancellation of one's own enrollment: a page that asks first and says what comes back.

use actix_web::{HttpResponse, web};
use maud::{Markup, html};
use serde::Deserialize;

use super::enrollment::{Shown, may_cancel};
use super::page::{is_shown, said};
use crate::classes::Sender;
use crate::http::error::{ApiError, mark_refused};
use crate::http::extract::Path;
use crate::http::state::AppState;
use crate::ids::EnrollmentId;
use crate::inventory::Requester;
use crate::offerings::refund_of;
use crate::store::{EnrollmentState, ReservationState};
use crate::web::fields::{Field, refusal};
use crate::web::format::money;
use crate::web::forms::{Form, see_other};
use crate::web::layout::{self, Page};
use crate::web::visitor::Visitor;
use crate::web::{order_refunds, places};

/// Asks whether the enrollment is to be cancelled, and says what comes back.
pub(super) async fn ask(
    state: web::Data<AppState>,
    visitor: Visitor,
    Path(id): Path<EnrollmentId>,
) -> Result<HttpResponse, ApiError> {
    show_cancel(&state, &visitor, id, "", None).await
}

async fn show_cancel(
    state: &AppState,
    visitor: &Visitor,
    id: EnrollmentId,
    reason: &str,
    refused: Option<&ApiError>,
) -> Result<HttpResponse, ApiError> {
    let shown = Shown::read(state, visitor, id).await?;
    if !shown.seen.row.status.is_living() {
        return Ok(see_other(&format!("/enrollments/{id}")));
    }
    let refusal_text = refused.map(|failure| said(visitor, &shown.class, failure));
    let title = visitor.text("enrollment.cancel");
    let field = Field {
        name: "reason",
        label: visitor.text("enrollment.cancel_reason"),
        value: reason,
        hint: Some(visitor.text("enrollment.cancel_reason_hint")),
        ..Field::default()
    };
    let main = html! {
        section.narrow {
            p.back { a href={ "/enrollments/" (id) } { (visitor.text("enrollment.keep")) } }
            h1 { (title) }
            h2 { (shown.class.event.details.name) }
            (refusal(refusal_text.as_deref()))
            @if may_cancel(state, &shown) {
            (comes_back(state, visitor, &shown).await?)
            form.stack method="post" action={ "/enrollments/" (id) "/cancel" } {
                input type="hidden" name="key" value={ "cancel-" (id) "-" (shown.seen.row.version) };
                (field.area(3))
                button.button.danger { (title) }
            }
            } @else {
                p.warning { (visitor.text("enrollment.no_way_back")) }
            }
        }
    };
    let mut response = layout::render(visitor, Page::new(title).main(main));
    if let Some(failure) = refused {
        mark_refused(&mut response, failure.code());
    }
    Ok(response)
}

/// Says what a cancellation now gives back.
async fn comes_back(
    state: &AppState,
    visitor: &Visitor,
    shown: &Shown,
) -> Result<Markup, ApiError> {
    let Shown { class, seen, .. } = shown;
    let paid = seen.reservation.as_ref().filter(|row| {
        seen.row.status == EnrollmentState::Approved
            && row.state == ReservationState::Confirmed
            && row.total_price > 0
    });
    let Some(paid) = paid else {
        let says = match seen.row.status {
            EnrollmentState::Approved => "enrollment.gives_place",
            _ => "enrollment.gives_line",
        };
        return Ok(html! { p { (visitor.text(says)) } });
    };
    let tickets = state.offerings.tickets_of(paid.id).await?;
    let left = order_refunds::price_left(paid, &tickets);
    let refundable = order_refunds::refundable(paid);
    Ok(match refund_of(&class.event, left, refundable, state.clock.now_ms()) {
        Some(refund) => {
            let amount = money(visitor.language, refund, &class.event.currency);
            html! { p { (visitor.fill("enrollment.gives_back", &[("amount", &amount)])) } }
        }
        None => html! { p.warning { (places::cancellation(visitor, &class.event)) } },
    })
}

#[derive(Deserialize)]
pub(super) struct Cancel {
    key: String,
    #[serde(default)]
    reason: String,
}

pub(super) async fn cancel(
    state: web::Data<AppState>,
    visitor: Visitor,
    Path(id): Path<EnrollmentId>,
    Form(form): Form<Cancel>,
) -> Result<HttpResponse, ApiError> {
    let caller = visitor.payer()?;
    let Shown { class, .. } = Shown::read(&state, &visitor, id).await?;
    let sender = Sender { user: caller.user, key: Some(&form.key) };
    let (by, now) = (Requester::Customer(caller.user), state.clock.now_ms());
    let reason = Some(form.reason.trim()).filter(|reason| !reason.is_empty());
    let done = state.classes.cancel(class.event.id, id, sender, by, reason, now).await;
    match done.map_err(ApiError::from) {
        Ok(_) => Ok(see_other(&format!("/enrollments/{id}?notice=enrollment_canceled"))),
        Err(failure) if is_shown(&failure) => {
            show_cancel(&state, &visitor, id, &form.reason, Some(&failure)).await
        }
        Err(failure) => Err(failure),
    }
}
