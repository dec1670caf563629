//! `/api/mclasses`: classes, for everybody to find, for administrators to make and change.

use actix_web::{HttpResponse, web};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::classes::{ClassKeys, ClassStatus};
use crate::http::api::classes::bodies::{ClassPatch, NewClassBody};
use crate::http::api::offerings::events::CancellationDto;
use crate::http::dto::{self, Money, Time};
use crate::http::envelope::{Page, Success};
use crate::http::error::{ApiError, ErrorCode, OperationCodes};
use crate::http::extract::{Body, IdempotencyKey, MaybeCaller, Path, Query, Staff};
use crate::http::pages::PageQuery;
use crate::http::respond::{self, locate, mark_replayed, rfc3339};
use crate::http::state::AppState;
use crate::ids::{OfferingId, UserId};
use crate::inventory::TimestampMs;
use crate::roles::Permission;
use crate::store::{ClassRow, ClassSearch, ClassSort, promotion_name, selection_name};

/// Adds the routes.
pub fn configure(cfg: &mut web::ServiceConfig) {
    cfg.service(web::resource("/api/mclasses").get(list).post(create))
        .service(web::resource("/api/mclasses/{class}").get(show).put(change).delete(delete));
}

/// The error codes of these operations, beyond those that follow from their form.
pub(crate) const CODES: &[OperationCodes] = &[
    (
        "get",
        "/api/mclasses/{class}",
        &[ErrorCode::ClassNotFound, ErrorCode::Unauthorized, ErrorCode::TokenExpired],
    ),
    (
        "put",
        "/api/mclasses/{class}",
        &[
            ErrorCode::ClassNotFound,
            ErrorCode::BelowTaken,
            ErrorCode::SelectionFrozen,
            ErrorCode::ClassCanceled,
        ],
    ),
    (
        "delete",
        "/api/mclasses/{class}",
        &[ErrorCode::ClassNotFound, ErrorCode::HasEnrollments, ErrorCode::ClassCanceled],
    ),
];

/// A class.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[expect(missing_docs, reason = "the names say it")]
pub struct ClassDto {
    pub id: OfferingId,
    pub title: String,
    pub description: String,
    pub location: String,
    pub is_online: bool,
    #[schema(value_type = crate::http::api::classes::bodies::VisibilityDto)]
    pub visibility: &'static str,
    pub capacity: i64,
    pub allow_waitlist: bool,
    pub waitlist_capacity: u32,
    pub fee: Money,
    #[schema(value_type = crate::http::api::classes::bodies::SelectionTypeDto)]
    pub selection_type: &'static str,
    #[schema(value_type = crate::http::api::classes::bodies::PromotionDto)]
    pub promotion: &'static str,
    pub allow_reapply: bool,
    /// `null` if recruitment has always been open.
    #[schema(required = true)]
    pub recruit_start_at: Option<String>,
    #[schema(required = true)]
    pub recruit_end_at: Option<String>,
    pub start_at: String,
    #[schema(required = true)]
    pub end_at: Option<String>,
    pub time_zone: String,
    pub pay_window_seconds: i64,
    pub offer_seconds: i64,
    pub cancellation: CancellationDto,
    /// `RECRUITING` while applications are taken, `UPCOMING` before, `CLOSED` after, `ENDED` after
    /// the class; `CANCELED` if it does not take place.
    #[schema(value_type = crate::http::openapi::forms::ClassStatus)]
    pub status: &'static str,
    /// People with a place.
    pub enrolled_count: i64,
    /// People in line; not those who are offered a place.
    pub waitlist_count: i64,
    /// People who are offered a place, which is held for them.
    pub offered_count: i64,
    /// Places that an applicant could get; none while others wait in line.
    pub places_left: i64,
    pub created_by: UserId,
    pub created_at: String,
    pub updated_at: String,
}

/// The query of the list of classes.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct ClassQuery {
    limit: Option<u64>,
    cursor: Option<String>,
    search: Option<String>,
    location: Option<String>,
    recruiting: Option<bool>,
    upcoming: Option<bool>,
    free: Option<bool>,
    online: Option<bool>,
    from: Option<Time>,
    until: Option<Time>,
    sort: Option<String>,
}

