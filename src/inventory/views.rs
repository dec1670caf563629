//! Read-only views of the state.

use super::claim::{Kind, State};
use super::waitlist::EndedEntry;
use super::{
    CancellationPolicy, Counts, EndedEntryView, EnrollmentView, EventTimes, HoldId, HoldStatus,
    HoldView, Inventory, Minor, Policy, Product, ReservationId, ReservationStatus, ReservationView,
    RowView, SaleState, SaleWindow, SeatClaim, SeatClaimKind, SeatId, SeatView, SectionView,
    TimestampMs, WaitlistView,
};
use crate::ids::{ProductId, SectionId};

impl Inventory {
    /// The time of the last row.
    pub fn at(&self) -> TimestampMs {
        self.at
    }

    /// ISO 4217 code.
    pub fn currency(&self) -> [u8; 3] {
        self.currency
    }

    /// Deadlines and limits.
    pub fn policy(&self) -> &Policy {
        &self.policy
    }

    /// The switch that the administrator sets.
    pub fn sale_state(&self) -> SaleState {
        self.sale_state
    }

    /// The window of the whole sale; a sale without an end of its own ends with the event.
    pub fn sale_window(&self) -> SaleWindow {
        let end = self.sale.end.or(self.times.map(|times| times.ends_at));
        SaleWindow { start: self.sale.start, end }
    }

    /// The times of the event, if known.
    pub fn event_times(&self) -> Option<EventTimes> {
        self.times
    }

    /// The cancellation policy.
    pub fn cancellation(&self) -> CancellationPolicy {
        self.cancellation
    }

    /// Number of products; their ids count from 0.
    pub fn products(&self) -> usize {
        self.products.len()
    }

    /// The places of a product by state.
    ///
    /// # Panics
    /// As all reads by product: when there is no such product.
    pub fn counts(&self, product: ProductId) -> Counts {
        self.products[product.index()].counts
    }

    /// The price of one place, for new holds.
    pub fn price(&self, product: ProductId) -> Minor {
        self.products[product.index()].price
    }

    /// A product's own window; a withdrawn product's window ends at the time of withdrawal at the
    /// latest.
    pub fn effective_window(&self, product: ProductId) -> SaleWindow {
        let Product { sale, withdrawn_at, .. } = &self.products[product.index()];
        let end = sale.end.into_iter().chain(*withdrawn_at).min();
        SaleWindow { start: sale.start, end }
    }

    /// True if a product's places are numbered seats.
    pub fn is_numbered(&self, product: ProductId) -> bool {
        self.products[product.index()].numbered
    }

    /// Number of sections; their ids count from 0.
    pub fn sections(&self) -> usize {
        self.seats.sections().len()
    }

    /// The version of a section: changes whenever any of its seats changes its status.
    pub fn section_version(&self, section: SectionId) -> u64 {
        self.seats.sections()[section.index()].version
    }

    /// The seats of a section.
    pub fn section(&self, section: SectionId) -> SectionView {
        let found = &self.seats.sections()[section.index()];
        let row = |row: &u32| {
            let row = self.seats.row(*row);
            let seats = (row.first_seat..row.first_seat + row.seats).map(SeatId);
            RowView {
                name: row.name.to_string(),
                first_seat: SeatId(row.first_seat),
                seats: seats.map(|seat| self.seats.status(seat)).collect(),
            }
        };
        SectionView {
            name: found.name.to_string(),
            product: found.product,
            rows: found.rows.iter().map(row).collect(),
        }
    }

    /// Section name, row name and number (from 1) of a seat.
    pub fn seat_label(&self, seat: SeatId) -> Option<(&str, &str, u32)> {
        let row = self.seats.row_of_seat(seat)?;
        let section = self.seats.section_of(row.section)?;
        Some((&section.name, &row.name, seat.0 - row.first_seat + 1))
    }

    /// The state of a hold.
    pub fn hold(&self, id: HoldId) -> Option<HoldView> {
        if let Some((claim, hold)) = self.claims.hold(id) {
            let status = if hold.offered { HoldStatus::Offered } else { HoldStatus::Active };
            return Some(HoldView {
                customer: claim.customer,
                lines: claim.lines.to_vec(),
                status,
                expires_at: hold.expires_at,
            });
        }
        let ended = self.ended_hold(id)?;
        Some(HoldView {
            customer: ended.customer,
            lines: Vec::new(),
            status: ended.how.into(),
            expires_at: ended.at,
        })
    }

    /// The state of a reservation; ended ones are remembered for a day.
    pub fn reservation(&self, id: ReservationId) -> Option<ReservationView> {
        let (claim, reservation) = self.known_reservation(id)?;
        let status = reservation_status(reservation.state);
        Some(ReservationView { customer: claim.customer, lines: claim.lines.to_vec(), status })
    }

    /// The position of an entry in the waitlist.
    pub fn waitlist_entry(&self, id: HoldId) -> Option<WaitlistView> {
        let entry = self.waitlist.get(id)?;
        Some(WaitlistView {
            customer: entry.customer,
            product: entry.product,
            party_size: entry.party_size,
            position: self.waitlist.position(id)?,
        })
    }

    /// How an entry of the waitlist, or the offer made to it, ended.
    pub fn ended_entry(&self, id: HoldId) -> Option<EndedEntryView> {
        let EndedEntry { entry, how, at } = *self.waitlist.ending(id)?;
        let (customer, product, party_size) = (entry.customer, entry.product, entry.party_size);
        Some(EndedEntryView { customer, product, party_size, how, at })
    }

    /// All enrollments of a class, living and ended; the last of each customer after the others,
    /// each by time. Reads all of them.
    #[must_use]
    pub fn enrollments(&self) -> Vec<EnrollmentView> {
        self.class.as_ref().map_or_else(Vec::new, |class| class.enrollments.in_order())
    }

    /// A seat and the claim on it.
    pub fn seat(&self, seat: SeatId) -> Option<SeatView> {
        let (section, row, number) = self.seat_label(seat)?;
        let product = self.seats.section_of(self.seats.row_of_seat(seat)?.section)?.product;
        let claim = self.seats.claim_of(seat).and_then(|slot| self.claims.slab.get(slot));
        let claim = claim.map(|claim| {
            let kind = match &claim.kind {
                Kind::Hold(hold) => {
                    let status =
                        if hold.offered { HoldStatus::Offered } else { HoldStatus::Active };
                    SeatClaimKind::Hold { hold: hold.id, status, expires_at: hold.expires_at }
                }
                Kind::Reservation(reservation) => SeatClaimKind::Reservation {
                    reservation: reservation.id,
                    status: reservation_status(reservation.state),
                },
            };
            SeatClaim { customer: claim.customer, kind }
        });
        let (section, row) = (section.to_owned(), row.to_owned());
        Some(SeatView { section, row, number, product, status: self.seats.status(seat), claim })
    }

    /// Number of live holds and offers.
    pub fn live_holds(&self) -> usize {
        self.claims.live_holds()
    }

    /// Number of reservations that are pending or confirmed.
    pub fn live_reservations(&self) -> usize {
        self.live_reservations as usize
    }
}

fn reservation_status(state: State) -> ReservationStatus {
    match state {
        State::Pending { pay_by, payment } => {
            let payment = payment.map(|(payment, _)| payment);
            ReservationStatus::PaymentPending { pay_by, payment }
        }
        State::Confirmed { payment, .. } => ReservationStatus::Confirmed { payment },
        State::Expired { .. } => ReservationStatus::Expired,
        State::Cancelled { .. } => ReservationStatus::Cancelled,
    }
}
