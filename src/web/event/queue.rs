//! The waiting room of an event for its visitors: enter the line, see one's place, leave. Without
//! scripts the page loads itself again when the server says; `queue.js` asks for the place instead.

use actix_web::http::header::{self, HeaderValue};
use actix_web::{HttpRequest, HttpResponse, web};
use maud::html;
use serde::Deserialize;

use super::queue_place::{self, Told};
use crate::box_office::SubmitError;
use crate::http::api::waiting_room::queue::entered;
use crate::http::error::{ApiError, ErrorCode};
use crate::http::extract::{Path, client_address};
use crate::http::state::AppState;
use crate::ids::OfferingId;
use crate::inventory::{QueuePlace, Rejection};
use crate::store::EventRow;
use crate::waiting_room::{Entrant, WaitingRoomError};
use crate::web::errors::explain;
use crate::web::forms::{Form, see_other};
use crate::web::layout::{self, Page};
use crate::web::places::{self, zone_of};
use crate::web::visitor::Visitor;

/// The modules that the page's script imports.
const MODULES: &[&str] = &[
    "address.js",
    "api.js",
    "strings.js",
    "clock.js",
    "door-sound.js",
    "proof-task.js",
    "queue-task.js",
];

/// Reads what the page has to say to this visitor.
async fn told(state: &AppState, visitor: &Visitor, event: OfferingId) -> Result<Told, ApiError> {
    let rooms = &state.waiting_rooms;
    if let Some(caller) = visitor.caller.filter(|caller| !caller.guest) {
        match rooms.status(event, caller.user).await {
            Ok(status) => return Ok(Told::Place(Box::new(status))),
            Err(error) if is(&error, &Rejection::QueueEntryNotFound) => {}
            Err(error) if is(&error, &Rejection::NoQueue) => return Ok(Told::Off),
            Err(error) => return Err(error.into()),
        }
    }
    match rooms.progress(event).await {
        Ok(seen) => Ok(Told::Outside(seen)),
        Err(error) if is(&error, &Rejection::NoQueue) => Ok(Told::Off),
        Err(error) => Err(error.into()),
    }
}

fn is(error: &WaitingRoomError, rejection: &Rejection) -> bool {
    matches!(error, WaitingRoomError::Office(SubmitError::Rejected(found)) if found == rejection)
}

#[derive(Deserialize)]
pub(super) struct Query {
    notice: Option<String>,
}

pub(super) async fn page(
    state: web::Data<AppState>,
    visitor: Visitor,
    Path(event): Path<OfferingId>,
    query: web::Query<Query>,
) -> Result<HttpResponse, ApiError> {
    let event = state.offerings.event(event).await?;
    show(&state, &visitor, &event, query.notice.as_deref(), None).await
}

/// Enters the line; a visitor who is in it keeps the place.
pub(super) async fn enter(
    state: web::Data<AppState>,
    visitor: Visitor,
    request: HttpRequest,
    Path(event): Path<OfferingId>,
    Form(form): Form<Vec<(String, String)>>,
) -> Result<HttpResponse, ApiError> {
    let caller = visitor.caller()?;
    let event = state.offerings.event(event).await?;
    let proof = form.iter().find(|(name, value)| name == "proof" && !value.is_empty());
    let entrant = Entrant {
        customer: caller.user,
        address: client_address(&request),
        proof: proof.map(|(_, value)| value.as_str()),
    };
    let entered = match caller.guest {
        // One entry for each account: guests cost nothing to be many.
        true => Err(ApiError::of(ErrorCode::AccountRequired)),
        false => entered(state.waiting_rooms.enter(event.id, entrant).await).map(drop),
    };
    answer(&state, &visitor, &event, entered, "").await
}

/// Leaves the line, or ends the visitor's turn. What is held stays held.
pub(super) async fn leave(
    state: web::Data<AppState>,
    visitor: Visitor,
    Path(event): Path<OfferingId>,
    Form(_): Form<Vec<(String, String)>>,
) -> Result<HttpResponse, ApiError> {
    let caller = visitor.caller()?;
    let event = state.offerings.event(event).await?;
    let left = match state.waiting_rooms.leave(event.id, caller.user, None).await {
        Ok(_) => Ok(()),
        // A form that was sent twice has left before.
        Err(error) if is(&error, &Rejection::QueueEntryNotFound) => Ok(()),
        Err(error) => Err(error.into()),
    };
    answer(&state, &visitor, &event, left, "?notice=left_queue").await
}

/// Leads back to the page, which shows a refusal.
async fn answer(
    state: &AppState,
    visitor: &Visitor,
    event: &EventRow,
    done: Result<(), ApiError>,
    query: &str,
) -> Result<HttpResponse, ApiError> {
    match done {
        Ok(()) => Ok(see_other(&format!("/events/{}/queue{query}", event.id))),
        Err(failure) if failure.code().status().is_client_error() => {
            let mut page = show(state, visitor, event, None, Some(&failure)).await?;
            *page.status_mut() = failure.code().status();
            Ok(page)
        }
        Err(failure) => Err(failure),
    }
}

async fn show(
    state: &AppState,
    visitor: &Visitor,
    event: &EventRow,
    notice: Option<&str>,
    refused: Option<&ApiError>,
) -> Result<HttpResponse, ApiError> {
    let told = told(state, visitor, event.id).await?;
    let is_turn = matches!(&told, Told::Place(status)
        if matches!(status.entry.place, QueuePlace::Inside { .. }));
    let next_poll_s = match &told {
        Told::Place(status) if queue_place::goes_on(status.entry.place) => Some(status.next_poll_s),
        Told::Place(_) | Told::Outside(_) | Told::Off => None,
    };
    let shown = match &told {
        Told::Place(status) => queue_place::signature(status),
        Told::Outside(_) | Told::Off => String::new(),
    };
    let main = html! {
        section.waiting-room id="queue" data-event=(event.id)
            data-time-zone=(zone_of(visitor, event).name())
        {
            header.event-head {
                h1 { a href={ "/events/" (event.id) } { (event.details.name) } }
                (places::heading(visitor, event))
            }
            @if let Some(failure) = refused {
                div.notice role="alert" { p { (explain(visitor, failure)) } }
            }
            p.warning id="queue-stale" role="status" hidden {}
            div id="queue-now" aria-live="polite" data-next-poll=[next_poll_s] data-shown=(shown)
                data-turn=(is_turn)
            { (queue_place::render(visitor, event, &told)) }
            @if next_poll_s.is_some() && !is_turn {
                p.row id="queue-sound" hidden {
                    button.button.quiet type="button" { (visitor.text("queue.sound")) }
                    span.hint role="status" {}
                }
            }
        }
    };
    let title = visitor.text(if is_turn { "queue.turn_title" } else { "queue.title" });
    let title = format!("{title} · {}", event.details.name);
    let page = Page::new(&title).main(main).script("queue.js").preload(MODULES).notice(notice);
    let mut response = layout::render(visitor, page.reload_without_scripts(next_poll_s));
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    Ok(response)
}
