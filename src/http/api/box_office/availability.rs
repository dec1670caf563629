//! Availability and seat maps, from published views: no actor, no table. The JSON is built once per
//! version (for availability once per worker too); a client that already has a version is answered
//! 304.

mod seat_dto;
mod seat_maps;
mod version_tag;
mod views_in_use;

use std::cell::RefCell;
use std::collections::HashMap;
use std::sync::Arc;

use actix_web::body::{BodyStream, BoxBody};
use actix_web::http::{ConnectionType, Version as HttpVersion};
use actix_web::{HttpRequest, HttpResponse, web};
use bytes::Bytes;
use futures_util::stream;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::box_office::View;
use crate::http::error::{ApiError, ErrorCode, OperationCodes};
use crate::http::extract::{Path, Query};
use crate::http::respond::rfc3339;
use crate::http::state::AppState;
use crate::ids::{OfferingId, ProductId, SectionId};
use crate::inventory::Rejection;
use crate::offerings::SaleStatus;
use seat_dto::SectionDto;
pub use seat_dto::status_name;
use seat_maps::Layout;
pub use seat_maps::SeatMaps;
pub(crate) use version_tag::Version;
use views_in_use::Claim;
pub use views_in_use::ViewsInUse;

/// Adds the routes of reads, below an event.
pub fn of_event(cfg: &mut web::ServiceConfig) {
    cfg.service(web::resource("/availability").get(availability))
        .service(web::resource("/seats").get(seats));
}

/// The error codes of these operations, beyond those that follow from their form.
pub(crate) const CODES: &[OperationCodes] =
    &[("get", "/api/events/{event}/seats", &[ErrorCode::UnknownSection])];

/// The availability of an event's products.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[expect(missing_docs, reason = "the names say it")]
pub struct AvailabilityDto {
    pub event_id: OfferingId,
    /// Number of the journal row after which this state holds.
    pub seq: u64,
    /// Time at which that row was decided.
    pub as_of: String,
    /// The status of the sale, as in the event itself.
    #[schema(value_type = crate::http::openapi::forms::EventStatus)]
    pub status: &'static str,
    pub products: Vec<CountsDto>,
    pub sold_out: bool,
}

/// How many places of a product are in each state.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[expect(missing_docs, reason = "the names say it")]
pub struct CountsDto {
    pub id: String,
    pub total: u32,
    pub available: u32,
    pub held: u32,
    pub sold: u32,
    pub blocked: u32,
}

/// All numbered seats of an event.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[expect(missing_docs, reason = "the names say it")]
pub struct SeatMapDto {
    pub event_id: OfferingId,
    pub seq: u64,
    pub as_of: String,
    pub sections: Vec<SectionDto>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct SeatsQuery {
    /// The name of a section.
    section: Option<String>,
}

/// A map of up to this many seats is written in one piece.
const SEATS_AT_ONCE: usize = 1_000;
/// The most events whose rendered availability a worker keeps.
const MAX_KEPT: usize = 256;

#[derive(Default)]
pub(crate) struct Rendered {
    availability: RefCell<HashMap<OfferingId, Summary>>,
}

/// An event's rendered availability, valid for one view until time changes its status.
struct Summary {
    of: [u8; 32],
    status: SaleStatus,
    version: Version,
    json: Bytes,
}

/// Read the number of available places of every product.
#[utoipa::path(get, path = "/api/events/{event}/availability", tag = "events", security(()),
    params(("event" = OfferingId, Path), ("If-None-Match" = Option<String>, Header)),
    responses((status = 200, body = crate::http::envelope::Success<AvailabilityDto>),
        (status = 304, description = "You have this version.")))]
pub(crate) async fn availability(
    state: web::Data<AppState>,
    rendered: web::Data<Rendered>,
    request: HttpRequest,
    Path(event): Path<OfferingId>,
) -> Result<HttpResponse, ApiError> {
    let view = state.offices.view(event).await?;
    let now = state.clock.now_ms();
    let mut kept = rendered.availability.borrow_mut();
    let is_current = |kept: &&Summary| kept.of == view.hash && kept.status.is_good_at(now);
    if let Some(summary) = kept.get(&event).filter(is_current) {
        return Ok(summary.version.answer(&request, || summary.json.clone()));
    }
    if kept.len() >= MAX_KEPT {
        kept.clear();
    }
    let status = SaleStatus::of(&view, now);
    // The status may change with time alone, so it is part of the version.
    let version = Version::of(&format!("{}-{}", version(&view), status.name));
    let json = Bytes::from(envelope(&summary(&view, status.name)));
    let answer = version.answer(&request, || json.clone());
    kept.insert(event, Summary { of: view.hash, status, version, json });
    Ok(answer)
}

/// Read the seat map with the status of every seat.
#[utoipa::path(get, path = "/api/events/{event}/seats", tag = "events", security(()),
    params(("event" = OfferingId, Path), ("section" = Option<String>, Query),
        ("If-None-Match" = Option<String>, Header)),
    responses((status = 200, body = crate::http::envelope::Success<SeatMapDto>),
        (status = 304, description = "You have this version.")))]
