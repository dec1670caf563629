//! The administrators' operations on the sale of a live event. Each has its own route, so that each
//! declares the fields that it needs.

use actix_web::{HttpResponse, web};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::http::api::box_office::holds::{QuantityBody, section_named};
use crate::http::api::cluster::instances::{self, WhereaboutsDto};
use crate::http::api::offerings::create_event::RowBody;
use crate::http::api::offerings::events::{EventDto, read_after};
use crate::http::commands::in_event;
use crate::http::dto::{self, Money, Time};
use crate::http::envelope::Success;
use crate::http::error::{ApiError, ErrorCode, OperationCodes};
use crate::http::extract::{Body, IdempotencyKey, Path, Staff, object};
use crate::http::respond::{self, mark_replayed};
use crate::http::state::AppState;
use crate::ids::OfferingId;
use crate::inventory::Command;
use crate::text;

/// Adds the routes.
pub fn configure(cfg: &mut web::ServiceConfig) {
    cfg.service(web::resource("/api/admin/offerings/{event}/block").post(block))
        .service(web::resource("/api/admin/offerings/{event}/unblock").post(unblock))
        .service(web::resource("/api/admin/offerings/{event}/resize").post(resize))
        .service(web::resource("/api/admin/offerings/{event}/reprice").post(reprice))
        .service(web::resource("/api/admin/offerings/{event}/add-row").post(add_row))
        .service(web::resource("/api/admin/offerings/{event}/remove-seats").post(remove_seats))
        .service(web::resource("/api/admin/offerings/{event}/keep-seats").post(keep_seats))
        .service(web::resource("/api/admin/offerings/{event}/move").post(move_event))
        .service(web::resource("/api/admin/offerings/{event}/open").post(open))
        .service(web::resource("/api/admin/offerings/{event}/pause").post(pause))
        .service(web::resource("/api/admin/offerings/{event}/close").post(close))
        .service(web::resource("/api/admin/offerings/{event}/cancel").post(cancel));
}

/// The error codes of these operations, beyond those that follow from their form.
pub(crate) const CODES: &[OperationCodes] = &[
    ("post", "/api/admin/offerings/{event}/add-row", SALE_CODES),
    ("post", "/api/admin/offerings/{event}/block", SALE_CODES),
    ("post", "/api/admin/offerings/{event}/cancel", SALE_CODES),
    ("post", "/api/admin/offerings/{event}/close", SALE_CODES),
    ("post", "/api/admin/offerings/{event}/keep-seats", SALE_CODES),
    ("post", "/api/admin/offerings/{event}/open", SALE_CODES),
    ("post", "/api/admin/offerings/{event}/pause", SALE_CODES),
    ("post", "/api/admin/offerings/{event}/remove-seats", SALE_CODES),
    ("post", "/api/admin/offerings/{event}/reprice", SALE_CODES),
    ("post", "/api/admin/offerings/{event}/resize", SALE_CODES),
    ("post", "/api/admin/offerings/{event}/unblock", SALE_CODES),
    (
        "post",
        "/api/admin/offerings/{event}/move",
        &[ErrorCode::NoSuchInstance, ErrorCode::LeasesAway],
    ),
];

const SALE_CODES: &[ErrorCode] = &[
    ErrorCode::UnknownProduct,
    ErrorCode::UnknownSection,
    ErrorCode::UnknownSeats,
    ErrorCode::DuplicateSeats,
    ErrorCode::WrongKindOfProduct,
    ErrorCode::SoldOut,
    ErrorCode::SeatsTaken,
    ErrorCode::BelowTaken,
    ErrorCode::WrongState,
    ErrorCode::EventCancelled,
];

/// A list of seats.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({ "seats": ["s1a2b3c4d-0", "s1a2b3c4d-1"] }))]
pub struct SeatsBody {
    /// The ids of the seats, as in the seat map.
    #[schema(min_items = 1)]
    pub seats: Vec<String>,
}

/// Seats, or a number of places of a product without numbered seats.
#[derive(ToSchema)]
#[serde(untagged)]
#[schema(example = json!({ "productId": "p1a2b3c4d-1", "quantity": 10 }))]
#[expect(dead_code, reason = "what is parsed is `PlacesFields`, whose refusals name the field")]
pub(crate) enum PlacesBody {
    /// Numbered seats.
    Seats(SeatsBody),
    /// A number of places of a product.
    Places(QuantityBody),
}

