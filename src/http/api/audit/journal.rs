//! `/api/admin/offerings/{event}/journal`: the whole history of an event as lines of JSON, for
//! whoever audits it from outside. What comes is what `admitone journal show --json` prints, so
//! that `admitone journal verify --file` takes it.

use actix_web::error::InternalError;
use actix_web::http::header;
use actix_web::{HttpResponse, web};
use bytes::Bytes;

use crate::http::error::{ApiError, ErrorCode};
use crate::http::extract::{Admin, Path};
use crate::http::respond::fed_by;
use crate::http::state::AppState;
use crate::ids::OfferingId;
use crate::journal::{Head, LoadError, export};

/// Rows read at a time: one may hold a thousand decisions.
const PAGE: u64 = 32;

/// The route.
pub fn configure(cfg: &mut web::ServiceConfig) {
    cfg.service(web::resource("/api/admin/offerings/{event}/journal").get(journal));
}

/// The event's journal, one row a line (administrators).
///
/// It begins with row 1, or after the rows that `admitone archive` has moved to files: give these and
/// the answer to `admitone journal verify --file`, in this order. It ends at the row that was the last when it was asked for, each row verified against the one
/// before. An answer that breaks off without its end met a row that is damaged, or lost the
/// database: `…/audit` tells.
#[utoipa::path(get, path = "/api/admin/offerings/{event}/journal", tag = "admin",
    params(("event" = OfferingId, Path)),
    responses((status = 200, content_type = "application/x-ndjson", body = String)))]
pub(crate) async fn journal(
    state: web::Data<AppState>,
    _: Admin,
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
