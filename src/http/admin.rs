//! What administrators do to a living event, and the audit.

use actix_web::{FromRequest, HttpRequest, HttpResponse, web};
use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::ToSchema;

use crate::audit::Report;
use crate::http::by_admin::submit_by_admin;
use crate::http::dto;
use crate::http::error::{ApiError, ErrorCode};
use crate::http::events::{EventDto, read_after};
use crate::http::extract::{Admin, IdempotencyKey, OptionalBody, Path, Query, object};
use crate::http::holds::{in_event, mark_replayed, section_named};
use crate::http::instances;
use crate::http::reservations::{ReservationDto, page};
use crate::http::respond;
use crate::http::state::AppState;
use crate::ids::OfferingId;
use crate::inventory::Command;
use crate::journal::LoadError;
use crate::store::{ReservationFilter, ReservationState};

/// The routes of administration.
pub fn configure(cfg: &mut web::ServiceConfig) {
    cfg.service(web::resource("/api/admin/reservations").get(reservations))
        .service(web::resource("/api/admin/offerings/{event}/{action}").post(act));
}

/// The route of the audit, below an event.
pub fn of_event(cfg: &mut web::ServiceConfig) {
    cfg.service(web::resource("/audit").get(audit));
}

/// For the document: what the last part of the path may be.
#[derive(ToSchema)]
#[schema(rename_all = "kebab-case")]
#[expect(dead_code, reason = "the router matches text, this describes it")]
pub(crate) enum Action {
    Block,
    Unblock,
    Resize,
    Reprice,
    AddRow,
    RemoveSeats,
    Move,
    Open,
    Pause,
    Close,
    Cancel,
}

/// What an action needs; fields of other actions are refused.
#[derive(Clone, Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(example = json!({ "productId": "p1a2b3c4d-1", "totalStock": 250 }))]
pub struct ActionBody {
    /// `block`, `unblock`, `remove-seats`: these seats.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seats: Option<Vec<String>>,
    /// `block`, `unblock`, `resize`, `reprice`: of this product.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub product_id: Option<String>,
    /// `block`, `unblock`: so many places.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub quantity: Option<u32>,
    /// `resize`: the new number of places.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub total_stock: Option<u32>,
    /// `reprice`: the new price.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "object::option")]
    pub price: Option<dto::Money>,
    /// `add-row`: to the block of this name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub section: Option<String>,
    /// `move`: the name of the instance that the event is to stay on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub instance: Option<String>,
    /// `add-row`: the row.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "object::option")]
    pub row: Option<crate::http::new_event::RowBody>,
}

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct AuditQuery {
    #[serde(default)]
    full: bool,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct ReservationsQuery {
    event_id: Option<OfferingId>,
    status: Option<String>,
    limit: Option<u64>,
    cursor: Option<String>,
}

/// Verify the event's whole history: every row, every change, every count. The digest is the one
/// that `admitone journal verify` finds. No customer's ids are in it. What this process has verified
/// before is not read again, unless an administrator asks for it with `full=true`.
#[utoipa::path(get, path = "/api/events/{event}/audit", tag = "events", security(()),
    params(("event" = OfferingId, Path), ("full" = Option<bool>, Query)),
    responses((status = 200, body = inline(crate::http::openapi::Success<Report>))))]
pub(crate) async fn audit(
    state: web::Data<AppState>,
    Path(event): Path<OfferingId>,
    Query(query): Query<AuditQuery>,
    request: HttpRequest,
) -> Result<HttpResponse, ApiError> {
    let audited = if query.full {
        // It costs a replay: not for everybody.
        <Admin as FromRequest>::extract(&request).await?;
        state.auditor.audit_again(event).await
    } else {
        state.auditor.audit(event).await
    };
    match audited {
        Ok(report) => Ok(respond::ok(&report)),
        Err(LoadError::NotFound) => Err(ApiError::of(ErrorCode::EventNotFound)),
        Err(error @ LoadError::Unavailable(_)) => Err(ApiError::unavailable(error)),
        Err(LoadError::Damaged { seq, reason }) => {
            tracing::error!(%event, %seq, reason, "the journal is damaged");
            Err(ApiError::of(ErrorCode::JournalDamaged)
                .with_details(json!({ "seq": seq.0, "reason": reason })))
        }
        Err(error) => Err(ApiError::internal(format!("the audit of {event} failed: {error}"))),
    }
}

/// Everybody's reservations, newest first (administrators).
#[utoipa::path(get, path = "/api/admin/reservations", tag = "admin",
    params(("eventId" = Option<OfferingId>, Query), ("status" = Option<String>, Query),
        ("limit" = Option<u64>, Query), ("cursor" = Option<String>, Query)),
    responses((status = 200, body = inline(crate::http::openapi::Page<ReservationDto>))))]
