//! `/api/admin/invitations` and `/api/invitations/accept`: roles by mail.

use std::net::IpAddr;

use actix_web::{HttpRequest, HttpResponse, web};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::grants::{self, GrantDto};
use crate::accounts::normalise_email;
use crate::audit_log::{self, Act};
use crate::http::envelope::{Done, Page, Success};
use crate::http::error::{ApiError, ErrorCode, OperationCodes};
use crate::http::extract::{
    Access, ActRecord, Body, IdempotencyKey, Path, Query, Staff, Within, accepted_language,
    client_address, object,
};
use crate::http::pages::{PageQuery, next_cursor};
use crate::http::respond::{self, locate, mark_replayed, rfc3339};
use crate::http::state::AppState;
use crate::ids::{InvitationId, OfferingId, UserId};
use crate::language::Language;
use crate::roles::NewInvitation;
use crate::store::{AuditOutcome, GrantRole, GrantRow, InvitationRow};
use crate::trace;

/// Adds the routes.
pub fn configure(cfg: &mut web::ServiceConfig) {
    cfg.service(web::resource("/api/admin/invitations").get(list).post(invite))
        .service(web::resource("/api/admin/invitations/{invitation}").delete(withdraw))
        .service(web::resource("/api/invitations/accept").post(accept));
}

/// The error codes of these operations, beyond those that follow from their form.
pub(crate) const CODES: &[OperationCodes] = &[(
    "post",
    "/api/invitations/accept",
    &[ErrorCode::InvalidLink, ErrorCode::AccountRequired, ErrorCode::NotFound],
)];

/// An open invitation.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[expect(missing_docs, reason = "the names say it")]
pub struct InvitationDto {
    pub id: InvitationId,
    pub email: String,
    pub role: GrantRole,
    /// The offering that the role is for; null for ADMIN.
    #[schema(required)]
    pub offering_id: Option<OfferingId>,
    pub invited_by: UserId,
    pub created_at: String,
    pub expires_at: String,
}

/// A person to invite.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct NewInvitationBody {
    #[schema(example = "kim@example.com", format = "email", max_length = 254)]
    email: String,
    #[serde(deserialize_with = "object::word")]
    role: GrantRole,
    /// The offering that the role is for; absent for ADMIN.
    offering_id: Option<OfferingId>,
}

/// An invitation to accept.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct AcceptBody {
    /// The token of the link in the mail.
    token: String,
}

/// Invite a person to a role by mail (administrators; organisers for their own offerings).
///
/// The link works once, for seven days, for any account. It replaces an earlier one to the same address
/// for the same role.
#[utoipa::path(post, path = "/api/admin/invitations", tag = "admin", operation_id = "invite",
    params(("Idempotency-Key" = Option<String>, Header)), request_body = NewInvitationBody,
    responses((status = 201, body = Success<InvitationDto>)))]
pub(crate) async fn invite(
    state: web::Data<AppState>,
    Staff(caller): Staff,
    key: IdempotencyKey,
    request: HttpRequest,
    record: ActRecord,
    Body(body): Body<NewInvitationBody>,
) -> Result<HttpResponse, ApiError> {
    let email = normalise_email(&body.email).map_err(|why| ApiError::invalid("email", why))?;
    let key = key.row_key(caller.user, "invite", &body);
    let language = accepted_language(&request).unwrap_or(Language::English).tag();
    let new = NewInvitation { email, role: body.role, offering: body.offering_id, language };
    let (row, replayed) =
        state.accounts.roles().invite(new, caller, key.as_ref(), state.clock.now_ms()).await?;
    record.made(&row.id);
    let at = format!("/api/admin/invitations/{}", row.id);
    let mut response = respond::created(&render(row));
    locate(&mut response, &at);
    mark_replayed(&mut response, replayed);
    Ok(response)
}

/// List open invitations, newest first: all for administrators, those to their own offerings for
/// organisers.
#[utoipa::path(get, path = "/api/admin/invitations", tag = "admin", operation_id = "listInvitations",
    params(("limit" = Option<u64>, Query), ("cursor" = Option<String>, Query)),
    responses((status = 200, body = Page<InvitationDto>)))]
