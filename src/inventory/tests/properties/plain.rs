//! Random commands of customers in an event.

use super::super::model::State;
use super::super::world::{self, MINUTE};
use super::{History, Seed, pick};
use crate::ids::{HoldId, PaymentId, ProductId, ReservationId, SeatId, SectionId, UserId};
use crate::inventory::{Command, LineRequest, Requester};

impl History {
    pub(super) fn plain_command(&mut self, kind: u8, [_, _, who, a, b, c, d, _]: Seed) -> Command {
        let customer = world::user(u64::from(who % 5));
        let fresh = world::hold(self.draw());
        let new_reservation = world::reservation(self.draw());
        let (hold, owner) = pick(&self.holds, a).copied().unwrap_or((fresh, customer));
        let (reservation, payer) =
            pick(&self.reservations, a).copied().unwrap_or((new_reservation, customer));
        // Mostly the owner, sometimes another customer.
        let owner = if b < 230 { owner } else { customer };
        let payer = if b < 230 { payer } else { customer };
        let products = u16::try_from(self.live.products()).unwrap();
        let product = ProductId(u16::from(a % 4) % products);
        let standing = ProductId(u16::from(a % 2) % products);
        let quantity = u32::from(b % 4) + 1;
        match kind % 64 {
            0..=5 => {
                let lines = vec![LineRequest::Quantity { product: standing, quantity }];
                Command::PlaceHold { hold: fresh, customer, lines }
            }
            6..=10 if self.is_free => {
                Command::Participate { hold: fresh, reservation: new_reservation, customer }
            }
            6..=10 => {
                let lines = vec![LineRequest::Seats(self.seats(a, b, c))];
                Command::PlaceHold { hold: fresh, customer, lines }
            }
            11..=17 => Command::PlaceHold { hold: fresh, customer, lines: vec![best(a, b, c)] },
            18..=20 => {
                let lines = vec![best(a, b, c), self.any_line(b, c, a), self.any_line(c, a, b)];
                Command::PlaceHold { hold: fresh, customer, lines }
            }
            21 if d.is_multiple_of(3) => {
                let mut lines = vec![self.any_line(c, a, b)];
                lines.extend((c % 3 == 0).then(|| self.any_line(b, c, a)));
                let reservation = new_reservation;
                Command::IssueComplimentary { hold: fresh, reservation, customer, lines }
            }
            21 => {
                let lines = vec![self.any_line(c, a, b)];
                Command::Reserve { hold: fresh, reservation: new_reservation, customer, lines }
            }
            22 => Command::ExtendHold { hold, customer: owner },
            23 => self.change_of_hold(hold, owner, [b, c, d]),
            24 if c % 4 == 0 => Command::EndClaims { customer: owner },
            24 | 25 => Command::ReleaseHold { hold, customer: owner },
            26..=30 => Command::CheckOut { hold, reservation: new_reservation, customer: owner },
            31..=34 => {
                let payment = match pick(&self.payments, c) {
                    Some(known) if c % 8 == 0 => *known,
                    _ => world::payment(self.draw()),
                };
                Command::BeginPayment { reservation, payment, customer: payer }
            }
            35..=38 => match self.payment_of(a, c) {
                Some((reservation, payment)) => Command::ConfirmPayment { reservation, payment },
                None => Command::ConfirmPayment { reservation, payment: world::payment(0) },
            },
            39 => self.defer(a, c, b),
            40 if c % 3 == 1 => {
                Command::CancelReservation { reservation, by: Requester::Customer(payer) }
            }
            40 => match self.payment_of(a, c) {
                Some((reservation, payment)) if c % 6 == 2 => {
                    Command::FailAndCancel { reservation, payment }
                }
                Some((reservation, payment)) => Command::FailPayment { reservation, payment },
                None => Command::FailPayment { reservation, payment: world::payment(0) },
            },
            41 => self.cancel_some(reservation, payer, [a, b, c, d]),
            42 => Command::CancelReservation { reservation, by: Requester::Admin },
            43 => self.at_the_door(a, c, b),
            44..=49 => {
                Command::JoinWaitlist { entry: fresh, customer, product, party_size: quantity }
            }
            50 => Command::LeaveWaitlist { entry: hold, customer: owner },
            51..=53 => Command::AcceptOffer { entry: hold, customer: owner },
            54 if !d.is_multiple_of(3) => {
                let until = self.now + (i64::from(c) - 20) * MINUTE;
                Command::KeepSeats { seats: self.seats(a, b, c), until }
            }
            54 => Command::BlockSeats { seats: self.seats(a, b, c) },
            55 => Command::UnblockSeats { seats: self.seats(a, b, c) },
            56 => Command::BlockPlaces { product, quantity: u32::from(b % 5) },
            57 => Command::UnblockPlaces { product, quantity: u32::from(b % 5) },
            58 => Command::Resize { product, total: u32::from(b % 20) },
            59 => self.change_of_map(a, b, c),
            60 if d.is_multiple_of(2) => self.change_of_product(a, b, c),
            60 if self.is_free && c > 30 => Command::Reprice { product, price: 0 },
            60 => Command::Reprice { product, price: i64::from(c) * 100 - 1_000 },
            61 if d.is_multiple_of(2) => self.change_of_terms(a, b, c),
            61 => self.change_of_window(product, b, c),
            62 => match c % 3 {
                0 => Command::PauseSale,
                1 if b > 250 && a > 128 => Command::CancelOffering,
                1 => Command::CloseSale,
                _ => Command::OpenSale,
            },
            63 if b > 192 => {
                Command::Participate { hold: fresh, reservation: new_reservation, customer }
            }
            _ => Command::OpenSale,
        }
    }

