//! A check-in and its reversal as forms, for a door whose browser runs no scripts: by the same calls
//! as the API, answered with the whole page and the result on it.

use actix_web::{HttpResponse, web};
use serde::Deserialize;
use uuid::Uuid;

use crate::http::api::offerings::tickets::render;
use crate::http::error::{ApiError, ErrorCode};
use crate::http::extract::Path;
use crate::http::state::AppState;
use crate::ids::{OfferingId, UserId};
use crate::offerings::{CheckIn, FoundTicket, OfferingError, TicketRef};
use crate::store::{EventRow, TicketRow};
use crate::web::door::outcome::Outcome;
use crate::web::door::{screen, search};
use crate::web::errors::explain;
use crate::web::forms::Form;
use crate::web::places;
use crate::web::visitor::Visitor;

#[derive(Deserialize)]
pub(super) struct Check {
    code: String,
    #[serde(default)]
    gate: String,
}

/// Checks in a ticket. The form has no idempotency key: a page that is sent again, or reached by
/// the back button, says that the ticket is already in.
pub(super) async fn check(
    state: web::Data<AppState>,
    visitor: Visitor,
    Path(event): Path<OfferingId>,
    Form(entered): Form<Check>,
) -> Result<HttpResponse, ApiError> {
    let admin = visitor.admin()?;
    let event = state.offerings.event(event).await?;
    let outcome = match admit(&state, admin.user, &event, &entered).await {
        Ok(row) => admitted(&state, &visitor, &event, row).await?,
        Err(error) => {
            let refused = refused(&state, &visitor, &event, error).await?;
            let may_repeat = matches!(refused.kind, "busy" | "failed");
            Outcome { undecided: may_repeat.then(|| entered.code.clone()), ..refused }
        }
    };
    screen::after_form(&state, &visitor, &event, &entered.gate, &outcome).await
}

async fn admit(
    state: &AppState,
    admin: UserId,
    event: &EventRow,
    entered: &Check,
) -> Result<TicketRow, OfferingError> {
    let gate = Some(entered.gate.trim()).filter(|gate| !gate.is_empty());
    let at_door = CheckIn::new(entered.code.trim(), Some(event.id), gate)?;
    let row = state.offerings.ticket_at_door(&at_door).await?;
    let (row, _) = state.offerings.check_in(admin, &row, at_door.gate, None).await?;
    Ok(row)
}

#[derive(Deserialize)]
pub(super) struct Undo {
    ticket: Uuid,
    #[serde(default)]
    gate: String,
}

/// Makes a checked-in ticket valid again.
pub(super) async fn undo(
    state: web::Data<AppState>,
    visitor: Visitor,
    Path(event): Path<OfferingId>,
    Form(entered): Form<Undo>,
) -> Result<HttpResponse, ApiError> {
    let admin = visitor.admin()?;
    let event = state.offerings.event(event).await?;
    let outcome = match take_back(&state, admin.user, event.id, entered.ticket).await {
        Ok(()) => {
            let more = visitor.text("js.door.undoneMore").to_owned();
            Outcome { kind: "undone", more, ..Outcome::default() }
        }
        Err(error) => {
            let refused = refused(&state, &visitor, &event, error).await?;
            match refused.failure {
                Some(ErrorCode::WrongState) => {
                    let more = visitor.text("js.door.notIn").to_owned();
                    Outcome { kind: "failed", more, ..refused }
                }
                _ => refused,
            }
        }
    };
    screen::after_form(&state, &visitor, &event, &entered.gate, &outcome).await
}

async fn take_back(
    state: &AppState,
    admin: UserId,
    event: OfferingId,
    ticket: Uuid,
) -> Result<(), OfferingError> {
    let row = state.offerings.ticket_of(&TicketRef::Id(ticket)).await?;
    if row.offering != event {
        return Err(OfferingError::WrongEvent(Box::new(row)));
    }
    state.offerings.undo_check_in(admin, &row, None).await?;
    Ok(())
}

async fn admitted(
    state: &AppState,
    visitor: &Visitor,
    event: &EventRow,
    row: TicketRow,
) -> Result<Outcome, ApiError> {
    let with_holder = state.offerings.ticket_with_holder(event.id, row.id).await?;
    let ticket = with_holder.unwrap_or(FoundTicket { row, holder: None });
    let found = search::describe(state, visitor, event, &ticket).await?;
    Ok(Outcome {
        kind: "valid",
        name: found.name,
        place: found.seat.unwrap_or(found.product),
        admitted: Some(found.ticket_id),
        ..Outcome::default()
    })
}

/// Describes a refusal.
///
/// # Errors
/// Failures of the server, which have a page of their own.
async fn refused(
    state: &AppState,
    visitor: &Visitor,
    event: &EventRow,
    error: OfferingError,
) -> Result<Outcome, ApiError> {
    let (place, detail) = match &error {
        OfferingError::AlreadyCheckedIn(row) => {
            let ticket = render(state, row).await?;
            let seat = ticket.seat.map(|seat| places::seat(visitor, &seat));
            let product = || places::product_name(event, &ticket.product_id).to_owned();
            (seat.unwrap_or_else(product), search::used_when(visitor, event, row))
        }
        OfferingError::WrongEvent(row) => {
            let other = state.offerings.event(row.offering).await?;
            (String::new(), Some(other.details.name))
        }
        _ => (String::new(), None),
    };
    let failure = ApiError::from(error);
    let code = failure.code();
    let (kind, more) = match code {
        ErrorCode::AlreadyCheckedIn => ("used", None),
        ErrorCode::WrongEvent => ("wrong", None),
        ErrorCode::WrongState => ("void", Some("js.door.voidMore")),
        ErrorCode::TicketNotFound => ("unknown", Some("js.door.unknownMore")),
        ErrorCode::Internal => return Err(failure),
        _ if code.status().is_server_error() => ("busy", Some("js.door.busyMore")),
        _ => ("failed", None),
    };
    let more = match (detail, more) {
        (Some(detail), _) => detail,
        (None, Some(key)) => visitor.text(key).to_owned(),
        (None, None) => explain(visitor, &failure),
    };
    Ok(Outcome { kind, place, more, failure: Some(code), ..Outcome::default() })
}
