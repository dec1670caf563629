//! The waiting room of an event for its organiser: its line in numbers, its rules, and its switches. The
//! box office decides, as for the API.

use std::sync::Arc;

use actix_web::http::header::{self, HeaderValue};
use actix_web::{HttpResponse, web};
use maud::{Markup, html};
use serde::Deserialize;

use super::event_form::Pairs;
use super::queue_form::{self, RulesForm};
use super::queue_people;
use super::refused::Refusals;
use crate::box_office::SubmitError;
use crate::http::error::{ApiError, ErrorCode, mark_refused};
use crate::http::extract::{IdempotencyKey, Path};
use crate::http::respond::rfc3339;
use crate::http::state::AppState;
use crate::ids::OfferingId;
use crate::inventory::{QueueChange, QueuePhase, Rejection};
use crate::store::EventRow;
use crate::waiting_room::{Seen, WaitingRoomError};
use crate::web::errors::explain;
use crate::web::fields::refusal;
use crate::web::format::{self, number};
use crate::web::forms::{Form, see_other};
use crate::web::layout::{self, Page};
use crate::web::places::zone_of;
use crate::web::visitor::Visitor;

/// The modules that the page's script imports.
const MODULES: &[&str] = &["address.js", "clock.js", "strings.js"];

/// Adds the routes.
pub(super) fn configure(cfg: &mut web::ServiceConfig) {
    cfg.service(web::resource("/organiser/events/{event}/queue").get(page).post(act));
}

/// A waiting room as its page shows it.
struct Shown {
    event: EventRow,
    /// The line; `None` while the waiting room is off.
    seen: Option<Arc<Seen>>,
}

impl Shown {
    async fn read(state: &AppState, event: OfferingId) -> Result<Self, ApiError> {
        let event = state.offerings.event(event).await?;
        let seen = match state.waiting_rooms.fresh_progress(event.id).await {
            Ok(seen) => Some(seen),
            Err(WaitingRoomError::Office(SubmitError::Rejected(Rejection::NoQueue))) => None,
            Err(error) => return Err(error.into()),
        };
        Ok(Self { event, seen })
    }
}

/// Why a form was not carried out: what to say above the page, and the fields.
#[derive(Default)]
struct NotDone {
    text: Option<String>,
    fields: Refusals,
}

#[derive(Deserialize)]
struct Query {
    notice: Option<String>,
}

async fn page(
    state: web::Data<AppState>,
    visitor: Visitor,
    Path(event): Path<OfferingId>,
    query: web::Query<Query>,
) -> Result<HttpResponse, ApiError> {
    visitor.staff()?;
    let shown = Shown::read(&state, event).await?;
    let form = RulesForm::of(&visitor, &shown.event, shown.seen.as_deref());
    let entered = (&form, &[][..]);
    let page = render(&visitor, &shown, entered, &NotDone::default(), query.notice.as_deref());
    Ok(page)
}

