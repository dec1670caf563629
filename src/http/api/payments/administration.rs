//! `/api/admin/payments`: payments by gateways, for administrators, and the word that a manual payment
//! has come or will not.

use actix_web::{HttpResponse, web};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::http::api::payments::pay::{PaymentRecordDto, PaymentStatus};
use crate::http::envelope::{Page, Success};
use crate::http::error::{ApiError, ErrorCode, OperationCodes};
use crate::http::extract::{IdempotencyKey, Path, Query, Staff, Within, object};
use crate::http::pages::{PageQuery, next_cursor};
use crate::http::respond::{self, rfc3339};
use crate::http::state::AppState;
use crate::ids::{PaymentId, UserId};
use crate::store::{NotificationRow, PaymentFilter, PaymentRow, PaymentState};

/// Adds the routes.
pub fn configure(cfg: &mut web::ServiceConfig) {
    cfg.service(web::resource("/api/admin/payments").get(list))
        .service(web::resource("/api/admin/payments/notifications").get(notifications))
        .service(web::resource("/api/admin/payments/{payment}/paid").post(paid))
        .service(web::resource("/api/admin/payments/{payment}/refused").post(refused))
        .service(web::resource("/api/admin/payments/{payment}/settled").post(settled));
}

/// The error codes of these operations, beyond those that follow from their form.
pub(crate) const CODES: &[OperationCodes] = &[
    ("post", "/api/admin/payments/{payment}/paid", &[ErrorCode::WrongState]),
    ("post", "/api/admin/payments/{payment}/refused", &[ErrorCode::WrongState]),
    ("post", "/api/admin/payments/{payment}/settled", &[ErrorCode::WrongState]),
];

/// Notifications on the page of parked ones.
const MOST_PARKED: u64 = 100;

/// A payment, as staff see it.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct GatewayPaymentDto {
    #[serde(flatten)]
    record: PaymentRecordDto,
    /// The customer.
    user_id: UserId,
    /// The gateway's own id of the charge.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    gateway_reference: Option<String>,
    /// What a person has to look at: another amount than was asked for, or a step that the gateway
    /// refuses.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    problem: Option<String>,
    /// When the gateway had taken the money.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    captured_at: Option<String>,
}

impl From<PaymentRow> for GatewayPaymentDto {
    fn from(row: PaymentRow) -> Self {
        Self {
            user_id: row.user,
            gateway_reference: row.gateway.reference.clone(),
            problem: row.gateway.problem.clone(),
            captured_at: row.gateway.captured_at.map(rfc3339),
            record: row.into(),
        }
    }
}

/// A notification that fits no payment.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ParkedNotificationDto {
    /// `stripe` or `simulator`.
    gateway: String,
    /// The gateway's id of it.
    notification_id: String,
    /// Its kind, in the gateway's words.
    event: String,
    /// Why it was parked.
    reason: String,
    /// Its text, as it came.
    body: String,
    /// Time at which it came.
    received_at: String,
}

impl From<NotificationRow> for ParkedNotificationDto {
    fn from(row: NotificationRow) -> Self {
        Self {
            gateway: row.gateway,
            notification_id: row.id,
            event: row.kind,
            reason: row.parked_reason.unwrap_or_default(),
            body: row.body.unwrap_or_default(),
            received_at: rfc3339(row.received_at),
        }
    }
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct PaymentsQuery {
    #[serde(default, deserialize_with = "object::option_word")]
    status: Option<PaymentStatus>,
    problem: Option<bool>,
    limit: Option<u64>,
    cursor: Option<String>,
}

/// List the payments by gateways, newest first.
///
/// `problem=true` lists those that a person has to look at. Payments by the wallet are listed with
/// their reservation only.
#[utoipa::path(get, path = "/api/admin/payments", tag = "admin", operation_id = "listGatewayPayments",
    params(("status" = Option<PaymentStatus>, Query), ("problem" = Option<bool>, Query),
        ("limit" = Option<u64>, Query), ("cursor" = Option<String>, Query)),
    responses((status = 200, body = Page<GatewayPaymentDto>)))]
