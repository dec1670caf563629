//! The drawing of an event's seats: geometry only, rendered once until a row is added.

use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::Relaxed;

use actix_web::{HttpRequest, HttpResponse, web};
use dashmap::DashMap;

use super::packed::Packed;
use crate::box_office::View;
use crate::http::error::ApiError;
use crate::http::extract::Path;
use crate::http::state::AppState;
use crate::ids::OfferingId;
use crate::venues::{self, Drawing};

/// The most bytes that are kept, uncompressed; beyond, an eighth of the events is forgotten.
const MOST_KEPT: usize = 64 * 1_024 * 1_024;

/// Adds the route, below an event.
pub fn of_event(cfg: &mut web::ServiceConfig) {
    cfg.service(web::resource("/plan").get(plan));
}

/// The rendered drawings, shared by all workers.
#[derive(Default)]
pub struct Drawings {
    kept: DashMap<OfferingId, Arc<Rendered>>,
    bytes: AtomicUsize,
}

struct Rendered {
    /// Rows and seats of the map that was drawn: a map only grows.
    size: (usize, usize),
    packed: Packed,
}

impl Drawings {
    fn keep(&self, event: OfferingId, rendered: Arc<Rendered>) {
        if self.bytes.load(Relaxed) + rendered.packed.len() > MOST_KEPT {
            let eighth = self.kept.len().div_ceil(8);
            let gone: Vec<_> = self.kept.iter().take(eighth).map(|kept| *kept.key()).collect();
            for (_, before) in gone.iter().filter_map(|event| self.kept.remove(event)) {
                self.bytes.fetch_sub(before.packed.len(), Relaxed);
            }
        }
        self.bytes.fetch_add(rendered.packed.len(), Relaxed);
        if let Some(before) = self.kept.insert(event, rendered) {
            self.bytes.fetch_sub(before.packed.len(), Relaxed);
        }
    }
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
    let kept = state.drawings.kept.get(&event).map(|kept| Arc::clone(kept.value()));
    let rendered = match kept.filter(|kept| kept.size == size) {
        Some(kept) => kept,
        None => {
            let seats = state.venues.seats(event).await?;
            let names = state.offerings.product_names(event).await?;
            let drawing = venues::draw(event, &view.sections, &seats, &names);
            let packed = Packed::new(&drawing.version, &drawing);
            let rendered = Arc::new(Rendered { size, packed });
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
