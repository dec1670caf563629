//! A model of an offering that is so naive that it has no room for the core's mistakes.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::class_model::ClassModel;
use super::queue_model::QueueModel;
use crate::ids::{EnrollmentId, HoldId, ProductId, ReservationId, SeatId, UserId};
use crate::inventory::{
    Change, EnrollmentStatus, Fit, Line, Minor, SaleState, TimestampMs, Transition,
};

/// An offering, kept in the simplest possible books.
#[derive(Default)]
pub(super) struct Model {
    seats: HashMap<SeatId, HoldId>,
    capacity: HashMap<ProductId, u32>,
    taken: HashMap<ProductId, u32>,
    claims: HashMap<HoldId, Claim>,
    reservations: HashMap<ReservationId, HoldId>,
    /// The customer of each present or past hold.
    customers: HashMap<HoldId, UserId>,
    waiting: BTreeMap<HoldId, (ProductId, u32)>,
    kept: HashMap<SeatId, TimestampMs>,
    /// The tickets that each reservation has lost.
    cancelled: HashMap<HoldId, BTreeSet<u8>>,
    /// The sum refunded for them.
    refunded: HashMap<HoldId, Minor>,
    state: Option<SaleState>,
    class: ClassModel,
    queue: QueueModel,
}

/// The holder of blocked seats.
const BLOCKED: HoldId = HoldId(uuid::Uuid::nil());
/// The product whose places are seats.
const NUMBERED: ProductId = ProductId(1);

fn count(seats: &[SeatId]) -> u32 {
    u32::try_from(seats.len()).unwrap_or(u32::MAX)
}

struct Claim {
    lines: Vec<Line>,
    expires_at: TimestampMs,
    is_hold: bool,
}

impl Model {
    pub(super) fn take(&mut self, at: TimestampMs, transition: &Transition) -> Result<(), String> {
        let is_gift =
            transition.changes.iter().any(|one| matches!(one, Change::ReservationGranted { .. }));
        for change in &transition.changes {
            self.class.take(at, self.free_places(), change)?;
            self.change(at, change)?;
            let is_admission = matches!(change, Change::QueueAdmitted { .. });
            let places = if is_admission { self.places_on_sale() } else { 0 };
            self.queue.take(at, change, places, is_gift)?;
        }
        if self.state != Some(SaleState::Cancelled) {
            let has_place = |id: EnrollmentId| self.claims.contains_key(&id.offer());
            self.class.check(at, self.free_places(), has_place)?;
        }
        if self.state != Some(SaleState::Open) {
            return Ok(());
        }
        for product in self.taken.keys() {
            let free = self.free_of(*product);
            let fits = self.waiting.iter().find(|(_, (of, size))| of == product && *size <= free);
            if let Some((entry, _)) = fits {
                return Err(format!("{free} places are free and {entry} waits for them"));
            }
        }
        Ok(())
    }

    /// Places that no customer has and nobody keeps.
    fn free_of(&self, product: ProductId) -> u32 {
        let free = self.capacity[&product].saturating_sub(self.taken[&product]);
        if product != NUMBERED {
            return free;
        }
        let kept = self.kept.keys().filter(|seat| !self.seats.contains_key(*seat));
        free - u32::try_from(kept.count()).unwrap_or(u32::MAX)
    }

    fn places_on_sale(&self) -> u32 {
        if self.state != Some(SaleState::Open) {
            return 0;
        }
        let sold = self.taken.keys().filter(|product| !self.queue.is_withdrawn(**product));
        sold.map(|product| self.free_of(*product)).sum()
    }

    fn free_places(&self) -> u32 {
        let taken = self.taken.get(&ProductId(0)).copied().unwrap_or(0);
        self.capacity.get(&ProductId(0)).map_or(0, |capacity| capacity.saturating_sub(taken))
    }

