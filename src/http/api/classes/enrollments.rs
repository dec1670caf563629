//! `/api/mclasses/{class}/enrollments`: one's own applications.

use crate::caller::Caller as CallerId;
use crate::classes::{Application, ClassError, Done, Sender};
use crate::http::api::classes::enrollment::{EnrollmentDto, read, render};
use crate::http::envelope::{Page, Success};
use crate::http::error::{ApiError, ErrorCode, OperationCodes};
use crate::http::extract::{Body, Caller, IdempotencyKey, Path, Payer, Query, knows_sessions};
use crate::http::pages::PageQuery;
use crate::http::respond::{self, locate, mark_replayed};
use crate::http::state::AppState;
use crate::ids::{EnrollmentId, OfferingId, TermId, UserId};
use crate::inventory::{Rejection, Requester};
use actix_web::{HttpResponse, web};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::ToSchema;

/// Adds the routes.
pub fn configure(cfg: &mut web::ServiceConfig) {
    cfg.service(web::resource("/api/mclasses/{class}/enrollments").get(list_of_class).post(apply))
        .service(
            web::resource("/api/mclasses/{class}/enrollments/{enrollment}")
                .get(show)
                .put(change)
                .delete(cancel),
        )
        .service(
            web::resource("/api/mclasses/{class}/enrollments/{enrollment}/accept").post(accept),
        )
        .service(web::resource("/api/enrollments").get(list));
}

const ONE: &str = "/api/mclasses/{class}/enrollments/{enrollment}";

/// The error codes of these operations, beyond those that follow from their form.
pub(crate) const CODES: &[OperationCodes] = &[
    ("get", "/api/mclasses/{class}/enrollments", &[ErrorCode::ClassNotFound]),
    (
        "post",
        "/api/mclasses/{class}/enrollments",
        &[
            ErrorCode::ClassNotFound,
            ErrorCode::RecruitmentNotOpen,
            ErrorCode::RecruitmentOver,
            ErrorCode::AlreadyEnrolled,
            ErrorCode::ReapplyRefused,
            ErrorCode::TooManyApplications,
            ErrorCode::ClassFull,
            ErrorCode::FormChanged,
            ErrorCode::FormInactive,
            ErrorCode::InvalidAnswers,
            ErrorCode::TermsNotAgreed,
            ErrorCode::KeyReused,
            ErrorCode::ClassCanceled,
            ErrorCode::AccountRequired,
        ],
    ),
    ("get", ONE, &[ErrorCode::ClassNotFound, ErrorCode::EnrollmentNotFound]),
    ("put", ONE, CHANGES),
    ("delete", ONE, CHANGES),
    (
        "post",
        "/api/mclasses/{class}/enrollments/{enrollment}/accept",
        &[
            ErrorCode::ClassNotFound,
            ErrorCode::EnrollmentNotFound,
            ErrorCode::WrongState,
            ErrorCode::HoldExpired,
            ErrorCode::ClassCanceled,
        ],
    ),
];

const CHANGES: &[ErrorCode] = &[
    ErrorCode::FormChanged,
    ErrorCode::FormInactive,
    ErrorCode::InvalidAnswers,
    ErrorCode::ClassNotFound,
    ErrorCode::EnrollmentNotFound,
    ErrorCode::WrongState,
    ErrorCode::VersionConflict,
    ErrorCode::ClassCanceled,
    ErrorCode::PaymentInProgress,
    ErrorCode::CancellationRefused,
    ErrorCode::AlreadyCheckedIn,
];

/// The most terms that an application agrees to.
const MOST_TERMS: usize = 100;

/// An application to send.
#[derive(Clone, Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ApplicationBody {
    /// Answers by the id of the question of the class's form.
    #[serde(default)]
    #[schema(value_type = Object)]
    pub answers: Map<String, Value>,
    /// The version of the form that the person saw; refused if the form has changed since.
    #[serde(default)]
    #[schema(minimum = 1)]
    pub form_version: Option<u32>,
    /// The terms that the person agrees to with this application.
    #[serde(default)]
    #[schema(max_items = 100)]
    pub agreed_term_ids: Vec<TermId>,
}

/// New answers, or the cancellation of an application.
#[derive(Clone, Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct EnrollmentPatch {
    /// All answers, not only those that change; possible until the application is decided.
    #[serde(default)]
    #[schema(value_type = Option<Object>)]
    pub answers: Option<Map<String, Value>>,
    /// The version of the form that the person saw.
    #[serde(default)]
    #[schema(minimum = 1)]
    pub form_version: Option<u32>,
    /// `CANCELED` cancels the application, as `DELETE` does.
    #[serde(default)]
    #[schema(value_type = Option<crate::http::openapi::forms::CanceledOnly>)]
    pub status: Option<String>,
    /// Why it is canceled.
    #[serde(default)]
    #[schema(max_length = 1_000)]
    pub reason: Option<String>,
    /// The version of the application that the person saw; another one is refused.
    #[serde(default)]
    #[schema(minimum = 1)]
    pub version: Option<u32>,
}

