//! The free seats nearest to seats that another customer was quicker to take. Reads a published view
//! and nothing else; looks only in a part of the section around each seat, so that a refusal in a
//! sold-out stadium costs microseconds.

use crate::box_office::View;
use crate::ids::SeatId;
use crate::inventory::{SeatStatus, SectionView};

/// The most seats that are named.
const MOST: usize = 8;
/// Rows in front of and behind a seat that are searched.
const ROWS: usize = 12;
/// Seats to either side that are searched.
const NUMBERS: usize = 24;
/// Rows are about twice as far apart as the seats of a row.
const ROW_PITCH: usize = 2;

/// Returns the free seats in the sections of the `taken` seats that are nearest to any of them, by
/// row and number, the nearest first. The seats in `asked` are left out.
#[must_use]
pub fn nearest(view: &View, asked: &[SeatId], taken: &[SeatId]) -> Vec<SeatId> {
    let mut found: Vec<(usize, SeatId)> = Vec::with_capacity(MOST + 1);
    for seat in taken {
        let Some((section, row, number)) = place_of(view, *seat) else { continue };
        let rows = row.saturating_sub(ROWS)..section.rows.len().min(row + ROWS + 1);
        for at in rows {
            let across = ROW_PITCH * at.abs_diff(row);
            let other = &section.rows[at];
            let last = other.seats.len().min(number + NUMBERS + 1);
            for beside in number.saturating_sub(NUMBERS)..last {
                if other.seats[beside] != SeatStatus::Available {
                    continue;
                }
                let along = beside.abs_diff(number);
                let first_seat = other.first_seat.0 as usize;
                let Ok(id) = u32::try_from(first_seat + beside) else { continue };
                if !asked.contains(&SeatId(id)) {
                    keep(&mut found, (across * across + along * along, SeatId(id)));
                }
            }
        }
    }
    found.into_iter().map(|(_, seat)| seat).collect()
}

/// Keeps the nearest seats, each once, sorted by distance and then by id.
fn keep(found: &mut Vec<(usize, SeatId)>, candidate: (usize, SeatId)) {
    if found.len() == MOST && found.last().is_some_and(|last| *last <= candidate) {
        return;
    }
    if let Some(known) = found.iter().position(|(_, seat)| *seat == candidate.1) {
        if found[known] <= candidate {
            return;
        }
        found.remove(known);
    }
    let at = found.partition_point(|other| *other < candidate);
    found.insert(at, candidate);
    found.truncate(MOST);
}

/// The section of a seat, and the indexes of its row and of the seat in the row.
fn place_of(view: &View, seat: SeatId) -> Option<(&SectionView, usize, usize)> {
    view.sections.iter().find_map(|section| {
        let row = section.rows.iter().position(|row| {
            let end = row.first_seat.0 as usize + row.seats.len();
            row.first_seat <= seat && seat.index() < end
        })?;
        let number = seat.index() - section.rows[row].first_seat.index();
        Some((&**section, row, number))
    })
}
