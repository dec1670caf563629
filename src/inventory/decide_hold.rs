//! Decides a hold: several lines, all or nothing.

use super::best_available::choose;
use super::claim::Kind;
use super::decide::Decided;
use super::status::Refusal;
use super::{
    Change, Fit, HoldId, Inventory, Line, LineRequest, Policy, Rejection, ReservationId, UserId,
};
use crate::ids::{ProductId, SeatId, SectionId};

/// Claims of a departing customer ended per page: a row of the journal has a bounded size.
const CLAIMS_ENDED_AT_ONCE: usize = 1_000;

impl Inventory {
    pub(super) fn decide_end_claims(&self, customer: UserId) -> Decided {
        let waiting = self.waitlist.entries_of(customer);
        let claims = self.claims.living_from(self.customers.newest(customer));
        let holds = claims.filter_map(|(_, claim)| match &claim.kind {
            Kind::Hold(hold) => Some(hold.id),
            Kind::Reservation(_) => None,
        });
        let mut holds: Vec<HoldId> = holds.collect();
        holds.sort_unstable();
        let enrolled = self.undecided_of(customer);
        let left = waiting.into_iter().map(|entry| Change::WaitlistLeft { entry });
        let released = holds.into_iter().map(|hold| Change::HoldReleased { hold });
        let queued = self.leaving_queue(customer);
        let ends = left.chain(released).chain(enrolled).chain(queued);
        let changes: Vec<_> = ends.take(CLAIMS_ENDED_AT_ONCE).collect();
        if changes.is_empty() {
            return Err(Rejection::HoldNotFound.into());
        }
        Ok(changes)
    }

    pub(super) fn decide_hold(
        &mut self,
        hold: HoldId,
        customer: UserId,
        wishes: &[LineRequest],
    ) -> Result<Change, Refusal> {
        self.not_cancelled()?;
        self.unused_hold(hold)?;
        let wanted = self.check_wishes(wishes, self.policy.max_places_per_hold)?;
        for (product, _) in &wanted {
            self.on_sale(*product)?;
        }
        self.within_limits(customer, &wanted)?;
        // The list of taken seats is more useful to the client than the number of free ones.
        self.taken_seats(wishes)?;
        for &(product, quantity) in &wanted {
            let available = self.available_past_waitlist(product);
            if available < quantity {
                return Err(Rejection::SoldOut { requested: quantity, available }.into());
            }
        }
        let lines = self.choose_places(wishes)?;
        check_total(&lines)?;
        let expires_at = self.now.saturating_add(self.policy.hold_ttl_ms);
        Ok(Change::HoldPlaced { hold, customer, lines, expires_at })
    }

    pub(super) fn decide_reserve(
        &mut self,
        hold: HoldId,
        reservation: ReservationId,
        customer: UserId,
        wishes: &[LineRequest],
    ) -> Decided {
        self.unused_reservation(reservation)?;
        let placed = self.decide_hold(hold, customer, wishes)?;
        let Change::HoldPlaced { lines, expires_at, .. } = &placed else {
            unreachable!("a hold is decided as a hold placed");
        };
        let (lines, pay_by) = (lines.clone(), self.pay_by(*expires_at));
        let checked_out = Change::CheckedOut { hold, reservation, customer, lines, pay_by };
        Ok(vec![placed, checked_out])
    }

    pub(super) fn unused_hold(&self, hold: HoldId) -> Result<(), Rejection> {
        if self.knows_hold(hold) || self.waitlist.get(hold).is_some() {
            return Err(Rejection::Invalid { reason: "this hold id is in use".into() });
        }
        Ok(())
    }

