//! Access tokens that are revoked although they have not expired: by account, the lowest version
//! that is still valid. An entry is kept for as long as an older token could live, and no longer.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};

use dashmap::DashMap;

use crate::ids::UserId;
use crate::inventory::TimestampMs;

/// A set of revocations that forgets expired ones.
#[derive(Default)]
pub(super) struct Revoked {
    lowest: DashMap<UserId, Lowest>,
    /// The same revocations in the order in which they are forgotten.
    expiries: Mutex<VecDeque<(TimestampMs, UserId)>>,
}

#[derive(Clone, Copy)]
struct Lowest {
    version: i64,
    until: TimestampMs,
}

impl Revoked {
    /// True if a token of `user` with that version is revoked.
    pub(super) fn has(&self, user: UserId, version: i64) -> bool {
        self.lowest.get(&user).is_some_and(|lowest| version < lowest.version)
    }

    /// Revokes the tokens of `user` below `version`; none of them is valid after `until`.
    pub(super) fn add(&self, user: UserId, version: i64, until: TimestampMs) {
        let mut lowest = self.lowest.entry(user).or_insert(Lowest { version, until });
        // Each on its own: the clock of the instance that revoked the newer version may be behind.
        lowest.version = lowest.version.max(version);
        lowest.until = lowest.until.max(until);
        let until = lowest.until;
        drop(lowest);
        let mut expiries = self.expiries.lock().unwrap_or_else(PoisonError::into_inner);
        expiries.push_back((until, user));
    }

    /// Forgets the revocations that have expired at `now`; costs as much work as there are of them.
    pub(super) fn expire(&self, now: TimestampMs) {
        let mut expiries = self.expiries.lock().unwrap_or_else(PoisonError::into_inner);
        while let Some((until, user)) = expiries.front().copied() {
            if until > now {
                return;
            }
            expiries.pop_front();
            // The account's tokens may have been revoked once more since.
            self.lowest.remove_if(&user, |_, lowest| lowest.until <= now);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_older_than_the_lowest_version_is_revoked_until_it_expires() {
        let (revoked, user) = (Revoked::default(), UserId::random());
        revoked.add(user, 2, 100);
        assert!(revoked.has(user, 0) && revoked.has(user, 1));
        assert!(!revoked.has(user, 2), "a token of the new password");
        assert!(!revoked.has(UserId::random(), 0));
        revoked.add(user, 1, 90);
        assert!(revoked.has(user, 1), "what is heard late takes nothing back");
        revoked.add(user, 3, 80);
        assert!(revoked.has(user, 2), "by a clock that is behind");
        revoked.expire(99);
        assert!(revoked.has(user, 1), "an older token lives on until then");
        revoked.add(user, 3, 200);
        revoked.expire(100);
        assert!(revoked.has(user, 2), "it was revoked once more");
        revoked.expire(200);
        assert!(revoked.lowest.is_empty() && revoked.expiries.lock().unwrap().is_empty());
    }
}
