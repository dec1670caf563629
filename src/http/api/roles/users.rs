//! `/api/admin/users`: accounts, and the roles of each.

use actix_web::{HttpResponse, web};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::http::dto;
use crate::http::envelope::Page;
use crate::http::error::ApiError;
use crate::http::extract::{Query, Staff};
use crate::http::pages::{PageQuery, next_cursor};
use crate::http::respond::{self, rfc3339};
use crate::http::state::AppState;
use crate::ids::{OfferingId, UserId};
use crate::roles::Roles;
use crate::store::GrantRole;

/// Adds the routes.
pub fn configure(cfg: &mut web::ServiceConfig) {
    cfg.service(web::resource("/api/admin/users").get(list));
}

/// The longest text to search for.
const LONGEST: usize = 100;

/// A role of a person.
#[derive(Clone, Copy, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct HeldRoleDto {
    role: GrantRole,
    /// The offering that the role is for; null for ADMIN.
    #[schema(required)]
    offering_id: Option<OfferingId>,
}

/// An account, as administrators see it.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct AccountDto {
    id: UserId,
    email: String,
    /// When the account's person confirmed the address; null if not yet: anyone may have registered it.
    #[schema(required)]
    email_confirmed_at: Option<String>,
    name: String,
    roles: Vec<HeldRoleDto>,
    created_at: String,
    /// When a login was opened or renewed last; null if that is not known any more.
    #[schema(required)]
    last_login_at: Option<String>,
}

/// The query of the list.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct UsersQuery {
    q: Option<String>,
    limit: Option<u64>,
    cursor: Option<String>,
}

/// List accounts, newest first (administrators).
#[utoipa::path(get, path = "/api/admin/users", tag = "admin", operation_id = "listUsers",
    params(("q" = Option<String>, Query, description = "A part of the name or of the address."),
        ("limit" = Option<u64>, Query), ("cursor" = Option<String>, Query)),
    responses((status = 200, body = Page<AccountDto>)))]
pub(crate) async fn list(
    state: web::Data<AppState>,
    _: Staff,
    Query(query): Query<UsersQuery>,
) -> Result<HttpResponse, ApiError> {
    let page = PageQuery { limit: query.limit, cursor: query.cursor };
    let limit = page.limit()?;
    let text = query.q.as_deref().map(str::trim);
    let is_blank = text.is_some_and(str::is_empty);
    let text = text.unwrap_or_default();
    if is_blank || text.chars().count() > LONGEST || text.chars().any(char::is_control) {
        return Err(ApiError::invalid("q", "must have 1 to 100 characters"));
    }
    let rows = state.store.user_search(text, None, page.after()?, limit).await?;
    let last = state.store.last_logins(rows.iter().map(|row| row.id)).await?;
    let next = next_cursor(&rows, limit, |row| format!("{}_{}", row.created_at, row.id));
    let account = |row: &crate::store::UserRow| AccountDto {
        id: row.id,
        email: row.email.clone(),
        email_confirmed_at: dto::time(row.email_confirmed_at),
        name: row.name.clone(),
        roles: held(state.accounts.roles(), row.id),
        created_at: rfc3339(row.created_at),
        last_login_at: dto::time(last.get(&row.id).copied()),
    };
    Ok(respond::page(&rows.iter().map(account).collect::<Vec<_>>(), next))
}

/// Returns the roles of a person.
pub(crate) fn held(roles: &Roles, user: UserId) -> Vec<HeldRoleDto> {
    let held = roles.of(user).into_iter();
    held.map(|(role, offering_id)| HeldRoleDto { role, offering_id }).collect()
}
