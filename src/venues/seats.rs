//! A plan's seats as the core's seats, and back. Per section of the plan and product used in it there
//! is one section of the core; per row and product one row of the core, from the first to the last
//! seat of that product. A gap is one place in it that is removed at once, and so are the places of
//! other products: best available never seats a party across an aisle.
//!
//! The order of the core's seats follows from the plan and the products of its zones alone, both of
//! which never change for an event. **This order must never change**: events that exist compute it
//! again when they are read.

use std::collections::{BTreeMap, HashSet};

use crate::ids::{ProductId, SeatId};
use crate::inventory::{RowDefinition, SectionDefinition};
use crate::venues::plan::{Plan, PlanRow, PlanSection};

/// The product of each zone of a plan that has seats.
pub type ZoneProducts = BTreeMap<String, ProductId>;

/// A row of the core, and the part of a plan's row that it holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CoreRow {
    /// The index of the plan's section.
    pub section: u32,
    /// The index of the row in that section.
    pub row: u32,
    /// The product of its seats.
    pub product: ProductId,
    /// The first position of the row that has this product.
    pub from: u32,
    /// The last position of the row that has this product.
    pub to: u32,
    /// The core's first seat.
    pub first_seat: u32,
    /// The number of the core's places: seats, gaps and seats of other products in between.
    pub places: u32,
}

/// The core's seats of a plan at one event.
#[derive(Clone, Debug)]
pub struct PlanSeats {
    plan: Plan,
    products: ZoneProducts,
    /// In the order of the core's seats.
    rows: Vec<CoreRow>,
}

/// Neighbouring positions of a row whose seats have neighbouring ids and one product.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Run {
    /// The first position.
    pub from: u32,
    /// The number of seats.
    pub count: u32,
    /// The core's seat at the first position.
    pub first_seat: SeatId,
    /// The product.
    pub product: ProductId,
}

impl PlanSeats {
    /// Lays out the core's seats. `products` has every zone that has seats; seats of another zone
    /// are left out.
    #[must_use]
    pub fn new(plan: Plan, products: ZoneProducts) -> Self {
        let (mut rows, mut next) = (Vec::new(), 0);
        for (index, section) in (0_u32..).zip(&plan.sections) {
            let spans: Vec<Spans> =
                section.rows.iter().map(|row| spans(section, row, &products)).collect();
            for product in in_order(&spans) {
                for (row_index, row) in (0_u32..).zip(&section.rows) {
                    let spans = &spans[row_index as usize];
                    let span = spans.iter().find(|span| span.product == product);
                    let Some(&Span { from, to, .. }) = span else { continue };
                    let gaps = row.gaps.iter().filter(|gap| (from..to).contains(&gap.after));
                    let gaps = u32::try_from(gaps.count()).expect("rows are short");
                    let places = to - from + 1 + gaps;
                    let (section, row, first_seat) = (index, row_index, next);
                    rows.push(CoreRow { section, row, product, from, to, first_seat, places });
                    next += places;
                }
            }
        }
        Self { plan, products, rows }
    }

    /// Returns the plan.
    #[must_use]
    pub fn plan(&self) -> &Plan {
        &self.plan
    }

    /// Returns the product of each zone.
    #[must_use]
    pub fn products(&self) -> &ZoneProducts {
        &self.products
    }

    /// Returns the core's rows, in the order of their seats.
    #[must_use]
    pub fn rows(&self) -> &[CoreRow] {
        &self.rows
    }

    /// Returns the number of the core's places that the plan has, those without a seat included.
    #[must_use]
    pub fn places(&self) -> u32 {
        self.rows.last().map_or(0, |last| last.first_seat + last.places)
    }

    /// Returns the core's sections.
    #[must_use]
    pub fn definitions(&self) -> Vec<SectionDefinition> {
        let mut sections: Vec<(u32, SectionDefinition)> = Vec::new();
        for of in &self.rows {
            let section = &self.plan.sections[of.section as usize];
            let row = &section.rows[of.row as usize];
            let is_same = |(index, last): &(u32, SectionDefinition)| {
                (*index, last.product) == (of.section, of.product)
            };
            if !sections.last().is_some_and(is_same) {
                let name = section.name.clone();
                let new = SectionDefinition { name, product: of.product, rows: Vec::new() };
                sections.push((of.section, new));
            }
            let (_, last) = sections.last_mut().expect("one was just added");
            last.rows.push(RowDefinition { name: row.name.clone(), seats: of.places });
        }
        sections.into_iter().map(|(_, section)| section).collect()
    }

