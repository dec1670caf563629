//! The customers who wait for each product, in order. An offer goes to the first entry whose party
//! fits the free places: a small party may pass a larger one that does not fit. Otherwise a single
//! free place would keep all entries waiting behind a party of six.

use std::collections::{BTreeMap, VecDeque};

use super::TimestampMs;
use super::id_map::IdMap;
use crate::ids::{HoldId, ProductId, UserId};

#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub(super) struct Entry {
    pub(super) id: HoldId,
    pub(super) customer: UserId,
    pub(super) product: ProductId,
    pub(super) party_size: u32,
}

/// How many ended entries are remembered, so that their customers can still read them; the first to
/// end is forgotten first.
const MAX_ENDED: usize = 100_000;

/// An entry that has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub(super) struct EndedEntry {
    pub(super) entry: Entry,
    pub(super) how: EntryEnding,
    pub(super) at: TimestampMs,
}

/// How an entry of the waitlist ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub enum EntryEnding {
    /// The customer stopped waiting.
    Left,
    /// The customer has bought as much elsewhere as one customer may have.
    PassedOver,
    /// The event does not take place.
    EventCancelled,
    /// The customer declined the offer.
    Declined,
    /// The customer accepted the offer.
    Accepted,
    /// The offer was not accepted in time.
    Expired,
}

#[derive(Clone, Debug, Default)]
pub(super) struct Waitlist {
    /// Waiting entries by product, party size and arrival.
    waiting: BTreeMap<ProductId, BTreeMap<u32, BTreeMap<u64, Entry>>>,
    by_id: IdMap<HoldId, (u64, Entry)>,
    customers: IdMap<(UserId, ProductId), HoldId>,
    arrivals: u64,
    ended: IdMap<HoldId, EndedEntry>,
    /// Ended entries, in the order in which they ended.
    ended_order: VecDeque<HoldId>,
}

impl Waitlist {
    pub(super) fn len(&self) -> usize {
        self.by_id.len()
    }

    pub(super) fn get(&self, id: HoldId) -> Option<Entry> {
        self.by_id.get(&id).map(|(_, entry)| *entry)
    }

    pub(super) fn is_waiting(&self, customer: UserId, product: ProductId) -> bool {
        self.customers.contains_key(&(customer, product))
    }

    pub(super) fn of_customer(&self, customer: UserId, product: ProductId) -> Option<HoldId> {
        self.customers.get(&(customer, product)).copied()
    }

    /// The entries of a customer, in the order of their ids.
    pub(super) fn entries_of(&self, customer: UserId) -> Vec<HoldId> {
        let own = self.products().filter_map(|product| self.of_customer(customer, product));
        let mut own: Vec<_> = own.collect();
        own.sort_unstable();
        own
    }

    /// Adds an entry; returns `false` when the id, or the customer for this product, waits already.
    pub(super) fn join(&mut self, entry: Entry) -> bool {
        let key = (entry.customer, entry.product);
        if self.by_id.contains_key(&entry.id) || self.customers.contains_key(&key) {
            return false;
        }
        self.customers.insert(key, entry.id);
        self.arrivals += 1;
        let arrival = self.arrivals;
        self.by_id.insert(entry.id, (arrival, entry));
        let sizes = self.waiting.entry(entry.product).or_default();
        sizes.entry(entry.party_size).or_default().insert(arrival, entry);
        true
    }

    pub(super) fn leave(&mut self, id: HoldId) -> Option<Entry> {
        let (arrival, entry) = self.by_id.remove(&id)?;
        self.customers.remove(&(entry.customer, entry.product));
        let sizes = self.waiting.get_mut(&entry.product)?;
        let line = sizes.get_mut(&entry.party_size)?;
        line.remove(&arrival);
        if line.is_empty() {
            sizes.remove(&entry.party_size);
        }
        if sizes.is_empty() {
            self.waiting.remove(&entry.product);
        }
        Some(entry)
    }

    /// Remembers how an entry ended.
    pub(super) fn ended(&mut self, ended: EndedEntry) {
        let id = ended.entry.id;
        if self.ended.insert(id, ended).is_none() {
            self.ended_order.push_back(id);
        }
        while self.ended_order.len() > MAX_ENDED
            && let Some(oldest) = self.ended_order.pop_front()
        {
            self.ended.remove(&oldest);
        }
    }

    pub(super) fn ending(&self, id: HoldId) -> Option<&EndedEntry> {
        self.ended.get(&id)
    }

    /// All remembered ended entries, in the order in which they ended.
    pub(super) fn endings(&self) -> impl ExactSizeIterator<Item = EndedEntry> {
        self.ended_order.iter().map(|id| self.ended[id])
    }

    /// Products with at least one waiting entry.
    pub(super) fn products(&self) -> impl Iterator<Item = ProductId> {
        self.waiting.keys().copied()
    }

    /// The earliest entry whose party is at most `places`.
    pub(super) fn first_fitting(&self, product: ProductId, places: u32) -> Option<Entry> {
        let sizes = self.waiting.get(&product)?;
        let firsts = sizes.range(..=places).filter_map(|(_, line)| line.first_key_value());
        firsts.min_by_key(|(arrival, _)| **arrival).map(|(_, entry)| *entry)
    }

    /// The arrival number and party size of an entry.
    pub(super) fn arrival(&self, id: HoldId) -> Option<(u64, u32)> {
        self.by_id.get(&id).map(|(arrival, entry)| (*arrival, entry.party_size))
    }

    /// The entry's position in the waitlist of its product, from 1. Scans that whole waitlist: for
    /// reads.
    pub(super) fn position(&self, id: HoldId) -> Option<u32> {
        let (arrival, entry) = self.by_id.get(&id)?;
        let sizes = self.waiting.get(&entry.product)?;
        let ahead: usize = sizes.values().map(|line| line.range(..arrival).count()).sum();
        u32::try_from(ahead + 1).ok()
    }

    /// All entries with their arrival numbers, in no order.
    pub(super) fn unordered(&self) -> Vec<(u64, Entry)> {
        self.by_id.values().copied().collect()
    }

    /// All entries, in order of arrival.
    pub(super) fn in_order(&self) -> Vec<Entry> {
        let mut all = self.unordered();
        all.sort_unstable_by_key(|(arrival, _)| *arrival);
        all.into_iter().map(|(_, entry)| entry).collect()
    }
}
