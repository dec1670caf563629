//! The log of a webhook: the messages for it with the attempts, each of which can be sent again.

use actix_web::{HttpResponse, web};
use maud::{Markup, html};
use serde::Deserialize;

use super::entered::{self, KeyForm};
use super::tables::{Column, cards};
use crate::http::error::ApiError;
use crate::http::extract::{IdempotencyKey, Path};
use crate::http::pages::PageQuery;
use crate::http::state::AppState;
use crate::ids::WebhookId;
use crate::store::{DeliveryState, WebhookAttemptRow};
use crate::web::fields::{Field, select};
use crate::web::format;
use crate::web::forms::{Form, see_other};
use crate::web::visitor::Visitor;
use crate::webhooks::LoggedDelivery;

/// Messages on one page.
const SHOWN: u64 = 50;

/// Adds the routes.
pub(super) fn configure(cfg: &mut web::ServiceConfig) {
    let base = "/organiser/webhooks/{webhook}";
    cfg.service(web::resource(format!("{base}/replay")).post(replay_since))
        .service(web::resource(format!("{base}/deliveries/{{delivery}}/replay")).post(replay));
}

/// The part of the log that a page shows.
#[derive(Default, Deserialize)]
pub(super) struct LogQuery {
    /// The word of a state, or empty for all.
    #[serde(default)]
    status: String,
    after: Option<String>,
    pub(super) notice: Option<String>,
}

#[derive(Deserialize)]
struct SinceForm {
    key: String,
    since: String,
}

/// Renders the log of an endpoint.
///
/// # Errors
/// There is no such endpoint, or the store cannot be read.
pub(super) async fn section(
    state: &AppState,
    visitor: &Visitor,
    id: WebhookId,
    query: &LogQuery,
) -> Result<Markup, ApiError> {
    let status = DeliveryState::parse(&query.status);
    let after = PageQuery { limit: None, cursor: query.after.clone() }.after()?;
    let logged = state.webhooks.deliveries(id, status, after, SHOWN).await?;
    let next = logged.last().filter(|_| logged.len() as u64 == SHOWN).map(|last| {
        let start = format!("/organiser/webhooks/{id}?");
        let after = format!("{}_{}", last.delivery.created_at, last.delivery.id);
        let mut link = form_urlencoded::Serializer::new(start);
        link.append_pair("status", &query.status).append_pair("after", &after).finish()
    });
    let mut states = vec![(String::new(), visitor.text("webhooks.any_state").to_owned())];
    states.extend(
        DeliveryState::ALL
            .map(|state| (state.as_str().to_owned(), state_name(visitor, state).to_owned())),
    );
    Ok(html! {
        h2 id="log" { (visitor.text("webhooks.log")) }
        form.search method="get" action={ "/organiser/webhooks/" (id) "#log" } {
            (select("status", visitor.text("webhooks.state"), &query.status, &states))
            button.button.quiet { (visitor.text("start.find")) }
        }
        @if logged.is_empty() {
            p.empty { (visitor.text("webhooks.log_empty")) }
        } @else {
            (table(visitor, id, &logged))
        }
        @if let Some(next) = next {
            p.more { a.button.quiet href=(next) { (visitor.text("start.more")) } }
        }
        (since_form(visitor, id))
    })
}

fn since_form(visitor: &Visitor, id: WebhookId) -> Markup {
    let label = visitor.text("webhooks.since");
    let field = Field { name: "since", label, kind: "datetime-local", ..Field::default() };
    html! {
        details.action id="replay" {
            summary { (visitor.text("webhooks.replay_all")) }
            form.stack method="post" action={ "/organiser/webhooks/" (id) "/replay" } {
                input type="hidden" name="key" value=(uuid::Uuid::new_v4());
                p { (visitor.text("webhooks.replay_does")) }
                (Field { required: true, ..field }.render())
                button.button { (visitor.text("webhooks.replay_all")) }
            }
        }
    }
}