    fn change(&mut self, at: TimestampMs, change: &Change) -> Result<(), String> {
        match change {
            Change::Created { definition } => {
                self.state = Some(definition.sale_state);
                for (product, definition) in (0..).map(ProductId).zip(&definition.products) {
                    self.taken.insert(product, 0);
                    self.capacity.insert(product, definition.capacity.unwrap_or(0));
                }
                for section in &definition.sections {
                    let seats: u32 = section.rows.iter().map(|row| row.seats).sum();
                    *self.capacity.entry(section.product).or_default() += seats;
                }
            }
            Change::HoldPlaced { hold, customer, lines, expires_at } => {
                self.leaves_kept_seats(lines.iter().filter(|line| line.fit != Fit::Exact))?;
                self.customers.insert(*hold, *customer);
                self.claim(*hold, lines, *expires_at)?;
            }
            Change::OfferMade { entry, customer, line, expires_at } => {
                self.leaves_kept_seats(std::iter::once(line))?;
                self.customers.insert(*entry, *customer);
                self.waiting.remove(entry).ok_or("an offer to nobody")?;
                self.claim(*entry, std::slice::from_ref(line), *expires_at)?;
            }
            Change::HoldExtended { hold, expires_at, .. }
            | Change::OfferAccepted { entry: hold, expires_at, .. } => {
                let claim = self.claims.get_mut(hold).ok_or("no such hold")?;
                if claim.expires_at <= at {
                    return Err(format!("{hold} lives on at {at}, beyond its deadline"));
                }
                claim.expires_at = *expires_at;
            }
            Change::HoldChanged { hold, lines, expires_at } => {
                let claim = self.claims.get(hold).ok_or("no such hold")?;
                if claim.expires_at <= at || claim.expires_at != *expires_at || lines.is_empty() {
                    return Err(format!("{hold} is changed beyond what its deadline allows"));
                }
                self.free(*hold)?;
                self.claim(*hold, lines, *expires_at)?;
            }
            Change::HoldReleased { hold } => self.free(*hold)?,
            Change::HoldsExpired { holds } => {
                for hold in holds {
                    let claim = self.claims.get(hold).ok_or("no such hold")?;
                    if at < claim.expires_at && self.state != Some(SaleState::Cancelled) {
                        return Err(format!("{hold} expires before its time"));
                    }
                    self.free(*hold)?;
                }
            }
            Change::CheckedOut { hold, reservation, lines, .. } => {
                // `Reserve` holds and checks out in one.
                if !self.claims.contains_key(hold) {
                    self.claim(*hold, lines, TimestampMs::MAX)?;
                }
                let claim = self.claims.get_mut(hold).ok_or("no such hold")?;
                if claim.expires_at <= at {
                    return Err(format!("{hold} is checked out at {at}, beyond its deadline"));
                }
                claim.is_hold = false;
                if self.reservations.insert(*reservation, *hold).is_some() {
                    return Err(format!("{reservation} is made twice"));
                }
            }
            Change::ReservationsExpired { reservations }
            | Change::ReservationsCancelled { reservations } => {
                for reservation in reservations {
                    let hold = *self.reservations.get(reservation).ok_or("no such reservation")?;
                    self.free(hold)?;
                }
            }
            Change::ReservationRevived { reservation } => {
                let hold = *self.reservations.get(reservation).ok_or("no such reservation")?;
                // Its lines follow in the confirmation.
                self.claims.insert(
                    hold,
                    Claim { lines: Vec::new(), expires_at: TimestampMs::MAX, is_hold: false },
                );
            }
            Change::ReservationConfirmed { reservation, lines, .. } => {
                let hold = *self.reservations.get(reservation).ok_or("no such reservation")?;
                let claim = self.claims.get(&hold).ok_or("confirmed without places")?;
                if claim.lines.is_empty() {
                    self.claims.remove(&hold);
                    self.claim(hold, lines, TimestampMs::MAX)?;
                }
            }
            Change::ReservationGranted { reservation, customer, lines } => {
                let hold = *self.reservations.get(reservation).ok_or("no such reservation")?;
                let claim = self.claims.get(&hold).ok_or("granted without places")?;
                if claim.lines != *lines || lines.iter().any(|line| line.unit_price != 0) {
                    return Err(format!("{reservation} is granted and not free"));
                }
                let theirs = |claim: &&HoldId| self.customers.get(*claim) == Some(customer);
                if self.claims.keys().filter(theirs).count() > 1 {
                    return Err(format!("{customer} takes part twice"));
                }
            }
            Change::EnrollmentApproved { enrollment, line, moved, .. } => {
                let hold = enrollment.offer();
                if moved.from == EnrollmentStatus::Offered {
                    let claim = self.claims.get_mut(&hold).ok_or("no such offer")?;
                    if claim.expires_at <= at {
                        return Err(format!("{hold} is taken at {at}, beyond its deadline"));
                    }
                    claim.is_hold = false;
                } else {
                    self.claim(hold, std::slice::from_ref(line), TimestampMs::MAX)?;
                }
                if self.reservations.insert(enrollment.reservation(), hold).is_some() {
                    return Err(format!("{enrollment} has a second place"));
                }
            }
            Change::PlaceOffered { enrollment, line, expires_at, .. } => {
                self.claim(enrollment.offer(), std::slice::from_ref(line), *expires_at)?;
            }
            Change::WaitlistJoined { entry, product, party_size, .. } => {
                self.waiting.insert(*entry, (*product, *party_size));
            }
            Change::ReservationCancelledFor { reservation, refund } => {
                let hold = *self.reservations.get(reservation).ok_or("no such reservation")?;
                self.refund(hold, *refund)?;
                self.free(hold)?;
            }
            Change::TicketsCancelled { reservation, tickets, refund } => {
                let hold = *self.reservations.get(reservation).ok_or("no such reservation")?;
                self.refund(hold, *refund)?;
                for ticket in tickets {
                    self.cancel_ticket(hold, *ticket)?;
                }
            }
            Change::ProductAdded { product, definition, .. } => {
                self.taken.insert(*product, 0);
                self.capacity.insert(*product, definition.capacity.unwrap_or(0));
            }
            Change::WaitlistLeft { entry } | Change::WaitlistPassedOver { entry } => {
                self.waiting.remove(entry).ok_or("nobody waits")?;
            }
            Change::SaleStateSet { state } => self.state = Some(*state),
            Change::Resized { product, total } => {
                self.capacity.insert(*product, *total);
                if self.taken[product] > *total {
                    return Err(format!("{product:?} is smaller than what is taken of it"));
                }
            }
            Change::PlacesBlocked { product, quantity } => {
                *self.taken.entry(*product).or_default() += quantity;
            }
            Change::PlacesUnblocked { product, quantity } => {
                *self.taken.entry(*product).or_default() -= quantity;
            }
            Change::SeatsBlocked { seats } => {
                for seat in seats {
                    self.take_seat(*seat, BLOCKED)?;
                }
                *self.taken.entry(NUMBERED).or_default() += count(seats);
            }
            Change::SeatsUnblocked { seats } => {
                for seat in seats {
                    if self.seats.remove(seat) != Some(BLOCKED) {
                        return Err(format!("{seat:?} is unblocked, and was not blocked"));
                    }
                }
                *self.taken.entry(NUMBERED).or_default() -= count(seats);
            }
            Change::SeatsKept { seats, until } => {
                self.kept.extend(seats.iter().map(|seat| (*seat, *until)));
            }
            Change::KeptSeatsReleased { seats } => {
                for seat in seats {
                    let until = self.kept.remove(seat).ok_or("a seat that is not kept")?;
                    if at < until {
                        return Err(format!("{seat:?} is kept until {until}, not {at}"));
                    }
                }
            }
            _ => {}
        }
        Ok(())
    }

