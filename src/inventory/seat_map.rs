//! Numbered seats as flat arrays: the claim on each seat, and per row the data that best available
//! needs. A seat's id is its index, permanently; removed seats leave a gap. Independent of
//! products' counts, and of holds beyond their slots.

use std::ops::Range;

use super::kept::Kept;
use super::run_tree::{RunTree, Runs};
use super::{Definition, SeatStatus, TimestampMs, Violation};
use crate::ids::{ProductId, SeatId, SectionId};

/// The values of a seat's word other than a slot; slots are smaller than 2^31.
const FREE: u32 = u32::MAX;
const BLOCKED: u32 = u32::MAX - 1;
const REMOVED: u32 = u32::MAX - 2;
/// Chosen for an earlier line of the hold that is being decided; never kept longer than that
/// decision.
const MARKED: u32 = u32::MAX - 3;
/// Free, and kept from best available.
const KEPT: u32 = u32::MAX - 4;
/// The bit that is set in the slot of a claim that is paid.
const SOLD: u32 = 1 << 31;

#[derive(Clone, Debug, Default)]
pub(super) struct SeatMap {
    /// Per seat: one of the values above, or the slot of its claim.
    words: Vec<u32>,
    row_of: Vec<u32>,
    rows: Vec<Row>,
    sections: Vec<Section>,
    /// Rows in order, per product; empty for general admission.
    orders: Vec<RowOrder>,
    kept: Kept,
}

#[derive(Clone, Debug)]
pub(super) struct Row {
    pub(super) name: Box<str>,
    pub(super) first_seat: u32,
    pub(super) seats: u32,
    pub(super) section: SectionId,
    /// The row's position in its product's order.
    position: u32,
}

#[derive(Clone, Debug)]
pub(super) struct Section {
    pub(super) name: Box<str>,
    pub(super) product: ProductId,
    /// Rows, front to back.
    pub(super) rows: Vec<u32>,
    pub(super) free: u32,
    pub(super) version: u64,
}

/// A product's rows, most preferred first: by section, then front to back.
#[derive(Clone, Debug, Default)]
struct RowOrder {
    rows: Vec<u32>,
    tree: RunTree,
}

impl SeatMap {
    /// The map of a new offering, with all seats free.
    pub(super) fn new(definition: &Definition) -> Self {
        let mut map = Self::default();
        for section in &definition.sections {
            let id = map.add_section(&section.name, section.product, section.rows.len());
            for row in &section.rows {
                let first_seat = map.next_seat();
                map.push_row(id, &row.name, first_seat.0, row.seats);
            }
        }
        map.arrange(definition.products.len());
        map
    }

    pub(super) fn add_section(&mut self, name: &str, product: ProductId, rows: usize) -> SectionId {
        let id = u16::try_from(self.sections.len()).expect("definitions have fewer sections");
        let rows = Vec::with_capacity(rows);
        self.sections.push(Section { name: name.into(), product, rows, free: 0, version: 0 });
        SectionId(id)
    }

    /// Appends a row of free seats at `first_seat`; searches find it only after [`Self::arrange`].
    pub(super) fn push_row(&mut self, section: SectionId, name: &str, first_seat: u32, seats: u32) {
        let row = u32::try_from(self.rows.len()).expect("there are no more rows than seats");
        let end = (first_seat + seats) as usize;
        if self.words.len() < end {
            // Reserved exactly: a map hardly ever grows, so spare capacity would stay unused.
            self.words.reserve_exact(end - self.words.len());
            self.row_of.reserve_exact(end - self.row_of.len());
            self.words.resize(end, FREE);
            self.row_of.resize(end, row);
        }
        self.row_of[first_seat as usize..end].fill(row);
        self.rows.push(Row { name: name.into(), first_seat, seats, section, position: 0 });
        self.sections[section.index()].rows.push(row);
    }

    /// Rebuilds all data derived from the words and the rows.
    pub(super) fn arrange(&mut self, products: usize) {
        let mut orders = vec![Vec::new(); products];
        for section in &self.sections {
            for &row in &section.rows {
                let order: &mut Vec<u32> = &mut orders[section.product.index()];
                self.rows[row as usize].position =
                    u32::try_from(order.len()).expect("there are no more rows than seats");
                order.push(row);
            }
        }
        for section in &mut self.sections {
            let free = |row: &u32| -> usize {
                let row = &self.rows[*row as usize];
                self.words[row.range()].iter().filter(|word| **word == FREE).count()
            };
            let free: usize = section.rows.iter().map(free).sum();
            section.free = u32::try_from(free).expect("seats are counted by u32");
        }
        self.orders = orders.into_iter().map(|rows| self.order(rows)).collect();
    }

