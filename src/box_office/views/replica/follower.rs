//! The task that keeps one followed offering up to date: receives the owner's updates, and asks the
//! owner whenever it has missed an update, received nothing for too long, or learned that the owner
//! has changed. After a silence it asks only while the view is being read.

use std::sync::Arc;
use std::sync::Weak;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::sync::watch;

use crate::box_office::protocol::decode;
use crate::box_office::shared::Shared;
use crate::box_office::telemetry::metrics::{self, Resync};
use crate::box_office::views::publisher::HEARTBEAT_EVERY;
use crate::box_office::views::replica::{Confirmed, Followed};
use crate::box_office::views::update::{Stamp, Version, ViewUpdate};
use crate::box_office::{BoxOffices, View};
use crate::cluster::pubsub::{Received, Subscription};
use crate::ids::{InstanceId, OfferingId};
use crate::planted::{Bug, is_planted};

/// A view may be shown this long after its owner confirmed it.
const GOOD_FOR: Duration = Duration::from_secs(2);

/// Keeps one offering up to date.
pub(crate) struct Follower {
    pub(crate) offices: Weak<BoxOffices>,
    pub(crate) shared: Arc<Shared>,
    pub(crate) offering: OfferingId,
    pub(crate) followed: Arc<Followed>,
    pub(crate) heard: Subscription,
    pub(crate) owner: Option<OwnerClock>,
    /// The reason to ask, if there is one.
    pub(crate) reason: Option<Resync>,
    /// Monotonic milliseconds before which no request is sent, for any reason.
    pub(crate) rest_until_ms: u64,
    /// Monotonic milliseconds at which to ask after a silence, if the view is being read.
    pub(crate) ask_at_ms: u64,
    /// Monotonic milliseconds at which to renew the subscription, if the view is being read.
    pub(crate) renew_at_ms: u64,
}

/// An owner whose clock is known: its time `theirs_ms` was `ours_ms` on this instance's clock, or
/// later.
#[derive(Clone, Copy)]
pub(crate) struct OwnerClock {
    pub(crate) owner: InstanceId,
    pub(crate) theirs_ms: u64,
    pub(crate) ours_ms: u64,
}

impl OwnerClock {
    /// Returns an owner's time on this instance's clock, at the earliest.
    fn ours(&self, theirs_ms: u64) -> u64 {
        (self.ours_ms + theirs_ms).saturating_sub(self.theirs_ms)
    }
}

/// There is nothing to follow any more: the offering is live here or does not exist, or the process
/// stops.
pub(crate) struct Ended;

impl Follower {
    pub(crate) fn new(offices: &BoxOffices, offering: OfferingId, followed: Arc<Followed>) -> Self {
        let shared = Arc::clone(offices.shared());
        // Subscribed before the first request, so that updates after the reply are received.
        let heard = shared.cluster.feed().subscribe(offering.0);
        let now_ms = millis(shared.guard.monotonic());
        followed.read_at_ms.store(now_ms, Ordering::Relaxed);
        Self {
            offices: offices.weak(),
            shared,
            offering,
            followed,
            heard,
            owner: None,
            reason: Some(Resync::First),
            rest_until_ms: 0,
            ask_at_ms: now_ms,
            renew_at_ms: now_ms,
        }
    }

    pub(crate) async fn run(mut self) {
        loop {
            let now_ms = self.now_ms();
            if now_ms >= self.rest_until_ms
                && let Some(reason) = self.reason_to_ask(now_ms)
            {
                if let Err(Ended) = self.resync(reason).await {
                    return;
                }
                continue;
            }
            if self.is_unused(now_ms) {
                return;
            }
            let pause =
                Duration::from_millis(self.wake_at_ms(now_ms).saturating_sub(now_ms).max(1));
            tokio::select! {
                biased;
                heard = self.heard.next() => self.hear(heard),
                () = self.followed.wanted.notified() => self.is_wanted(),
                () = tokio::time::sleep(pause) => {}
            }
        }
    }

    pub(crate) fn now_ms(&self) -> u64 {
        millis(self.shared.guard.monotonic())
    }

    fn is_looked_at(&self) -> bool {
        self.followed.is_used.load(Ordering::Relaxed) || self.followed.is_watched()
    }

    fn is_unused(&self, now_ms: u64) -> bool {
        let read_at_ms = self.followed.read_at_ms.load(Ordering::Relaxed);
        let follow_for_ms = millis(self.shared.settings.follow_for);
        now_ms.saturating_sub(read_at_ms) >= follow_for_ms && !self.followed.is_watched()
    }

    fn reason_to_ask(&self, now_ms: u64) -> Option<Resync> {
        if self.reason.is_some() {
            return self.reason;
        }
        if !self.is_looked_at() {
            return None;
        }
        if now_ms >= self.ask_at_ms {
            return Some(Resync::Silence);
        }
        (now_ms >= self.renew_at_ms).then_some(Resync::Renewal)
    }

    /// Returns when there may be work even if no update arrives.
    fn wake_at_ms(&self, now_ms: u64) -> u64 {
        let ask_at_ms = self.ask_at_ms.min(self.renew_at_ms);
        if self.reason.is_some() || (self.is_looked_at() && now_ms >= ask_at_ms) {
            return self.rest_until_ms;
        }
        if now_ms < ask_at_ms {
            return ask_at_ms;
        }
        let read_at_ms = self.followed.read_at_ms.load(Ordering::Relaxed);
        let unused_at_ms = read_at_ms + millis(self.shared.settings.follow_for);
        // A watcher may come or go without a notification.
        unused_at_ms.clamp(now_ms, now_ms + 1_000)
    }

