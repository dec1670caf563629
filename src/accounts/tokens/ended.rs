//! Sessions that ended before their access tokens expire. A million of them take 20 to 36 MB: ids are
//! random, so that half of each is enough to recognise it.

use dashmap::DashMap;

use crate::ids::SessionId;
use crate::inventory::TimestampMs;

/// A set of ended sessions that forgets those whose tokens have expired.
#[derive(Default)]
pub(super) struct EndedSessions {
    /// By a half of the id, the time when the last token of the session has expired.
    until: DashMap<u64, TimestampMs>,
}

impl EndedSessions {
    /// True if the session has ended.
    pub(super) fn has(&self, session: SessionId) -> bool {
        self.until.contains_key(&half(session))
    }

    /// Adds a session whose tokens have all expired at `until`.
    pub(super) fn add(&self, session: SessionId, until: TimestampMs) {
        self.until.insert(half(session), until);
    }

    /// Forgets the sessions whose tokens have expired at `now`; reads through all of them.
    pub(super) fn expire(&self, now: TimestampMs) {
        self.until.retain(|_, until| *until > now);
    }
}

/// Mixes both halves: each has a few bits that are the same in all ids.
fn half(session: SessionId) -> u64 {
    let (high, low) = session.0.as_u64_pair();
    high.rotate_left(32) ^ low
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_ended_session_is_known_until_its_tokens_have_expired() {
        let (ended, session) = (EndedSessions::default(), SessionId::random());
        ended.add(session, 100);
        assert!(ended.has(session) && !ended.has(SessionId::random()));
        ended.expire(99);
        assert!(ended.has(session));
        ended.expire(100);
        assert!(!ended.has(session) && ended.until.is_empty());
    }
}
