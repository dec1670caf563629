//! Ticket types of a live event: added, renamed, sold at other times, withdrawn. A product is never
//! deleted, so its sold tickets keep a valid product id.

use actix_web::{HttpResponse, web};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::http::api::offerings::create_event::NewProductBody;
use crate::http::api::offerings::events::{ProductDto, present, read_after};
use crate::http::dto::Time;
use crate::http::error::{ApiError, ErrorCode, OperationCodes};
use crate::http::extract::{ActRecord, Body, IdempotencyKey, Path, Staff};
use crate::http::respond::{self, locate, mark_replayed};
use crate::http::state::AppState;
use crate::ids::{OfferingId, ProductId, Seq};
use crate::inventory::{Availability, Change, Command, ProductChange};
use crate::offerings::OfferingError;
use crate::text;

/// Adds the routes of products, below an event.
pub fn of_event(cfg: &mut web::ServiceConfig) {
    cfg.service(web::resource("/products").post(add))
        .service(web::resource("/products/{product}").get(show).patch(change).delete(withdraw));
}

/// The error codes of these operations, beyond those that follow from their form.
pub(crate) const CODES: &[OperationCodes] = &[
    ("post", "/api/events/{event}/products", PRODUCTS_CODES),
    ("delete", "/api/events/{event}/products/{product}", PRODUCTS_CODES),
    ("patch", "/api/events/{event}/products/{product}", PRODUCTS_CODES),
];

const PRODUCTS_CODES: &[ErrorCode] = &[ErrorCode::WrongState, ErrorCode::EventCancelled];

/// Changes of a product; absent fields stay as they are. Use `reprice` and `resize` to change its
/// price and size.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(example = json!({ "name": "Early bird", "saleEndAt": "2030-03-01T00:00:00Z" }))]
pub struct ProductPatch {
    /// The new name, 1 to 100 characters.
    pub name: Option<String>,
    /// The new description, at most 2,000 characters.
    pub description: Option<String>,
    /// The new start of the product's sale; `null` removes the limit.
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = Option<Time>)]
    pub sale_start_at: Option<Option<Time>>,
    /// The new end of the product's sale; `null` removes the limit.
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = Option<Time>)]
    pub sale_end_at: Option<Option<Time>>,
    /// `true` takes the product off sale, `false` puts it back.
    pub withdrawn: Option<bool>,
}

/// Read one product of an event.
#[utoipa::path(get, path = "/api/events/{event}/products/{product}", tag = "events", security(()),
    params(("event" = OfferingId, Path), ("product" = String, Path)),
    responses((status = 200, body = crate::http::envelope::Success<ProductDto>)))]
pub(crate) async fn show(
    state: web::Data<AppState>,
    Path((event, product)): Path<(OfferingId, String)>,
) -> Result<HttpResponse, ApiError> {
    Ok(respond::ok(&of(&state, event, in_path(event, &product)?, Seq(0)).await?))
}

/// Add a product to an event.
///
/// It is sold by quantity: numbered seats can only be created with the event.
#[utoipa::path(post, path = "/api/events/{event}/products", tag = "events",
    params(("event" = OfferingId, Path), ("Idempotency-Key" = Option<String>, Header)),
    request_body = NewProductBody,
    responses((status = 201, body = crate::http::envelope::Success<ProductDto>)))]
pub(crate) async fn add(
    state: web::Data<AppState>,
    Staff(admin): Staff,
    Path(event): Path<OfferingId>,
    key: IdempotencyKey,
    record: ActRecord,
    Body(body): Body<NewProductBody>,
) -> Result<HttpResponse, ApiError> {
    let product = state.offerings.check_new_product(event, &body.draft()).await?;
    let idempotency = key.identity(admin.user, "add product", &(event, &body));
    let command = Command::AddProduct { product };
    let committed =
        state.offerings.submit_by_admin(event, admin.user, command, idempotency).await?;
    let Some(Change::ProductAdded { product, .. }) = committed.transition.changes.first() else {
        return Err(ApiError::internal("a new product was answered by another change"));
    };
    record.made(&product.to_public(event));
    let mut response = respond::created(&of(&state, event, *product, committed.seq).await?);
    locate(&mut response, &format!("/api/events/{event}/products/{}", product.to_public(event)));
    mark_replayed(&mut response, committed.replayed);
    Ok(response)
}

