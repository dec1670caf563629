//! An owner's updates, applied by a follower, give the owner's view.

use proptest::prelude::*;

use super::*;
use crate::box_office::protocol::{decode, encode};
use crate::box_office::views::view::ViewBuilder;
use crate::ids::{Epoch, HoldId, OfferingId, ProductId, SeatId, SectionId, UserId};
use crate::inventory::{
    Change, Command, Definition, Inventory, LineRequest, Policy, ProductDefinition, Request,
    RowDefinition, SectionDefinition, Transition,
};
use crate::journal::Head;

struct Owner {
    offering: OfferingId,
    inventory: Inventory,
    view_builder: ViewBuilder,
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
        let (view_builder, holds) = (ViewBuilder::default(), Vec::new());
        Self { offering, inventory, view_builder, seq: Seq(1), holds, customer }
    }

    fn view(&mut self) -> View {
        let mut hash = [0; 32];
        hash[..8].copy_from_slice(&self.seq.0.to_le_bytes());
        let head = Head { seq: self.seq, epoch: Epoch(1), hash };
        let as_of = i64::try_from(self.seq.0).unwrap();
        self.view_builder.paint(self.offering, &self.inventory, &head, as_of)
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
            // Changes that are not published at once are published together.
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