/// The fields of [`PlacesBody`] before it is known which of the two variants they form.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct PlacesFields {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    seats: Option<Vec<String>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    product_id: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    quantity: Option<u32>,
}

/// A new number of places.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(example = json!({ "productId": "p1a2b3c4d-1", "totalStock": 250 }))]
pub struct ResizeBody {
    /// A product without numbered seats.
    pub product_id: String,
    /// The new number of its places; at least the number of held, sold and blocked ones.
    #[schema(maximum = 10_000_000)]
    pub total_stock: u32,
}

/// A new price.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RepriceBody {
    /// The product.
    pub product_id: String,
    /// The new price in the event's currency; it applies to holds that are placed from now on.
    #[serde(deserialize_with = "object::one")]
    #[schema(value_type = crate::http::openapi::forms::Price)]
    pub price: Money,
}

/// A row of seats to add.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({ "section": "Stalls", "row": { "name": "Z", "seats": 12 } }))]
pub struct AddRowBody {
    /// The name or the id of a section.
    pub section: String,
    /// The row; it goes behind the existing ones.
    #[serde(deserialize_with = "object::one")]
    pub row: RowBody,
}

/// Seats to keep, and the end of it.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({
    "seats": ["s1a2b3c4d-0", "s1a2b3c4d-1"], "until": "2030-05-01T12:00:00Z"
}))]
pub struct KeepSeatsBody {
    /// The ids of the seats, as in the seat map.
    #[schema(min_items = 1)]
    pub seats: Vec<String>,
    /// Time at which everyone gets them; in the future.
    pub until: Time,
}

/// The target of a move.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct MoveBody {
    /// The name of a live instance, as `GET /api/admin/instances` lists it.
    #[schema(example = "big")]
    pub instance: String,
}

/// The fingerprint of an action without a body.
#[derive(Serialize)]
struct Nothing {}

/// The parameters that all actions share.
struct Act<'a> {
    state: &'a AppState,
    admin: Staff,
    event: OfferingId,
    key: &'a IdempotencyKey,
    name: &'static str,
}

impl Act<'_> {
    /// Carries out the action, and answers with the event in its new state.
    async fn run(self, command: Command, body: &impl Serialize) -> Result<HttpResponse, ApiError> {
        let Self { state, admin: Staff(admin), event, key, name } = self;
        // A class has places, too, which are changed with the class.
        state.offerings.event(event).await?;
        let idempotency = key.identity(admin.user, name, &(event, body));
        let committed =
            state.offerings.submit_by_admin(event, admin.user, command, idempotency).await?;
        let mut response = respond::ok(&read_after(state, event, committed.seq).await?);
        mark_replayed(&mut response, committed.replayed);
        Ok(response)
    }
}

/// Take places off sale: seats, or a number of places of a product without numbered seats.
#[utoipa::path(post, path = "/api/admin/offerings/{event}/block", tag = "admin",
    params(("event" = OfferingId, Path)), request_body = PlacesBody,
    responses((status = 200, body = Success<EventDto>)))]
pub(crate) async fn block(
    state: web::Data<AppState>,
    admin: Staff,
    Path(event): Path<OfferingId>,
    key: IdempotencyKey,
    Body(body): Body<PlacesFields>,
) -> Result<HttpResponse, ApiError> {
    let command = match places(&state, event, &body).await? {
        Places::Seats(seats) => Command::BlockSeats { seats },
        Places::Of(product, quantity) => Command::BlockPlaces { product, quantity },
    };
    Act { state: &state, admin, event, key: &key, name: "block" }.run(command, &body).await
}

/// Put blocked places back on sale.
#[utoipa::path(post, path = "/api/admin/offerings/{event}/unblock", tag = "admin",
    params(("event" = OfferingId, Path)), request_body = PlacesBody,
    responses((status = 200, body = Success<EventDto>)))]
pub(crate) async fn unblock(
    state: web::Data<AppState>,
    admin: Staff,
    Path(event): Path<OfferingId>,
    key: IdempotencyKey,
    Body(body): Body<PlacesFields>,
) -> Result<HttpResponse, ApiError> {
    let command = match places(&state, event, &body).await? {
        Places::Seats(seats) => Command::UnblockSeats { seats },
        Places::Of(product, quantity) => Command::UnblockPlaces { product, quantity },
    };
    Act { state: &state, admin, event, key: &key, name: "unblock" }.run(command, &body).await
}

