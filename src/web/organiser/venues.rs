//! Venues: their list, and a new one with its first plan, which can be looked at before it is saved.

use actix_web::{HttpResponse, web};
use maud::{Markup, html};
use serde::Deserialize;

use super::plan_form::{self, EXAMPLE, ReadPlan};
use super::plan_picture::Picture;
use super::refused::{Refusals, Refused};
use crate::http::error::{ApiError, ErrorCode, mark_refused};
use crate::http::extract::{ActRecord, IdempotencyKey};
use crate::http::state::AppState;
use crate::ids::{UserId, VenueId};
use crate::venues::{VenueDraft, VenueError};
use crate::web::fields::Field;
use crate::web::format::number;
use crate::web::forms::{Form, see_other};
use crate::web::layout::{self, Page};
use crate::web::visitor::Visitor;

/// Venues on one page.
const SHOWN: u64 = 50;

/// Adds the routes.
pub(super) fn configure(cfg: &mut web::ServiceConfig) {
    cfg.service(web::resource("/organiser/venues").get(list).post(create));
}

#[derive(Default, Deserialize)]
struct Query {
    notice: Option<String>,
    after: Option<VenueId>,
}

/// The fields of a venue and its plan, as far as a page has them.
#[derive(Clone, Debug, Default, Deserialize)]
pub(super) struct VenueForm {
    pub(super) key: String,
    #[serde(default)]
    pub(super) name: String,
    #[serde(default)]
    pub(super) place: String,
    #[serde(default)]
    pub(super) time_zone: String,
    /// Lines, or JSON.
    #[serde(default)]
    pub(super) plan: String,
    /// The button: `preview` shows the plan and saves nothing.
    #[serde(default, rename = "do")]
    pub(super) button: String,
}

/// What a page shows of the form that was sent.
#[derive(Default)]
pub(super) struct Sent {
    pub(super) refusals: Refusals,
    pub(super) preview: Option<ReadPlan>,
}

impl VenueForm {
    fn new(visitor: &Visitor) -> Self {
        let time_zone = visitor.site.zone.name().to_owned();
        Self { time_zone, ..Self::for_plan() }
    }

    /// A form to begin a plan with.
    pub(super) fn for_plan() -> Self {
        let key = uuid::Uuid::new_v4().to_string();
        Self { key, plan: EXAMPLE.into(), ..Self::default() }
    }
}

/// Returns the refusal of a venue's field, or the failure.
pub(super) fn refused(visitor: &Visitor, error: VenueError) -> Result<Refusals, ApiError> {
    match error {
        VenueError::Invalid(error) => {
            let input = if error.field == "timeZone" { "time_zone" } else { &error.field };
            Ok(Refused { input: input.to_owned(), ..Refused::of(visitor, &error) }.into())
        }
        error => Err(error.into()),
    }
}

async fn list(
    state: web::Data<AppState>,
    visitor: Visitor,
    query: web::Query<Query>,
) -> Result<HttpResponse, ApiError> {
    let form = VenueForm::new(&visitor);
    show(&state, &visitor, &query, &form, &Sent::default()).await
}

async fn show(
    state: &AppState,
    visitor: &Visitor,
    query: &Query,
    form: &VenueForm,
    sent: &Sent,
) -> Result<HttpResponse, ApiError> {
    visitor.staff()?;
    let venues = state.venues.list(query.after, SHOWN).await?;
    let next = venues.last().filter(|_| venues.len() as u64 == SHOWN);
    let title = visitor.text("venues.title");
    let main = html! {
        p.back { a href="/organiser" { (visitor.text("organiser.back")) } }
        h1 { (title) }
        @if venues.is_empty() { p.empty { (visitor.text("venues.none")) } }
        ul.lines {
            @for venue in &venues {
                li {
                    a href={ "/organiser/venues/" (venue.id) } { (venue.name) }
                    span.hint { (place(&venue.place, &venue.time_zone)) }
                }
            }
        }
        @if let Some(last) = next {
            p.more { a.button.quiet href={ "/organiser/venues?after=" (last.id) } { (visitor.text("start.more")) } }
        }
        h2 id="new" { (visitor.text("venues.new")) }
        form.stack method="post" action="/organiser/venues#new" {
            (sent.refusals.render(visitor))
            input type="hidden" name="key" value=(form.key);
            (venue_fields(visitor, form, &sent.refusals))
            (plan_field(visitor, form, sent, visitor.text("venues.new")))
        }
    };
    Ok(layout::render(visitor, Page::new(title).main(main).notice(query.notice.as_deref())))
}

