//! The way of a request through the gate: who is it, may they, what is it about; the act is written to
//! the audit log, it happens, and the row is completed.

use actix_web::body::MessageBody;
use actix_web::dev::{Payload, ServiceRequest, ServiceResponse};
use actix_web::http::header;
use actix_web::{Error, HttpMessage, web};
use serde_json::Value;
use uuid::Uuid;

use super::rules::{About, Rule, Shot};
use super::snapshots;
use super::subject::{self, Params, Subject};
use crate::accounts::Access;
use crate::audit_log::{self, Act, DONE};
use crate::http::error::{ApiError, ErrorCode};
use crate::http::extract::{DEFAULT_LIMIT, Granted, client_address, knows_sessions, read_plain};
use crate::http::state::AppState;
use crate::roles::Scope;
use crate::store::AuditOutcome;

/// An act whose row is written.
pub(crate) struct Begun {
    state: web::Data<AppState>,
    row: Uuid,
    rule: &'static Rule,
    target: Option<String>,
    before: Value,
    values: Value,
}

/// Lets a request in that may do what the rule is about, and refuses all others. `access` is what the
/// token of the request proves, if it proves anything. Returns the act that is begun, to [`complete`] with the answer.
///
/// # Errors
/// 401, 403; 503 if the act cannot be written to the audit log.
pub(crate) async fn enter(
    request: &mut ServiceRequest,
    rule: &'static Rule,
    access: Result<Access, ApiError>,
) -> Result<Option<Begun>, ApiError> {
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
    if !roles.has_any(caller) {
        // Another instance may have given them their role a moment ago.
        roles.learn().await?;
        if !roles.has_any(caller) {
            return Err(ApiError::of(ErrorCode::Forbidden));
        }
    }
    let values = match rule.act {
        Some(_) => values_of(request).await?,
        None => Value::Null,
    };
    // As the router reads it, and the handler after it: percent-decoded.
    let path = request.match_info().as_str().to_owned();
    let params = Params::of(rule.path, &path);
    let subject = subject::find(&state, rule.about, &params, &values).await?;
    let mut scope = roles.scope(caller, rule.permission);
    let mut is_allowed = allows(rule, &scope, &subject);
    if !rule.is_shared && !is_allowed {
        roles.learn().await?;
        scope = roles.scope(caller, rule.permission);
        is_allowed = allows(rule, &scope, &subject);
    }
    if rule.is_shared && (!is_allowed || subject.owner == Some(caller.user)) {
        return Ok(None);
    }
    if !is_allowed {
        return Err(ApiError::of(ErrorCode::Forbidden));
    }
    knows_sessions(&state)?;
    request.extensions_mut().insert(Granted { caller, scope });
    let Some(name) = rule.act else { return Ok(None) };
    begin(&state, request, (rule, name), access, subject, values).await.map(Some)
}

/// True if a caller with this scope may do what the rule is about.
fn allows(rule: &Rule, scope: &Scope, subject: &Subject) -> bool {
    match (rule.about, scope, subject.offering) {
        (_, Scope::All, _) => true,
        // Lists show what is within the scope, and handlers check what a body names.
        (About::Nothing | About::InBody, scope, None) => !scope.is_empty(),
        (_, scope, Some(offering)) => scope.contains(offering),
        (_, Scope::Some(_), None) => false,
    }
}

