//! Chooses seats for a party that did not pick them itself.
//!
//! In order of preference: side by side without leaving one seat alone; side by side; two groups in
//! neighbouring rows of a block; anywhere. Among equals the earlier block, then the row nearer the
//! front, then the seats nearest the middle of the row. [`Fit`] records which of these the party
//! got. No search reads more rows than it takes seats from: see `run_tree`.

use super::Fit;
use super::run_tree::Runs;
use super::seat_map::{Row, SeatMap};
use crate::ids::{ProductId, SeatId, SectionId};

/// Chooses `party` seats (1 to 64) of a product, or of one of its sections. At least `party` of
/// those seats must be free. Leaves the map unchanged.
pub(super) fn choose(
    map: &mut SeatMap,
    product: ProductId,
    section: Option<SectionId>,
    party: u32,
) -> (Box<[SeatId]>, Fit) {
    let rows = map.scope(product, section);
    let tree = map.tree(product);
    if let Some(at) = tree.first_with(&rows, Runs::without_orphan(party)) {
        return (together(map, map.row_at(product, at), party), Fit::Exact);
    }
    if let Some(at) = tree.first_with(&rows, Runs::with_orphan(party)) {
        return (together(map, map.row_at(product, at), party), Fit::LeavesOrphan);
    }
    // The pair of a section's last row includes the row behind it, which is never of another
    // section.
    if let Some(front) = tree.first_pair(&rows, party) {
        let (longest_front, longest_behind) =
            (tree.runs(front).longest(), tree.runs(front + 1).longest());
        let least = party.saturating_sub(longest_behind).max(1);
        let most = longest_front.min(party - 1);
        let in_front = party.div_ceil(2).clamp(least, most);
        let mut seats = together(map, map.row_at(product, front), in_front).into_vec();
        seats.extend(together(map, map.row_at(product, front + 1), party - in_front));
        return (seats.into(), Fit::SplitRows);
    }
    (scattered(map, product, section, party), Fit::Scattered)
}

/// The seats for `party` nearest the middle of a row that has room for them together; seats that
/// leave no other seat alone, if there are any.
fn together(map: &SeatMap, row: &Row, party: u32) -> Box<[SeatId]> {
    let mut best: Option<(bool, u32, u32)> = None;
    for (start, length) in map.free_runs(row) {
        if length < party {
            continue;
        }
        let rest = length - party;
        let leaves_orphan = |left: u32| left == 1 || rest - left == 1;
        let middle = (row.seats.saturating_sub(party) / 2).saturating_sub(start).min(rest);
        // Only the second and the second last place leave an orphan, so within two steps of the
        // middle there is a place that does not, if there is any.
        for left in middle.saturating_sub(2)..=(middle + 2).min(rest) {
            let offset = start + left;
            let off_centre = (2 * offset + party).abs_diff(row.seats);
            let candidate = (leaves_orphan(left), off_centre, offset);
            if best.is_none_or(|best| candidate < best) {
                best = Some(candidate);
            }
        }
    }
    let (_, _, offset) = best.expect("the row was found because it has room");
    let first = row.first_seat + offset;
    (first..first + party).map(SeatId).collect()
}

/// Takes the longest free runs until the whole party has seats, so that it is split into few
/// groups.
fn scattered(
    map: &mut SeatMap,
    product: ProductId,
    section: Option<SectionId>,
    party: u32,
) -> Box<[SeatId]> {
    let rows = map.scope(product, section);
    let mut seats: Vec<SeatId> = Vec::with_capacity(party as usize);
    let mut left = party;
    while left > 0 {
        let tree = map.tree(product);
        let group = tree.longest(&rows).min(left);
        let at = tree
            .first_with(&rows, Runs::at_least(group))
            .expect("the caller made sure that enough seats are free");
        let taken = together(map, map.row_at(product, at), group);
        map.mark(&taken);
        seats.extend(taken);
        left -= group;
    }
    map.unmark(&seats);
    seats.sort_unstable();
    seats.into()
}
