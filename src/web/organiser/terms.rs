//! Terms: the current ones, and a form for new ones.

use std::collections::HashMap;

use actix_web::{HttpResponse, web};
use maud::{Markup, html};
use serde::Deserialize;

use super::refused::{Refusals, Refused};
use super::tables::{Column, cards};
use crate::http::error::{ApiError, ErrorCode, mark_refused};
use crate::http::extract::{ActRecord, IdempotencyKey};
use crate::http::state::AppState;
use crate::ids::OfferingId;
use crate::terms::{MAX_TITLE, TermError, TermFilter, TermKind, TermRow, TermText, TermsOf};
use crate::text::InvalidField;
use crate::web::fields::{Field, select};
use crate::web::format;
use crate::web::forms::{Form, see_other};
use crate::web::layout::{self, Page};
use crate::web::terms::{kind_text, necessity, version};
use crate::web::visitor::Visitor;

/// The most terms of one kind on the page.
const SHOWN: u64 = 100;

/// Adds the routes.
pub(super) fn configure(cfg: &mut web::ServiceConfig) {
    cfg.service(web::resource("/organiser/terms").get(list).post(create));
}

#[derive(Deserialize)]
struct Query {
    notice: Option<String>,
    /// The class that new terms are for.
    #[serde(default)]
    mclass: String,
}

/// The fields of a version as people enter them.
#[derive(Clone, Debug, Default, Deserialize)]
pub(super) struct TermForm {
    pub(super) key: String,
    #[serde(default)]
    kind: String,
    #[serde(default)]
    mclass: String,
    #[serde(default)]
    pub(super) title: String,
    #[serde(default)]
    pub(super) content: String,
    /// Present if the box is ticked.
    pub(super) required: Option<String>,
}

impl TermForm {
    /// An empty form.
    fn new() -> Self {
        Self { key: uuid::Uuid::new_v4().to_string(), ..Self::default() }
    }

    /// Returns the form for the version after this one.
    pub(super) fn after(row: &TermRow) -> Self {
        Self {
            title: row.title.clone(),
            content: row.content.clone(),
            required: row.is_required.then(|| "on".to_owned()),
            ..Self::new()
        }
    }

    /// Returns the text that is meant.
    pub(super) fn text(&self) -> TermText {
        let (title, content) = (self.title.clone(), self.content.clone());
        TermText { title, content, is_required: self.required.is_some() }
    }

    /// Returns what the terms are about.
    fn about(&self) -> Result<(TermKind, Option<OfferingId>), InvalidField> {
        let kind = TermKind::parse(&self.kind)
            .ok_or_else(|| InvalidField::new("type", "is not a type of terms"))?;
        let class = match self.mclass.trim() {
            "" => None,
            id => Some(
                id.parse()
                    .map_err(|_| InvalidField::new("mclassId", "is not the id of a class"))?,
            ),
        };
        Ok((kind, class))
    }
}

/// Returns the refusal of a form, or the failure.
pub(super) fn refused(visitor: &Visitor, error: TermError) -> Result<Refusals, ApiError> {
    match error {
        TermError::Invalid(error) => {
            let input = if error.field == "mclassId" { "mclass" } else { &*error.field };
            Ok(Refused::of(visitor, &error).at(input).into())
        }
        error => Err(error.into()),
    }
}

async fn list(
    state: web::Data<AppState>,
    visitor: Visitor,
    query: web::Query<Query>,
) -> Result<HttpResponse, ApiError> {
    let Query { notice, mclass } = query.into_inner();
    let kind = if mclass.is_empty() { TermKind::Service } else { TermKind::Enrollment };
    let form = TermForm { mclass, kind: kind.as_str().to_owned(), ..TermForm::new() };
    show(&state, &visitor, notice.as_deref(), &form, &Refusals::default()).await
}

