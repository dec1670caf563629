//! All seats of an event as a list: for screen readers, and for browsers without scripts. A section
//! at a time, because a stadium has too many for one page.

use std::collections::HashSet;

use actix_web::{HttpRequest, HttpResponse, web};
use maud::{Markup, html};
use serde::Deserialize;

use super::sale;
use super::shown::Shown;
use crate::http::error::ApiError;
use crate::http::extract::Path;
use crate::http::state::AppState;
use crate::ids::{OfferingId, SeatId};
use crate::inventory::{RowView, SeatStatus, SectionView};
use crate::venues::EventSeats;
use crate::web::basket;
use crate::web::format::{money, number};
use crate::web::layout::{self, Page};
use crate::web::places;
use crate::web::visitor::Visitor;

#[derive(Deserialize)]
pub(super) struct Query {
    /// The position of the section in the map.
    section: Option<usize>,
    /// The position of the first row to show.
    #[serde(default)]
    row: usize,
}

pub(super) async fn page(
    state: web::Data<AppState>,
    request: HttpRequest,
    visitor: Visitor,
    Path(event): Path<OfferingId>,
    query: web::Query<Query>,
) -> Result<HttpResponse, ApiError> {
    let shown = Shown::read(&state, &visitor, event).await?;
    let labels = state.venues.labels(event).await;
    let sections = &shown.view.sections;
    let chosen = query.section.filter(|index| *index < sections.len());
    let chosen = chosen.or((sections.len() == 1).then_some(0));
    let main = html! {
        h1 { a href={ "/events/" (event) } { (shown.event.details.name) } }
        (places::heading(&visitor, &shown.event))
        p.facts { (sale::badge(&visitor, &shown)) }
        (sale::state(&visitor, &shown))
        (sale::waiting_room(&visitor, &shown))
        h2 { (visitor.text("event.seat_list")) }
        @if shown.status == "SELLING" { p.hint { (sale::limits(&visitor, &shown)) } }
        (places::marks_explained(&visitor, labels.all_marks()))
        nav aria-label=(visitor.text("event.sections")) {
            ul.chips {
                @for (index, section) in sections.iter().enumerate() {
                    li {
                        a href={ "/events/" (event) "/seats?section=" (index) }
                            aria-current=[(chosen == Some(index)).then_some("true")]
                        { (section_words(&visitor, &shown, section)) }
                    }
                }
            }
        }
        @if let Some(section) = chosen.and_then(|index| sections.get(index)) {
            @let page = RowPage::of(section, query.row);
            (seats(&visitor, &shown, section, (&page, &labels)))
            (further(&visitor, event, chosen.unwrap_or_default(), &page))
        }
    };
    let title = format!("{} · {}", visitor.text("event.seat_list"), shown.event.details.name);
    let mut response = layout::render(&visitor, Page::new(&title).main(main).script("page.js"));
    basket::remember(&mut response, &request, &visitor, event);
    Ok(response)
}

/// Names a section with the price of its seats and how many are free.
fn section_words(visitor: &Visitor, shown: &Shown, section: &SectionView) -> String {
    let of_view = shown.view.products.get(section.product.index());
    let price = of_view.map(|of| money(visitor.language, of.price, &shown.event.currency));
    let free = match free(section) {
        0 => visitor.text("sale.SOLD_OUT").to_owned(),
        free => visitor.fill("place.free_count", &[("n", &number(free as u64))]),
    };
    [Some(section.name.clone()), price, Some(free)]
        .into_iter()
        .flatten()
        .collect::<Vec<_>>()
        .join(" · ")
}

/// True if seats of a section can be taken now.
fn is_on_sale(shown: &Shown, section: &SectionView) -> bool {
    let of_view = shown.products().find(|(product, _)| product.id == section.product);
    shown.status == "SELLING" && of_view.is_some_and(|(_, of)| sale::is_in_window(shown, of))
}

fn free(section: &SectionView) -> usize {
    let seats = section.rows.iter().flat_map(|row| &row.seats);
    seats.filter(|seat| is_free(**seat)).count()
}

