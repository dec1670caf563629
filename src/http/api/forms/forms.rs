//! `/api/mclasses/{class}/enrollment-form`: the questions that applicants answer.

use actix_web::{HttpResponse, web};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::forms::{ClassForm, FormDraft, FormQuestion, json_schema};
use crate::http::envelope::{Done, Success};
use crate::http::error::{ApiError, ErrorCode, OperationCodes};
use crate::http::extract::{Body, IdempotencyKey, MaybeCaller, Path, Query, Staff, object};
use crate::http::respond::{self, locate, mark_replayed, rfc3339};
use crate::http::state::AppState;
use crate::ids::{FormId, OfferingId};

/// The largest body with a form, in bytes.
const FORM_LIMIT: usize = 512 * 1_024;

/// Adds the routes.
pub fn configure(cfg: &mut web::ServiceConfig) {
    cfg.service(
        web::resource("/api/mclasses/{class}/enrollment-form")
            .get(show)
            .post(create)
            .put(replace)
            .delete(delete),
    )
    .service(web::resource("/api/mclasses/{class}/enrollment-form/schema").get(schema));
}

const PATH: &str = "/api/mclasses/{class}/enrollment-form";
const SCHEMA: &str = "/api/mclasses/{class}/enrollment-form/schema";
const READING: &[ErrorCode] = &[
    ErrorCode::ClassNotFound,
    ErrorCode::FormNotFound,
    ErrorCode::Unauthorized,
    ErrorCode::TokenExpired,
];

/// The error codes of these operations, beyond those that follow from their form.
pub(crate) const CODES: &[OperationCodes] = &[
    ("get", PATH, READING),
    ("get", SCHEMA, READING),
    ("post", PATH, &[ErrorCode::ClassNotFound, ErrorCode::FormExists, ErrorCode::Forbidden]),
    (
        "put",
        PATH,
        &[
            ErrorCode::ClassNotFound,
            ErrorCode::FormNotFound,
            ErrorCode::VersionConflict,
            ErrorCode::Forbidden,
        ],
    ),
    (
        "delete",
        PATH,
        &[
            ErrorCode::ClassNotFound,
            ErrorCode::FormNotFound,
            ErrorCode::VersionConflict,
            ErrorCode::Forbidden,
        ],
    ),
];

/// The enrollment form of a class, in one version.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[expect(missing_docs, reason = "the names say it")]
pub struct EnrollmentFormDto {
    pub id: FormId,
    pub mclass_id: OfferingId,
    pub title: String,
    pub description: String,
    /// In the order in which they are shown.
    pub questions: Vec<FormQuestion>,
    /// False if the form takes no answers now.
    pub is_active: bool,
    /// Every change makes the next version, which applications name as `formVersion`.
    pub version: u32,
    pub created_at: String,
    /// When this version was made.
    pub updated_at: String,
}

/// A form to create.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct NewEnrollmentFormBody {
    /// 1 to 200 characters.
    #[schema(min_length = 1, max_length = 200)]
    title: String,
    /// At most 5,000 characters.
    #[serde(default)]
    #[schema(max_length = 5_000)]
    description: String,
    /// At most 100 questions.
    #[serde(deserialize_with = "object::list")]
    #[schema(max_items = 100)]
    questions: Vec<FormQuestion>,
    /// False if the form takes no answers yet.
    #[serde(default = "yes")]
    #[schema(default = true)]
    is_active: bool,
}

/// The next version of a form, whole.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct EnrollmentFormBody {
    /// 1 to 200 characters.
    #[schema(min_length = 1, max_length = 200)]
    title: String,
    /// At most 5,000 characters.
    #[serde(default)]
    #[schema(max_length = 5_000)]
    description: String,
    /// At most 100 questions.
    #[serde(deserialize_with = "object::list")]
    #[schema(max_items = 100)]
    questions: Vec<FormQuestion>,
    /// False if the form takes no answers for now.
    #[serde(default = "yes")]
    #[schema(default = true)]
    is_active: bool,
    /// The version that was read and changed; refused if there is a newer one.
    version: Option<u32>,
}

fn yes() -> bool {
    true
}

/// The version to show.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct VersionQuery {
    version: Option<u32>,
}

/// Read the enrollment form of a class.
///
/// Everyone reads the current version; with `version` those who are signed in read an earlier one,
/// such as the one that they answered.
#[utoipa::path(get, path = "/api/mclasses/{class}/enrollment-form", tag = "classes",
    operation_id = "getEnrollmentForm", security(()),
    params(("class" = OfferingId, Path), ("version" = Option<u32>, Query)),
    responses((status = 200, body = Success<EnrollmentFormDto>)))]
pub(crate) async fn show(
    state: web::Data<AppState>,
    caller: MaybeCaller,
    Path(class): Path<OfferingId>,
    Query(query): Query<VersionQuery>,
) -> Result<HttpResponse, ApiError> {
    Ok(respond::ok(&render(&found(&state, caller, class, query).await?)))
}

