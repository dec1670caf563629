//! The way of a request into the gate: who is it, may they, what is it about. Nothing is written here:
//! `carry_out.rs` writes the act that it returns.

use actix_web::dev::ServiceRequest;
use actix_web::{HttpMessage, web};
use serde_json::Value;

use super::begun::{Facts, thing_of};
use super::carry_out::Allowed;
use super::rules::{About, Rule};
use super::subject::{self, Params, Subject};
use super::{sent, snapshots};
use crate::accounts::Access;
use crate::audit_log::{self, Act};
use crate::http::error::{ApiError, ErrorCode};
use crate::http::extract::{ActRecord, Granted, client_address, knows_sessions};
use crate::http::state::AppState;
use crate::roles::{Roles, Scope};

/// Lets a request in that may do what the rule is about, and refuses all others. `access` is what the
/// token of the request proves, if it proves anything. Returns the act of the request, for
/// [`carry_out`](super::carry_out::carry_out).
///
/// # Errors
/// 401, 403; the store failed.
pub(crate) async fn enter(
    request: &mut ServiceRequest,
    rule: &'static Rule,
    access: Result<Access, ApiError>,
) -> Result<Option<Allowed>, ApiError> {
    let state = request.app_data::<web::Data<AppState>>().expect("the server sets its state");
    let state = web::Data::clone(state);
    let access = match access {
        Ok(access) => access,
        // The handler refuses it, or serves people without an account.
        Err(_) if rule.is_shared => return Ok(None),
        Err(error) => return Err(error),
    };
    let caller = access.caller;
    let roles = state.accounts.roles();
    if rule.is_shared && !roles.has_any(caller) {
        return Ok(None);
    }
    if caller.guest {
        return Err(ApiError::of(ErrorCode::Forbidden));
    }
    if !roles.has_any(caller) {
        // Another instance may have given them their role a moment ago.
        learn_again(roles).await;
        if !roles.has_any(caller) {
            return Err(ApiError::of(ErrorCode::Forbidden));
        }
    }
    let values = match rule.act {
        Some(_) => sent::values_of(request).await?,
        None => Value::Null,
    };
    // As the router reads it, and the handler after it: percent-decoded.
    let path = request.match_info().as_str().to_owned();
    let params = Params::of(rule.path, &path);
    let subject = subject::find(&state, rule.about, &params, &values).await?;
    let mut scope = roles.scope(caller, rule.permission);
    let mut is_allowed = allows(rule, &scope, &subject);
    if !rule.is_shared && !is_allowed {
        learn_again(roles).await;
        scope = roles.scope(caller, rule.permission);
        is_allowed = allows(rule, &scope, &subject);
    }
    let is_own = subject.owner == Some(caller.user) && !rule.exceeds_terms;
    if rule.is_shared && (!is_allowed || is_own) {
        return Ok(None);
    }
    if !is_allowed {
        return Err(ApiError::of(ErrorCode::Forbidden));
    }
    knows_sessions(&state)?;
    request.extensions_mut().insert(Granted { caller, scope });
    let Some(name) = rule.act else { return Ok(None) };
    let name = rule.named.and_then(|named| named(&values)).unwrap_or(name);
    plan(&state, request, (rule, name), access, subject, values).await.map(Some)
}

/// Reads the roles again. If that fails, those known so far decide.
async fn learn_again(roles: &Roles) {
    if let Err(error) = roles.learn().await {
        tracing::warn!(%error, "roles were not read again before a request was refused");
    }
}

/// True if a caller with this scope may do what the rule is about.
fn allows(rule: &Rule, scope: &Scope, subject: &Subject) -> bool {
    match (rule.about, scope, subject.offering) {
        (_, Scope::All, _) => true,
        // Lists show what is within the scope, and handlers check what a body names.
        (About::Nothing | About::InBody(_) | About::TicketInBody, scope, None) => !scope.is_empty(),
        (_, scope, Some(offering)) => scope.contains(offering),
        (_, Scope::Some(_), None) => false,
    }
}

/// Gathers what the row of an act says, with the values of its thing as they are.
async fn plan(
    state: &web::Data<AppState>,
    request: &ServiceRequest,
    (rule, name): (&'static Rule, &str),
    access: Access,
    subject: Subject,
    values: Value,
) -> Result<Allowed, ApiError> {
    let thing = thing_of(rule.shot, subject.offering, subject.target.as_deref());
    let before = snapshots::take(state, rule.shot, thing.as_deref()).await?;
    let values = audit_log::kept(values);
    let act = Act {
        actor: Some(access.caller.user),
        session: access.session.map(|session| session.0),
        address: client_address(request.request()).map(|address| address.to_string()),
        action: name.to_owned(),
        offering: subject.offering,
        target: subject.target.clone(),
        before: Some(audit_log::kept(before.clone())),
        after: Some(values.clone()),
        request_id: crate::trace::current().map(|origin| origin.request_id.to_string()),
    };
    let record = ActRecord::default();
    request.extensions_mut().insert(record.clone());
    let (state, offering, target) = (web::Data::clone(state), subject.offering, subject.target);
    Ok(Allowed { state, act, facts: Facts { rule, offering, target, before, values, record } })
}
