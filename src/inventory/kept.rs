//! Seats that are kept from best available until a stated time, for those who need them: accessible
//! and companion seats. Costs a bit per seat once a seat is kept, and nothing before.

use std::collections::BTreeSet;

use super::TimestampMs;
use crate::ids::SeatId;

/// The kept seats, taken ones included: such a seat is kept again once it is free.
#[derive(Clone, Debug, Default)]
pub(super) struct Kept {
    /// A bit per seat; empty while no seat is kept.
    bits: Vec<u64>,
    /// The kept seats by the time at which they are released.
    until: BTreeSet<(TimestampMs, SeatId)>,
}

impl Kept {
    pub(super) fn is_empty(&self) -> bool {
        self.until.is_empty()
    }

    pub(super) fn len(&self) -> usize {
        self.until.len()
    }

    pub(super) fn contains(&self, seat: SeatId) -> bool {
        let word = self.bits.get(seat.index() / 64);
        word.is_some_and(|word| word & (1 << (seat.index() % 64)) != 0)
    }

    /// Keeps seats until a time; the time of a seat that is kept already is replaced.
    pub(super) fn keep(&mut self, seats: &[SeatId], until: TimestampMs) {
        self.let_go(seats);
        for seat in seats {
            let word = seat.index() / 64;
            if self.bits.len() <= word {
                self.bits.resize(word + 1, 0);
            }
            self.bits[word] |= 1 << (seat.index() % 64);
        }
        self.until.extend(seats.iter().map(|seat| (until, *seat)));
    }

    /// Ends the keeping of those of the seats that are kept.
    pub(super) fn let_go(&mut self, seats: &[SeatId]) {
        let mut known: Vec<SeatId> =
            seats.iter().copied().filter(|seat| self.contains(*seat)).collect();
        if known.is_empty() {
            return;
        }
        known.sort_unstable();
        self.until.retain(|(_, seat)| known.binary_search(seat).is_err());
        for seat in known {
            self.bits[seat.index() / 64] &= !(1 << (seat.index() % 64));
        }
        if self.until.is_empty() {
            self.bits = Vec::new();
        }
    }

    /// The time at which the next seats are released.
    pub(super) fn next_release(&self) -> Option<TimestampMs> {
        self.until.first().map(|(until, _)| *until)
    }

    /// The seats to release by now, at most `limit`.
    pub(super) fn due(&self, now: TimestampMs, limit: usize) -> Vec<SeatId> {
        let due = self.until.iter().take_while(|(until, _)| *until <= now);
        due.take(limit).map(|(_, seat)| *seat).collect()
    }

    /// All kept seats, by time and id.
    pub(super) fn iter(&self) -> impl Iterator<Item = (TimestampMs, SeatId)> {
        self.until.iter().copied()
    }

    /// True if the bits are those of the seats.
    pub(super) fn is_consistent(&self) -> bool {
        let bits: u32 = self.bits.iter().map(|word| word.count_ones()).sum();
        bits as usize == self.until.len() && self.until.iter().all(|(_, seat)| self.contains(*seat))
    }
}
