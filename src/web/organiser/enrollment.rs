//! One application as an organiser sees it: answers, history, and what can be decided. A decision names
//! the version that was shown, so that it is never about a state that the organiser has not seen.

use actix_web::{HttpResponse, web};
use maud::{Markup, html};
use serde::Deserialize;

use super::class_decisions::{mark, ruling};
use super::enrollment_words::{action_text, attendance_text, log_line, names_of};
use super::orders::customer;
use crate::classes::{SeenEnrollment, Sender, Wish};
use crate::http::error::{ApiError, ErrorCode};
use crate::http::extract::Path;
use crate::http::state::AppState;
use crate::ids::EnrollmentId;
use crate::inventory::Requester;
use crate::store::{ClassRow, EnrollmentState};
use crate::web::class::words;
use crate::web::errors::explain;
use crate::web::fields::{Field, refusal};
use crate::web::format;
use crate::web::forms::{Form, see_other};
use crate::web::layout::{self, Page};
use crate::web::visitor::Visitor;

/// Entries of the history on the page.
const LOGGED: u64 = 100;

/// Adds the routes.
pub(super) fn configure(cfg: &mut web::ServiceConfig) {
    cfg.service(web::resource("/organiser/enrollments/{enrollment}").get(page))
        .service(web::resource("/organiser/enrollments/{enrollment}/decision").post(decide))
        .service(web::resource("/organiser/enrollments/{enrollment}/position").post(move_up));
}

#[derive(Deserialize)]
struct Query {
    notice: Option<String>,
}

/// What was entered for an action that was refused, and why.
struct Refused<'a> {
    failure: &'a ApiError,
    reason: &'a str,
    position: &'a str,
}

async fn page(
    state: web::Data<AppState>,
    visitor: Visitor,
    Path(id): Path<EnrollmentId>,
    query: web::Query<Query>,
) -> Result<HttpResponse, ApiError> {
    show(&state, &visitor, id, query.notice.as_deref(), None).await
}

async fn show(
    state: &AppState,
    visitor: &Visitor,
    id: EnrollmentId,
    notice: Option<&str>,
    refused: Option<Refused<'_>>,
) -> Result<HttpResponse, ApiError> {
    let admin = visitor.admin()?;
    let row = state.classes.enrollment(admin, id).await?;
    let class = state.classes.class(row.class).await?;
    let person = state.store.people([row.user]).await?.remove(&row.user);
    let seen = state.classes.seen(vec![row]).await?.pop();
    let seen = seen.ok_or_else(|| ApiError::of(ErrorCode::EnrollmentNotFound))?;
    let said = refused.as_ref().map(|refused| explain(visitor, refused.failure));
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
        (decision(visitor, &seen, refused.as_ref()))
        (position(visitor, &seen, refused.as_ref()))
        (history(state, visitor, &class, &seen).await?)
    };
    let mut response =
        layout::render(visitor, Page::new(title).main(main).class("wide").notice(notice));
    if let Some(refused) = &refused {
        *response.status_mut() = refused.failure.code().status();
    }
    Ok(response)
}

/// Renders the answers by the ids of their questions.
fn answers(visitor: &Visitor, seen: &SeenEnrollment) -> Markup {
    let json = seen.answers.as_ref().and_then(|found| found.answers.as_deref());
    let read = json.and_then(|json| serde_json::from_str::<serde_json::Map<_, _>>(json).ok());
    let Some(answers) = read.filter(|answers| !answers.is_empty()) else {
        return Markup::default();
    };
    // The words of the version that the answers were given to.
    let questions = seen.form.as_ref().and_then(|form| form.get("questions")?.as_array());
    let label = |id: &str| {
        let found = questions?.iter().find(|one| one.get("id").is_some_and(|of| of == id))?;
        found.get("label")?.as_str()
    };
    html! {
        h2 { (visitor.text("organiser_class.answers")) }
        dl.facts-list {
            @for (question, answer) in &answers {
                dt { (label(question).unwrap_or(question)) }
                dd { div.plain-text { (answer_text(answer)) } }
            }
        }
    }
}

