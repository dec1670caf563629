//! Random commands of administrators on the offering of a random history.

use super::super::model::State;
use super::super::world::{self, HOUR, MINUTE};
use super::{History, pick};
use crate::ids::{ProductId, ReservationId, SectionId, UserId};
use crate::inventory::{
    Availability, CancellationPolicy, Command, NewProduct, OfferingChange, ProductChange,
    ProductDefinition, Requester, SaleState, SaleWindow,
};

impl History {
    /// A check-in command, mostly for a paid ticket.
    pub(super) fn at_the_door(&self, a: u8, b: u8, c: u8) -> Command {
        let mut paid = self.model.claims.iter().filter_map(|claim| match claim.state {
            State::Confirmed { id, .. } => Some(id),
            _ => None,
        });
        let paid = paid.nth(usize::from(a % 4));
        let known = pick(&self.reservations, a).map(|(reservation, _)| *reservation);
        let reservation = paid.or(known).unwrap_or(world::reservation(0));
        let ticket = b % 3 + 6 * u8::from(b > 240);
        match c % 4 {
            0 => Command::CheckIn { reservation, ticket },
            1 | 2 => {
                let gate = if c > 240 { String::new() } else { format!("Gate {c}") };
                Command::CheckInAtGate { reservation, ticket, gate }
            }
            _ => Command::UndoCheckIn { reservation, ticket },
        }
    }

    /// Cancels tickets of an order that is mostly paid, and often not all of them.
    pub(super) fn cancel_some(
        &self,
        known: ReservationId,
        payer: UserId,
        [a, b, c, d]: [u8; 4],
    ) -> Command {
        let mut paid = self.model.claims.iter().filter_map(|claim| match claim.state {
            State::Confirmed { id, .. } => Some((id, claim.customer)),
            _ => None,
        });
        let (reservation, owner) = paid.nth(usize::from(a % 4)).unwrap_or((known, payer));
        let mut tickets: Vec<u8> = (0..8).filter(|ticket| (b >> ticket) & 1 == 1).collect();
        tickets.truncate(1 + usize::from(c % 3));
        if c > 240 {
            tickets.push(c % 8);
        }
        let by = if d % 5 < 3 { Requester::Customer(owner) } else { Requester::Admin };
        let by = if d > 245 { Requester::Customer(payer) } else { by };
        let refund = (d % 5 == 4 || c > 250).then(|| (i64::from(c) - 10) * 500);
        Command::CancelTickets { reservation, tickets, refund, by }
    }

    /// Defers a payment, mostly one in progress.
    pub(super) fn defer(&self, a: u8, c: u8, b: u8) -> Command {
        let (reservation, payment) =
            self.payment_of(a, c).unwrap_or((world::reservation(0), world::payment(0)));
        let until = self.now + (i64::from(b) - 5) * HOUR;
        Command::DeferPayment { reservation, payment, until }
    }

    pub(super) fn change_of_product(&self, a: u8, b: u8, c: u8) -> Command {
        let window = |seed: u8| seed.is_multiple_of(3).then(|| self.now + i64::from(seed) * HOUR);
        if a.is_multiple_of(4) && self.live.products() < 8 {
            let definition = ProductDefinition {
                price: i64::from(c) * 100 - 500,
                capacity: (b > 10).then(|| u32::from(b % 5)),
                max_per_customer: (b > 100).then(|| u32::from(c % 4)),
                sale: SaleWindow { start: None, end: window(c) },
            };
            let name = if c > 250 { String::new() } else { format!("Late {c}") };
            let product = NewProduct { name, description: String::new(), definition };
            return Command::AddProduct { product };
        }
        let product = ProductId(u16::from(b % 9));
        let availability = match c % 4 {
            0 | 1 => Some(Availability::Withdrawn),
            2 => Some(Availability::Offered),
            _ => None,
        };
        let change = ProductChange {
            name: a.is_multiple_of(7).then(|| "x".repeat(usize::from(a / 7 % 3))),
            description: a.is_multiple_of(5).then(|| "Standing".into()),
            sale_start: a.is_multiple_of(9).then(|| window(b)),
            sale_end: a.is_multiple_of(3).then(|| window(c)),
            availability,
        };
        Command::ChangeProduct { product, change }
    }

    pub(super) fn change_of_terms(&self, a: u8, b: u8, c: u8) -> Command {
        let later = |seed: u8| self.now + (i64::from(seed) - 60) * HOUR;
        let until = b.is_multiple_of(3).then(|| later(c));
        let policy = match c % 5 {
            0 => CancellationPolicy::Never,
            _ => CancellationPolicy::Until { until, refund_percent: c / 2 },
        };
        let change = OfferingChange {
            sale_start: None,
            sale_end: b.is_multiple_of(4).then(|| c.is_multiple_of(2).then(|| later(a))),
            state: (a > 200).then_some(SaleState::Open),
            starts_at: a.is_multiple_of(2).then(|| later(b)),
            ends_at: a.is_multiple_of(3).then(|| later(c)),
            cancellation: (!b.is_multiple_of(2)).then_some(policy),
        };
        Command::ChangeOffering { change }
    }

    pub(super) fn change_of_map(&self, a: u8, b: u8, c: u8) -> Command {
        if c.is_multiple_of(2) {
            return Command::RemoveSeats { seats: self.seats(a, b, c) };
        }
        let section = SectionId(u16::from(a % 4));
        Command::AddRow { section, name: format!("{}", b % 8), seats: u32::from(c % 7) }
    }

    pub(super) fn change_of_window(&self, product: ProductId, b: u8, c: u8) -> Command {
        let start = b.is_multiple_of(3).then(|| self.now + (i64::from(b) - 100) * MINUTE);
        let end = c.is_multiple_of(3).then(|| self.now + i64::from(c) * HOUR);
        if b.is_multiple_of(2) {
            let state = match c % 5 {
                0 => Some(SaleState::Paused),
                1 => Some(SaleState::Closed),
                2 => None,
                _ => Some(SaleState::Open),
            };
            let (start, end) =
                ((!c.is_multiple_of(4)).then_some(start), (!b.is_multiple_of(4)).then_some(end));
            return Command::ChangeSale { start, end, state };
        }
        Command::SetSaleWindow { product: Some(product), window: SaleWindow { start, end } }
    }
}
