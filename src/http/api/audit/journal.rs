//! `/api/admin/offerings/{event}/journal`: the whole history of an event as lines of JSON, for
//! external audits. The format is that of `admitone journal show --json`, so that `admitone journal
//! verify --file` accepts it.

use actix_web::error::InternalError;
use actix_web::http::header;
use actix_web::{HttpResponse, web};
use bytes::Bytes;

use crate::http::error::{ApiError, ErrorCode};
use crate::http::extract::{Path, Staff};
use crate::http::respond::fed_by;
use crate::http::state::AppState;
use crate::ids::OfferingId;
use crate::journal::{Head, LoadError, export};

/// Rows read at a time; one row may hold a thousand decisions.
const PAGE: u64 = 32;

/// Adds the route.
pub fn configure(cfg: &mut web::ServiceConfig) {
    cfg.service(web::resource("/api/admin/offerings/{event}/journal").get(journal));
}

/// Export the event's journal, one row per line.
///
/// The answer begins with row 1, or after the rows that `admitone archive` has moved to files: pass
/// these files and the answer to `admitone journal verify --file`, in this order. It ends at the
/// row that was the last at the time of the request; each row is verified against the one before.
/// If the answer breaks off without its end, a row is damaged or the database connection was lost:
/// `…/audit` shows which.
#[utoipa::path(get, path = "/api/admin/offerings/{event}/journal", tag = "admin",
    params(("event" = OfferingId, Path)),
    responses((status = 200, content_type = "application/x-ndjson", body = String)))]
pub(crate) async fn journal(
    state: web::Data<AppState>,
    _: Staff,
    Path(event): Path<OfferingId>,
) -> Result<HttpResponse, ApiError> {
    let end = state.store.journal_head(event).await.map_err(|error| match error {
        LoadError::NotFound => ApiError::of(ErrorCode::EventNotFound),
        error @ LoadError::Unavailable(_) => ApiError::unavailable(error),
        error => ApiError::internal(format!("the journal of {event} cannot be read: {error}")),
    })?;
    let archived = state.store.archived(event).await.map_err(ApiError::unavailable)?;
    let start = archived.map_or(Head::EMPTY, |archived| archived.head);
    let body = fed_by(move |tx| async move {
        let mut head = start;
        while head.seq < end.seq {
            let wanted = PAGE.min(end.seq.0 - head.seq.0);
            let rows = match state.store.journal_rows(event, head, wanted).await {
                Ok(rows) => rows,
                Err(error) => {
                    tracing::warn!(%event, %error, "an export of a journal broke off");
                    let broken = InternalError::new(error.to_string(), Default::default());
                    let _ = tx.send(Err(broken.into())).await;
                    return;
                }
            };
            let Some((last, _)) = rows.last() else { return };
            head = last.head();
            let mut lines = String::new();
            for (row, record) in &rows {
                lines.push_str(&export::to_line(row, record));
                lines.push('\n');
            }
            if tx.send(Ok(Bytes::from(lines))).await.is_err() {
                return;
            }
        }
    });
    Ok(HttpResponse::Ok()
        .content_type("application/x-ndjson")
        .insert_header((header::CACHE_CONTROL, "no-store"))
        .streaming(body))
}
