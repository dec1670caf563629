//! One version of terms: its text, the next version, and its retirement.

use actix_web::{HttpResponse, web};
use maud::{Markup, html};
use serde::Deserialize;

use super::entered::KeyForm;
use super::refused::Refusals;
use super::terms::{TermForm, fields, of_class, refused};
use crate::http::error::{ApiError, ErrorCode, mark_refused};
use crate::http::extract::{IdempotencyKey, Path};
use crate::http::state::AppState;
use crate::ids::TermId;
use crate::terms::TermRow;
use crate::web::forms::{Form, see_other};
use crate::web::layout::{self, Page};
use crate::web::terms::{kind_text, necessity, text, version};
use crate::web::visitor::Visitor;

/// Adds the routes.
pub(super) fn configure(cfg: &mut web::ServiceConfig) {
    cfg.service(web::resource("/organiser/terms/{term}").get(page).post(replace))
        .service(web::resource("/organiser/terms/{term}/retire").post(retire));
}

#[derive(Deserialize)]
struct Query {
    notice: Option<String>,
}

async fn page(
    state: web::Data<AppState>,
    visitor: Visitor,
    Path(id): Path<TermId>,
    query: web::Query<Query>,
) -> Result<HttpResponse, ApiError> {
    show(&state, &visitor, id, query.notice.as_deref(), None).await
}

/// Shows a version; `refusal` is the form of the next version that was refused, and why.
async fn show(
    state: &AppState,
    visitor: &Visitor,
    id: TermId,
    notice: Option<&str>,
    refusal: Option<(&TermForm, Refusals)>,
) -> Result<HttpResponse, ApiError> {
    visitor.staff()?;
    let row = state.terms.term(id).await?;
    let current = state.terms.current_of(&row).await?;
    let name = match row.class {
        Some(class) => state.store.event_names(&[class]).await?,
        None => Vec::new(),
    };
    let is_refused = refusal.is_some();
    let (form, refusals) = match refusal {
        Some((form, refusals)) => (form.clone(), refusals),
        None => (TermForm::after(&row), Refusals::default()),
    };
    let main = html! {
        p.back { a href="/organiser/terms" { (visitor.text("terms.title")) } }
        h1 { (row.title) }
        p.hint {
            (kind_text(visitor, row.kind)) (of_class(&row, |_| name.first().map(|(_, name)| name)))
            " · " (version(visitor, row.version)) " · " (necessity(visitor, &row))
        }
        @if !row.is_current {
            p.warning {
                (visitor.text(if current.is_some() { "terms.replaced" } else { "terms.retired" }))
                @if let Some(current) = current {
                    " " a href={ "/organiser/terms/" (current) } { (visitor.text("terms.to_current")) }
                }
            }
        }
        (text(&row))
        @if row.is_current { (actions(visitor, &row, &form, &refusals, is_refused)) }
    };
    let page = Page::new(&row.title).main(main).class("wide").notice(notice);
    let mut page = layout::render(visitor, page);
    if is_refused {
        mark_refused(&mut page, ErrorCode::Invalid);
    }
    Ok(page)
}

fn actions(
    visitor: &Visitor,
    row: &TermRow,
    form: &TermForm,
    refusals: &Refusals,
    is_refused: bool,
) -> Markup {
    html! {
        details.action id="edit" open[is_refused] {
            summary { (visitor.text("terms.next")) }
            form.stack method="post" action={ "/organiser/terms/" (row.id) "#edit" } {
                (refusals.render(visitor))
                input type="hidden" name="key" value=(form.key);
                p { (visitor.text("terms.next_does")) }
                (fields(visitor, form, refusals))
                button.button { (visitor.text("terms.next")) }
            }
        }
        details.action id="retire" {
            summary { (visitor.text("terms.retire")) }
            form.stack method="post" action={ "/organiser/terms/" (row.id) "/retire" } {
                input type="hidden" name="key" value=(uuid::Uuid::new_v4());
                p { (visitor.text("terms.retire_does")) }
                button.button { (visitor.text("terms.retire")) }
            }
        }
    }
}

async fn replace(
    state: web::Data<AppState>,
    visitor: Visitor,
    Path(id): Path<TermId>,
    Form(form): Form<TermForm>,
) -> Result<HttpResponse, ApiError> {
    let admin = visitor.staff()?;
    let key = IdempotencyKey(Some(form.key.clone()));
    let fields = (id, &form.title, &form.content, &form.required);
    let key = key.row_key(admin.user, "replace term by form", &fields);
    let text = form.text();
    match state.terms.replace(admin.user, id, text, key.as_ref(), visitor.now).await {
        Ok((row, _)) => Ok(see_other(&format!("/organiser/terms/{}?notice=saved", row.id))),
        Err(error) => {
            let refusals = refused(&visitor, error)?;
            show(&state, &visitor, id, None, Some((&form, refusals))).await
        }
    }
}

async fn retire(
    state: web::Data<AppState>,
    visitor: Visitor,
    Path(id): Path<TermId>,
    Form(form): Form<KeyForm>,
) -> Result<HttpResponse, ApiError> {
    let admin = visitor.staff()?;
    let key = IdempotencyKey(Some(form.key));
    let key = key.row_key(admin.user, "retire term by form", &id);
    state.terms.retire(id, key.as_ref(), visitor.now).await?;
    Ok(see_other("/organiser/terms?notice=done"))
}
