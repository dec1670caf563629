//! One webhook: its state, a test message, its secret, and its removal.

use actix_web::{HttpResponse, web};
use maud::{Markup, html};
use serde::Deserialize;

use super::entered::KeyForm;
use super::refused::Refusals;
use super::webhook_log::{self, LogQuery};
use super::webhooks::{WebhookForm, fields, refused, secret, status};
use crate::http::error::{ApiError, ErrorCode, mark_refused};
use crate::http::extract::{IdempotencyKey, Path};
use crate::http::state::AppState;
use crate::ids::WebhookId;
use crate::store::WebhookRow;
use crate::web::format;
use crate::web::forms::{Form, see_other};
use crate::web::layout::{self, Page};
use crate::web::visitor::Visitor;
use crate::webhooks::{EndpointEdit, Ping};

/// Adds the routes.
pub(super) fn configure(cfg: &mut web::ServiceConfig) {
    let at = |rest: &str| web::resource(format!("/organiser/webhooks/{{webhook}}{rest}"));
    cfg.service(at("").get(page).post(change))
        .service(at("/enabled").post(enable))
        .service(at("/ping").post(ping))
        .service(at("/rotate").post(rotate))
        .service(at("/delete").post(delete));
}

/// What a page shows beside the endpoint as it is.
#[derive(Default)]
struct Beside {
    /// The form that was refused, and why.
    refused: Option<(WebhookForm, Refusals)>,
    ping: Option<Ping>,
    secret: Option<String>,
}

#[derive(Deserialize)]
struct EnabledForm {
    key: String,
    enabled: bool,
}

async fn page(
    state: web::Data<AppState>,
    visitor: Visitor,
    Path(id): Path<WebhookId>,
    query: web::Query<LogQuery>,
) -> Result<HttpResponse, ApiError> {
    show(&state, &visitor, id, &query, Beside::default()).await
}

async fn show(
    state: &AppState,
    visitor: &Visitor,
    id: WebhookId,
    query: &LogQuery,
    beside: Beside,
) -> Result<HttpResponse, ApiError> {
    visitor.staff()?;
    let row = state.webhooks.endpoint(id).await?;
    let log = webhook_log::section(state, visitor, id, query).await?;
    let is_refused = beside.refused.is_some();
    let (form, refusals) =
        beside.refused.unwrap_or_else(|| (WebhookForm::of(&row), Refusals::default()));
    let main = html! {
        p.back { a href="/organiser/webhooks" { (visitor.text("webhooks.title")) } }
        h1 { (row.url) }
        @if !row.description.is_empty() { p { (row.description) } }
        @if let Some(shown) = &beside.secret { (secret(visitor, shown)) }
        @if let Some(ping) = &beside.ping { (pinged(visitor, ping)) }
        (facts(visitor, &row))
        (actions(visitor, &row))
        details.action id="edit" open[is_refused] {
            summary { (visitor.text("webhooks.edit")) }
            form.stack method="post" action={ "/organiser/webhooks/" (id) "#edit" } {
                (refusals.render(visitor))
                input type="hidden" name="key" value=(form.key);
                (fields(visitor, &form, &refusals))
                button.button { (visitor.text("account.save")) }
            }
        }
        (log)
    };
    let page = Page::new(&row.url).main(main).class("wide").notice(query.notice.as_deref());
    let mut page = layout::render(visitor, page);
    if is_refused {
        mark_refused(&mut page, ErrorCode::Invalid);
    }
    Ok(page)
}

fn facts(visitor: &Visitor, row: &WebhookRow) -> Markup {
    let text = |key| visitor.text(key);
    let time = |at| format::time(visitor.language, at, visitor.site.zone);
    let previous = row.previous.as_ref().filter(|(_, until)| visitor.now < *until);
    html! {
        dl.facts-list {
            dt { (text("webhooks.state")) }
            dd {
                (status(visitor, row))
                @if let Some(disabled) = &row.disabled {
                    " " (time(disabled.at)) ": " span lang="en" { (disabled.reason) }
                }
            }
            dt { (text("webhooks.types")) }
            dd {
                @if row.kinds.is_empty() { (text("webhooks.all_types")) } @else { (row.kinds.join(", ")) }
            }
            dt { (text("webhooks.events")) }
            dd {
                @if row.offerings.is_empty() { (text("webhooks.all_events")) }
                @for event in &row.offerings { a href={ "/organiser/events/" (event) } { (event) } " " }
            }
            @if let Some((_, until)) = previous {
                dt { (text("webhooks.previous_until")) } dd { (time(*until)) }
            }
            dt { (text("webhooks.made_at")) } dd { (time(row.created_at)) }
        }
    }
}