pub(crate) async fn seats(
    state: web::Data<AppState>,
    request: HttpRequest,
    Path(event): Path<OfferingId>,
    Query(query): Query<SeatsQuery>,
) -> Result<HttpResponse, ApiError> {
    let view = state.offices.view(event).await?;
    if let Some(name) = &query.section
        && !view.sections.iter().any(|section| section.name == *name)
    {
        return Err(Rejection::UnknownSection.into());
    }
    let version = Version::of(&version(&view));
    if version.is_known(&request) {
        return Ok(version.not_modified());
    }
    let ids = (0_u16..).map(SectionId).zip(&view.sections);
    let named = query.section.as_deref();
    let wanted = ids.filter(|(_, section)| named.is_none_or(|name| *name == *section.name));
    let wanted: Vec<SectionId> = wanted.map(|(id, _)| id).collect();
    let mut answer = version.mark(
        HttpResponse::Ok().content_type("application/json").body(seat_map(state, &view, wanted)?),
    );
    if request.version() < HttpVersion::HTTP_11 {
        // Clients of HTTP/1.0 do not support chunked bodies: such a body ends with the connection.
        let head = answer.head_mut();
        head.no_chunking(true);
        head.set_connection_type(ConnectionType::Close);
    }
    Ok(answer)
}

/// The pieces of a seat map, rendered one by one: a stadium takes long to write, and this worker
/// must serve other requests meanwhile. A piece is rendered only when the connection asks for it.
struct Pieces {
    state: web::Data<AppState>,
    claim: Claim,
    sections: std::vec::IntoIter<SectionId>,
    /// The section that is being sent, and the index of its next block.
    current: Option<(SectionId, Layout, usize)>,
    next: Piece,
}

/// The next piece.
#[derive(Clone, Copy)]
enum Piece {
    Head,
    FirstSection,
    Rest,
    Nothing,
}

impl Pieces {
    /// # Errors
    /// The version was given up for newer ones.
    fn next(&mut self) -> Result<Option<Bytes>, Superseded> {
        let view = self.claim.view().ok_or(Superseded)?;
        if let Some((id, layout, block)) = &mut self.current {
            let json = self.state.seat_maps.block(&view, *id, (layout, *block));
            *block += 1;
            if *block == layout.len() {
                self.current = None;
            }
            return Ok(Some(json));
        }
        let (piece, next) = match self.next {
            Piece::Head => (Bytes::from(head(&view)), Piece::FirstSection),
            Piece::Nothing => return Ok(None),
            Piece::FirstSection | Piece::Rest => match self.sections.next() {
                None => (Bytes::from_static(b"]}}"), Piece::Nothing),
                Some(id) => {
                    let layout = Layout::of(&view.sections[usize::from(id.0)]);
                    self.current = Some((id, layout, 0));
                    if let Piece::FirstSection = self.next {
                        self.next = Piece::Rest;
                        return self.next();
                    }
                    (Bytes::from_static(b","), Piece::Rest)
                }
            },
        };
        self.next = next;
        Ok(Some(piece))
    }
}

fn head(view: &View) -> String {
    format!(
        "{{\"success\":true,\"data\":{{\"eventId\":\"{}\",\"seq\":{},\"asOf\":\"{}\",\"sections\":[",
        view.offering,
        view.seq,
        rfc3339(view.as_of),
    )
}

/// Returns the map of some sections: in one piece if it is small, otherwise in several.
fn seat_map(
    state: web::Data<AppState>,
    view: &Arc<View>,
    sections: Vec<SectionId>,
) -> Result<BoxBody, Superseded> {
    let seats_of = |id: &SectionId| view.sections[usize::from(id.0)].rows.iter();
    let seats: usize = sections.iter().flat_map(seats_of).map(|row| row.seats.len()).sum();
    let claim = state.views_in_use.claim(view);
    let mut pieces =
        Pieces { state, claim, sections: sections.into_iter(), current: None, next: Piece::Head };
    if seats <= SEATS_AT_ONCE {
        let mut whole = Vec::new();
        while let Some(piece) = pieces.next()? {
            whole.extend_from_slice(&piece);
        }
        return Ok(BoxBody::new(whole));
    }
    Ok(BoxBody::new(BodyStream::new(stream::unfold(pieces, |mut pieces| async move {
        tokio::task::yield_now().await;
        let piece = pieces.next().transpose()?;
        Some((piece, pieces))
    }))))
}

/// The version of a seat map was given up while it was being sent, because clients that read slowly
/// still need too many newer versions.
#[derive(Debug, thiserror::Error)]
#[error("the client was too slow for this version of the seat map")]
struct Superseded;

impl From<Superseded> for ApiError {
    fn from(_: Superseded) -> Self {
        let message = "too many large seat maps are being sent: ask for sections, or retry";
        Self::new(ErrorCode::Busy, message)
    }
}

/// Returns the availability in a view.
#[must_use]
pub fn summary(view: &View, status: &'static str) -> AvailabilityDto {
    AvailabilityDto {
        event_id: view.offering,
        seq: view.seq.0,
        as_of: rfc3339(view.as_of),
        status,
        products: counts(view),
        sold_out: sold_out(view),
    }
}

/// Returns the counts of every product.
#[must_use]
pub fn counts(view: &View) -> Vec<CountsDto> {
    let ids = (0_u16..).map(ProductId);
    ids.zip(&view.products)
        .map(|(id, product)| CountsDto {
            id: id.to_public(view.offering),
            total: product.counts.total,
            available: product.counts.available,
            held: product.counts.held,
            sold: product.counts.sold,
            blocked: product.counts.blocked,
        })
        .collect()
}

/// True if no product has available places.
fn sold_out(view: &View) -> bool {
    view.products.iter().all(|product| product.counts.available == 0)
}

/// Returns the version of a view in the form of ETags and stream ids, `seq-hash`.
#[must_use]
pub fn version(view: &View) -> String {
    let hash = blake3::Hash::from(view.hash).to_hex();
    format!("{}-{}", view.seq, &hash[..16])
}

fn envelope<T: Serialize>(data: &T) -> Vec<u8> {
    #[derive(Serialize)]
    struct Envelope<'a, T> {
        success: bool,
        data: &'a T,
    }
    serde_json::to_vec(&Envelope { success: true, data }).expect("views are plain data")
}
