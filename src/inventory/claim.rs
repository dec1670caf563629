//! Claims on places. A hold, which may be a waitlist offer, becomes a reservation in the same slot,
//! so that the seats need no update.

use std::cmp::Reverse;
use std::collections::{BTreeSet, BinaryHeap, VecDeque};
use std::ops::Deref;

use super::cancelled::CancelledTickets;
use super::chunks::Slab;
use super::id_map::{IdMap, Index};
use super::status::WrittenPlace;
use super::{HoldStatus, Line, TimestampMs};
use crate::ids::{HoldId, PaymentId, ReservationId, UserId};

/// How long an ended hold is remembered, so that a late command gets the reason why it ended.
pub(super) const ENDED_HOLD_MS: i64 = 3_600_000;
/// How long an ended reservation is remembered, so that a late payment can revive it.
pub(super) const ENDED_RESERVATION_MS: i64 = 24 * 3_600_000;
/// How many ended holds, and how many ended reservations, are remembered; the first to end is
/// forgotten first.
const MAX_ENDED: usize = 250_000;

#[derive(Clone, Debug)]
pub(super) struct Claim {
    pub(super) customer: UserId,
    pub(super) lines: Lines,
    pub(super) kind: Kind,
    /// The slots of the customer's next older and next newer living claims.
    neighbours: Neighbours,
}

/// No slot: the end of a list, or a claim that is in no list.
pub(super) const NO_SLOT: u32 = u32::MAX;

#[derive(Clone, Copy, Debug)]
struct Neighbours {
    older: u32,
    newer: u32,
}

impl Claim {
    /// A claim that is in no list yet.
    pub(super) fn new(customer: UserId, lines: Lines, kind: Kind) -> Self {
        let neighbours = Neighbours { older: NO_SLOT, newer: NO_SLOT };
        Self { customer, lines, kind, neighbours }
    }
}

/// The lines of a claim. Nearly always one, which then needs no allocation.
#[derive(Clone, Debug)]
pub(super) enum Lines {
    One(Line),
    Many(Box<[Line]>),
}

impl From<&[Line]> for Lines {
    fn from(lines: &[Line]) -> Self {
        match lines {
            [line] => Self::One(line.clone()),
            lines => Self::Many(lines.into()),
        }
    }
}

impl From<Vec<Line>> for Lines {
    fn from(mut lines: Vec<Line>) -> Self {
        match lines.pop() {
            Some(line) if lines.is_empty() => Self::One(line),
            last => Self::Many(lines.into_iter().chain(last).collect()),
        }
    }
}

impl Deref for Lines {
    type Target = [Line];
    fn deref(&self) -> &[Line] {
        match self {
            Self::One(line) => std::slice::from_ref(line),
            Self::Many(lines) => lines,
        }
    }
}

