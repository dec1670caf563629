//! After every step: compares the core's views with the naive model's.

use super::History;
use crate::ids::{ProductId, SeatId, SectionId, UserId};
use crate::inventory::SeatStatus;
use crate::inventory::tests::model::{State, Waiting};
use crate::inventory::tests::world;

impl History {
    pub(super) fn compare(&self) {
        self.live.check().unwrap();
        assert_eq!(self.live.next_due_at(), self.model.next_due_at());
        for product in self.products() {
            assert_eq!(self.live.counts(product), self.model.counts(product));
        }
        for (entry, how, at) in &self.model.ended_entries {
            let view = self.live.ended_entry(*entry).unwrap();
            assert_eq!((view.how, view.at), (*how, *at));
        }
        let mut seats = 0;
        let sections = u16::try_from(self.live.sections()).unwrap();
        for section in (0..sections).map(SectionId) {
            for row in self.live.section(section).rows {
                for (status, seat) in row.seats.iter().zip(row.first_seat.0..) {
                    seats += 1;
                    let model = match self.model.seats[seat as usize].status {
                        SeatStatus::Available if self.model.is_kept(SeatId(seat)) => {
                            SeatStatus::Kept
                        }
                        other => other,
                    };
                    assert_eq!(*status, model);
                }
            }
        }
        assert_eq!(seats, self.model.seats.len());
        for claim in &self.model.claims {
            if let State::Hold { expires, .. } = claim.state {
                let view = self.live.hold(claim.hold).unwrap();
                assert_eq!(view.expires_at, expires);
                assert_eq!((view.customer, &view.lines), (claim.customer, &claim.lines));
            }
        }
        let mut positions = vec![0; self.live.products()];
        for waiting in &self.model.waiting {
            positions[waiting.product.index()] += 1;
            let view = self.live.waitlist_entry(waiting.entry).unwrap();
            assert_eq!(view.position, positions[waiting.product.index()]);
        }
        for customer in (0..5).map(world::user) {
            self.compare_holdings(customer);
        }
        self.compare_pages();
        self.compare_class();
        self.compare_queue();
    }

    fn compare_holdings(&self, customer: UserId) {
        let found = self.live.holdings(customer, usize::MAX);
        let (mut holds, mut reservations) = (Vec::new(), Vec::new());
        for claim in self.model.claims.iter().filter(|claim| claim.customer == customer) {
            match claim.state {
                State::Hold { placed, .. } => holds.push((placed, claim.hold)),
                State::Pending { id, .. } | State::Confirmed { id, .. } => reservations.push(id),
                State::Expired { .. } | State::Cancelled { .. } => {}
            }
        }
        holds.sort_unstable_by_key(|hold| std::cmp::Reverse(*hold));
        reservations.sort_unstable();
        let ours: Vec<_> = found.holds.iter().map(|hold| (hold.placed_at, hold.id)).collect();
        assert_eq!((ours, found.reservations), (holds, reservations));
        let waits = |waiting: &&Waiting| waiting.customer == customer;
        let mut waiting: Vec<_> =
            self.model.waiting.iter().filter(waits).map(|waiting| waiting.entry).collect();
        let mut ours: Vec<_> = found.entries.iter().map(|entry| entry.id).collect();
        waiting.sort_unstable();
        ours.sort_unstable();
        assert_eq!(ours, waiting);
    }

    /// Compares all holds, in pages of two read in pieces of three slots, and the whole waitlist.
    fn compare_pages(&self) {
        let (mut listed, mut after) = (Vec::new(), None);
        loop {
            let mut page = Vec::new();
            for from in (0..self.live.claim_slots()).step_by(3) {
                page.extend(self.live.holds_among(from..from + 3, after, 2));
            }
            page.sort_unstable_by_key(|hold| (hold.placed_at, hold.id));
            page.truncate(2);
            let Some(last) = page.last() else { break };
            after = Some((last.placed_at, last.id));
            listed.extend(page.into_iter().map(|hold| (hold.placed_at, hold.id)));
        }
        let mut holds: Vec<_> = self
            .model
            .claims
            .iter()
            .filter_map(|claim| match claim.state {
                State::Hold { placed, .. } => Some((placed, claim.hold)),
                _ => None,
            })
            .collect();
        holds.sort_unstable();
        assert_eq!(listed, holds);
        let (mut listed, mut after) = (Vec::new(), None);
        while let Some(entry) = self.live.waiting().page(after, 1).pop() {
            after = Some((entry.arrival, entry.id));
            listed.push(entry.id);
        }
        let waiting: Vec<_> = self.model.waiting.iter().map(|waiting| waiting.entry).collect();
        assert_eq!(listed, waiting);
    }

    pub(super) fn products(&self) -> impl Iterator<Item = ProductId> + use<> {
        (0..u16::try_from(self.live.products()).unwrap()).map(ProductId)
    }
}