fn answer_text(answer: &serde_json::Value) -> String {
    match answer {
        serde_json::Value::String(text) => text.clone(),
        serde_json::Value::Array(all) => {
            let all: Vec<String> = all.iter().map(answer_text).collect();
            all.join(", ")
        }
        serde_json::Value::Bool(true) => "✓".into(),
        serde_json::Value::Bool(false) => "–".into(),
        other => other.to_string(),
    }
}

/// Renders the buttons that make sense in the present state.
fn decision(visitor: &Visitor, seen: &SeenEnrollment, refused: Option<&Refused<'_>>) -> Markup {
    let buttons: &[&str] = match seen.row.status {
        EnrollmentState::Applied => &["approve", "approve-or-waitlist", "waitlist", "reject"],
        EnrollmentState::Waitlisted => &["approve", "reject"],
        EnrollmentState::Approved => &["reject", "present", "late", "absent", "unmark"],
        EnrollmentState::Rejected => &["approve", "approve-or-waitlist", "waitlist"],
        EnrollmentState::Canceled => &[],
    };
    let reason = Field {
        name: "reason",
        label: visitor.text("organiser_class.reason"),
        value: refused.map_or("", |refused| refused.reason),
        hint: Some(visitor.text("organiser_class.reason_hint")),
        ..Field::default()
    };
    html! {
        @if !buttons.is_empty() {
            form.stack method="post" action={ "/organiser/enrollments/" (seen.row.id) "/decision" } {
                input type="hidden" name="key" value=(uuid::Uuid::new_v4());
                input type="hidden" name="version" value=(seen.row.version);
                fieldset {
                    legend { (visitor.text("organiser_class.decide")) }
                    (reason.area(3))
                    div.actions {
                        @for name in buttons {
                            button.button.quiet name="do" value=(name) { (action_text(visitor, name)) }
                        }
                        @if seen.row.status.is_living() {
                            button.button.quiet.danger name="do" value="cancel" { (visitor.text("organiser_class.cancel_one")) }
                        }
                    }
                }
            }
        }
    }
}

fn position(visitor: &Visitor, seen: &SeenEnrollment, refused: Option<&Refused<'_>>) -> Markup {
    let Some(line) = seen.line.filter(|line| line.position > 1) else { return Markup::default() };
    let most = (line.position - 1).to_string();
    let wanted = refused.map(|refused| refused.position).filter(|text| !text.is_empty());
    let position = Field {
        name: "position",
        label: visitor.text("organiser_class.new_position"),
        kind: "number",
        value: wanted.unwrap_or("1"),
        min: Some("1"),
        max: Some(&most),
        required: true,
        ..Field::default()
    };
    let reason = Field {
        name: "why",
        label: visitor.text("organiser_class.why_up"),
        value: refused.map_or("", |refused| refused.reason),
        required: true,
        hint: Some(visitor.text("organiser_class.why_up_hint")),
        ..Field::default()
    };
    html! {
        form.stack id="move" method="post" action={ "/organiser/enrollments/" (seen.row.id) "/position" } {
            input type="hidden" name="key" value=(uuid::Uuid::new_v4());
            fieldset {
                legend { (visitor.text("organiser_class.move_up")) }
                div.short { (position.render()) }
                (reason.area(2))
                button.button.quiet { (visitor.text("organiser_class.move_up")) }
            }
        }
    }
}

async fn history(
    state: &AppState,
    visitor: &Visitor,
    class: &ClassRow,
    seen: &SeenEnrollment,
) -> Result<Markup, ApiError> {
    let entries = state.store.enrollment_log(seen.row.class, Some(seen.row.id), LOGGED).await?;
    let reasons: Vec<_> = entries.iter().filter_map(|entry| entry.reason).collect();
    let reasons = state.store.reasons_get(&reasons).await?;
    let names = names_of(state, entries.iter().filter_map(|entry| entry.actor)).await?;
    let zone = words::zone(visitor, class);
    Ok(html! {
        h2 { (visitor.text("organiser_class.history")) }
        ul.plain {
            @for entry in &entries {
                li { (log_line(visitor, class, entry, &names, &reasons)) }
            }
            li {
                (visitor.text("enrollment.applied_at")) " "
                (format::time(visitor.language, seen.row.applied_at, zone))
            }
        }
    })
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
    let admin = visitor.admin()?;
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
    let admin = visitor.admin()?;
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
            show(state, visitor, id, None, Some(refused)).await
        }
        Err(failure) => Err(failure),
    }
}
