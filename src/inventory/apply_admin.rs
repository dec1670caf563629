//! Folds changes made by administrators: places on and off sale, prices, windows, products, terms.

use super::apply::{Applied, shift, violation};
use super::{Change, Counts, EventTimes, Inventory, Product, ProductDefinition, SaleState, SeatId};
use crate::ids::ProductId;

impl Inventory {
    pub(super) fn apply_admin(&mut self, change: &Change) -> Applied {
        match change {
            Change::SeatsBlocked { seats } => {
                self.seats.block(seats)?;
                self.shift_seats(seats, |counts| {
                    shift(&mut counts.available, &mut counts.blocked, 1)
                })
            }
            Change::SeatsUnblocked { seats } => {
                self.seats.unblock(seats)?;
                self.shift_seats(seats, |counts| {
                    shift(&mut counts.blocked, &mut counts.available, 1)
                })
            }
            Change::PlacesBlocked { product, quantity } => {
                let counts = &mut self.product_mut(*product)?.counts;
                shift(&mut counts.available, &mut counts.blocked, *quantity)
            }
            Change::PlacesUnblocked { product, quantity } => {
                let counts = &mut self.product_mut(*product)?.counts;
                shift(&mut counts.blocked, &mut counts.available, *quantity)
            }
            Change::Resized { product, total } => self.resize(*product, *total),
            Change::RowAdded { section, name, seats, first_seat } => {
                if *first_seat != self.seats.next_seat() || *seats == 0 {
                    return violation("a new row does not start at the next seat");
                }
                let Some(found) = self.seats.section_of(*section) else {
                    return violation(format!("{section:?} is unknown"));
                };
                let product = found.product;
                self.seats.add_row(*section, name, *seats);
                let counts = &mut self.product_mut(product)?.counts;
                counts.total += seats;
                counts.available += seats;
                Ok(())
            }
            Change::SeatsRemoved { seats } => self.remove_seats(seats),
            Change::SeatsKept { seats, until } => self.seats.keep(seats, *until),
            Change::KeptSeatsReleased { seats } => self.seats.let_go(seats),
            Change::Repriced { product, price } => {
                self.product_mut(*product)?.price = *price;
                Ok(())
            }
            Change::SaleWindowSet { product, window } => {
                match product {
                    Some(product) => self.product_mut(*product)?.sale = *window,
                    None => self.sale = *window,
                }
                Ok(())
            }
            Change::SaleStateSet { state } => {
                if self.sale_state == SaleState::Cancelled {
                    return violation("a cancelled offering stays cancelled");
                }
                self.sale_state = *state;
                if *state == SaleState::Cancelled {
                    self.queue = None;
                }
                Ok(())
            }
            Change::ProductAdded { product, definition, .. } => {
                self.add_product(*product, definition)
            }
            Change::ProductWithdrawn { product } => {
                let at = self.now;
                self.product_mut(*product)?.withdrawn_at = Some(at);
                Ok(())
            }
            Change::ProductRestored { product } => {
                self.product_mut(*product)?.withdrawn_at = None;
                Ok(())
            }
            Change::EventTimesSet { starts_at, ends_at } => {
                let (starts_at, ends_at) = (*starts_at, *ends_at);
                if starts_at >= ends_at {
                    return violation("an event ends before it starts");
                }
                self.times = Some(EventTimes { starts_at, ends_at });
                Ok(())
            }
            Change::CancellationPolicySet { policy } => {
                self.cancellation = *policy;
                Ok(())
            }
            other => violation(format!("not an administrator's change: {other:?}")),
        }
    }

    fn add_product(&mut self, id: ProductId, definition: &ProductDefinition) -> Applied {
        if id.index() != self.products.len() || definition.capacity.is_none() {
            return violation("a new product is not the next, or has no places");
        }
        self.products.push(Product::new(definition));
        self.seats.add_product();
        Ok(())
    }

    fn shift_seats(
        &mut self,
        seats: &[SeatId],
        mut change: impl FnMut(&mut Counts) -> Applied,
    ) -> Applied {
        for seat in seats {
            let Some(product) = self.seats.product_of(*seat) else {
                return violation(format!("{seat:?} is unknown"));
            };
            change(&mut self.product_mut(product)?.counts)?;
        }
        Ok(())
    }

    fn resize(&mut self, product: ProductId, total: u32) -> Applied {
        let product = self.product_mut(product)?;
        let taken = product.counts.total - product.counts.available;
        let Some(available) = total.checked_sub(taken) else {
            return violation("a product would be smaller than what is taken of it");
        };
        if product.numbered {
            return violation("a numbered product has as many places as seats");
        }
        (product.counts.total, product.counts.available) = (total, available);
        Ok(())
    }

    fn remove_seats(&mut self, seats: &[SeatId]) -> Applied {
        for seat in seats {
            let free = self.seats.is_free(*seat);
            let Some(product) = self.seats.product_of(*seat) else {
                return violation(format!("{seat:?} is unknown"));
            };
            let counts = &mut self.product_mut(product)?.counts;
            let from = if free { &mut counts.available } else { &mut counts.blocked };
            let (Some(less), Some(total)) = (from.checked_sub(1), counts.total.checked_sub(1))
            else {
                return violation("a count of places would become negative");
            };
            (*from, counts.total) = (less, total);
        }
        self.seats.remove(seats)
    }
}
