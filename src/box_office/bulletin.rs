//! What owners say of their offerings to those who follow: what has changed, or that nothing has,
//! and since when that is proven. Pure. Read by instances of neighbouring versions: append new
//! variants at the end, never reorder.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::view::{ProductView, View};
use crate::ids::{InstanceId, Seq};
use crate::inventory::{RowView, SaleState, SaleWindow, SectionView, TimestampMs};
use crate::journal::Hash;

/// Which state a view is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Version {
    pub(super) seq: Seq,
    pub(super) hash: Hash,
}

impl Version {
    pub(super) fn of(view: &View) -> Self {
        Self { seq: view.seq, hash: view.hash }
    }
}

/// Who says it, and how good it is. The times are of the owner's monotonic clock: whoever has asked
/// the owner a question knows how far that is from its own, at the most, and so is not misled by a
/// message that was long on its way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Stamp {
    pub(super) owner: InstanceId,
    /// When this was the owner's view.
    pub(super) said_at_ms: u64,
    /// When it was last proven that the offering is the owner's.
    pub(super) proven_at_ms: u64,
}

/// All that is shown of an offering.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Shown {
    pub(super) stamp: Stamp,
    /// The owner's clock after it was asked.
    pub(super) now_ms: u64,
    pub(super) view: View,
}

/// What is said over the feed.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) enum Bulletin {
    /// This is still how it stands.
    Unchanged { stamp: Stamp, version: Version },
    /// This is how it stands now.
    Changed { stamp: Stamp, delta: Box<Delta> },
    /// It is this owner's no more.
    Over { owner: InstanceId },
}

/// What makes one view out of another.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Delta {
    pub(super) before: Version,
    pub(super) after: Version,
    as_of: TimestampMs,
    sale_state: SaleState,
    sale: SaleWindow,
    products: Vec<ProductView>,
    /// With their positions; those that are not named have not changed.
    sections: Vec<(u16, SectionDelta)>,
}

/// What changed in a section.
#[derive(Clone, Debug, Serialize, Deserialize)]
enum SectionDelta {
    /// Its shape.
    Whole(SectionView),
    /// These rows, with their positions.
    Rows(Vec<(u32, RowView)>),
}

impl Delta {
    /// What makes `after` out of `before`, both of one offering. `None` where that cannot be said.
    pub(super) fn between(before: &View, after: &View) -> Option<Self> {
        if before.sections.len() > after.sections.len() || before.currency != after.currency {
            return None;
        }
        let mut sections = Vec::new();
        for (position, new) in after.sections.iter().enumerate() {
            let old = before.sections.get(position);
            if old.is_some_and(|old| Arc::ptr_eq(old, new)) {
                continue;
            }
            let delta = match old {
                Some(old) => section_delta(old, new)?,
                None => SectionDelta::Whole(SectionView::clone(new)),
            };
            sections.push((u16::try_from(position).ok()?, delta));
        }
        Some(Self {
            before: Version::of(before),
            after: Version::of(after),
            as_of: after.as_of,
            sale_state: after.sale_state,
            sale: after.sale,
            products: after.products.clone(),
            sections,
        })
    }

    /// The view after; sections that did not change are shared with the one before. `None` if it
    /// does not fit.
    pub(super) fn apply(self, to: &View) -> Option<View> {
        if self.before != Version::of(to) {
            return None;
        }
        let mut sections = to.sections.clone();
        for (position, delta) in self.sections {
            let position = usize::from(position);
            match delta {
                SectionDelta::Whole(whole) if position == sections.len() => {
                    sections.push(Arc::new(whole));
                }
                SectionDelta::Whole(whole) => *sections.get_mut(position)? = Arc::new(whole),
                SectionDelta::Rows(rows) => {
                    let section = sections.get_mut(position)?;
                    let mut changed = SectionView::clone(section);
                    for (row, new) in rows {
                        *changed.rows.get_mut(usize::try_from(row).ok()?)? = new;
                    }
                    *section = Arc::new(changed);
                }
            }
        }
        Some(View {
            offering: to.offering,
            seq: self.after.seq,
            hash: self.after.hash,
            as_of: self.as_of,
            currency: to.currency,
            sale_state: self.sale_state,
            sale: self.sale,
            products: self.products,
            sections,
        })
    }
}

fn section_delta(old: &SectionView, new: &SectionView) -> Option<SectionDelta> {
    let same_shape =
        old.rows.len() == new.rows.len() && old.name == new.name && old.product == new.product;
    if !same_shape {
        return Some(SectionDelta::Whole(SectionView::clone(new)));
    }
    let mut rows = Vec::new();
    for (position, (old, new)) in old.rows.iter().zip(&new.rows).enumerate() {
        if old != new {
            rows.push((u32::try_from(position).ok()?, new.clone()));
        }
    }
    Some(SectionDelta::Rows(rows))
}

