//! What is held and who waits, as lists and as CSV files.

use actix_web::{HttpResponse, web};
use maud::{Markup, html};
use serde::Deserialize;

use super::orders::customer;
use super::tables::{Column, cards};
use super::{entered, search};
use crate::http::csv_file;
use crate::http::error::ApiError;
use crate::http::extract::Path;
use crate::http::pages::PageQuery;
use crate::http::state::AppState;
use crate::ids::{HoldId, OfferingId, ProductId};
use crate::inventory::{LiveEntry, LiveHold, TimestampMs};
use crate::store::{EventRow, Person};
use crate::web::fields::Field;
use crate::web::format;
use crate::web::layout::{self, Page};
use crate::web::places::{self, zone_of};
use crate::web::visitor::Visitor;

/// Holds or entries on one page, and in one piece of a file.
const SHOWN: u16 = 50;
const PIECE: u16 = 500;

/// The most pieces that are read for one page of a search, so that it ends.
const MOST_PIECES: usize = 40;

/// A place in a list: the time or arrival of an entry, and its id.
type Cursor = (TimestampMs, HoldId);

/// Adds the routes.
pub(super) fn configure(cfg: &mut web::ServiceConfig) {
    cfg.service(web::resource("/organiser/events/{event}/holds").get(holds_page))
        .service(web::resource("/organiser/events/{event}/holds.csv").get(holds_file))
        .service(web::resource("/organiser/events/{event}/waitlist").get(waitlist_page))
        .service(web::resource("/organiser/events/{event}/waitlist.csv").get(waitlist_file));
}

#[derive(Deserialize)]
struct Query {
    #[serde(default)]
    q: String,
    after: Option<String>,
}

impl Query {
    /// Returns the link to this list from `after` on.
    fn link(&self, path: &str, after: Option<Cursor>) -> String {
        let mut link = form_urlencoded::Serializer::new(format!("{path}?"));
        link.append_pair("q", &search::text(&self.q));
        if let Some((at, id)) = after {
            link.append_pair("after", &format!("{at}_{id}"));
        }
        link.finish()
    }

