//! Per customer: the number of places (holds, offers and reservations together), the number of
//! remembered idempotency keys, and the start of the list of living claims, which continues in the
//! claims themselves.

use std::collections::hash_map::Entry;

use super::Violation;
use super::claim::NO_SLOT;
use super::id_map::IdMap;
use crate::ids::{ProductId, UserId};

#[derive(Clone, Debug, Default)]
pub(super) struct Customers {
    all: IdMap<UserId, Share>,
    /// Places of products that have a limit of their own, which are few.
    by_product: IdMap<(UserId, ProductId), u32>,
}

/// The counts of one customer; a customer without places and keys has no entry.
#[derive(Clone, Copy, Debug)]
struct Share {
    places: u32,
    keys: u32,
    /// The slot of the newest living claim.
    newest: u32,
}

impl Default for Share {
    fn default() -> Self {
        Self { places: 0, keys: 0, newest: NO_SLOT }
    }
}

impl Share {
    fn is_empty(&self) -> bool {
        self.places == 0 && self.keys == 0
    }
}

impl Customers {
    pub(super) fn places(&self, customer: UserId) -> u32 {
        self.all.get(&customer).map_or(0, |share| share.places)
    }

    pub(super) fn keys(&self, customer: UserId) -> u32 {
        self.all.get(&customer).map_or(0, |share| share.keys)
    }

    pub(super) fn key_remembered(&mut self, customer: UserId) {
        self.all.entry(customer).or_default().keys += 1;
    }

    pub(super) fn key_forgotten(&mut self, customer: UserId) {
        if let Entry::Occupied(mut share) = self.all.entry(customer) {
            share.get_mut().keys -= 1;
            if share.get().is_empty() {
                share.remove();
            }
        }
    }

    pub(super) fn places_of(&self, customer: UserId, product: ProductId) -> u32 {
        self.by_product.get(&(customer, product)).copied().unwrap_or(0)
    }

    /// The slot of the customer's newest living claim, or [`NO_SLOT`].
    pub(super) fn newest(&self, customer: UserId) -> u32 {
        self.all.get(&customer).map_or(NO_SLOT, |share| share.newest)
    }

    /// All customers with places or keys.
    pub(super) fn with_places(&self) -> impl Iterator<Item = UserId> {
        self.all.keys().copied()
    }

    /// Adds the places of a claim, which becomes the newest; returns the slot of the previous
    /// newest.
    pub(super) fn add(
        &mut self,
        customer: UserId,
        places: u32,
        slot: u32,
    ) -> Result<u32, Violation> {
        let share = self.all.entry(customer).or_default();
        share.places = share.places.checked_add(places).ok_or_else(|| too_many(customer))?;
        Ok(std::mem::replace(&mut share.newest, slot))
    }

    /// As [`Self::add`], for a product with a limit of its own.
    pub(super) fn add_of_product(
        &mut self,
        customer: UserId,
        product: ProductId,
        places: u32,
    ) -> Result<(), Violation> {
        let count = self.by_product.entry((customer, product)).or_default();
        *count = count.checked_add(places).ok_or_else(|| too_many(customer))?;
        Ok(())
    }

    /// Subtracts the places of a claim; `newest` is the slot of the customer's newest claim then,
    /// if this claim was the newest.
    pub(super) fn subtract(
        &mut self,
        customer: UserId,
        places: u32,
        newest: Option<u32>,
    ) -> Result<(), Violation> {
        let Entry::Occupied(mut share) = self.all.entry(customer) else {
            return Err(fewer(customer));
        };
        let left = share.get().places.checked_sub(places).ok_or_else(|| fewer(customer))?;
        share.get_mut().places = left;
        if let Some(newest) = newest {
            share.get_mut().newest = newest;
        }
        if share.get().is_empty() {
            share.remove();
        }
        Ok(())
    }

    /// As [`Self::subtract`], for a product with a limit of its own.
    pub(super) fn subtract_of_product(
        &mut self,
        customer: UserId,
        product: ProductId,
        places: u32,
    ) -> Result<(), Violation> {
        let key = (customer, product);
        let left = self.places_of(customer, product).checked_sub(places);
        match left.ok_or_else(|| fewer(customer))? {
            0 => self.by_product.remove(&key),
            left => self.by_product.insert(key, left),
        };
        Ok(())
    }

    /// True if the counts are equal; the starts of the lists depend on history and are not
    /// compared.
    pub(super) fn same_as(&self, other: &Self) -> bool {
        let same = |customer: &UserId, share: &Share| {
            let theirs = other.all.get(customer);
            theirs.is_some_and(|theirs| (theirs.places, theirs.keys) == (share.places, share.keys))
        };
        self.all.len() == other.all.len()
            && self.all.iter().all(|(customer, share)| same(customer, share))
            && self.by_product == other.by_product
    }
}

fn too_many(customer: UserId) -> Violation {
    Violation(format!("{customer} has too many places to count"))
}

fn fewer(customer: UserId) -> Violation {
    Violation(format!("{customer} has fewer places than are taken back"))
}