/// Change the number of places of a product without numbered seats.
#[utoipa::path(post, path = "/api/admin/offerings/{event}/resize", tag = "admin",
    params(("event" = OfferingId, Path)), request_body = ResizeBody,
    responses((status = 200, body = Success<EventDto>)))]
pub(crate) async fn resize(
    state: web::Data<AppState>,
    admin: Staff,
    Path(event): Path<OfferingId>,
    key: IdempotencyKey,
    Body(body): Body<ResizeBody>,
) -> Result<HttpResponse, ApiError> {
    let product = dto::product_id(event, "productId", &body.product_id);
    let product = in_event(&state, event, product).await?;
    let command = Command::Resize { product, total: body.total_stock };
    Act { state: &state, admin, event, key: &key, name: "resize" }.run(command, &body).await
}

/// Change the price of a product. Existing holds and sold places keep their price.
#[utoipa::path(post, path = "/api/admin/offerings/{event}/reprice", tag = "admin",
    params(("event" = OfferingId, Path)), request_body = RepriceBody,
    responses((status = 200, body = Success<EventDto>)))]
pub(crate) async fn reprice(
    state: web::Data<AppState>,
    admin: Staff,
    Path(event): Path<OfferingId>,
    key: IdempotencyKey,
    Body(body): Body<RepriceBody>,
) -> Result<HttpResponse, ApiError> {
    let product = dto::product_id(event, "productId", &body.product_id);
    let product = in_event(&state, event, product).await?;
    let currency = state.offices.view(event).await?.currency;
    if body.price.currency.as_bytes() != currency {
        let currency = String::from_utf8_lossy(&currency);
        let reason = format!("must be {currency}, the event's");
        return Err(ApiError::invalid("price.currency", reason));
    }
    let command = Command::Reprice { product, price: body.price.amount };
    Act { state: &state, admin, event, key: &key, name: "reprice" }.run(command, &body).await
}

/// Add a row of seats to a section.
#[utoipa::path(post, path = "/api/admin/offerings/{event}/add-row", tag = "admin",
    params(("event" = OfferingId, Path)), request_body = AddRowBody,
    responses((status = 200, body = Success<EventDto>)))]
pub(crate) async fn add_row(
    state: web::Data<AppState>,
    admin: Staff,
    Path(event): Path<OfferingId>,
    key: IdempotencyKey,
    Body(body): Body<AddRowBody>,
) -> Result<HttpResponse, ApiError> {
    let section = section_named(&*state.offices.view(event).await?, &body.section, None)?;
    let name = text::line("row.name", &body.row.name, 50)?;
    let command = Command::AddRow { section, name, seats: body.row.seats };
    Act { state: &state, admin, event, key: &key, name: "add-row" }.run(command, &body).await
}

/// Remove free seats from the seat map permanently.
#[utoipa::path(post, path = "/api/admin/offerings/{event}/remove-seats", tag = "admin",
    params(("event" = OfferingId, Path)), request_body = SeatsBody,
    responses((status = 200, body = Success<EventDto>)))]
pub(crate) async fn remove_seats(
    state: web::Data<AppState>,
    admin: Staff,
    Path(event): Path<OfferingId>,
    key: IdempotencyKey,
    Body(body): Body<SeatsBody>,
) -> Result<HttpResponse, ApiError> {
    let seats = dto::seat_ids(event, "seats", &body.seats);
    let command = Command::RemoveSeats { seats: in_event(&state, event, seats).await? };
    Act { state: &state, admin, event, key: &key, name: "remove-seats" }.run(command, &body).await
}

/// Keep seats from best available and from waitlist offers until a time.
///
/// For accessible seats and the seats beside them: customers who need them pick them by id. The time
/// of a seat that is kept already is replaced. A taken seat is kept once it is free again.
#[utoipa::path(post, path = "/api/admin/offerings/{event}/keep-seats", tag = "admin",
    params(("event" = OfferingId, Path)), request_body = KeepSeatsBody,
    responses((status = 200, body = Success<EventDto>)))]