    /// Appends a row to a section of a map in use; its first seat is [`Self::next_seat`].
    pub(super) fn add_row(&mut self, section: SectionId, name: &str, seats: u32) {
        let products = self.orders.len();
        self.push_row(section, name, self.next_seat().0, seats);
        self.arrange(products);
        self.sections[section.index()].version += 1;
    }

    /// Adds a new product without seats to the data that searches use.
    pub(super) fn add_product(&mut self) {
        let order = self.order(Vec::new());
        self.orders.push(order);
    }

    pub(super) fn row_count(&self) -> usize {
        self.rows.len()
    }

    /// The id of the next new seat.
    pub(super) fn next_seat(&self) -> SeatId {
        SeatId(u32::try_from(self.words.len()).expect("seats are counted by u32"))
    }

    pub(super) fn sections(&self) -> &[Section] {
        &self.sections
    }

    pub(super) fn section_of(&self, id: SectionId) -> Option<&Section> {
        self.sections.get(id.index())
    }

    pub(super) fn row(&self, row: u32) -> &Row {
        &self.rows[row as usize]
    }

    /// The row of a seat that is or was part of the map.
    pub(super) fn row_of_seat(&self, seat: SeatId) -> Option<&Row> {
        self.row_of.get(seat.index()).map(|row| self.row(*row))
    }

    /// The product of a seat; `None` when the seat does not exist or was removed.
    pub(super) fn product_of(&self, seat: SeatId) -> Option<ProductId> {
        if *self.words.get(seat.index())? == REMOVED {
            return None;
        }
        let section = self.row_of_seat(seat)?.section;
        Some(self.sections[section.index()].product)
    }

    pub(super) fn is_free(&self, seat: SeatId) -> bool {
        self.words.get(seat.index()).is_some_and(|word| is_free(*word))
    }

    pub(super) fn status(&self, seat: SeatId) -> SeatStatus {
        match self.words.get(seat.index()).copied().unwrap_or(REMOVED) {
            FREE | MARKED => SeatStatus::Available,
            KEPT => SeatStatus::Kept,
            BLOCKED => SeatStatus::Blocked,
            REMOVED => SeatStatus::Removed,
            word if word & SOLD != 0 => SeatStatus::Sold,
            _ => SeatStatus::Held,
        }
    }

    /// The slot of the claim on the seat.
    pub(super) fn claim_of(&self, seat: SeatId) -> Option<u32> {
        match *self.words.get(seat.index())? {
            FREE | KEPT | MARKED | BLOCKED | REMOVED => None,
            word => Some(word & !SOLD),
        }
    }

    pub(super) fn claim(&mut self, seats: &[SeatId], slot: u32) -> Result<(), Violation> {
        self.change(seats, is_free, slot)
    }

    pub(super) fn sell(&mut self, seats: &[SeatId], slot: u32) -> Result<(), Violation> {
        self.change(seats, |word| word == slot, slot | SOLD)
    }

    /// Frees the seats of a claim, paid or not.
    pub(super) fn release(&mut self, seats: &[SeatId], slot: u32) -> Result<(), Violation> {
        self.change(seats, |word| word == slot || word == slot | SOLD, FREE)
    }

    pub(super) fn block(&mut self, seats: &[SeatId]) -> Result<(), Violation> {
        self.change(seats, is_free, BLOCKED)
    }

    pub(super) fn unblock(&mut self, seats: &[SeatId]) -> Result<(), Violation> {
        self.change(seats, |word| word == BLOCKED, FREE)
    }

    pub(super) fn remove(&mut self, seats: &[SeatId]) -> Result<(), Violation> {
        self.change(seats, |word| is_free(word) || word == BLOCKED, REMOVED)?;
        self.kept.let_go(seats);
        Ok(())
    }

    pub(super) fn kept(&self) -> &Kept {
        &self.kept
    }

    /// Keeps seats, in any state, from best available until a time.
    pub(super) fn keep(&mut self, seats: &[SeatId], until: TimestampMs) -> Result<(), Violation> {
        if seats.is_empty() || seats.iter().any(|seat| self.product_of(*seat).is_none()) {
            return Err(Violation("seats are kept that do not exist".into()));
        }
        self.kept.keep(seats, until);
        self.write_freed(seats);
        Ok(())
    }

