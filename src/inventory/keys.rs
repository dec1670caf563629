//! Idempotency keys: the effect that each key had, remembered for a day. Refusals are not
//! remembered: a repeated request is decided again.

use super::chunks::Queue;
use super::customers::Customers;
use super::id_map::Index;
use super::{Idempotency, Place, Rejection, TimestampMs};
use crate::ids::{Seq, UserId};

/// How long a key is remembered.
pub(super) const REMEMBERED_MS: i64 = 24 * 3_600_000;
/// The most keys of one offering; beyond it the oldest are forgotten early.
const MAX_KEYS: usize = 1_000_000;
/// The most keys of one customer. Enough for one person who checks in a whole hall; few enough that
/// it takes a hundred accounts to push another customer's key out early.
const MAX_PER_CUSTOMER: u32 = 10_000;

#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub(super) struct Remembered {
    pub(super) idempotency: Idempotency,
    pub(super) at: TimestampMs,
    pub(super) seq: u64,
    pub(super) index: u32,
}

#[derive(Clone, Debug, Default)]
pub(super) struct Keys {
    queue: Queue<Remembered>,
    by_key: Index,
}

impl Keys {
    /// The place of the key's effect; `None` for a key that is new, or too old at `at`.
    pub(super) fn find(
        &self,
        asked: &Idempotency,
        at: TimestampMs,
        customers: &Customers,
    ) -> Result<Option<Place>, Rejection> {
        let Some(kept) = self.get(asked.key).filter(|kept| !is_too_old(kept, at)) else {
            return match self.has_room(asked.principal, at, customers) {
                true => Ok(None),
                false => Err(Rejection::TooManyKeys),
            };
        };
        if kept.idempotency.fingerprint != asked.fingerprint {
            return Err(Rejection::KeyReused);
        }
        Ok(Some(Place { seq: Seq(kept.seq), index: kept.index }))
    }

    /// True if the customer has used less than their share of keys, without keys that are too old.
    fn has_room(&self, customer: UserId, at: TimestampMs, customers: &Customers) -> bool {
        let Some(beyond) = customers.keys(customer).checked_sub(MAX_PER_CUSTOMER) else {
            return true;
        };
        // Rare: reads only as many entries as it takes to find one more old key than the excess.
        let old = self.queue.iter().take_while(|kept| is_too_old(kept, at));
        let old = old.filter(|kept| kept.idempotency.principal == customer);
        old.take(beyond as usize + 1).count() > beyond as usize
    }

    /// True if the key had an effect that is not too old at `at`.
    pub(super) fn remembers(&self, key: [u8; 16], at: TimestampMs) -> bool {
        self.get(key).is_some_and(|kept| !is_too_old(kept, at))
    }

    /// True if the key is stored, regardless of its age.
    pub(super) fn knows(&self, key: [u8; 16]) -> bool {
        self.get(key).is_some()
    }

    fn get(&self, key: [u8; 16]) -> Option<&Remembered> {
        let position = self.by_key.find(key, |position| key_at(&self.queue, position))?;
        self.queue.get(position)
    }

    /// Stores a key, which must not be one that it [`Self::knows`].
    pub(super) fn remember(&mut self, key: Remembered, customers: &mut Customers) {
        while self.queue.len() >= MAX_KEYS {
            self.forget_oldest(customers);
        }
        let Self { queue, by_key } = self;
        let position = queue.push(key);
        by_key.insert(key.idempotency.key, position, |position| key_at(queue, position));
        customers.key_remembered(key.idempotency.principal);
    }

    pub(super) fn prune(&mut self, at: TimestampMs, customers: &mut Customers) {
        while self.queue.front().is_some_and(|oldest| is_too_old(oldest, at)) {
            self.forget_oldest(customers);
        }
    }

    pub(super) fn len(&self) -> usize {
        self.queue.len()
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Remembered> {
        self.queue.iter()
    }

    fn forget_oldest(&mut self, customers: &mut Customers) {
        let Self { queue, by_key } = self;
        let Some(oldest) = queue.front().copied() else { return };
        by_key.remove(oldest.idempotency.key, |position| key_at(queue, position));
        queue.drop_front();
        customers.key_forgotten(oldest.idempotency.principal);
    }
}

fn is_too_old(kept: &Remembered, at: TimestampMs) -> bool {
    at.saturating_sub(kept.at) >= REMEMBERED_MS
}

fn key_at(queue: &Queue<Remembered>, position: u32) -> Option<[u8; 16]> {
    queue.get(position).map(|kept| kept.idempotency.key)
}