/// List one's own applications for all classes, newest first.
#[utoipa::path(get, path = "/api/enrollments", tag = "classes", operation_id = "listEnrollments",
    params(("limit" = Option<u64>, Query), ("cursor" = Option<String>, Query)),
    responses((status = 200, body = Page<EnrollmentDto>)))]
pub(crate) async fn list(
    state: web::Data<AppState>,
    caller: Caller,
    Query(query): Query<PageQuery>,
) -> Result<HttpResponse, ApiError> {
    let found = state.classes.enrollments_of(caller, None, query.after()?, query.limit()?).await?;
    let enrollments: Vec<_> = found.found.iter().map(render).collect();
    Ok(respond::page(&enrollments, found.next_cursor))
}

/// List one's own applications for a class, newest first.
#[utoipa::path(get, path = "/api/mclasses/{class}/enrollments", tag = "classes",
    operation_id = "listEnrollmentsOfClass",
    params(("class" = OfferingId, Path), ("limit" = Option<u64>, Query),
        ("cursor" = Option<String>, Query)),
    responses((status = 200, body = Page<EnrollmentDto>)))]
pub(crate) async fn list_of_class(
    state: web::Data<AppState>,
    caller: Caller,
    Path(class): Path<OfferingId>,
    Query(query): Query<PageQuery>,
) -> Result<HttpResponse, ApiError> {
    state.classes.class(class).await?;
    let (after, limit) = (query.after()?, query.limit()?);
    let found = state.classes.enrollments_of(caller, Some(class), after, limit).await?;
    let enrollments: Vec<_> = found.found.iter().map(render).collect();
    Ok(respond::page(&enrollments, found.next_cursor))
}

/// Apply for a class.
///
/// First come, first served: `APPROVED` while places last, then `WAITLISTED`, then refused. With
/// review: `APPLIED`. A retry with the same key finds the same application.
#[utoipa::path(post, path = "/api/mclasses/{class}/enrollments", tag = "classes",
    operation_id = "apply",
    params(("class" = OfferingId, Path), ("Idempotency-Key" = Option<String>, Header)),
    request_body = ApplicationBody,
    responses((status = 201, body = Success<EnrollmentDto>)))]
pub(crate) async fn apply(
    state: web::Data<AppState>,
    caller: Caller,
    Path(class): Path<OfferingId>,
    key: IdempotencyKey,
    Body(body): Body<ApplicationBody, { 256 * 1_024 }>,
) -> Result<HttpResponse, ApiError> {
    // One application for each person: a guest is as many people as it likes.
    if caller.guest {
        return Err(ApiError::of(ErrorCode::AccountRequired));
    }
    if body.agreed_term_ids.len() > MOST_TERMS {
        let reason = format!("must be at most {MOST_TERMS} ids");
        return Err(ApiError::invalid("agreedTermIds", reason));
    }
    let application = Application {
        answers: body.answers,
        form_version: body.form_version,
        agreed_terms: body.agreed_term_ids,
    };
    let now = state.clock.now_ms();
    let done = state.classes.apply(class, sender(&caller, &key), application, now).await?;
    let mut response = respond::created(&read(&state, caller, done.enrollment).await?);
    locate(&mut response, &format!("/api/mclasses/{class}/enrollments/{}", done.enrollment));
    mark_replayed(&mut response, done.replayed);
    Ok(response)
}

/// Read an application: one's own, or for staff one for their class.
#[utoipa::path(get, path = "/api/mclasses/{class}/enrollments/{enrollment}", tag = "classes",
    operation_id = "getEnrollment",
    params(("class" = OfferingId, Path), ("enrollment" = EnrollmentId, Path)),
    responses((status = 200, body = Success<EnrollmentDto>)))]
pub(crate) async fn show(
    state: web::Data<AppState>,
    caller: Caller,
    Path((class, enrollment)): Path<(OfferingId, EnrollmentId)>,
) -> Result<HttpResponse, ApiError> {
    in_class(&state, caller, class, enrollment).await?;
    Ok(respond::ok(&read(&state, caller, enrollment).await?))
}

/// Change one's answers until the application is decided, or cancel it.
#[utoipa::path(put, path = "/api/mclasses/{class}/enrollments/{enrollment}", tag = "classes",
    operation_id = "changeEnrollment",
    params(("class" = OfferingId, Path), ("enrollment" = EnrollmentId, Path),
        ("Idempotency-Key" = Option<String>, Header)),
    request_body = EnrollmentPatch,
    responses((status = 200, body = Success<EnrollmentDto>)))]