    /// Ends the keeping of seats.
    pub(super) fn let_go(&mut self, seats: &[SeatId]) -> Result<(), Violation> {
        if seats.iter().any(|seat| !self.kept.contains(*seat)) {
            return Err(Violation("seats are released that are not kept".into()));
        }
        self.kept.let_go(seats);
        self.write_freed(seats);
        Ok(())
    }

    /// Writes those seats again that are free, as kept or not.
    fn write_freed(&mut self, seats: &[SeatId]) {
        let free: Vec<SeatId> = seats.iter().copied().filter(|seat| self.is_free(*seat)).collect();
        self.write(&free, FREE);
        self.bump(&free);
    }

    /// Makes free seats appear taken until [`Self::unmark`].
    pub(super) fn mark(&mut self, seats: &[SeatId]) {
        self.write(seats, MARKED);
    }

    pub(super) fn unmark(&mut self, seats: &[SeatId]) {
        self.write(seats, FREE);
    }

    /// Sets words while a map is being loaded; [`Self::arrange`] must follow.
    pub(super) fn load(&mut self, seats: &[SeatId], state: Loaded) -> Result<(), Violation> {
        let word = match state {
            Loaded::Blocked => BLOCKED,
            Loaded::Removed => REMOVED,
            Loaded::Held(slot) => slot,
            Loaded::Sold(slot) => slot | SOLD,
        };
        for seat in seats {
            match self.words.get_mut(seat.index()) {
                Some(free) if *free == FREE => *free = word,
                _ => return Err(Violation(format!("{seat:?} has two owners, or does not exist"))),
            }
        }
        Ok(())
    }

    /// Keeps seats while a map is being loaded, after all claims.
    pub(super) fn load_kept(&mut self, all: &[(TimestampMs, SeatId)]) -> Result<(), Violation> {
        for same in all.chunk_by(|a, b| a.0 == b.0) {
            let seats: Vec<SeatId> = same.iter().map(|(_, seat)| *seat).collect();
            for seat in &seats {
                if self.kept.contains(*seat) || self.product_of(*seat).is_none() {
                    return Err(Violation(format!("{seat:?} is kept twice, or does not exist")));
                }
                let word = &mut self.words[seat.index()];
                if *word == FREE {
                    *word = KEPT;
                }
            }
            self.kept.keep(&seats, same[0].0);
        }
        Ok(())
    }

    /// The rows of a product, or of one of its sections, as positions in the product's order.
    pub(super) fn scope(&self, product: ProductId, section: Option<SectionId>) -> Range<usize> {
        let Some(section) = section else {
            return 0..self.orders[product.index()].rows.len();
        };
        let rows = &self.sections[section.index()].rows;
        let Some(first) = rows.first() else { return 0..0 };
        let start = self.rows[*first as usize].position as usize;
        start..start + rows.len()
    }

    pub(super) fn tree(&self, product: ProductId) -> &RunTree {
        &self.orders[product.index()].tree
    }

    pub(super) fn row_at(&self, product: ProductId, position: usize) -> &Row {
        self.row(self.orders[product.index()].rows[position])
    }

    /// The free runs of a row, as (offset in the row, length).
    pub(super) fn free_runs(&self, row: &Row) -> impl Iterator<Item = (u32, u32)> {
        let words = &self.words[row.range()];
        let mut at = 0;
        std::iter::from_fn(move || {
            let start = at + words[at..].iter().position(|word| *word == FREE)?;
            let length = words[start..].iter().take_while(|word| **word == FREE).count();
            at = start + length;
            let narrow = |value| u32::try_from(value).expect("rows are short");
            Some((narrow(start), narrow(length)))
        })
    }

    fn change(
        &mut self,
        seats: &[SeatId],
        fits: impl Fn(u32) -> bool,
        to: u32,
    ) -> Result<(), Violation> {
        for seat in seats {
            let word = self.words.get(seat.index()).copied().unwrap_or(REMOVED);
            if !fits(word) {
                return Err(Violation(format!("{seat:?} is not as it must be: {word:#x}")));
            }
        }
        self.write(seats, to);
        self.bump(seats);
        Ok(())
    }

    /// Gives the sections of these seats a new version.
    fn bump(&mut self, seats: &[SeatId]) {
        let mut last = None;
        for seat in seats {
            let section = self.rows[self.row_of[seat.index()] as usize].section;
            if last != Some(section) {
                self.sections[section.index()].version += 1;
                last = Some(section);
            }
        }
    }

