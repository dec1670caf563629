//! The document of the API, and the pages that show it, served from the binary. Whatever a route
//! says of itself is collected here; what all of them share is added: the envelope of failures,
//! the security scheme, the table of error codes.

use actix_web::web;
use serde::Serialize;
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::openapi::{Content, OpenApi as Document, RefOr, Response};
use utoipa::{Modify, OpenApi, ToSchema};
use utoipa_swagger_ui::SwaggerUi;

use crate::http::error::ErrorCode;
use crate::http::{
    admin, auth, availability, events, holds, payments, reservations, stream, tickets, users,
    waitlist, wallet,
};

/// The envelope of a successful answer.
#[derive(Serialize, ToSchema)]
#[expect(missing_docs, reason = "documented by the API's own words")]
pub struct Success<T: ToSchema> {
    /// Always true.
    pub success: bool,
    pub data: T,
}

/// The envelope of a page of a list.
#[derive(Serialize, ToSchema)]
#[expect(missing_docs, reason = "documented by the API's own words")]
pub struct Page<T: ToSchema> {
    /// Always true.
    pub success: bool,
    pub data: Vec<T>,
    pub meta: PageMeta,
}

/// Where a list goes on.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct PageMeta {
    /// To be sent as `cursor`; null on the last page.
    pub next_cursor: Option<String>,
}

/// The envelope of every failure.
#[derive(Serialize, ToSchema)]
#[schema(example = json!({"success": false, "error": {"code": "SOLD_OUT",
    "message": "only 1 of the 2 places asked for are available",
    "details": {"requested": 2, "available": 1}, "requestId": "5f3a9c1e"}}))]
#[expect(missing_docs, reason = "documented by the API's own words")]
pub struct Failure {
    /// Always false.
    pub success: bool,
    pub error: FailureDetail,
}

/// What went wrong.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct FailureDetail {
    /// Stable, in capitals: compare with this.
    pub code: String,
    /// For people.
    pub message: String,
    /// For programs: seats, limits, the field.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub details: Option<serde_json::Value>,
    /// As in the header `X-Request-Id` and in the server's log.
    pub request_id: String,
}

#[derive(OpenApi)]
#[openapi(
    info(title = "Admit One", description = "Sells seats at events to crowds that arrive all at once, never a place twice."),
    paths(
        auth::register, auth::login, auth::refresh, auth::logout,
        users::me, users::change_me, users::forget_me,
        events::list, events::show, events::create, events::change, events::cancel,
        availability::availability, availability::seats, stream::follow, admin::audit,
        holds::place, holds::show, holds::release, holds::extend,
        waitlist::join, waitlist::show, waitlist::leave, waitlist::accept,
        reservations::create, reservations::list, reservations::show, reservations::cancel,
        payments::pay, wallet::wallet, wallet::charge,
        tickets::list, tickets::show, tickets::qr, tickets::check_in,
        admin::reservations, admin::act,
    ),
    components(schemas(Failure)),
    modifiers(&Shared),
    security(("bearer" = []))
)]
struct Api;

struct Shared;

impl Modify for Shared {
    fn modify(&self, document: &mut Document) {
        let components = document.components.get_or_insert_default();
        let scheme = HttpBuilder::new()
            .scheme(HttpAuthScheme::Bearer)
            .bearer_format("JWT")
            .description(Some("The accessToken of login or register."));
        let scheme = SecurityScheme::Http(scheme.build());
        components.security_schemes.insert("bearer".into(), RefOr::T(scheme));
        document.info.description = Some(description());
        for (path, item) in &mut document.paths.paths {
            let operations =
                [&mut item.get, &mut item.post, &mut item.put, &mut item.patch, &mut item.delete];
            for operation in operations.into_iter().flatten() {
                let answers = &mut operation.responses.responses;
                answers.entry("default".into()).or_insert_with(|| RefOr::T(failure()));
                if operation.operation_id.is_none() {
                    operation.operation_id = Some(path.replace(['/', '{', '}'], "_"));
                }
            }
        }
    }
}

fn failure() -> Response {
    let schema = utoipa::openapi::Ref::from_schema_name("Failure");
    let mut response = Response::new("A failure; `error.code` says which.");
    let content = RefOr::T(Content::new(Some(schema)));
    response.content.insert("application/json".into(), content);
    response
}

/// The table of error codes, from the one place that maps them.
fn description() -> String {
    let mut text = String::from(
        "Sells seats at events to crowds that arrive all at once, never a place twice.\n\n\
         Answers are `{\"success\":true,\"data\":…}` or `{\"success\":false,\"error\":{…}}`. \
         Times are RFC 3339 in UTC, money is in minor units. Every change takes an \
         `Idempotency-Key`: a retry with the same key gets the first answer again.\n\n\
         | code | status | meaning |\n|---|---|---|\n",
    );
    for code in ErrorCode::ALL {
        let status = code.status().as_u16();
        text.push_str(&format!("| `{}` | {status} | {} |\n", code.as_str(), code.meaning()));
    }
    text
}

/// The whole document.
#[must_use]
pub fn document() -> Document {
    Api::openapi()
}

/// The document and Swagger UI.
pub fn configure(cfg: &mut web::ServiceConfig) {
    cfg.service(web::redirect("/api-docs", "/api-docs/"));
    cfg.service(SwaggerUi::new("/api-docs/{_:.*}").url("/api-docs/openapi.json", document()));
}