pub(crate) async fn list(
    state: web::Data<AppState>,
    Within(scope): Within,
    Query(page): Query<PageQuery>,
) -> Result<HttpResponse, ApiError> {
    let (limit, now) = (page.limit()?, state.clock.now_ms());
    let offerings = scope.offerings();
    let roles = state.accounts.roles();
    let rows = roles.invitations(offerings.as_deref(), page.after()?, (limit, now)).await?;
    let next = next_cursor(&rows, limit, |row| format!("{}_{}", row.created_at, row.id));
    Ok(respond::page(&rows.into_iter().map(render).collect::<Vec<_>>(), next))
}

/// Withdraw an invitation (administrators; organisers for their own offerings).
#[utoipa::path(delete, path = "/api/admin/invitations/{invitation}", tag = "admin",
    operation_id = "withdrawInvitation", params(("invitation" = InvitationId, Path)),
    responses((status = 200, body = Done)))]
pub(crate) async fn withdraw(
    state: web::Data<AppState>,
    _: Staff,
    Path(invitation): Path<InvitationId>,
    _: IdempotencyKey,
) -> Result<HttpResponse, ApiError> {
    state.accounts.roles().withdraw(invitation).await?;
    Ok(respond::done("The invitation is withdrawn."))
}

/// Accept an invitation with the token of its mail: the caller's account gets the role.
#[utoipa::path(post, path = "/api/invitations/accept", tag = "users",
    operation_id = "acceptInvitation", request_body = AcceptBody,
    responses((status = 200, body = Success<GrantDto>)))]
pub(crate) async fn accept(
    state: web::Data<AppState>,
    access: Access,
    _: IdempotencyKey,
    request: HttpRequest,
    Body(body): Body<AcceptBody>,
) -> Result<HttpResponse, ApiError> {
    let row = accepted(&state, access, client_address(&request), &body.token).await?;
    let people = state.store.people([row.user]).await?;
    Ok(respond::ok(&grants::render(&row, &people)))
}

/// Gives the caller the role of an invitation, and writes that to the audit log. Runs to its end, even if the
/// client disconnects in the middle.
///
/// # Errors
/// The invitation is refused, or the store failed.
pub(crate) async fn accepted(
    state: &web::Data<AppState>,
    access: Access,
    address: Option<IpAddr>,
    token: &str,
) -> Result<GrantRow, ApiError> {
    let (runtime, token) = (state.runtime.clone(), token.to_owned());
    let state = web::Data::clone(state);
    let accepting = async move {
        let _under_way = state.lifecycle.begin_act();
        accept_now(&state, access, address, &token).await
    };
    let accepting = runtime.spawn(trace::within(trace::current(), accepting));
    accepting.await.map_err(ApiError::internal)?
}

async fn accept_now(
    state: &AppState,
    access: Access,
    address: Option<IpAddr>,
    token: &str,
) -> Result<GrantRow, ApiError> {
    let (caller, now) = (access.caller, state.clock.now_ms());
    let invitation = state.accounts.roles().invitation(token, now).await?;
    let act = Act {
        actor: Some(caller.user),
        session: access.session.map(|session| session.0),
        address: address.map(|address| address.to_string()),
        action: "invitation.accept".into(),
        offering: invitation.offering,
        target: Some(invitation.id.to_string()),
        after: Some(serde_json::json!({
            "userId": caller.user, "role": invitation.role, "invitedBy": invitation.invited_by,
        })),
        request_id: trace::current().map(|origin| origin.request_id.to_string()),
        ..Act::default()
    };
    let begun = audit_log::begin(&state.store, act, now).await?;
    let accepted = state.accounts.roles().accept(token, caller, now).await.map_err(ApiError::from);
    let outcome = match &accepted {
        Ok(_) => audit_log::DONE,
        Err(error) => error.code().as_str(),
    };
    let with = AuditOutcome { outcome: outcome.to_owned(), ..AuditOutcome::default() };
    audit_log::complete(&state.store, begun, with).await;
    accepted
}

fn render(row: InvitationRow) -> InvitationDto {
    InvitationDto {
        id: row.id,
        email: row.email,
        role: row.role,
        offering_id: row.offering,
        invited_by: row.invited_by,
        created_at: rfc3339(row.created_at),
        expires_at: rfc3339(row.expires_at),
    }
}
