//! An act whose row is written: the row is completed by the answer of its handler, or as unknown if the
//! handler never ends.

use actix_web::body::MessageBody;
use actix_web::dev::ServiceResponse;
use actix_web::http::header;
use actix_web::{Error, web};
use serde_json::Value;
use uuid::Uuid;

use super::rules::{Rule, Shot};
use super::snapshots;
use crate::audit_log::{self, DONE};
use crate::http::error::{ApiError, ErrorCode, ShownRefusal};
use crate::http::extract::ActRecord;
use crate::http::state::AppState;
use crate::ids::OfferingId;
use crate::store::AuditOutcome;

/// An act whose row is written. If it is dropped before [`complete`] is over, nothing is known of the
/// handler's end, or all but the values afterwards: the row gets the outcome that is known.
pub(super) struct Begun {
    state: web::Data<AppState>,
    row: Uuid,
    facts: Facts,
    /// The outcome if no more becomes known; `None` once the row is completed.
    open: Option<AuditOutcome>,
}

/// What is known of an act before it happens.
pub(super) struct Facts {
    pub(super) rule: &'static Rule,
    pub(super) offering: Option<OfferingId>,
    pub(super) target: Option<String>,
    pub(super) before: Value,
    pub(super) values: Value,
    pub(super) record: ActRecord,
}

impl Begun {
    pub(super) fn new(state: web::Data<AppState>, row: Uuid, facts: Facts) -> Self {
        let outcome = ErrorCode::OutcomeUnknown.as_str().to_owned();
        let open = Some(AuditOutcome { outcome, ..AuditOutcome::default() });
        Self { state, row, facts, open }
    }
}

impl Drop for Begun {
    fn drop(&mut self) {
        let Some(outcome) = self.open.take() else { return };
        let (store, row) = (self.state.store.clone(), self.row);
        self.state.runtime.spawn(async move { audit_log::complete(&store, row, outcome).await });
    }
}

/// Returns the id of the thing whose values are read before and after an act: of a product, its event.
pub(super) fn thing_of(
    shot: Shot,
    offering: Option<OfferingId>,
    target: Option<&str>,
) -> Option<String> {
    match shot {
        Shot::Event | Shot::Class => offering.map(|id| id.to_string()),
        Shot::Nothing | Shot::Term | Shot::Webhook | Shot::Grant => target.map(str::to_owned),
    }
}

/// How a request was answered.
struct Answer {
    outcome: String,
    /// The id of a new thing, as the answer has it.
    made: Option<String>,
}

fn answer_of<B: MessageBody>(answered: &Result<ServiceResponse<B>, Error>) -> Answer {
    let code = |code: Option<ErrorCode>| code.unwrap_or(ErrorCode::BadRequest).as_str().to_owned();
    let refused = |error: &Error| Answer {
        outcome: code(error.as_error::<ApiError>().map(ApiError::code)),
        made: None,
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
        // A page that shows a form again, or the failure.
        let shown = response.response().extensions().get::<ShownRefusal>().map(|shown| shown.0);
        return Answer { outcome: code(shown), made: None };
    }
    let made = response.headers().get(header::LOCATION).and_then(|value| value.to_str().ok());
    let made = made.filter(|_| status.as_u16() == 201);
    let made = made.and_then(|path| path.rsplit('/').next()).map(str::to_owned);
    Answer { outcome: DONE.to_owned(), made }
}

/// Completes the row of an act by the answer to its request.
pub(super) async fn complete<B: MessageBody>(
    mut begun: Begun,
    answered: &Result<ServiceResponse<B>, Error>,
) {
    let Answer { mut outcome, made } = answer_of(answered);
    let told = begun.facts.record.told();
    if let Some(code) = told.refused {
        outcome = code.as_str().to_owned();
    }
    let Facts { rule, offering, target, before, values, .. } = &begun.facts;
    let mut with = AuditOutcome { outcome, ..AuditOutcome::default() };
    // The path names what the new thing belongs to; its handler names the thing itself.
    with.target = told.made.or_else(|| made.filter(|_| target.is_none()));
    let mut offering = *offering;
    if offering.is_none() && matches!(rule.shot, Shot::Event | Shot::Class) {
        offering = with.target.as_deref().and_then(|id| id.parse().ok());
        with.offering = offering;
    }
    begun.open = Some(with.clone());
    if with.outcome == DONE && rule.shot != Shot::Nothing {
        let target = with.target.as_deref().or(target.as_deref());
        let thing = thing_of(rule.shot, offering, target);
        // If it cannot be read any more, the row keeps what it has: all of before, and the request.
        if let Ok(after) = snapshots::take(&begun.state, rule.shot, thing.as_deref()).await
            && !(before.is_null() && after.is_null())
        {
            let (before, after) = audit_log::changed(before.clone(), after);
            // The request says more than an unchanged thing: an act that waits for its time.
            let is_same = after == Value::Object(serde_json::Map::new());
            let after = if is_same { values.clone() } else { after };
            with.values = Some((audit_log::text(Some(before)), audit_log::text(Some(after))));
        }
    }
    begun.open = Some(with.clone());
    audit_log::complete(&begun.state.store, begun.row, with).await;
    begun.open = None;
}