impl ClassQuery {
    fn search(&self, now: TimestampMs) -> Result<ClassSearch, ApiError> {
        let words = |field, text: &Option<String>| match text.as_deref().map(str::trim) {
            Some(text) if text.chars().count() > 100 => {
                Err(ApiError::invalid(field, "must have at most 100 characters"))
            }
            text => Ok(text.unwrap_or_default().to_owned()),
        };
        let sort = match self.sort.as_deref() {
            None | Some("startAt") => ClassSort::StartAt,
            Some("recruitEndAt") => ClassSort::RecruitEndAt,
            Some("createdAt") => ClassSort::CreatedAt,
            Some(_) => {
                let reason = "must be startAt, recruitEndAt or createdAt";
                return Err(ApiError::invalid("sort", reason));
            }
        };
        let from = self.from.map(Time::millis);
        let upcoming = self.upcoming.unwrap_or(false).then_some(now);
        let page = PageQuery { limit: self.limit, cursor: self.cursor.clone() };
        Ok(ClassSearch {
            text: words("search", &self.search)?,
            location: words("location", &self.location)?,
            recruiting_at: self.recruiting.unwrap_or(false).then_some(now),
            from: from.into_iter().chain(upcoming).max(),
            until: self.until.map(Time::millis),
            is_free: self.free,
            is_online: self.online,
            with_unlisted: false,
            among: None,
            sort,
            after: page.after()?,
        })
    }
}

/// Find classes: public ones that take place.
#[utoipa::path(get, path = "/api/mclasses", tag = "classes", operation_id = "listClasses",
    security(()),
    params(("limit" = Option<u64>, Query), ("cursor" = Option<String>, Query),
        ("search" = Option<String>, Query, description = "Text in title, description or place."),
        ("location" = Option<String>, Query, description = "Text in the place."),
        ("recruiting" = Option<bool>, Query, description = "True: those that take applications now. False lets all pass."),
        ("upcoming" = Option<bool>, Query, description = "True: those that have not begun. False lets all pass."),
        ("free" = Option<bool>, Query, description = "True: those without a fee. False: those with one."),
        ("online" = Option<bool>, Query, description = "True: those online. False: the others."),
        ("from" = Option<Time>, Query, description = "Those that begin at this time or later."),
        ("until" = Option<Time>, Query, description = "Those that begin before this time."),
        ("sort" = Option<crate::http::openapi::forms::ClassSort>, Query,
            description = "startAt and recruitEndAt: the earliest first. createdAt: the newest first.")),
    responses((status = 200, body = Page<ClassDto>)))]
pub(crate) async fn list(
    state: web::Data<AppState>,
    Query(query): Query<ClassQuery>,
) -> Result<HttpResponse, ApiError> {
    let now = state.clock.now_ms();
    let limit = PageQuery { limit: query.limit, cursor: None }.limit()?;
    let (rows, last) = state.classes.search(&query.search(now)?, limit).await?;
    let next = last.filter(|_| rows.len() as u64 == limit).map(|(at, id)| format!("{at}_{id}"));
    let zone = &state.config.time_zone;
    let classes: Vec<_> = rows.iter().map(|row| render(row, zone, now)).collect();
    Ok(respond::page(&classes, next))
}

/// Read one class, an unlisted one too.
#[utoipa::path(get, path = "/api/mclasses/{class}", tag = "classes", operation_id = "getClass",
    security(()), params(("class" = OfferingId, Path)),
    responses((status = 200, body = Success<ClassDto>)))]
pub(crate) async fn show(
    state: web::Data<AppState>,
    MaybeCaller(caller): MaybeCaller,
    Path(class): Path<OfferingId>,
) -> Result<HttpResponse, ApiError> {
    let may = |caller| state.accounts.may(caller, Permission::Manage, class);
    let row = match caller.is_some_and(may) {
        true => state.classes.class(class).await?,
        false => state.classes.visible(class).await?,
    };
    Ok(respond::ok(&render(&row, &state.config.time_zone, state.clock.now_ms())))
}

/// Create a class (administrators).
#[utoipa::path(post, path = "/api/mclasses", tag = "classes", operation_id = "createClass",
    params(("Idempotency-Key" = Option<String>, Header)), request_body = NewClassBody,
    responses((status = 201, body = Success<ClassDto>)))]
pub(crate) async fn create(
    state: web::Data<AppState>,
    Staff(admin): Staff,
    key: IdempotencyKey,
    Body(body): Body<NewClassBody>,
) -> Result<HttpResponse, ApiError> {
    let key = key.row_key(admin.user, "create class", &body);
    let now = state.clock.now_ms();
    let (id, replayed) = state.classes.create(body.draft()?, admin.user, key.as_ref(), now).await?;
    let row = state.classes.class(id).await?;
    let mut response = respond::created(&render(&row, &state.config.time_zone, now));
    locate(&mut response, &format!("/api/mclasses/{id}"));
    mark_replayed(&mut response, replayed);
    Ok(response)
}

