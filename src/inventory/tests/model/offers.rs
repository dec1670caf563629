//! The naive model's offers to those who wait.

use super::*;

impl Model {
    pub(super) fn next_offer(&self, hint: Option<&Change>) -> Option<Change> {
        if self.class.is_some() {
            return self.next_in_line();
        }
        let mut products: Vec<ProductId> = self.waiting.iter().map(|w| w.product).collect();
        products.sort_unstable();
        products.dedup();
        for product in products {
            let available = self.for_anyone(product);
            let mut line = self.waiting.iter().filter(|waiting| waiting.product == product);
            let Some(first) = line.find(|waiting| waiting.party <= available) else { continue };
            if self.on_sale(product).is_err() {
                continue;
            }
            let Waiting { entry, customer, party, .. } = *first;
            if self.limits(customer, &[(product, party)]).is_err() {
                return Some(Change::WaitlistPassedOver { entry });
            }
            let (seats, fit) = match hint {
                Some(Change::OfferMade { line, .. })
                    if self.product(product).capacity.is_none() =>
                {
                    let choice = (&line.seats[..], line.fit);
                    let kept: Vec<SeatId> = self.kept.keys().copied().collect();
                    check_choice(&self.seats, product, None, &kept, party, choice);
                    (line.seats.clone(), line.fit)
                }
                _ => (Box::default(), Fit::Exact),
            };
            let line = self.line(product, party, seats, fit);
            let expires_at = self.at + self.policy.offer_ttl_ms;
            return Some(Change::OfferMade { entry, customer, line, expires_at });
        }
        None
    }

    pub(in crate::inventory::tests) fn is_kept(&self, seat: SeatId) -> bool {
        self.kept.contains_key(&seat)
    }

    /// Free places that are not kept.
    pub(super) fn for_anyone(&self, product: ProductId) -> u32 {
        let is_of_product = |seat: &&SeatId| self.seats[seat.index()].product == product;
        let free = |seat: &&SeatId| self.status(**seat) == SeatStatus::Available;
        let kept = self.kept.keys().filter(is_of_product).filter(free).count();
        self.counts(product).available - u32::try_from(kept).unwrap()
    }
}