/// The rows on one page: a section of a stadium would be megabytes of HTML.
struct RowPage<'a> {
    rows: &'a [RowView],
    before: Option<usize>,
    after: Option<usize>,
}

impl<'a> RowPage<'a> {
    /// Seats on one page, beyond which no further row begins.
    const SEATS: usize = 600;

    fn of(section: &'a SectionView, first: usize) -> Self {
        let first = first.min(section.rows.len().saturating_sub(1));
        let end = first + Self::fitting(section.rows[first..].iter());
        let before = Self::fitting(section.rows[..first].iter().rev());
        Self {
            rows: &section.rows[first..end],
            before: (first > 0).then(|| first - before),
            after: (end < section.rows.len()).then_some(end),
        }
    }

    /// Returns how many of these rows, at least one, fit on a page.
    fn fitting(rows: impl Iterator<Item = &'a RowView>) -> usize {
        let mut seats = 0;
        let fits = |row: &&RowView| {
            let is_first = seats == 0;
            seats += row.seats.len();
            is_first || seats <= Self::SEATS
        };
        rows.take_while(fits).count()
    }
}

/// Links to the rows before and after those of a page.
fn further(visitor: &Visitor, event: OfferingId, section: usize, page: &RowPage<'_>) -> Markup {
    let link = |row: usize| format!("/events/{event}/seats?section={section}&row={row}");
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

fn seats(
    visitor: &Visitor,
    shown: &Shown,
    section: &SectionView,
    (page, labels): (&RowPage<'_>, &EventSeats),
) -> Markup {
    let event = shown.event.id;
    let is_on_sale = is_on_sale(shown, section);
    let lines = shown.mine.holds.iter().flat_map(|hold| &hold.lines);
    let mine: HashSet<SeatId> = lines.flat_map(|line| line.seats.iter().copied()).collect();
    html! {
        @if !is_on_sale && shown.status == "SELLING" {
            p.warning { (visitor.text("sale_says.section_closed")) }
        }
        form.seat-list method="post" action={ "/events/" (event) "/holds" } {
            input type="hidden" name="kind" value="seats";
            input type="hidden" name="key" value=(uuid::Uuid::new_v4());
            @for row in page.rows {
                fieldset {
                    legend { (visitor.fill("place.row", &[("row", &row.name)])) }
                    @for (index, status) in (0_u32..).zip(&row.seats) {
                        @let seat = SeatId(row.first_seat.0 + index);
                        @let word = match mine.contains(&seat) {
                            true => Some(visitor.text("place.mine")),
                            false => word(visitor, *status),
                        };
                        @if let Some(word) = word {
                            @let is_free = is_free(*status);
                            label.seat data-state=(if is_free { "available" } else { "taken" }) {
                                input type="checkbox" name="seat" value=(seat.to_public(event))
                                    disabled[!is_free || !is_on_sale];
                                " " (labels.label(seat, index + 1))
                                @for mark in places::marks(visitor, labels.marks(seat)) {
                                    " " span.mark { (mark) }
                                }
                                @if !is_free { span.hint { " " (word) } }
                            }
                        }
                    }
                }
            }
            @if is_on_sale {
                p.sticky { button.button { (visitor.text("event.hold_seats")) } }
            }
        }
    }
}

/// True for seats that can be chosen here; kept ones are only left out of best available.
fn is_free(status: SeatStatus) -> bool {
    matches!(status, SeatStatus::Available | SeatStatus::Kept)
}

/// Returns the word for a seat's state; `None` for seats that are not there.
fn word(visitor: &Visitor, status: SeatStatus) -> Option<&'static str> {
    match status {
        SeatStatus::Available | SeatStatus::Kept => Some(visitor.text("place.free")),
        SeatStatus::Held => Some(visitor.text("place.held")),
        SeatStatus::Sold => Some(visitor.text("place.sold")),
        SeatStatus::Blocked => Some(visitor.text("place.blocked")),
        SeatStatus::Removed => None,
    }
}
