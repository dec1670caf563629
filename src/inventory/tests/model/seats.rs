//! The naive model's seats: a list, searched completely each time.

use crate::ids::{ProductId, SeatId};
use crate::inventory::{Definition, Fit, SeatStatus};

#[derive(Clone, Debug)]
pub struct Seat {
    pub(super) product: ProductId,
    pub(super) section: usize,
    /// The row's index in its section.
    pub(super) row: usize,
    pub status: SeatStatus,
}

pub(super) fn all_seats(definition: &Definition) -> Vec<Seat> {
    let mut seats = Vec::new();
    for (section, of) in definition.sections.iter().enumerate() {
        for (row, of_row) in of.rows.iter().enumerate() {
            for _ in 0..of_row.seats {
                let (product, status) = (of.product, SeatStatus::Available);
                seats.push(Seat { product, section, row, status });
            }
        }
    }
    seats
}

/// The free runs of one row, with the row's (section, row).
type RowRuns = ((usize, usize), Vec<Vec<u32>>);

/// The free runs of a product's rows, in order of preference.
fn rows(
    seats: &[Seat],
    product: ProductId,
    section: Option<usize>,
    taken: &[SeatId],
) -> Vec<RowRuns> {
    let mut keys: Vec<(usize, usize)> = seats
        .iter()
        .filter(|seat| seat.product == product && section.is_none_or(|only| only == seat.section))
        .map(|seat| (seat.section, seat.row))
        .collect();
    keys.sort_unstable();
    keys.dedup();
    let free = |at: usize| {
        let seat = SeatId(u32::try_from(at).unwrap());
        seats[at].status == SeatStatus::Available && !taken.contains(&seat)
    };
    keys.into_iter()
        .map(|key| {
            let mut runs: Vec<Vec<u32>> = Vec::new();
            let mut last_was_free = false;
            for (at, seat) in seats.iter().enumerate() {
                if (seat.section, seat.row) != key {
                    continue;
                }
                let number = u32::try_from(at).unwrap();
                match free(at) {
                    true if last_was_free => runs.last_mut().unwrap().push(number),
                    true => runs.push(vec![number]),
                    false => {}
                }
                last_was_free = free(at);
            }
            (key, runs)
        })
        .collect()
}

/// Checks that best available may answer `chosen`: the best class possible, in the first row that
/// allows it, placed as the class requires.
pub(super) fn check_choice(
    seats: &[Seat],
    product: ProductId,
    section: Option<usize>,
    taken: &[SeatId],
    party: u32,
    (chosen, fit): (&[SeatId], Fit),
) {
    let rows = rows(seats, product, section, taken);
    let all: Vec<u32> = rows.iter().flat_map(|(_, runs)| runs.iter().flatten().copied()).collect();
    let mut sorted: Vec<u32> = chosen.iter().map(|seat| seat.0).collect();
    sorted.sort_unstable();
    sorted.dedup();
    assert_eq!(sorted.len(), party as usize, "as many seats as people");
    assert!(sorted.iter().all(|seat| all.contains(seat)), "only free seats of the scope");

    // Every placement in every run, and whether it leaves a single seat beside it.
    let windows = |runs: &Vec<Vec<u32>>| -> Vec<(bool, Vec<u32>)> {
        let size = party as usize;
        runs.iter()
            .flat_map(|run| {
                run.windows(size).enumerate().map(|(left, window)| {
                    let right = run.len() - size - left;
                    (left == 1 || right == 1, window.to_vec())
                })
            })
            .collect()
    };
    for (class, orphan) in [(Fit::Exact, false), (Fit::LeavesOrphan, true)] {
        for (_, runs) in &rows {
            let fitting: Vec<_> =
                windows(runs).into_iter().filter(|(leaves, _)| *leaves == orphan).collect();
            if !fitting.is_empty() {
                assert_eq!(fit, class);
                assert!(fitting.iter().any(|(_, window)| *window == sorted), "in the first row");
                return;
            }
        }
    }
    let longest = |at: usize| rows[at].1.iter().map(Vec::len).max().unwrap_or(0);
    let splits = (1..rows.len()).find(|behind| {
        let (a, b) = (rows[behind - 1].0, rows[*behind].0);
        let (front, back) = (longest(behind - 1), longest(*behind));
        a.0 == b.0 && front > 0 && back > 0 && front + back >= party as usize
    });
    let Some(behind) = splits else {
        assert_eq!(fit, Fit::Scattered);
        return;
    };
    assert_eq!(fit, Fit::SplitRows);
    for row in [behind - 1, behind] {
        let group: Vec<u32> = sorted
            .iter()
            .copied()
            .filter(|seat| rows[row].1.iter().flatten().any(|s| s == seat))
            .collect();
        assert!(!group.is_empty(), "both rows seat somebody");
        assert!(group.windows(2).all(|pair| pair[1] == pair[0] + 1), "each group side by side");
    }
}