    /// A reader found no view that is good enough; there may be one by now.
    fn is_wanted(&mut self) {
        let outdated = self.followed.is_outdated.load(Ordering::SeqCst);
        if self.reason.is_none() && (outdated || self.followed.current(self.now_ms()).is_none()) {
            self.reason = Some(if outdated { Resync::Outdated } else { Resync::Stale });
        } else if self.reason.is_none() {
            self.followed.tell(None);
        }
    }

    fn hear(&mut self, heard: Received) {
        let reason = match heard {
            Received::Interrupted => Some(Resync::Interrupted),
            Received::Message(message) => match decode(&message) {
                Some(update) => self.take_in(update),
                // From a newer version: its owner can still be asked.
                None => None,
            },
        };
        self.reason = self.reason.or(reason);
    }

    /// Applies an owner's update; returns the reason to ask if it does not follow the known view.
    fn take_in(&mut self, update: ViewUpdate) -> Option<Resync> {
        let base = Arc::clone(&self.followed.shown.load_full()?.view);
        let known = Version::of(&base);
        let (stamp, version) = match &update {
            ViewUpdate::Over { owner } => {
                return (Some(*owner) == self.owner_id()).then_some(Resync::Owner);
            }
            ViewUpdate::Unchanged { stamp, version } => (*stamp, *version),
            ViewUpdate::Changed { stamp, delta } => (*stamp, delta.after),
        };
        if Some(stamp.owner) != self.owner_id() {
            // The clock of this owner is not known, and a fenced owner may not know yet that it was
            // fenced.
            return (version.seq > known.seq).then_some(Resync::Owner);
        }
        if version == known {
            self.show(base, stamp);
            return None;
        }
        if version.seq < known.seq {
            return None;
        }
        let ViewUpdate::Changed { delta, .. } = update else { return Some(Resync::Gap) };
        if delta.before != known && !is_planted(Bug::DeltaOnAnyView) {
            return Some(if version.seq == known.seq { Resync::Hash } else { Resync::Gap });
        }
        let Some(view) = delta.apply(&base) else { return Some(Resync::Damaged) };
        metrics::delta_applied();
        self.show(Arc::new(view), stamp);
        None
    }

    fn owner_id(&self) -> Option<InstanceId> {
        self.owner.map(|owner| owner.owner)
    }

    /// Shows a view from the owner, for as long as it is good.
    pub(crate) fn show(&mut self, view: Arc<View>, stamp: Stamp) {
        let Some(owner) = self.owner else { return };
        let said_at_ms = owner.ours(stamp.said_at_ms);
        let lease_ttl = self.shared.cluster.settings().lease_ttl;
        let good_until_ms = (said_at_ms + millis(GOOD_FOR.min(lease_ttl)))
            // An instance that can no longer prove its ownership may not be the owner.
            .min(owner.ours(stamp.proven_at_ms) + millis(lease_ttl));
        let ask_after = (HEARTBEAT_EVERY + HEARTBEAT_EVERY / 2).min(lease_ttl / 2);
        self.ask_at_ms = self.ask_at_ms.max(said_at_ms + millis(ask_after));
        self.put(Confirmed { view, confirmed_at_ms: said_at_ms, good_until_ms });
    }

    pub(crate) fn put(&self, mut new: Confirmed) {
        let old = self.followed.shown.load_full();
        let is_same =
            old.as_ref().is_some_and(|old| Version::of(&old.view) == Version::of(&new.view));
        if let Some(old) = old.filter(|_| is_same) {
            // Messages may overtake each other.
            new.view = Arc::clone(&old.view);
            new.good_until_ms = new.good_until_ms.max(old.good_until_ms);
            new.confirmed_at_ms = new.confirmed_at_ms.max(old.confirmed_at_ms);
        }
        let view = Arc::clone(&new.view);
        self.followed.shown.store(Some(Arc::new(new)));
        if !is_same {
            let mut views = self.followed.views();
            views.get_or_insert_with(|| watch::Sender::new(Arc::clone(&view))).send_replace(view);
        }
    }
}

/// Runs however the task ends: no reader may wait for it any more.
impl Drop for Follower {
    fn drop(&mut self) {
        if let Some(offices) = self.offices.upgrade() {
            offices.unfollow(self.offering, &self.followed);
        }
        self.followed.has_ended.store(true, Ordering::SeqCst);
        self.followed.views().take();
        self.followed.attempted.notify_waiters();
    }
}

pub(crate) fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_long_on_its_way_is_not_young() {
        // Asked at 1,000 on our clock; the reply left at 50,000 on the owner's, whenever that was.
        let owner = OwnerClock { owner: InstanceId::random(), theirs_ms: 50_000, ours_ms: 1_000 };
        // A view stamped five seconds later is from then at the earliest, whenever it is received.
        assert_eq!(owner.ours(55_000), 6_000);
        assert_eq!(owner.ours(49_500), 500);
        assert_eq!(owner.ours(10), 0, "before we began");
    }
}
