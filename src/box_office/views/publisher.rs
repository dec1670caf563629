//! The owner's side of the feed: says what changes in an offering, and that nothing does, as long as
//! an instance follows it. Whoever follows shows an interest by asking, again and again. Nothing is
//! said that the owner would not show itself: its ownership is proven and the proof is not old.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use tokio::sync::watch;

use crate::box_office::permits::Urgency;
use crate::box_office::protocol::{Answer, encode};
use crate::box_office::registry::Desk;
use crate::box_office::telemetry::metrics;
use crate::box_office::views::update::{Bulletin, Delta, Shown, Stamp, Version};
use crate::box_office::{BoxOffices, Unavailable, View};
use crate::ids::OfferingId;

/// How often it is said that nothing changes.
pub(crate) const SAY_EVERY: Duration = Duration::from_secs(1);
/// What changes within so long is said at once.
const COALESCE: Duration = Duration::from_millis(100);

/// Whether other instances follow an offering that is live here.
#[derive(Default)]
pub(crate) struct Interest {
    /// On the monotonic clock.
    until_ms: AtomicU64,
    is_served: AtomicBool,
    /// What those who have heard everything have.
    said: Mutex<Option<Said>>,
}

type Said = (Stamp, Arc<View>);

impl BoxOffices {
    /// What is shown of an offering that is live here; whoever asks is told what follows.
    pub(crate) async fn show(&self, offering: OfferingId) -> Answer {
        let shared = self.shared();
        let shown = match self.desk(offering) {
            Some(desk) => self.attested(offering, &desk).await.map(|shown| (desk, shown)),
            None => None,
        };
        if let Some((desk, (stamp, view))) = shown {
            self.take_interest(offering, &desk);
            // What is answered is what has been said: the next that is said follows it.
            let (stamp, view) = self.say(offering, &desk.interest, (stamp, view));
            let (now_ms, view) = (self.monotonic_ms(), View::clone(&view));
            return Answer::Shown(Box::new(Shown { stamp, now_ms, view }));
        }
        let me = shared.cluster.me().incarnation;
        // Not by what is remembered: whoever asks believes that it is us.
        match shared.cluster.owner_now(offering, &*shared.journal).await {
            Ok(owner) => Answer::NotOwner(owner.filter(|owner| owner.incarnation != me)),
            Err(_) => Answer::Failed(Unavailable::Recovering),
        }
    }

    /// The view of an offering that is live here, and how good it is. `None` if it cannot be proven
    /// now that it is ours.
    async fn attested(&self, offering: OfferingId, desk: &Desk) -> Option<Said> {
        let cluster = &self.shared().cluster;
        let proven = || desk.verified_at_ms.load(Ordering::Relaxed);
        let ttl = cluster.settings().lease_ttl;
        // Before it counts for nothing: what is said is good for a while longer.
        let age_ms = self.monotonic_ms().saturating_sub(proven());
        if !cluster.still_counts(proven()) || Duration::from_millis(age_ms) > ttl / 2 {
            self.look(offering, Urgency::Common, |_| ()).await.ok()?;
        }
        // In this order: the view that is found is at least as new as these times say.
        let said_at_ms = self.monotonic_ms();
        let proven_at_ms = proven();
        let view = desk.view.load_full()?;
        let stamp = Stamp { owner: cluster.me().incarnation, said_at_ms, proven_at_ms };
        cluster.still_counts(proven_at_ms).then_some((stamp, view))
    }

    fn take_interest(&self, offering: OfferingId, desk: &Arc<Desk>) {
        let shared = self.shared();
        let lasts_ms = u64::try_from(shared.settings.follow_for.as_millis() / 2);
        let until_ms = self.monotonic_ms().saturating_add(lasts_ms.unwrap_or(u64::MAX));
        desk.interest.until_ms.fetch_max(until_ms, Ordering::SeqCst);
        let Some(views) = desk.views.get() else { return };
        if desk.interest.is_served.swap(true, Ordering::SeqCst) {
            return;
        }
        let publisher = Publisher {
            offices: shared.offices.get().cloned().unwrap_or_default(),
            desk: Arc::downgrade(desk),
            offering,
            views: views.subscribe(),
        };
        let (cluster, owner) = (Arc::clone(&shared.cluster), shared.cluster.me().incarnation);
        shared.executor.spawn(async move {
            if let Ended::Closed = publisher.run().await {
                // They need not wait until they notice.
                cluster.feed().publish(offering, encode(&Bulletin::Over { owner }));
            }
        });
    }

    /// Says how an offering stands, and returns what all have been told last.
    fn say(&self, offering: OfferingId, interest: &Interest, (stamp, view): Said) -> Said {
        let mut said = interest.said.lock().unwrap_or_else(PoisonError::into_inner);
        let version = Version::of(&view);
        let delta = match said.as_ref() {
            // Somebody has said more since it was looked at.
            Some(newer) if newer.1.seq > view.seq => return newer.clone(),
            Some((_, before)) if Version::of(before) != version => Delta::between(before, &view),
            Some(_) | None => None,
        };
        let bulletin = match delta {
            Some(delta) => {
                metrics::delta_published();
                Bulletin::Changed { stamp, delta: Box::new(delta) }
            }
            // Where there is more to say than that, whoever hears it sees that it lacks something.
            None => Bulletin::Unchanged { stamp, version },
        };
        // Under the lock: what is said later must follow it.
        self.shared().cluster.feed().publish(offering, encode(&bulletin));
        said.insert((stamp, view)).clone()
    }
}

/// Says what changes in one offering.
struct Publisher {
    offices: Weak<BoxOffices>,
    /// Not held while waiting: its end is what is waited for.
    desk: Weak<Desk>,
    offering: OfferingId,
    views: watch::Receiver<Arc<View>>,
}

enum Ended {
    /// Nobody follows any more.
    Unheard,
    /// The box office is no more.
    Closed,
}

impl Publisher {
    async fn run(mut self) -> Ended {
        loop {
            let changed = tokio::time::timeout(SAY_EVERY, self.views.changed()).await;
            let (Some(offices), Some(desk)) = (self.offices.upgrade(), self.desk.upgrade()) else {
                return Ended::Closed;
            };
            if matches!(changed, Ok(Err(_))) || offices.is_stopping() {
                return Ended::Closed;
            }
            if is_over(&desk.interest, &offices) {
                return Ended::Unheard;
            }
            self.views.mark_unchanged();
            if let Some(found) = offices.attested(self.offering, &desk).await {
                offices.say(self.offering, &desk.interest, found);
            }
            drop((offices, desk));
            tokio::time::sleep(COALESCE).await;
        }
    }
}

/// Whether nobody has shown an interest for long; then whoever shows one has it served anew.
fn is_over(interest: &Interest, offices: &BoxOffices) -> bool {
    let lapsed = || interest.until_ms.load(Ordering::SeqCst) <= offices.monotonic_ms();
    if !lapsed() {
        return false;
    }
    // Nobody has it, and whoever comes need not be told what has changed since.
    *interest.said.lock().unwrap_or_else(PoisonError::into_inner) = None;
    interest.is_served.store(false, Ordering::SeqCst);
    // Somebody may have come between the two, and found it served.
    lapsed() || interest.is_served.swap(true, Ordering::SeqCst)
}
