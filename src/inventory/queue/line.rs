//! The entries of a queue by number, and the order in which they are served: the lane ahead first
//! (who was given priority, who came back), then the line. An entry's number never changes; one
//! that ends stays as a gap.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

use super::draw::{Draw, chained, first_link};
use super::events::Lane;
use crate::ids::{QueueEntryId, UserId};
use crate::inventory::chunks::Queue as Numbered;
use crate::inventory::id_map::{IdMap, Index};
use crate::inventory::status::Violation;

/// One entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(in crate::inventory) struct Entry {
    pub(in crate::inventory) customer: UserId,
    pub(in crate::inventory) id: QueueEntryId,
    pub(in crate::inventory) state: EntryState,
}

/// The state of an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(in crate::inventory) enum EntryState {
    /// In the line, at its place.
    Waiting,
    /// In the lane ahead of the line.
    Returned,
    /// In the lane ahead of the line.
    Priority,
    /// Passed over for its silence, until it polls again.
    Aside,
    /// Has an open session.
    Inside,
    /// Its session ended without a hold.
    Lapsed,
    /// Its session ended after a hold.
    Served,
    Left,
    Voided,
}

impl EntryState {
    /// True if the entry is waiting for its admission.
    pub(in crate::inventory) fn waits(self) -> bool {
        match self {
            Self::Waiting | Self::Returned | Self::Priority => true,
            Self::Aside
            | Self::Inside
            | Self::Lapsed
            | Self::Served
            | Self::Left
            | Self::Voided => false,
        }
    }

    /// The lane of an entry that waits.
    pub(in crate::inventory) fn lane(self) -> Option<Lane> {
        match self {
            Self::Waiting => Some(Lane::Line),
            Self::Returned => Some(Lane::Returned),
            Self::Priority => Some(Lane::Priority),
            Self::Aside
            | Self::Inside
            | Self::Lapsed
            | Self::Served
            | Self::Left
            | Self::Voided => None,
        }
    }
}

/// The list that the draw is made over: how many entries, and the hash of their ids.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(in crate::inventory) struct Closed {
    pub(in crate::inventory) count: u32,
    pub(in crate::inventory) root: [u8; 32],
}

#[derive(Clone, Debug)]
pub(in crate::inventory) struct Line {
    entries: Numbered<Entry>,
    /// The newest entry of each customer.
    newest: Index,
    /// How often customers have entered, those who did more than once.
    again: IdMap<UserId, u8>,
    /// The hash of all entries' ids.
    chain: [u8; 32],
    pub(in crate::inventory) closed: Option<Closed>,
    pub(in crate::inventory) draw: Option<Draw>,
    /// The first place of the line that is not served yet; places before it stay served.
    pub(in crate::inventory) next: u32,
    ahead: VecDeque<u32>,
    waiting: u32,
}

impl Default for Line {
    fn default() -> Self {
        Self {
            entries: Numbered::default(),
            newest: Index::default(),
            again: IdMap::default(),
            chain: first_link(),
            closed: None,
            draw: None,
            next: 0,
            ahead: VecDeque::new(),
            waiting: 0,
        }
    }
}

impl Line {
    /// The number of entries so far; the number of the next one.
    pub(in crate::inventory) fn len(&self) -> u32 {
        u32::try_from(self.entries.len()).unwrap_or(u32::MAX)
    }

    /// Entries that wait for their admission.
    pub(in crate::inventory) fn waiting(&self) -> u32 {
        self.waiting
    }

    pub(in crate::inventory) fn chain(&self) -> [u8; 32] {
        self.chain
    }

    pub(in crate::inventory) fn ahead(&self) -> &VecDeque<u32> {
        &self.ahead
    }

    pub(in crate::inventory) fn entry(&self, number: u32) -> Option<&Entry> {
        self.entries.get(number)
    }

    pub(in crate::inventory) fn iter(&self) -> impl Iterator<Item = &Entry> {
        self.entries.iter()
    }

    pub(in crate::inventory) fn newest_of(&self, customer: UserId) -> Option<(u32, &Entry)> {
        let number = self.newest.find(customer, |number| self.customer(number))?;
        self.entries.get(number).map(|entry| (number, entry))
    }

    /// How often a customer has entered.
    pub(in crate::inventory) fn turns_of(&self, customer: UserId) -> u8 {
        match self.again.get(&customer) {
            Some(turns) => *turns,
            None => u8::from(self.newest_of(customer).is_some()),
        }
    }

    /// Adds an entry at the end; returns its number.
    pub(in crate::inventory) fn push(&mut self, entry: Entry) -> u32 {
        let customer = entry.customer;
        let turns = self.turns_of(customer);
        if turns > 0 {
            self.again.insert(customer, turns.saturating_add(1));
            let entries = &self.entries;
            self.newest.remove(customer, |number| entries.get(number).map(|one| one.customer));
        }
        let number = self.entries.push(entry);
        let entries = &self.entries;
        self.newest.insert(customer, number, |number| entries.get(number).map(|one| one.customer));
        self.chain = chained(self.chain, *entry.id.0.as_bytes());
        self.waiting += u32::from(entry.state.waits());
        if matches!(entry.state, EntryState::Returned | EntryState::Priority) {
            self.ahead.push_back(number);
        }
        number
    }