pub(crate) async fn change(
    state: web::Data<AppState>,
    caller: Caller,
    Path((class, enrollment)): Path<(OfferingId, EnrollmentId)>,
    key: IdempotencyKey,
    Body(body): Body<EnrollmentPatch, { 256 * 1_024 }>,
) -> Result<HttpResponse, ApiError> {
    let EnrollmentPatch { answers, form_version, status, reason, version } = body;
    if status.is_some() {
        // A cancellation gives money back.
        knows_sessions(&state)?;
    }
    in_class(&state, caller, class, enrollment).await?;
    let now = state.clock.now_ms();
    let sender = sender(&caller, &key);
    let done = match (answers, status.as_deref()) {
        (Some(answers), None) => {
            let application = Application { answers, form_version, ..Application::default() };
            state
                .classes
                .replace_answers(class, enrollment, sender, &application, version, now)
                .await?
        }
        (None, Some("CANCELED")) => {
            let by = Requester::Customer(caller.user);
            state.classes.cancel(class, enrollment, sender, by, reason.as_deref(), now).await?
        }
        (None, Some(_)) => {
            let reason = "must be CANCELED: administrators decide the rest";
            return Err(ApiError::invalid("status", reason));
        }
        (None, None) | (Some(_), Some(_)) => {
            return Err(ApiError::invalid("answers", "or status must be given, and only one"));
        }
    };
    answer(&state, caller, done).await
}

/// The query of a cancellation.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct CancelQuery {
    reason: Option<String>,
}

/// Cancel an application: one's own, or anyone's for administrators.
///
/// A paid fee is refunded by the terms of the class; all of it when an administrator cancels.
#[utoipa::path(delete, path = "/api/mclasses/{class}/enrollments/{enrollment}", tag = "classes",
    operation_id = "cancelEnrollment",
    params(("class" = OfferingId, Path), ("enrollment" = EnrollmentId, Path),
        ("reason" = Option<String>, Query), ("Idempotency-Key" = Option<String>, Header)),
    responses((status = 200, body = Success<EnrollmentDto>)))]
pub(crate) async fn cancel(
    state: web::Data<AppState>,
    Payer(caller): Payer,
    Path((class, enrollment)): Path<(OfferingId, EnrollmentId)>,
    Query(query): Query<CancelQuery>,
    key: IdempotencyKey,
) -> Result<HttpResponse, ApiError> {
    let row = in_class(&state, caller, class, enrollment).await?;
    let by = match row == caller.user {
        true => Requester::Customer(caller.user),
        false => Requester::Admin,
    };
    let (sender, now) = (sender(&caller, &key), state.clock.now_ms());
    let reason = query.reason.as_deref();
    let done = state.classes.cancel(class, enrollment, sender, by, reason, now).await?;
    answer(&state, caller, done).await
}

/// Take the place that is offered.
#[utoipa::path(post, path = "/api/mclasses/{class}/enrollments/{enrollment}/accept",
    tag = "classes", operation_id = "acceptPlace",
    params(("class" = OfferingId, Path), ("enrollment" = EnrollmentId, Path),
        ("Idempotency-Key" = Option<String>, Header)),
    responses((status = 200, body = Success<EnrollmentDto>)))]
pub(crate) async fn accept(
    state: web::Data<AppState>,
    caller: Caller,
    Path((class, enrollment)): Path<(OfferingId, EnrollmentId)>,
    key: IdempotencyKey,
) -> Result<HttpResponse, ApiError> {
    in_class(&state, caller, class, enrollment).await?;
    let done = state.classes.accept_place(class, enrollment, sender(&caller, &key)).await?;
    answer(&state, caller, done).await
}

fn sender<'a>(caller: &CallerId, key: &'a IdempotencyKey) -> Sender<'a> {
    Sender { user: caller.user, key: key.0.as_deref() }
}

async fn answer(state: &AppState, caller: CallerId, done: Done) -> Result<HttpResponse, ApiError> {
    let mut response = respond::ok(&read(state, caller, done.enrollment).await?);
    mark_replayed(&mut response, done.replayed);
    Ok(response)
}

/// Returns the owner of an enrollment that the caller may see and that is of this class.
pub(super) async fn in_class(
    state: &AppState,
    caller: CallerId,
    class: OfferingId,
    enrollment: EnrollmentId,
) -> Result<UserId, ApiError> {
    let row = state.classes.enrollment(caller, enrollment).await?;
    if row.class != class {
        return Err(ClassError::from(Rejection::EnrollmentNotFound).into());
    }
    Ok(row.user)
}
