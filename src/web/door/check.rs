//! A check-in and its reversal as forms, for a door whose browser runs no scripts: by the same calls
//! as the API, answered with the whole page and the result on it.

use actix_web::{HttpResponse, web};
use serde::Deserialize;
use uuid::Uuid;

use crate::http::error::{ApiError, ErrorCode};
use crate::http::extract::{ActRecord, Path};
use crate::http::state::AppState;
use crate::ids::{OfferingId, UserId};
use crate::offerings::{CheckIn, OfferingError, TicketRef};
use crate::store::{EventRow, TicketRow};
use crate::web::door::outcome::Outcome;
use crate::web::door::screen;
use crate::web::door::search::{self, Found};
use crate::web::errors::explain;
use crate::web::forms::Form;
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
    record: ActRecord,
    Path(event): Path<OfferingId>,
    Form(entered): Form<Check>,
) -> Result<HttpResponse, ApiError> {
    let admin = visitor.staff()?;
    let event = state.offerings.event(event).await?;
    // A result stands also if it cannot be read whose ticket it is.
    let at_hand =
        async || search::at_hand(&state, &visitor, &event, &entered.code).await.ok().flatten();
    let outcome = match admit(&state, admin.user, &event, &entered).await {
        Ok(row) => admitted(row.id, at_hand().await),
        Err(OfferingError::NotATicketCode) => {
            let found = search::by_code(&state, &visitor, &event, &entered.code).await?;
            if !found.is_empty() {
                record.refused(Some(ErrorCode::TicketNotFound));
                let searched = (entered.code.trim(), found.as_slice());
                return screen::to_choose(&state, &visitor, &event, &entered.gate, searched).await;
            }
            refused(&state, &visitor, (&event, None), OfferingError::NotATicketCode).await?
        }
        Err(error) => {
            let refused = refused(&state, &visitor, (&event, at_hand().await), error).await?;
            let may_repeat = matches!(refused.kind, "busy" | "failed");
            Outcome { undecided: may_repeat.then(|| entered.code.clone()), ..refused }
        }
    };
    record.refused(outcome.failure);
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
    record: ActRecord,
    Path(event): Path<OfferingId>,
    Form(entered): Form<Undo>,
) -> Result<HttpResponse, ApiError> {
    let admin = visitor.staff()?;
    let event = state.offerings.event(event).await?;
    let outcome = match take_back(&state, admin.user, event.id, entered.ticket).await {
        Ok(()) => {
            let more = visitor.text("js.door.undoneMore").to_owned();
            Outcome { kind: "undone", more, ..Outcome::default() }
        }
        Err(error) => {
            let refused = refused(&state, &visitor, (&event, None), error).await?;
            match refused.failure {
                Some(ErrorCode::WrongState) => {
                    let more = visitor.text("js.door.notIn").to_owned();
                    Outcome { kind: "failed", more, ..refused }
                }
                _ => refused,
            }
        }
    };
    record.refused(outcome.failure);
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

fn admitted(ticket: Uuid, at_hand: Option<Found>) -> Outcome {
    let (name, place) = named(at_hand);
    Outcome { kind: "valid", name, place, admitted: Some(ticket), ..Outcome::default() }
}

/// Returns the name and the place of a ticket.
fn named(ticket: Option<Found>) -> (String, String) {
    ticket.map(|found| (found.name, found.seat.unwrap_or(found.product))).unwrap_or_default()
}

/// Describes a refusal at the door of an event, with the ticket that was refused.
///
/// # Errors
/// Failures of the server, which have a page of their own.
async fn refused(
    state: &AppState,
    visitor: &Visitor,
    (event, at_hand): (&EventRow, Option<Found>),
    error: OfferingError,
) -> Result<Outcome, ApiError> {
    let detail = match &error {
        OfferingError::AlreadyCheckedIn(row) => search::used_when(visitor, event, row),
        OfferingError::WrongEvent(row) => {
            Some(state.offerings.offering(row.offering).await?.details.name)
        }
        _ => None,
    };
    let (name, place) = named(at_hand);
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
    Ok(Outcome { kind, name, place, more, failure: Some(code), ..Outcome::default() })
}
