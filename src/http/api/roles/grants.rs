//! `/api/admin/grants`: the roles that people have.

use std::collections::HashMap;

use actix_web::{HttpResponse, web};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::http::envelope::{Done, Page, Success};
use crate::http::error::{ApiError, ErrorCode, OperationCodes};
use crate::http::extract::{ActRecord, Body, IdempotencyKey, Path, Query, Staff, Within, object};
use crate::http::pages::{PageQuery, next_cursor};
use crate::http::respond::{self, locate, mark_replayed, rfc3339};
use crate::http::state::AppState;
use crate::ids::{GrantId, OfferingId, UserId};
use crate::roles::{NewGrant, Scope};
use crate::store::{GrantFilter, GrantRole, GrantRow, Person};

/// Adds the routes.
pub fn configure(cfg: &mut web::ServiceConfig) {
    cfg.service(web::resource("/api/admin/grants").get(list).post(give))
        .service(web::resource("/api/admin/grants/{grant}").delete(revoke));
}

/// The error codes of these operations, beyond those that follow from their form.
pub(crate) const CODES: &[OperationCodes] = &[
    ("post", "/api/admin/grants", &[ErrorCode::NotFound]),
    ("delete", "/api/admin/grants/{grant}", &[ErrorCode::LastAdministrator]),
];

/// A role that a person has.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[expect(missing_docs, reason = "the names say it")]
pub struct GrantDto {
    pub id: GrantId,
    pub user_id: UserId,
    /// Null if the account is closed, and to organisers in the answer to a new role.
    #[schema(required)]
    pub user_name: Option<String>,
    /// Null if the account is closed or has none, and to all but administrators.
    #[schema(required)]
    pub user_email: Option<String>,
    pub role: GrantRole,
    /// The offering that the role is for; null for ADMIN.
    #[schema(required)]
    pub offering_id: Option<OfferingId>,
    /// Null for the first administrator, and for roles given on the command line.
    #[schema(required)]
    pub granted_by: Option<UserId>,
    pub granted_at: String,
}

/// A role to give.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct NewGrantBody {
    user_id: UserId,
    #[serde(deserialize_with = "object::word")]
    role: GrantRole,
    /// The offering that the role is for; absent for ADMIN.
    offering_id: Option<OfferingId>,
}

/// The query of the list.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct GrantsQuery {
    user_id: Option<UserId>,
    offering_id: Option<OfferingId>,
    #[serde(default, deserialize_with = "object::option_word")]
    role: Option<GrantRole>,
    limit: Option<u64>,
    cursor: Option<String>,
}

/// List the roles that people have, newest first: all for administrators, those of their own offerings
/// for organisers.
#[utoipa::path(get, path = "/api/admin/grants", tag = "admin", operation_id = "listGrants",
    params(("userId" = Option<UserId>, Query), ("offeringId" = Option<OfferingId>, Query),
        ("role" = Option<GrantRole>, Query), ("limit" = Option<u64>, Query),
        ("cursor" = Option<String>, Query)),
    responses((status = 200, body = Page<GrantDto>)))]
pub(crate) async fn list(
    state: web::Data<AppState>,
    Within(scope): Within,
    Query(query): Query<GrantsQuery>,
) -> Result<HttpResponse, ApiError> {
    let page = PageQuery { limit: query.limit, cursor: query.cursor };
    let filter = GrantFilter {
        user: query.user_id,
        role: query.role,
        offerings: among(&scope, query.offering_id),
        after: page.after()?,
    };
    let limit = page.limit()?;
    let rows = state.accounts.roles().list(&filter, limit).await?;
    let next = next_cursor(&rows, limit, |row| format!("{}_{}", row.granted_at, row.id));
    let mut people = state.store.people(rows.iter().map(|row| row.user)).await?;
    if scope != Scope::All {
        // Who may give roles by ids is not told the addresses behind them.
        people.values_mut().for_each(|person| person.email.clear());
    }
    let rows: Vec<_> = rows.iter().map(|row| render(row, &people)).collect();
    Ok(respond::page(&rows, next))
}

/// Returns the offerings of a list: the one that is asked for, if it is within the scope.
pub(super) fn among(scope: &Scope, asked: Option<OfferingId>) -> Option<Vec<OfferingId>> {
    match asked {
        None => scope.offerings(),
        Some(one) => Some(if scope.contains(one) { vec![one] } else { Vec::new() }),
    }
}

/// Give a person a role (administrators; organisers for their own offerings).
///
/// A person who has the role already keeps it as it is.
#[utoipa::path(post, path = "/api/admin/grants", tag = "admin", operation_id = "giveRole",
    params(("Idempotency-Key" = Option<String>, Header)), request_body = NewGrantBody,
    responses((status = 201, body = Success<GrantDto>)))]
pub(crate) async fn give(
    state: web::Data<AppState>,
    Staff(caller): Staff,
    Within(scope): Within,
    key: IdempotencyKey,
    record: ActRecord,
    Body(body): Body<NewGrantBody>,
) -> Result<HttpResponse, ApiError> {
    let key = key.row_key(caller.user, "give role", &body);
    let new = NewGrant { user: body.user_id, role: body.role, offering: body.offering_id };
    let now = state.clock.now_ms();
    let roles = state.accounts.roles();
    let (row, replayed) = roles.grant(new, Some(caller), key.as_ref(), now).await?;
    record.made(&row.id);
    let people = match scope {
        Scope::All => state.store.people([row.user]).await?,
        Scope::Some(_) => HashMap::new(),
    };
    let at = format!("/api/admin/grants/{}", row.id);
    let mut response = respond::created(&render(&row, &people));
    locate(&mut response, &at);
    mark_replayed(&mut response, replayed);
    Ok(response)
}

/// Take a role away (administrators; organisers for their own offerings).
///
/// It ends at once on the instance that answers, and within two seconds on the others.
#[utoipa::path(delete, path = "/api/admin/grants/{grant}", tag = "admin", operation_id = "revokeRole",
    params(("grant" = GrantId, Path)), responses((status = 200, body = Done)))]
pub(crate) async fn revoke(
    state: web::Data<AppState>,
    Staff(caller): Staff,
    Path(grant): Path<GrantId>,
    _: IdempotencyKey,
) -> Result<HttpResponse, ApiError> {
    state.accounts.roles().revoke(grant, Some(caller)).await?;
    Ok(respond::done("The role is taken away."))
}

pub(super) fn render(row: &GrantRow, people: &HashMap<UserId, Person>) -> GrantDto {
    let person = people.get(&row.user);
    GrantDto {
        id: row.id,
        user_id: row.user,
        user_name: person.and_then(|person| person.name.clone()),
        user_email: person.and_then(Person::address).map(str::to_owned),
        role: row.role,
        offering_id: row.offering,
        granted_by: row.granted_by,
        granted_at: rfc3339(row.granted_at),
    }
}
