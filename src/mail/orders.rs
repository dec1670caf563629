//! An order in the words of a mail: its places, prices, deadline, refund and tickets.

use chrono_tz::Tz;
use minijinja::{Value, context};

use super::body::Body;
use super::documents::{MOST_PICTURES, picture_id};
use super::links::Links;
use super::words::one_line;
use crate::inventory::Minor;
use crate::language::{Language, format};
use crate::offerings::{NamedLine, NamedTicket, SeatName, short_code};
use crate::store::{EventRow, ReservationRow, ReservationState};

/// An order with its event and its places in words.
pub(super) struct Order<'a> {
    pub(super) row: &'a ReservationRow,
    pub(super) event: &'a EventRow,
    pub(super) lines: &'a [NamedLine],
    pub(super) links: &'a Links,
}

impl Order<'_> {
    /// Returns the order for a template.
    pub(super) fn value(&self, (language, zone): (Language, Tz)) -> Value {
        let money = |amount| format::money(language, amount, &self.event.currency);
        let mut places = Vec::new();
        for line in self.lines {
            if line.seats.is_empty() {
                let n = format::number(line.quantity);
                let values = [("n", &*n), ("product", &*line.product)];
                let place = one_line(&language.fill("place.places", &values));
                let price = line.unit_price.saturating_mul(i64::from(line.quantity));
                places.push(context! { place, price => money(price) });
            }
            for seat in &line.seats {
                let place = one_line(&seat_in_words(language, seat));
                places.push(context! { place, price => money(line.unit_price) });
            }
        }
        context! {
            number => self.row.id.to_string(),
            url => self.links.to(&format!("/orders/{}", self.row.id)),
            pay_by => format::date_time(language, self.row.pay_by, zone),
            total => money(self.row.total_price),
            is_paid => self.row.payment.is_some(),
            // What costs nothing is confirmed at once.
            had_tickets => self.row.payment.is_some() || self.row.total_price == 0,
            is_waiting => self.row.state == ReservationState::PaymentPending,
            places,
        }
    }
}

/// Returns tickets for a template.
pub(super) fn tickets(language: Language, tickets: &[NamedTicket]) -> Value {
    let ticket = |(position, ticket): (usize, &NamedTicket)| {
        let seat = ticket.seat.as_ref().map(|seat| seat_in_words(language, seat));
        context! {
            place => one_line(&seat.unwrap_or_else(|| ticket.product.clone())),
            code => short_code(&ticket.code),
            picture => (position < MOST_PICTURES).then(|| picture_id(position)),
        }
    };
    Value::from_iter(tickets.iter().enumerate().map(ticket))
}

fn seat_in_words(language: Language, seat: &SeatName) -> String {
    let values = [("section", &*seat.section), ("row", &seat.row), ("seat", &seat.label)];
    language.fill("place.seat", &values)
}

/// Returns the money that goes back, if any: as the message says, else by the order's row. A
/// cancelled order that was paid has no amount in its row where the whole price goes back.
pub(super) fn refund(row: &ReservationRow, body: &Body<'_>, kind: &str) -> Option<Minor> {
    let said = body.amount(&["refundAmount", "amount"]);
    if kind == "payment.refunded" {
        return said;
    }
    if kind == "tickets.cancelled" {
        return said.filter(|amount| *amount > 0);
    }
    if kind != "reservation.cancelled" {
        return None;
    }
    said.map_or_else(|| refund_of_row(row), |said| Some(said).filter(|amount| *amount > 0))
}

/// Returns the money that goes back for a cancelled order, if any, as its row says.
pub(super) fn refund_of_row(row: &ReservationRow) -> Option<Minor> {
    let amount = row.payment.map(|_| row.refund_amount.unwrap_or(row.total_price));
    amount.filter(|amount| *amount > 0)
}
