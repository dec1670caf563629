//! `/api/admin/mclasses/{class}/enrollments.csv` and its like: files that spreadsheets open.

use actix_web::http::header;
use actix_web::{HttpResponse, web};

use crate::http::csv_file;
use crate::http::error::{ApiError, ErrorCode, OperationCodes};
use crate::http::extract::{Path, Staff};
use crate::http::state::AppState;
use crate::http::xlsx_file::{MAX_ROWS, Sheet};
use crate::ids::{EnrollmentId, OfferingId};
use crate::store::EnrollmentSort;

/// Adds the routes.
pub fn configure(cfg: &mut web::ServiceConfig) {
    cfg.service(web::resource("/api/admin/mclasses/{class}/enrollments.csv").get(enrollments_csv))
        .service(
            web::resource("/api/admin/mclasses/{class}/enrollments.xlsx").get(enrollments_xlsx),
        )
        .service(web::resource("/api/admin/mclasses/{class}/waitlist.csv").get(waitlist_csv));
}

/// The error codes of these operations, beyond those that follow from their form.
pub(crate) const CODES: &[OperationCodes] = &[
    ("get", "/api/admin/mclasses/{class}/enrollments.csv", &[ErrorCode::ClassNotFound]),
    (
        "get",
        "/api/admin/mclasses/{class}/enrollments.xlsx",
        &[ErrorCode::ClassNotFound, ErrorCode::ExportTooLarge],
    ),
    ("get", "/api/admin/mclasses/{class}/waitlist.csv", &[ErrorCode::ClassNotFound]),
];

/// Export the applications for a class as CSV, the oldest first.
///
/// UTF-8 with a byte order mark; a field that a spreadsheet would run as a formula begins with an
/// apostrophe. Each question that was answered has a column, with the question as the newest form asks
/// it. A file that breaks off is incomplete.
#[utoipa::path(get, path = "/api/admin/mclasses/{class}/enrollments.csv", tag = "admin",
    operation_id = "exportEnrollmentsAsCsv", params(("class" = OfferingId, Path)),
    responses((status = 200, content_type = "text/csv", body = String)))]
pub(crate) async fn enrollments_csv(
    state: web::Data<AppState>,
    _admin: Staff,
    Path(class): Path<OfferingId>,
) -> Result<HttpResponse, ApiError> {
    all_as_csv(state, class).await
}

/// Answers with all enrollments of a class as CSV.
pub(crate) async fn all_as_csv(
    state: web::Data<AppState>,
    class: OfferingId,
) -> Result<HttpResponse, ApiError> {
    csv(state, class, EnrollmentSort::Oldest, &format!("enrollments-{class}")).await
}

/// Export the line of a class as CSV, by its places.
#[utoipa::path(get, path = "/api/admin/mclasses/{class}/waitlist.csv", tag = "admin",
    operation_id = "exportWaitlistAsCsv", params(("class" = OfferingId, Path)),
    responses((status = 200, content_type = "text/csv", body = String)))]
pub(crate) async fn waitlist_csv(
    state: web::Data<AppState>,
    _admin: Staff,
    Path(class): Path<OfferingId>,
) -> Result<HttpResponse, ApiError> {
    line_as_csv(state, class).await
}

/// Answers with the line of a class as CSV.
pub(crate) async fn line_as_csv(
    state: web::Data<AppState>,
    class: OfferingId,
) -> Result<HttpResponse, ApiError> {
    csv(state, class, EnrollmentSort::Position, &format!("waitlist-{class}")).await
}

async fn csv(
    state: web::Data<AppState>,
    class: OfferingId,
    sort: EnrollmentSort,
    name: &str,
) -> Result<HttpResponse, ApiError> {
    let table = state.classes.table(class, sort, &state.config.time_zone).await?;
    let titles = table.titles();
    Ok(csv_file::stream(name, titles, async move |after: Option<(i64, EnrollmentId)>| {
        Ok(state.classes.piece(&table, after).await?)
    }))
}

/// Export the applications for a class as a spreadsheet, the oldest first.
///
/// At most 100,000 applications: more are exported as CSV. All cells are texts, never formulas.
#[utoipa::path(get, path = "/api/admin/mclasses/{class}/enrollments.xlsx", tag = "admin",
    operation_id = "exportEnrollmentsAsSpreadsheet", params(("class" = OfferingId, Path)),
    responses((status = 200, body = crate::http::openapi::forms::File,
        content_type = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet")))]
pub(crate) async fn enrollments_xlsx(
    state: web::Data<AppState>,
    _admin: Staff,
    Path(class): Path<OfferingId>,
) -> Result<HttpResponse, ApiError> {
    all_as_xlsx(&state, class).await
}

/// Answers with all enrollments of a class as a spreadsheet.
pub(crate) async fn all_as_xlsx(
    state: &AppState,
    class: OfferingId,
) -> Result<HttpResponse, ApiError> {
    let enrollments = state.classes.class(class).await?.counts.all();
    if enrollments > i64::from(MAX_ROWS) {
        return Err(ApiError::export_too_large(MAX_ROWS, enrollments));
    }
    let sort = EnrollmentSort::Oldest;
    let table = state.classes.table(class, sort, &state.config.time_zone).await?;
    let mut sheet = Sheet::new(&table.titles())?;
    let mut after = None;
    loop {
        let (rows, next) = state.classes.piece(&table, after).await?;
        sheet = sheet.with(rows).await?;
        match next {
            Some(next) => after = Some(next),
            None => break,
        }
    }
    let bytes = sheet.finish().await?;
    Ok(HttpResponse::Ok()
        .content_type("application/vnd.openxmlformats-officedocument.spreadsheetml.sheet")
        .insert_header((
            header::CONTENT_DISPOSITION,
            format!("attachment; filename=\"enrollments-{class}.xlsx\""),
        ))
        .insert_header((header::CACHE_CONTROL, "no-store"))
        .body(bytes))
}
