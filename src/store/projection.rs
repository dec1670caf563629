//! The relational rows that follow from a batch, written in its append's transaction. They are
//! derived from the record alone and written without conditions: the journal has decided. Rows
//! are keyed by this offering's own ids, so that no two offerings ever wait for each other.

use std::collections::BTreeMap;

use entities::{event, outbox_message, payment, product, reservation, seat, ticket};
use sea_orm::sea_query::{Expr, SimpleExpr};
use sea_orm::{
    ActiveValue::Set, ColumnTrait, ConnectionTrait, DbErr, EntityTrait, ExprTrait, QueryFilter,
};
use serde_json::json;

use super::StoreError;
use super::event::{insert_seat_rows, seat_row, state_name};
use super::payment::PaymentState;
use super::reservation::ReservationState;
use super::ticket::{TicketState, ticket_id};
use crate::ids::{HoldId, OfferingId, PaymentId, ProductId, ReservationId, UserId};
use crate::inventory::{Change, Line, SaleState, SaleWindow, TimestampMs};
use crate::journal::{Append, Record};

/// Ids in one IN list, rows in one INSERT.
const CHUNK: usize = 1_000;

/// Whether a record has no relational rows, as batches of holds have none.
pub(super) fn is_empty(record: &Record) -> bool {
    let Record::Batch(transitions) = record else { return true };
    transitions.iter().flat_map(|transition| &transition.changes).all(|change| match change {
        Change::HoldPlaced { .. }
        | Change::HoldExtended { .. }
        | Change::HoldReleased { .. }
        | Change::HoldsExpired { .. }
        | Change::WaitlistJoined { .. }
        | Change::WaitlistLeft { .. }
        | Change::OfferAccepted { .. }
        | Change::SeatsBlocked { .. }
        | Change::SeatsUnblocked { .. }
        | Change::PlacesBlocked { .. }
        | Change::PlacesUnblocked { .. } => true,
        Change::Created { .. }
        | Change::CheckedOut { .. }
        | Change::PaymentBegun { .. }
        | Change::ReservationConfirmed { .. }
        | Change::PaymentFailed { .. }
        | Change::ReservationsExpired { .. }
        | Change::ReservationRevived { .. }
        | Change::ReservationsCancelled { .. }
        | Change::CheckedIn { .. }
        | Change::OfferMade { .. }
        | Change::Resized { .. }
        | Change::RowAdded { .. }
        | Change::SeatsRemoved { .. }
        | Change::Repriced { .. }
        | Change::SaleWindowSet { .. }
        | Change::SaleStateSet { .. } => false,
    })
}

/// Writes the rows that follow from the append's record.
pub(super) async fn write(
    transaction: &impl ConnectionTrait,
    append: &Append,
) -> Result<(), DbErr> {
    let Record::Batch(transitions) = &*append.record else { return Ok(()) };
    let mut rows = Rows {
        offering: append.row.offering,
        at: append.row.at,
        seq: i64::try_from(append.row.seq.0).expect("a seq stays below 2^63"),
        reservations: BTreeMap::new(),
        tickets: BTreeMap::new(),
        cancelled: Vec::new(),
        checked_in: Vec::new(),
        outbox: Vec::new(),
    };
    for change in transitions.iter().flat_map(|transition| &transition.changes) {
        rows.take(change);
        rows.write_catalogue(transaction, change).await?;
    }
    rows.write(transaction).await
}

/// What a batch does to a reservation, all its changes together.
#[derive(Default)]
struct ReservationChange {
    created: Option<Created>,
    state: Option<ReservationState>,
    pay_by: Option<TimestampMs>,
    payment: Option<PaymentId>,
}

struct Created {
    hold: HoldId,
    customer: UserId,
    lines: Vec<Line>,
}

