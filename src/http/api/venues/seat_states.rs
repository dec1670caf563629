//! The states of an event's seats as one character each, rendered once per version.

use std::sync::Arc;

use actix_web::{HttpRequest, HttpResponse, web};
use serde::Serialize;
use utoipa::ToSchema;

use super::packed::Packed;
use super::rendered::RenderedStates;
use crate::box_office::View;
use crate::http::api::box_office::availability::version;
use crate::http::error::ApiError;
use crate::http::extract::Path;
use crate::http::respond::rfc3339;
use crate::http::state::AppState;
use crate::ids::OfferingId;
use crate::inventory::SeatStatus;
use crate::offerings::SaleStatus;

/// Adds the route, below an event.
pub fn of_event(cfg: &mut web::ServiceConfig) {
    cfg.service(web::resource("/seat-states").get(states));
}

/// The states of all seats.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[expect(missing_docs, reason = "the names say it")]
pub struct SeatStatesDto {
    pub event_id: OfferingId,
    /// Number of the journal row after which this state holds.
    pub seq: u64,
    pub as_of: String,
    /// The status of the sale, as in the event itself.
    #[schema(value_type = crate::http::openapi::forms::EventStatus)]
    pub status: &'static str,
    /// One character for each seat index: `a` available, `k` available but kept for those who need
    /// it, `h` held, `s` sold, `b` blocked, `-` no seat.
    #[schema(example = "aahhsb-")]
    pub states: String,
}

/// Read the states of all seats, one character each.
#[utoipa::path(get, path = "/api/events/{event}/seat-states", tag = "events", security(()),
    params(("event" = OfferingId, Path), ("If-None-Match" = Option<String>, Header)),
    responses((status = 200, body = crate::http::envelope::Success<SeatStatesDto>),
        (status = 304, description = "You have this version.")))]
pub(crate) async fn states(
    state: web::Data<AppState>,
    request: HttpRequest,
    Path(event): Path<OfferingId>,
) -> Result<HttpResponse, ApiError> {
    let view = state.offices.view(event).await?;
    let now = state.clock.now_ms();
    let kept = state.seat_states.get(event);
    let is_current =
        |kept: &Arc<RenderedStates>| kept.of == view.hash && kept.status.is_good_at(now);
    let rendered = match kept.filter(is_current) {
        Some(kept) => kept,
        None => {
            let status = SaleStatus::of(&view, now);
            // The status may change with time alone, so it is part of the version.
            let tag = format!("{}-{}", version(&view), status.name);
            let packed = Packed::new(&tag, &render(&view, status.name));
            let rendered = Arc::new(RenderedStates { of: view.hash, status, packed });
            state.seat_states.keep(event, Arc::clone(&rendered));
            rendered
        }
    };
    Ok(rendered.packed.answer(&request))
}

fn render(view: &View, status: &'static str) -> SeatStatesDto {
    let rows = || view.sections.iter().flat_map(|section| &section.rows);
    let count = rows().map(|row| row.first_seat.index() + row.seats.len()).max().unwrap_or(0);
    let mut states = vec!['-'; count];
    for row in rows() {
        for (state, status) in states[row.first_seat.index()..].iter_mut().zip(&row.seats) {
            *state = letter(*status);
        }
    }
    SeatStatesDto {
        event_id: view.offering,
        seq: view.seq.0,
        as_of: rfc3339(view.as_of),
        status,
        states: states.into_iter().collect(),
    }
}

fn letter(status: SeatStatus) -> char {
    match status {
        SeatStatus::Available => 'a',
        SeatStatus::Kept => 'k',
        SeatStatus::Held => 'h',
        SeatStatus::Sold => 's',
        SeatStatus::Blocked => 'b',
        SeatStatus::Removed => '-',
    }
}
