//! How many places each customer has: holds, offers and reservations together. Nobody else.

use super::Violation;
use super::id_map::IdMap;
use crate::ids::{ProductId, UserId};

#[derive(Clone, Debug, Default)]
pub(super) struct Customers {
    all: IdMap<UserId, u32>,
    /// Of products with a limit of their own, which are few.
    by_product: IdMap<(UserId, ProductId), u32>,
}

impl Customers {
    pub(super) fn places(&self, customer: UserId) -> u32 {
        self.all.get(&customer).copied().unwrap_or(0)
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
        grow(self.all.entry(customer).or_default())?;
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
        let left = self.places(customer).checked_sub(places).ok_or_else(fewer)?;
        if left == 0 {
            self.all.remove(&customer);
        } else {
            self.all.insert(customer, left);
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