pub(crate) async fn list(
    state: web::Data<AppState>,
    Within(scope): Within,
    Query(query): Query<PaymentsQuery>,
) -> Result<HttpResponse, ApiError> {
    let page = PageQuery { limit: query.limit, cursor: query.cursor };
    let limit = page.limit()?;
    let states = match query.status {
        None => Vec::new(),
        Some(status) => PaymentState::ALL
            .into_iter()
            .filter(|state| PaymentStatus::from(*state) == status.without_refunds())
            .collect(),
    };
    let with_problem = query.problem.unwrap_or(false);
    let filter =
        PaymentFilter { states, with_problem, offerings: scope.offerings(), after: page.after()? };
    let rows = state.payments.list(&filter, limit).await?;
    let next = next_cursor(&rows, limit, |row| format!("{}_{}", row.created_at, row.id));
    let shown: Vec<_> = rows.into_iter().map(GatewayPaymentDto::from).collect();
    Ok(respond::page(&shown, next))
}

/// List the notifications of gateways that fit no payment, newest first (administrators).
#[utoipa::path(get, path = "/api/admin/payments/notifications", tag = "admin",
    operation_id = "listParkedNotifications",
    responses((status = 200, body = Success<Vec<ParkedNotificationDto>>)))]
pub(crate) async fn notifications(
    state: web::Data<AppState>,
    _: Staff,
) -> Result<HttpResponse, ApiError> {
    let parked = state.payments.parked(MOST_PARKED).await?;
    Ok(respond::ok(&parked.into_iter().map(ParkedNotificationDto::from).collect::<Vec<_>>()))
}

/// Say that the money of a manual payment has come.
///
/// The reservation is confirmed; if it has expired and its places are taken, the payment has failed, and
/// the money is to be given back by hand. A repeated call changes nothing.
#[utoipa::path(post, path = "/api/admin/payments/{payment}/paid", tag = "admin",
    operation_id = "markPaid",
    params(("payment" = PaymentId, Path)),
    responses((status = 200, body = Success<GatewayPaymentDto>)))]
pub(crate) async fn paid(
    state: web::Data<AppState>,
    Staff(admin): Staff,
    Path(payment): Path<PaymentId>,
    _: IdempotencyKey,
) -> Result<HttpResponse, ApiError> {
    let row = state.payments.mark_paid(payment).await?;
    tracing::info!(%payment, admin = %admin.user, "an administrator says that it is paid");
    Ok(respond::ok(&GatewayPaymentDto::from(row)))
}

/// Say that the money of a payment will not come.
///
/// It ends every payment that waits, also one that is parked: its charge is let go at the gateway. A
/// repeated call changes nothing.
#[utoipa::path(post, path = "/api/admin/payments/{payment}/refused", tag = "admin",
    operation_id = "refusePayment",
    params(("payment" = PaymentId, Path)),
    responses((status = 200, body = Success<GatewayPaymentDto>)))]
pub(crate) async fn refused(
    state: web::Data<AppState>,
    Staff(admin): Staff,
    Path(payment): Path<PaymentId>,
    _: IdempotencyKey,
) -> Result<HttpResponse, ApiError> {
    let row = state.payments.refuse_waiting(payment).await?;
    tracing::info!(%payment, admin = %admin.user, "an administrator refuses a payment");
    Ok(respond::ok(&GatewayPaymentDto::from(row)))
}

/// Say that what was left to do for a payment is done by hand.
///
/// Its `problem` is removed: money that came too late is given back, for example, or what the gateway refuses
/// to take, let go or give back is seen to otherwise, and is not asked of the gateway any more. A repeated call changes
/// nothing.
#[utoipa::path(post, path = "/api/admin/payments/{payment}/settled", tag = "admin",
    operation_id = "settlePayment",
    params(("payment" = PaymentId, Path)),
    responses((status = 200, body = Success<GatewayPaymentDto>)))]
pub(crate) async fn settled(
    state: web::Data<AppState>,
    Staff(admin): Staff,
    Path(payment): Path<PaymentId>,
    _: IdempotencyKey,
) -> Result<HttpResponse, ApiError> {
    let row = state.payments.settle_by_hand(payment).await?;
    tracing::info!(%payment, admin = %admin.user, "an administrator has seen to a payment by hand");
    Ok(respond::ok(&GatewayPaymentDto::from(row)))
}
