//! The relational rows that follow from a batch. They are derived from the batch's record alone,
//! without reading the database, since the journal has decided. All changes that a batch makes to a
//! row are folded into one first, so that one statement can write everything and no row is touched
//! twice.
//!
//! There is one exception: a reservation is confirmed when its money is set aside, and that is a
//! row of another table, written before. If that row is missing (a database that crashed or failed
//! over may have forgotten it), the append fails as a whole.
//!
//! **Invariant:** every row is keyed by this offering's own ids, so that no two offerings ever wait
//! for each other here.

mod cancellations;
mod class_rows;
mod enrollments;
pub(crate) mod postgres;
mod postgres_class;
pub(crate) mod sqlite;

use std::collections::{BTreeMap, BTreeSet};

use serde_json::json;
use uuid::Uuid;

use crate::ids::{
    HoldId, OfferingId, PaymentId, ProductId, RefundId, ReservationId, SeatId, SectionId, UserId,
};
use crate::inventory::{
    Change, EventTimes, Line, Minor, ProductDefinition, SaleState, SaleWindow, TimestampMs,
};
use crate::journal::{Record, Row, messages};
use crate::store::states::ReservationState;
use crate::store::states::{RefundReason, TicketState, cancellation_text, state_name, ticket_id};

/// Error text for an append that would confirm without money.
const NOT_SET_ASIDE: &str = "the money is not set aside of";

/// All rows that a batch writes besides the journal.
#[derive(Debug)]
pub(crate) struct Projection {
    offering: OfferingId,
    seq: i64,
    at: TimestampMs,
    reservations: BTreeMap<ReservationId, ReservationChange>,
    tickets: BTreeMap<(ReservationId, u8), NewTicket>,
    /// Payments by which reservations were confirmed.
    captured: BTreeSet<PaymentId>,
    /// Reservations whose tickets are void.
    cancelled: BTreeSet<ReservationId>,
    /// Tickets that were issued before this batch and are void, of reservations that stay.
    void_tickets: BTreeSet<Uuid>,
    /// Refunds, of those reservations that were paid.
    refunds: Vec<NewRefund>,
    /// Check-ins, and their reversals, of tickets that were issued before this batch.
    at_the_door: BTreeMap<Uuid, Door>,
    /// The messages, with their positions in the row.
    outbox: Vec<(u32, &'static str, String)>,
    /// The position of the first message of the present change.
    position: u32,
    products: BTreeMap<ProductId, ProductChange>,
    seats: BTreeMap<SeatId, NewSeat>,
    /// The rows of removed seats stay, since tickets that are over may still name them; the stock
    /// shrinks.
    removed_seats: BTreeSet<SeatId>,
    new_products: BTreeMap<ProductId, NewProduct>,
    sale_window: Option<SaleWindow>,
    sale_state: Option<SaleState>,
    event_times: Option<EventTimes>,
    /// The cancellation policy as JSON.
    cancellation: Option<String>,
    /// The applications for a class.
    class: class_rows::ClassRows,
}

/// Whether and how a ticket was used.
#[derive(Debug, Default)]
struct Door {
    checked_in_at: Option<TimestampMs>,
    gate: Option<String>,
    by: Option<UserId>,
}

impl Door {
    fn state(&self) -> TicketState {
        if self.checked_in_at.is_some() { TicketState::Used } else { TicketState::Valid }
    }
}

#[derive(Debug)]
struct NewProduct {
    name: String,
    description: String,
    definition: ProductDefinition,
}

/// A product's row as the batch leaves it.
struct ProductRow {
    id: ProductId,
    name: String,
    description: String,
    price: Minor,
    total: u32,
    max_per_customer: Option<u32>,
    window: SaleWindow,
    withdrawn_at: Option<TimestampMs>,
}

#[derive(Debug, Default)]
struct ReservationChange {
    created: Option<NewReservation>,
    state: Option<ReservationState>,
    pay_by: Option<TimestampMs>,
    payment: Option<PaymentId>,
    refund: Option<Minor>,
}

#[derive(Debug)]
struct NewReservation {
    customer: UserId,
    hold: HoldId,
    total_price: Minor,
    lines: String,
}

/// Money to give back, if the reservation was paid.
#[derive(Debug)]
struct NewRefund {
    id: RefundId,
    reservation: ReservationId,
    /// `None` for the whole amount paid.
    amount: Option<Minor>,
    reason: RefundReason,
    by: Option<UserId>,
}

#[derive(Debug)]
struct NewTicket {
    customer: UserId,
    product: ProductId,
    seat: Option<SeatId>,
    is_void: bool,
    door: Door,
}

impl NewTicket {
    fn state(&self) -> TicketState {
        if self.is_void { TicketState::Void } else { self.door.state() }
    }
}

#[derive(Debug, Default)]
struct ProductChange {
    price: Option<Minor>,
    total: Option<u32>,
    window: Option<SaleWindow>,
    name: Option<String>,
    description: Option<String>,
    /// `Some(None)` when the product is offered again.
    withdrawn_at: Option<Option<TimestampMs>>,
}

#[derive(Debug)]
struct NewSeat {
    section: SectionId,
    row: String,
    number: u32,
}

impl Projection {
    /// Returns the rows that follow from this journal row; `None` when there are none, as for
    /// batches of holds.
    pub(crate) fn of(row: &Row, record: &Record) -> Option<Self> {
        let Record::Batch(transitions) = record else { return None };
        if transitions.iter().all(|transition| transition.changes.is_empty()) {
            return None;
        }
        let mut projection = Self {
            offering: row.offering,
            seq: i64::try_from(row.seq.0).expect("a seq stays below 2^63"),
            at: row.at,
            reservations: BTreeMap::new(),
            tickets: BTreeMap::new(),
            captured: BTreeSet::new(),
            cancelled: BTreeSet::new(),
            void_tickets: BTreeSet::new(),
            refunds: Vec::new(),
            at_the_door: BTreeMap::new(),
            outbox: Vec::new(),
            position: 0,
            products: BTreeMap::new(),
            seats: BTreeMap::new(),
            removed_seats: BTreeSet::new(),
            new_products: BTreeMap::new(),
            sale_window: None,
            sale_state: None,
            event_times: None,
            cancellation: None,
            class: class_rows::ClassRows::default(),
        };
        for transition in transitions {
            let by = actor(&transition.changes);
            for change in &transition.changes {
                projection.take(change, by);
                projection.position += messages::width(change);
            }
        }
        (!projection.is_empty()).then_some(projection)
    }