/// Change a product.
#[utoipa::path(patch, path = "/api/events/{event}/products/{product}", tag = "events",
    params(("event" = OfferingId, Path), ("product" = String, Path),
        ("Idempotency-Key" = Option<String>, Header)),
    request_body = ProductPatch,
    responses((status = 200, body = crate::http::envelope::Success<ProductDto>)))]
pub(crate) async fn change(
    state: web::Data<AppState>,
    Staff(admin): Staff,
    Path((event, product)): Path<(OfferingId, String)>,
    key: IdempotencyKey,
    Body(patch): Body<ProductPatch>,
) -> Result<HttpResponse, ApiError> {
    let product = in_path(event, &product)?;
    let name = patch.name.as_ref().map(|name| text::line("name", name, 100)).transpose()?;
    let description = patch.description.as_ref();
    let description =
        description.map(|text| text::paragraph("description", text, 2_000)).transpose()?;
    let millis = |at: Option<Time>| at.map(Time::millis);
    let change = ProductChange {
        name,
        description,
        sale_start: patch.sale_start_at.map(millis),
        sale_end: patch.sale_end_at.map(millis),
        availability: patch.withdrawn.map(|withdrawn| match withdrawn {
            true => Availability::Withdrawn,
            false => Availability::Offered,
        }),
    };
    let idempotency = key.identity(admin.user, "change product", &(event, product, &patch));
    let command = Command::ChangeProduct { product, change };
    let submitted = state.offerings.submit_by_admin(event, admin.user, command, idempotency).await;
    let committed = submitted.map_err(gone)?;
    let mut response = respond::ok(&of(&state, event, product, committed.seq).await?);
    mark_replayed(&mut response, committed.replayed);
    Ok(response)
}

/// Withdraw a product: no new holds of it are accepted.
///
/// Held places can still be bought, sold ones stay, and `PATCH` with `"withdrawn": false` puts the
/// product back on sale.
#[utoipa::path(delete, path = "/api/events/{event}/products/{product}", tag = "events",
    params(("event" = OfferingId, Path), ("product" = String, Path),
        ("Idempotency-Key" = Option<String>, Header)),
    responses((status = 200, body = crate::http::envelope::Success<ProductDto>)))]
pub(crate) async fn withdraw(
    state: web::Data<AppState>,
    Staff(admin): Staff,
    Path((event, product)): Path<(OfferingId, String)>,
    key: IdempotencyKey,
) -> Result<HttpResponse, ApiError> {
    let product = in_path(event, &product)?;
    let availability = Some(Availability::Withdrawn);
    let change = ProductChange { availability, ..ProductChange::default() };
    let idempotency = key.identity(admin.user, "withdraw product", &(event, product));
    let command = Command::ChangeProduct { product, change };
    let submitted = state.offerings.submit_by_admin(event, admin.user, command, idempotency).await;
    let committed = submitted.map_err(gone)?;
    let mut response = respond::ok(&of(&state, event, product, committed.seq).await?);
    mark_replayed(&mut response, committed.replayed);
    Ok(response)
}

fn in_path(event: OfferingId, text: &str) -> Result<ProductId, ApiError> {
    ProductId::from_public(event, text).map_err(|_| ApiError::not_found("product"))
}

/// Returns a product in its state after a row of the journal.
async fn of(
    state: &AppState,
    event: OfferingId,
    product: ProductId,
    row: Seq,
) -> Result<ProductDto, ApiError> {
    let id = product.to_public(event);
    let products = read_after(state, event, row).await?.products;
    let found = products.into_iter().find(|product| product.id == id);
    found.ok_or_else(|| ApiError::not_found("product"))
}

/// Turns an unknown product into 404 instead of 422, because its id is in the path.
fn gone(error: OfferingError) -> ApiError {
    let error = ApiError::from(error);
    if error.code() == ErrorCode::UnknownProduct { ApiError::not_found("product") } else { error }
}