#[derive(Clone, Debug)]
pub(super) enum Kind {
    Hold(Hold),
    /// Boxed, since most claims of a running sale are holds.
    Reservation(Box<Reservation>),
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Hold {
    pub(super) id: HoldId,
    pub(super) placed_at: TimestampMs,
    pub(super) expires_at: TimestampMs,
    pub(super) offered: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub(super) struct Reservation {
    pub(super) id: ReservationId,
    pub(super) state: State,
    /// The end of the pay window, not counting its deferral by a payment in progress.
    pub(super) window_end: TimestampMs,
    /// Bit n is set once the n-th ticket has been checked in.
    pub(super) checked_in: u64,
    /// The claim's lines do not contain their places.
    pub(super) cancelled: CancelledTickets,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub(super) enum State {
    Pending {
        pay_by: TimestampMs,
        payment: Option<(PaymentId, WrittenPlace)>,
    },
    Confirmed {
        /// `None` where there was nothing to pay; written as the nil id, which no payment has.
        #[serde(with = "nil_is_none")]
        payment: Option<PaymentId>,
        place: WrittenPlace,
    },
    /// `payment` was in progress at that time, and may still be confirmed.
    Expired {
        at: TimestampMs,
        payment: Option<PaymentId>,
    },
    Cancelled {
        at: TimestampMs,
    },
}

impl State {
    pub(super) fn is_confirmed(&self) -> bool {
        match self {
            Self::Confirmed { .. } => true,
            Self::Pending { .. } | Self::Expired { .. } | Self::Cancelled { .. } => false,
        }
    }
}

pub(super) mod nil_is_none {
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    use crate::ids::PaymentId;

    #[expect(clippy::ref_option, reason = "serde passes fields by reference")]
    pub(in crate::inventory) fn serialize<S: Serializer>(
        payment: &Option<PaymentId>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        payment.unwrap_or(PaymentId::NIL).serialize(serializer)
    }

    pub(in crate::inventory) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Option<PaymentId>, D::Error> {
        let payment = PaymentId::deserialize(deserializer)?;
        Ok((payment != PaymentId::NIL).then_some(payment))
    }
}

impl Claim {
    /// True if the claim has places.
    pub(super) fn is_living(&self) -> bool {
        match &self.kind {
            Kind::Hold(_) => true,
            Kind::Reservation(reservation) => match reservation.state {
                State::Pending { .. } | State::Confirmed { .. } => true,
                State::Expired { .. } | State::Cancelled { .. } => false,
            },
        }
    }

    /// The part of the claim's id that orders deadlines of the same time.
    fn order(&self) -> u64 {
        let id = match &self.kind {
            Kind::Hold(hold) => hold.id.0,
            Kind::Reservation(reservation) => reservation.id.0,
        };
        id.as_u64_pair().0
    }

    /// The time at which the claim ends by itself.
    fn deadline(&self) -> Option<TimestampMs> {
        match &self.kind {
            Kind::Hold(hold) => Some(hold.expires_at),
            Kind::Reservation(reservation) => match reservation.state {
                State::Pending { pay_by, .. } => Some(pay_by),
                State::Confirmed { .. } | State::Expired { .. } | State::Cancelled { .. } => None,
            },
        }
    }
}

/// An ended hold: its customer, and how it ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub(super) struct EndedHold {
    pub(super) id: HoldId,
    pub(super) customer: UserId,
    pub(super) how: Ending,
    pub(super) at: TimestampMs,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub(super) enum Ending {
    Converted(ReservationId),
    Released,
    Expired,
}

impl From<Ending> for HoldStatus {
    fn from(ending: Ending) -> Self {
        match ending {
            Ending::Converted(reservation) => Self::Converted { reservation },
            Ending::Released => Self::Released,
            Ending::Expired => Self::Expired,
        }
    }
}

/// A deadline. Ordered by time and then by id, so that the order does not depend on slots. (64 bits
/// of a random id are enough.)
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Deadline {
    at: TimestampMs,
    id: u64,
    slot: u32,
}

#[derive(Clone, Debug, Default)]
pub(super) struct Claims {
    pub(super) slab: Slab<Claim>,
    /// Slots of live holds and offers in the slab.
    holds: Index,
    /// Slots of reservations in the slab, ended ones included.
    reservations: Index,
    pub(super) ended_holds: IdMap<HoldId, EndedHold>,
    /// Ended holds, in the order in which they ended.
    pub(super) ended_order: VecDeque<HoldId>,
    /// Sorted by time and id, independent of history, so that a state from a snapshot forgets the
    /// same reservations.
    ended_reservations: BTreeSet<(TimestampMs, ReservationId)>,
    /// Every deadline that a claim has had; stale ones are skipped.
    deadlines: BinaryHeap<Reverse<Deadline>>,
}

impl Claims {
    /// Adds a claim and indexes it by its id; returns `None` when there is a claim of that id.
    pub(super) fn insert(&mut self, claim: Claim) -> Option<u32> {
        let slot = self.slab.insert(claim);
        let Self { slab, holds, reservations, .. } = self;
        let known = match (hold_id(slab, slot), reservation_id(slab, slot)) {
            (Some(id), _) => holds.find(id, |slot| hold_id(slab, slot)).is_some(),
            (None, Some(id)) => reservations.find(id, |slot| reservation_id(slab, slot)).is_some(),
            (None, None) => false,
        };
        if known {
            slab.remove(slot);
            return None;
        }
        if let Some(id) = hold_id(slab, slot) {
            holds.insert(id, slot, |slot| hold_id(slab, slot));
        }
        if let Some(id) = reservation_id(slab, slot) {
            reservations.insert(id, slot, |slot| reservation_id(slab, slot));
        }
        Some(slot)
    }

    /// Turns the hold into a reservation in its slot; returns `None` when one of the two ids does
    /// not fit.
    pub(super) fn convert(&mut self, hold: HoldId, into: Reservation) -> Option<(u32, UserId)> {
        if self.reservation_slot(into.id).is_some() {
            return None;
        }
        let Self { slab, holds, reservations, .. } = self;
        let slot = holds.remove(hold, |slot| hold_id(slab, slot))?;
        let claim = slab.get_mut(slot)?;
        let customer = claim.customer;
        claim.kind = Kind::Reservation(Box::new(into));
        reservations.insert(into.id, slot, |slot| reservation_id(slab, slot));
        Some((slot, customer))
    }

    /// Removes a hold.
    pub(super) fn remove_hold(&mut self, id: HoldId) -> Option<Claim> {
        let Self { slab, holds, .. } = self;
        let slot = holds.remove(id, |slot| hold_id(slab, slot))?;
        slab.remove(slot)
    }

    /// Number of live holds and offers.
    pub(super) fn live_holds(&self) -> usize {
        self.holds.len()
    }

    /// Number of holds and reservations, ended reservations included.
    pub(super) fn all(&self) -> usize {
        self.holds.len() + self.reservations.len()
    }

    /// Number of reservations, including ended ones that are still remembered.
    pub(super) fn all_reservations(&self) -> usize {
        self.reservations.len()
    }

    pub(super) fn hold_slot(&self, id: HoldId) -> Option<u32> {
        self.holds.find(id, |slot| hold_id(&self.slab, slot))
    }

    pub(super) fn reservation_slot(&self, id: ReservationId) -> Option<u32> {
        self.reservations.find(id, |slot| reservation_id(&self.slab, slot))
    }

    pub(super) fn hold(&self, id: HoldId) -> Option<(&Claim, &Hold)> {
        let claim = self.slab.get(self.hold_slot(id)?)?;
        match &claim.kind {
            Kind::Hold(hold) => Some((claim, hold)),
            Kind::Reservation(_) => None,
        }
    }

    pub(super) fn reservation(&self, id: ReservationId) -> Option<(&Claim, &Reservation)> {
        let claim = self.slab.get(self.reservation_slot(id)?)?;
        match &claim.kind {
            Kind::Reservation(reservation) => Some((claim, reservation)),
            Kind::Hold(_) => None,
        }
    }

    /// Links a claim before `older`, until now the newest of the same customer's claims.
    pub(super) fn link(&mut self, slot: u32, older: u32) {
        if let Some(older) = self.slab.get_mut(older) {
            older.neighbours.newer = slot;
        }
        if let Some(claim) = self.slab.get_mut(slot) {
            claim.neighbours = Neighbours { older, newer: NO_SLOT };
        }
    }

    /// Removes a claim from its customer's list. If it was the newest, returns the slot of the
    /// claim that is the newest now.
    pub(super) fn unlink(&mut self, slot: u32) -> Option<u32> {
        let alone = Neighbours { older: NO_SLOT, newer: NO_SLOT };
        let Neighbours { older, newer } =
            std::mem::replace(&mut self.slab.get_mut(slot)?.neighbours, alone);
        if let Some(older) = self.slab.get_mut(older) {
            older.neighbours.newer = newer;
        }
        match self.slab.get_mut(newer) {
            Some(newer) => {
                newer.neighbours.older = older;
                None
            }
            None => Some(older),
        }
    }

    /// A customer's living claims with their slots, starting at the newest.
    pub(super) fn living_from(&self, newest: u32) -> impl Iterator<Item = (u32, &Claim)> {
        let mut slot = newest;
        std::iter::from_fn(move || {
            let claim = self.slab.get(slot)?;
            let found = (slot, claim);
            slot = claim.neighbours.older;
            Some(found)
        })
    }

    pub(super) fn push_deadline(&mut self, deadline: TimestampMs, slot: u32) {
        // Extended and ended holds leave stale deadlines behind: never more than there are claims.
        if self.deadlines.len() > 2 * (self.holds.len() + self.reservations.len()) + 1_024 {
            let live = self.slab.iter().filter_map(|(slot, claim)| {
                Some(Reverse(Deadline { at: claim.deadline()?, id: claim.order(), slot }))
            });
            self.deadlines = live.collect();
        }
        let Some(claim) = self.slab.get(slot) else { return };
        self.deadlines.push(Reverse(Deadline { at: deadline, id: claim.order(), slot }));
    }

    /// The next deadline that is still the deadline of its claim, with the claim's slot.
    pub(super) fn next_deadline(&mut self) -> Option<(TimestampMs, u32)> {
        while let Some(Reverse(next)) = self.deadlines.peek() {
            let Deadline { at, id, slot } = *next;
            let current = self.slab.get(slot);
            if current.is_some_and(|claim| claim.deadline() == Some(at) && claim.order() == id) {
                return Some((at, slot));
            }
            self.deadlines.pop();
        }
        None
    }

    /// The slots of claims whose deadline has passed, at most `limit`. Their deadlines stay in the
    /// heap until the claims have ended.
    pub(super) fn due(&mut self, at: TimestampMs, limit: usize) -> Vec<u32> {
        let mut due = Vec::new();
        while due.len() < limit
            && let Some((deadline, slot)) = self.next_deadline()
            && deadline <= at
        {
            self.deadlines.pop();
            due.push(slot);
        }
        // The deadlines are put back: only applying the change that ends the claims makes them
        // stale.
        self.deadlines.extend(due.iter().filter_map(|slot| {
            let claim = self.slab.get(*slot)?;
            Some(Reverse(Deadline { at: claim.deadline()?, id: claim.order(), slot: *slot }))
        }));
        // The same claim may have had the same deadline twice.
        due.sort_unstable();
        due.dedup();
        due
    }

    /// Remembers how an ended hold ended.
    pub(super) fn hold_ended(&mut self, ended: EndedHold) {
        self.ended_holds.insert(ended.id, ended);
        self.ended_order.push_back(ended.id);
    }

    pub(super) fn reservation_ended(&mut self, at: TimestampMs, id: ReservationId) {
        self.ended_reservations.insert((at, id));
    }

    pub(super) fn reservation_revived(&mut self, ended_at: TimestampMs, id: ReservationId) {
        self.ended_reservations.remove(&(ended_at, id));
    }

    /// True if [`Self::prune`] at `at` would forget how this hold ended.
    pub(super) fn forgets_hold(&self, ended: &EndedHold, at: TimestampMs) -> bool {
        let too_many = self.ended_order.len().saturating_sub(MAX_ENDED);
        at.saturating_sub(ended.at) >= ENDED_HOLD_MS
            || self.ended_order.iter().take(too_many).any(|id| *id == ended.id)
    }

    /// True if [`Self::prune`] at `at` would forget a reservation that ended at `ended_at`.
    pub(super) fn forgets_reservation(
        &self,
        (ended_at, id): (TimestampMs, ReservationId),
        at: TimestampMs,
    ) -> bool {
        let too_many = self.ended_reservations.len().saturating_sub(MAX_ENDED);
        at.saturating_sub(ended_at) >= ENDED_RESERVATION_MS
            || self.ended_reservations.iter().take(too_many).any(|ended| *ended == (ended_at, id))
    }

    /// Forgets holds and reservations that ended too long ago.
    pub(super) fn prune(&mut self, at: TimestampMs) {
        while let Some(oldest) = self.ended_order.front()
            && (self.ended_order.len() > MAX_ENDED
                || self
                    .ended_holds
                    .get(oldest)
                    .is_none_or(|ended| at.saturating_sub(ended.at) >= ENDED_HOLD_MS))
        {
            self.ended_holds.remove(oldest);
            self.ended_order.pop_front();
        }
        while let Some((ended_at, id)) = self.ended_reservations.first().copied()
            && (self.ended_reservations.len() > MAX_ENDED
                || at.saturating_sub(ended_at) >= ENDED_RESERVATION_MS)
        {
            self.ended_reservations.pop_first();
            let Self { slab, reservations, .. } = &mut *self;
            if let Some(slot) = reservations.remove(id, |slot| reservation_id(slab, slot)) {
                slab.remove(slot);
            }
        }
    }
}

fn hold_id(slab: &Slab<Claim>, slot: u32) -> Option<HoldId> {
    match &slab.get(slot)?.kind {
        Kind::Hold(hold) => Some(hold.id),
        Kind::Reservation(_) => None,
    }
}

fn reservation_id(slab: &Slab<Claim>, slot: u32) -> Option<ReservationId> {
    match &slab.get(slot)?.kind {
        Kind::Hold(_) => None,
        Kind::Reservation(reservation) => Some(reservation.id),
    }
}
