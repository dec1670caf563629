//! Webhooks: their list, and a new one, whose secret is shown once.

use actix_web::{HttpResponse, web};
use maud::{Markup, html};
use serde::Deserialize;

use super::refused::{Refusals, Refused};
use super::tables::{Column, cards};
use crate::http::error::{ApiError, ErrorCode, mark_refused};
use crate::http::extract::{ActRecord, IdempotencyKey};
use crate::http::state::AppState;
use crate::ids::OfferingId;
use crate::store::WebhookRow;
use crate::text::InvalidField;
use crate::web::errors::explain;
use crate::web::fields::Field;
use crate::web::format;
use crate::web::forms::Form;
use crate::web::layout::{self, Page};
use crate::web::visitor::Visitor;
use crate::webhooks::{EndpointDraft, WebhookError};

/// Adds the routes.
pub(super) fn configure(cfg: &mut web::ServiceConfig) {
    cfg.service(web::resource("/organiser/webhooks").get(list).post(create));
}

#[derive(Default, Deserialize)]
struct Query {
    notice: Option<String>,
}

/// The fields of an endpoint as people enter them: lists with one item a line.
#[derive(Clone, Debug, Default, Deserialize)]
pub(super) struct WebhookForm {
    pub(super) key: String,
    #[serde(default)]
    pub(super) url: String,
    #[serde(default)]
    pub(super) description: String,
    #[serde(default)]
    pub(super) types: String,
    #[serde(default)]
    pub(super) events: String,
}

impl WebhookForm {
    /// An empty form.
    fn new() -> Self {
        Self { key: uuid::Uuid::new_v4().to_string(), ..Self::default() }
    }

    /// Returns the form of an endpoint as it is.
    pub(super) fn of(row: &WebhookRow) -> Self {
        let events: Vec<String> = row.offerings.iter().map(OfferingId::to_string).collect();
        Self {
            url: row.url.clone(),
            description: row.description.clone(),
            types: row.kinds.join("\n"),
            events: events.join("\n"),
            ..Self::new()
        }
    }

    /// Returns the endpoint that is meant.
    pub(super) fn draft(&self) -> Result<EndpointDraft, InvalidField> {
        let mut offerings = Vec::new();
        for line in lines(&self.events) {
            let id = line.parse();
            offerings
                .push(id.map_err(|_| InvalidField::new("eventIds", "is not the id of an event"))?);
        }
        Ok(EndpointDraft {
            url: self.url.clone(),
            description: self.description.clone(),
            kinds: lines(&self.types).map(str::to_owned).collect(),
            offerings,
        })
    }
}

fn lines(text: &str) -> impl Iterator<Item = &str> {
    text.split(['\n', ',']).map(str::trim).filter(|line| !line.is_empty())
}

/// Returns the refusal of a form, or the failure.
pub(super) fn refused(visitor: &Visitor, error: WebhookError) -> Result<Refusals, ApiError> {
    match error {
        WebhookError::Invalid(error) => {
            let field = error.field.split('[').next().unwrap_or_default();
            let input = if field == "eventIds" { "events" } else { field };
            Ok(Refused::of(visitor, &error).at(input).into())
        }
        WebhookError::TooMany(_) => {
            Ok(Refused { input: "url".into(), text: explain(visitor, &error.into()) }.into())
        }
        error => Err(error.into()),
    }
}

async fn list(
    state: web::Data<AppState>,
    visitor: Visitor,
    query: web::Query<Query>,
) -> Result<HttpResponse, ApiError> {
    let form = WebhookForm::new();
    show(&state, &visitor, query.notice.as_deref(), &form, &Refusals::default()).await
}

async fn show(
    state: &AppState,
    visitor: &Visitor,
    notice: Option<&str>,
    form: &WebhookForm,
    refusals: &Refusals,
) -> Result<HttpResponse, ApiError> {
    visitor.staff()?;
    let rows = state.webhooks.endpoints().await?;
    let title = visitor.text("webhooks.title");
    let main = html! {
        p.back { a href="/organiser" { (visitor.text("organiser.back")) } }
        h1 { (title) }
        p.hint { (visitor.text("webhooks.hint")) }
        @if rows.is_empty() {
            p.empty { (visitor.text("webhooks.none")) }
        } @else {
            (table(visitor, title, &rows))
        }
        h2 id="new" { (visitor.text("webhooks.new")) }
        form.stack method="post" action="/organiser/webhooks#new" {
            (refusals.render(visitor))
            input type="hidden" name="key" value=(form.key);
            (fields(visitor, form, refusals))
            button.button { (visitor.text("webhooks.new")) }
        }
    };
    Ok(layout::render(visitor, Page::new(title).main(main).class("wide").notice(notice)))
}