    fn is_empty(&self) -> bool {
        self.reservations.is_empty()
            && self.at_the_door.is_empty()
            && self.outbox.is_empty()
            && self.products.is_empty()
            && self.seats.is_empty()
            && self.removed_seats.is_empty()
            && self.new_products.is_empty()
            && !self.changes_event()
            && self.class.is_empty()
        // Tickets come with a reservation's change.
    }

    /// Adds a change. `by` is the administrator who asked for it, if one did.
    fn take(&mut self, change: &Change, by: Option<UserId>) {
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
                // The position before it is that of `payment.completed`, which the relay adds: one
                // row for both.
                self.tell_at(1, "reservation.confirmed", &json!({ "reservationId": reservation }));
            }
            Change::ReservationGranted { reservation, customer, lines } => {
                self.reservation(*reservation).state = Some(ReservationState::Confirmed);
                self.issue_tickets(*reservation, *customer, lines);
                self.tell("reservation.confirmed", &json!({ "reservationId": reservation }));
            }
            Change::ReservationsExpired { reservations } => {
                for (offset, id) in (0..).zip(reservations) {
                    self.reservation(*id).state = Some(ReservationState::Expired);
                    let payload = json!({ "reservationId": id });
                    self.tell_at(offset, "reservation.expired", &payload);
                }
            }
            Change::ReservationRevived { reservation } => {
                self.reservation(*reservation).state = Some(ReservationState::PaymentPending);
                self.tell("reservation.revived", &json!({ "reservationId": reservation }));
            }
            Change::ReservationsCancelled { reservations } => {
                for (offset, id) in (0..).zip(reservations) {
                    self.cancel(offset, *id, None, by);
                }
            }
            Change::ReservationCancelledFor { reservation, refund } => {
                self.cancel(0, *reservation, Some(*refund), by);
            }
            Change::TicketsCancelled { reservation, tickets, refund } => {
                self.cancel_tickets(*reservation, tickets, *refund, by);
            }
            // A deferred payment has a deadline of its own, which its customer must know.
            Change::PaymentDeferred { reservation, pay_by, .. } => {
                self.reservation(*reservation).pay_by = Some(*pay_by);
            }
            Change::PaymentFailed { reservation, pay_by, .. } => {
                self.reservation(*reservation).pay_by = Some(*pay_by);
                self.tell("payment.failed", &json!({ "reservationId": reservation }));
            }
            Change::CheckedIn { reservation, ticket } => {
                let door = Door { checked_in_at: Some(self.at), gate: None, by };
                self.at_door(*reservation, *ticket, door, "ticket.checked_in");
            }
            Change::CheckedInAtGate { reservation, ticket, gate } => {
                let door = Door { checked_in_at: Some(self.at), gate: Some(gate.clone()), by };
                self.at_door(*reservation, *ticket, door, "ticket.checked_in");
            }
            Change::CheckInUndone { reservation, ticket } => {
                let out = Door::default();
                self.at_door(*reservation, *ticket, out, "ticket.check_in_undone");
            }
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
            Change::ProductAdded { product, name, description, definition } => {
                let (name, description) = (name.clone(), description.clone());
                let new = NewProduct { name, description, definition: definition.clone() };
                self.new_products.insert(*product, new);
            }
            Change::ProductDescribed { product, name, description } => {
                let row = self.product(*product);
                row.name = name.clone().or(row.name.take());
                row.description = description.clone().or(row.description.take());
            }
            Change::ProductWithdrawn { product } => {
                self.product(*product).withdrawn_at = Some(Some(self.at));
            }
            Change::ProductRestored { product } => {
                self.product(*product).withdrawn_at = Some(None);
            }
            Change::EventTimesSet { starts_at, ends_at } => {
                let (starts_at, ends_at) = (*starts_at, *ends_at);
                self.event_times = Some(EventTimes { starts_at, ends_at });
                self.tell("event.changed", &json!({}));
            }
            Change::CancellationPolicySet { policy } => {
                self.cancellation = Some(cancellation_text(*policy));
            }
            Change::ClassRulesSet { .. }
            | Change::Enrolled { .. }
            | Change::AnswersReplaced { .. }
            | Change::EnrollmentApproved { .. }
            | Change::EnrollmentWaitlisted { .. }
            | Change::PlaceOffered { .. }
            | Change::EnrollmentRejected { .. }
            | Change::EnrollmentsCanceled { .. }
            | Change::EnrollmentRevived { .. }
            | Change::WaitlistMoved { .. }
            | Change::AttendanceRecorded { .. } => self.take_of_class(change, by),
            // Holds and the waitlist live in the journal alone; `Created` wrote its rows itself.
            Change::Created { .. }
            | Change::ActedBy { .. }
            | Change::WaitlistPassedOver { .. }
            | Change::HoldPlaced { .. }
            | Change::HoldExtended { .. }
            | Change::HoldChanged { .. }
            | Change::SeatsKept { .. }
            | Change::KeptSeatsReleased { .. }
            | Change::HoldReleased { .. }
            | Change::HoldsExpired { .. }
            | Change::WaitlistJoined { .. }
            | Change::WaitlistLeft { .. }
            | Change::OfferAccepted { .. }
            // The grace of a payment in progress is of no use to a customer: the row shows the time
            // until which a payment may begin.
            | Change::PaymentBegun { .. }
            | Change::SeatsBlocked { .. }
            | Change::SeatsUnblocked { .. }
            | Change::PlacesBlocked { .. }
            | Change::PlacesUnblocked { .. }
            | Change::VerdictRefused { .. }
            // A queue lives in the journal alone.
            | Change::QueueSet { .. }
            | Change::QueueEntered { .. }
            | Change::QueueReturned { .. }
            | Change::QueueClosed { .. }
            | Change::QueueDrawn { .. }
            | Change::QueueAdmitted { .. }
            | Change::QueueLeft { .. }
            | Change::QueueSetAside { .. }
            | Change::QueueVoided { .. }
            | Change::QueuePrioritised { .. }
            | Change::PassUsed { .. }
            | Change::SessionsEnded { .. }
            | Change::QueueEnded { .. }
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
        self.tell_at(0, kind, payload);
    }

