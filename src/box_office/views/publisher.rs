//! The owner's side of the feed: says what changes in an offering, and that nothing does, as long as
//! an instance follows it. Whoever follows shows an interest by asking, again and again. Nothing is
//! said that the owner would not show itself: its ownership is proven and the proof is not old.

use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError, Weak};
use std::time::Duration;

use tokio::sync::watch;

use crate::box_office::handle::OfficeHandle;
use crate::box_office::permits::Urgency;
use crate::box_office::protocol::{PeerReply, encode};
use crate::box_office::telemetry::metrics;
use crate::box_office::views::followers::{Followers, StampedView};
use crate::box_office::views::update::{Delta, Stamp, StampedViewMessage, Version, ViewUpdate};
use crate::box_office::{BoxOffices, Unavailable, View};
use crate::ids::OfferingId;

/// How often it is said that nothing changes.
pub(crate) const HEARTBEAT_EVERY: Duration = Duration::from_secs(1);
/// What changes within so long is said at once.
const COALESCE: Duration = Duration::from_millis(100);

impl BoxOffices {
    /// What is shown of an offering that is live here; whoever asks is told what follows.
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
            // What is answered is what has been said: the next that is said follows it.
            let (stamp, view) = self.send_update(offering, &handle.followers, (stamp, view));
            let (now_ms, view) = (self.monotonic_ms(), View::clone(&view));
            return PeerReply::StampedViewMessage(Box::new(StampedViewMessage {
                stamp,
                now_ms,
                view,
            }));
        }
        let me = shared.cluster.me().incarnation;
        // Not by what is remembered: whoever asks believes that it is us.
        match shared.cluster.owner_now(offering, &*shared.journal).await {
            Ok(owner) => PeerReply::NotOwner(owner.filter(|owner| owner.incarnation != me)),
            Err(_) => PeerReply::Failed(Unavailable::Recovering),
        }
    }

    /// The view of an offering that is live here, and how good it is. `None` if it cannot be proven
    /// now that it is ours.
    async fn attested_view(
        &self,
        offering: OfferingId,
        handle: &OfficeHandle,
    ) -> Option<StampedView> {
        let cluster = &self.shared().cluster;
        let proven = || handle.verified_at_ms.load(Ordering::Relaxed);
        let ttl = cluster.settings().lease_ttl;
        // Before it counts for nothing: what is said is good for a while longer.
        let age_ms = self.monotonic_ms().saturating_sub(proven());
        if !cluster.still_counts(proven()) || Duration::from_millis(age_ms) > ttl / 2 {
            self.look(offering, Urgency::Common, |_| ()).await.ok()?;
        }
        // In this order: the view that is found is at least as new as these times say.
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
                // They need not wait until they notice.
                cluster.feed().publish(offering, encode(&ViewUpdate::Over { owner }));
            }
        });
    }

    /// Says how an offering stands, and returns what all have been told last.
    fn send_update(
        &self,
        offering: OfferingId,
        followers: &Followers,
        (stamp, view): StampedView,
    ) -> StampedView {
        let mut last_sent = followers.last_sent.lock().unwrap_or_else(PoisonError::into_inner);
        let version = Version::of(&view);
        let delta = match last_sent.as_ref() {
            // Somebody has said more since it was looked at.
            Some(newer) if newer.1.seq > view.seq => return newer.clone(),
            Some((_, before)) if Version::of(before) != version => Delta::between(before, &view),
            Some(_) | None => None,
        };
        let update = match delta {
            Some(delta) => {
                metrics::delta_published();
                ViewUpdate::Changed { stamp, delta: Box::new(delta) }
            }
            // Where there is more to say than that, whoever hears it sees that it lacks something.
            None => ViewUpdate::Unchanged { stamp, version },
        };
        // Under the lock: what is said later must follow it.
        self.shared().cluster.feed().publish(offering, encode(&update));
        last_sent.insert((stamp, view)).clone()
    }
}

/// Says what changes in one offering.
struct Publisher {
    offices: Weak<BoxOffices>,
    /// Not held while waiting: its end is what is waited for.
    handle: Weak<OfficeHandle>,
    offering: OfferingId,
    views: watch::Receiver<Arc<View>>,
}

enum Ended {
    /// Nobody follows any more.
    NoFollowers,
    /// The box office is no more.
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
