//! The seats of a section as a list of pages, to take off sale, put back, or remove: by ticking them, by
//! rows, or the whole section; and a search for rows and seats. Works without the map.

use actix_web::{HttpResponse, web};
use maud::{Markup, html};
use serde::Deserialize;

use super::actions::seat_buttons;
use super::search;
use super::shown::Shown;
use crate::http::error::ApiError;
use crate::http::extract::Path;
use crate::http::state::AppState;
use crate::ids::{OfferingId, SeatId};
use crate::inventory::{RowView, SeatStatus, SectionView};
use crate::web::fields::{Field, refusal, select, text_area};
use crate::web::layout::{self, Page};
use crate::web::visitor::Visitor;

/// Adds the route.
pub(super) fn configure(cfg: &mut web::ServiceConfig) {
    cfg.service(web::resource("/organiser/events/{event}/seats").get(page));
}

/// Seats on one page, beyond which no further row begins: a stadium would be megabytes of HTML.
const SHOWN: usize = 600;

/// States by which seats are found, and their texts.
const STATES: &[(&str, SeatStatus, &str)] = &[
    ("free", SeatStatus::Available, "place.free"),
    ("kept", SeatStatus::Kept, "place.kept"),
    ("held", SeatStatus::Held, "place.held"),
    ("sold", SeatStatus::Sold, "place.sold"),
    ("blocked", SeatStatus::Blocked, "place.blocked"),
];

#[derive(Debug, Default, Deserialize)]
struct Query {
    #[serde(default)]
    section: usize,
    /// A row or a seat, in all sections.
    #[serde(default)]
    q: String,
    /// A state of [`STATES`], or empty.
    #[serde(default)]
    state: String,
    /// The position of the first row to show.
    #[serde(default)]
    row: usize,
    notice: Option<String>,
}

impl Query {
    /// Returns the query of the list from a row on, without the `?`.
    fn at(&self, row: usize) -> String {
        let mut query = form_urlencoded::Serializer::new(String::new());
        query.append_pair("section", &self.section.to_string());
        query.append_pair("q", &search::text(&self.q));
        query.append_pair("state", &self.state);
        query.append_pair("row", &row.to_string()).finish()
    }
}

/// A row of the list, with the seats of it that are meant.
struct Listed<'a> {
    section: &'a SectionView,
    row: &'a RowView,
    seats: Vec<(SeatId, u32, SeatStatus)>,
}

/// The rows of one page of the list.
struct RowPage<'a> {
    rows: &'a [Listed<'a>],
    before: Option<usize>,
    after: Option<usize>,
}

impl<'a> RowPage<'a> {
    fn of(all: &'a [Listed<'a>], first: usize) -> Self {
        let first = first.min(all.len().saturating_sub(1));
        let end = first + Self::fitting(all[first..].iter());
        let before = Self::fitting(all[..first].iter().rev());
        Self {
            rows: &all[first..end],
            before: (first > 0).then(|| first - before),
            after: (end < all.len()).then_some(end),
        }
    }

    /// Returns how many of these rows, at least one, fit on a page.
    fn fitting(rows: impl Iterator<Item = &'a Listed<'a>>) -> usize {
        let mut seats = 0;
        let fits = |row: &&Listed<'_>| {
            let is_first = seats == 0;
            seats += row.seats.len();
            is_first || seats <= SHOWN
        };
        rows.take_while(fits).count()
    }
}

async fn page(
    state: web::Data<AppState>,
    visitor: Visitor,
    Path(event): Path<OfferingId>,
    query: web::Query<Query>,
) -> Result<HttpResponse, ApiError> {
    visitor.staff()?;
    let shown = Shown::read(&state, event).await?;
    Ok(show(&visitor, &shown, &query))
}

/// Renders the list again after an action of its form was refused, as `shown` says.
pub(super) fn again(visitor: &Visitor, shown: &Shown) -> HttpResponse {
    let query = serde_urlencoded::from_str(shown.entered("at")).unwrap_or_default();
    show(visitor, shown, &query)
}

/// Returns the address of the list from which a form came.
pub(super) fn address(event: OfferingId, at: &str) -> String {
    let query: Query = serde_urlencoded::from_str(at).unwrap_or_default();
    format!("/organiser/events/{event}/seats?{}&notice=done", query.at(query.row))
}

fn show(visitor: &Visitor, shown: &Shown, query: &Query) -> HttpResponse {
    let event = shown.event.id;
    let sections = &shown.view.sections;
    let title = visitor.text("organiser_live.seats_as_list");
    let all = listed(shown, query);
    let rows = RowPage::of(&all, query.row);
    let is_search = !search::text(&query.q).is_empty();
    let main = html! {
        p.back { a href={ "/organiser/events/" (event) } { (shown.event.details.name) } }
        h1 { (title) }
        @if sections.is_empty() {
            p.empty { (visitor.text("organiser_live.no_seats")) }
        } @else {
            nav aria-label=(visitor.text("event.sections")) {
                ul.chips {
                    @for (index, section) in sections.iter().enumerate() {
                        li { a href={ "/organiser/events/" (event) "/seats?section=" (index) }
                            aria-current=[(!is_search && index == query.section).then_some("true")] { (section.name) } }
                    }
                }
            }
            (search_form(visitor, event, query))
            (refusal(shown.refused.as_ref().map(|(_, text)| text.as_str())))
            @if all.is_empty() {
                p.empty { (visitor.text("start.nothing_found")) }
            } @else {
                (seats_form(visitor, shown, query, &rows))
                (further(visitor, event, query, &rows))
            }
        }
    };
    let page = Page::new(title).main(main).class("wide");
    layout::render(visitor, page.notice(query.notice.as_deref()))
}

