//! The naive model's decisions about the commands of administrators.

use super::*;

impl Model {
    pub(super) fn decide_admin(&self, command: &Command) -> Result<Change, Rejection> {
        self.alive()?;
        let sold_out = |requested: u32, available: u32| match requested {
            0 => invalid(),
            _ if requested > available => Err(Rejection::SoldOut { requested, available }),
            _ => Ok(()),
        };
        Ok(match command {
            Command::BlockSeats { seats } => {
                self.seats_that_are(seats, &[SeatStatus::Available])?;
                Change::SeatsBlocked { seats: seats.clone() }
            }
            Command::UnblockSeats { seats } => {
                self.seats_that_are(seats, &[SeatStatus::Blocked])?;
                Change::SeatsUnblocked { seats: seats.clone() }
            }
            Command::RemoveSeats { seats } => {
                self.seats_that_are(seats, &[SeatStatus::Blocked, SeatStatus::Available])?;
                Change::SeatsRemoved { seats: seats.clone() }
            }
            Command::KeepSeats { seats, until } => {
                use SeatStatus::{Available, Blocked, Held, Sold};
                self.seats_that_are(seats, &[Available, Held, Sold, Blocked])?;
                if *until <= self.at {
                    return invalid();
                }
                Change::SeatsKept { seats: seats.clone(), until: *until }
            }
            Command::BlockPlaces { product, quantity } => {
                self.kind(*product, false)?;
                sold_out(*quantity, self.counts(*product).available)?;
                Change::PlacesBlocked { product: *product, quantity: *quantity }
            }
            Command::UnblockPlaces { product, quantity } => {
                self.kind(*product, false)?;
                sold_out(*quantity, self.counts(*product).blocked)?;
                Change::PlacesUnblocked { product: *product, quantity: *quantity }
            }
            Command::Resize { product, total } => {
                self.kind(*product, false)?;
                let counts = self.counts(*product);
                let taken = counts.held + counts.sold + counts.blocked;
                if *total < taken {
                    return Err(Rejection::BelowTaken { taken });
                }
                Change::Resized { product: *product, total: *total }
            }
            Command::AddRow { section, name, seats } => {
                let Some(of) = self.definition.sections.get(section.index()) else {
                    return Err(Rejection::UnknownSection);
                };
                if *seats == 0 || *seats > 1_000 || of.rows.iter().any(|row| row.name == *name) {
                    return invalid();
                }
                let first_seat = SeatId(u32::try_from(self.seats.len()).unwrap());
                Change::RowAdded {
                    section: *section,
                    name: name.clone(),
                    seats: *seats,
                    first_seat,
                }
            }
            Command::Reprice { product, price } => {
                if product.index() >= self.definition.products.len() {
                    return Err(Rejection::UnknownProduct);
                }
                if *price < 0 {
                    return invalid();
                }
                Change::Repriced { product: *product, price: *price }
            }
            Command::SetSaleWindow { product, window } => {
                if let SaleWindow { start: Some(start), end: Some(end) } = window
                    && end <= start
                {
                    return invalid();
                }
                Change::SaleWindowSet { product: *product, window: *window }
            }
            Command::OpenSale => self.switch(SaleState::Open)?,
            Command::PauseSale => self.switch(SaleState::Paused)?,
            Command::CloseSale => self.switch(SaleState::Closed)?,
            Command::CancelOffering => self.switch(SaleState::Cancelled)?,
            other => unreachable!("{other:?}"),
        })
    }

    pub(super) fn switch(&self, state: SaleState) -> Result<Change, Rejection> {
        if state == SaleState::Open {
            self.not_over(self.definition.sale.end, self.times)?;
        }
        if self.state == state { Err(wrong()) } else { Ok(Change::SaleStateSet { state }) }
    }

    pub(super) fn seats_that_are(
        &self,
        seats: &[SeatId],
        allowed: &[SeatStatus],
    ) -> Result<(), Rejection> {
        if seats.is_empty() {
            return invalid();
        }
        self.known_seats(seats)?;
        let mut others = seats.to_vec();
        others.retain(|seat| !allowed.contains(&self.status(*seat)));
        if others.is_empty() { Ok(()) } else { Err(Rejection::SeatsTaken { seats: others }) }
    }
}
