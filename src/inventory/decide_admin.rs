//! Decides the commands of administrators.

use super::decide::Decided;
use super::validate::{MAX_PLACES, MAX_PRICE, MAX_ROW, MAX_SEATS, bad_name};
use super::{
    Change, Command, Inventory, OfferingChange, Rejection, SaleState, SaleWindow, SeatId,
    SeatStatus, TimestampMs,
};
use crate::ids::{ProductId, SectionId};

impl Inventory {
    pub(super) fn decide_admin(&self, command: &Command) -> Decided {
        self.not_cancelled()?;
        let change = match command {
            Command::BlockSeats { seats } => {
                self.expect_seats(seats, &[SeatStatus::Available, SeatStatus::Kept])?;
                Change::SeatsBlocked { seats: seats.clone() }
            }
            Command::UnblockSeats { seats } => {
                self.expect_seats(seats, &[SeatStatus::Blocked])?;
                Change::SeatsUnblocked { seats: seats.clone() }
            }
            Command::RemoveSeats { seats } => {
                let unsold = [SeatStatus::Available, SeatStatus::Kept, SeatStatus::Blocked];
                self.expect_seats(seats, &unsold)?;
                Change::SeatsRemoved { seats: seats.clone() }
            }
            Command::KeepSeats { seats, until } => self.decide_keep(seats, *until)?,
            Command::BlockPlaces { product, quantity } => {
                let available = self.unnumbered(*product)?.available;
                expect_places(*quantity, available)?;
                Change::PlacesBlocked { product: *product, quantity: *quantity }
            }
            Command::UnblockPlaces { product, quantity } => {
                let blocked = self.unnumbered(*product)?.blocked;
                expect_places(*quantity, blocked)?;
                Change::PlacesUnblocked { product: *product, quantity: *quantity }
            }
            Command::Resize { product, total } => self.decide_resize(*product, *total)?,
            Command::AddRow { section, name, seats } => {
                self.decide_add_row(*section, name, *seats)?
            }
            Command::Reprice { product, price } => {
                self.products.get(product.index()).ok_or(Rejection::UnknownProduct)?;
                if !(0..=MAX_PRICE).contains(price) {
                    let reason = format!("price.amount must be 0 to {MAX_PRICE}");
                    return Err(Rejection::Invalid { reason: reason.into() }.into());
                }
                Change::Repriced { product: *product, price: *price }
            }
            Command::SetSaleWindow { product, window } => self.decide_window(*product, *window)?,
            Command::ChangeSale { start, end, state } => {
                let (sale_start, sale_end, state) = (*start, *end, *state);
                let change =
                    OfferingChange { sale_start, sale_end, state, ..OfferingChange::default() };
                return self.decide_change_offering(&change);
            }
            Command::OpenSale => self.decide_state(SaleState::Open)?,
            Command::PauseSale => self.decide_state(SaleState::Paused)?,
            Command::CloseSale => self.decide_state(SaleState::Closed)?,
            Command::CancelOffering => self.decide_state(SaleState::Cancelled)?,
            Command::PlaceHold { .. }
            | Command::ExtendHold { .. }
            | Command::ChangeHold { .. }
            | Command::ReleaseHold { .. }
            | Command::CheckOut { .. }
            | Command::Reserve { .. }
            | Command::Participate { .. }
            | Command::IssueComplimentary { .. }
            | Command::BeginPayment { .. }
            | Command::ConfirmPayment { .. }
            | Command::FailPayment { .. }
            | Command::CancelReservation { .. }
            | Command::CancelTickets { .. }
            | Command::DeferPayment { .. }
            | Command::FailAndCancel { .. }
            | Command::CheckIn { .. }
            | Command::JoinWaitlist { .. }
            | Command::LeaveWaitlist { .. }
            | Command::AcceptOffer { .. }
            | Command::EndClaims { .. }
            | Command::ByAdmin { .. }
            | Command::CheckInAtGate { .. }
            | Command::UndoCheckIn { .. }
            | Command::AddProduct { .. }
            | Command::ChangeProduct { .. }
            | Command::ChangeOffering { .. }
            | Command::Apply { .. }
            | Command::ReplaceAnswers { .. }
            | Command::CancelEnrollment { .. }
            | Command::AcceptPlace { .. }
            | Command::DecideEnrollment { .. }
            | Command::DecideEnrollments { .. }
            | Command::MoveUp { .. }
            | Command::RecordAttendance { .. }
            | Command::ChangeClass { .. }
            | Command::CancelClass { .. }
            | Command::SetQueue { .. }
            | Command::EnterQueue { .. }
            | Command::LeaveQueue { .. }
            | Command::DrawQueue { .. }
            | Command::SetAside { .. }
            | Command::VoidEntries { .. }
            | Command::Prioritise { .. }
            | Command::UsePass { .. }
            | Command::WithPass { .. } => unreachable!("decided elsewhere"),
        };
        Ok(vec![change])
    }