/// Returns the rows that are meant: those of the section, or of all sections that a search finds.
fn listed<'a>(shown: &'a Shown, query: &Query) -> Vec<Listed<'a>> {
    let sections = &shown.view.sections;
    let text = search::text(&query.q);
    let meant = search::seats(sections.iter().map(AsRef::as_ref), &shown.labels, &text);
    let state = STATES.iter().find(|(name, ..)| *name == query.state).map(|(_, state, _)| *state);
    let is_meant = |(id, _, status): &(SeatId, u32, SeatStatus)| {
        *status != SeatStatus::Removed
            && state.is_none_or(|state| state == *status)
            && (meant.is_empty() || meant.contains(id))
    };
    let named = text.to_lowercase();
    let mut found = Vec::new();
    for (index, section) in sections.iter().enumerate() {
        if text.is_empty() && index != query.section {
            continue;
        }
        for row in &section.rows {
            if !text.is_empty() && meant.is_empty() && row.name.to_lowercase() != named {
                continue;
            }
            let all = (0_u32..).zip(&row.seats);
            let all = all.map(|(at, status)| (SeatId(row.first_seat.0 + at), at + 1, *status));
            let seats: Vec<_> = all.filter(is_meant).collect();
            if !seats.is_empty() {
                found.push(Listed { section, row, seats });
            }
        }
    }
    found
}

fn search_form(visitor: &Visitor, event: OfferingId, query: &Query) -> Markup {
    let text = search::text(&query.q);
    let label = visitor.text("organiser_live.search_seats");
    let field = Field { name: "q", label, kind: "search", value: &text, ..Field::default() };
    let mut options = vec![(String::new(), visitor.text("organiser_live.any_state").to_owned())];
    let state = |(name, _, key): &(&str, SeatStatus, &'static str)| {
        ((*name).to_owned(), visitor.text(key).to_owned())
    };
    options.extend(STATES.iter().map(state));
    html! {
        form.search method="get" action={ "/organiser/events/" (event) "/seats" } role="search" {
            input type="hidden" name="section" value=(query.section);
            (Field { max_length: Some(100), ..field }.render())
            (select("state", visitor.text("organiser.state"), &query.state, &options))
            button.button.quiet { (visitor.text("start.find")) }
        }
    }
}

fn seats_form(visitor: &Visitor, shown: &Shown, query: &Query, page: &RowPage<'_>) -> Markup {
    let event = shown.event.id;
    let is_search = !search::text(&query.q).is_empty();
    html! {
        form.seat-list method="post" action={ "/organiser/events/" (event) "/actions" } {
            input type="hidden" name="key" value=(uuid::Uuid::new_v4());
            input type="hidden" name="back" value="seats";
            input type="hidden" name="at" value=(query.at(query.row));
            @if !is_search {
                input type="hidden" name="in" value=(query.section);
                (text_area("rows", visitor.text("organiser_action.rows"), shown.entered("rows"), 2))
                p.hint { (visitor.text("organiser_action.rows_hint")) }
            }
            @for row in page.rows { (row_of_seats(visitor, shown, row, is_search)) }
            div.sticky { (seat_buttons(visitor, event)) }
        }
    }
}

/// Links to the rows before and after those of a page.
fn further(visitor: &Visitor, event: OfferingId, query: &Query, page: &RowPage<'_>) -> Markup {
    let link = |row: usize| format!("/organiser/events/{event}/seats?{}", query.at(row));
    html! {
        p.actions {
            @if let Some(row) = page.before {
                a.button.quiet href=(link(row)) { (visitor.text("event.rows_before")) }
            }
            @if let Some(row) = page.after {
                a.button.quiet href=(link(row)) { (visitor.text("event.rows_after")) }
            }
        }
    }
}

fn row_of_seats(visitor: &Visitor, shown: &Shown, listed: &Listed<'_>, is_search: bool) -> Markup {
    let is_ticked = |id: &str| shown.pairs.iter().any(|(name, seat)| name == "seat" && seat == id);
    html! {
        fieldset {
            legend {
                @if is_search { (listed.section.name) ", " }
                (visitor.fill("place.row", &[("row", &listed.row.name)]))
            }
            @for (seat, number, status) in &listed.seats {
                @if let Some(word) = word(visitor, *status) {
                    @let id = seat.to_public(shown.event.id);
                    label.seat data-state=(format!("{status:?}").to_lowercase()) {
                        input type="checkbox" name="seat" value=(id) checked[is_ticked(&id)]
                            disabled[matches!(status, SeatStatus::Held | SeatStatus::Sold)];
                        " " (shown.labels.label(*seat, *number))
                        @if *status != SeatStatus::Available { span.hint { " " (word) } }
                    }
                }
            }
        }
    }
}

fn word(visitor: &Visitor, status: SeatStatus) -> Option<&'static str> {
    match status {
        SeatStatus::Available => Some(visitor.text("place.free")),
        SeatStatus::Kept => Some(visitor.text("place.kept")),
        SeatStatus::Held => Some(visitor.text("place.held")),
        SeatStatus::Sold => Some(visitor.text("place.sold")),
        SeatStatus::Blocked => Some(visitor.text("place.blocked")),
        SeatStatus::Removed => None,
    }
}
