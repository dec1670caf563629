//! `/api/terms`: terms that people agree to, their versions, and agreements.

use actix_web::{HttpResponse, web};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::http::envelope::{Done, Page, Success};
use crate::http::error::{ApiError, ErrorCode, OperationCodes};
use crate::http::extract::{Body, Caller, IdempotencyKey, Path, Query, Staff, object};
use crate::http::pages::{PageQuery, next_cursor};
use crate::http::respond::{self, locate, mark_replayed, rfc3339};
use crate::http::state::AppState;
use crate::ids::{OfferingId, TermId, UserId};
use crate::terms::{Agreement, TermFilter, TermKind, TermRow, TermText, TermsOf};

/// The largest body in bytes: 50,000 characters, each as two escapes of JSON.
const LIMIT: usize = 768 * 1_024;

/// Adds the routes.
pub fn configure(cfg: &mut web::ServiceConfig) {
    cfg.service(web::resource("/api/terms").get(list).post(create))
        .service(web::resource("/api/terms/agreements").get(agreements))
        .service(web::resource("/api/terms/{term}").get(show).put(replace).delete(retire))
        .service(web::resource("/api/terms/{term}/agree").post(agree));
}

/// The error codes of these operations, beyond those that follow from their form.
pub(crate) const CODES: &[OperationCodes] = &[
    ("post", "/api/terms", &[ErrorCode::Forbidden]),
    ("put", "/api/terms/{term}", &[ErrorCode::Forbidden, ErrorCode::TermNotCurrent]),
    ("delete", "/api/terms/{term}", &[ErrorCode::Forbidden, ErrorCode::TermNotCurrent]),
    ("post", "/api/terms/{term}/agree", &[ErrorCode::AccountRequired, ErrorCode::TermNotCurrent]),
];

/// One version of terms. It never changes.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[expect(missing_docs, reason = "the names say it")]
pub struct TermDto {
    pub id: TermId,
    #[serde(rename = "type")]
    pub kind: TermKind,
    /// The only class that it is asked for; null for all other terms.
    #[schema(required = true)]
    pub mclass_id: Option<OfferingId>,
    pub title: String,
    /// Plain text.
    pub content: String,
    /// True if sign-up, or an application, needs the agreement.
    pub is_required: bool,
    /// Counted from 1.
    #[schema(minimum = 1)]
    pub version: u32,
    /// False once another version has replaced it, or it is retired.
    pub is_current: bool,
    pub created_at: String,
}

/// Terms to create.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct NewTermBody {
    #[serde(rename = "type", deserialize_with = "object::word")]
    kind: TermKind,
    /// The only class that it is asked for, of type `ENROLLMENT`; null or left out for all.
    mclass_id: Option<OfferingId>,
    /// One line.
    #[schema(example = "Terms of service", max_length = 200)]
    title: String,
    /// Plain text, shown with its line breaks.
    #[schema(example = "1. …", max_length = 50_000)]
    content: String,
    /// True if sign-up, or an application, needs the agreement.
    is_required: bool,
}

/// The next version of terms. Their type and class stay.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct NextTermBody {
    /// One line.
    #[schema(example = "Terms of service", max_length = 200)]
    title: String,
    /// Plain text, shown with its line breaks.
    #[schema(example = "1. …", max_length = 50_000)]
    content: String,
    /// True if sign-up, or an application, needs the agreement.
    is_required: bool,
}

/// An agreement of the caller to a version of terms.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[expect(missing_docs, reason = "the names say it")]
pub struct TermAgreementDto {
    pub id: Uuid,
    pub user_id: UserId,
    /// The version that was agreed to; it can be read for ever.
    pub term_id: TermId,
    #[serde(rename = "type")]
    pub kind: TermKind,
    /// The only class that it is asked for; null for all other terms.
    #[schema(required = true)]
    pub mclass_id: Option<OfferingId>,
    pub title: String,
    #[schema(minimum = 1)]
    pub version: u32,
    pub agreed_at: String,
}

/// The query of a list of terms.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct TermQuery {
    limit: Option<u64>,
    cursor: Option<String>,
    #[serde(rename = "type")]
    kind: Option<TermKind>,
    mclass_id: Option<OfferingId>,
}

/// List current terms, by type and title.
#[utoipa::path(get, path = "/api/terms", tag = "terms", operation_id = "listTerms", security(()),
    params(
        ("type" = Option<TermKind>, Query),
        ("mclassId" = Option<OfferingId>, Query,
            description = "Those of this class, and those that are of no single class. Left out: those of public classes and of no class"),
        ("limit" = Option<u64>, Query), ("cursor" = Option<String>, Query)),
    responses((status = 200, body = Page<TermDto>)))]
pub(crate) async fn list(
    state: web::Data<AppState>,
    Query(query): Query<TermQuery>,
) -> Result<HttpResponse, ApiError> {
    let TermQuery { limit, cursor, kind, mclass_id } = query;
    let page = PageQuery { limit, cursor };
    let of = mclass_id.map_or(TermsOf::Listed, TermsOf::Class);
    let (limit, filter) = (page.limit()?, TermFilter { kind, of });
    let rows = state.terms.list(filter, page.after_id()?, limit).await?;
    let next = next_cursor(&rows, limit, |row| row.id.to_string());
    Ok(respond::page(&rows.into_iter().map(render).collect::<Vec<_>>(), next))
}

/// Create terms (administrators).
#[utoipa::path(post, path = "/api/terms", tag = "terms", operation_id = "createTerm",
    request_body = NewTermBody, responses((status = 201, body = Success<TermDto>)))]