    fn expect_seats(&self, seats: &[SeatId], allowed: &[SeatStatus]) -> Result<(), Rejection> {
        if seats.is_empty() {
            return Err(Rejection::Invalid { reason: "seats must not be empty".into() });
        }
        let unknown: Vec<_> =
            seats.iter().copied().filter(|seat| self.seats.product_of(*seat).is_none()).collect();
        if !unknown.is_empty() {
            return Err(Rejection::UnknownSeats { seats: unknown });
        }
        let mut sorted = seats.to_vec();
        sorted.sort_unstable();
        let twice: Vec<_> =
            sorted.windows(2).filter(|pair| pair[0] == pair[1]).map(|pair| pair[0]).collect();
        if !twice.is_empty() {
            return Err(Rejection::DuplicateSeats { seats: twice });
        }
        let wrong: Vec<_> = seats
            .iter()
            .copied()
            .filter(|seat| !allowed.contains(&self.seats.status(*seat)))
            .collect();
        if !wrong.is_empty() {
            return Err(Rejection::SeatsTaken { seats: wrong });
        }
        Ok(())
    }

    /// Any seat can be kept; one that is taken is kept from the time at which it is free again.
    fn decide_keep(&self, seats: &[SeatId], until: TimestampMs) -> Result<Change, Rejection> {
        use SeatStatus::{Available, Blocked, Held, Kept, Sold};
        self.expect_seats(seats, &[Available, Kept, Held, Sold, Blocked])?;
        if until <= self.now {
            return Err(Rejection::Invalid { reason: "until must be in the future".into() });
        }
        Ok(Change::SeatsKept { seats: seats.to_vec(), until })
    }

    fn unnumbered(&self, product: ProductId) -> Result<super::Counts, Rejection> {
        let of = self.products.get(product.index()).ok_or(Rejection::UnknownProduct)?;
        if of.numbered {
            return Err(Rejection::WrongKindOfProduct { numbered: true });
        }
        Ok(of.counts)
    }

    fn decide_resize(&self, product: ProductId, total: u32) -> Result<Change, Rejection> {
        let counts = self.unnumbered(product)?;
        let taken = counts.total - counts.available;
        if total < taken {
            return Err(Rejection::BelowTaken { taken });
        }
        self.room_for(i64::from(total) - i64::from(counts.total))?;
        Ok(Change::Resized { product, total })
    }

    fn decide_add_row(
        &self,
        section: SectionId,
        name: &str,
        seats: u32,
    ) -> Result<Change, Rejection> {
        let found = self.seats.section_of(section).ok_or(Rejection::UnknownSection)?;
        if seats == 0 || seats > MAX_ROW {
            let reason = format!("row.seats must be 1 to {MAX_ROW}");
            return Err(Rejection::Invalid { reason: reason.into() });
        }
        if let Some(problem) = bad_name(name) {
            return Err(Rejection::Invalid { reason: format!("row.name {problem}").into() });
        }
        if first_seat_after(self.seats.next_seat(), seats).is_none() {
            let reason = format!("row.seats: an event has at most {MAX_SEATS} seats in all");
            return Err(Rejection::Invalid { reason: reason.into() });
        }
        if found.rows.iter().any(|row| &*self.seats.row(*row).name == name) {
            let reason = "row.name is the name of another row of this section";
            return Err(Rejection::Invalid { reason: reason.into() });
        }
        self.room_for(i64::from(seats))?;
        let first_seat = self.seats.next_seat();
        Ok(Change::RowAdded { section, name: name.to_owned(), seats, first_seat })
    }

    pub(super) fn room_for(&self, more: i64) -> Result<(), Rejection> {
        let all: i64 = self.products.iter().map(|product| i64::from(product.counts.total)).sum();
        if all + more > i64::try_from(MAX_PLACES).unwrap_or(i64::MAX) {
            let reason = format!("an event has at most {MAX_PLACES} places in all");
            return Err(Rejection::Invalid { reason: reason.into() });
        }
        Ok(())
    }

    fn decide_window(
        &self,
        product: Option<ProductId>,
        window: SaleWindow,
    ) -> Result<Change, Rejection> {
        if product.is_some_and(|product| product.index() >= self.products.len()) {
            return Err(Rejection::UnknownProduct);
        }
        if let (Some(start), Some(end)) = (window.start, window.end)
            && start >= end
        {
            return Err(Rejection::Invalid {
                reason: "saleEndAt must be after saleStartAt".into(),
            });
        }
        Ok(Change::SaleWindowSet { product, window })
    }

    fn decide_state(&self, state: SaleState) -> Result<Change, Rejection> {
        if state == SaleState::Open {
            self.can_open(self.sale, self.times)?;
        }
        if self.sale_state == state {
            let state = match state {
                SaleState::Scheduled => "scheduled",
                SaleState::Open => "already open",
                SaleState::Paused => "already paused",
                SaleState::Closed => "already closed",
                SaleState::Cancelled => "already cancelled",
            };
            return Err(Rejection::WrongState { what: "sale".into(), state: state.into() });
        }
        Ok(Change::SaleStateSet { state })
    }
}

/// The id after the last seat of a new row, if the map may grow that far.
fn first_seat_after(next: SeatId, seats: u32) -> Option<u32> {
    next.0.checked_add(seats).filter(|end| *end <= MAX_SEATS)
}

fn expect_places(quantity: u32, there: u32) -> Result<(), Rejection> {
    if quantity == 0 {
        return Err(Rejection::Invalid { reason: "quantity must be at least 1".into() });
    }
    if quantity > there {
        return Err(Rejection::SoldOut { requested: quantity, available: there });
    }
    Ok(())
}
