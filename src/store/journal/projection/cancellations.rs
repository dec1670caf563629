//! The rows of cancellations: void tickets, and refunds, which the payments module pays back later.

use serde_json::json;
use uuid::Uuid;

use crate::ids::{ReservationId, Seq, UserId};
use crate::inventory::Minor;
use crate::store::journal::projection::{NewRefund, Projection, ReservationChange};
use crate::store::states::{RefundReason, ReservationState, refund_id, ticket_id};

impl ReservationChange {
    fn refund_more(&mut self, refund: Option<Minor>) {
        if let Some(refund) = refund {
            self.refund = Some(self.refund.unwrap_or(0).saturating_add(refund));
        }
    }
}

impl Projection {
    /// Cancels the reservation at this offset of the present change.
    pub(super) fn cancel(
        &mut self,
        offset: u32,
        id: ReservationId,
        refund: Option<Minor>,
        by: Option<UserId>,
    ) {
        let row = self.reservation(id);
        row.state = Some(ReservationState::Cancelled);
        row.refund_more(refund);
        self.cancelled.insert(id);
        self.refund(id, refund, RefundReason::ReservationCancelled, by);
        for (_, ticket) in self.tickets.range_mut((id, 0)..=(id, u8::MAX)) {
            ticket.is_void = true;
        }
        let mut payload = json!({ "reservationId": id });
        if let Some(refund) = refund {
            payload["refundAmount"] = refund.into();
        }
        self.tell_at(offset, "reservation.cancelled", &payload);
    }

    pub(super) fn cancel_tickets(
        &mut self,
        id: ReservationId,
        tickets: &[u8],
        refund: Minor,
        by: Option<UserId>,
    ) {
        self.reservation(id).refund_more(Some(refund));
        self.refund(id, Some(refund), RefundReason::TicketsCancelled, by);
        for index in tickets {
            match self.tickets.get_mut(&(id, *index)) {
                Some(ticket) => ticket.is_void = true,
                None => {
                    self.void_tickets.insert(ticket_id(id, *index));
                }
            }
        }
        let ids: Vec<Uuid> = tickets.iter().map(|index| ticket_id(id, *index)).collect();
        let payload = json!({ "reservationId": id, "ticketIds": ids, "refundAmount": refund });
        self.tell("tickets.cancelled", &payload);
    }

    fn refund(
        &mut self,
        reservation: ReservationId,
        amount: Option<Minor>,
        reason: RefundReason,
        by: Option<UserId>,
    ) {
        if amount == Some(0) {
            return;
        }
        let before = self.refunds.iter().filter(|refund| refund.reservation == reservation);
        let nth = u16::try_from(before.count()).unwrap_or(u16::MAX);
        let seq = Seq(self.seq.unsigned_abs());
        let id = refund_id(reservation, seq, nth);
        self.refunds.push(NewRefund { id, reservation, amount, reason, by });
    }
}