    /// Checks that seats which no customer picked are none of the kept ones.
    fn leaves_kept_seats<'a>(
        &self,
        mut lines: impl Iterator<Item = &'a Line>,
    ) -> Result<(), String> {
        match lines.find_map(|line| line.seats.iter().find(|seat| self.kept.contains_key(*seat))) {
            Some(seat) => Err(format!("{seat:?} is given out by itself although it is kept")),
            None => Ok(()),
        }
    }

    fn take_seat(&mut self, seat: SeatId, by: HoldId) -> Result<(), String> {
        match self.seats.insert(seat, by) {
            Some(other) => Err(format!("{seat:?} is {other}'s and is given to {by}")),
            None => Ok(()),
        }
    }

    fn claim(
        &mut self,
        hold: HoldId,
        lines: &[Line],
        expires_at: TimestampMs,
    ) -> Result<(), String> {
        for line in lines {
            for seat in &line.seats {
                self.take_seat(*seat, hold)?;
            }
            let taken = self.taken.entry(line.product).or_default();
            *taken += line.quantity;
            if *taken > self.capacity[&line.product] {
                return Err(format!("{:?} is sold beyond its size", line.product));
            }
        }
        let claim = Claim { lines: lines.to_vec(), expires_at, is_hold: true };
        if self.claims.insert(hold, claim).is_some() {
            return Err(format!("{hold} is placed twice"));
        }
        Ok(())
    }

    fn free(&mut self, hold: HoldId) -> Result<(), String> {
        let claim = self.claims.remove(&hold).ok_or_else(|| format!("{hold} ends twice"))?;
        let cancelled = self.cancelled.remove(&hold).unwrap_or_default();
        for (ticket, (product, seat)) in (0..).zip(places(&claim.lines)) {
            if !cancelled.contains(&ticket) {
                self.free_place(hold, product, seat)?;
            }
        }
        Ok(())
    }

    fn free_place(
        &mut self,
        hold: HoldId,
        product: ProductId,
        seat: Option<SeatId>,
    ) -> Result<(), String> {
        if let Some(seat) = seat
            && self.seats.remove(&seat) != Some(hold)
        {
            return Err(format!("{seat:?} is freed by {hold}, which does not have it"));
        }
        *self.taken.entry(product).or_default() -= 1;
        Ok(())
    }

    /// Frees the place of one ticket; the last one must end the reservation instead.
    fn cancel_ticket(&mut self, hold: HoldId, ticket: u8) -> Result<(), String> {
        let claim = self.claims.get(&hold).ok_or("a ticket of no reservation")?;
        let all: Vec<_> = places(&claim.lines).collect();
        let (product, seat) = *all.get(usize::from(ticket)).ok_or("no such ticket")?;
        let cancelled = self.cancelled.entry(hold).or_default();
        if !cancelled.insert(ticket) || cancelled.len() == all.len() {
            return Err(format!("ticket {ticket} of {hold} ends twice, or leaves nothing"));
        }
        self.free_place(hold, product, seat)
    }

    /// Checks that refunds never come to more than the price.
    fn refund(&mut self, hold: HoldId, amount: Minor) -> Result<(), String> {
        let claim = self.claims.get(&hold).ok_or("a refund for no reservation")?;
        let price: Minor =
            claim.lines.iter().map(|line| line.unit_price * Minor::from(line.quantity)).sum();
        let refunded = self.refunded.entry(hold).or_default();
        *refunded += amount;
        if amount < 0 || *refunded > price {
            return Err(format!("{hold} is refunded {refunded}, and its price was {price}"));
        }
        Ok(())
    }
}

/// The places of lines, in the order of their tickets.
fn places(lines: &[Line]) -> impl Iterator<Item = (ProductId, Option<SeatId>)> {
    lines.iter().flat_map(|line| {
        let seat = |nth: u32| line.seats.get(nth as usize).copied();
        (0..line.quantity).map(move |nth| (line.product, seat(nth)))
    })
}
