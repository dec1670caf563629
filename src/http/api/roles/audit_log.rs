//! `/api/admin/audit-log`: what staff have done.

use actix_web::{HttpResponse, web};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;
use uuid::Uuid;

use super::grants::among;
use crate::http::csv_file;
use crate::http::dto::Time;
use crate::http::envelope::Page;
use crate::http::error::ApiError;
use crate::http::extract::{Query, Within};
use crate::http::pages::{PageQuery, next_cursor};
use crate::http::respond::{self, rfc3339};
use crate::http::state::AppState;
use crate::ids::{OfferingId, UserId};
use crate::roles::Scope;
use crate::store::{AuditEntry, AuditFilter};

/// Adds the routes.
pub fn configure(cfg: &mut web::ServiceConfig) {
    cfg.service(web::resource("/api/admin/audit-log").get(list))
        .service(web::resource("/api/admin/audit-log.csv").get(export));
}

/// Rows of a file that are read at a time.
const PAGE: u64 = 500;
/// The longest name of an act.
const LONGEST: usize = 50;
/// The columns of the file.
const TITLES: [&str; 12] = [
    "id",
    "at",
    "actorId",
    "sessionId",
    "address",
    "action",
    "offeringId",
    "target",
    "before",
    "after",
    "requestId",
    "outcome",
];

/// An administrative act.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct AuditEntryDto {
    id: Uuid,
    at: String,
    /// Who did it; null on the command line, and of `login.locked`: wrong passwords for the account `target`.
    #[schema(required)]
    actor_id: Option<UserId>,
    /// The login with which it was done; null where it is not known.
    #[schema(required)]
    session_id: Option<Uuid>,
    /// The network address, or `command line`.
    #[schema(required)]
    address: Option<String>,
    /// What was done, such as `event.change`.
    action: String,
    #[schema(required)]
    offering_id: Option<OfferingId>,
    /// The id of the thing that the act is about.
    #[schema(required)]
    target: Option<String>,
    /// The values before: of a change, those that differ. Null where they are not written.
    #[schema(required, value_type = Value)]
    before: Option<Value>,
    /// The values after; those of the request for acts whose effect is not read: an object, unless the
    /// request had none. Secrets, and what identifies a person other than by id, are not written.
    #[schema(required, value_type = Value)]
    after: Option<Value>,
    #[schema(required)]
    request_id: Option<String>,
    /// `DONE`; the code of the refusal; `OUTCOME_UNKNOWN` if the answer took too long, and the act may have
    /// happened; `BEGUN` while it is under way, or if the server stopped meanwhile.
    outcome: String,
}

/// The query of the list.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct AuditLogQuery {
    actor_id: Option<UserId>,
    action: Option<String>,
    offering_id: Option<OfferingId>,
    from: Option<Time>,
    to: Option<Time>,
    limit: Option<u64>,
    cursor: Option<String>,
}

impl AuditLogQuery {
    fn page(&self) -> PageQuery {
        PageQuery { limit: self.limit, cursor: self.cursor.clone() }
    }

    fn filter(&self, scope: &Scope) -> Result<AuditFilter, ApiError> {
        let action = self.action.as_deref().map(str::trim).filter(|text| !text.is_empty());
        let is_name = |text: &str| {
            text.len() <= LONGEST
                && text.chars().all(|c| c.is_ascii_lowercase() || matches!(c, '.' | '-'))
        };
        if action.is_some_and(|text| !is_name(text)) {
            let words = "must be the name of an act, such as event.change, or its first word";
            return Err(ApiError::invalid("action", words));
        }
        Ok(AuditFilter {
            actor: self.actor_id,
            action: action.map(str::to_owned),
            offerings: among(scope, self.offering_id),
            from: self.from.map(Time::millis),
            until: self.to.map(Time::millis),
            after: self.page().after()?,
        })
    }
}

/// List what staff have done, newest first: all for administrators, what is about their own offerings
/// for organisers.
#[utoipa::path(get, path = "/api/admin/audit-log", tag = "admin", operation_id = "listAuditLog",
    params(("actorId" = Option<UserId>, Query),
        ("action" = Option<String>, Query,
            description = "The name of an act, such as `event.change`, or its first word."),
        ("offeringId" = Option<OfferingId>, Query), ("from" = Option<Time>, Query),
        ("to" = Option<Time>, Query, description = "Those before this time."),
        ("limit" = Option<u64>, Query), ("cursor" = Option<String>, Query)),
    responses((status = 200, body = Page<AuditEntryDto>)))]
pub(crate) async fn list(
    state: web::Data<AppState>,
    Within(scope): Within,
    Query(query): Query<AuditLogQuery>,
) -> Result<HttpResponse, ApiError> {
    let (filter, limit) = (query.filter(&scope)?, query.page().limit()?);
    let rows = state.store.audit_list(&filter, limit).await?;
    let next = next_cursor(&rows, limit, |row| format!("{}_{}", row.at, row.id));
    Ok(respond::page(&rows.into_iter().map(render).collect::<Vec<_>>(), next))
}

/// Export what staff have done as CSV, newest first, with the filter of the list.
///
/// UTF-8 with a byte order mark; a field that a spreadsheet would run as a formula begins with an
/// apostrophe. A file that breaks off is incomplete.
#[utoipa::path(get, path = "/api/admin/audit-log.csv", tag = "admin",
    operation_id = "exportAuditLog",
    params(("actorId" = Option<UserId>, Query), ("action" = Option<String>, Query),
        ("offeringId" = Option<OfferingId>, Query), ("from" = Option<Time>, Query),
        ("to" = Option<Time>, Query)),
    responses((status = 200, content_type = "text/csv", body = String)))]
pub(crate) async fn export(
    state: web::Data<AppState>,
    Within(scope): Within,
    Query(query): Query<AuditLogQuery>,
) -> Result<HttpResponse, ApiError> {
    Ok(file(state, query.filter(&scope)?))
}

/// Answers with all acts that match, as a file.
pub(crate) fn file(state: web::Data<AppState>, filter: AuditFilter) -> HttpResponse {
    csv_file::stream("audit-log", TITLES.map(str::to_owned).to_vec(), async move |after| {
        let filter = AuditFilter { after: after.or(filter.after), ..filter.clone() };
        let rows = state.store.audit_list(&filter, PAGE).await?;
        let next = rows.last().filter(|_| rows.len() as u64 == PAGE).map(|row| (row.at, row.id));
        Ok((rows.into_iter().map(line).collect(), next))
    })
}

fn line(row: AuditEntry) -> Vec<String> {
    let text = |value: Option<String>| value.unwrap_or_default();
    vec![
        row.id.to_string(),
        rfc3339(row.at),
        text(row.actor.map(|id| id.to_string())),
        text(row.session.map(|id| id.to_string())),
        text(row.address),
        row.action,
        text(row.offering.map(|id| id.to_string())),
        text(row.target),
        text(row.before),
        text(row.after),
        text(row.request_id),
        row.outcome,
    ]
}

fn render(row: AuditEntry) -> AuditEntryDto {
    let values = |text: Option<String>| text.and_then(|text| serde_json::from_str(&text).ok());
    AuditEntryDto {
        id: row.id,
        at: rfc3339(row.at),
        actor_id: row.actor,
        session_id: row.session,
        address: row.address,
        action: row.action,
        offering_id: row.offering,
        target: row.target,
        before: values(row.before),
        after: values(row.after),
        request_id: row.request_id,
        outcome: row.outcome,
    }
}
