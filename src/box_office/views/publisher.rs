//! The owner's side of the pub/sub feed: publishes the changes of an offering, and that nothing
//! changes, as long as an instance follows it. A follower keeps its subscription by repeating its
//! request. An owner publishes only views that it would show itself: its ownership is proven and
//! the proof is not old.

use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError, Weak};
use std::time::Duration;

use tokio::sync::watch;

use crate::box_office::handle::OfficeHandle;
use crate::box_office::permits::Urgency;
use crate::box_office::protocol::{PeerReply, encode};
use crate::box_office::telemetry::metrics;
use crate::box_office::views::followers::{Followers, StampedView};
use crate::box_office::views::update::{Delta, ShownView, Stamp, Version, ViewUpdate};
use crate::box_office::{BoxOffices, Unavailable, View};
use crate::ids::OfferingId;

/// Interval of the message that nothing has changed.
pub(crate) const HEARTBEAT_EVERY: Duration = Duration::from_secs(1);
/// Changes within this time are published together.
const COALESCE: Duration = Duration::from_millis(100);

impl BoxOffices {
    /// Returns the view of an offering that is live here; the instance that asks then receives its
    /// updates.
    pub(crate) async fn show(&self, offering: OfferingId) -> PeerReply {
        let shared = self.shared();
        let shown = match self.handle(offering) {
            Some(handle) => {
                self.attested_view(offering, &handle).await.map(|shown| (handle, shown))
            }
            None => None,
        };
        if let Some((handle, (stamp, view))) = shown {
            self.note_follower(offering, &handle);
            // The reply is the last published view: the next update builds on it.
            let (stamp, view) = self.send_update(offering, &handle.followers, (stamp, view));
            let (now_ms, view) = (self.monotonic_ms(), View::clone(&view));
            return PeerReply::Shown(Box::new(ShownView { stamp, now_ms, view }));
        }
        let me = shared.cluster.me().incarnation;
        // Not from the remembered owners: the asking instance believes that this one is the owner.
        match shared.cluster.owner_now(offering, &*shared.journal).await {
            Ok(owner) => PeerReply::NotOwner(owner.filter(|owner| owner.incarnation != me)),
            Err(_) => PeerReply::Failed(Unavailable::Recovering),
        }
    }

    /// Returns the view of an offering that is live here, with its stamp. `None` if ownership
    /// cannot be proven now.
    async fn attested_view(
        &self,
        offering: OfferingId,
        handle: &OfficeHandle,
    ) -> Option<StampedView> {
        let cluster = &self.shared().cluster;
        let proven = || handle.verified_at_ms.load(Ordering::Relaxed);
        let ttl = cluster.settings().lease_ttl;
        // The proof is renewed before it expires, because a published view is good for a while
        // longer.
        let age_ms = self.monotonic_ms().saturating_sub(proven());
        if !cluster.still_counts(proven()) || Duration::from_millis(age_ms) > ttl / 2 {
            self.look(offering, Urgency::Common, |_| ()).await.ok()?;
        }
        // The times are read first, so that the view is at least as new as they state.
        let said_at_ms = self.monotonic_ms();
        let proven_at_ms = proven();
        let view = handle.view.load_full()?;
        let stamp = Stamp { owner: cluster.me().incarnation, said_at_ms, proven_at_ms };
        cluster.still_counts(proven_at_ms).then_some((stamp, view))
    }

    fn note_follower(&self, offering: OfferingId, handle: &Arc<OfficeHandle>) {
        let shared = self.shared();
        let lasts_ms = u64::try_from(shared.settings.follow_for.as_millis() / 2);
        let until_ms = self.monotonic_ms().saturating_add(lasts_ms.unwrap_or(u64::MAX));
        handle.followers.until_ms.fetch_max(until_ms, Ordering::SeqCst);
        let Some(views) = handle.views.get() else { return };
        if handle.followers.is_served.swap(true, Ordering::SeqCst) {
            return;
        }
        let publisher = Publisher {
            offices: self.weak(),
            handle: Arc::downgrade(handle),
            offering,
            views: views.subscribe(),
        };
        let (cluster, owner) = (Arc::clone(&shared.cluster), shared.cluster.me().incarnation);
        shared.executor.spawn(async move {
            if let Ended::Closed = publisher.run().await {
                // Followers are notified, and need not wait until they notice the silence.
                cluster.feed().publish(offering.0, encode(&ViewUpdate::Over { owner }));
            }
        });
    }

    /// Publishes the view of an offering, and returns the last published view.
    fn send_update(
        &self,
        offering: OfferingId,
        followers: &Followers,
        (stamp, view): StampedView,
    ) -> StampedView {
        let mut last_sent = followers.last_sent.lock().unwrap_or_else(PoisonError::into_inner);
        let version = Version::of(&view);
        let delta = match last_sent.as_ref() {
            // A newer view was published after this one was read.
            Some(newer) if newer.1.seq > view.seq => return newer.clone(),
            Some((_, before)) if Version::of(before) != version => Delta::between(before, &view),
            Some(_) | None => None,
        };
        let update = match delta {
            Some(delta) => {
                metrics::delta_published();
                ViewUpdate::Changed { stamp, delta: Box::new(delta) }
            }
            // If the view has changed but no delta can express it, followers see that they lack
            // something.
            None => ViewUpdate::Unchanged { stamp, version },
        };
        // Under the lock: later updates must follow this one.
        self.shared().cluster.feed().publish(offering.0, encode(&update));
        last_sent.insert((stamp, view)).clone()
    }
}

/// Publishes the changes of one offering.
struct Publisher {
    offices: Weak<BoxOffices>,
    /// Weak, because the publisher waits for the handle to be dropped.
    handle: Weak<OfficeHandle>,
    offering: OfferingId,
    views: watch::Receiver<Arc<View>>,
}

enum Ended {
    /// All subscriptions have lapsed.
    NoFollowers,
    /// The box office has closed.
    Closed,
}

impl Publisher {
    async fn run(mut self) -> Ended {
        loop {
            let changed = tokio::time::timeout(HEARTBEAT_EVERY, self.views.changed()).await;
            let (Some(offices), Some(handle)) = (self.offices.upgrade(), self.handle.upgrade())
            else {
                return Ended::Closed;
            };
            if matches!(changed, Ok(Err(_))) || offices.is_stopping() {
                return Ended::Closed;
            }
            if handle.followers.end_if_lapsed(|| offices.monotonic_ms()) {
                return Ended::NoFollowers;
            }
            self.views.mark_unchanged();
            if let Some(found) = offices.attested_view(self.offering, &handle).await {
                offices.send_update(self.offering, &handle.followers, found);
            }
            drop((offices, handle));
            tokio::time::sleep(COALESCE).await;
        }
    }
}
