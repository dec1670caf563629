//! The start page: what is to come, found by name, place and month.

use std::collections::HashMap;
use std::sync::Arc;

use actix_web::{HttpResponse, Resource, web};
use chrono::{Datelike, TimeZone};
use chrono_tz::Tz;
use maud::{Markup, html};
use serde::Deserialize;

use crate::http::error::ApiError;
use crate::http::respond::rfc3339;
use crate::http::state::AppState;
use crate::ids::OfferingId;
use crate::inventory::TimestampMs;
use crate::offerings::EventSummary;
use crate::store::{EventRow, EventSearch};
use crate::web::fields::Field;
use crate::web::format::{self, money};
use crate::web::layout::{self, Page};
use crate::web::places::zone_of;
use crate::web::visitor::Visitor;

/// Events on one page.
const SHOWN: u64 = 24;
/// How long an event is still listed after it has begun.
const AFTERWARDS_MS: TimestampMs = 6 * 3_600_000;
/// Months that can be chosen, from the present one.
const MONTHS: u32 = 12;

/// Returns the route.
pub(super) fn resource() -> Resource {
    web::resource("/").get(start)
}

#[derive(Deserialize)]
struct Query {
    #[serde(default)]
    q: String,
    /// `2030-05`.
    #[serde(default)]
    month: String,
    after: Option<String>,
    notice: Option<String>,
}

async fn start(
    state: web::Data<AppState>,
    visitor: Visitor,
    query: web::Query<Query>,
) -> Result<HttpResponse, ApiError> {
    let now = state.clock.now_ms();
    let months = months(visitor.site.zone, now);
    let text: String = query.q.trim().chars().filter(|c| !c.is_control()).take(100).collect();
    let chosen = months.iter().find(|month| month.id == query.month);
    let search = EventSearch {
        text,
        from: Some(chosen.map_or(now - AFTERWARDS_MS, |month| month.from.max(now - AFTERWARDS_MS))),
        among: None,
        until: chosen.map(|month| month.until),
        after: query.after.as_deref().and_then(cursor),
    };
    let events = state.store.event_search(&search, SHOWN).await?;
    let ids: Vec<OfferingId> = events.iter().map(|event| event.id).collect();
    let summaries = state.offerings.summaries(&ids).await?;
    let cards = Cards { visitor: &visitor, summaries, now };
    let next = events.last().filter(|_| events.len() as u64 == SHOWN);
    let main = html! {
        h1 { (visitor.text("start.title")) }
        (search_form(&visitor, &search, &months, &query.month))
        @if events.is_empty() {
            section.empty {
                p { (visitor.text(if search.text.is_empty() && chosen.is_none() {
                    "start.no_events"
                } else {
                    "start.nothing_found"
                })) }
                @if visitor.is_admin() {
                    p { a.button href="/organiser/events/new" { (visitor.text("start.make_one")) } }
                } @else if !search.text.is_empty() || chosen.is_some() {
                    p { a href="/" { (visitor.text("start.all")) } }
                }
            }
        }
        ul.cards {
            @for event in &events { (cards.card(event)) }
        }
        @if let Some(last) = next {
            p.more { a.button.quiet href=(next_page(&query, last)) { (visitor.text("start.more")) } }
        }
    };
    let page = Page::new(visitor.text("start.title")).main(main).script("page.js");
    Ok(layout::render(&visitor, page.notice(query.notice.as_deref())))
}

fn search_form(visitor: &Visitor, search: &EventSearch, months: &[Month], chosen: &str) -> Markup {
    let field = Field {
        name: "q",
        label: visitor.text("start.search"),
        kind: "search",
        value: &search.text,
        max_length: Some(100),
        ..Field::default()
    };
    html! {
        form.search method="get" action="/" role="search" {
            (field.render())
            div.field {
                label for="field-month" { (visitor.text("start.month")) }
                select id="field-month" name="month" {
                    option value="" { (visitor.text("start.any_month")) }
                    @for month in months {
                        option value=(month.id) selected[month.id == chosen] {
                            (month.name(visitor))
                        }
                    }
                }
            }
            button.button { (visitor.text("start.find")) }
        }
    }
}

