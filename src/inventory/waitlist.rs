//! Who waits for which product, in order. An offer goes to the first whose party fits what is
//! free: a small party may pass a larger one that does not fit, or a single free place would keep
//! everybody waiting behind a family of six.

use std::collections::BTreeMap;

use super::id_map::{IdMap, IdSet};
use crate::ids::{HoldId, ProductId, UserId};

#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub(super) struct Entry {
    pub(super) id: HoldId,
    pub(super) customer: UserId,
    pub(super) product: ProductId,
    pub(super) party_size: u32,
}

#[derive(Clone, Debug, Default)]
pub(super) struct Waitlist {
    /// By product, party size and arrival.
    waiting: BTreeMap<ProductId, BTreeMap<u32, BTreeMap<u64, Entry>>>,
    by_id: IdMap<HoldId, (u64, Entry)>,
    customers: IdSet<(UserId, ProductId)>,
    arrivals: u64,
}

impl Waitlist {
    pub(super) fn len(&self) -> usize {
        self.by_id.len()
    }

    pub(super) fn get(&self, id: HoldId) -> Option<Entry> {
        self.by_id.get(&id).map(|(_, entry)| *entry)
    }

    pub(super) fn is_waiting(&self, customer: UserId, product: ProductId) -> bool {
        self.customers.contains(&(customer, product))
    }

    /// What a customer waits with, in the order of ids.
    pub(super) fn entries_of(&self, customer: UserId) -> Vec<HoldId> {
        if !self.products().any(|product| self.is_waiting(customer, product)) {
            return Vec::new();
        }
        let all = self.by_id.values().map(|(_, entry)| entry);
        let mut own: Vec<_> =
            all.filter(|entry| entry.customer == customer).map(|entry| entry.id).collect();
        own.sort_unstable();
        own
    }

    /// `false` when the id or the customer waits already.
    pub(super) fn join(&mut self, entry: Entry) -> bool {
        let key = (entry.customer, entry.product);
        if self.by_id.contains_key(&entry.id) || !self.customers.insert(key) {
            return false;
        }
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

    /// Products somebody waits for.
    pub(super) fn products(&self) -> impl Iterator<Item = ProductId> {
        self.waiting.keys().copied()
    }

    /// The first to come whose party is at most `places`.
    pub(super) fn first_fitting(&self, product: ProductId, places: u32) -> Option<Entry> {
        let sizes = self.waiting.get(&product)?;
        let firsts = sizes.range(..=places).filter_map(|(_, line)| line.first_key_value());
        firsts.min_by_key(|(arrival, _)| **arrival).map(|(_, entry)| *entry)
    }

    /// The place in the line for the entry's product, from 1. Looks at the whole line: for reads.
    pub(super) fn position(&self, id: HoldId) -> Option<u32> {
        let (arrival, entry) = self.by_id.get(&id)?;
        let sizes = self.waiting.get(&entry.product)?;
        let ahead: usize = sizes.values().map(|line| line.range(..arrival).count()).sum();
        u32::try_from(ahead + 1).ok()
    }

    /// Everybody, in order of arrival.
    pub(super) fn in_order(&self) -> Vec<Entry> {
        let mut all: Vec<_> = self.by_id.values().copied().collect();
        all.sort_unstable_by_key(|(arrival, _)| *arrival);
        all.into_iter().map(|(_, entry)| entry).collect()
    }
}