    /// Orders the lane ahead as a snapshot has it; [`Self::check`] compares it with the entries.
    pub(in crate::inventory) fn order_ahead(&mut self, ahead: Vec<u32>) {
        self.ahead = ahead.into();
    }

    /// Changes the state of an entry, and the lanes with it.
    pub(in crate::inventory) fn set(
        &mut self,
        number: u32,
        state: EntryState,
    ) -> Result<EntryState, Violation> {
        let Some(entry) = self.entries.get_mut(number) else {
            return Err(Violation(format!("the queue has no entry {number}")));
        };
        let before = std::mem::replace(&mut entry.state, state);
        self.waiting = self.waiting + u32::from(state.waits()) - u32::from(before.waits());
        if matches!(before, EntryState::Returned | EntryState::Priority) {
            match self.ahead.front() {
                Some(front) if *front == number => drop(self.ahead.pop_front()),
                _ => self.ahead.retain(|one| *one != number),
            }
        }
        if matches!(state, EntryState::Returned | EntryState::Priority) {
            self.ahead.push_back(number);
        }
        Ok(before)
    }

    /// Fixes the list of the draw.
    pub(in crate::inventory) fn close(&mut self, count: u32, root: [u8; 32]) {
        self.closed = Some(Closed { count, root });
    }

    /// The place of an entry in the line; `None` before the draw.
    pub(in crate::inventory) fn place_of(&self, number: u32) -> Option<u32> {
        self.draw.map(|draw| draw.place_of(number))
    }

    /// The entry at a place of the line, after the draw.
    pub(in crate::inventory) fn number_at(&self, place: u32) -> Option<u32> {
        let draw = self.draw?;
        (place < self.len()).then(|| draw.number_at(place))
    }

    pub(in crate::inventory) fn count(&self, state: EntryState) -> usize {
        self.entries.iter().filter(|entry| entry.state == state).count()
    }

    pub(in crate::inventory) fn check(&self) -> Result<(), Violation> {
        let waiting = self.entries.iter().filter(|entry| entry.state.waits()).count();
        if waiting != self.waiting as usize {
            return Err(Violation("the entries that wait are miscounted".into()));
        }
        let is_ahead =
            |entry: &&Entry| matches!(entry.state, EntryState::Returned | EntryState::Priority);
        let listed = self.ahead.iter().filter_map(|number| self.entry(*number));
        let ahead = self.entries.iter().filter(is_ahead).count();
        let mut distinct: Vec<_> = self.ahead.iter().collect();
        distinct.sort_unstable();
        distinct.dedup();
        if distinct.len() != ahead
            || self.ahead.len() != ahead
            || listed.filter(is_ahead).count() != ahead
        {
            return Err(Violation("the lane ahead has other entries than it should".into()));
        }
        self.check_served()
    }

    /// No entry of the line waits at a served place. Each look costs a few hashes: the smaller of the
    /// two sides is looked through.
    fn check_served(&self) -> Result<(), Violation> {
        let passed_over =
            |place: u32| Err(Violation(format!("place {place} of the line was passed over")));
        if self.next > self.len() {
            return passed_over(self.len());
        }
        if self.next as usize <= self.count(EntryState::Waiting) {
            for place in 0..self.next {
                let entry = self.number_at(place).and_then(|number| self.entry(number));
                if entry.is_none_or(|entry| entry.state == EntryState::Waiting) {
                    return passed_over(place);
                }
            }
            return Ok(());
        }
        for (number, entry) in (0..).zip(self.entries.iter()) {
            if entry.state == EntryState::Waiting {
                match self.place_of(number) {
                    Some(place) if place >= self.next => {}
                    place => return passed_over(place.unwrap_or(0)),
                }
            }
        }
        Ok(())
    }

    fn customer(&self, number: u32) -> Option<UserId> {
        self.entries.get(number).map(|entry| entry.customer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A line of 100 drawn entries of which the first `served` places were admitted.
    fn line(served: u32) -> Line {
        let mut line = Line::default();
        for _ in 0..100 {
            let (customer, id) = (UserId::random(), QueueEntryId::random());
            line.push(Entry { customer, id, state: EntryState::Waiting });
        }
        line.close(100, line.chain());
        line.draw = Some(Draw::new([7; 32], 100));
        for place in 0..served {
            let number = line.number_at(place).unwrap();
            line.set(number, EntryState::Inside).unwrap();
        }
        line.next = served;
        line
    }

    #[test]
    fn an_entry_that_waits_at_a_served_place_is_found_from_both_ends() {
        for served in [1, 10, 50, 90, 100] {
            let mut line = line(served);
            line.check().unwrap();
            let number = line.number_at(served / 2).unwrap();
            line.set(number, EntryState::Waiting).unwrap();
            line.check().unwrap_err();
        }
        let mut line = line(10);
        line.next = 101;
        line.check().unwrap_err();
    }
}
