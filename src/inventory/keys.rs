//! Idempotency keys: which effect a key had, for a day. Refusals are not remembered: asked again,
//! they are decided again.

use super::chunks::Queue;
use super::id_map::IdMap;
use super::{Idempotency, Place, Rejection, TimestampMs};
use crate::ids::{Seq, UserId};

/// How long a key is remembered.
pub(super) const REMEMBERED_MS: i64 = 24 * 3_600_000;
/// The most keys of one offering; beyond it the oldest go early.
const MAX_KEYS: usize = 1_000_000;
/// The most keys of one customer. Wide enough for one person at the door who checks in a hall;
/// narrow enough that it takes a hundred accounts to push anybody's key out early.
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
    by_key: IdMap<[u8; 16], u32>,
    per_customer: IdMap<UserId, u32>,
}

impl Keys {
    /// The place of the key's effect, `None` for a new key.
    pub(super) fn find(&self, asked: &Idempotency) -> Result<Option<Place>, Rejection> {
        let Some(position) = self.by_key.get(&asked.key) else {
            let used = self.per_customer.get(&asked.principal).copied().unwrap_or(0);
            return if used < MAX_PER_CUSTOMER { Ok(None) } else { Err(Rejection::TooManyKeys) };
        };
        let kept = self.queue.get(*position).expect("the map holds positions in the queue");
        if kept.idempotency.fingerprint != asked.fingerprint {
            return Err(Rejection::KeyReused);
        }
        Ok(Some(Place { seq: Seq(kept.seq), index: kept.index }))
    }

    pub(super) fn remember(&mut self, key: Remembered) {
        while self.queue.len() >= MAX_KEYS {
            self.forget_oldest();
        }
        let position = self.queue.push(key);
        self.by_key.insert(key.idempotency.key, position);
        *self.per_customer.entry(key.idempotency.principal).or_default() += 1;
    }

    pub(super) fn prune(&mut self, at: TimestampMs) {
        while self.queue.front().is_some_and(|oldest| at.saturating_sub(oldest.at) >= REMEMBERED_MS)
        {
            self.forget_oldest();
        }
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Remembered> {
        self.queue.iter()
    }

    fn forget_oldest(&mut self) {
        let Some(oldest) = self.queue.front().copied() else { return };
        self.queue.drop_front();
        self.by_key.remove(&oldest.idempotency.key);
        let principal = oldest.idempotency.principal;
        if let Some(count) = self.per_customer.get_mut(&principal) {
            *count -= 1;
            if *count == 0 {
                self.per_customer.remove(&principal);
            }
        }
    }
}