/// Read the JSON Schema (2020-12) of the answers to an enrollment form.
///
/// The body is the schema itself, without an envelope. What the server accepts fits it.
#[utoipa::path(get, path = "/api/mclasses/{class}/enrollment-form/schema", tag = "classes",
    operation_id = "getEnrollmentFormSchema", security(()),
    params(("class" = OfferingId, Path), ("version" = Option<u32>, Query)),
    responses((status = 200, content_type = "application/schema+json", body = Object,
        description = "The schema.")))]
pub(crate) async fn schema(
    state: web::Data<AppState>,
    caller: MaybeCaller,
    Path(class): Path<OfferingId>,
    Query(query): Query<VersionQuery>,
) -> Result<HttpResponse, ApiError> {
    let form = found(&state, caller, class, query).await?;
    let id = format!("/api/mclasses/{class}/enrollment-form/schema?version={}", form.version);
    let schema = json_schema(&id, &form.form).to_string();
    Ok(HttpResponse::Ok().content_type("application/schema+json").body(schema))
}

async fn found(
    state: &AppState,
    MaybeCaller(caller): MaybeCaller,
    class: OfferingId,
    query: VersionQuery,
) -> Result<ClassForm, ApiError> {
    match query.version {
        Some(_) if caller.is_none() => Err(ApiError::new(
            ErrorCode::Unauthorized,
            "sign in to read another version than the current one",
        )),
        Some(version) => Ok(state.forms.version(class, version).await?),
        None => Ok(state.forms.current(class).await?),
    }
}

/// Make the enrollment form of a class.
#[utoipa::path(post, path = "/api/mclasses/{class}/enrollment-form", tag = "classes",
    operation_id = "createEnrollmentForm",
    params(("class" = OfferingId, Path), ("Idempotency-Key" = Option<String>, Header)),
    request_body = NewEnrollmentFormBody,
    responses((status = 201, body = Success<EnrollmentFormDto>)))]
pub(crate) async fn create(
    state: web::Data<AppState>,
    Staff(admin): Staff,
    Path(class): Path<OfferingId>,
    key: IdempotencyKey,
    Body(body): Body<NewEnrollmentFormBody, FORM_LIMIT>,
) -> Result<HttpResponse, ApiError> {
    let key = key.row_key(admin.user, "create form", &(class, &body));
    let NewEnrollmentFormBody { title, description, questions, is_active } = body;
    let draft = FormDraft { title, description, questions, is_active };
    let now = state.clock.now_ms();
    let made = state.forms.create(class, admin.user, &draft, key.as_ref(), now).await;
    let (form, replayed) = made?;
    let mut response = respond::created(&render(&form));
    locate(&mut response, &format!("/api/mclasses/{class}/enrollment-form"));
    mark_replayed(&mut response, replayed);
    Ok(response)
}

/// Replace the enrollment form of a class by a new version.
///
/// Applications keep the version that they answered.
#[utoipa::path(put, path = "/api/mclasses/{class}/enrollment-form", tag = "classes",
    operation_id = "replaceEnrollmentForm",
    params(("class" = OfferingId, Path), ("Idempotency-Key" = Option<String>, Header)),
    request_body = EnrollmentFormBody,
    responses((status = 200, body = Success<EnrollmentFormDto>)))]
pub(crate) async fn replace(
    state: web::Data<AppState>,
    Staff(admin): Staff,
    Path(class): Path<OfferingId>,
    key: IdempotencyKey,
    Body(body): Body<EnrollmentFormBody, FORM_LIMIT>,
) -> Result<HttpResponse, ApiError> {
    let key = key.row_key(admin.user, "replace form", &(class, &body));
    let EnrollmentFormBody { title, description, questions, is_active, version } = body;
    let draft = FormDraft { title, description, questions, is_active };
    let now = state.clock.now_ms();
    let changed = (&draft, version);
    let made = state.forms.replace(class, admin.user, changed, key.as_ref(), now).await;
    let (form, replayed) = made?;
    let mut response = respond::ok(&render(&form));
    mark_replayed(&mut response, replayed);
    Ok(response)
}

/// Delete the enrollment form of a class; its versions stay readable.
#[utoipa::path(delete, path = "/api/mclasses/{class}/enrollment-form", tag = "classes",
    operation_id = "deleteEnrollmentForm",
    params(("class" = OfferingId, Path), ("Idempotency-Key" = Option<String>, Header)),
    responses((status = 200, body = Done)))]
pub(crate) async fn delete(
    state: web::Data<AppState>,
    Staff(admin): Staff,
    Path(class): Path<OfferingId>,
    key: IdempotencyKey,
) -> Result<HttpResponse, ApiError> {
    let key = key.row_key(admin.user, "delete form", &class);
    let now = state.clock.now_ms();
    let replayed = state.forms.delete(class, admin.user, key.as_ref(), now).await?;
    let mut response = respond::done("the form is deleted");
    mark_replayed(&mut response, replayed);
    Ok(response)
}

fn render(form: &ClassForm) -> EnrollmentFormDto {
    EnrollmentFormDto {
        id: form.id,
        mclass_id: form.class,
        title: form.form.title.clone(),
        description: form.form.description.clone(),
        questions: form.form.drafts(),
        is_active: form.form.is_active,
        version: form.version,
        created_at: rfc3339(form.created_at),
        updated_at: rfc3339(form.updated_at),
    }
}