struct Rows {
    offering: OfferingId,
    at: TimestampMs,
    seq: i64,
    reservations: BTreeMap<ReservationId, ReservationChange>,
    tickets: BTreeMap<(ReservationId, u8), ticket::ActiveModel>,
    cancelled: Vec<ReservationId>,
    checked_in: Vec<(ReservationId, u8)>,
    outbox: Vec<(&'static str, serde_json::Value)>,
}

impl Rows {
    fn take(&mut self, change: &Change) {
        match change {
            Change::CheckedOut { hold, reservation, customer, lines, pay_by } => {
                let created = Created { hold: *hold, customer: *customer, lines: lines.clone() };
                self.reservations.insert(
                    *reservation,
                    ReservationChange {
                        created: Some(created),
                        state: Some(ReservationState::PaymentPending),
                        pay_by: Some(*pay_by),
                        payment: None,
                    },
                );
                self.tell("reservation.created", json!({ "reservationId": reservation }));
            }
            Change::PaymentBegun { reservation, pay_by, .. }
            | Change::PaymentFailed { reservation, pay_by, .. } => {
                self.reservation(*reservation).pay_by = Some(*pay_by);
            }
            Change::ReservationConfirmed { reservation, payment, customer, lines } => {
                let row = self.reservation(*reservation);
                row.state = Some(ReservationState::Confirmed);
                row.payment = Some(*payment);
                self.issue_tickets(*reservation, *customer, lines);
                self.tell("reservation.confirmed", json!({ "reservationId": reservation }));
            }
            Change::ReservationsExpired { reservations } => {
                for id in reservations {
                    self.reservation(*id).state = Some(ReservationState::Expired);
                    self.tell("reservation.expired", json!({ "reservationId": id }));
                }
            }
            Change::ReservationRevived { reservation } => {
                self.reservation(*reservation).state = Some(ReservationState::PaymentPending);
            }
            Change::ReservationsCancelled { reservations } => {
                for id in reservations {
                    self.reservation(*id).state = Some(ReservationState::Cancelled);
                    self.cancelled.push(*id);
                    self.tell("reservation.cancelled", json!({ "reservationId": id }));
                }
            }
            Change::CheckedIn { reservation, ticket } => {
                self.checked_in.push((*reservation, *ticket));
                let ticket = ticket_id(*reservation, *ticket);
                self.tell("ticket.checked_in", json!({ "ticketId": ticket }));
            }
            Change::OfferMade { entry, expires_at, .. } => {
                self.tell(
                    "waitlist.offered",
                    json!({ "entryId": entry, "expiresAtMs": expires_at }),
                );
            }
            Change::SaleStateSet { state: SaleState::Cancelled } => {
                self.tell("event.cancelled", json!({}));
            }
            Change::Created { .. }
            | Change::HoldPlaced { .. }
            | Change::HoldExtended { .. }
            | Change::HoldReleased { .. }
            | Change::HoldsExpired { .. }
            | Change::WaitlistJoined { .. }
            | Change::WaitlistLeft { .. }
            | Change::OfferAccepted { .. }
            | Change::SeatsBlocked { .. }
            | Change::SeatsUnblocked { .. }
            | Change::PlacesBlocked { .. }
            | Change::PlacesUnblocked { .. }
            | Change::Resized { .. }
            | Change::RowAdded { .. }
            | Change::SeatsRemoved { .. }
            | Change::Repriced { .. }
            | Change::SaleWindowSet { .. }
            | Change::SaleStateSet { .. } => {}
        }
    }

    fn reservation(&mut self, id: ReservationId) -> &mut ReservationChange {
        self.reservations.entry(id).or_default()
    }

    fn tell(&mut self, kind: &'static str, payload: serde_json::Value) {
        self.outbox.push((kind, payload));
    }

