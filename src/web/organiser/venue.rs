//! A venue: its name and place, the versions of its plan with the events that use them, and a new
//! version. Versions never change; events keep theirs.

use actix_web::{HttpResponse, web};
use maud::{Markup, html};
use serde::Deserialize;

use super::plan_form;
use super::plan_picture::Picture;
use super::refused::Refusals;
use super::tables::{Column, cards};
use super::venues::{Sent, VenueForm, place, plan_field, refused, summary, venue_fields};
use crate::http::api::venues::plans;
use crate::http::error::{ApiError, ErrorCode, mark_refused};
use crate::http::extract::{IdempotencyKey, Path};
use crate::http::state::AppState;
use crate::ids::{OfferingId, VenueId};
use crate::store::{PlanRow, VenueRow};
use crate::venues::{Plan, PlanChanges, VenueEdit, VenueError};
use crate::web::format::{self, number};
use crate::web::forms::{Form, see_other};
use crate::web::layout::{self, Page};
use crate::web::visitor::Visitor;

/// The most versions of a plan, and events, that are listed.
const LISTED: u64 = 50;

/// Adds the routes.
pub(super) fn configure(cfg: &mut web::ServiceConfig) {
    cfg.service(web::resource("/organiser/venues/{venue}").get(page).post(add_plan))
        .service(web::resource("/organiser/venues/{venue}/edit").post(change));
}

#[derive(Default, Deserialize)]
struct Query {
    notice: Option<String>,
    /// The version that is shown; the newest if absent.
    version: Option<u32>,
    /// The version whose document the form of a new one begins with.
    from: Option<u32>,
}

/// A version of the plan as a page shows it.
struct Version {
    number: u32,
    picture: Picture,
    changes: Option<PlanChanges>,
}

async fn page(
    state: web::Data<AppState>,
    visitor: Visitor,
    Path(id): Path<VenueId>,
    query: web::Query<Query>,
) -> Result<HttpResponse, ApiError> {
    visitor.staff()?;
    let venue = state.venues.venue(id).await?;
    let edited = form_of(&venue);
    let mut form = VenueForm { plan: String::new(), ..VenueForm::for_plan() };
    if let Some(from) = query.from {
        let (_, plan) = state.venues.plan(id, Some(from)).await?;
        form.plan =
            plans::apart(move || serde_json::to_string_pretty(&plan).map_err(ApiError::internal))
                .await?;
    }
    show(&state, &visitor, &venue, &query, (&edited, &form), &Sent::default(), &Refusals::default())
        .await
}

/// Returns the form of a venue as it is.
fn form_of(venue: &VenueRow) -> VenueForm {
    VenueForm {
        key: uuid::Uuid::new_v4().to_string(),
        name: venue.name.clone(),
        place: venue.place.clone(),
        time_zone: venue.time_zone.clone(),
        ..VenueForm::default()
    }
}

async fn show(
    state: &AppState,
    visitor: &Visitor,
    venue: &VenueRow,
    query: &Query,
    (edited, form): (&VenueForm, &VenueForm),
    sent: &Sent,
    of_edit: &Refusals,
) -> Result<HttpResponse, ApiError> {
    let id = venue.id;
    let versions = state.venues.plans(id, None, LISTED).await?;
    let shown = version(state, id, query.version).await?;
    let users = users(state, id).await?;
    let main = html! {
        p.back { a href="/organiser/venues" { (visitor.text("venues.title")) } }
        h1 { (venue.name) }
        p { (place(&venue.place, &venue.time_zone)) }
        details id="edit" open[!of_edit.is_empty()] {
            summary { (visitor.text("venues.edit")) }
            form.stack method="post" action={ "/organiser/venues/" (id) "/edit" } {
                (of_edit.render(visitor))
                input type="hidden" name="key" value=(edited.key);
                (venue_fields(visitor, edited, of_edit))
                p.hint { (visitor.text("venues.edit_hint")) }
                button.button { (visitor.text("account.save")) }
            }
        }
        @if let Some(shown) = &shown {
            h2 { (visitor.fill("venues.version_nth", &[("n", &shown.number.to_string())])) }
            (summary(visitor, &shown.picture, shown.changes.as_ref()))
        }
        h2 { (visitor.text("venues.versions")) }
        (version_table(visitor, venue, &versions, &users))
        h2 id="new" { (visitor.text("venues.add_plan")) }
        p { (visitor.text("venues.add_plan_hint")) }
        @if let Some(newest) = versions.first() {
            p { a href={ "/organiser/venues/" (id) "?from=" (newest.version) "#new" } {
                (visitor.text("venues.from_newest"))
            } }
        }
        form.stack method="post" action={ "/organiser/venues/" (id) "#new" } {
            (sent.refusals.render(visitor))
            input type="hidden" name="key" value=(form.key);
            (plan_field(visitor, form, sent, visitor.text("venues.add_plan")))
        }
    };
    let page = Page::new(&venue.name).main(main).notice(query.notice.as_deref());
    Ok(layout::render(visitor, page))
}

/// Reads a version and draws it; `None` if the venue has no plan.
async fn version(
    state: &AppState,
    venue: VenueId,
    version: Option<u32>,
) -> Result<Option<Version>, ApiError> {
    let found = match state.venues.plan(venue, version).await {
        Err(VenueError::NoSuchPlan) if version.is_none() => return Ok(None),
        found => found?,
    };
    let (row, plan) = found;
    let before = earlier(state, venue, row.version).await?;
    let drawn = plans::apart(move || {
        let changes = before.map(|before| PlanChanges::between(&before, &plan));
        Ok(Version { number: row.version, picture: Picture::of(&plan), changes })
    });
    Ok(Some(drawn.await?))
}

