//! Views of articles, counted in memory and added to the rows every ten seconds. A person, or a network
//! address without one, counts once per article within half an hour. A process that is killed loses the
//! views of its last ten seconds; instances count each for itself.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use crate::ids::ArticleId;
use crate::inventory::TimestampMs;

/// How long a viewer of an article is not counted again.
const ONCE_PER_MS: TimestampMs = 30 * 60_000;
/// The most viewers that are remembered, in each of two generations. In a greater crowd some count twice.
const MAX_SEEN: usize = 50_000;
/// The most articles with views that are not stored yet.
const MAX_PENDING: usize = 10_000;
/// The most articles of one statement.
const PER_FLUSH: usize = 500;

/// Views that are not stored yet.
#[derive(Default)]
pub(super) struct Views {
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    pending: HashMap<ArticleId, i64>,
    /// When each viewer was counted, by a hash of viewer and article.
    seen: HashMap<u64, TimestampMs>,
    /// Those of before `seen` was full.
    seen_before: HashMap<u64, TimestampMs>,
}

impl Views {
    /// Counts a view by `viewer`, which names a person or an address.
    pub(super) fn count(&self, article: ArticleId, viewer: &str, now: TimestampMs) {
        let mut hasher = blake3::Hasher::new();
        hasher.update(article.0.as_bytes());
        hasher.update(viewer.as_bytes());
        let hash = hasher.finalize();
        let mut key = [0; 8];
        key.copy_from_slice(&hash.as_bytes()[..8]);
        let key = u64::from_le_bytes(key);

        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let last = state.seen.get(&key).or_else(|| state.seen_before.get(&key)).copied();
        if last.is_some_and(|last| now < last.saturating_add(ONCE_PER_MS)) {
            return;
        }
        if state.seen.len() >= MAX_SEEN {
            state.seen_before = std::mem::take(&mut state.seen);
        }
        state.seen.insert(key, now);
        if state.pending.len() < MAX_PENDING || state.pending.contains_key(&article) {
            *state.pending.entry(article).or_default() += 1;
        }
    }

    /// Takes views of some articles, to store them.
    pub(super) fn take(&self) -> Vec<(ArticleId, i64)> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let mut ids: Vec<ArticleId> = state.pending.keys().copied().collect();
        // In one order on all instances, so that they wait for one another rather than both fail.
        ids.sort_unstable();
        ids.truncate(PER_FLUSH);
        ids.into_iter().filter_map(|id| Some((id, state.pending.remove(&id)?))).collect()
    }

    /// Takes views back that could not be stored.
    pub(super) fn put_back(&self, views: Vec<(ArticleId, i64)>) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        for (id, count) in views {
            *state.pending.entry(id).or_default() += count;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_viewer_counts_once_in_half_an_hour() {
        let (views, article) = (Views::default(), ArticleId::random());
        views.count(article, "kim", 0);
        views.count(article, "kim", ONCE_PER_MS - 1);
        views.count(article, "lee", 1);
        views.count(ArticleId::random(), "kim", 1);
        let taken = views.take();
        assert_eq!(taken.len(), 2);
        assert!(taken.contains(&(article, 2)));
        assert!(views.take().is_empty());
        views.count(article, "kim", ONCE_PER_MS);
        views.put_back(vec![(article, 2)]);
        assert_eq!(views.take(), [(article, 3)]);
    }

    #[test]
    fn a_crowd_is_remembered_within_bounds() {
        let (views, article) = (Views::default(), ArticleId::random());
        for viewer in 0..3 * MAX_SEEN {
            views.count(article, &viewer.to_string(), 0);
        }
        let state = views.state.lock().unwrap();
        assert!(state.seen.len() + state.seen_before.len() <= 2 * MAX_SEEN);
    }
}
