//! What best available asks of a product's rows without looking at them: which lengths of free
//! runs a row has, and how many seats it and the next row can seat in two groups. A binary tree
//! over the rows in order of preference, so that "no row has six together" costs one look.

use std::ops::Range;

/// Runs longer than this are as good as this long: a party is at most 64, and what matters of the
/// rest is only whether two or more seats remain.
const LONGEST: u32 = 66;

/// The lengths of the free runs of a row, as a set.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Runs(u128);

impl Runs {
    pub(super) fn add(&mut self, length: u32) {
        self.0 |= 1 << length.min(LONGEST);
    }

    /// The length of the longest run, capped.
    pub(super) fn longest(self) -> u32 {
        self.0.checked_ilog2().unwrap_or(0)
    }

    /// Runs that can seat `party` together without leaving one seat alone.
    pub(super) fn without_orphan(party: u32) -> Self {
        Self(1 << party | Self::at_least(party + 2).0)
    }

    /// The run that can seat `party` together only by leaving one seat alone.
    pub(super) fn with_orphan(party: u32) -> Self {
        Self(1 << (party + 1))
    }

    pub(super) fn at_least(length: u32) -> Self {
        Self(u128::MAX << length)
    }

    fn meets(self, wanted: Self) -> bool {
        self.0 & wanted.0 != 0
    }
}

/// See the module.
#[derive(Clone, Debug, Default)]
pub(super) struct RunTree {
    /// Leaves start here; the parent of node `i` is `i / 2`.
    leaves: usize,
    runs: Vec<Runs>,
    /// The most that a row and the row behind it can seat in one group each.
    pairs: Vec<u8>,
}

impl RunTree {
    /// A tree over rows given as (runs, pair), first choice first.
    pub(super) fn new(rows: impl ExactSizeIterator<Item = (Runs, u8)>) -> Self {
        let leaves = rows.len().next_power_of_two();
        let mut tree =
            Self { leaves, runs: vec![Runs::default(); 2 * leaves], pairs: vec![0; 2 * leaves] };
        for (row, (runs, pair)) in rows.enumerate() {
            tree.runs[leaves + row] = runs;
            tree.pairs[leaves + row] = pair;
        }
        for node in (1..leaves).rev() {
            tree.runs[node] = Runs(tree.runs[2 * node].0 | tree.runs[2 * node + 1].0);
            tree.pairs[node] = tree.pairs[2 * node].max(tree.pairs[2 * node + 1]);
        }
        tree
    }

    pub(super) fn set_runs(&mut self, row: usize, runs: Runs) {
        let mut node = self.leaves + row;
        self.runs[node] = runs;
        while node > 1 {
            node /= 2;
            let both = Runs(self.runs[2 * node].0 | self.runs[2 * node + 1].0);
            if self.runs[node] == both {
                break;
            }
            self.runs[node] = both;
        }
    }

    pub(super) fn set_pair(&mut self, row: usize, pair: u8) {
        let mut node = self.leaves + row;
        self.pairs[node] = pair;
        while node > 1 {
            node /= 2;
            let best = self.pairs[2 * node].max(self.pairs[2 * node + 1]);
            if self.pairs[node] == best {
                break;
            }
            self.pairs[node] = best;
        }
    }

    pub(super) fn runs(&self, row: usize) -> Runs {
        self.runs[self.leaves + row]
    }

    pub(super) fn pair(&self, row: usize) -> u8 {
        self.pairs[self.leaves + row]
    }

    /// The first row of the range with a wanted run.
    pub(super) fn first_with(&self, rows: &Range<usize>, wanted: Runs) -> Option<usize> {
        self.first(rows, 1, 0, self.leaves, &|node| self.runs[node].meets(wanted))
    }

    /// The first row of the range that, with the row behind it, seats `party` in two groups.
    pub(super) fn first_pair(&self, rows: &Range<usize>, party: u32) -> Option<usize> {
        self.first(rows, 1, 0, self.leaves, &|node| u32::from(self.pairs[node]) >= party)
    }

    /// The length of the longest run in the range, capped.
    pub(super) fn longest(&self, rows: &Range<usize>) -> u32 {
        // Halving the lengths that are left: each step is one search for a row.
        let (mut low, mut high) = (0, LONGEST);
        while low < high {
            let middle = (low + high).div_ceil(2);
            if self.first_with(rows, Runs::at_least(middle)).is_some() {
                low = middle;
            } else {
                high = middle - 1;
            }
        }
        low
    }

    /// Whether every inner node says what its children say.
    pub(super) fn is_consistent(&self) -> bool {
        (1..self.leaves).all(|node| {
            self.runs[node].0 == self.runs[2 * node].0 | self.runs[2 * node + 1].0
                && self.pairs[node] == self.pairs[2 * node].max(self.pairs[2 * node + 1])
        })
    }

    fn first(
        &self,
        rows: &Range<usize>,
        node: usize,
        start: usize,
        width: usize,
        wanted: &impl Fn(usize) -> bool,
    ) -> Option<usize> {
        if start >= rows.end || start + width <= rows.start || width == 0 || !wanted(node) {
            return None;
        }
        if width == 1 {
            return Some(start);
        }
        let half = width / 2;
        self.first(rows, 2 * node, start, half, wanted)
            .or_else(|| self.first(rows, 2 * node + 1, start + half, half, wanted))
    }
}