    /// Adds the message at this offset among those of the present change. `journal/messages.rs` has
    /// the same messages with all that they hold.
    fn tell_at(&mut self, offset: u32, kind: &'static str, payload: &serde_json::Value) {
        self.outbox.push((self.position + offset, kind, payload.to_string()));
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
            let (is_void, door) = (false, Door::default());
            let ticket = NewTicket { customer, product, seat, is_void, door };
            self.tickets.insert((reservation, index), ticket);
        }
    }

    fn at_door(&mut self, reservation: ReservationId, index: u8, door: Door, kind: &'static str) {
        let id = ticket_id(reservation, index);
        match self.tickets.get_mut(&(reservation, index)) {
            Some(ticket) => ticket.door = door,
            None => {
                self.at_the_door.insert(id, door);
            }
        }
        self.tell(kind, &json!({ "ticketId": id }));
    }

    /// Returns the row of a new product after the whole batch.
    fn row_of_new(&self, id: ProductId, new: &NewProduct) -> ProductRow {
        let NewProduct { name, description, definition } = new;
        let unchanged = ProductChange::default();
        let later = self.products.get(&id).unwrap_or(&unchanged);
        ProductRow {
            id,
            name: later.name.as_ref().unwrap_or(name).clone(),
            description: later.description.as_ref().unwrap_or(description).clone(),
            price: later.price.unwrap_or(definition.price),
            total: later.total.or(definition.capacity).unwrap_or(0),
            max_per_customer: definition.max_per_customer,
            window: later.window.unwrap_or(definition.sale),
            withdrawn_at: later.withdrawn_at.flatten(),
        }
    }

    /// Returns, by section, the number of seats added and still there at the end of the batch.
    fn section_growth(&self) -> BTreeMap<SectionId, i64> {
        let mut growth = BTreeMap::new();
        for (id, seat) in &self.seats {
            if !self.removed_seats.contains(id) {
                *growth.entry(seat.section).or_default() += 1;
            }
        }
        growth
    }

    /// Returns the removed seats that existed before the batch.
    fn seats_lost(&self) -> Vec<i64> {
        let lost = self.removed_seats.iter().filter(|id| !self.seats.contains_key(id));
        lost.map(|id| i64::from(id.0)).collect()
    }

    fn changes_products(&self) -> bool {
        !(self.products.is_empty() && self.seats.is_empty() && self.removed_seats.is_empty())
    }

    /// Returns the texts that people wrote.
    fn texts(&self) -> impl Iterator<Item = &str> {
        let rows = self.seats.values().map(|seat| &seat.row);
        let gates = self.at_the_door.values().filter_map(|door| door.gate.as_ref());
        let new_gates = self.tickets.values().filter_map(|ticket| ticket.door.gate.as_ref());
        let changed = self.products.values();
        let changed = changed.flat_map(|change| [&change.name, &change.description]).flatten();
        let new = self.new_products.values().flat_map(|new| [&new.name, &new.description]);
        rows.chain(gates).chain(new_gates).chain(changed).chain(new).map(String::as_str)
    }

    fn changes_event(&self) -> bool {
        self.sale_window.is_some()
            || self.sale_state.is_some()
            || self.event_times.is_some()
            || self.cancellation.is_some()
    }

    fn cancels_event(&self) -> bool {
        self.sale_state == Some(SaleState::Cancelled)
    }

    fn sale_state_name(&self) -> Option<&'static str> {
        self.sale_state.map(state_name)
    }
}

/// Returns the administrator who asked for these changes, if one did.
fn actor(changes: &[Change]) -> Option<UserId> {
    changes.iter().find_map(|change| match change {
        Change::ActedBy { admin } => Some(*admin),
        _ => None,
    })
}
