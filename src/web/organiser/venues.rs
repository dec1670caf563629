//! Venues and their seat plans: made from a short description of the blocks, or from a whole plan, both as
//! JSON. Each plan is a new version; events keep theirs.

use actix_web::{HttpResponse, web};
use maud::{Markup, html};
use serde::Deserialize;
use serde_json::json;

use super::tables::scrolling;
use crate::http::api::venues::plans;
use crate::http::error::{ApiError, ErrorCode};
use crate::http::extract::{IdempotencyKey, Path};
use crate::http::state::AppState;
use crate::ids::{UserId, VenueId};
use crate::text::InvalidField;
use crate::venues::{BlockSpec, CheckedPlan, Plan, PlanSpec, VenueDraft, generate};
use crate::web::errors::explain;
use crate::web::fields::{Field, refusal, text_area};
use crate::web::format::{self, number};
use crate::web::forms::{Form, see_other};
use crate::web::layout::{self, Page};
use crate::web::visitor::Visitor;

/// The most venues, and versions of a plan, that are listed.
const LISTED: u64 = 100;

/// A description to begin with: a hall of 2,000 seats.
const EXAMPLE: &str = "Stalls, Gold, 20 x 40, arc\nCircle, Silver, 30 x 40";

/// Adds the routes.
pub(super) fn configure(cfg: &mut web::ServiceConfig) {
    cfg.service(web::resource("/organiser/venues").get(list).post(create))
        .service(web::resource("/organiser/venues/{venue}").get(page).post(add_plan));
}

#[derive(Deserialize)]
struct Query {
    notice: Option<String>,
}

/// The fields of a venue; `plan` is JSON.
#[derive(Clone, Debug, Default, Deserialize)]
struct VenueForm {
    key: String,
    #[serde(default)]
    name: String,
    #[serde(default)]
    place: String,
    #[serde(default)]
    time_zone: String,
    plan: String,
}

impl VenueForm {
    /// A form to begin with.
    fn new(visitor: &Visitor) -> Self {
        let time_zone = visitor.site.zone.name().to_owned();
        Self { time_zone, ..Self::for_plan() }
    }

    fn for_plan() -> Self {
        let key = uuid::Uuid::new_v4().to_string();
        Self { key, plan: EXAMPLE.into(), ..Self::default() }
    }

    /// Reads the plan: a whole one, or one that is generated from a description of blocks.
    fn plan(&self) -> Result<Plan, ApiError> {
        let unreadable = |error: serde_json::Error| InvalidField::new("plan", error.to_string());
        if !self.plan.trim_start().starts_with('{') {
            return Ok(generate(&spec_of_lines(&self.plan)?)?);
        }
        let json: serde_json::Value = serde_json::from_str(&self.plan).map_err(unreadable)?;
        if json.get("blocks").is_some() {
            // Read from the text, so that a refusal names the line.
            let spec: PlanSpec = serde_json::from_str(&self.plan).map_err(unreadable)?;
            return Ok(generate(&spec)?);
        }
        Ok(serde_json::from_str(&self.plan).map_err(unreadable)?)
    }
}

/// Reads a plan as people write it, a block of seats on each line: section, price zone, rows x seats
/// and, if it is not a plain block, its shape.
fn spec_of_lines(text: &str) -> Result<PlanSpec, InvalidField> {
    let mut blocks = Vec::new();
    for (index, line) in text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
        let unclear = || {
            let reason = format!(
                "line {}: write section, price zone, rows x seats, as in: Stalls, Gold, 20 x 40, arc",
                index + 1
            );
            InvalidField::new("plan", reason)
        };
        let parts: Vec<&str> = line.split(',').map(str::trim).collect();
        let (section, zone, size, kind) = match parts[..] {
            [section, zone, size] => (section, zone, size, "block"),
            [section, zone, size, kind] => (section, zone, size, kind),
            _ => return Err(unclear()),
        };
        let (rows, seats) = size.split_once(['x', 'X', '×', '*']).ok_or_else(unclear)?;
        let whole = |text: &str| text.trim().parse::<u32>().map_err(|_| unclear());
        let block = json!({
            "kind": kind.to_lowercase(), "section": section, "zone": zone,
            "rows": whole(rows)?, "seatsPerRow": whole(seats)?,
        });
        blocks.push(serde_json::from_value::<BlockSpec>(block).map_err(|_| unclear())?);
    }
    Ok(PlanSpec { name: "Plan".into(), stage: true, blocks })
}