fn actions(visitor: &Visitor, row: &WebhookRow) -> Markup {
    let text = |key| visitor.text(key);
    let at = |action: &str| format!("/organiser/webhooks/{}/{action}", row.id);
    let key = html! { input type="hidden" name="key" value=(uuid::Uuid::new_v4()); };
    let (enabled, label) = match row.disabled {
        Some(_) => ("true", "webhooks.enable"),
        None => ("false", "webhooks.disable"),
    };
    html! {
        div.actions {
            form method="post" action=(at("ping")) {
                (key) button.button { (text("webhooks.ping")) }
            }
            form method="post" action=(at("enabled")) {
                (key) input type="hidden" name="enabled" value=(enabled);
                button.button.quiet { (text(label)) }
            }
        }
        details.action id="rotate" {
            summary { (text("webhooks.rotate")) }
            form.stack method="post" action=(at("rotate")) {
                (key) p { (text("webhooks.rotate_does")) }
                button.button { (text("webhooks.rotate")) }
            }
        }
        details.action id="delete" {
            summary { (text("webhooks.delete")) }
            form.stack method="post" action=(at("delete")) {
                (key) p { (text("webhooks.delete_does")) }
                button.button { (text("webhooks.delete")) }
            }
        }
    }
}

/// Renders what the endpoint said to a test message.
fn pinged(visitor: &Visitor, ping: &Ping) -> Markup {
    let took = format::number(ping.duration_ms);
    let said = match ping.status {
        Some(status) => {
            let values = [("status", &*status.to_string()), ("ms", &*took)];
            visitor.fill(
                if ping.delivered { "webhooks.ping_took" } else { "webhooks.ping_refused" },
                &values,
            )
        }
        None => visitor.fill("webhooks.ping_failed", &[("ms", &took)]),
    };
    html! {
        section class=(if ping.delivered { "notice" } else { "error" }) role="status" {
            p { (said) }
            @if let Some(error) = &ping.error { p lang="en" { (error) } }
            @if let Some(answer) = ping.answer.as_deref().filter(|answer| !answer.is_empty()) {
                pre { (answer) }
            }
        }
    }
}

async fn change(
    state: web::Data<AppState>,
    visitor: Visitor,
    Path(id): Path<WebhookId>,
    Form(form): Form<WebhookForm>,
) -> Result<HttpResponse, ApiError> {
    let admin = visitor.staff()?;
    let changed = match form.draft() {
        Err(error) => Err(error.into()),
        Ok(draft) => {
            let edit = EndpointEdit {
                url: Some(draft.url),
                description: Some(draft.description),
                kinds: Some(draft.kinds),
                offerings: Some(draft.offerings),
                enabled: None,
            };
            let key = IdempotencyKey(Some(form.key.clone()));
            let fields = (id, &form.url, &form.description, &form.types, &form.events);
            let key = key.row_key(admin.user, "change webhook by form", &fields);
            state.webhooks.change(id, &edit, key.as_ref(), state.clock.now_ms()).await
        }
    };
    match changed {
        Ok(_) => Ok(see_other(&format!("/organiser/webhooks/{id}?notice=saved"))),
        Err(error) => {
            let refused = Some((form, refused(&visitor, error)?));
            let beside = Beside { refused, ..Beside::default() };
            show(&state, &visitor, id, &LogQuery::default(), beside).await
        }
    }
}

async fn enable(
    state: web::Data<AppState>,
    visitor: Visitor,
    Path(id): Path<WebhookId>,
    Form(form): Form<EnabledForm>,
) -> Result<HttpResponse, ApiError> {
    let admin = visitor.staff()?;
    let edit = EndpointEdit { enabled: Some(form.enabled), ..EndpointEdit::default() };
    let key = IdempotencyKey(Some(form.key));
    let key = key.row_key(admin.user, "enable webhook by form", &(id, form.enabled));
    state.webhooks.change(id, &edit, key.as_ref(), state.clock.now_ms()).await?;
    Ok(see_other(&format!("/organiser/webhooks/{id}?notice=done")))
}

async fn ping(
    state: web::Data<AppState>,
    visitor: Visitor,
    Path(id): Path<WebhookId>,
    Form(KeyForm { .. }): Form<KeyForm>,
) -> Result<HttpResponse, ApiError> {
    visitor.staff()?;
    let ping = Some(state.webhooks.ping(id, state.clock.now_ms()).await?);
    show(&state, &visitor, id, &LogQuery::default(), Beside { ping, ..Beside::default() }).await
}

async fn rotate(
    state: web::Data<AppState>,
    visitor: Visitor,
    Path(id): Path<WebhookId>,
    Form(form): Form<KeyForm>,
) -> Result<HttpResponse, ApiError> {
    let admin = visitor.staff()?;
    let key = IdempotencyKey(Some(form.key));
    let key = key.row_key(admin.user, "rotate webhook secret by form", &id);
    let (row, _) = state.webhooks.rotate(id, key.as_ref(), state.clock.now_ms()).await?;
    let beside = Beside { secret: Some(row.secret), ..Beside::default() };
    show(&state, &visitor, id, &LogQuery::default(), beside).await
}

async fn delete(
    state: web::Data<AppState>,
    visitor: Visitor,
    Path(id): Path<WebhookId>,
    Form(form): Form<KeyForm>,
) -> Result<HttpResponse, ApiError> {
    let admin = visitor.staff()?;
    let key = IdempotencyKey(Some(form.key)).row_key(admin.user, "delete webhook by form", &id);
    state.webhooks.delete(id, key.as_ref(), state.clock.now_ms()).await?;
    Ok(see_other("/organiser/webhooks?notice=done"))
}
