//! What an organiser's search means: a person, an order's number, the claim code of a guest, or a seat.

use crate::http::error::ApiError;
use crate::http::state::AppState;
use crate::ids::{OfferingId, ReservationId, SeatId};
use crate::inventory::{SeatStatus, SectionView};
use crate::store::{Person, ReservationFilter};
use crate::venues::EventSeats;
use crate::web::guests;

/// The most seats that one search means.
const MOST_SEATS: usize = 100;

/// Returns the text of a search: trimmed, without control characters, and short.
pub(super) fn text(query: &str) -> String {
    query.trim().chars().filter(|c| !c.is_control()).take(100).collect()
}

/// Limits a list of an event's orders to those that `text` means.
///
/// # Errors
/// The store or the event cannot be read.
pub(super) async fn orders(
    state: &AppState,
    event: OfferingId,
    text: &str,
    filter: ReservationFilter,
) -> Result<ReservationFilter, ApiError> {
    if text.is_empty() {
        return Ok(filter);
    }
    if let Ok(id) = text.parse::<ReservationId>() {
        return Ok(ReservationFilter { among: Some(vec![id]), ..filter });
    }
    if let Some(guest) = guests::with_code(state, event, text).await? {
        return Ok(ReservationFilter { user: Some(guest), ..filter });
    }
    let (view, labels) = (state.offices.view(event).await?, state.venues.labels(event).await);
    let seats = seats(view.sections.iter().map(AsRef::as_ref), &labels, text);
    if !seats.is_empty() {
        let orders = state.store.reservations_of_seats(event, &seats).await?;
        if !orders.is_empty() {
            return Ok(ReservationFilter { among: Some(orders), ..filter });
        }
    }
    Ok(ReservationFilter { who: Some(text.to_owned()), ..filter })
}

/// Returns the seats of `A 3`, `Stalls A 3` or `Stalls, row A, seat 3`, in either language.
pub(super) fn seats<'a>(
    sections: impl Iterator<Item = &'a SectionView>,
    labels: &EventSeats,
    text: &str,
) -> Vec<SeatId> {
    let text = plain(text);
    let Some((place, label)) = text.rsplit_once(' ') else { return Vec::new() };
    let mut found = Vec::new();
    for section in sections {
        let section_name = plain(&section.name);
        // A name of a row may have spaces too; what stands before it is of the section's name.
        let is_meant = |row: &str| match plain(row) {
            row if row.is_empty() => false,
            row => place.strip_suffix(&row).is_some_and(|before| {
                let (is_whole, before) = (before.ends_with(' '), before.trim_end());
                before.is_empty() || is_whole && section_name.contains(before)
            }),
        };
        for row in section.rows.iter().filter(|row| is_meant(&row.name)) {
            let there = (0_u32..).zip(&row.seats).filter(|(_, is)| **is != SeatStatus::Removed);
            let ids = there.map(|(index, _)| (SeatId(row.first_seat.0 + index), index + 1));
            let meant = ids.filter(|(id, number)| plain(&labels.label(*id, *number)) == label);
            found.extend(meant.map(|(id, _)| id));
        }
        if found.len() >= MOST_SEATS {
            found.truncate(MOST_SEATS);
            break;
        }
    }
    found
}

/// Returns the words of a place without those that say what they name.
fn plain(text: &str) -> String {
    let text = text.to_lowercase().replace(',', " ");
    let words = text.split_whitespace();
    let words =
        words.filter(|word| !matches!(*word, "row" | "seat" | "section" | "열" | "번" | "구역"));
    let words: Vec<_> = words.map(|word| word.strip_suffix(['열', '번']).unwrap_or(word)).collect();
    words.join(" ")
}

/// True if the name or address of a person, or one of the other texts, contains `text`.
pub(super) fn fits(text: &str, person: Option<&Person>, others: &[&str]) -> bool {
    let wanted = text.to_lowercase();
    let has = |text: &str| text.to_lowercase().contains(&wanted);
    text.is_empty()
        || person
            .is_some_and(|person| has(&person.email) || person.name.as_deref().is_some_and(has))
        || others.iter().any(|other| has(other))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::ProductId;
    use crate::inventory::RowView;

    #[test]
    fn seats_are_found_as_people_write_them() {
        let row = |name: &str, first| RowView {
            name: name.into(),
            first_seat: SeatId(first),
            seats: vec![SeatStatus::Available, SeatStatus::Sold, SeatStatus::Removed],
        };
        let section = |name: &str, first| SectionView {
            name: name.into(),
            product: ProductId(0),
            rows: vec![row("A", first), row("B", first + 3), row("Box  1", first + 6)],
        };
        let sections = [section("Stalls left", 0), section("1층", 9)];
        let ids = |text| {
            let found = seats(sections.iter(), &EventSeats::default(), text);
            found.into_iter().map(|seat| seat.0).collect::<Vec<_>>()
        };
        assert_eq!(ids("A 2"), [1, 10]);
        assert_eq!(ids("stalls LEFT, row b, seat 1"), [3]);
        assert_eq!(ids("1층 B열 2번"), [13]);
        assert_eq!(ids("box 1 2"), [7, 16]);
        assert_eq!(ids("Stalls left, row Box 1, seat 1"), [6]);
        for text in ["", "A", "A 3", "A x", "Circle A 1", "Kim Lee", "1 2", "alls xA 1"] {
            assert!(ids(text).is_empty(), "{text}");
        }
    }

    #[test]
    fn people_and_places_fit_a_text() {
        let (name, email) = (Some("Kim".into()), "kim@example.com".into());
        let kim = Person { name, email, language: None };
        assert!(fits("", None, &[]));
        assert!(fits("KIM", Some(&kim), &[]) && fits("example", Some(&kim), &[]));
        assert!(fits("row a", None, &["Stalls, row A, seat 1"]));
        assert!(!fits("lee", Some(&kim), &["Stalls, row A, seat 1"]));
    }
}
