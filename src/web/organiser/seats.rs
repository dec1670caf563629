//! All seats of a section as a list, to take off sale, put back, or remove: by ticking them, by rows, or
//! the whole section. Works without the map.

use actix_web::{HttpResponse, web};
use maud::{Markup, html};
use serde::Deserialize;

use super::actions::seat_buttons;
use super::event_form::Pairs;
use super::live::Shown;
use crate::http::dto;
use crate::http::error::{ApiError, ErrorCode};
use crate::http::extract::Path;
use crate::http::state::AppState;
use crate::ids::{OfferingId, SeatId};
use crate::inventory::{RowView, SeatStatus, SectionView};
use crate::web::fields::text_area;
use crate::web::layout::{self, Page};
use crate::web::visitor::Visitor;

/// Adds the route.
pub(super) fn configure(cfg: &mut web::ServiceConfig) {
    cfg.service(web::resource("/organiser/events/{event}/seats").get(page));
}

#[derive(Deserialize)]
struct Query {
    #[serde(default)]
    section: usize,
    notice: Option<String>,
}

async fn page(
    state: web::Data<AppState>,
    visitor: Visitor,
    Path(event): Path<OfferingId>,
    query: web::Query<Query>,
) -> Result<HttpResponse, ApiError> {
    visitor.admin()?;
    let shown = Shown::read(&state, event).await?;
    let sections = &shown.view.sections;
    let title = visitor.text("organiser_live.seats_as_list");
    let main = html! {
        p.back { a href={ "/organiser/events/" (event) } { (shown.event.details.name) } }
        h1 { (title) }
        @if sections.is_empty() {
            p.empty { (visitor.text("organiser_live.no_seats")) }
        }
        nav aria-label=(visitor.text("event.sections")) {
            ul.chips {
                @for (index, section) in sections.iter().enumerate() {
                    li { a href={ "/organiser/events/" (event) "/seats?section=" (index) }
                        aria-current=[(index == query.section).then_some("true")] { (section.name) } }
                }
            }
        }
        @if let Some(section) = sections.get(query.section) {
            (section_form(&visitor, &shown, section, query.section))
        }
    };
    let page = Page::new(title).main(main).class("wide");
    Ok(layout::render(&visitor, page.notice(query.notice.as_deref())))
}

fn section_form(visitor: &Visitor, shown: &Shown, section: &SectionView, index: usize) -> Markup {
    let event = shown.event.id;
    html! {
        form.seat-list method="post" action={ "/organiser/events/" (event) "/actions" } {
            input type="hidden" name="key" value=(uuid::Uuid::new_v4());
            input type="hidden" name="in" value=(index);
            input type="hidden" name="back" value="seats";
            (text_area("rows", visitor.text("organiser_action.rows"), "", 2))
            p.hint { (visitor.text("organiser_action.rows_hint")) }
            @for row in &section.rows { (row_of_seats(visitor, shown, row)) }
            div.sticky { (seat_buttons(visitor)) }
        }
    }
}

