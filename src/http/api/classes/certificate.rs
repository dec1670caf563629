//! `/api/mclasses/{class}/enrollments/{enrollment}/certificate.pdf`: that a person attended a class.

use actix_web::http::header;
use actix_web::{HttpRequest, HttpResponse, web};

use crate::http::api::classes::enrollments::in_class;
use crate::http::error::{ApiError, ErrorCode, OperationCodes};
use crate::http::extract::{Caller, Path, accepted_language};
use crate::http::state::AppState;
use crate::ids::{EnrollmentId, OfferingId};
use crate::language::{Language, format};
use crate::store::EnrollmentRow;
use crate::ticket_documents::{Certificate, certificate};

const PATH: &str = "/api/mclasses/{class}/enrollments/{enrollment}/certificate.pdf";

/// Adds the routes.
pub fn configure(cfg: &mut web::ServiceConfig) {
    cfg.service(
        web::resource("/api/mclasses/{class}/enrollments/{enrollment}/certificate.pdf").get(show),
    );
}

/// The error codes of these operations, beyond those that follow from their form.
pub(crate) const CODES: &[OperationCodes] = &[(
    "get",
    PATH,
    &[ErrorCode::ClassNotFound, ErrorCode::EnrollmentNotFound, ErrorCode::CertificateUnavailable],
)];

/// Download the certificate of attendance: one's own, or for staff one of their class.
///
/// For those who were marked `PRESENT` or `LATE`, once the class is over. In the language of
/// `Accept-Language`, else of the person.
#[utoipa::path(get, path = "/api/mclasses/{class}/enrollments/{enrollment}/certificate.pdf",
    tag = "classes", operation_id = "getCertificate",
    params(("class" = OfferingId, Path), ("enrollment" = EnrollmentId, Path)),
    responses((status = 200, content_type = "application/pdf", body = crate::http::openapi::forms::File)))]
pub(crate) async fn show(
    state: web::Data<AppState>,
    request: HttpRequest,
    caller: Caller,
    Path((class, enrollment)): Path<(OfferingId, EnrollmentId)>,
) -> Result<HttpResponse, ApiError> {
    in_class(&state, caller, class, enrollment).await?;
    let row = state.classes.enrollment(caller, enrollment).await?;
    drawn(&state, &row, accepted_language(&request)).await
}

/// Answers with the certificate, in a language or else in that of the person.
///
/// # Errors
/// There is none, and why.
pub(crate) async fn drawn(
    state: &AppState,
    row: &EnrollmentRow,
    language: Option<Language>,
) -> Result<HttpResponse, ApiError> {
    let enrollment = row.id;
    let (class, person) = state.classes.attended(row.class, row, state.clock.now_ms()).await?;
    let own = || person.language.as_deref().and_then(Language::by_tag);
    let language = language.or_else(own).unwrap_or(Language::English);
    let zone = class.event.time_zone.as_deref().unwrap_or(&state.config.time_zone);
    let issuer = state.config.shop_name.clone();
    let holder = person.name.unwrap_or_default();
    let text = Certificate::of(
        (language, format::zone(zone)),
        &class.event,
        &holder,
        &issuer,
        &enrollment.to_string(),
    );
    // Drawing takes milliseconds, which must not hold up the worker.
    let drawn = web::block(move || certificate(&text, language.tag())).await;
    let bytes = drawn.map_err(ApiError::internal)?.map_err(ApiError::internal)?;
    Ok(HttpResponse::Ok()
        .content_type("application/pdf")
        .insert_header((
            header::CONTENT_DISPOSITION,
            format!("attachment; filename=\"certificate-{enrollment}.pdf\""),
        ))
        .insert_header((header::CACHE_CONTROL, "no-store"))
        .body(bytes))
}