fn render(
    visitor: &Visitor,
    shown: &Shown,
    (form, entered): (&RulesForm, &[(String, String)]),
    refused: &NotDone,
    notice: Option<&str>,
) -> HttpResponse {
    let event = &shown.event;
    let at = address(event.id);
    let title = visitor.text("queue.title");
    let main = html! {
        div id="organised" data-address=(at) {
            p.back { a href={ "/organiser/events/" (event.id) } { (event.details.name) } }
            h1 { (title) }
            p { (visitor.text("organiser_queue.explained")) }
            (refusal(refused.text.as_deref()))
            div id="queue-numbers" data-refresh { (numbers(visitor, shown)) }
            @if let Some(seen) = &shown.seen {
                h2 { (visitor.text("organiser_queue.switches")) }
                (switches(visitor, shown))
                h2 { (visitor.text("organiser_queue.people")) }
                (queue_people::render(visitor, (event.id, seen), entered, &refused.fields))
            }
            h2 id="rules" { (visitor.text("organiser_queue.rules")) }
            (queue_form::render(visitor, (event, shown.seen.as_deref()), form, &refused.fields))
            p { a href={ "/events/" (event.id) "/queue" } {
                (visitor.text("organiser_live.public_page"))
            } }
        }
    };
    let page_title = format!("{title} · {}", event.details.name);
    let page = Page::new(&page_title).main(main).script("organiser-queue.js").preload(MODULES);
    let mut response = layout::render(visitor, page.notice(notice));
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

fn address(event: OfferingId) -> String {
    format!("/organiser/events/{event}/queue")
}

/// Renders the state of the line and what became of entries.
fn numbers(visitor: &Visitor, shown: &Shown) -> Markup {
    let Some(seen) = &shown.seen else {
        return html! { p { (visitor.text("organiser_queue.is_off")) } };
    };
    let (progress, rules) = (&seen.progress, &seen.progress.rules);
    let zone = zone_of(visitor, &shown.event);
    let tile = |key, value: u32| {
        html! { div.tile { dt { (visitor.text(key)) } dd { (number(value)) } } }
    };
    html! {
        p.facts {
            @match (progress.phase, progress.opens_at) {
                (QueuePhase::PreQueue, Some(at)) => {
                    span {
                        (visitor.text("queue.draw_at")) " "
                        time role="timer" data-countdown datetime=(rfc3339(at)) {
                            (format::date_time(visitor.language, at, zone))
                        }
                    }
                }
                (QueuePhase::PreQueue, None) => { span { (visitor.text("queue.draw_at_sale")) } }
                (QueuePhase::Drawing, _) => { span { (visitor.text("queue.drawing")) } }
                (QueuePhase::Open, _) => { span { (visitor.text("organiser_queue.is_open")) } }
            }
            @if rules.paused {
                span.badge data-status="PAUSED" { (visitor.text("organiser_queue.is_paused")) }
            }
            @if rules.draining {
                span.badge data-status="SCHEDULED" { (visitor.text("organiser_queue.is_draining")) }
            }
        }
        dl.tiles {
            (tile("organiser_live.waiting", progress.waiting))
            (tile("organiser_queue.inside", progress.sessions))
            (tile("organiser_queue.admitted", progress.totals.admitted))
            (tile("organiser_queue.used", progress.totals.used))
            (tile("organiser_queue.expired", progress.totals.lapsed))
            (tile("organiser_queue.left", progress.totals.left))
            (tile("organiser_queue.set_aside", progress.totals.set_aside))
            (tile("organiser_queue.voided", progress.totals.voided))
            (tile("organiser_queue.places_left", progress.places_left))
            (tile("organiser_live.held", progress.places_held))
        }
        p.hint {
            (visitor.text("organiser_queue.as_of")) " "
            time datetime=(rfc3339(seen.as_of)) {
                (format::exact_time(visitor.language, seen.as_of, zone))
            }
        }
    }
}

/// Renders what changes a waiting room with one press; each says what it does.
fn switches(visitor: &Visitor, shown: &Shown) -> Markup {
    let Some(seen) = &shown.seen else { return Markup::default() };
    let rules = &seen.progress.rules;
    let one = |action: &str, label: &'static str, does: &'static str, class: &str| {
        html! {
            form.action method="post" action=(address(shown.event.id)) {
                input type="hidden" name="key" value=(uuid::Uuid::new_v4());
                input type="hidden" name="do" value=(action);
                p { (visitor.text(does)) }
                button class={ "button " (class) } { (visitor.text(label)) }
            }
        }
    };
    html! {
        div.action-list {
            @if rules.paused {
                (one("resume", "organiser_queue.resume", "organiser_queue.resume_does", ""))
            } @else {
                (one("pause", "organiser_queue.pause", "organiser_queue.pause_does", "quiet"))
            }
            @if rules.draining {
                (one("undrain", "organiser_queue.undrain", "organiser_queue.undrain_does", "quiet"))
            } @else {
                (one("drain", "organiser_queue.drain", "organiser_queue.drain_does", "quiet"))
            }
            details.cancel {
                summary { (visitor.text("organiser_queue.off")) }
                (one("off", "organiser_queue.off", "organiser_queue.off_does", "danger"))
            }
        }
    }
}

/// Carries a form out.
async fn act(
    state: web::Data<AppState>,
    visitor: Visitor,
    Path(event): Path<OfferingId>,
    Form(pairs): Form<Vec<(String, String)>>,
) -> Result<HttpResponse, ApiError> {
    let admin = visitor.staff()?;
    let shown = Shown::read(&state, event).await?;
    let mut form = RulesForm::of(&visitor, &shown.event, shown.seen.as_deref());
    let key = IdempotencyKey(Pairs(&pairs).value("key").map(str::to_owned));
    let key = key.identity(admin.user, "set queue by form", &(event, &pairs));
    let action = Pairs(&pairs).entered("do");
    if queue_people::is_one(&action) {
        let by = (&visitor, &admin);
        let done = queue_people::carry_out(&state, by, event, &pairs, key).await;
        return answered(&visitor, &shown, (&form, &pairs), done);
    }
    let is_set = |change| QueueChange { enabled: change, ..QueueChange::default() };
    let change = match &*action {
        "pause" => Ok(QueueChange { paused: Some(true), ..QueueChange::default() }),
        "resume" => Ok(QueueChange { paused: Some(false), ..QueueChange::default() }),
        "drain" => Ok(QueueChange { draining: Some(true), ..QueueChange::default() }),
        "undrain" => Ok(QueueChange { draining: Some(false), ..QueueChange::default() }),
        "off" => Ok(is_set(Some(false))),
        action @ ("on" | "save") => {
            let before = form.clone();
            form = RulesForm::read(&pairs);
            let change = form.change(&visitor, &before, zone_of(&visitor, &shown.event));
            let enabled = (action == "on").then_some(true);
            change.map(|change| QueueChange { enabled, ..change })
        }
        _ => return Err(ApiError::of(ErrorCode::BadRequest)),
    };
    let done = match change {
        Ok(change) => match state.waiting_rooms.set(event, admin.user, change, key).await {
            Ok(_) => Ok(Refusals::default()),
            Err(error) => Err(error.into()),
        },
        Err(fields) => Ok(fields),
    };
    answered(&visitor, &shown, (&form, &pairs), done)
}

/// Leads back to the page if nothing was refused, and shows it with the refusal otherwise.
fn answered(
    visitor: &Visitor,
    shown: &Shown,
    entered: (&RulesForm, &[(String, String)]),
    done: Result<Refusals, ApiError>,
) -> Result<HttpResponse, ApiError> {
    let (code, refused) = match done {
        Ok(fields) if fields.is_empty() => {
            return Ok(see_other(&format!("{}?notice=done", address(shown.event.id))));
        }
        Ok(fields) => (ErrorCode::Invalid, NotDone { text: None, fields }),
        Err(error) => not_done(visitor, error)?,
    };
    let mut page = render(visitor, shown, entered, &refused, None);
    mark_refused(&mut page, code);
    Ok(page)
}

/// Returns where a refusal is shown: beside the field that it names, or above the page.
fn not_done(visitor: &Visitor, failure: ApiError) -> Result<(ErrorCode, NotDone), ApiError> {
    let code = failure.code();
    if !code.status().is_client_error() {
        return Err(failure);
    }
    let of_field = (code == ErrorCode::Invalid)
        .then(|| queue_form::refused_field(visitor, failure.message()))
        .flatten();
    let refused = match of_field {
        Some(field) => NotDone { text: None, fields: field.into() },
        None => NotDone { text: Some(explain(visitor, &failure)), ..NotDone::default() },
    };
    Ok((code, refused))
}