async fn begin(
    state: &web::Data<AppState>,
    request: &ServiceRequest,
    (rule, name): (&'static Rule, &str),
    access: Access,
    subject: Subject,
    values: Value,
) -> Result<Begun, ApiError> {
    let before = snapshots::take(state, rule.shot, subject.target.as_deref()).await?;
    let now = state.clock.now_ms();
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
    let row = audit_log::begin(&state.store, act, now).await.map_err(|error| {
        tracing::error!(%error, action = name, "an act was refused: the audit log cannot be written");
        // The same for every cause: the act waits.
        ApiError::of(ErrorCode::Unavailable)
    })?;
    let state = web::Data::clone(state);
    Ok(Begun { state, row, rule, target: subject.target, before, values })
}

/// How a request was answered.
struct Answer {
    outcome: String,
    /// The id of a new thing.
    made: Option<String>,
}

fn outcome<B: MessageBody>(answered: &Result<ServiceResponse<B>, Error>) -> Answer {
    let refused = |error: &Error| {
        let code = error.as_error::<ApiError>().map(ApiError::code);
        Answer { outcome: code.unwrap_or(ErrorCode::BadRequest).as_str().to_owned(), made: None }
    };
    let response = match answered {
        Ok(response) => response,
        Err(error) => return refused(error),
    };
    if let Some(error) = response.response().error() {
        return refused(error);
    }
    let status = response.status();
    if status.is_client_error() || status.is_server_error() {
        // A page that shows a form again.
        return Answer { outcome: "REFUSED".into(), made: None };
    }
    let made = response.headers().get(header::LOCATION).and_then(|value| value.to_str().ok());
    let made = made.filter(|_| status.as_u16() == 201);
    let made = made.and_then(|path| path.rsplit('/').next()).map(str::to_owned);
    Answer { outcome: DONE.to_owned(), made }
}

/// Completes the row of an act by the answer to its request.
pub(crate) async fn complete<B: MessageBody>(
    begun: Begun,
    answered: &Result<ServiceResponse<B>, Error>,
) {
    let Begun { state, row, rule, target, before, values } = begun;
    let Answer { outcome, made } = outcome(answered);
    let is_new = target.is_none() && made.is_some();
    let target = target.or(made);
    let mut with = AuditOutcome { outcome, ..AuditOutcome::default() };
    if is_new {
        with.target.clone_from(&target);
        if matches!(rule.shot, Shot::Event | Shot::Class) {
            with.offering = target.as_deref().and_then(|id| id.parse().ok());
        }
    }
    if with.outcome == DONE && rule.shot != Shot::Nothing {
        // If it cannot be read any more, the row keeps what it has: all of before, and the request.
        if let Ok(after) = snapshots::take(&state, rule.shot, target.as_deref()).await {
            let (before, after) = audit_log::changed(before, after);
            // The request says more than an unchanged thing: an act that waits for its time.
            let after = if after == Value::Object(serde_json::Map::new()) { values } else { after };
            with.values = Some((audit_log::text(Some(before)), audit_log::text(Some(after))));
        }
    }
    audit_log::complete(&state.store, row, with).await;
}

/// Reads the values that a request sends, and leaves the body for the handler. Large bodies, such as
/// plans of venues, are not read here.
async fn values_of(request: &mut ServiceRequest) -> Result<Value, ApiError> {
    let text = |name: header::HeaderName| request.headers().get(name)?.to_str().ok();
    let length: Option<usize> = text(header::CONTENT_LENGTH).and_then(|text| text.parse().ok());
    let length = match length {
        Some(0) => return Ok(Value::Null),
        Some(length) if length <= DEFAULT_LIMIT => length,
        _ => return Ok(Value::Null),
    };
    let is_form = text(header::CONTENT_TYPE)
        .is_some_and(|value| value.starts_with("application/x-www-form-urlencoded"));
    let mut payload = request.take_payload();
    let bytes = read_plain(request.request(), &mut payload, length.max(1)).await?;
    let values = match is_form {
        true => form_values(&bytes),
        false => serde_json::from_slice(&bytes).unwrap_or_default(),
    };
    request.set_payload(Payload::from(bytes));
    Ok(values)
}

fn form_values(bytes: &[u8]) -> Value {
    let mut fields = serde_json::Map::new();
    for (name, value) in form_urlencoded::parse(bytes) {
        let value = Value::from(value.into_owned());
        match fields.get_mut(&*name) {
            // A list has its name several times.
            Some(Value::Array(values)) => values.push(value),
            Some(first) => *first = Value::Array(vec![first.take(), value]),
            None => {
                fields.insert(name.into_owned(), value);
            }
        }
    }
    Value::Object(fields)
}