async fn list(
    state: web::Data<AppState>,
    visitor: Visitor,
    query: web::Query<Query>,
) -> Result<HttpResponse, ApiError> {
    let form = VenueForm::new(&visitor);
    show_list(&state, &visitor, &form, query.notice.as_deref(), None).await
}

async fn show_list(
    state: &AppState,
    visitor: &Visitor,
    form: &VenueForm,
    notice: Option<&str>,
    refused: Option<&str>,
) -> Result<HttpResponse, ApiError> {
    visitor.admin()?;
    let venues = state.venues.list(None, LISTED).await?;
    let title = visitor.text("venues.title");
    let field = |name, key, value, required| {
        let label = visitor.text(key);
        let max_length = Some(200);
        Field { name, label, value, required, max_length, ..Field::default() }.render()
    };
    let main = html! {
        p.back { a href="/organiser" { (visitor.text("organiser.back")) } }
        h1 { (title) }
        @if venues.is_empty() { p.empty { (visitor.text("venues.none")) } }
        ul.lines {
            @for venue in &venues {
                li {
                    a href={ "/organiser/venues/" (venue.id) } { (venue.name) }
                    span.hint { (venue.place) " · " (venue.time_zone) }
                }
            }
        }
        h2 { (visitor.text("venues.new")) }
        (refusal(refused))
        form.stack method="post" action="/organiser/venues" {
            input type="hidden" name="key" value=(form.key);
            div.form-grid {
                (field("name", "venues.name", &form.name, true))
                (field("place", "venues.place", &form.place, false))
                (field("time_zone", "organiser_form.time_zone", &form.time_zone, true))
            }
            (plan_field(visitor, form))
            button.button { (visitor.text("venues.new")) }
        }
    };
    Ok(layout::render(visitor, Page::new(title).main(main).notice(notice)))
}

fn plan_field(visitor: &Visitor, form: &VenueForm) -> Markup {
    html! {
        (text_area("plan", visitor.text("venues.plan"), &form.plan, 10))
        p.hint { (visitor.text("venues.plan_hint")) }
    }
}

async fn create(
    state: web::Data<AppState>,
    visitor: Visitor,
    Form(form): Form<VenueForm>,
) -> Result<HttpResponse, ApiError> {
    let admin = visitor.admin()?;
    match create_with_plan(&state, admin.user, &form).await {
        Ok(venue) => Ok(see_other(&format!("/organiser/venues/{venue}?notice=saved"))),
        Err(failure) if failure.code().status().as_u16() < 500 => {
            let said = explain(&visitor, &failure);
            let mut page = show_list(&state, &visitor, &form, None, Some(&said)).await?;
            *page.status_mut() = failure.code().status();
            Ok(page)
        }
        Err(failure) => Err(failure),
    }
}

/// Makes a venue and its first plan. The plan is read first: a venue without one helps no one.
async fn create_with_plan(
    state: &AppState,
    admin: UserId,
    form: &VenueForm,
) -> Result<VenueId, ApiError> {
    let reading = form.clone();
    let plan = plans::apart(move || Ok(CheckedPlan::new(reading.plan()?)?)).await?;
    let draft = VenueDraft {
        name: form.name.clone(),
        place: form.place.clone(),
        time_zone: form.time_zone.clone(),
    };
    let key = IdempotencyKey(Some(form.key.clone()));
    let now = state.clock.now_ms();
    let fields = (&form.name, &form.place, &form.time_zone);
    let row_key = key.row_key(admin, "create venue by form", &fields);
    let (venue, _) = state.venues.create(&draft, row_key.as_ref(), now).await?;
    let row_key = key.row_key(admin, "add plan by form", &(venue.id, &form.plan));
    state.venues.add_plan(venue.id, admin, plan, row_key.as_ref(), now).await?;
    Ok(venue.id)
}