pub(crate) async fn keep_seats(
    state: web::Data<AppState>,
    admin: Staff,
    Path(event): Path<OfferingId>,
    key: IdempotencyKey,
    Body(body): Body<KeepSeatsBody>,
) -> Result<HttpResponse, ApiError> {
    let seats = in_event(&state, event, dto::seat_ids(event, "seats", &body.seats)).await?;
    let command = Command::KeepSeats { seats, until: body.until.millis() };
    Act { state: &state, admin, event, key: &key, name: "keep-seats" }.run(command, &body).await
}

/// Move an event to another instance, where it stays (administrators).
#[utoipa::path(post, path = "/api/admin/offerings/{event}/move", tag = "admin",
    params(("event" = OfferingId, Path)), request_body = MoveBody,
    responses((status = 200, body = Success<WhereaboutsDto>)))]
pub(crate) async fn move_event(
    state: web::Data<AppState>,
    _: Staff,
    Path(event): Path<OfferingId>,
    _: IdempotencyKey,
    Body(body): Body<MoveBody>,
) -> Result<HttpResponse, ApiError> {
    instances::move_event(&state, event, &body.instance).await
}

/// Open the sale, or reopen it after a pause.
#[utoipa::path(post, path = "/api/admin/offerings/{event}/open", tag = "admin",
    params(("event" = OfferingId, Path)),
    responses((status = 200, body = Success<EventDto>)))]
pub(crate) async fn open(
    state: web::Data<AppState>,
    admin: Staff,
    Path(event): Path<OfferingId>,
    key: IdempotencyKey,
) -> Result<HttpResponse, ApiError> {
    let act = Act { state: &state, admin, event, key: &key, name: "open" };
    act.run(Command::OpenSale, &Nothing {}).await
}

/// Pause the sale: no places can be held; existing holds can still be paid.
#[utoipa::path(post, path = "/api/admin/offerings/{event}/pause", tag = "admin",
    params(("event" = OfferingId, Path)),
    responses((status = 200, body = Success<EventDto>)))]
pub(crate) async fn pause(
    state: web::Data<AppState>,
    admin: Staff,
    Path(event): Path<OfferingId>,
    key: IdempotencyKey,
) -> Result<HttpResponse, ApiError> {
    let act = Act { state: &state, admin, event, key: &key, name: "pause" };
    act.run(Command::PauseSale, &Nothing {}).await
}

/// Close the sale.
#[utoipa::path(post, path = "/api/admin/offerings/{event}/close", tag = "admin",
    params(("event" = OfferingId, Path)),
    responses((status = 200, body = Success<EventDto>)))]
pub(crate) async fn close(
    state: web::Data<AppState>,
    admin: Staff,
    Path(event): Path<OfferingId>,
    key: IdempotencyKey,
) -> Result<HttpResponse, ApiError> {
    let act = Act { state: &state, admin, event, key: &key, name: "close" };
    act.run(Command::CloseSale, &Nothing {}).await
}

/// Cancel the event.
///
/// Holds end, reservations are cancelled, and payments are refunded. The same as `DELETE
/// /api/events/{event}`.
#[utoipa::path(post, path = "/api/admin/offerings/{event}/cancel", tag = "admin",
    params(("event" = OfferingId, Path)),
    responses((status = 200, body = Success<EventDto>)))]
pub(crate) async fn cancel(
    state: web::Data<AppState>,
    admin: Staff,
    Path(event): Path<OfferingId>,
    key: IdempotencyKey,
) -> Result<HttpResponse, ApiError> {
    let act = Act { state: &state, admin, event, key: &key, name: "cancel" };
    act.run(Command::CancelOffering, &Nothing {}).await
}

/// Seats, or a number of places of a product.
enum Places {
    Seats(Vec<crate::ids::SeatId>),
    Of(crate::ids::ProductId, u32),
}

async fn places(
    state: &AppState,
    event: OfferingId,
    body: &PlacesFields,
) -> Result<Places, ApiError> {
    match (&body.seats, &body.product_id, body.quantity) {
        (Some(seats), None, None) => {
            let seats = dto::seat_ids(event, "seats", seats);
            Ok(Places::Seats(in_event(state, event, seats).await?))
        }
        (None, Some(product), Some(quantity)) => {
            let product = dto::product_id(event, "productId", product);
            Ok(Places::Of(in_event(state, event, product).await?, quantity))
        }
        _ => {
            let message = "send either seats, or productId and quantity";
            Err(ApiError::new(ErrorCode::Invalid, message))
        }
    }
}
