//! The door: a choice of events, and for each a page that reads tickets by camera, scanner or hand.
//! All of it works without scripts but the camera. For people with the role DOOR or ORGANISER, and administrators.

mod check;
mod outcome;
mod screen;
mod search;

use actix_web::{HttpResponse, web};
use maud::{Markup, html};
use serde::Deserialize;

use crate::http::error::ApiError;
use crate::http::state::AppState;
use crate::ids::OfferingId;
use crate::inventory::TimestampMs;
use crate::store::{EventRow, EventSearch};
use crate::web::format;
use crate::web::layout::{self, Page};
use crate::web::places::{self, zone_of};
use crate::web::visitor::Visitor;

/// Events on one page.
const SHOWN: u64 = 30;
/// How long after its beginning an event is still offered.
const AFTERWARDS_MS: TimestampMs = 24 * 3_600_000;
/// How long after its beginning an event of the evening before still counts as today's.
const NIGHT_MS: TimestampMs = 8 * 3_600_000;

/// Adds the routes.
pub(super) fn configure(cfg: &mut web::ServiceConfig) {
    cfg.service(web::resource("/door").get(choose))
        .service(web::resource("/door/{event}").get(screen::page))
        .service(web::resource("/door/{event}/counts").get(search::counts))
        .service(web::resource("/door/{event}/search").get(search::search))
        .service(web::resource("/door/{event}/check").post(check::check))
        .service(web::resource("/door/{event}/undo").post(check::undo));
}

#[derive(Deserialize)]
struct Query {
    after: Option<String>,
    notice: Option<String>,
}

/// Offers events, those of today first.
async fn choose(
    state: web::Data<AppState>,
    visitor: Visitor,
    query: web::Query<Query>,
) -> Result<HttpResponse, ApiError> {
    visitor.staff()?;
    let now = state.clock.now_ms();
    let after = query.after.as_deref().and_then(cursor);
    let (from, among) = (Some(now - AFTERWARDS_MS), visitor.scope().offerings());
    let search = EventSearch { from, among, after, ..EventSearch::default() };
    let events = state.store.event_search(&search, SHOWN).await?;
    let next = events.last().filter(|_| events.len() as u64 == SHOWN);
    let (today, others): (Vec<_>, Vec<_>) =
        events.iter().partition(|event| is_today(&visitor, event, now));
    let main = html! {
        h1 { (visitor.text("door.choose")) }
        @if events.is_empty() {
            section.empty { p { (visitor.text("door.no_events")) } }
        }
        (cards(&visitor, "door.today", &today))
        (cards(&visitor, "door.other_days", &others))
        @if let Some(last) = next {
            p.more {
                a.button.quiet href={ "/door?after=" (last.details.event_date) "_" (last.id) } {
                    (visitor.text("start.more"))
                }
            }
        }
    };
    Ok(layout::render(
        &visitor,
        Page::new(visitor.text("door.choose")).main(main).notice(query.notice.as_deref()),
    ))
}

fn cards(visitor: &Visitor, title: &'static str, events: &[&EventRow]) -> Markup {
    html! {
        @if !events.is_empty() {
            h2 { (visitor.text(title)) }
            ul.cards {
                @for event in events {
                    li.card {
                        a.card-link href={ "/door/" (event.id) } { h3 { (event.details.name) } }
                        (places::heading(visitor, event))
                    }
                }
            }
        }
    }
}

/// True if an event takes place on the present day of its time zone, or began late the day before.
fn is_today(visitor: &Visitor, event: &EventRow, now: TimestampMs) -> bool {
    let (at, zone) = (event.details.event_date, zone_of(visitor, event));
    let is_on = (at..at.saturating_add(NIGHT_MS)).contains(&now);
    is_on || format::is_same_day(at, now, zone)
}

fn cursor(text: &str) -> Option<(TimestampMs, OfferingId)> {
    let (at, id) = text.split_once('_')?;
    Some((at.parse().ok()?, id.parse().ok()?))
}
