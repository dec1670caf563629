//! Customers' commands to the box office, and refusals that name the customer's existing holdings.

use crate::box_office::Committed;
use crate::http::error::{ApiError, ErrorCode};
use crate::http::extract::PassToken;
use crate::http::nearest::nearest;
use crate::http::state::AppState;
use crate::ids::{OfferingId, ProductId, SeatId, UserId};
use crate::inventory::{Command, Request};
use serde_json::json;

/// Submits a request to the event's box office; seats in refusals become public ids.
///
/// # Errors
/// The refusal, or the reason why no decision could be made.
pub async fn submit(
    state: &AppState,
    event: OfferingId,
    request: Request,
) -> Result<Committed, ApiError> {
    let claimant = claimant(&request.command);
    let error = match state.offices.submit(event, request).await {
        Ok(committed) => return Ok(committed),
        Err(error) => ApiError::in_offering(event, error),
    };
    match (error.code(), claimant) {
        (ErrorCode::LimitExceeded | ErrorCode::AlreadyWaiting, Some(claimant)) => {
            // Boxed, because otherwise every hold would reserve stack space for it.
            Err(Box::pin(with_holdings(state, event, claimant, error)).await)
        }
        _ => Err(error),
    }
}

/// Returns the command of a customer who claims places, with the pass that the request shows.
#[must_use]
pub fn with_pass(
    state: &AppState,
    event: OfferingId,
    customer: UserId,
    shown: &PassToken,
    command: Command,
) -> Command {
    let pass = match shown {
        PassToken::Absent => return command,
        PassToken::OfSession => None,
        PassToken::Sent(text) => {
            // A text that is no pass of this customer is as good as none; without a waiting room
            // none is needed.
            let Some(pass) = state.waiting_rooms.read_pass(event, customer, text) else {
                return command;
            };
            Some(pass)
        }
    };
    Command::WithPass { pass, command: Box::new(command) }
}

/// Adds to the refusal of a hold whose seats are taken the free seats nearest to them. `asked` has
/// the seats of the request.
pub async fn with_nearest(
    state: &AppState,
    event: OfferingId,
    asked: &[String],
    error: ApiError,
) -> ApiError {
    if error.code() != ErrorCode::SeatsTaken {
        return error;
    }
    // If the view cannot be read, the original refusal is returned.
    let Ok(view) = state.offices.view(event).await else { return error };
    let asked: Vec<SeatId> =
        asked.iter().filter_map(|seat| SeatId::from_public(event, seat).ok()).collect();
    let near = nearest(&view, &asked, error.seats());
    let near: Vec<String> = near.into_iter().map(|seat| seat.to_public(event)).collect();
    error.with_detail("nearest", json!(near))
}

/// The most ids of each kind in the details of a refusal.
const NAMED: u16 = 20;

/// Adds the customer's holdings that caused the refusal to its details, if they did, so that a
/// customer who closed the page with the ids finds them again.
async fn with_holdings(
    state: &AppState,
    event: OfferingId,
    (customer, product): (UserId, Option<ProductId>),
    error: ApiError,
) -> ApiError {
    // If this query fails, the original refusal is returned.
    let Ok(found) = state.offices.holdings(event, customer, NAMED).await else { return error };
    if error.code() == ErrorCode::AlreadyWaiting {
        let entry = found.entries.iter().find(|entry| Some(entry.product) == product);
        return match entry {
            Some(entry) => error.with_detail("entryId", json!(entry.id)),
            None => error,
        };
    }
    let ids = |offered: bool| {
        let holds = found.holds.iter().filter(|hold| hold.offered == offered);
        holds.map(|hold| hold.id).collect::<Vec<_>>()
    };
    error
        .with_detail("holdIds", json!(ids(false)))
        .with_detail("offerIds", json!(ids(true)))
        .with_detail("reservationIds", json!(found.reservations))
}

/// Returns the customer of a command that can be refused because of the customer's existing
/// holdings, and the product, if there is only one. `None` for other commands.
fn claimant(command: &Command) -> Option<(UserId, Option<ProductId>)> {
    match command {
        Command::PlaceHold { customer, .. }
        | Command::ChangeHold { customer, .. }
        | Command::Reserve { customer, .. } => Some((*customer, None)),
        Command::JoinWaitlist { customer, product, .. } => Some((*customer, Some(*product))),
        Command::WithPass { command, .. } => claimant(command),
        _ => None,
    }
}

/// Returns `read`, an item that was read from a request to an event. A missing event is reported
/// before any other error, because it makes all ids of its products and seats wrong.
///
/// # Errors
/// The error of `read`; 404 if there is no such event.
pub async fn in_event<T>(
    state: &AppState,
    event: OfferingId,
    read: Result<T, ApiError>,
) -> Result<T, ApiError> {
    if read.is_err() {
        Box::pin(state.offices.view(event)).await?;
    }
    read
}
