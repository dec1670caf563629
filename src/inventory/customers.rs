//! What each customer has a share of: places (holds, offers and reservations together) and
//! remembered idempotency keys.

use std::collections::hash_map::Entry;

use super::Violation;
use super::id_map::IdMap;
use crate::ids::{ProductId, UserId};

#[derive(Clone, Debug, Default)]
pub(super) struct Customers {
    all: IdMap<UserId, Share>,
    /// Of products with a limit of their own, which are few.
    by_product: IdMap<(UserId, ProductId), u32>,
}

/// Of one customer; there is none without places and keys.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Share {
    places: u32,
    keys: u32,
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
            if *share.get() == Share::default() {
                share.remove();
            }
        }
    }

    pub(super) fn places_of(&self, customer: UserId, product: ProductId) -> u32 {
        self.by_product.get(&(customer, product)).copied().unwrap_or(0)
    }

    pub(super) fn add(
        &mut self,
        customer: UserId,
        product: ProductId,
        limited: bool,
        places: u32,
    ) -> Result<(), Violation> {
        let grow = |count: &mut u32| match count.checked_add(places) {
            Some(sum) => {
                *count = sum;
                Ok(())
            }
            None => Err(Violation(format!("{customer} has too many places to count"))),
        };
        grow(&mut self.all.entry(customer).or_default().places)?;
        if limited {
            grow(self.by_product.entry((customer, product)).or_default())?;
        }
        Ok(())
    }

    pub(super) fn subtract(
        &mut self,
        customer: UserId,
        product: ProductId,
        limited: bool,
        places: u32,
    ) -> Result<(), Violation> {
        let fewer = || Violation(format!("{customer} has fewer places than are taken back"));
        let Entry::Occupied(mut share) = self.all.entry(customer) else { return Err(fewer()) };
        share.get_mut().places = share.get().places.checked_sub(places).ok_or_else(fewer)?;
        if *share.get() == Share::default() {
            share.remove();
        }
        if limited {
            let key = (customer, product);
            let left = self.places_of(customer, product).checked_sub(places).ok_or_else(fewer)?;
            if left == 0 {
                self.by_product.remove(&key);
            } else {
                self.by_product.insert(key, left);
            }
        }
        Ok(())
    }

    pub(super) fn same_as(&self, other: &Self) -> bool {
        self.all == other.all && self.by_product == other.by_product
    }
}
