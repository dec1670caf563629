//! The relational rows that follow from a batch: derived from its record alone, without a look at
//! the database, since the journal has decided. All that a batch does to a row is folded into one
//! change first, so that one statement can write everything and no row is touched twice.
//!
//! One thing only is looked at: a reservation is confirmed when its money is set aside, and that is a
//! row of another table, written before. Where it is not there (a database that crashed or failed
//! over may have forgotten it) the append fails as a whole.
//!
//! **Invariant:** every row is keyed by this offering's own ids, so that no two offerings ever wait
//! for each other here.

pub(super) mod postgres;
pub(super) mod sqlite;

use std::collections::{BTreeMap, BTreeSet};

use serde_json::json;
use uuid::Uuid;

use super::event::state_name;
use super::reservation::ReservationState;
use super::ticket::{TicketState, ticket_id};
use crate::ids::{
    HoldId, OfferingId, PaymentId, ProductId, ReservationId, SeatId, SectionId, UserId,
};
use crate::inventory::{Change, Line, Minor, SaleState, SaleWindow, TimestampMs};
use crate::journal::{Record, Row};

/// What is said of an append that would confirm without money.
const NOT_SET_ASIDE: &str = "the money is not set aside of";

/// All that a batch writes besides the journal.
#[derive(Debug)]
pub(super) struct Projection {
    offering: OfferingId,
    seq: i64,
    at: TimestampMs,
    reservations: BTreeMap<ReservationId, ReservationChange>,
    tickets: BTreeMap<(ReservationId, u8), NewTicket>,
    /// Payments that reservations were confirmed by.
    captured: BTreeSet<PaymentId>,
    /// Reservations whose tickets are void and whose payments are to be given back.
    cancelled: BTreeSet<ReservationId>,
    used_tickets: BTreeSet<Uuid>,
    outbox: Vec<(&'static str, String)>,
    products: BTreeMap<ProductId, ProductChange>,
    seats: BTreeMap<SeatId, NewSeat>,
    /// Their rows stay, since tickets that are over may still name them; the stock shrinks.
    removed_seats: BTreeSet<SeatId>,
    sale_window: Option<SaleWindow>,
    sale_state: Option<SaleState>,
}

#[derive(Debug, Default)]
struct ReservationChange {
    created: Option<NewReservation>,
    state: Option<ReservationState>,
    pay_by: Option<TimestampMs>,
    payment: Option<PaymentId>,
}

#[derive(Debug)]
struct NewReservation {
    customer: UserId,
    hold: HoldId,
    total_price: Minor,
    lines: String,
}

#[derive(Debug)]
struct NewTicket {
    customer: UserId,
    product: ProductId,
    seat: Option<SeatId>,
    state: TicketState,
    checked_in_at: Option<TimestampMs>,
}

#[derive(Debug, Default)]
struct ProductChange {
    price: Option<Minor>,
    total: Option<u32>,
    window: Option<SaleWindow>,
}

#[derive(Debug)]
struct NewSeat {
    section: SectionId,
    row: String,
    number: u32,
}

impl Projection {
    /// What follows from this row; `None` when nothing does, as from batches of holds.
    pub(super) fn of(row: &Row, record: &Record) -> Option<Self> {
        let Record::Batch(transitions) = record else { return None };
        let mut changes = transitions.iter().flat_map(|transition| &transition.changes).peekable();
        changes.peek()?;
        let mut projection = Self {
            offering: row.offering,
            seq: i64::try_from(row.seq.0).expect("a seq stays below 2^63"),
            at: row.at,
            reservations: BTreeMap::new(),
            tickets: BTreeMap::new(),
            captured: BTreeSet::new(),
            cancelled: BTreeSet::new(),
            used_tickets: BTreeSet::new(),
            outbox: Vec::new(),
            products: BTreeMap::new(),
            seats: BTreeMap::new(),
            removed_seats: BTreeSet::new(),
            sale_window: None,
            sale_state: None,
        };
        for change in changes {
            projection.take(change);
        }
        (!projection.is_empty()).then_some(projection)
    }

    fn is_empty(&self) -> bool {
        self.reservations.is_empty()
            && self.used_tickets.is_empty()
            && self.outbox.is_empty()
            && self.products.is_empty()
            && self.seats.is_empty()
            && self.removed_seats.is_empty()
            && self.sale_window.is_none()
            && self.sale_state.is_none()
        // Tickets come with a reservation's change.
    }

