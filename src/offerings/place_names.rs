//! Places in words: the product, and the seat as its plan labels it. For tickets and orders that are
//! printed or sent; box offices are not asked.

use std::sync::Arc;

use crate::ids::{ProductId, SeatId};
use crate::inventory::{Line, Minor};
use crate::offerings::{OfferingError, Offerings, TicketCodes};
use crate::store::{EventRow, Store, TicketRow};
use crate::venues::{EventSeats, VenueError, Venues};

/// Where a seat is, as it is printed on a ticket.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say it")]
pub struct SeatName {
    pub section: String,
    pub row: String,
    pub label: String,
}

/// A ticket with its place in words.
#[derive(Clone, Debug)]
pub struct NamedTicket {
    /// The signed code that the door reads.
    pub code: String,
    /// The name of the product.
    pub product: String,
    /// `None` for places without numbers.
    pub seat: Option<SeatName>,
}

/// Places of one product in an order, in words.
#[derive(Clone, Debug)]
pub struct NamedLine {
    /// The name of the product.
    pub product: String,
    /// The number of places.
    pub quantity: u32,
    /// The price of one place, in minor units of the event's currency.
    pub unit_price: Minor,
    /// The seats; empty for places without numbers.
    pub seats: Vec<SeatName>,
}

/// Finds the words for places.
#[derive(Clone)]
pub struct PlaceNames {
    store: Store,
    venues: Arc<Venues>,
    codes: TicketCodes,
}

impl Offerings {
    /// Returns the words for places of this service's events.
    #[must_use]
    pub fn place_names(&self) -> PlaceNames {
        let (store, venues) = (self.store.clone(), Arc::clone(&self.venues));
        PlaceNames { store, venues, codes: self.codes.clone() }
    }
}

impl PlaceNames {
    /// Returns tickets of one event with their places, in the given order.
    ///
    /// # Errors
    /// If the store cannot be read.
    pub async fn of_tickets(
        &self,
        event: &EventRow,
        tickets: &[TicketRow],
    ) -> Result<Vec<NamedTicket>, OfferingError> {
        let seats: Vec<SeatId> = tickets.iter().filter_map(|ticket| ticket.seat).collect();
        let mut names = self.of_seats(event, &seats).await?.into_iter();
        let named = tickets.iter().map(|ticket| NamedTicket {
            code: self.codes.code(ticket.id),
            product: product_name(event, ticket.product),
            seat: ticket.seat.and_then(|_| names.next()),
        });
        Ok(named.collect())
    }

    /// Returns the lines of an order of one event with their places.
    ///
    /// # Errors
    /// If the store cannot be read.
    pub async fn of_lines(
        &self,
        event: &EventRow,
        lines: &[Line],
    ) -> Result<Vec<NamedLine>, OfferingError> {
        let mut named = Vec::with_capacity(lines.len());
        for line in lines {
            named.push(NamedLine {
                product: product_name(event, line.product),
                quantity: line.quantity,
                unit_price: line.unit_price,
                seats: self.of_seats(event, &line.seats).await?,
            });
        }
        Ok(named)
    }

    /// Returns the names of seats, in the given order.
    async fn of_seats(
        &self,
        event: &EventRow,
        seats: &[SeatId],
    ) -> Result<Vec<SeatName>, OfferingError> {
        if seats.is_empty() {
            return Ok(Vec::new());
        }
        let mut places = self.store.seat_labels(event.id, seats).await?;
        let labels = match self.venues.seats(event.id).await {
            Ok(labels) => labels,
            Err(VenueError::Store(error)) => return Err(error.into()),
            Err(VenueError::Invalid(_) | VenueError::NoSuchVenue | VenueError::NoSuchPlan) => {
                EventSeats::default()
            }
        };
        let named = seats.iter().map(|seat| {
            let (section, row, number) = places.remove(seat).unwrap_or_default();
            SeatName { section, row, label: labels.label(*seat, number) }
        });
        Ok(named.collect())
    }
}

fn product_name(event: &EventRow, id: ProductId) -> String {
    let found = event.products.iter().find(|product| product.id == id);
    found.map_or_else(String::new, |product| product.name.clone())
}