pub(crate) async fn reservations(
    state: web::Data<AppState>,
    _: Admin,
    Query(query): Query<ReservationsQuery>,
) -> Result<HttpResponse, ApiError> {
    let unknown = || {
        let words = "must be PAYMENT_PENDING, CONFIRMED, CANCELLED or EXPIRED";
        ApiError::invalid("status", words)
    };
    let status = query.status.as_deref();
    let status =
        status.map(|status| ReservationState::parse(status).ok_or_else(unknown)).transpose()?;
    let filter = ReservationFilter {
        user: None,
        offering: query.event_id,
        state: status,
        after: dto::cursor(query.cursor.as_deref())?,
    };
    page(&state, filter, dto::limit(query.limit)?).await
}

/// Act on an event (administrators). `block` and `unblock` take `seats`, or `productId` and
/// `quantity`; `remove-seats` takes `seats`; `resize` takes `productId` and `totalStock`; `reprice`
/// takes `productId` and `price`; `add-row` takes `section` and `row`; `move` takes `instance`;
/// `open`, `pause`, `close` and `cancel` take no body.
#[utoipa::path(post, path = "/api/admin/offerings/{event}/{action}", tag = "admin",
    params(("event" = OfferingId, Path), ("action" = Action, Path),
        ("Idempotency-Key" = Option<String>, Header)),
    request_body = ActionBody,
    responses((status = 200, body = inline(crate::http::openapi::Success<EventDto>))))]
pub(crate) async fn act(
    state: web::Data<AppState>,
    Admin(admin): Admin,
    Path((event, action)): Path<(OfferingId, String)>,
    key: IdempotencyKey,
    OptionalBody(body): OptionalBody<ActionBody>,
) -> Result<HttpResponse, ApiError> {
    let body = body.unwrap_or_default();
    if action == "move" {
        return instances::move_event(&state, event, &body).await;
    }
    let command = command(&state, event, &action, &body).await?;
    let idempotency = key.identity(admin.user, &action, &(event, &body));
    let committed = submit_by_admin(&state, event, admin.user, command, idempotency).await?;
    let mut response = respond::ok(&read_after(&state, event, committed.seq).await?);
    mark_replayed(&mut response, committed.replayed);
    Ok(response)
}

async fn command(
    state: &AppState,
    event: OfferingId,
    action: &str,
    body: &ActionBody,
) -> Result<Command, ApiError> {
    let ActionBody { seats, product_id, quantity, total_stock, price, section, row, instance } =
        body;
    if instance.is_some() {
        return Err(ApiError::invalid("instance", "belongs to move"));
    }
    let product = match product_id {
        Some(text) => {
            let id = dto::product_id(event, "productId", text);
            Some(in_event(state, event, id).await?)
        }
        None => None,
    };
    let seats = match seats {
        Some(texts) => {
            let ids = dto::seat_ids(event, "seats", texts);
            Some(in_event(state, event, ids).await?)
        }
        None => None,
    };
    let given = (seats, product, *quantity, *total_stock, price, section, row);
    Ok(match (action, given) {
        ("block", (Some(seats), None, None, None, None, None, None)) => {
            Command::BlockSeats { seats }
        }
        ("block", (None, Some(product), Some(quantity), None, None, None, None)) => {
            Command::BlockPlaces { product, quantity }
        }
        ("unblock", (Some(seats), None, None, None, None, None, None)) => {
            Command::UnblockSeats { seats }
        }
        ("unblock", (None, Some(product), Some(quantity), None, None, None, None)) => {
            Command::UnblockPlaces { product, quantity }
        }
        ("remove-seats", (Some(seats), None, None, None, None, None, None)) => {
            Command::RemoveSeats { seats }
        }
        ("resize", (None, Some(product), None, Some(total), None, None, None)) => {
            Command::Resize { product, total }
        }
        ("reprice", (None, Some(product), None, None, Some(price), None, None)) => {
            let currency = state.offices.view(event).await?.currency;
            if price.currency.as_bytes() != currency {
                return Err(ApiError::invalid("price.currency", "must be the event's"));
            }
            Command::Reprice { product, price: price.amount }
        }
        ("add-row", (None, None, None, None, None, Some(section), Some(row))) => {
            let name = dto::text("row.name", &row.name, 50)?;
            let section = section_named(&*state.offices.view(event).await?, section)?;
            Command::AddRow { section, name, seats: row.seats }
        }
        ("open", (None, None, None, None, None, None, None)) => Command::OpenSale,
        ("pause", (None, None, None, None, None, None, None)) => Command::PauseSale,
        ("close", (None, None, None, None, None, None, None)) => Command::CloseSale,
        ("cancel", (None, None, None, None, None, None, None)) => Command::CancelOffering,
        (
            "block" | "unblock" | "remove-seats" | "resize" | "reprice" | "add-row" | "open"
            | "pause" | "close" | "cancel",
            _,
        ) => {
            let needs = match action {
                "block" | "unblock" => "seats, or productId and quantity",
                "remove-seats" => "seats",
                "resize" => "productId and totalStock",
                "reprice" => "productId and price",
                "add-row" => "section and row",
                _ => "no field",
            };
            let message = format!("{action} needs {needs} in the body, and nothing else");
            return Err(ApiError::new(ErrorCode::Invalid, message));
        }
        _ => return Err(ApiError::not_found("action")),
    })
}
