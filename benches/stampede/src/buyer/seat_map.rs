//! The seat map as seen by the buyers of a worker: read again when it is a second old, as a web
//! page would. Seats that it shows as free, other buyers see as free too.

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;
use std::time::Duration;

use rand::RngExt;
use rand::rngs::SmallRng;
use serde::Deserialize;

use super::answers::read;
use admitone::ids::{OfferingId, SeatId};

/// Age from which a map is read again.
pub const FRESH: Duration = Duration::from_secs(1);
const TRIES: u32 = 50;

/// The maps of a worker, by event.
#[derive(Default)]
pub struct SeatMaps(RefCell<HashMap<usize, Seen>>);

/// A map, and when it was read.
#[derive(Clone)]
#[expect(missing_docs, reason = "the names say it")]
pub struct Seen {
    pub map: Rc<SeatMap>,
    pub at: Duration,
    pub etag: Option<Box<str>>,
}

/// Rows of seats, each with its id and whether it was free.
#[derive(Debug, Default)]
pub struct SeatMap {
    rows: Vec<Vec<(u32, bool)>>,
}

#[derive(Deserialize)]
struct MapData<'a> {
    #[serde(borrow)]
    sections: Vec<SectionData<'a>>,
}

#[derive(Deserialize)]
struct SectionData<'a> {
    #[serde(borrow)]
    rows: Vec<RowData<'a>>,
}

#[derive(Deserialize)]
struct RowData<'a> {
    #[serde(borrow)]
    seats: Vec<SeatStateData<'a>>,
}

#[derive(Deserialize)]
struct SeatStateData<'a> {
    id: &'a str,
    status: &'a str,
}

impl SeatMaps {
    /// The map that was read last.
    pub fn get(&self, event: usize) -> Option<Seen> {
        self.0.borrow().get(&event).cloned()
    }

    /// Stores a map.
    pub fn put(&self, event: usize, seen: Seen) {
        self.0.borrow_mut().insert(event, seen);
    }
}

impl SeatMap {
    /// Parses the answer of `GET …/seats`.
    ///
    /// # Errors
    /// When the body is not such an answer.
    pub fn parse(event: OfferingId, body: &[u8]) -> Result<Self, String> {
        let data: MapData<'_> = read(body)?;
        let seat = |seat: &SeatStateData<'_>| {
            let id = SeatId::from_public(event, seat.id).map_err(|error| error.to_string())?;
            Ok::<_, String>((id.0, seat.status == "AVAILABLE"))
        };
        let rows = data.sections.iter().flat_map(|section| &section.rows);
        let rows = rows.map(|row| row.seats.iter().map(seat).collect::<Result<_, _>>());
        Ok(Self { rows: rows.collect::<Result<_, _>>()? })
    }

    /// `party` seats next to each other that are shown as free; fewer when none are found.
    #[must_use]
    pub fn pick(&self, party: u32, rng: &mut SmallRng) -> Option<Box<[u32]>> {
        let party = party as usize;
        if self.rows.is_empty() {
            return None;
        }
        for size in (1..=party).rev() {
            for _ in 0..TRIES {
                let row = &self.rows[rng.random_range(0..self.rows.len())];
                if row.len() < size {
                    continue;
                }
                let from = rng.random_range(0..=row.len() - size);
                let seats = &row[from..from + size];
                if seats.iter().all(|(_, is_free)| *is_free) {
                    return Some(seats.iter().map(|(seat, _)| *seat).collect());
                }
            }
        }
        None
    }

    /// The seats that are shown as free.
    pub fn free(&self) -> impl Iterator<Item = u32> {
        self.rows.iter().flatten().filter(|(_, is_free)| *is_free).map(|(seat, _)| *seat)
    }
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;

    use super::*;

    #[test]
    fn only_free_seats_next_to_each_other_are_picked() {
        let event = OfferingId::random();
        let seat = |number: u32, status: &str| {
            format!("{{\"id\":\"{}\",\"status\":\"{status}\"}}", SeatId(number).to_public(event))
        };
        let seats = [seat(0, "HELD"), seat(1, "AVAILABLE"), seat(2, "AVAILABLE"), seat(3, "SOLD")]
            .join(",");
        let body =
            format!("{{\"data\":{{\"sections\":[{{\"rows\":[{{\"seats\":[{seats}]}}]}}]}}}}");
        let map = SeatMap::parse(event, body.as_bytes()).unwrap();
        assert_eq!(map.free().collect::<Vec<_>>(), [1, 2]);
        let mut rng = SmallRng::seed_from_u64(1);
        assert_eq!(map.pick(2, &mut rng).as_deref(), Some(&[1, 2][..]));
        assert_eq!(map.pick(4, &mut rng).as_deref(), Some(&[1, 2][..]), "as many as there are");
        assert!(SeatMap::parse(OfferingId::random(), body.as_bytes()).is_err());
        assert!(SeatMap::default().pick(1, &mut rng).is_none());
    }
}
