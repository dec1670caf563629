//! Reports of people to the moderators.

use actix_web::{HttpResponse, web};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::community::moderation::{
    NewReport, ReportFilter, ReportOutcome, ReportReason, ReportRow, ThingKind,
};
use crate::http::envelope::{Page, Success};
use crate::http::error::{ApiError, ErrorCode, OperationCodes};
use crate::http::extract::{Body, Caller, IdempotencyKey, Query, object};
use crate::http::pages::{PageQuery, next_cursor};
use crate::http::respond::{self, mark_replayed, rfc3339};
use crate::http::state::AppState;
use crate::ids::{ReportId, UserId};

/// Adds the routes.
pub fn configure(cfg: &mut web::ServiceConfig) {
    cfg.service(web::resource("/api/reports").post(create))
        .service(web::resource("/api/admin/moderation/reports").get(list));
}

/// The error codes of these operations, beyond those that follow from their form.
pub(crate) const CODES: &[OperationCodes] = &[(
    "post",
    "/api/reports",
    &[
        ErrorCode::NotFound,
        ErrorCode::AccountRequired,
        ErrorCode::Banned,
        ErrorCode::AlreadyReported,
    ],
)];

/// A report to make.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewReportBody {
    #[serde(deserialize_with = "object::word")]
    kind: ThingKind,
    /// The id of the thing.
    id: Uuid,
    #[serde(deserialize_with = "object::word")]
    reason: ReportReason,
    /// What is wrong, in words; needed where the reason is `OTHER`.
    #[serde(default)]
    #[schema(max_length = 500)]
    note: String,
}

/// A report, as its author reads it.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[expect(missing_docs, reason = "the names say it")]
pub struct ReportReceiptDto {
    pub id: ReportId,
    pub kind: ThingKind,
    pub thing_id: Uuid,
    pub reason: ReportReason,
    pub note: String,
    pub created_at: String,
}

/// A report, as moderators read it.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[expect(missing_docs, reason = "the names say it")]
pub struct ModerationReportDto {
    pub id: ReportId,
    pub kind: ThingKind,
    pub thing_id: Uuid,
    pub reporter_id: UserId,
    pub reason: ReportReason,
    pub note: String,
    /// All reports about this thing, open and closed.
    #[schema(minimum = 1)]
    pub reports_count: i64,
    /// Null while it is open.
    #[schema(required = true)]
    pub outcome: Option<ReportOutcome>,
    #[schema(required = true)]
    pub closed_at: Option<String>,
    #[schema(required = true)]
    pub closed_by: Option<UserId>,
    pub created_at: String,
}

/// Whether a report waits for a moderator.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "UPPERCASE")]
pub enum ReportState {
    /// It waits.
    #[default]
    Open,
    /// The thing was hidden, or the report dismissed.
    Closed,
}

/// The query of the list.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ReportsQuery {
    #[serde(default, deserialize_with = "object::option_word")]
    status: Option<ReportState>,
    #[serde(default, deserialize_with = "object::option_word")]
    kind: Option<ThingKind>,
    limit: Option<u64>,
    cursor: Option<String>,
}

/// Report something to the moderators, once per person and thing.
#[utoipa::path(post, path = "/api/reports", tag = "articles", operation_id = "reportThing",
    request_body = NewReportBody, responses((status = 201, body = Success<ReportReceiptDto>)))]
pub(crate) async fn create(
    state: web::Data<AppState>,
    caller: Caller,
    key: IdempotencyKey,
    Body(body): Body<NewReportBody>,
) -> Result<HttpResponse, ApiError> {
    let key = key.row_key(caller.user, "report", &body);
    let NewReportBody { kind, id, reason, note } = body;
    let (new, now) = (NewReport { kind, thing: id, reason, note }, state.clock.now_ms());
    let (row, replayed) = state.moderation.report(caller, new, key.as_ref(), now).await?;
    let mut response = respond::created(&ReportReceiptDto {
        id: row.id,
        kind: row.kind,
        thing_id: row.thing,
        reason: row.reason,
        note: row.note,
        created_at: rfc3339(row.created_at),
    });
    mark_replayed(&mut response, replayed);
    Ok(response)
}

/// List reports, newest first: those that are open, or those that are closed.
#[utoipa::path(get, path = "/api/admin/moderation/reports", tag = "admin",
    operation_id = "listReports",
    params(
        ("status" = Option<ReportState>, Query, description = "`OPEN` if left out"),
        ("kind" = Option<ThingKind>, Query),
        ("limit" = Option<u64>, Query), ("cursor" = Option<String>, Query)),
    responses((status = 200, body = Page<ModerationReportDto>)))]
pub(crate) async fn list(
    state: web::Data<AppState>,
    Query(query): Query<ReportsQuery>,
) -> Result<HttpResponse, ApiError> {
    let page = PageQuery { limit: query.limit, cursor: query.cursor };
    let limit = page.limit()?;
    let is_open = query.status.unwrap_or_default() == ReportState::Open;
    let filter = ReportFilter { is_open, kind: query.kind, after: page.after_id()? };
    let (rows, counts) = state.moderation.reports(filter, limit).await?;
    let next = next_cursor(&rows, limit, |row| row.id.to_string());
    let render = |row: ReportRow| {
        let reports_count = counts.get(&row.thing).copied().unwrap_or(1);
        render(row, reports_count)
    };
    Ok(respond::page(&rows.into_iter().map(render).collect::<Vec<_>>(), next))
}

fn render(row: ReportRow, reports_count: i64) -> ModerationReportDto {
    ModerationReportDto {
        id: row.id,
        kind: row.kind,
        thing_id: row.thing,
        reporter_id: row.reporter,
        reason: row.reason,
        note: row.note,
        reports_count,
        outcome: row.closed.map(|(.., outcome)| outcome),
        closed_at: row.closed.map(|(_, at, _)| rfc3339(at)),
        closed_by: row.closed.map(|(by, ..)| by),
        created_at: rfc3339(row.created_at),
    }
}
