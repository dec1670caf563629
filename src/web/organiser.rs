//! The organiser's pages: events, their sales, orders and people. Administrators only; everything is
//! done by the same functions as in the API.

mod actions;
mod audit;
mod class_change;
mod class_decisions;
mod class_desk;
mod class_edit;
mod class_files;
mod class_form;
mod class_form_page;
mod class_log;
mod classes;
mod concert;
mod curve;
mod details_form;
mod edit_event;
mod enrollment;
mod enrollment_parts;
mod enrollment_words;
mod entered;
mod event_form;
mod form_builder;
mod form_builder_page;
mod form_entered;
mod form_page;
mod gateway_notifications;
mod give;
mod holds;
mod live;
mod moderation;
mod new_event;
mod order;
mod order_actions;
mod order_forms;
mod orders;
mod payments;
mod people;
mod plan_form;
mod plan_picture;
mod queue;
mod queue_form;
mod queue_people;
mod reasons;
mod refunds;
mod refused;
mod search;
mod seats;
mod seats_named;
mod shown;
mod tables;
mod team;
mod term;
mod terms;
mod venue;
mod venues;
mod webhook;
mod webhook_log;
mod webhooks;

use std::collections::HashMap;
use std::sync::Arc;

use actix_web::{HttpResponse, web};
use maud::{Markup, html};
use serde::Deserialize;

use tables::{Column, cards};

use crate::http::error::ApiError;
use crate::http::state::AppState;
use crate::ids::OfferingId;
use crate::inventory::TimestampMs;
use crate::offerings::EventSummary;
use crate::roles::Permission;
use crate::store::{EventRow, EventSearch};
use crate::web::fields::Field;
use crate::web::format;
use crate::web::layout::{self, Page};
use crate::web::places::zone_of;
use crate::web::shop::state_badge;
use crate::web::visitor::Visitor;

/// Events on one page.
const SHOWN: u64 = 30;
/// How long an event that has begun is listed with those to come.
const AFTERWARDS_MS: TimestampMs = 24 * 3_600_000;

/// Adds the routes.
pub(super) fn configure(cfg: &mut web::ServiceConfig) {
    cfg.service(web::resource("/organiser").get(events))
        .configure(new_event::configure)
        .configure(edit_event::configure)
        .configure(seats::configure)
        .configure(orders::configure)
        .configure(order::configure)
        .configure(order_actions::configure)
        .configure(give::configure)
        .configure(holds::configure)
        .configure(queue::configure)
        .configure(people::configure)
        .configure(team::configure)
        .configure(audit::configure)
        .configure(classes::configure)
        // Before the page of a class, whose address it could be.
        .configure(class_edit::configure)
        .configure(class_desk::configure)
        .configure(class_decisions::configure)
        .configure(class_files::configure)
        .configure(class_log::configure)
        .configure(enrollment::configure)
        .configure(venues::configure)
        .configure(venue::configure)
        .configure(gateway_notifications::configure)
        .configure(payments::configure)
        .configure(refunds::configure)
        .configure(terms::configure)
        .configure(term::configure)
        .configure(form_builder::configure)
        .configure(webhooks::configure)
        .configure(webhook::configure)
        .configure(webhook_log::configure)
        .configure(moderation::configure)
        .configure(concert::configure)
        .configure(live::configure);
}

#[derive(Deserialize)]
struct Query {
    #[serde(default)]
    q: String,
    #[serde(default)]
    past: bool,
    after: Option<String>,
    notice: Option<String>,
}

async fn events(
    state: web::Data<AppState>,
    visitor: Visitor,
    query: web::Query<Query>,
) -> Result<HttpResponse, ApiError> {
    visitor.staff()?;
    let now = state.clock.now_ms();
    let text: String = query.q.trim().chars().filter(|c| !c.is_control()).take(100).collect();
    let began = now - AFTERWARDS_MS;
    let (from, until) = if query.past { (None, Some(began)) } else { (Some(began), None) };
    let after = query.after.as_deref().and_then(|text| {
        let (at, id) = text.split_once('_')?;
        Some((at.parse().ok()?, id.parse().ok()?))
    });
    let search = EventSearch { text, from, until, after, among: visitor.scope().offerings() };
    let events = state.store.event_search(&search, SHOWN).await?;
    let ids: Vec<OfferingId> = events.iter().map(|event| event.id).collect();
    let summaries = state.offerings.summaries(&ids).await?;
    let next = events.last().filter(|_| events.len() as u64 == SHOWN);
    let title = visitor.text("organiser.title");
    let main = html! {
        h1 { (title) }
        (sections(&visitor))
        (search_form(&visitor, &search.text, query.past))
        @if events.is_empty() {
            section.empty {
                p { (visitor.text(if search.text.is_empty() && !query.past {
                    "organiser.no_events"
                } else {
                    "start.nothing_found"
                })) }
                @if visitor.is_admin() {
                    p { a.button href="/organiser/events/new" { (visitor.text("start.make_one")) } }
                }
            }
        } @else {
            (event_table(&visitor, &events, &summaries, now))
        }
        @if let Some(last) = next {
            p.more { a.button.quiet href=(next_page(&query, last)) { (visitor.text("start.more")) } }
        }
        p {
            @if query.past {
                a href="/organiser" { (visitor.text("organiser.coming")) }
            } @else {
                a href="/organiser?past=true" { (visitor.text("organiser.past")) }
            }
        }
    };
    let page = Page::new(title).main(main).class("wide");
    Ok(layout::render(&visitor, page.notice(query.notice.as_deref())))
}