    /// The number of places requested per product, `most` in all. Checks products, kinds and
    /// quantities, but not the sale.
    pub(super) fn check_wishes(
        &self,
        wishes: &[LineRequest],
        most: u32,
    ) -> Result<Vec<(ProductId, u32)>, Rejection> {
        let mut wanted: Vec<(ProductId, u32)> = Vec::with_capacity(wishes.len());
        let mut total = 0_u64;
        let limit = most.min(Policy::MAX_PLACES_PER_HOLD);
        if wishes.is_empty() {
            return Err(Rejection::Invalid {
                reason: "a hold needs at least one place: name lines, seats or bestAvailable"
                    .into(),
            });
        }
        self.check_seats(wishes)?;
        let mut add = |product: ProductId, quantity: u32| -> Result<(), Rejection> {
            if quantity == 0 {
                return Err(Rejection::Invalid { reason: "quantity must be at least 1".into() });
            }
            total += u64::from(quantity);
            if total > u64::from(limit) {
                let reason = format!("one hold may have at most {limit} places in all");
                return Err(Rejection::Invalid { reason: reason.into() });
            }
            match wanted.iter_mut().find(|(seen, _)| *seen == product) {
                Some((_, sum)) => *sum += quantity,
                None => wanted.push((product, quantity)),
            }
            Ok(())
        };
        for wish in wishes {
            match wish {
                LineRequest::Quantity { product, quantity } => {
                    self.expect_kind(*product, false)?;
                    add(*product, *quantity)?;
                }
                LineRequest::BestAvailable { product, quantity, section } => {
                    self.expect_kind(*product, true)?;
                    self.expect_section(*product, *section)?;
                    add(*product, *quantity)?;
                }
                LineRequest::Seats(seats) => {
                    if seats.is_empty() {
                        return Err(Rejection::Invalid {
                            reason: "seats must not be empty".into(),
                        });
                    }
                    for seat in seats {
                        let product = self
                            .seats
                            .product_of(*seat)
                            .ok_or_else(|| Rejection::UnknownSeats { seats: vec![*seat] })?;
                        add(product, 1)?;
                    }
                }
            }
        }
        Ok(wanted)
    }

    fn expect_kind(&self, product: ProductId, numbered: bool) -> Result<(), Rejection> {
        let of = self.products.get(product.index()).ok_or(Rejection::UnknownProduct)?;
        if of.numbered == numbered {
            return Ok(());
        }
        Err(Rejection::WrongKindOfProduct { numbered: of.numbered })
    }

    fn expect_section(
        &self,
        product: ProductId,
        section: Option<SectionId>,
    ) -> Result<(), Rejection> {
        let Some(section) = section else { return Ok(()) };
        let found = self.seats.section_of(section).filter(|found| found.product == product);
        found.map(|_| ()).ok_or(Rejection::UnknownSection)
    }

    /// Checks that all seats picked by id exist, and that none is picked twice.
    fn check_seats(&self, wishes: &[LineRequest]) -> Result<(), Rejection> {
        let mut picked = picked(wishes);
        if picked.is_empty() {
            return Ok(());
        }
        let unknown = picked.iter().filter(|seat| self.seats.product_of(**seat).is_none());
        let unknown: Vec<SeatId> = unknown.copied().collect();
        if !unknown.is_empty() {
            return Err(Rejection::UnknownSeats { seats: unknown });
        }
        picked.sort_unstable();
        let twice: Vec<SeatId> =
            picked.windows(2).filter(|pair| pair[0] == pair[1]).map(|pair| pair[0]).collect();
        if !twice.is_empty() {
            return Err(Rejection::DuplicateSeats { seats: twice });
        }
        Ok(())
    }

    fn taken_seats(&self, wishes: &[LineRequest]) -> Result<(), Rejection> {
        let mut taken = picked(wishes);
        taken.retain(|seat| !self.seats.is_free(*seat));
        if taken.is_empty() { Ok(()) } else { Err(Rejection::SeatsTaken { seats: taken }) }
    }

    /// Checks the limits of one customer over holds, offers and reservations together.
    pub(super) fn within_limits(
        &self,
        customer: UserId,
        wanted: &[(ProductId, u32)],
    ) -> Result<(), Rejection> {
        self.limits_allow(customer, wanted.iter().map(|(_, quantity)| *quantity).sum(), wanted)
    }

