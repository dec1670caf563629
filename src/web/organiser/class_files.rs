//! The enrollments of a class as files for spreadsheets: those of the API, with refusals as pages.

use actix_web::{HttpResponse, web};

use crate::http::api::classes::exports;
use crate::http::error::ApiError;
use crate::http::extract::Path;
use crate::http::state::AppState;
use crate::ids::OfferingId;
use crate::web::visitor::Visitor;

/// Adds the routes.
pub(super) fn configure(cfg: &mut web::ServiceConfig) {
    let at = |list: &str, kind: &str| {
        web::resource(format!("/organiser/classes/{{class}}/{list}.{kind}"))
    };
    cfg.service(at("enrollments", "csv").get(enrollments_csv))
        .service(at("enrollments", "xlsx").get(enrollments_xlsx))
        .service(at("waitlist", "csv").get(waitlist_csv));
}

async fn enrollments_csv(
    state: web::Data<AppState>,
    visitor: Visitor,
    Path(class): Path<OfferingId>,
) -> Result<HttpResponse, ApiError> {
    visitor.staff()?;
    exports::all_as_csv(state, class).await
}

async fn enrollments_xlsx(
    state: web::Data<AppState>,
    visitor: Visitor,
    Path(class): Path<OfferingId>,
) -> Result<HttpResponse, ApiError> {
    visitor.staff()?;
    exports::all_as_xlsx(&state, class).await
}

async fn waitlist_csv(
    state: web::Data<AppState>,
    visitor: Visitor,
    Path(class): Path<OfferingId>,
) -> Result<HttpResponse, ApiError> {
    visitor.staff()?;
    exports::line_as_csv(state, class).await
}