    fn issue_tickets(&mut self, reservation: ReservationId, customer: UserId, lines: &[Line]) {
        let places = lines.iter().flat_map(|line| {
            (0..line.quantity).map(|place| (line.product, line.seats.get(place as usize).copied()))
        });
        for (index, (product, seat)) in (0_u8..).zip(places) {
            let row = ticket::ActiveModel {
                id: Set(ticket_id(reservation, index)),
                offering_id: Set(self.offering.0),
                reservation_id: Set(reservation.0),
                ticket_index: Set(i32::from(index)),
                user_id: Set(customer.0),
                product_id: Set(i32::from(product.0)),
                seat_id: Set(seat.map(|seat| i64::from(seat.0))),
                status: Set(TicketState::Valid.as_str().into()),
                checked_in_at: Set(None),
                created_at: Set(self.at),
            };
            self.tickets.insert((reservation, index), row);
        }
    }

    async fn write(self, transaction: &impl ConnectionTrait) -> Result<(), DbErr> {
        self.write_reservations(transaction).await?;
        let tickets: Vec<_> = self.tickets.values().cloned().collect();
        for chunk in tickets.chunks(CHUNK) {
            ticket::Entity::insert_many(chunk.to_vec()).exec_without_returning(transaction).await?;
        }
        self.write_ends(transaction).await?;
        self.write_outbox(transaction).await
    }

    async fn write_reservations(&self, transaction: &impl ConnectionTrait) -> Result<(), DbErr> {
        let mut inserts = Vec::new();
        // Those that only end are many at a time; the rest is one row each.
        let mut ends: BTreeMap<&'static str, Vec<ReservationId>> = BTreeMap::new();
        for (id, change) in &self.reservations {
            match (&change.created, change.state) {
                (Some(created), _) => inserts.push(self.reservation_row(*id, change, created)),
                (None, Some(state)) if change.pay_by.is_none() && change.payment.is_none() => {
                    ends.entry(state.as_str()).or_default().push(*id);
                }
                (None, _) => self.update_reservation(transaction, *id, change).await?,
            }
        }
        for chunk in inserts.chunks(CHUNK) {
            reservation::Entity::insert_many(chunk.to_vec())
                .exec_without_returning(transaction)
                .await?;
        }
        for (state, ids) in ends {
            for chunk in ids.chunks(CHUNK) {
                reservation::Entity::update_many()
                    .col_expr(reservation::Column::Status, Expr::value(state))
                    .col_expr(reservation::Column::UpdatedAt, Expr::value(self.at))
                    .filter(reservation::Column::Id.is_in(chunk.iter().map(|id| id.0)))
                    .exec(transaction)
                    .await?;
            }
        }
        Ok(())
    }

    fn reservation_row(
        &self,
        id: ReservationId,
        change: &ReservationChange,
        created: &Created,
    ) -> reservation::ActiveModel {
        let total: i64 = created
            .lines
            .iter()
            .map(|line| line.unit_price.saturating_mul(i64::from(line.quantity)))
            .fold(0, i64::saturating_add);
        let state = change.state.unwrap_or(ReservationState::PaymentPending);
        reservation::ActiveModel {
            id: Set(id.0),
            offering_id: Set(self.offering.0),
            user_id: Set(created.customer.0),
            hold_id: Set(created.hold.0),
            status: Set(state.as_str().into()),
            total_price: Set(total),
            lines: Set(serde_json::to_string(&created.lines).expect("lines are plain data")),
            pay_by: Set(change.pay_by.unwrap_or_default()),
            payment_id: Set(change.payment.map(|payment| payment.0)),
            created_at: Set(self.at),
            updated_at: Set(self.at),
        }
    }

    async fn update_reservation(
        &self,
        transaction: &impl ConnectionTrait,
        id: ReservationId,
        change: &ReservationChange,
    ) -> Result<(), DbErr> {
        use reservation::Column;
        let mut update = reservation::Entity::update_many()
            .col_expr(Column::UpdatedAt, Expr::value(self.at))
            .filter(Column::Id.eq(id.0));
        if let Some(state) = change.state {
            update = update.col_expr(Column::Status, Expr::value(state.as_str()));
        }
        if let Some(pay_by) = change.pay_by {
            update = update.col_expr(Column::PayBy, Expr::value(pay_by));
        }
        if let Some(payment) = change.payment {
            update = update.col_expr(Column::PaymentId, Expr::value(Some(payment.0)));
        }
        update.exec(transaction).await?;
        Ok(())
    }