    /// As [`Self::within_limits`], where the customer has `more` places in all afterwards.
    pub(super) fn limits_allow(
        &self,
        customer: UserId,
        more: u32,
        wanted: &[(ProductId, u32)],
    ) -> Result<(), Rejection> {
        if let Some(max) = self.policy.max_per_customer {
            let current = self.customers.places(customer);
            if current.saturating_add(more) > max {
                return Err(Rejection::LimitExceeded { max, current });
            }
        }
        for &(product, quantity) in wanted {
            if let Some(max) = self.products[product.index()].max_per_customer {
                let current = self.customers.places_of(customer, product);
                if current.saturating_add(quantity) > max {
                    return Err(Rejection::LimitExceeded { max, current });
                }
            }
        }
        Ok(())
    }

    /// Chooses the seats picked by id first, regardless of the order of the lines: best available
    /// must not take them.
    pub(super) fn choose_places(&mut self, wishes: &[LineRequest]) -> Result<Vec<Line>, Rejection> {
        let mut picked = picked(wishes);
        let several = wishes.len() > 1;
        if several {
            // Blocked seats, which a complimentary order may pick, are not chosen anyhow.
            picked.retain(|seat| self.seats.is_free(*seat));
            self.seats.mark(&picked);
        }
        let mut marked = picked;
        let mut lines = Vec::with_capacity(wishes.len());
        let mut sold_out = None;
        for wish in wishes {
            match wish {
                LineRequest::Quantity { product, quantity } => {
                    lines.push(self.line(*product, *quantity, Box::default(), Fit::Exact));
                }
                LineRequest::Seats(seats) => self.push_picked(&mut lines, seats),
                LineRequest::BestAvailable { product, quantity, section } => {
                    let free = self.free_in(*product, *section);
                    if free < *quantity {
                        let (requested, available) = (*quantity, free);
                        sold_out = Some(Rejection::SoldOut { requested, available });
                        break;
                    }
                    let (seats, fit) = choose(&mut self.seats, *product, *section, *quantity);
                    if several {
                        self.seats.mark(&seats);
                        marked.extend_from_slice(&seats);
                    }
                    lines.push(self.line(*product, *quantity, seats, fit));
                }
            }
        }
        if several {
            self.seats.unmark(&marked);
        }
        sold_out.map_or(Ok(lines), Err)
    }

    /// Number of free seats of a product, or of one of its sections, without marked ones.
    pub(super) fn free_in(&self, product: ProductId, section: Option<SectionId>) -> u32 {
        match section {
            Some(section) => self.seats.section_of(section).map_or(0, |section| section.free),
            None => {
                let of_product = |section: &&super::seat_map::Section| section.product == product;
                self.seats.sections().iter().filter(of_product).map(|section| section.free).sum()
            }
        }
    }

    /// Adds one line per product, since a line has one price.
    fn push_picked(&self, lines: &mut Vec<Line>, seats: &[SeatId]) {
        let mut by_product: Vec<(ProductId, Vec<SeatId>)> = Vec::with_capacity(1);
        for seat in seats {
            let product = self.seats.product_of(*seat).expect("the seats were checked to exist");
            match by_product.iter_mut().find(|(seen, _)| *seen == product) {
                Some((_, seats)) => seats.push(*seat),
                None => by_product.push((product, vec![*seat])),
            }
        }
        for (product, seats) in by_product {
            let quantity = u32::try_from(seats.len()).expect("a hold has at most 64 places");
            lines.push(self.line(product, quantity, seats.into(), Fit::Exact));
        }
    }

    pub(super) fn line(
        &self,
        product: ProductId,
        quantity: u32,
        seats: Box<[SeatId]>,
        fit: Fit,
    ) -> Line {
        let unit_price = self.products[product.index()].price;
        Line { product, quantity, unit_price, seats, fit }
    }
}

/// The seats picked by id.
pub(super) fn picked(wishes: &[LineRequest]) -> Vec<SeatId> {
    let mut picked = Vec::new();
    for wish in wishes {
        if let LineRequest::Seats(seats) = wish {
            picked.extend_from_slice(seats);
        }
    }
    picked
}

pub(super) fn check_total(lines: &[Line]) -> Result<(), Rejection> {
    let total = lines.iter().try_fold(0_i64, |sum, line| {
        sum.checked_add(line.unit_price.checked_mul(i64::from(line.quantity))?)
    });
    match total {
        Some(_) => Ok(()),
        None => Err(Rejection::Invalid { reason: "the total price is too large".into() }),
    }
}