fn table(visitor: &Visitor, title: &str, rows: &[WebhookRow]) -> Markup {
    let columns = [
        Column::text(visitor.text("webhooks.url")),
        Column::text(visitor.text("webhooks.state")),
        Column::text(visitor.text("webhooks.types")),
        Column::text(visitor.text("webhooks.made_at")),
    ];
    let row = |row: &WebhookRow| {
        let all = visitor.text("webhooks.all_types").to_owned();
        vec![
            html! {
                a href={ "/organiser/webhooks/" (row.id) } { (row.url) }
                @if !row.description.is_empty() { " " span.hint { (row.description) } }
            },
            status(visitor, row),
            html! { (if row.kinds.is_empty() { all } else { row.kinds.join(", ") }) },
            format::time(visitor.language, row.created_at, visitor.site.zone),
        ]
    };
    cards(title, &columns, rows.iter().map(row))
}

/// Renders whether an endpoint gets messages.
pub(super) fn status(visitor: &Visitor, row: &WebhookRow) -> Markup {
    html! {
        @if row.disabled.is_some() {
            span.badge { (visitor.text("webhooks.is_off")) }
        } @else {
            (visitor.text("webhooks.is_on"))
        }
    }
}

/// Renders the fields of an endpoint.
pub(super) fn fields(visitor: &Visitor, form: &WebhookForm, refusals: &Refusals) -> Markup {
    let area = |name, label, value, hint| {
        let hint = Some(visitor.text(hint));
        let field = Field { name, label: visitor.text(label), value, hint, ..Field::default() };
        refusals.with_error(field).area(3)
    };
    html! {
        (refusals.field(Field { name: "url", label: visitor.text("webhooks.url"), value: &form.url, kind: "url",
            required: true, max_length: Some(2_048), hint: Some(visitor.text("webhooks.url_hint")),
            ..Field::default() }))
        (refusals.field(Field { name: "description", label: visitor.text("webhooks.description"),
            value: &form.description, max_length: Some(500), ..Field::default() }))
        (area("types", "webhooks.types", &form.types, "webhooks.types_hint"))
        (area("events", "webhooks.events", &form.events, "webhooks.events_hint"))
    }
}

/// Renders a secret, which is shown only now.
pub(super) fn secret(visitor: &Visitor, secret: &str) -> Markup {
    html! {
        section.notice role="status" {
            p { strong { (visitor.text("webhooks.secret_once")) } }
            p { code { (secret) } }
        }
    }
}

async fn create(
    state: web::Data<AppState>,
    visitor: Visitor,
    record: ActRecord,
    Form(form): Form<WebhookForm>,
) -> Result<HttpResponse, ApiError> {
    let admin = visitor.staff()?;
    let made = match form.draft() {
        Err(error) => Err(error.into()),
        Ok(draft) => {
            let key = IdempotencyKey(Some(form.key.clone()));
            let fields = (&form.url, &form.description, &form.types, &form.events);
            let key = key.row_key(admin.user, "create webhook by form", &fields);
            state.webhooks.create(&draft, admin.user, key.as_ref(), state.clock.now_ms()).await
        }
    };
    match made {
        Ok((row, _)) => {
            record.made(&row.id);
            let title = visitor.text("webhooks.made");
            let main = html! {
                p.back { a href="/organiser/webhooks" { (visitor.text("webhooks.title")) } }
                h1 { (title) }
                p { (row.url) }
                (secret(&visitor, &row.secret))
                p { a.button href={ "/organiser/webhooks/" (row.id) } { (visitor.text("webhooks.open")) } }
            };
            Ok(layout::render(&visitor, Page::new(title).main(main)))
        }
        Err(error) => {
            if matches!(error, WebhookError::TooMany(_)) {
                record.refused(Some(ErrorCode::TooManyWebhooks));
            }
            let refusals = refused(&visitor, error)?;
            let mut page = show(&state, &visitor, None, &form, &refusals).await?;
            mark_refused(&mut page, ErrorCode::Invalid);
            Ok(page)
        }
    }
}
