//! The lookup of one seat, to explain why it cannot be bought: its status, its holder, until when,
//! and the journal row that caused it.

use actix_web::{HttpResponse, web};
use serde::Serialize;
use utoipa::ToSchema;

use crate::http::dto;
use crate::http::error::{ApiError, ErrorCode, OperationCodes};
use crate::http::extract::{Path, Staff};
use crate::http::respond::{self, rfc3339};
use crate::http::state::AppState;
use crate::ids::{HoldId, OfferingId, PaymentId, ReservationId, SeatId, Seq, UserId};
use crate::inventory::{
    Change, HoldStatus, Line, ReservationStatus, SeatClaim, SeatClaimKind, SeatStatus,
};
use crate::journal::{LoadError, Record};

/// Rows of the journal read at a time, from its end.
const PAGE: u64 = 500;
/// The most pages read; without the bound, the whole journal would be read for an unchanged seat.
const MOST_PAGES: usize = 40;

/// Adds the route.
pub fn configure(cfg: &mut web::ServiceConfig) {
    cfg.service(web::resource("/api/admin/offerings/{event}/seats/{seat}").get(show));
}

/// The error codes of these operations, beyond those that follow from their form.
pub(crate) const CODES: &[OperationCodes] =
    &[("get", "/api/admin/offerings/{event}/seats/{seat}", &[ErrorCode::UnknownSeats])];

/// A seat and its holder.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[expect(missing_docs, reason = "the names say it")]
pub struct SeatLookupDto {
    pub seat: dto::SeatDto,
    pub product_id: String,
    /// `AVAILABLE`, `KEPT`, `HELD`, `SOLD`, `BLOCKED` or `REMOVED`. A kept seat is free, and best
    /// available leaves it out.
    #[schema(value_type = crate::http::openapi::forms::SeatLookupStatus)]
    pub status: &'static str,
    /// The hold or reservation that takes the seat, while it is held or sold.
    pub claim: Option<SeatClaimDto>,
    /// The journal row that caused the status; null if no row changed the seat in the last 20,000
    /// rows, or in the rows that are not archived.
    pub changed_by: Option<SeatChangeDto>,
    pub server_time: String,
}

/// The hold or reservation that takes a seat.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[expect(missing_docs, reason = "the names say it")]
pub struct SeatClaimDto {
    pub user: HolderDto,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub hold_id: Option<HoldId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub reservation_id: Option<ReservationId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub payment_id: Option<PaymentId>,
    /// `ACTIVE` or `OFFERED` for a hold, `PAYMENT_PENDING` or `CONFIRMED` for a reservation.
    #[schema(value_type = crate::http::openapi::forms::ClaimStatus)]
    pub status: &'static str,
    /// Time at which it ends by itself; null if it does not.
    pub until: Option<String>,
}

/// A customer who has a place.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[expect(missing_docs, reason = "the names say it")]
pub struct HolderDto {
    pub id: UserId,
    /// The name; null if the account is closed.
    pub name: Option<String>,
    pub email: Option<String>,
}

/// A journal row, and its effect on the seat.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[expect(missing_docs, reason = "the names say it")]
pub struct SeatChangeDto {
    pub seq: u64,
    pub at: String,
    /// `HELD`, `OFFERED`, `CHECKED_OUT`, `CONFIRMED`, `BLOCKED`, `UNBLOCKED`, `ADDED`, `REMOVED`,
    /// `KEPT`, `UNKEPT` when that is over, or `FREED` when a hold or reservation ended.
    #[schema(value_type = crate::http::openapi::forms::SeatChangeKind)]
    pub what: &'static str,
    /// The administrator who requested the change, if one did.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub by: Option<UserId>,
}

/// Show the status of a seat, who has it until when, and the journal row that caused it.
///
/// Reads the journal backwards from its end to that row.
#[utoipa::path(get, path = "/api/admin/offerings/{event}/seats/{seat}", tag = "admin",
    params(("event" = OfferingId, Path), ("seat" = String, Path)),
    responses((status = 200, body = crate::http::envelope::Success<SeatLookupDto>)))]