/// Writes where a venue is.
pub(super) fn place(place: &str, time_zone: &str) -> String {
    if place.is_empty() { time_zone.to_owned() } else { format!("{place} · {time_zone}") }
}

/// Renders the fields of a venue itself.
pub(super) fn venue_fields(visitor: &Visitor, form: &VenueForm, refusals: &Refusals) -> Markup {
    let field = |name, key, value, required| {
        let label = visitor.text(key);
        let max_length = Some(200);
        let hint = (name == "time_zone").then(|| visitor.text("venues.time_zone_hint"));
        refusals.field(Field { name, label, value, required, max_length, hint, ..Field::default() })
    };
    html! {
        div.form-grid {
            (field("name", "venues.name", &form.name, true))
            (field("place", "venues.place", &form.place, false))
            (field("time_zone", "organiser_form.time_zone", &form.time_zone, true))
        }
    }
}

/// Renders the field of a plan with its buttons, and its drawing if that was asked for.
pub(super) fn plan_field(visitor: &Visitor, form: &VenueForm, sent: &Sent, save: &str) -> Markup {
    let text = |key| visitor.text(key);
    let hint = Some(text("venues.plan_hint"));
    let field = Field {
        name: "plan",
        label: text("venues.plan"),
        value: &form.plan,
        hint,
        ..Field::default()
    };
    html! {
        (sent.refusals.with_error(field).area(8))
        details {
            summary { (text("venues.help")) }
            ul {
                li { (text("venues.help_block")) }
                li { (text("venues.help_arc")) }
                li { (text("venues.help_tribune")) }
                li { (text("venues.help_tables")) }
                li { (text("venues.help_json")) }
            }
        }
        @if let Some(read) = &sent.preview {
            section id="preview" aria-label=(text("venues.preview")) {
                h3 { (text("venues.preview")) }
                p.hint { (text("venues.not_saved")) }
                (summary(visitor, &read.picture, read.changes.as_ref()))
            }
        }
        div.actions {
            button.button.quiet name="do" value="preview" formnovalidate { (text("venues.preview")) }
            button.button name="do" value="save" { (save) }
        }
    }
}

/// Renders a drawing, and how the plan differs from the version before it.
pub(super) fn summary(
    visitor: &Visitor,
    picture: &Picture,
    changes: Option<&crate::venues::PlanChanges>,
) -> Markup {
    html! {
        @if let Some(changes) = changes {
            @if changes.is_empty() {
                p { (visitor.text("venues.same_seats")) }
            } @else {
                @let sections: Vec<&str> = changes.sections.iter().take(10).map(String::as_str).collect();
                @let more = if changes.sections.len() > 10 { " …" } else { "" };
                p {
                    (visitor.fill("venues.changes", &[("added", &number(changes.added)),
                        ("removed", &number(changes.removed)), ("rezoned", &number(changes.rezoned))]))
                    span.hint { " " (sections.join(", ")) (more) }
                }
            }
        }
        (picture.render(visitor))
    }
}

async fn create(
    state: web::Data<AppState>,
    visitor: Visitor,
    record: ActRecord,
    Form(form): Form<VenueForm>,
) -> Result<HttpResponse, ApiError> {
    let admin = visitor.staff()?;
    let sent = match plan_form::read(&visitor, &form.plan, None).await? {
        Err(refused) => Sent { refusals: refused.into(), preview: None },
        Ok(read) if form.button == "preview" => {
            let sent = Sent { preview: Some(read), ..Sent::default() };
            return show(&state, &visitor, &Query::default(), &form, &sent).await;
        }
        Ok(read) => match create_with_plan(&state, admin.user, &form, read).await {
            Ok(venue) => {
                record.made(&venue);
                return Ok(see_other(&format!("/organiser/venues/{venue}?notice=saved")));
            }
            Err(error) => Sent { refusals: refused(&visitor, error)?, preview: None },
        },
    };
    let mut page = show(&state, &visitor, &Query::default(), &form, &sent).await?;
    mark_refused(&mut page, ErrorCode::Invalid);
    Ok(page)
}

/// Makes a venue and its first plan. The plan was read first: a venue without one is of no use.
async fn create_with_plan(
    state: &AppState,
    admin: UserId,
    form: &VenueForm,
    read: ReadPlan,
) -> Result<VenueId, VenueError> {
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
    state.venues.add_plan(venue.id, admin, read.checked, row_key.as_ref(), now).await?;
    Ok(venue.id)
}
