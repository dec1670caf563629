//! What is held and who waits, as lists and as CSV files.

use actix_web::{HttpResponse, web};
use maud::{Markup, html};
use serde::Deserialize;

use super::orders::customer;
use super::tables::scrolling;
use super::{csv_file, entered};
use crate::http::error::ApiError;
use crate::http::extract::Path;
use crate::http::pages::PageQuery;
use crate::http::state::AppState;
use crate::ids::{HoldId, OfferingId, ProductId};
use crate::inventory::{LiveEntry, LiveHold, TimestampMs};
use crate::store::{EventRow, Person};
use crate::web::format;
use crate::web::layout::{self, Page};
use crate::web::places::{self, zone_of};
use crate::web::visitor::Visitor;

/// Holds or entries on one page, and in one piece of a file.
const SHOWN: u16 = 50;
const PIECE: u16 = 500;

/// Adds the routes.
pub(super) fn configure(cfg: &mut web::ServiceConfig) {
    cfg.service(web::resource("/organiser/events/{event}/holds").get(holds_page))
        .service(web::resource("/organiser/events/{event}/holds.csv").get(holds_file))
        .service(web::resource("/organiser/events/{event}/waitlist").get(waitlist_page))
        .service(web::resource("/organiser/events/{event}/waitlist.csv").get(waitlist_file));
}

#[derive(Deserialize)]
struct Query {
    after: Option<String>,
}

impl Query {
    fn after(&self) -> Result<Option<(TimestampMs, HoldId)>, ApiError> {
        PageQuery { limit: None, cursor: self.after.clone() }.after()
    }
}

/// A hold with its customer and its places in words.
struct Held {
    hold: LiveHold,
    person: Option<Person>,
    places: Vec<String>,
}

/// An entry of the waitlist with its customer.
struct Waiting {
    entry: LiveEntry,
    person: Option<Person>,
}

async fn read_holds(
    state: &AppState,
    visitor: &Visitor,
    event: &EventRow,
    after: Option<(TimestampMs, HoldId)>,
    limit: u16,
) -> Result<(Vec<Held>, Option<(TimestampMs, HoldId)>), ApiError> {
    let holds = state.offices.live_holds(event.id, after, limit).await?;
    let last = holds.last().filter(|_| holds.len() == usize::from(limit));
    let next = last.map(|hold| (hold.placed_at, hold.id));
    let people = state.store.people(holds.iter().map(|hold| hold.customer)).await?;
    let labels = state.venues.labels(event.id).await;
    let mut read = Vec::with_capacity(holds.len());
    for hold in holds {
        let view = state.offices.view_covering(event.id, &hold.lines).await?;
        let mut named = Vec::new();
        for line in crate::http::dto::lines(&hold.lines, &view, &labels) {
            if line.seats.is_empty() {
                let name = places::product_name(event, &line.product_id);
                named.push(format!("{} × {name}", line.quantity));
            }
            named.extend(line.seats.iter().map(|seat| places::seat(visitor, seat)));
        }
        let person = people.get(&hold.customer).cloned();
        read.push(Held { hold, person, places: named });
    }
    Ok((read, next))
}

async fn read_waitlist(
    state: &AppState,
    event: OfferingId,
    after: Option<(TimestampMs, HoldId)>,
    limit: u16,
) -> Result<(Vec<Waiting>, Option<(TimestampMs, HoldId)>), ApiError> {
    let after = after.map(|(arrival, id)| (arrival.unsigned_abs(), id));
    let entries = state.offices.waiting(event, after, limit).await?;
    let last = entries.last().filter(|_| entries.len() == usize::from(limit));
    let next = last.map(|entry| (i64::try_from(entry.arrival).unwrap_or(i64::MAX), entry.id));
    let people = state.store.people(entries.iter().map(|entry| entry.customer)).await?;
    let waiting = |entry: LiveEntry| {
        let person = people.get(&entry.customer).cloned();
        Waiting { entry, person }
    };
    Ok((entries.into_iter().map(waiting).collect(), next))
}

/// Renders a list with its links, or `empty` if there is nothing in it.
fn list_page(
    visitor: &Visitor,
    event: &EventRow,
    (path, title, empty): (&str, &str, &str),
    table: Option<&Markup>,
    next: Option<(TimestampMs, HoldId)>,
) -> HttpResponse {
    let path = format!("/organiser/events/{}/{path}", event.id);
    let main = html! {
        p.back { a href={ "/organiser/events/" (event.id) } { (event.details.name) } }
        h1 { (title) }
        @if let Some(table) = table {
            (scrolling(title, table))
            p.actions {
                a.button.quiet href={ (path) ".csv" } { (visitor.text("organiser_live.as_csv")) }
                @if let Some((at, id)) = next {
                    a.button.quiet href={ (path) "?after=" (at) "_" (id) } { (visitor.text("start.more")) }
                }
            }
        } @else {
            p.empty { (empty) }
        }
    };
    layout::render(visitor, Page::new(title).main(main).class("wide"))
}