async fn page(
    state: web::Data<AppState>,
    visitor: Visitor,
    Path(venue): Path<VenueId>,
    query: web::Query<Query>,
) -> Result<HttpResponse, ApiError> {
    let form = VenueForm::for_plan();
    show(&state, &visitor, venue, &form, (query.notice.as_deref(), None)).await
}

async fn show(
    state: &AppState,
    visitor: &Visitor,
    id: VenueId,
    form: &VenueForm,
    (notice, refused): (Option<&str>, Option<&str>),
) -> Result<HttpResponse, ApiError> {
    visitor.admin()?;
    let venue = state.venues.venue(id).await?;
    let versions = state.venues.plans(id, None, LISTED).await?;
    let zone = format::zone(&venue.time_zone);
    let main = html! {
        p.back { a href="/organiser/venues" { (visitor.text("venues.title")) } }
        h1 { (venue.name) }
        p { (venue.place) " · " (venue.time_zone) }
        h2 { (visitor.text("venues.versions")) }
        (scrolling(visitor.text("venues.versions"), &html! {
            table {
                thead { tr {
                    th scope="col" { (visitor.text("venues.version")) }
                    th.number scope="col" { (visitor.text("venues.seats")) }
                    th scope="col" { (visitor.text("venues.made_at")) }
                } }
                tbody {
                    @for row in &versions {
                        tr {
                            th scope="row" {
                                a href={ "/api/admin/venues/" (id) "/plans/" (row.version) } { (row.version) }
                            }
                            td.number { (number(row.seats)) }
                            td { (format::time(visitor.language, row.created_at, zone)) }
                        }
                    }
                }
            }
        }))
        h2 { (visitor.text("venues.add_plan")) }
        (refusal(refused))
        form.stack method="post" action={ "/organiser/venues/" (id) } {
            input type="hidden" name="key" value=(form.key);
            (plan_field(visitor, form))
            button.button { (visitor.text("venues.add_plan")) }
        }
    };
    Ok(layout::render(visitor, Page::new(&venue.name).main(main).notice(notice)))
}

async fn add_plan(
    state: web::Data<AppState>,
    visitor: Visitor,
    Path(venue): Path<VenueId>,
    Form(form): Form<VenueForm>,
) -> Result<HttpResponse, ApiError> {
    let admin = visitor.admin()?;
    let reading = form.clone();
    let added = match plans::apart(move || Ok(CheckedPlan::new(reading.plan()?)?)).await {
        Ok(plan) => {
            let key = IdempotencyKey(Some(form.key.clone()));
            let key = key.row_key(admin.user, "add plan by form", &(venue, &form.plan));
            let now = state.clock.now_ms();
            let added = state.venues.add_plan(venue, admin.user, plan, key.as_ref(), now).await;
            added.map_err(ApiError::from)
        }
        Err(failure) => Err(failure),
    };
    match added {
        Ok(_) => Ok(see_other(&format!("/organiser/venues/{venue}?notice=saved"))),
        Err(failure)
            if failure.code() != ErrorCode::NotFound && failure.code().status().as_u16() < 500 =>
        {
            let said = explain(&visitor, &failure);
            let mut page = show(&state, &visitor, venue, &form, (None, Some(&said))).await?;
            *page.status_mut() = failure.code().status();
            Ok(page)
        }
        Err(failure) => Err(failure),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hall_is_a_line_for_each_block() {
        let spec = spec_of_lines(EXAMPLE).expect("the example is understood");
        assert_eq!(generate(&spec).expect("it makes a plan").seats(), 2_000);
        for bad in [
            "Stalls",
            "Stalls, Gold",
            "Stalls, Gold, 20",
            "Stalls, Gold, a x 3",
            "A, B, 1 x 1, heap",
        ] {
            let error = spec_of_lines(bad).expect_err(bad);
            assert!(error.reason.contains("line 1"), "{bad}: {}", error.reason);
        }
    }
}
