//! The document of the API, and the pages that show it, served from the binary. Whatever a route
//! says of itself is collected here; what all of them share is added by `openapi/shared.rs`.

mod shared;

use std::collections::HashMap;
use std::sync::LazyLock;

use actix_web::http::Method;
use actix_web::web;
use serde::Serialize;
use utoipa::openapi::{OpenApi as Document, PathItem};
use utoipa::{OpenApi, ToSchema};
use utoipa_swagger_ui::SwaggerUi;

use shared::Shared;

use crate::http::{
    admin, auth, availability, checkins, events, health, history, holds, instances, payments,
    products, reservations, seats, stream, tickets, users, waitlist, wallet,
};

/// The envelope of a successful answer.
#[derive(Serialize, ToSchema)]
#[expect(missing_docs, reason = "documented by the API's own words")]
pub struct Success<T: ToSchema> {
    /// Always true.
    pub success: bool,
    pub data: T,
}

/// The envelope of an answer without data.
#[derive(Serialize, ToSchema)]
pub struct Done {
    /// Always true.
    pub success: bool,
    /// For people.
    pub message: String,
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
        health::live, health::ready,
        auth::register, auth::login, auth::refresh, auth::logout,
        users::me, users::change_me, users::forget_me,
        events::list, events::show, events::create, events::change, events::cancel,
        availability::availability, availability::seats, stream::follow, admin::audit,
        holds::place, holds::show, holds::release, holds::extend,
        waitlist::join, waitlist::show, waitlist::leave, waitlist::accept,
        reservations::create, reservations::list, reservations::show, reservations::cancel,
        payments::pay, wallet::wallet, wallet::charge, wallet::charge_for,
        reservations::give_up,
        tickets::list, tickets::show, tickets::qr, checkins::check_in, checkins::undo,
        products::show, products::add, products::change, products::withdraw,
        seats::show,
        admin::reservations, admin::act,
        instances::instances,
        instances::whereabouts, history::journal,
    ),
    components(schemas(Failure, stream::Delta, admin::Action)),
    modifiers(&Shared),
    security(("bearer" = []))
)]
struct Api;

/// The whole document.
#[must_use]
pub fn document() -> Document {
    Api::openapi()
}

/// The methods of a route pattern, as the header `Allow` lists them.
#[must_use]
pub fn allowed(pattern: &str) -> Option<&'static str> {
    static ALLOWED: LazyLock<HashMap<String, String>> = LazyLock::new(|| {
        let methods = |item: &PathItem| {
            let all = [
                ("GET, HEAD", item.get.is_some()),
                ("POST", item.post.is_some()),
                ("PUT", item.put.is_some()),
                ("PATCH", item.patch.is_some()),
                ("DELETE", item.delete.is_some()),
            ];
            let there = all.into_iter().filter(|(_, is_there)| *is_there).map(|(name, _)| name);
            there.chain(["OPTIONS"]).collect::<Vec<_>>().join(", ")
        };
        document().paths.paths.iter().map(|(path, item)| (path.clone(), methods(item))).collect()
    });
    ALLOWED.get(pattern).map(String::as_str)
}

/// The methods of a route pattern that take no body.
#[must_use]
pub fn without_body(pattern: &str) -> &'static [Method] {
    static WITHOUT: LazyLock<HashMap<String, Vec<Method>>> = LazyLock::new(|| {
        let methods = |item: &PathItem| {
            let all = [
                (Method::GET, &item.get),
                (Method::POST, &item.post),
                (Method::PUT, &item.put),
                (Method::PATCH, &item.patch),
                (Method::DELETE, &item.delete),
            ];
            let without = all.into_iter().filter(|(_, operation)| {
                operation.as_ref().is_some_and(|operation| operation.request_body.is_none())
            });
            without.map(|(method, _)| method).collect()
        };
        document().paths.paths.iter().map(|(path, item)| (path.clone(), methods(item))).collect()
    });
    WITHOUT.get(pattern).map_or(&[], Vec::as_slice)
}

/// The document and Swagger UI.
pub fn configure(cfg: &mut web::ServiceConfig) {
    cfg.service(web::redirect("/api-docs", "/api-docs/"));
    cfg.service(SwaggerUi::new("/api-docs/{_:.*}").url("/api-docs/openapi.json", document()));
}