/// Returns the plan before a version.
async fn earlier(state: &AppState, venue: VenueId, version: u32) -> Result<Option<Plan>, ApiError> {
    match version {
        0 | 1 => Ok(None),
        version => Ok(Some(state.venues.plan(venue, Some(version - 1)).await?.1)),
    }
}

/// Returns the events with a plan of the venue, newest first, with their names.
async fn users(
    state: &AppState,
    venue: VenueId,
) -> Result<Vec<(u32, OfferingId, String)>, ApiError> {
    let mut users = Vec::new();
    for (event, version) in state.store.events_of_venue(venue, LISTED).await? {
        let name = state.offerings.event(event).await?.details.name;
        users.push((version, event, name));
    }
    Ok(users)
}

fn version_table(
    visitor: &Visitor,
    venue: &VenueRow,
    versions: &[PlanRow],
    users: &[(u32, OfferingId, String)],
) -> Markup {
    let zone = format::zone(&venue.time_zone);
    let columns = [
        Column::text(visitor.text("venues.version")),
        Column::number(visitor.text("venues.seats")),
        Column::text(visitor.text("venues.made_at")),
        Column::text(visitor.text("venues.used_by")),
        Column::text(visitor.text("venues.as_file")),
    ];
    let row = |row: &PlanRow| {
        vec![
            html! { a href={ "/organiser/venues/" (venue.id) "?version=" (row.version) } { (row.version) } },
            html! { (number(row.seats)) },
            format::time(visitor.language, row.created_at, zone),
            html! {
                @let events = users.iter().filter(|(version, ..)| *version == row.version);
                @for (index, (_, event, name)) in events.enumerate() {
                    @if index > 0 { ", " }
                    a href={ "/organiser/events/" (event) } { (name) }
                }
                @if users.iter().all(|(version, ..)| *version != row.version) {
                    (visitor.text("venues.not_used"))
                }
            },
            html! { a href={ "/api/admin/venues/" (venue.id) "/plans/" (row.version) } { "JSON" } },
        ]
    };
    if versions.is_empty() {
        return html! { p.empty { (visitor.text("venues.no_plan")) } };
    }
    cards(visitor.text("venues.versions"), &columns, versions.iter().map(row))
}

async fn add_plan(
    state: web::Data<AppState>,
    visitor: Visitor,
    Path(id): Path<VenueId>,
    Form(form): Form<VenueForm>,
) -> Result<HttpResponse, ApiError> {
    let admin = visitor.staff()?;
    let venue = state.venues.venue(id).await?;
    let before = match state.venues.plan(id, None).await {
        Ok((_, plan)) => Some(plan),
        Err(VenueError::NoSuchPlan) => None,
        Err(error) => return Err(error.into()),
    };
    let (sent, is_refused) = match plan_form::read(&visitor, &form.plan, before).await? {
        Err(refused) => (Sent { refusals: refused.into(), preview: None }, true),
        Ok(read) if form.button == "preview" => {
            (Sent { preview: Some(read), ..Sent::default() }, false)
        }
        Ok(read) => {
            let key = IdempotencyKey(Some(form.key.clone()));
            let key = key.row_key(admin.user, "add plan by form", &(id, &form.plan));
            let now = state.clock.now_ms();
            state.venues.add_plan(id, admin.user, read.checked, key.as_ref(), now).await?;
            return Ok(see_other(&format!("/organiser/venues/{id}?notice=saved")));
        }
    };
    let edited = form_of(&venue);
    let forms = (&edited, &form);
    let mut page =
        show(&state, &visitor, &venue, &Query::default(), forms, &sent, &Refusals::default())
            .await?;
    if is_refused {
        mark_refused(&mut page, ErrorCode::Invalid);
    }
    Ok(page)
}

async fn change(
    state: web::Data<AppState>,
    visitor: Visitor,
    Path(id): Path<VenueId>,
    Form(form): Form<VenueForm>,
) -> Result<HttpResponse, ApiError> {
    let admin = visitor.staff()?;
    let venue = state.venues.venue(id).await?;
    let edit = VenueEdit {
        name: Some(form.name.clone()),
        place: Some(form.place.clone()),
        time_zone: Some(form.time_zone.clone()),
    };
    let key = IdempotencyKey(Some(form.key.clone()));
    let fields = (id, &form.name, &form.place, &form.time_zone);
    let key = key.row_key(admin.user, "change venue by form", &fields);
    match state.venues.change(id, &edit, key.as_ref(), state.clock.now_ms()).await {
        Ok(_) => Ok(see_other(&format!("/organiser/venues/{id}?notice=saved"))),
        Err(error) => {
            let refusals = refused(&visitor, error)?;
            let of_plan = VenueForm { plan: String::new(), ..VenueForm::for_plan() };
            let forms = (&form, &of_plan);
            let (query, sent) = (Query::default(), Sent::default());
            let mut page = show(&state, &visitor, &venue, &query, forms, &sent, &refusals).await?;
            mark_refused(&mut page, ErrorCode::Invalid);
            Ok(page)
        }
    }
}