pub(crate) async fn show(
    state: web::Data<AppState>,
    _: Staff,
    Path((event, seat)): Path<(OfferingId, String)>,
) -> Result<HttpResponse, ApiError> {
    let id = SeatId::from_public(event, &seat).map_err(|_| ApiError::not_found("seat"))?;
    let found = state.offices.seat(event, id).await?;
    let found = found.ok_or_else(|| ApiError::not_found("seat"))?;
    let changed_by = last_change(&state, event, id, found.claim.as_ref()).await?;
    let claim = match found.claim {
        Some(claim) => Some(claim_dto(&state, claim).await?),
        None => None,
    };
    let place = (found.section, found.row, found.number);
    let labels = state.venues.seats(event).await?;
    Ok(respond::ok(&SeatLookupDto {
        seat: dto::seat(event, id, place, &labels),
        product_id: found.product.to_public(event),
        status: match found.status {
            SeatStatus::Available => "AVAILABLE",
            SeatStatus::Held => "HELD",
            SeatStatus::Sold => "SOLD",
            SeatStatus::Blocked => "BLOCKED",
            SeatStatus::Removed => "REMOVED",
            SeatStatus::Kept => "KEPT",
        },
        claim,
        changed_by,
        server_time: rfc3339(state.clock.now_ms()),
    }))
}

async fn claim_dto(state: &AppState, claim: SeatClaim) -> Result<SeatClaimDto, ApiError> {
    let person = state.store.people([claim.customer]).await?.remove(&claim.customer);
    let email = person.as_ref().and_then(|person| person.address().map(str::to_owned));
    let name = person.and_then(|person| person.name);
    let user = HolderDto { id: claim.customer, name, email };
    let (hold_id, reservation_id, payment_id) = (None, None, None);
    let (status, until) = ("", None);
    let dto = SeatClaimDto { user, hold_id, reservation_id, payment_id, status, until };
    Ok(match claim.kind {
        SeatClaimKind::Hold { hold, status, expires_at } => SeatClaimDto {
            hold_id: Some(hold),
            status: if status == HoldStatus::Offered { "OFFERED" } else { "ACTIVE" },
            until: Some(rfc3339(expires_at)),
            ..dto
        },
        SeatClaimKind::Reservation { reservation, status } => {
            let dto = SeatClaimDto { reservation_id: Some(reservation), ..dto };
            match status {
                ReservationStatus::PaymentPending { pay_by, payment } => SeatClaimDto {
                    payment_id: payment,
                    status: "PAYMENT_PENDING",
                    until: Some(rfc3339(pay_by)),
                    ..dto
                },
                ReservationStatus::Confirmed { payment } => {
                    SeatClaimDto { payment_id: payment, status: "CONFIRMED", ..dto }
                }
                ReservationStatus::Expired => SeatClaimDto { status: "EXPIRED", ..dto },
                ReservationStatus::Cancelled => SeatClaimDto { status: "CANCELLED", ..dto },
            }
        }
    })
}

/// Returns the last change that names the seat, or that ended the claim on it. Endings name only
/// holds and reservations, so the ending of a free seat's claim is found through the claim before
/// it.
async fn last_change(
    state: &AppState,
    event: OfferingId,
    seat: SeatId,
    claim: Option<&SeatClaim>,
) -> Result<Option<SeatChangeDto>, ApiError> {
    let mut before = Seq(u64::MAX);
    let mut endings = Endings::default();
    for _ in 0..MOST_PAGES {
        let rows = state.store.journal_rows_before(event, before, PAGE).await;
        let rows = rows.map_err(|error| match error {
            LoadError::NotFound => ApiError::of(ErrorCode::EventNotFound),
            error @ LoadError::Unavailable(_) => ApiError::unavailable(error),
            error => ApiError::internal(format!("the journal of {event} cannot be read: {error}")),
        })?;
        let Some((last, _)) = rows.last() else { return Ok(None) };
        before = last.seq;
        for (row, record) in &rows {
            let Record::Batch(transitions) = record else { continue };
            for transition in transitions.iter().rev() {
                let by = transition.changes.iter().find_map(|change| match change {
                    Change::ActedBy { admin } => Some(*admin),
                    _ => None,
                });
                let here = SeatChangeDto { seq: row.seq.0, at: rfc3339(row.at), what: "", by };
                for change in transition.changes.iter().rev() {
                    let done = done_to(seat, change);
                    // Keeping a taken seat does not change its status.
                    let is_status = |what: &&str| claim.is_none() || !what.ends_with("KEPT");
                    if let Some(what) = done.filter(is_status) {
                        let ended = if claim.is_none() { endings.of(change) } else { None };
                        return Ok(Some(ended.unwrap_or(SeatChangeDto { what, ..here })));
                    }
                    if claim.is_none() {
                        endings.note(change, &here);
                    }
                }
            }
        }
    }
    Ok(None)
}