/// `new` with the sections of `old` wherever they are the same: who shows a view knows by that what
/// need not be made anew.
pub(super) fn share_sections(mut new: View, old: &View) -> View {
    for (new, old) in new.sections.iter_mut().zip(&old.sections) {
        if **new == **old {
            *new = Arc::clone(old);
        }
    }
    new
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::box_office::view::Painter;
    use crate::box_office::wire::{decode, encode};
    use crate::ids::{Epoch, HoldId, OfferingId, ProductId, SeatId, SectionId, UserId};
    use crate::inventory::{
        Change, Command, Definition, Inventory, LineRequest, Policy, ProductDefinition, Request,
        RowDefinition, SectionDefinition, Transition,
    };
    use crate::journal::Head;

    struct Owner {
        offering: OfferingId,
        inventory: Inventory,
        painter: Painter,
        seq: Seq,
        holds: Vec<HoldId>,
        customer: UserId,
    }

    impl Owner {
        fn new() -> Self {
            let product = |capacity| ProductDefinition {
                price: 10,
                capacity,
                max_per_customer: None,
                sale: SaleWindow::default(),
            };
            let row = |name: &str| RowDefinition { name: name.into(), seats: 4 };
            let section = |name: &str| SectionDefinition {
                name: name.into(),
                product: ProductId(1),
                rows: vec![row("A"), row("B")],
            };
            let definition = Definition {
                currency: *b"KRW",
                products: vec![product(Some(9)), product(None)],
                sections: vec![section("Stalls"), section("Balcony")],
                policy: Policy::default(),
                sale: SaleWindow::default(),
                sale_state: SaleState::Open,
            };
            let mut inventory = Inventory::empty();
            inventory.begin_batch(Seq(1), 0);
            let changes = vec![Change::Created { definition }];
            inventory.apply(&Transition { idempotency: None, changes }).unwrap();
            let (offering, customer) = (OfferingId::random(), UserId::random());
            let (painter, holds) = (Painter::default(), Vec::new());
            Self { offering, inventory, painter, seq: Seq(1), holds, customer }
        }

        fn view(&mut self) -> View {
            let mut hash = [0; 32];
            hash[..8].copy_from_slice(&self.seq.0.to_le_bytes());
            let head = Head { seq: self.seq, epoch: Epoch(1), hash };
            let as_of = i64::try_from(self.seq.0).unwrap();
            self.painter.paint(self.offering, &self.inventory, &head, as_of)
        }

        /// Decides one command in a row of its own; a refusal makes a row as well.
        fn step(&mut self, kind: u8, number: u8) {
            self.seq = self.seq.next();
            // A day in all, so that holds expire on the way.
            self.inventory.begin_batch(self.seq, i64::try_from(self.seq.0).unwrap() * 40_000);
            while self.inventory.run_due().is_some() {}
            let (customer, seat) = (self.customer, SeatId(u32::from(number) % 20));
            let product = ProductId(u16::from(number) % 2);
            let command = match kind % 11 {
                0..=2 => {
                    let hold = HoldId::random();
                    self.holds.push(hold);
                    let line = if number.is_multiple_of(3) {
                        LineRequest::Quantity { product: ProductId(0), quantity: 2 }
                    } else {
                        LineRequest::Seats(vec![seat])
                    };
                    Command::PlaceHold { hold, customer, lines: vec![line] }
                }
                3 if !self.holds.is_empty() => {
                    let hold = self.holds.swap_remove(usize::from(number) % self.holds.len());
                    Command::ReleaseHold { hold, customer }
                }
                3 | 4 => Command::BlockSeats { seats: vec![seat] },
                5 => Command::UnblockSeats { seats: vec![seat] },
                6 => Command::Resize { product: ProductId(0), total: u32::from(number) },
                7 => Command::AddRow {
                    section: SectionId(u16::from(number) % 2),
                    name: format!("N{number}"),
                    seats: 3,
                },
                8 => Command::RemoveSeats { seats: vec![seat] },
                9 => Command::Reprice { product, price: i64::from(number) },
                _ if number.is_multiple_of(4) => Command::PauseSale,
                _ => Command::OpenSale,
            };
            // A refusal changes nothing.
            let _ = self.inventory.execute(&Request { command, idempotency: None });
        }
    }

    proptest! {
        #[test]
        fn deltas_make_the_view_that_the_owner_has(
            steps in prop::collection::vec(any::<(u8, u8, bool)>(), 1..60),
        ) {
            let mut owner = Owner::new();
            let mut before = owner.view();
            let mut followed = before.clone();
            for (kind, number, is_said) in steps {
                owner.step(kind, number);
                // What is not said at once is said together.
                if !is_said {
                    continue;
                }
                let after = owner.view();
                let delta = Delta::between(&before, &after).unwrap();
                let delta: Delta = decode(&encode(&delta)).unwrap();
                prop_assert!(delta.clone().apply(&after).is_none(), "it fits one view alone");
                let unchanged = |at: usize| Arc::ptr_eq(&before.sections[at], &after.sections[at]);
                let applied = delta.apply(&followed).unwrap();
                prop_assert_eq!(&applied, &after);
                for at in (0..applied.sections.len()).filter(|at| unchanged(*at)) {
                    prop_assert!(Arc::ptr_eq(&applied.sections[at], &followed.sections[at]));
                }
                (before, followed) = (after, applied);
            }
        }
    }

    #[test]
    fn a_seat_costs_its_row_and_a_new_row_its_section() {
        let mut owner = Owner::new();
        let before = owner.view();
        owner.step(0, 1);
        let held = owner.view();
        let delta = Delta::between(&before, &held).unwrap();
        assert!(matches!(&delta.sections[..], [(0, SectionDelta::Rows(rows))] if rows.len() == 1));
        owner.step(7, 1);
        let delta = Delta::between(&held, &owner.view()).unwrap();
        assert!(matches!(&delta.sections[..], [(1, SectionDelta::Whole(_))]));
    }

    #[test]
    fn a_whole_view_shares_what_is_the_same() {
        let mut owner = Owner::new();
        let old = owner.view();
        owner.step(0, 1);
        let asked: View = decode(&encode(&owner.view())).unwrap();
        let shared = share_sections(asked.clone(), &old);
        assert_eq!(shared, asked);
        assert!(!Arc::ptr_eq(&shared.sections[0], &old.sections[0]));
        assert!(Arc::ptr_eq(&shared.sections[1], &old.sections[1]));
    }
}