    /// Tickets that end, and the payments that are to be given back for them.
    async fn write_ends(&self, transaction: &impl ConnectionTrait) -> Result<(), DbErr> {
        for chunk in self.cancelled.chunks(CHUNK) {
            let ids: Vec<_> = chunk.iter().map(|id| id.0).collect();
            ticket::Entity::update_many()
                .col_expr(ticket::Column::Status, Expr::value(TicketState::Void.as_str()))
                .filter(ticket::Column::ReservationId.is_in(ids.clone()))
                .exec(transaction)
                .await?;
            // Authorized too: it may be about to note that it was confirmed before this.
            let paid = [PaymentState::Authorized, PaymentState::Confirmed, PaymentState::Captured];
            payment::Entity::update_many()
                .col_expr(payment::Column::NextTryAt, Expr::value(Some(self.at)))
                .filter(payment::Column::ReservationId.is_in(ids))
                .filter(payment::Column::State.is_in(paid.map(PaymentState::as_str)))
                .exec(transaction)
                .await?;
        }
        let used: Vec<_> =
            self.checked_in.iter().map(|(id, index)| ticket_id(*id, *index)).collect();
        for chunk in used.chunks(CHUNK) {
            ticket::Entity::update_many()
                .col_expr(ticket::Column::Status, Expr::value(TicketState::Used.as_str()))
                .col_expr(ticket::Column::CheckedInAt, Expr::value(Some(self.at)))
                .filter(ticket::Column::Id.is_in(chunk.iter().copied()))
                .exec(transaction)
                .await?;
        }
        Ok(())
    }

    async fn write_outbox(&self, transaction: &impl ConnectionTrait) -> Result<(), DbErr> {
        let rows: Vec<_> = (0..)
            .zip(&self.outbox)
            .map(|(position, (kind, payload))| outbox_message::ActiveModel {
                offering_id: Set(self.offering.0),
                seq: Set(self.seq),
                position: Set(position),
                kind: Set((*kind).into()),
                payload: Set(payload.to_string()),
                created_at: Set(self.at),
                processed_at: Set(None),
            })
            .collect();
        for chunk in rows.chunks(CHUNK) {
            outbox_message::Entity::insert_many(chunk.to_vec())
                .exec_without_returning(transaction)
                .await?;
        }
        Ok(())
    }

    /// What administrators change of the event itself: rare, so one statement each.
    async fn write_catalogue(
        &self,
        transaction: &impl ConnectionTrait,
        change: &Change,
    ) -> Result<(), DbErr> {
        match change {
            Change::Repriced { product, price } => {
                let price = Expr::value(*price);
                self.set_product(transaction, *product, product::Column::Price, price).await
            }
            Change::Resized { product, total } => {
                let total = Expr::value(i64::from(*total));
                self.set_product(transaction, *product, product::Column::TotalStock, total).await
            }
            Change::SaleWindowSet { product: Some(product), window } => {
                let (start, end) = (Expr::value(window.start), Expr::value(window.end));
                self.set_product(transaction, *product, product::Column::SaleStartAt, start)
                    .await?;
                self.set_product(transaction, *product, product::Column::SaleEndAt, end).await
            }
            Change::SaleWindowSet { product: None, window } => {
                self.set_window(transaction, *window).await
            }
            Change::SaleStateSet { state } => {
                event::Entity::update_many()
                    .col_expr(event::Column::SaleState, Expr::value(state_name(*state)))
                    .col_expr(event::Column::UpdatedAt, Expr::value(self.at))
                    .filter(event::Column::Id.eq(self.offering.0))
                    .exec(transaction)
                    .await?;
                Ok(())
            }
            Change::RowAdded { section, name, seats, first_seat } => {
                self.add_row(transaction, *section, name, *seats, *first_seat).await
            }
            Change::SeatsRemoved { seats } => self.remove_seats(transaction, seats).await,
            _ => Ok(()),
        }
    }