    /// Returns the core's places that are no seats: gaps, and seats of other products.
    #[must_use]
    pub fn placeholders(&self) -> Vec<SeatId> {
        let mut none = Vec::new();
        for of in &self.rows {
            let mut next = of.first_seat;
            for run in self.runs(of) {
                none.extend((next..run.first_seat.0).map(SeatId));
                next = run.first_seat.0 + run.count;
            }
        }
        none
    }

    /// Returns the seats of a core's row as runs, in the order of the path.
    #[must_use]
    pub fn runs(&self, of: &CoreRow) -> Vec<Run> {
        let (section, row) = self.row(of);
        let zones = zones(section, row);
        let mut runs: Vec<Run> = Vec::new();
        let mut seat = of.first_seat;
        for position in of.from..=of.to {
            if self.products.get(zones[position as usize - 1]) == Some(&of.product) {
                match runs.last_mut() {
                    Some(run) if run.first_seat.0 + run.count == seat => run.count += 1,
                    _ => runs.push(Run {
                        from: position,
                        count: 1,
                        first_seat: SeatId(seat),
                        product: of.product,
                    }),
                }
            }
            seat += 1 + u32::from(row.gaps.iter().any(|gap| gap.after == position));
        }
        runs
    }

    /// Returns the section and row of a core's row.
    #[must_use]
    pub fn row(&self, of: &CoreRow) -> (&PlanSection, &PlanRow) {
        let section = &self.plan.sections[of.section as usize];
        (section, &section.rows[of.row as usize])
    }

    /// Returns the row of a seat and its position in it; `None` for placeholders, and for seats that
    /// were added after the event was created.
    #[must_use]
    pub fn position(&self, seat: SeatId) -> Option<(&CoreRow, u32)> {
        let after = self.rows.partition_point(|row| row.first_seat <= seat.0);
        let of = &self.rows[after.checked_sub(1)?];
        let (section, row) = self.row(of);
        let mut at = of.first_seat;
        for position in of.from..=of.to {
            if at >= seat.0 {
                let is_seat = at == seat.0
                    && self.products.get(row.zone(section, position)) == Some(&of.product);
                return is_seat.then_some((of, position));
            }
            at += 1 + u32::from(row.gaps.iter().any(|gap| gap.after == position));
        }
        None
    }

    /// Returns the label of a seat, as it is printed on a ticket.
    #[must_use]
    pub fn label(&self, seat: SeatId) -> Option<String> {
        let (of, position) = self.position(seat)?;
        Some(self.row(of).1.label(position))
    }

    /// Returns the seats for which a position list of their row, chosen by `which`, names them.
    #[must_use]
    pub fn marked(&self, which: impl Fn(&PlanRow) -> &[u32]) -> Vec<SeatId> {
        let mut seats = Vec::new();
        for of in &self.rows {
            let positions = which(self.row(of).1);
            if positions.is_empty() {
                continue;
            }
            for run in self.runs(of) {
                let here = (run.from..run.from + run.count).filter(|at| positions.contains(at));
                seats.extend(here.map(|at| SeatId(run.first_seat.0 + at - run.from)));
            }
        }
        seats
    }
}

/// The first and the last position of a product in a row.
struct Span {
    product: ProductId,
    from: u32,
    to: u32,
}

type Spans = Vec<Span>;

/// Returns the products of a row, in the order of their first seats.
fn spans(section: &PlanSection, row: &PlanRow, products: &ZoneProducts) -> Spans {
    let mut spans: Spans = Vec::new();
    for (position, zone) in (1..).zip(zones(section, row)) {
        let Some(&product) = products.get(zone) else { continue };
        match spans.iter_mut().find(|span| span.product == product) {
            Some(span) => span.to = position,
            None => spans.push(Span { product, from: position, to: position }),
        }
    }
    spans
}

/// Returns the products of a section in the order in which its rows first have them.
fn in_order(spans: &[Spans]) -> Vec<ProductId> {
    let mut seen = HashSet::new();
    let all = spans.iter().flatten().map(|span| span.product);
    all.filter(|product| seen.insert(*product)).collect()
}

/// Returns the zone of each position of a row.
fn zones<'a>(section: &'a PlanSection, row: &'a PlanRow) -> Vec<&'a str> {
    let mut zones = vec![section.zone.as_str(); row.seats as usize];
    for range in &row.zones {
        zones[range.from as usize - 1..range.to as usize].fill(&range.zone);
    }
    zones
}

/// Returns the zones of a plan that have seats, in the order of the plan's list.
#[must_use]
pub fn zones_in_use(plan: &Plan) -> Vec<&str> {
    let mut used = HashSet::new();
    for section in &plan.sections {
        section.rows.iter().for_each(|row| used.extend(zones(section, row)));
    }
    plan.zones.iter().map(|zone| zone.name.as_str()).filter(|zone| used.contains(zone)).collect()
}
