//! One application as an organiser sees it: answers, history, and what can be decided. A decision names
//! the version that was shown, so that it is never about a state that the organiser has not seen.

use actix_web::{HttpResponse, web};
use maud::html;
use serde::Deserialize;

use super::class_decisions::{mark, ruling};
use super::enrollment_parts::{Refused, decision, history, position};
use super::enrollment_words::attendance_text;
use super::orders::customer;
use crate::classes::{Sender, Wish};
use crate::http::error::{ApiError, ErrorCode, mark_refused};
use crate::http::extract::Path;
use crate::http::pages::PageQuery;
use crate::http::state::AppState;
use crate::ids::EnrollmentId;
use crate::inventory::Requester;
use crate::web::class::answered::answers;
use crate::web::class::words;
use crate::web::errors::explain;
use crate::web::fields::refusal;
use crate::web::forms::{Form, see_other};
use crate::web::layout::{self, Page};
use crate::web::visitor::Visitor;

/// Adds the routes.
pub(super) fn configure(cfg: &mut web::ServiceConfig) {
    cfg.service(web::resource("/organiser/enrollments/{enrollment}").get(page))
        .service(web::resource("/organiser/enrollments/{enrollment}/decision").post(decide))
        .service(web::resource("/organiser/enrollments/{enrollment}/position").post(move_up));
}

#[derive(Default, Deserialize)]
struct Query {
    notice: Option<String>,
    /// The entry of the history after which it is shown.
    after: Option<String>,
}

async fn page(
    state: web::Data<AppState>,
    visitor: Visitor,
    Path(id): Path<EnrollmentId>,
    query: web::Query<Query>,
) -> Result<HttpResponse, ApiError> {
    show(&state, &visitor, id, &query, None).await
}

async fn show(
    state: &AppState,
    visitor: &Visitor,
    id: EnrollmentId,
    query: &Query,
    refused: Option<&Refused<'_>>,
) -> Result<HttpResponse, ApiError> {
    let admin = visitor.staff()?;
    let row = state.classes.enrollment(admin, id).await?;
    let class = state.classes.class(row.class).await?;
    let person = state.store.people([row.user]).await?.remove(&row.user);
    let seen = state.classes.seen(vec![row]).await?.pop();
    let seen = seen.ok_or_else(|| ApiError::of(ErrorCode::EnrollmentNotFound))?;
    let after = PageQuery { limit: None, cursor: query.after.clone() }.after()?;
    let said = refused.map(|refused| explain(visitor, refused.failure));
    let title = visitor.text("enrollment.one");
    let main = html! {
        p.back { a href={ "/organiser/classes/" (class.event.id) } { (class.event.details.name) } }
        h1 { (title) }
        p { (customer(visitor, person.as_ref())) }
        p.facts {
            (words::state_badge(visitor, &seen.row))
            @if let Some(line) = words::line(visitor, &seen) { span { (line) } }
            @if words::owes(&seen) { span { (visitor.text("enrollment.to_pay")) } }
            @if let Some(mark) = seen.row.attendance { span { (attendance_text(visitor, mark)) } }
        }
        @if let Some(cause) = words::cause(visitor, seen.row.cause.as_deref()) { p { (cause) } }
        @if let Some(reason) = &seen.reason {
            p { (visitor.text("enrollment.reason")) }
            div.plain-text { (reason) }
        }
        (refusal(said.as_deref()))
        (answers(visitor, &seen))
        @if let Some(reservation) = &seen.reservation {
            p { a href={ "/organiser/orders/" (reservation.id) } { (visitor.text("orders.order")) } }
        }
        (decision(visitor, &class, &seen, refused))
        (position(visitor, &seen, refused))
        (history(state, visitor, &class, (id, after)).await?)
    };
    let page = Page::new(title).main(main).class("wide").notice(query.notice.as_deref());
    let mut response = layout::render(visitor, page);
    if let Some(refused) = refused {
        mark_refused(&mut response, refused.failure.code());
    }
    Ok(response)
}

#[derive(Deserialize)]
struct DecisionForm {
    key: String,
    version: u32,
    #[serde(rename = "do")]
    button: String,
    #[serde(default)]
    reason: String,
}

async fn decide(
    state: web::Data<AppState>,
    visitor: Visitor,
    Path(id): Path<EnrollmentId>,
    Form(form): Form<DecisionForm>,
) -> Result<HttpResponse, ApiError> {
    let admin = visitor.staff()?;
    let row = state.classes.enrollment(admin, id).await?;
    let sender = Sender { user: admin.user, key: Some(&form.key) };
    let now = state.clock.now_ms();
    let reason = Some(form.reason.trim()).filter(|reason| !reason.is_empty());
    let done = if form.button == "cancel" {
        let by = Requester::Admin;
        state.classes.cancel(row.class, id, sender, by, reason, now).await.map(|_| ())
    } else if let Some(mark) = mark(&form.button) {
        state.classes.record_attendance(row.class, sender, vec![(id, mark)]).await.map(|_| ())
    } else {
        let ruling = ruling(&form.button).ok_or_else(|| ApiError::of(ErrorCode::BadRequest))?;
        let wish = Wish { ruling, reason: reason.map(str::to_owned) };
        state.classes.decide(&row, sender, &wish, Some(form.version), now).await.map(|_| ())
    };
    let entered = (form.reason.as_str(), "");
    answer(&state, &visitor, id, done.map_err(ApiError::from), entered).await
}

#[derive(Deserialize)]
struct Position {
    key: String,
    position: u32,
    #[serde(default)]
    why: String,
}

async fn move_up(
    state: web::Data<AppState>,
    visitor: Visitor,
    Path(id): Path<EnrollmentId>,
    Form(form): Form<Position>,
) -> Result<HttpResponse, ApiError> {
    let admin = visitor.staff()?;
    let row = state.classes.enrollment(admin, id).await?;
    let sender = Sender { user: admin.user, key: Some(&form.key) };
    let now = state.clock.now_ms();
    let done = state.classes.move_up(&row, sender, form.position, &form.why, now).await;
    let position = form.position.to_string();
    let entered = (form.why.as_str(), position.as_str());
    answer(&state, &visitor, id, done.map(|_| ()).map_err(ApiError::from), entered).await
}

/// Leads back to the page, or shows its present state with the reason of the refusal.
async fn answer(
    state: &AppState,
    visitor: &Visitor,
    id: EnrollmentId,
    done: Result<(), ApiError>,
    (reason, position): (&str, &str),
) -> Result<HttpResponse, ApiError> {
    match done {
        Ok(()) => Ok(see_other(&format!("/organiser/enrollments/{id}?notice=saved"))),
        Err(failure) if failure.is_refusal() && failure.code() != ErrorCode::EnrollmentNotFound => {
            let refused = Refused { failure: &failure, reason, position };
            show(state, visitor, id, &Query::default(), Some(&refused)).await
        }
        Err(failure) => Err(failure),
    }
}
