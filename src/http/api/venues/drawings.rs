//! The drawing of an event's seats: geometry only, rendered once until a row is added.

use std::sync::Arc;

use actix_web::{HttpRequest, HttpResponse, web};

use super::packed::Packed;
use super::rendered::RenderedDrawing;
use crate::box_office::View;
use crate::http::error::ApiError;
use crate::http::extract::Path;
use crate::http::state::AppState;
use crate::ids::OfferingId;
use crate::venues::{self, Drawing};

/// Adds the route, below an event.
pub fn of_event(cfg: &mut web::ServiceConfig) {
    cfg.service(web::resource("/plan").get(plan));
}

/// Read where an event's seats are, to draw them.
///
/// An event without a plan gets a plain drawing of its rows. The states of the seats are at
/// `seat-states`.
#[utoipa::path(get, path = "/api/events/{event}/plan", tag = "events", security(()),
    params(("event" = OfferingId, Path), ("If-None-Match" = Option<String>, Header)),
    responses((status = 200, body = crate::http::envelope::Success<Drawing>),
        (status = 304, description = "You have this version.")))]
pub(crate) async fn plan(
    state: web::Data<AppState>,
    request: HttpRequest,
    Path(event): Path<OfferingId>,
) -> Result<HttpResponse, ApiError> {
    let view = state.offices.view(event).await?;
    let size = size_of(&view);
    let kept = state.drawings.get(event);
    let rendered = match kept.filter(|kept| kept.size == size) {
        Some(kept) => kept,
        None => {
            let seats = state.venues.seats(event).await?;
            let names = state.offerings.product_names(event).await?;
            let drawing = venues::draw(event, &view.sections, &seats, &names);
            let packed = Packed::new(&drawing.version, &drawing);
            let rendered = Arc::new(RenderedDrawing { size, packed });
            state.drawings.keep(event, Arc::clone(&rendered));
            rendered
        }
    };
    Ok(rendered.packed.answer(&request))
}

fn size_of(view: &View) -> (usize, usize) {
    let rows = view.sections.iter().flat_map(|section| &section.rows);
    rows.fold((0, 0), |(rows, seats), row| (rows + 1, seats + row.seats.len()))
}