fn table(visitor: &Visitor, id: WebhookId, logged: &[LoggedDelivery]) -> Markup {
    let columns = [
        Column::text(visitor.text("webhooks.message")),
        Column::text(visitor.text("webhooks.state")),
        Column::text(visitor.text("webhooks.attempts")),
        Column::text(visitor.text("webhooks.replay")),
    ];
    let time = |at| format::exact_time(visitor.language, at, visitor.site.zone);
    let row = |LoggedDelivery { delivery, attempts }: &LoggedDelivery| {
        vec![
            html! {
                (delivery.kind) br; span.hint { (time(delivery.created_at)) }
                details { summary { code { (delivery.message_id) } } pre { (delivery.body) } }
            },
            html! {
                (state_name(visitor, delivery.state))
                @if delivery.state == DeliveryState::Waiting {
                    br; span.hint { (visitor.fill("webhooks.next_try", &[("at", &time(delivery.next_try_at))])) }
                }
                @if let Some(error) = &delivery.error { br; span.hint lang="en" { (error) } }
            },
            html! { ol.plain { @for attempt in attempts { li { (attempt_line(visitor, attempt)) } } } },
            html! {
                @if delivery.state != DeliveryState::Waiting {
                    form method="post"
                        action={ "/organiser/webhooks/" (id) "/deliveries/" (delivery.id) "/replay" }
                    {
                        input type="hidden" name="key" value=(uuid::Uuid::new_v4());
                        button.button.quiet { (visitor.text("webhooks.replay")) }
                    }
                }
            },
        ]
    };
    cards(visitor.text("webhooks.log"), &columns, logged.iter().map(row))
}

fn attempt_line(visitor: &Visitor, attempt: &WebhookAttemptRow) -> Markup {
    let status = attempt.status.map_or_else(|| "–".to_owned(), |status| status.to_string());
    html! {
        (format::exact_time(visitor.language, attempt.at, visitor.site.zone)) " · " (status) " · "
        (format::number(attempt.duration_ms)) " ms"
        @if let Some(error) = &attempt.error { " · " span lang="en" { (error) } }
        @if let Some(answer) = attempt.answer.as_deref().filter(|answer| !answer.is_empty()) {
            details { summary { (visitor.text("webhooks.answer")) } pre { (answer) } }
        }
    }
}

fn state_name(visitor: &Visitor, state: DeliveryState) -> &'static str {
    visitor.text(match state {
        DeliveryState::Waiting => "webhooks.waiting",
        DeliveryState::Done => "webhooks.arrived",
        DeliveryState::Parked => "webhooks.parked",
        DeliveryState::Cancelled => "webhooks.cancelled",
    })
}

async fn replay(
    state: web::Data<AppState>,
    visitor: Visitor,
    Path((id, delivery)): Path<(WebhookId, uuid::Uuid)>,
    Form(form): Form<KeyForm>,
) -> Result<HttpResponse, ApiError> {
    let admin = visitor.staff()?;
    let key = IdempotencyKey(Some(form.key));
    let key = key.row_key(admin.user, "replay webhook delivery by form", &(id, delivery));
    state.webhooks.replay(id, delivery, key.as_ref(), state.clock.now_ms()).await?;
    Ok(see_other(&format!("/organiser/webhooks/{id}?notice=done")))
}

async fn replay_since(
    state: web::Data<AppState>,
    visitor: Visitor,
    Path(id): Path<WebhookId>,
    Form(form): Form<SinceForm>,
) -> Result<HttpResponse, ApiError> {
    let admin = visitor.staff()?;
    let since = entered::local_time(&form.since, visitor.site.zone).ok().flatten();
    let since = since.ok_or_else(|| ApiError::invalid("since", "must be a time"))?;
    let key = IdempotencyKey(Some(form.key));
    let key = key.row_key(admin.user, "replay webhook by form", &(id, since));
    state.webhooks.replay_since(id, since, key.as_ref(), state.clock.now_ms()).await?;
    Ok(see_other(&format!("/organiser/webhooks/{id}?notice=done")))
}