async fn show(
    state: &AppState,
    visitor: &Visitor,
    notice: Option<&str>,
    form: &TermForm,
    refusals: &Refusals,
) -> Result<HttpResponse, ApiError> {
    visitor.staff()?;
    let mut rows = Vec::new();
    for kind in TermKind::ALL {
        let filter = TermFilter { kind: Some(kind), of: TermsOf::All };
        rows.extend(state.terms.list(filter, None, SHOWN).await?);
    }
    let classes: Vec<_> = rows.iter().filter_map(|row| row.class).collect();
    let names = state.store.event_names(&classes).await?.into_iter().collect();
    let title = visitor.text("terms.title");
    let kind = |kind: TermKind| (kind.as_str().to_owned(), kind_text(visitor, kind).to_owned());
    let class = Field {
        name: "mclass",
        label: visitor.text("terms.class"),
        hint: Some(visitor.text("terms.class_hint")),
        value: &form.mclass,
        max_length: Some(40),
        ..Field::default()
    };
    let main = html! {
        p.back { a href="/organiser" { (visitor.text("organiser.back")) } }
        h1 { (title) }
        p.hint { (visitor.text("terms.hint")) }
        @if rows.is_empty() {
            p.empty { (visitor.text("terms.none")) }
        } @else {
            (table(visitor, title, &rows, &names))
        }
        h2 id="new" { (visitor.text("terms.new")) }
        form.stack method="post" action="/organiser/terms#new" {
            (refusals.render(visitor))
            input type="hidden" name="key" value=(form.key);
            (select("kind", visitor.text("terms.kind"), &form.kind, &TermKind::ALL.map(kind)))
            (refusals.field(class))
            (fields(visitor, form, refusals))
            button.button { (visitor.text("terms.new")) }
        }
    };
    Ok(layout::render(visitor, Page::new(title).main(main).class("wide").notice(notice)))
}

fn table(
    visitor: &Visitor,
    title: &str,
    rows: &[TermRow],
    names: &HashMap<OfferingId, String>,
) -> Markup {
    let columns = [
        Column::text(visitor.text("terms.title_of")),
        Column::text(visitor.text("terms.kind")),
        Column::text(visitor.text("terms.agreement")),
        Column::text(visitor.text("terms.written_at")),
    ];
    let row = |row: &TermRow| {
        vec![
            html! { a href={ "/organiser/terms/" (row.id) } { (row.title) } },
            html! { (kind_text(visitor, row.kind)) (of_class(row, |class| names.get(&class))) },
            html! { (necessity(visitor, row)) },
            html! {
                (version(visitor, row.version)) ", "
                (format::time(visitor.language, row.created_at, visitor.site.zone))
            },
        ]
    };
    cards(title, &columns, rows.iter().map(row))
}

/// Renders the link to the only class of terms, if they have one.
pub(super) fn of_class<'a>(
    row: &TermRow,
    name: impl FnOnce(OfferingId) -> Option<&'a String>,
) -> Markup {
    let Some(class) = row.class else { return Markup::default() };
    html! { ": " a href={ "/organiser/classes/" (class) } { (name(class).map_or("", |name| name)) } }
}

/// Renders the fields of a version.
pub(super) fn fields(visitor: &Visitor, form: &TermForm, refusals: &Refusals) -> Markup {
    let title = Field {
        name: "title",
        label: visitor.text("terms.title_of"),
        value: &form.title,
        required: true,
        max_length: u32::try_from(MAX_TITLE).ok(),
        ..Field::default()
    };
    let content = Field {
        name: "content",
        label: visitor.text("terms.content"),
        value: &form.content,
        required: true,
        hint: Some(visitor.text("terms.content_hint")),
        ..Field::default()
    };
    html! {
        (refusals.field(title))
        (refusals.with_error(content).area(12))
        label.check {
            input type="checkbox" name="required" value="on" checked[form.required.is_some()];
            span { (visitor.text("terms.is_required")) }
        }
    }
}

async fn create(
    state: web::Data<AppState>,
    visitor: Visitor,
    record: ActRecord,
    Form(form): Form<TermForm>,
) -> Result<HttpResponse, ApiError> {
    let admin = visitor.staff()?;
    let made = match form.about() {
        Err(error) => Err(error.into()),
        Ok(about) => {
            let key = IdempotencyKey(Some(form.key.clone()));
            let TermForm { kind, mclass, title, content, required, .. } = &form;
            let fields = (kind, mclass, title, content, required);
            let key = key.row_key(admin.user, "create term by form", &fields);
            state.terms.create(admin.user, about, form.text(), key.as_ref(), visitor.now).await
        }
    };
    match made {
        Ok((row, _)) => {
            record.made(&row.id);
            Ok(see_other(&format!("/organiser/terms/{}?notice=saved", row.id)))
        }
        Err(error) => {
            let refusals = refused(&visitor, error)?;
            let mut page = show(&state, &visitor, None, &form, &refusals).await?;
            mark_refused(&mut page, ErrorCode::Invalid);
            Ok(page)
        }
    }
}