/// Change a class: absent fields stay as they are.
#[utoipa::path(put, path = "/api/mclasses/{class}", tag = "classes", operation_id = "changeClass",
    params(("class" = OfferingId, Path), ("Idempotency-Key" = Option<String>, Header)),
    request_body = ClassPatch,
    responses((status = 200, body = Success<ClassDto>)))]
pub(crate) async fn change(
    state: web::Data<AppState>,
    Staff(admin): Staff,
    Path(class): Path<OfferingId>,
    key: IdempotencyKey,
    Body(patch): Body<ClassPatch>,
) -> Result<HttpResponse, ApiError> {
    let keys = ClassKeys {
        row: key.row_key(admin.user, "change class", &(class, &patch)),
        command: key.identity(admin.user, "change class", &(class, &patch)),
    };
    let now = state.clock.now_ms();
    let replayed = state.classes.change(class, admin.user, patch.edit()?, keys, now).await?;
    let row = state.classes.class(class).await?;
    let mut response = respond::ok(&render(&row, &state.config.time_zone, now));
    mark_replayed(&mut response, replayed);
    Ok(response)
}

/// The query of a deletion.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct DeleteQuery {
    cancel_enrollments: Option<bool>,
}

/// Delete a class.
///
/// While enrollments are not over, only with `cancelEnrollments=true`: the class is cancelled,
/// everybody is told, and fees are paid back.
#[utoipa::path(delete, path = "/api/mclasses/{class}", tag = "classes",
    operation_id = "deleteClass",
    params(("class" = OfferingId, Path), ("cancelEnrollments" = Option<bool>, Query),
        ("Idempotency-Key" = Option<String>, Header)),
    responses((status = 200, body = Success<ClassDto>)))]
pub(crate) async fn delete(
    state: web::Data<AppState>,
    Staff(admin): Staff,
    Path(class): Path<OfferingId>,
    Query(query): Query<DeleteQuery>,
    key: IdempotencyKey,
) -> Result<HttpResponse, ApiError> {
    let with_enrollments = query.cancel_enrollments.unwrap_or(false);
    let identity = key.identity(admin.user, "delete class", &(class, with_enrollments));
    let now = state.clock.now_ms();
    let replayed = state.classes.delete(class, admin.user, with_enrollments, identity, now).await?;
    let row = state.classes.class(class).await?;
    let mut response = respond::ok(&render(&row, &state.config.time_zone, now));
    mark_replayed(&mut response, replayed);
    Ok(response)
}

/// Renders a class. `zone` is the time zone of classes that have none of their own.
#[must_use]
pub fn render(row: &ClassRow, zone: &str, now: TimestampMs) -> ClassDto {
    let event = &row.event;
    let places = event.products.first();
    ClassDto {
        id: event.id,
        title: event.details.name.clone(),
        description: event.details.description.clone(),
        location: event.details.venue.clone(),
        is_online: row.is_online,
        visibility: row.visibility.as_str(),
        capacity: row.capacity(),
        allow_waitlist: row.rules.waitlist > 0,
        waitlist_capacity: row.rules.waitlist,
        fee: Money {
            amount: places.map_or(0, |places| places.price),
            currency: event.currency.clone(),
        },
        selection_type: selection_name(row.rules.selection),
        promotion: promotion_name(row.rules.promotion),
        allow_reapply: row.rules.allow_reapply,
        recruit_start_at: dto::time(event.sale.start),
        recruit_end_at: dto::time(event.sale.end.or(event.event_end)),
        start_at: rfc3339(event.details.event_date),
        end_at: dto::time(event.event_end),
        time_zone: event.time_zone.clone().unwrap_or_else(|| zone.to_owned()),
        pay_window_seconds: row.rules.pay_window_ms / 1_000,
        offer_seconds: row.rules.offer_ttl_ms / 1_000,
        cancellation: CancellationDto::of(event),
        status: ClassStatus::of(row, now).as_str(),
        enrolled_count: row.counts.approved,
        waitlist_count: row.in_line(),
        offered_count: row.offered,
        places_left: row.places_left(),
        created_by: event.created_by,
        created_at: rfc3339(event.created_at),
        updated_at: rfc3339(event.updated_at),
    }
}