    /// Other places for a hold: often some of its own, and some more.
    fn change_of_hold(&self, hold: HoldId, customer: UserId, [b, c, d]: [u8; 3]) -> Command {
        let claim = self.model.claims.iter().find(|claim| claim.hold == hold);
        let lines = claim.map_or(&[][..], |claim| &claim.lines);
        let mut seats: Vec<SeatId> =
            lines.iter().flat_map(|line| line.seats.iter().copied()).collect();
        let mut places: Vec<(ProductId, u32)> = lines
            .iter()
            .filter(|line| line.seats.is_empty())
            .map(|line| (line.product, (line.quantity + u32::from(c % 3)).saturating_sub(1)))
            .filter(|(_, quantity)| *quantity > 0 || d > 200)
            .collect();
        seats.truncate(seats.len().saturating_sub(usize::from(d % 3)));
        if d.is_multiple_of(2) {
            let more = self.seats(b, c, d);
            seats.extend(
                more.into_iter()
                    .filter(|seat| c > 250 || !lines.iter().any(|line| line.seats.contains(seat))),
            );
        }
        if b.is_multiple_of(5) {
            places.push((ProductId(u16::from(c % 3)), u32::from(b / 5 % 4)));
        }
        Command::ChangeHold { hold, customer, places, seats }
    }

    /// Mostly a payment in progress, or one that was in progress when its reservation expired.
    pub(super) fn payment_of(&self, a: u8, c: u8) -> Option<(ReservationId, PaymentId)> {
        let payments: Vec<(ReservationId, PaymentId)> = self
            .model
            .claims
            .iter()
            .filter_map(|claim| match &claim.state {
                State::Pending { id, payment, .. } => Some((*id, payment.map(|paid| paid.0)?)),
                State::Confirmed { id, payment, .. } => Some((*id, (*payment)?)),
                State::Expired { id, payment, .. } => Some((*id, (*payment)?)),
                State::Hold { .. } | State::Cancelled { .. } => None,
            })
            .collect();
        let (reservation, payment) = *pick(&payments, a)?;
        if c < 230 {
            return Some((reservation, payment));
        }
        Some((reservation, *pick(&self.payments, c)?))
    }

    pub(super) fn seats(&self, a: u8, b: u8, c: u8) -> Vec<SeatId> {
        let seats = u32::try_from(self.model.seats.len()).unwrap();
        let first = (u32::from(a) * 7 + u32::from(c)) % (seats + 1);
        let step = 1 + u32::from(c > 200);
        let mut chosen: Vec<SeatId> =
            (0..u32::from(b % 5)).map(|nth| SeatId(first + nth * step)).collect();
        if c == 255 {
            chosen.push(SeatId(first));
        }
        chosen
    }

    fn any_line(&self, a: u8, b: u8, c: u8) -> LineRequest {
        match a % 3 {
            0 => LineRequest::Quantity {
                product: ProductId(u16::from(b % 5)),
                quantity: u32::from(c % 4),
            },
            1 => LineRequest::Seats(self.seats(b, c, a)),
            _ => best(b, c, a),
        }
    }
}

fn best(a: u8, b: u8, c: u8) -> LineRequest {
    LineRequest::BestAvailable {
        product: ProductId(if a > 250 { 0 } else { 2 + u16::from(a % 2) }),
        quantity: u32::from(b % 7) + u32::from(b < 250),
        section: c.is_multiple_of(4).then(|| SectionId(u16::from(c / 4 % 3))),
    }
}