    fn take(&mut self, change: &Change) {
        match change {
            Change::CheckedOut { hold, reservation, customer, lines, pay_by } => {
                self.check_out(*reservation, *hold, *customer, lines, *pay_by);
            }
            Change::ReservationConfirmed { reservation, payment, customer, lines } => {
                let row = self.reservation(*reservation);
                row.state = Some(ReservationState::Confirmed);
                row.payment = Some(*payment);
                self.captured.insert(*payment);
                self.issue_tickets(*reservation, *customer, lines);
                self.tell("reservation.confirmed", &json!({ "reservationId": reservation }));
            }
            Change::ReservationsExpired { reservations } => {
                for id in reservations {
                    self.reservation(*id).state = Some(ReservationState::Expired);
                    self.tell("reservation.expired", &json!({ "reservationId": id }));
                }
            }
            Change::ReservationRevived { reservation } => {
                self.reservation(*reservation).state = Some(ReservationState::PaymentPending);
            }
            Change::ReservationsCancelled { reservations } => {
                for id in reservations {
                    self.cancel(*id);
                }
            }
            Change::CheckedIn { reservation, ticket } => self.check_in(*reservation, *ticket),
            Change::OfferMade { entry, expires_at, .. } => {
                let payload = json!({ "entryId": entry, "expiresAtMs": expires_at });
                self.tell("waitlist.offered", &payload);
            }
            Change::Resized { product, total } => self.product(*product).total = Some(*total),
            Change::Repriced { product, price } => self.product(*product).price = Some(*price),
            Change::SaleWindowSet { product: Some(product), window } => {
                self.product(*product).window = Some(*window);
            }
            Change::SaleWindowSet { product: None, window } => self.sale_window = Some(*window),
            Change::SaleStateSet { state } => {
                self.sale_state = Some(*state);
                if *state == SaleState::Cancelled {
                    self.tell("event.cancelled", &json!({}));
                }
            }
            Change::RowAdded { section, name, seats, first_seat } => {
                for number in 1..=*seats {
                    let seat = NewSeat { section: *section, row: name.clone(), number };
                    self.seats.insert(SeatId(first_seat.0 + number - 1), seat);
                }
            }
            Change::SeatsRemoved { seats } => self.removed_seats.extend(seats),
            // Holds and the waitlist live in the journal alone; `Created` wrote its rows itself.
            Change::Created { .. }
            | Change::HoldPlaced { .. }
            | Change::HoldExtended { .. }
            | Change::HoldReleased { .. }
            | Change::HoldsExpired { .. }
            | Change::WaitlistJoined { .. }
            | Change::WaitlistLeft { .. }
            | Change::OfferAccepted { .. }
            // The grace of a payment in progress is nothing that a customer could use: what is shown
            // is the time until which one may begin to pay.
            | Change::PaymentBegun { .. }
            | Change::PaymentFailed { .. }
            | Change::SeatsBlocked { .. }
            | Change::SeatsUnblocked { .. }
            | Change::PlacesBlocked { .. }
            | Change::PlacesUnblocked { .. }
            | Change::Refused { .. } => {}
        }
    }

    fn reservation(&mut self, id: ReservationId) -> &mut ReservationChange {
        self.reservations.entry(id).or_default()
    }

    fn product(&mut self, id: ProductId) -> &mut ProductChange {
        self.products.entry(id).or_default()
    }

    fn tell(&mut self, kind: &'static str, payload: &serde_json::Value) {
        self.outbox.push((kind, payload.to_string()));
    }

    fn check_out(
        &mut self,
        id: ReservationId,
        hold: HoldId,
        customer: UserId,
        lines: &[Line],
        pay_by: TimestampMs,
    ) {
        let price = |line: &Line| line.unit_price.saturating_mul(i64::from(line.quantity));
        let total_price = lines.iter().map(price).fold(0, i64::saturating_add);
        let lines = serde_json::to_string(lines).expect("lines hold only encodable types");
        let row = self.reservation(id);
        row.created = Some(NewReservation { customer, hold, total_price, lines });
        row.state = Some(ReservationState::PaymentPending);
        row.pay_by = Some(pay_by);
        self.tell("reservation.created", &json!({ "reservationId": id }));
    }

    fn issue_tickets(&mut self, reservation: ReservationId, customer: UserId, lines: &[Line]) {
        let places = lines.iter().flat_map(|line| {
            (0..line.quantity).map(|place| (line.product, line.seats.get(place as usize).copied()))
        });
        for (index, (product, seat)) in (0_u8..).zip(places) {
            let state = TicketState::Valid;
            let ticket = NewTicket { customer, product, seat, state, checked_in_at: None };
            self.tickets.insert((reservation, index), ticket);
        }
    }

    fn cancel(&mut self, id: ReservationId) {
        self.reservation(id).state = Some(ReservationState::Cancelled);
        self.cancelled.insert(id);
        for (_, ticket) in self.tickets.range_mut((id, 0)..=(id, u8::MAX)) {
            ticket.state = TicketState::Void;
        }
        self.tell("reservation.cancelled", &json!({ "reservationId": id }));
    }

    fn check_in(&mut self, reservation: ReservationId, index: u8) {
        let id = ticket_id(reservation, index);
        match self.tickets.get_mut(&(reservation, index)) {
            Some(ticket) => {
                ticket.state = TicketState::Used;
                ticket.checked_in_at = Some(self.at);
            }
            None => {
                self.used_tickets.insert(id);
            }
        }
        self.tell("ticket.checked_in", &json!({ "ticketId": id }));
    }

    /// Rows added to a section and still there at the end of the batch.
    fn section_growth(&self) -> BTreeMap<SectionId, i64> {
        let mut growth = BTreeMap::new();
        for (id, seat) in &self.seats {
            if !self.removed_seats.contains(id) {
                *growth.entry(seat.section).or_default() += 1;
            }
        }
        growth
    }

    /// Seats removed that were there before the batch.
    fn seats_lost(&self) -> Vec<i64> {
        let lost = self.removed_seats.iter().filter(|id| !self.seats.contains_key(id));
        lost.map(|id| i64::from(id.0)).collect()
    }

    fn changes_products(&self) -> bool {
        !(self.products.is_empty() && self.seats.is_empty() && self.removed_seats.is_empty())
    }

    fn sale_state_name(&self) -> Option<&'static str> {
        self.sale_state.map(state_name)
    }
}
