//! The rows of an event's seats: written with the event, read for tickets and reservations.

use std::collections::{HashMap, HashSet};

use entities::seat;
use sea_orm::ActiveValue::Set;
use sea_orm::{ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter};

use crate::ids::{OfferingId, SeatId, SectionId};
use crate::inventory::{Change, Definition, SectionDefinition};
use crate::store::{Store, StoreError};

/// Rows in one INSERT: with seven columns each, they stay below SQLite's 32,766 variables.
const CHUNK: usize = 2_000;

impl Store {
    /// Returns the section, row and number of each seat.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn seat_labels(
        &self,
        offering: OfferingId,
        seats: &[SeatId],
    ) -> Result<HashMap<SeatId, (String, String, u32)>, StoreError> {
        let mut labels = HashMap::with_capacity(seats.len());
        for chunk in seats.chunks(CHUNK) {
            let rows = seat::Entity::find()
                .filter(seat::Column::OfferingId.eq(offering.0))
                .filter(seat::Column::SeatId.is_in(chunk.iter().map(|seat| i64::from(seat.0))))
                .all(self.reads())
                .await?;
            for row in rows {
                let id = u32::try_from(row.seat_id).map(SeatId);
                let number = u32::try_from(row.number);
                if let (Ok(id), Ok(number)) = (id, number) {
                    labels.insert(id, (row.section, row.row_name, number));
                }
            }
        }
        Ok(labels)
    }
}

/// Returns the number of places of each product of a new event.
pub(crate) fn totals(definition: &Definition, further: &[Change]) -> Vec<i64> {
    let products = definition.products.iter();
    let mut totals: Vec<i64> =
        products.map(|product| product.capacity.map_or(0, i64::from)).collect();
    for (_, (_, section), _) in seats(definition, further) {
        totals[section.product.index()] += 1;
    }
    totals
}

/// Returns the rows of an event's seats.
pub(crate) fn seat_rows<'a>(
    offering: OfferingId,
    definition: &'a Definition,
    further: &[Change],
) -> impl Iterator<Item = seat::ActiveModel> + use<'a> {
    seats(definition, further).map(move |(seat, (section_id, section), (row, number))| {
        seat::ActiveModel {
            offering_id: Set(offering.0),
            seat_id: Set(i64::from(seat.0)),
            section_id: Set(i32::from(section_id.0)),
            section: Set(section.name.clone()),
            row_name: Set(row.to_owned()),
            number: Set(i64::from(number)),
            product_id: Set(i32::from(section.product.0)),
        }
    })
}

/// A seat with its section, and with its row and number.
type Placed<'a> = (SeatId, (SectionId, &'a SectionDefinition), (&'a str, u32));

/// Returns the seats of an event that are not removed at once. Ids are assigned in the order of the
/// definition, as the core assigns them.
fn seats<'a>(
    definition: &'a Definition,
    further: &[Change],
) -> impl Iterator<Item = Placed<'a>> + use<'a> {
    let removed = further.iter().filter_map(|change| match change {
        Change::SeatsRemoved { seats } => Some(seats),
        _ => None,
    });
    let removed: HashSet<SeatId> = removed.flatten().copied().collect();
    let sections = (0_u16..).map(SectionId).zip(&definition.sections);
    let rows = sections.flat_map(|of| of.1.rows.iter().map(move |row| (of, row)));
    let seats = rows.flat_map(|(section, row)| {
        (1..=row.seats).map(move |number| (section, (row.name.as_str(), number)))
    });
    let all =
        (0_u32..).map(SeatId).zip(seats).map(|(seat, (section, place))| (seat, section, place));
    all.filter(move |(seat, ..)| !removed.contains(seat))
}

/// Inserts rows of seats.
pub(crate) async fn insert_seat_rows(
    transaction: &impl ConnectionTrait,
    rows: Vec<seat::ActiveModel>,
) -> Result<(), StoreError> {
    for chunk in rows.chunks(CHUNK) {
        seat::Entity::insert_many(chunk.to_vec()).exec_without_returning(transaction).await?;
    }
    Ok(())
}
