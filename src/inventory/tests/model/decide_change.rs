//! The naive model's decision about a change of a hold.

use super::decide_queue::Shown;
use super::*;

impl Model {
    pub(super) fn change_hold(
        &self,
        hold: HoldId,
        customer: UserId,
        places: &[(ProductId, u32)],
        seats: &[SeatId],
    ) -> Answer {
        let claim = self.accepted(hold, customer)?;
        let State::Hold { expires, .. } = claim.state else { unreachable!() };
        self.alive()?;
        if places.is_empty() && seats.is_empty() {
            return Ok(vec![invalid()?]);
        }
        self.known_seats(seats)?;
        let mut after: Vec<ProductId> = Vec::new();
        for &(product, quantity) in places {
            self.kind(product, false)?;
            let many = usize::try_from(quantity.min(1_000)).unwrap();
            after.extend(std::iter::repeat_n(product, many));
            if quantity == 0 || after.len() > self.policy.max_places_per_hold as usize {
                return Ok(vec![invalid()?]);
            }
        }
        after.extend(seats.iter().map(|seat| self.seats[seat.index()].product));
        if after.len() > self.policy.max_places_per_hold as usize {
            return Ok(vec![invalid()?]);
        }
        let mut products = after.clone();
        let mut seen = Vec::new();
        products.retain(|product| {
            let is_new = !seen.contains(product);
            seen.push(*product);
            is_new
        });
        let before = places_one_by_one(&claim.lines);
        let had = |seat: &SeatId| before.iter().any(|place| place.seat == Some(*seat));
        let new: Vec<SeatId> = seats.iter().copied().filter(|seat| !had(seat)).collect();
        // How many places of a product are added: each new seat, or the growth.
        let count = |all: &[ProductId], product| all.iter().filter(|of| **of == product).count();
        let had_of = |product| before.iter().filter(|place| place.product == product).count();
        let added = |product| match self.product(product).capacity {
            Some(_) => count(&after, product).saturating_sub(had_of(product)),
            None => new.iter().filter(|seat| self.seats[seat.index()].product == product).count(),
        };
        if products.iter().any(|product| added(*product) > 0) {
            self.may_hold(customer, Shown::Own)?;
        }
        for product in products.iter().filter(|product| added(**product) > 0) {
            self.on_sale(*product)?;
        }
        let grows = |product| count(&after, product).saturating_sub(had_of(product));
        let in_all = after.len().saturating_sub(before.len());
        let over_all = self.policy.max_per_customer.map(|max| (max, None, in_all));
        let each = products.iter().filter_map(|product| {
            Some((self.product(*product).max_per_customer?, Some(*product), grows(*product)))
        });
        for (max, product, more) in over_all.into_iter().chain(each) {
            let current = self.places_of(customer, product);
            if current as usize + more > max as usize {
                return Err(Rejection::LimitExceeded { max, current }.into());
            }
        }
        let mut gone = new.clone();
        gone.retain(|seat| self.status(*seat) != SeatStatus::Available);
        if !gone.is_empty() {
            return Err(Rejection::SeatsTaken { seats: gone }.into());
        }
        for product in &products {
            let requested = u32::try_from(added(*product)).unwrap();
            let available = self.counts(*product).available;
            if available < requested {
                return Err(Rejection::SoldOut { requested, available }.into());
            }
        }
        let lines = self.lines_after(&before, &products, &after, (seats, &new));
        Ok(vec![Change::HoldChanged { hold, lines, expires_at: expires }])
    }

    /// Lists every place with its price, and counts those of each product and price.
    fn lines_after(
        &self,
        before: &[OnePlace],
        products: &[ProductId],
        after: &[ProductId],
        (seats, new): (&[SeatId], &[SeatId]),
    ) -> Vec<Line> {
        let mut lines: Vec<Line> = Vec::new();
        for product in products {
            let is_standing = self.product(*product).capacity.is_some();
            let mut all: Vec<OnePlace> = before
                .iter()
                .filter(|place| place.product == *product)
                .filter(|place| place.seat.is_none_or(|seat| seats.contains(&seat)))
                .cloned()
                .collect();
            let price = self.product(*product).price;
            let today = |seat| OnePlace { product: *product, price, seat };
            if is_standing {
                let size = after.iter().filter(|of| *of == product).count();
                all.resize(size, today(None));
            } else {
                let of_product = |seat: &&SeatId| self.seats[seat.index()].product == *product;
                all.extend(new.iter().filter(of_product).map(|seat| today(Some(*seat))));
            }
            for OnePlace { product, price, seat } in all {
                let known = lines
                    .iter()
                    .position(|line| line.product == product && line.unit_price == price);
                let at = known.unwrap_or(lines.len());
                if known.is_none() {
                    lines.push(Line {
                        unit_price: price,
                        ..self.line(product, 0, [].into(), Fit::Exact)
                    });
                }
                lines[at].quantity += 1;
                lines[at].seats = lines[at].seats.iter().copied().chain(seat).collect();
            }
        }
        lines
    }
}

#[derive(Clone)]
struct OnePlace {
    product: ProductId,
    price: i64,
    seat: Option<SeatId>,
}

fn places_one_by_one(lines: &[Line]) -> Vec<OnePlace> {
    let mut all = Vec::new();
    for line in lines {
        for nth in 0..line.quantity {
            let seat = line.seats.get(nth as usize).copied();
            all.push(OnePlace { product: line.product, price: line.unit_price, seat });
        }
    }
    all
}
