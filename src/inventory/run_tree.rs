//! Answers best available's questions about a product's rows without reading the rows: which
//! lengths of free runs a row has, and how many seats it and the next row can seat in two groups. A
//! binary tree over the rows in order of preference, so that "no row has six together" costs one
//! read.

use std::ops::Range;

/// Longer runs are counted as this long: a party is at most 64, and the only thing that matters
/// about the rest of a run is whether two or more seats remain.
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

    /// The set of run lengths that can seat `party` together without leaving one seat alone.
    pub(super) fn without_orphan(party: u32) -> Self {
        Self(1 << party | Self::at_least(party + 2).0)
    }

    /// The run length that can seat `party` together only by leaving one seat alone.
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

/// The tree that the module's documentation describes.
#[derive(Clone, Debug, Default)]
pub(super) struct RunTree {
    /// The index of the first leaf; the parent of node `i` is `i / 2`.
    leaves: usize,
    runs: Vec<Runs>,
    /// Per node, the most seats that a row and the row behind it have in one group each.
    pairs: Vec<u8>,
}

impl RunTree {
    /// Builds a tree over rows given as (runs, pair), the most preferred row first.
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

    /// The first row of the range that has one of the wanted runs.
    pub(super) fn first_with(&self, rows: &Range<usize>, wanted: Runs) -> Option<usize> {
        self.first(rows, 1, 0, self.leaves, &|node| self.runs[node].meets(wanted))
    }

    /// The first row of the range that, with the row behind it, seats `party` in two groups.
    pub(super) fn first_pair(&self, rows: &Range<usize>, party: u32) -> Option<usize> {
        self.first(rows, 1, 0, self.leaves, &|node| u32::from(self.pairs[node]) >= party)
    }

    /// The length of the longest run in the range, capped.
    pub(super) fn longest(&self, rows: &Range<usize>) -> u32 {
        // Binary search over the lengths: each step is one search for a row.
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

    /// True if every inner node matches its children.
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