fn next_page(query: &Query, last: &EventRow) -> String {
    let after = format!("{}_{}", last.details.event_date, last.id);
    let past = if query.past { "true" } else { "false" };
    let mut link = form_urlencoded::Serializer::new(String::from("/organiser?"));
    link.append_pair("q", &query.q).append_pair("past", past).append_pair("after", &after);
    link.finish()
}

/// Renders the links between the organiser's pages.
fn sections(visitor: &Visitor) -> Markup {
    html! {
        p.actions {
            @if visitor.is_admin() {
                a.button href="/organiser/events/new" { (visitor.text("start.make_one")) }
            }
            a.button.quiet href="/organiser/classes" { (visitor.text("class.title")) }
            @if visitor.is_admin() {
                a.button.quiet href="/organiser/venues" { (visitor.text("venues.title")) }
                a.button.quiet href="/organiser/users" { (visitor.text("organiser.users")) }
            }
            @if visitor.has(Permission::ReadOrders) {
                a.button.quiet href="/organiser/payments" { (visitor.text("organiser_payments.title")) }
            }
            @if visitor.has(Permission::Manage) {
                a.button.quiet href="/organiser/team" { (visitor.text("team.title")) }
                a.button.quiet href="/organiser/audit" { (visitor.text("audit_log.title")) }
            }
            @if visitor.is_admin() {
                a.button.quiet href="/organiser/terms" { (visitor.text("terms.title")) }
                a.button.quiet href="/organiser/webhooks" { (visitor.text("webhooks.title")) }
                a.button.quiet href="/organiser/moderation" { (visitor.text("moderation.title")) }
            }
        }
    }
}

fn search_form(visitor: &Visitor, text: &str, past: bool) -> Markup {
    let label = visitor.text("start.search");
    let field = Field { name: "q", label, kind: "search", value: text, ..Field::default() };
    html! {
        form.search method="get" action="/organiser" role="search" {
            (Field { max_length: Some(100), ..field }.render())
            @if past { input type="hidden" name="past" value="true"; }
            button.button.quiet { (visitor.text("start.find")) }
        }
    }
}

fn event_table(
    visitor: &Visitor,
    events: &[EventRow],
    summaries: &HashMap<OfferingId, Arc<EventSummary>>,
    now: TimestampMs,
) -> Markup {
    let columns = [
        Column::text(visitor.text("organiser.event")),
        Column::text(visitor.text("organiser.when")),
        Column::text(visitor.text("organiser.state")),
        Column::number(visitor.text("organiser.sold_of")),
    ];
    let row = |event: &EventRow| {
        let summary = summaries.get(&event.id);
        let status = summary.map_or("UNKNOWN", |summary| summary.status(now).name);
        vec![
            html! {
                @if visitor.may(Permission::ReadOrders, event.id) {
                    a href={ "/organiser/events/" (event.id) } { (event.details.name) }
                } @else {
                    a href={ "/door/" (event.id) } { (event.details.name) }
                }
                @if !event.details.venue.is_empty() { " " span.hint { (event.details.venue) } }
            },
            format::time(visitor.language, event.details.event_date, zone_of(visitor, event)),
            state_badge(visitor, status),
            html! { (summary.map_or_else(String::new, |summary| sold_of(summary))) },
        ]
    };
    cards(visitor.text("organiser.title"), &columns, events.iter().map(row))
}

fn sold_of(summary: &EventSummary) -> String {
    let sum = |of: fn(&crate::inventory::Counts) -> u32| {
        summary.products.iter().map(|product| u64::from(of(&product.counts))).sum::<u64>()
    };
    let (sold, total) = (sum(|counts| counts.sold), sum(|counts| counts.total));
    format!("{} / {}", format::number(sold), format::number(total))
}