fn row_of_seats(visitor: &Visitor, shown: &Shown, row: &RowView) -> Markup {
    html! {
        fieldset {
            legend { (visitor.fill("place.row", &[("row", &row.name)])) }
            @for (index, status) in (0_u32..).zip(&row.seats) {
                @if let Some(word) = word(visitor, *status) {
                    @let seat = SeatId(row.first_seat.0 + index);
                    label.seat data-state=(format!("{status:?}").to_lowercase()) {
                        input type="checkbox" name="seat"
                            value=(seat.to_public(shown.event.id))
                            disabled[!matches!(status, SeatStatus::Available | SeatStatus::Blocked)];
                        " " (shown.labels.label(seat, index + 1))
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

/// Returns the seats that a form names: ticked ones, those picked on the map, and those of its rows. Of
/// rows without numbers only the seats are meant to which the action applies.
pub(super) fn seats_of(
    visitor: &Visitor,
    shown: &Shown,
    pairs: &[(String, String)],
) -> Result<Vec<SeatId>, ApiError> {
    let form = Pairs(pairs);
    let said = |key| ApiError::new(ErrorCode::Invalid, visitor.text(key));
    let ticked = pairs.iter().filter(|(key, _)| key == "seat").map(|(_, seat)| seat.clone());
    let picked = form.text("picked");
    let ids: Vec<String> = ticked.chain(picked.split_whitespace().map(str::to_owned)).collect();
    let mut seats = dto::seat_ids(shown.event.id, "seat", &ids)?;
    let wanted = match form.value("do") {
        Some("unblock-seats") => SeatStatus::Blocked,
        _ => SeatStatus::Available,
    };
    let section = form.text("in").parse::<usize>().ok();
    let section = section.and_then(|index| shown.view.sections.get(index));
    for line in form.text("rows").lines().map(str::trim).filter(|line| !line.is_empty()) {
        let section = section.ok_or_else(|| said("organiser_action.no_such_row"))?;
        let found = in_line(section, line, wanted, |seat, number| shown.labels.label(seat, number));
        seats.extend(found.ok_or_else(|| said("organiser_action.no_such_row"))?);
    }
    seats.sort_unstable();
    seats.dedup();
    if seats.is_empty() {
        return Err(said("organiser_action.no_seats"));
    }
    Ok(seats)
}

/// Returns the seats of `A`, `A 3-8` or `A 5`, or of `*`, the whole section; `None` if there is no such
/// row or seat. Numbers are the `label`s of seats.
fn in_line(
    section: &SectionView,
    line: &str,
    wanted: SeatStatus,
    label: impl Fn(SeatId, u32) -> String,
) -> Option<Vec<SeatId>> {
    let fitting = |row: &RowView| {
        let all = (row.first_seat.0..).zip(row.seats.clone());
        all.filter(|(_, status)| *status == wanted).map(|(id, _)| SeatId(id)).collect::<Vec<_>>()
    };
    if line == "*" {
        return Some(section.rows.iter().flat_map(fitting).collect());
    }
    if let Some(row) = section.rows.iter().find(|row| row.name == line) {
        return Some(fitting(row));
    }
    let (name, numbers) = line.rsplit_once(char::is_whitespace)?;
    let row = section.rows.iter().find(|row| row.name == name.trim())?;
    let (first, last) = numbers.split_once('-').unwrap_or((numbers, numbers));
    let there: Vec<SeatId> = (0_u32..)
        .zip(&row.seats)
        .filter(|(_, status)| **status != SeatStatus::Removed)
        .map(|(index, _)| SeatId(row.first_seat.0 + index))
        .collect();
    let nth = |wanted: &str| {
        there.iter().position(|seat| label(*seat, seat.0 - row.first_seat.0 + 1) == wanted)
    };
    let (first, last) = (nth(first.trim())?, nth(last.trim())?);
    // A row may be numbered from either end.
    Some(there[first.min(last)..=first.max(last)].to_vec())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::ProductId;

    #[test]
    fn rows_name_their_seats() {
        use SeatStatus::{Available, Blocked, Sold};
        let row = |name: &str, first, seats: Vec<SeatStatus>| RowView {
            name: name.into(),
            first_seat: SeatId(first),
            seats: seats.into(),
        };
        let section = SectionView {
            name: "Stalls".into(),
            product: ProductId(0),
            rows: vec![
                row("A", 0, vec![Available, Sold, Blocked]),
                row("Box 1", 3, vec![Available, Available]),
            ],
        };
        let ids = |line, wanted| {
            in_line(&section, line, wanted, |_, number| number.to_string())
                .map(|seats| seats.iter().map(|s| s.0).collect::<Vec<_>>())
        };
        assert_eq!(ids("A", Available), Some(vec![0]));
        assert_eq!(ids("A", Blocked), Some(vec![2]));
        assert_eq!(ids("*", Available), Some(vec![0, 3, 4]));
        // Seats that are named are meant, whatever their state: the refusal then says it.
        assert_eq!(ids("A 1-3", Available), Some(vec![0, 1, 2]));
        assert_eq!(ids("Box 1", Available), Some(vec![3, 4]));
        assert_eq!(ids("Box 1 2", Available), Some(vec![4]));
        assert_eq!(ids("A 3-2", Available), Some(vec![1, 2]));
        for line in ["C", "A 0", "A 4", "A x", "Box 1 1-9"] {
            assert_eq!(ids(line, Available), None, "{line}");
        }
    }
}