fn next_page(query: &Query, last: &EventRow) -> String {
    let after = format!("{}_{}", last.details.event_date, last.id);
    let mut link = form_urlencoded::Serializer::new(String::from("/?"));
    link.append_pair("q", &query.q).append_pair("month", &query.month).append_pair("after", &after);
    link.finish()
}

fn cursor(text: &str) -> Option<(TimestampMs, OfferingId)> {
    let (at, id) = text.split_once('_')?;
    Some((at.parse().ok()?, id.parse().ok()?))
}

/// A month of the calendar, in the shop's time zone.
struct Month {
    id: String,
    year: i32,
    month: u32,
    from: TimestampMs,
    until: TimestampMs,
}

impl Month {
    fn name(&self, visitor: &Visitor) -> String {
        let key = format!("month.m{}", self.month);
        let name = visitor.language.find(&key).unwrap_or_default();
        let year = self.year.to_string();
        visitor.fill("month.of_year", &[("month", name), ("year", &year)])
    }
}

fn months(zone: Tz, now: TimestampMs) -> Vec<Month> {
    let Some(today) = zone.timestamp_millis_opt(now).single() else { return Vec::new() };
    let first = |index: u32| {
        let months = today.month0() + index;
        let year = today.year() + i32::try_from(months / 12).unwrap_or_default();
        let month = months % 12 + 1;
        let start = zone.with_ymd_and_hms(year, month, 1, 0, 0, 0).earliest()?;
        Some((year, month, start.timestamp_millis()))
    };
    let of = |index: u32| {
        let (year, month, from) = first(index)?;
        let (_, _, until) = first(index + 1)?;
        Some(Month { id: format!("{year}-{month:02}"), year, month, from, until })
    };
    (0..MONTHS).filter_map(of).collect()
}

/// The cards of events.
struct Cards<'a> {
    visitor: &'a Visitor,
    summaries: HashMap<OfferingId, Arc<EventSummary>>,
    now: TimestampMs,
}

impl Cards<'_> {
    fn card(&self, event: &EventRow) -> Markup {
        let visitor = self.visitor;
        let summary = self.summaries.get(&event.id);
        let status = summary.map_or("UNKNOWN", |summary| summary.status(self.now).name);
        let opens_at = summary.and_then(|summary| summary.sale.start).filter(|at| *at > self.now);
        let zone = zone_of(visitor, event);
        html! {
            li.card {
                a.card-link href={ "/events/" (event.id) } {
                    h2 { (event.details.name) }
                }
                p.when { (format::time(visitor.language, event.details.event_date, zone)) }
                @if !event.details.venue.is_empty() {
                    p.where { (event.details.venue) }
                }
                p.facts {
                    (state_badge(visitor, status))
                    @if let (Some(opens_at), "SCHEDULED") = (opens_at, status) {
                        span.opens {
                            (visitor.text("start.opens")) " "
                            time data-countdown data-reload datetime=(rfc3339(opens_at)) {
                                (format::date_time(visitor.language, opens_at, zone))
                            }
                        }
                    }
                    @if let Some(from) = cheapest(event) {
                        span.price {
                            (visitor.fill("start.from", &[
                                ("price", &money(visitor.language, from, &event.currency)),
                            ]))
                        }
                    }
                }
            }
        }
    }
}

/// Renders the state of a sale.
pub(crate) fn state_badge(visitor: &Visitor, status: &str) -> Markup {
    let key = format!("sale.{status}");
    let text = visitor.language.find(&key).unwrap_or(status);
    html! { span.badge data-status=(status) { (text) } }
}

fn cheapest(event: &EventRow) -> Option<i64> {
    let sold = event.products.iter().filter(|product| product.withdrawn_at.is_none());
    sold.map(|product| product.price).min()
}