pub(crate) async fn create(
    state: web::Data<AppState>,
    Staff(admin): Staff,
    key: IdempotencyKey,
    Body(body): Body<NewTermBody, LIMIT>,
) -> Result<HttpResponse, ApiError> {
    let key = key.row_key(admin.user, "create term", &body);
    let NewTermBody { kind, mclass_id, title, content, is_required } = body;
    let text = TermText { title, content, is_required };
    let (of, now) = ((kind, mclass_id), state.clock.now_ms());
    let (row, replayed) = state.terms.create(admin.user, of, text, key.as_ref(), now).await?;
    Ok(created(row, replayed))
}

/// Read a version of terms, also one that was replaced or retired.
#[utoipa::path(get, path = "/api/terms/{term}", tag = "terms", operation_id = "getTerm",
    security(()), params(("term" = TermId, Path)),
    responses((status = 200, body = Success<TermDto>)))]
pub(crate) async fn show(
    state: web::Data<AppState>,
    Path(term): Path<TermId>,
) -> Result<HttpResponse, ApiError> {
    Ok(respond::ok(&render(state.terms.term(term).await?)))
}

/// Replace terms by their next version (administrators).
///
/// The next version has another id. Agreements to the version before stay, and do not count for the
/// next one.
#[utoipa::path(put, path = "/api/terms/{term}", tag = "terms", operation_id = "replaceTerm",
    params(("term" = TermId, Path)), request_body = NextTermBody,
    responses((status = 201, body = Success<TermDto>)))]
pub(crate) async fn replace(
    state: web::Data<AppState>,
    Staff(admin): Staff,
    Path(term): Path<TermId>,
    key: IdempotencyKey,
    Body(body): Body<NextTermBody, LIMIT>,
) -> Result<HttpResponse, ApiError> {
    let key = key.row_key(admin.user, "replace term", &(term, &body));
    let NextTermBody { title, content, is_required } = body;
    let (text, now) = (TermText { title, content, is_required }, state.clock.now_ms());
    let (row, replayed) = state.terms.replace(admin.user, term, text, key.as_ref(), now).await?;
    Ok(created(row, replayed))
}

/// Retire terms: no one is asked for them any more, and agreements stay (administrators).
#[utoipa::path(delete, path = "/api/terms/{term}", tag = "terms", operation_id = "retireTerm",
    params(("term" = TermId, Path)), responses((status = 200, body = Done)))]
pub(crate) async fn retire(
    state: web::Data<AppState>,
    Staff(admin): Staff,
    Path(term): Path<TermId>,
    key: IdempotencyKey,
) -> Result<HttpResponse, ApiError> {
    let key = key.row_key(admin.user, "retire term", &term);
    let replayed = state.terms.retire(term, key.as_ref(), state.clock.now_ms()).await?;
    let mut response = respond::done("the terms are retired");
    mark_replayed(&mut response, replayed);
    Ok(response)
}

/// Agree to a version of terms.
///
/// Repeated, it is answered as the first time, also once the version is no longer current.
#[utoipa::path(post, path = "/api/terms/{term}/agree", tag = "terms", operation_id = "agreeToTerm",
    params(("term" = TermId, Path)), responses((status = 200, body = Success<TermAgreementDto>)))]
pub(crate) async fn agree(
    state: web::Data<AppState>,
    caller: Caller,
    Path(term): Path<TermId>,
    key: IdempotencyKey,
) -> Result<HttpResponse, ApiError> {
    let key = key.row_key(caller.user, "agree to term", &term);
    let now = state.clock.now_ms();
    let (agreement, replayed) = state.terms.agree(caller, term, key.as_ref(), now).await?;
    let mut response = respond::ok(&render_agreement(agreement));
    mark_replayed(&mut response, replayed);
    Ok(response)
}

/// List the caller's agreements, newest first.
#[utoipa::path(get, path = "/api/terms/agreements", tag = "terms",
    operation_id = "listTermAgreements",
    params(("limit" = Option<u64>, Query), ("cursor" = Option<String>, Query)),
    responses((status = 200, body = Page<TermAgreementDto>)))]
pub(crate) async fn agreements(
    state: web::Data<AppState>,
    caller: Caller,
    Query(query): Query<PageQuery>,
) -> Result<HttpResponse, ApiError> {
    let limit = query.limit()?;
    let found = state.terms.agreements(caller.user, query.after_id()?, limit).await?;
    let next = next_cursor(&found, limit, |agreement| agreement.row.id.to_string());
    Ok(respond::page(&found.into_iter().map(render_agreement).collect::<Vec<_>>(), next))
}

fn created(row: TermRow, replayed: bool) -> HttpResponse {
    let at = format!("/api/terms/{}", row.id);
    let mut response = respond::created(&render(row));
    locate(&mut response, &at);
    mark_replayed(&mut response, replayed);
    response
}

pub(crate) fn render(row: TermRow) -> TermDto {
    TermDto {
        id: row.id,
        kind: row.kind,
        mclass_id: row.class,
        title: row.title,
        content: row.content,
        is_required: row.is_required,
        version: row.version,
        is_current: row.is_current,
        created_at: rfc3339(row.created_at),
    }
}

fn render_agreement(Agreement { row, term }: Agreement) -> TermAgreementDto {
    TermAgreementDto {
        id: row.id,
        user_id: row.user,
        term_id: row.term,
        kind: term.kind,
        mclass_id: term.class,
        title: term.title,
        version: term.version,
        agreed_at: rfc3339(row.agreed_at),
    }
}
