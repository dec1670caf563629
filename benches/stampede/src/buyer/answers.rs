//! The parts of the answers that the buyers read.

use serde::Deserialize;
use uuid::Uuid;

use admitone::ids::{OfferingId, SeatId};

#[derive(Deserialize)]
pub(super) struct Data<T> {
    pub(super) data: T,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct HoldData<'a> {
    pub(super) id: Uuid,
    #[serde(default)]
    pub(super) seq: u64,
    #[serde(borrow)]
    pub(super) lines: Vec<LineData<'a>>,
    pub(super) total_price: MoneyData,
}

#[derive(Deserialize)]
pub(super) struct LineData<'a> {
    pub(super) quantity: u32,
    #[serde(borrow)]
    pub(super) seats: Vec<SeatData<'a>>,
}

#[derive(Deserialize)]
pub(super) struct SeatData<'a> {
    pub(super) id: &'a str,
}

#[derive(Deserialize)]
pub(super) struct MoneyData {
    pub(super) amount: i64,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ReservationData {
    pub(super) id: Uuid,
    pub(super) total_price: MoneyData,
}

#[derive(Deserialize)]
pub(super) struct PaymentData<'a> {
    pub(super) status: &'a str,
    pub(super) amount: MoneyData,
}

#[derive(Deserialize)]
pub(super) struct EntryData<'a> {
    pub(super) id: Uuid,
    pub(super) status: &'a str,
}

/// An enrollment in a class.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct EnrollmentData<'a> {
    pub(super) id: Uuid,
    pub(super) status: &'a str,
    pub(super) waitlist_position: Option<u64>,
    pub(super) waitlist_total: Option<u64>,
}

/// Parses the `data` of an answer.
pub(super) fn read<'a, T: Deserialize<'a>>(body: &'a [u8]) -> Result<T, String> {
    let read = serde_json::from_slice::<Data<T>>(body);
    read.map(|envelope| envelope.data).map_err(|error| {
        let text = String::from_utf8_lossy(body);
        let text: String = text.chars().take(200).collect();
        format!("an answer that cannot be read ({error}): {text}")
    })
}

impl HoldData<'_> {
    /// The number of places of the hold, and its seats.
    pub(super) fn places(&self, event: OfferingId) -> Result<(u32, Box<[u32]>), String> {
        let places = self.lines.iter().map(|line| line.quantity).sum();
        let ids = self.lines.iter().flat_map(|line| &line.seats);
        let seats = ids.map(|seat| {
            let id = SeatId::from_public(event, seat.id);
            id.map(|id| id.0).map_err(|error| format!("the seat {:?} {error}", seat.id))
        });
        Ok((places, seats.collect::<Result<_, _>>()?))
    }
}