    fn after(&self) -> Result<Option<Cursor>, ApiError> {
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

impl Held {
    fn fits(&self, text: &str) -> bool {
        let places: Vec<&str> = self.places.iter().map(String::as_str).collect();
        search::fits(text, self.person.as_ref(), &places)
    }
}

impl Waiting {
    fn fits(&self, text: &str, event: &EventRow) -> bool {
        search::fits(text, self.person.as_ref(), &[product(event, self.entry.product)])
    }

    fn cursor(&self) -> Cursor {
        (i64::try_from(self.entry.arrival).unwrap_or(i64::MAX), self.entry.id)
    }
}

async fn read_holds(
    state: &AppState,
    visitor: &Visitor,
    event: &EventRow,
    after: Option<Cursor>,
    limit: u16,
) -> Result<(Vec<Held>, Option<Cursor>), ApiError> {
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
                named.push(places::counted(visitor, line.quantity, name));
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
    after: Option<Cursor>,
    limit: u16,
) -> Result<(Vec<Waiting>, Option<Cursor>), ApiError> {
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

/// Reads pieces until one page of rows that `fits` is full, and returns where the next page begins.
async fn matching<T>(
    mut after: Option<Cursor>,
    read: impl AsyncFn(Option<Cursor>) -> Result<(Vec<T>, Option<Cursor>), ApiError>,
    fits: impl Fn(&T) -> bool,
    cursor: impl Fn(&T) -> Cursor,
) -> Result<(Vec<T>, Option<Cursor>), ApiError> {
    let mut found = Vec::new();
    for _ in 0..MOST_PIECES {
        let (rows, next) = read(after).await?;
        for row in rows.into_iter().filter(&fits) {
            if found.len() == usize::from(SHOWN) {
                let last = found.last().map(&cursor);
                return Ok((found, last));
            }
            found.push(row);
        }
        after = next;
        if after.is_none() {
            break;
        }
    }
    Ok((found, after))
}

/// Renders a list with its search and links, or `empty` if there is nothing in it.
fn list_page(
    visitor: &Visitor,
    event: &EventRow,
    (path, title, empty): (&str, &str, &str),
    (query, table): (&Query, Option<&Markup>),
    next: Option<Cursor>,
) -> HttpResponse {
    let path = format!("/organiser/events/{}/{path}", event.id);
    let text = search::text(&query.q);
    let label = visitor.text(match path.ends_with("holds") {
        true => "organiser_live.search_holds",
        false => "organiser_live.search_waitlist",
    });
    let field = Field { name: "q", label, kind: "search", value: &text, ..Field::default() };
    let main = html! {
        p.back { a href={ "/organiser/events/" (event.id) } { (event.details.name) } }
        h1 { (title) }
        form.search method="get" action=(path) role="search" {
            (Field { max_length: Some(100), ..field }.render())
            button.button.quiet { (visitor.text("start.find")) }
        }
        @if let Some(table) = table {
            (table)
        } @else {
            p.empty { (if text.is_empty() { empty } else { visitor.text("start.nothing_found") }) }
        }
        p.actions {
            @if table.is_some() {
                a.button.quiet href=(query.link(&format!("{path}.csv"), None)) {
                    (visitor.text("organiser_live.as_csv"))
                }
            }
            @if next.is_some() {
                a.button.quiet href=(query.link(&path, next)) { (visitor.text("start.more")) }
            }
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
    visitor.staff()?;
    let event = state.offerings.event(event).await?;
    let text = search::text(&query.q);
    let read = async |after| read_holds(&state, &visitor, &event, after, PIECE).await;
    let cursor = |held: &Held| (held.hold.placed_at, held.hold.id);
    let (holds, next) = matching(query.after()?, read, |held| held.fits(&text), cursor).await?;
    let time = |at| format::date_time(visitor.language, at, zone_of(&visitor, &event));
    let columns = [
        Column::text(visitor.text("organiser_live.customer")),
        Column::text(visitor.text("organiser_live.places")),
        Column::text(visitor.text("organiser_live.held_until")),
    ];
    let row = |held: &Held| {
        vec![
            customer(&visitor, held.person.as_ref()),
            html! { (held.places.join(" · ")) },
            html! {
                (time(held.hold.expires_at))
                @if held.hold.offered { span.hint { " " (visitor.text("organiser_live.offered")) } }
            },
        ]
    };
    let (title, empty) =
        (visitor.text("organiser_live.holds"), visitor.text("organiser_live.no_holds"));
    let table = (!holds.is_empty()).then(|| cards(title, &columns, holds.iter().map(row)));
    Ok(list_page(&visitor, &event, ("holds", title, empty), (&query, table.as_ref()), next))
}

async fn waitlist_page(
    state: web::Data<AppState>,
    visitor: Visitor,
    Path(event): Path<OfferingId>,
    query: web::Query<Query>,
) -> Result<HttpResponse, ApiError> {
    visitor.staff()?;
    let event = state.offerings.event(event).await?;
    let text = search::text(&query.q);
    let read = async |after| read_waitlist(&state, event.id, after, PIECE).await;
    let cursor = |waiting: &Waiting| waiting.cursor();
    let fits = |waiting: &Waiting| waiting.fits(&text, &event);
    let (waiting, next) = matching(query.after()?, read, fits, cursor).await?;
    let columns = [
        Column::text(visitor.text("organiser_live.customer")),
        Column::number(visitor.text("organiser_live.position")),
        Column::text(visitor.text("event.ticket")),
        Column::number(visitor.text("event.how_many")),
    ];
    let row = |Waiting { entry, person }: &Waiting| {
        vec![
            customer(&visitor, person.as_ref()),
            html! { (entry.position) },
            html! { (product(&event, entry.product)) },
            html! { (entry.party_size) },
        ]
    };
    let (title, empty) =
        (visitor.text("organiser_live.waitlist"), visitor.text("organiser_live.nobody_waits"));
    let table = (!waiting.is_empty()).then(|| cards(title, &columns, waiting.iter().map(row)));
    Ok(list_page(&visitor, &event, ("waitlist", title, empty), (&query, table.as_ref()), next))
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
    query: web::Query<Query>,
) -> Result<HttpResponse, ApiError> {
    visitor.staff()?;
    let event = state.offerings.event(event).await?;
    let zone = zone_of(&visitor, &event);
    let keys =
        ["account.name", "account.email", "organiser_live.places", "organiser_live.held_until"];
    let titles = titles(&visitor, keys);
    let (name, text) = (format!("holds-{}", event.id), search::text(&query.q));
    Ok(csv_file::stream(&name, titles, async move |after| {
        let (holds, next) = read_holds(&state, &visitor, &event, after, PIECE).await?;
        let row = |held: &Held| {
            let [name, email] = name_and_email(held.person.as_ref());
            let until = entered::local_text(held.hold.expires_at, zone).replace('T', " ");
            vec![name, email, held.places.join(" · "), until]
        };
        Ok((holds.iter().filter(|held| held.fits(&text)).map(row).collect(), next))
    }))
}

async fn waitlist_file(
    state: web::Data<AppState>,
    visitor: Visitor,
    Path(event): Path<OfferingId>,
    query: web::Query<Query>,
) -> Result<HttpResponse, ApiError> {
    visitor.staff()?;
    let event = state.offerings.event(event).await?;
    let keys = [
        "organiser_live.position",
        "account.name",
        "account.email",
        "event.ticket",
        "event.how_many",
    ];
    let titles = titles(&visitor, keys);
    let (name, text) = (format!("waitlist-{}", event.id), search::text(&query.q));
    Ok(csv_file::stream(&name, titles, async move |after| {
        let (waiting, next) = read_waitlist(&state, event.id, after, PIECE).await?;
        let row = |Waiting { entry, person }: &Waiting| {
            let [name, email] = name_and_email(person.as_ref());
            let ticket = product(&event, entry.product).to_owned();
            vec![entry.position.to_string(), name, email, ticket, entry.party_size.to_string()]
        };
        let fitting = waiting.iter().filter(|waiting| waiting.fits(&text, &event));
        Ok((fitting.map(row).collect(), next))
    }))
}
