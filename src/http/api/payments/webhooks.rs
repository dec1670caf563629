//! `/api/webhooks/{gateway}`: the notifications of payment gateways. The signature over the raw body is
//! the only proof of who sends; so the body is not parsed before it is proved.

use actix_web::{HttpRequest, HttpResponse, web};
use utoipa::ToSchema;

use crate::http::envelope::Done;
use crate::http::error::{ApiError, ErrorCode, OperationCodes};
use crate::http::extract::RawBody;
use crate::http::respond;
use crate::http::state::AppState;

/// Adds the route.
pub fn configure(cfg: &mut web::ServiceConfig) {
    cfg.service(web::resource("/api/webhooks/{gateway}").post(receive));
}

/// The error codes of this operation, beyond those that follow from its form.
pub(crate) const CODES: &[OperationCodes] =
    &[("post", "/api/webhooks/{gateway}", &[ErrorCode::InvalidSignature])];

/// A notification as the gateway sends it; its signature is over these bytes.
#[derive(ToSchema)]
#[expect(dead_code, reason = "described, never made: the body is read as bytes")]
pub struct NotificationBody {
    /// The kind of the notification, in the gateway's words.
    #[schema(nullable = false)]
    r#type: Option<String>,
}

/// Take a notification of a payment gateway.
///
/// Stripe signs by `Stripe-Signature`, the simulator by Standard Webhooks. A notification that was taken
/// before, or fits no payment, is answered 200 too: sending it again would change nothing.
#[utoipa::path(
    post, path = "/api/webhooks/{gateway}", tag = "payments", operation_id = "receiveNotification",
    params(("gateway" = String, Path, description = "`stripe` or `simulator`")),
    request_body = NotificationBody,
    responses((status = 200, description = "Taken", body = Done)),
    security(())
)]
pub(crate) async fn receive(
    state: web::Data<AppState>,
    request: HttpRequest,
    gateway: web::Path<String>,
    RawBody(body): RawBody,
) -> Result<HttpResponse, ApiError> {
    let sent: Vec<(String, String)> = request
        .headers()
        .iter()
        .filter_map(|(name, value)| Some((name.to_string(), value.to_str().ok()?.to_owned())))
        .collect();
    let header =
        |name: &str| sent.iter().find(|(known, _)| known == name).map(|(_, value)| value.clone());
    state.payments.receive(&gateway, &header, &body).await?;
    Ok(respond::done("taken"))
}