/// Returns the effect of a change on a seat that it names.
fn done_to(seat: SeatId, change: &Change) -> Option<&'static str> {
    let in_lines = |lines: &[Line]| lines.iter().any(|line| line.seats.contains(&seat));
    let (what, is_named) = match change {
        Change::HoldPlaced { lines, .. } | Change::HoldChanged { lines, .. } => {
            ("HELD", in_lines(lines))
        }
        Change::OfferMade { line, .. } => ("OFFERED", line.seats.contains(&seat)),
        Change::CheckedOut { lines, .. } => ("CHECKED_OUT", in_lines(lines)),
        Change::ReservationConfirmed { lines, .. } | Change::ReservationGranted { lines, .. } => {
            ("CONFIRMED", in_lines(lines))
        }
        Change::SeatsBlocked { seats } => ("BLOCKED", seats.contains(&seat)),
        Change::SeatsUnblocked { seats } => ("UNBLOCKED", seats.contains(&seat)),
        Change::SeatsRemoved { seats } => ("REMOVED", seats.contains(&seat)),
        Change::SeatsKept { seats, .. } => ("KEPT", seats.contains(&seat)),
        Change::KeptSeatsReleased { seats } => ("UNKEPT", seats.contains(&seat)),
        Change::RowAdded { seats, first_seat, .. } => {
            ("ADDED", (first_seat.0..first_seat.0 + seats).contains(&seat.0))
        }
        _ => return None,
    };
    is_named.then_some(what)
}

/// The ends of holds and reservations met while reading backwards: the newest of each.
#[derive(Default)]
struct Endings {
    holds: std::collections::HashMap<HoldId, SeatChangeDto>,
    reservations: std::collections::HashMap<ReservationId, SeatChangeDto>,
}

impl Endings {
    fn note(&mut self, change: &Change, at: &SeatChangeDto) {
        let freed = SeatChangeDto { what: "FREED", ..at.clone() };
        match change {
            // A seat that a hold had before this change and not after it was freed here, not when
            // the hold ended.
            Change::HoldChanged { hold, .. } => {
                self.holds.insert(*hold, freed);
            }
            Change::HoldReleased { hold } => {
                self.holds.entry(*hold).or_insert(freed);
            }
            Change::HoldsExpired { holds } => {
                for hold in holds {
                    self.holds.entry(*hold).or_insert_with(|| freed.clone());
                }
            }
            Change::ReservationsExpired { reservations }
            | Change::ReservationsCancelled { reservations } => {
                for reservation in reservations {
                    self.reservations.entry(*reservation).or_insert_with(|| freed.clone());
                }
            }
            Change::ReservationCancelledFor { reservation, .. }
            | Change::TicketsCancelled { reservation, .. } => {
                self.reservations.entry(*reservation).or_insert(freed);
            }
            _ => {}
        }
    }

    /// Returns the ending of the claim that this change made on the seat.
    fn of(&mut self, change: &Change) -> Option<SeatChangeDto> {
        match change {
            Change::HoldPlaced { hold, .. }
            | Change::HoldChanged { hold, .. }
            | Change::OfferMade { entry: hold, .. } => self.holds.remove(hold),
            Change::CheckedOut { reservation, .. }
            | Change::ReservationConfirmed { reservation, .. }
            | Change::ReservationGranted { reservation, .. } => {
                self.reservations.remove(reservation)
            }
            _ => None,
        }
    }
}
