//! The seats that a form names: ticked, picked on the map, or by their rows and numbers.

use std::collections::BTreeSet;

use super::event_form::Pairs;
use super::shown::Shown;
use crate::http::dto;
use crate::http::error::{ApiError, ErrorCode};
use crate::ids::SeatId;
use crate::inventory::{RowView, SeatStatus, SectionView};
use crate::web::visitor::Visitor;

/// The most lines of rows: no section has more rows.
const MOST_LINES: usize = 1_000;
/// How much of a line a refusal repeats, in characters.
const SHOWN_OF_LINE: usize = 40;

/// The states of seats that are on sale. Kept seats are free too.
pub(super) const FREE: &[SeatStatus] = &[SeatStatus::Available, SeatStatus::Kept];
/// The states of seats that an organiser can give away.
pub(super) const UNSOLD: &[SeatStatus] =
    &[SeatStatus::Available, SeatStatus::Kept, SeatStatus::Blocked];

/// Returns the seats that a form names: ticked ones, those picked on the map, and those of its rows. Of
/// rows without numbers only the seats in a `wanted` state are meant.
pub(super) fn seats_of(
    visitor: &Visitor,
    shown: &Shown,
    pairs: &[(String, String)],
    wanted: &[SeatStatus],
) -> Result<Vec<SeatId>, ApiError> {
    let form = Pairs(pairs);
    let said = |key| ApiError::new(ErrorCode::Invalid, visitor.text(key));
    let ticked = pairs.iter().filter(|(key, _)| key == "seat").map(|(_, seat)| seat.clone());
    let picked = form.entered("picked");
    let ids: Vec<String> = ticked.chain(picked.split_whitespace().map(str::to_owned)).collect();
    let mut seats = dto::seat_ids(shown.event.id, "seat", &ids)?;
    let section = form.entered("in").parse::<usize>().ok();
    let section = section.and_then(|index| shown.view.sections.get(index));
    let rows = form.entered("rows");
    if rows.lines().count() > MOST_LINES {
        return Err(said("organiser_action.too_many_rows"));
    }
    let lines: BTreeSet<&str> = rows.lines().map(str::trim).collect();
    for line in lines.into_iter().filter(|line| !line.is_empty()) {
        let no_such_row = || {
            let line: String = line.chars().take(SHOWN_OF_LINE).collect();
            let said = visitor.fill("organiser_action.no_such_row", &[("line", &line)]);
            ApiError::new(ErrorCode::Invalid, said)
        };
        let section = section.ok_or_else(no_such_row)?;
        let found = in_line(section, line, wanted, |seat, number| shown.labels.label(seat, number));
        seats.extend(found.ok_or_else(no_such_row)?);
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
    wanted: &[SeatStatus],
    label: impl Fn(SeatId, u32) -> String,
) -> Option<Vec<SeatId>> {
    let fitting = |row: &RowView| {
        let all = (row.first_seat.0..).zip(row.seats.clone());
        all.filter(|(_, status)| wanted.contains(status))
            .map(|(id, _)| SeatId(id))
            .collect::<Vec<_>>()
    };
    if line == "*" {
        return Some(section.rows.iter().flat_map(fitting).collect());
    }
    let row_of = |name: &str| {
        let exact = section.rows.iter().find(|row| row.name == name);
        exact.or_else(|| section.rows.iter().find(|row| row.name.eq_ignore_ascii_case(name)))
    };
    if let Some(row) = row_of(line) {
        return Some(fitting(row));
    }
    let (name, numbers) = line.rsplit_once(char::is_whitespace)?;
    let row = row_of(name.trim())?;
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
            seats,
        };
        let section = SectionView {
            name: "Stalls".into(),
            product: ProductId(0),
            rows: vec![
                row("A", 0, vec![Available, Sold, Blocked]),
                row("Box 1", 3, vec![Available, Available]),
            ],
        };
        let ids = |line, wanted: &[SeatStatus]| {
            in_line(&section, line, wanted, |_, number| number.to_string())
                .map(|seats| seats.iter().map(|s| s.0).collect::<Vec<_>>())
        };
        assert_eq!(ids("A", FREE), Some(vec![0]));
        assert_eq!(ids("A", &[Blocked]), Some(vec![2]));
        assert_eq!(ids("A", UNSOLD), Some(vec![0, 2]));
        assert_eq!(ids("*", FREE), Some(vec![0, 3, 4]));
        // Seats that are named are meant in any state: the refusal then says it.
        assert_eq!(ids("A 1-3", FREE), Some(vec![0, 1, 2]));
        assert_eq!(ids("Box 1", FREE), Some(vec![3, 4]));
        assert_eq!(ids("Box 1 2", FREE), Some(vec![4]));
        assert_eq!(ids("A 3-2", FREE), Some(vec![1, 2]));
        assert_eq!(ids("box 1 2", FREE), Some(vec![4]));
        for line in ["C", "A 0", "A 4", "A x", "Box 1 1-9"] {
            assert_eq!(ids(line, FREE), None, "{line}");
        }
    }
}