    async fn set_product(
        &self,
        transaction: &impl ConnectionTrait,
        id: ProductId,
        column: product::Column,
        value: impl Into<SimpleExpr>,
    ) -> Result<(), DbErr> {
        product::Entity::update_many()
            .col_expr(column, value.into())
            .filter(product::Column::OfferingId.eq(self.offering.0))
            .filter(product::Column::ProductId.eq(i32::from(id.0)))
            .exec(transaction)
            .await?;
        Ok(())
    }

    async fn set_window(
        &self,
        transaction: &impl ConnectionTrait,
        window: SaleWindow,
    ) -> Result<(), DbErr> {
        event::Entity::update_many()
            .col_expr(event::Column::SaleStartAt, Expr::value(window.start))
            .col_expr(event::Column::SaleEndAt, Expr::value(window.end))
            .col_expr(event::Column::UpdatedAt, Expr::value(self.at))
            .filter(event::Column::Id.eq(self.offering.0))
            .exec(transaction)
            .await?;
        Ok(())
    }

    async fn add_row(
        &self,
        transaction: &impl ConnectionTrait,
        section: crate::ids::SectionId,
        name: &str,
        seats: u32,
        first_seat: crate::ids::SeatId,
    ) -> Result<(), DbErr> {
        let neighbour = seat::Entity::find()
            .filter(seat::Column::OfferingId.eq(self.offering.0))
            .filter(seat::Column::SectionId.eq(i32::from(section.0)))
            .one(transaction)
            .await?;
        // A section whose seats were all removed has no row to read its name from: the seat map
        // itself is in the journal, these rows only label tickets.
        let Some(neighbour) = neighbour else { return Ok(()) };
        let product = ProductId(u16::try_from(neighbour.product_id).unwrap_or_default());
        let rows: Vec<_> = (0..seats)
            .map(|offset| {
                let id = crate::ids::SeatId(first_seat.0 + offset);
                let of_section = (section, neighbour.section.as_str(), product);
                seat_row(self.offering, id, of_section, (name, offset + 1))
            })
            .collect();
        insert_seat_rows(transaction, rows).await.map_err(|error| match error {
            StoreError::Unavailable(error) | StoreError::BadData(error) => error,
            other => DbErr::Custom(other.to_string()),
        })?;
        self.grow_product(transaction, product, i64::from(seats)).await
    }

    /// The rows stay, since tickets that are over may still name these seats.
    async fn remove_seats(
        &self,
        transaction: &impl ConnectionTrait,
        seats: &[crate::ids::SeatId],
    ) -> Result<(), DbErr> {
        let mut by_product: BTreeMap<i32, i64> = BTreeMap::new();
        for chunk in seats.chunks(CHUNK) {
            let rows = seat::Entity::find()
                .filter(seat::Column::OfferingId.eq(self.offering.0))
                .filter(seat::Column::SeatId.is_in(chunk.iter().map(|seat| i64::from(seat.0))))
                .all(transaction)
                .await?;
            for row in rows {
                *by_product.entry(row.product_id).or_default() -= 1;
            }
        }
        for (product, by) in by_product {
            let product = ProductId(u16::try_from(product).unwrap_or_default());
            self.grow_product(transaction, product, by).await?;
        }
        Ok(())
    }

    async fn grow_product(
        &self,
        transaction: &impl ConnectionTrait,
        product: ProductId,
        by: i64,
    ) -> Result<(), DbErr> {
        let total = Expr::col(product::Column::TotalStock).add(by);
        self.set_product(transaction, product, product::Column::TotalStock, total).await
    }
}