async fn holds_page(
    state: web::Data<AppState>,
    visitor: Visitor,
    Path(event): Path<OfferingId>,
    query: web::Query<Query>,
) -> Result<HttpResponse, ApiError> {
    visitor.admin()?;
    let event = state.offerings.event(event).await?;
    let (holds, next) = read_holds(&state, &visitor, &event, query.after()?, SHOWN).await?;
    let time = |at| format::date_time(visitor.language, at, zone_of(&visitor, &event));
    let table = html! {
        table {
            thead { tr {
                th scope="col" { (visitor.text("organiser_live.customer")) }
                th scope="col" { (visitor.text("organiser_live.places")) }
                th scope="col" { (visitor.text("organiser_live.held_until")) }
            } }
            tbody {
                @for held in &holds {
                    tr {
                        th scope="row" { (customer(&visitor, held.person.as_ref())) }
                        td { (held.places.join(" · ")) }
                        td {
                            (time(held.hold.expires_at))
                            @if held.hold.offered { span.hint { " " (visitor.text("organiser_live.offered")) } }
                        }
                    }
                }
            }
        }
    };
    let (title, empty) =
        (visitor.text("organiser_live.holds"), visitor.text("organiser_live.no_holds"));
    let table = (!holds.is_empty()).then_some(&table);
    Ok(list_page(&visitor, &event, ("holds", title, empty), table, next))
}

async fn waitlist_page(
    state: web::Data<AppState>,
    visitor: Visitor,
    Path(event): Path<OfferingId>,
    query: web::Query<Query>,
) -> Result<HttpResponse, ApiError> {
    visitor.admin()?;
    let event = state.offerings.event(event).await?;
    let (waiting, next) = read_waitlist(&state, event.id, query.after()?, SHOWN).await?;
    let table = html! {
        table {
            thead { tr {
                th.number scope="col" { (visitor.text("organiser_live.position")) }
                th scope="col" { (visitor.text("organiser_live.customer")) }
                th scope="col" { (visitor.text("event.ticket")) }
                th.number scope="col" { (visitor.text("event.how_many")) }
            } }
            tbody {
                @for Waiting { entry, person } in &waiting {
                    tr {
                        td.number { (entry.position) }
                        th scope="row" { (customer(&visitor, person.as_ref())) }
                        td { (product(&event, entry.product)) }
                        td.number { (entry.party_size) }
                    }
                }
            }
        }
    };
    let (title, empty) =
        (visitor.text("organiser_live.waitlist"), visitor.text("organiser_live.nobody_waits"));
    let table = (!waiting.is_empty()).then_some(&table);
    Ok(list_page(&visitor, &event, ("waitlist", title, empty), table, next))
}

fn product(event: &EventRow, id: ProductId) -> &str {
    places::product_name(event, &id.to_public(event.id))
}

fn titles<const N: usize>(visitor: &Visitor, keys: [&'static str; N]) -> Vec<String> {
    keys.iter().map(|key| visitor.text(key).to_owned()).collect()
}

fn name_and_email(person: Option<&Person>) -> [String; 2] {
    let name = person.and_then(|person| person.name.clone());
    [name.unwrap_or_default(), person.map(|person| person.email.clone()).unwrap_or_default()]
}

async fn holds_file(
    state: web::Data<AppState>,
    visitor: Visitor,
    Path(event): Path<OfferingId>,
) -> Result<HttpResponse, ApiError> {
    visitor.admin()?;
    let event = state.offerings.event(event).await?;
    let zone = zone_of(&visitor, &event);
    let keys =
        ["account.name", "account.email", "organiser_live.places", "organiser_live.held_until"];
    let titles = titles(&visitor, keys);
    let name = format!("holds-{}", event.id);
    Ok(csv_file::stream(&name, titles, async move |after| {
        let (holds, next) = read_holds(&state, &visitor, &event, after, PIECE).await?;
        let row = |held: &Held| {
            let [name, email] = name_and_email(held.person.as_ref());
            let until = entered::local_text(held.hold.expires_at, zone).replace('T', " ");
            vec![name, email, held.places.join(" · "), until]
        };
        Ok((holds.iter().map(row).collect(), next))
    }))
}

async fn waitlist_file(
    state: web::Data<AppState>,
    visitor: Visitor,
    Path(event): Path<OfferingId>,
) -> Result<HttpResponse, ApiError> {
    visitor.admin()?;
    let event = state.offerings.event(event).await?;
    let keys = [
        "organiser_live.position",
        "account.name",
        "account.email",
        "event.ticket",
        "event.how_many",
    ];
    let titles = titles(&visitor, keys);
    let name = format!("waitlist-{}", event.id);
    Ok(csv_file::stream(&name, titles, async move |after| {
        let (waiting, next) = read_waitlist(&state, event.id, after, PIECE).await?;
        let row = |Waiting { entry, person }: &Waiting| {
            let [name, email] = name_and_email(person.as_ref());
            let ticket = product(&event, entry.product).to_owned();
            vec![entry.position.to_string(), name, email, ticket, entry.party_size.to_string()]
        };
        Ok((waiting.iter().map(row).collect(), next))
    }))
}