    /// Writes words, and updates the data derived from them once per row. A freed seat that is kept
    /// is not free for best available.
    fn write(&mut self, seats: &[SeatId], to: u32) {
        let row_of = &self.row_of;
        for group in seats.chunk_by(|a, b| row_of[a.index()] == row_of[b.index()]) {
            let row = row_of[group[0].index()] as usize;
            let section = &mut self.sections[self.rows[row].section.index()];
            let mut freedom_changed = false;
            for seat in group {
                let to = if to == FREE && self.kept.contains(*seat) { KEPT } else { to };
                let word = &mut self.words[seat.index()];
                if (*word == FREE) != (to == FREE) {
                    freedom_changed = true;
                    if to == FREE {
                        section.free += 1;
                    } else {
                        section.free -= 1;
                    }
                }
                *word = to;
            }
            if freedom_changed {
                let product = section.product;
                let runs = self.runs(&self.rows[row]);
                let position = self.rows[row].position as usize;
                let before = position.checked_sub(1);
                let order = &mut self.orders[product.index()];
                order.tree.set_runs(position, runs);
                for front in before.into_iter().chain([position]) {
                    let pair = pair(&self.rows, &order.rows, front, |row| order.tree.runs(row));
                    order.tree.set_pair(front, pair);
                }
            }
        }
    }

    fn runs(&self, row: &Row) -> Runs {
        let mut runs = Runs::default();
        for (_, length) in self.free_runs(row) {
            runs.add(length);
        }
        runs
    }

    fn order(&self, rows: Vec<u32>) -> RowOrder {
        let runs: Vec<Runs> = rows.iter().map(|row| self.runs(self.row(*row))).collect();
        let pairs =
            (0..rows.len()).map(|at| (runs[at], pair(&self.rows, &rows, at, |at| runs[at])));
        let tree = RunTree::new(pairs);
        RowOrder { rows, tree }
    }

    /// Checks all derived data.
    pub(super) fn check(&self) -> Result<(), Violation> {
        if self.words.contains(&MARKED) {
            return Err(Violation("a seat is still marked".into()));
        }
        let word = |seat: SeatId| self.words.get(seat.index()).copied().unwrap_or(REMOVED);
        let are_right =
            self.kept.iter().all(|(_, seat)| word(seat) != FREE && word(seat) != REMOVED);
        let kept = self.words.iter().filter(|word| **word == KEPT).count();
        let listed = self.kept.iter().filter(|(_, seat)| word(*seat) == KEPT).count();
        if !are_right || kept != listed || !self.kept.is_consistent() {
            return Err(Violation("the kept seats are not those that are listed".into()));
        }
        let mut fresh = self.clone();
        fresh.arrange(self.orders.len());
        for (kept, made) in self.sections.iter().zip(&fresh.sections) {
            if kept.free != made.free {
                return Err(Violation(format!("section {} miscounts its free seats", kept.name)));
            }
        }
        for (kept, made) in self.orders.iter().zip(&fresh.orders) {
            for at in 0..kept.rows.len() {
                if kept.tree.runs(at) != made.tree.runs(at)
                    || kept.tree.pair(at) != made.tree.pair(at)
                    || kept.rows[at] != made.rows[at]
                {
                    return Err(Violation(format!("row {} has stale runs", kept.rows[at])));
                }
            }
            if !kept.tree.is_consistent() {
                return Err(Violation("a tree of runs has a stale node".into()));
            }
        }
        Ok(())
    }
}

fn is_free(word: u32) -> bool {
    word == FREE || word == KEPT
}

/// The state of a seat that is not free, as read from a snapshot.
#[derive(Clone, Copy, Debug)]
pub(super) enum Loaded {
    Blocked,
    Removed,
    Held(u32),
    Sold(u32),
}

impl Row {
    pub(super) fn range(&self) -> Range<usize> {
        self.first_seat as usize..(self.first_seat + self.seats) as usize
    }
}

/// Number of seats that the row at `front` of an order and the row behind it have in one group
/// each.
fn pair(rows: &[Row], order: &[u32], front: usize, runs: impl Fn(usize) -> Runs) -> u8 {
    let Some(behind) = order.get(front + 1) else { return 0 };
    if rows[*behind as usize].section != rows[order[front] as usize].section {
        return 0;
    }
    let (a, b) = (runs(front).longest(), runs(front + 1).longest());
    // A party cannot be split over two rows if one of them has no free seats.
    if a == 0 || b == 0 { 0 } else { u8::try_from(a + b).expect("runs are capped") }
}
