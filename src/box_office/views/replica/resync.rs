//! How a follower learns the state of an offering when the updates it receives do not suffice: from
//! the owner, or from the store.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use crate::box_office::forwarding::queue::{Failure, ask_peer};
use crate::box_office::protocol::{PeerReply, PeerRequest};
use crate::box_office::telemetry::metrics::{self, Resync};
use crate::box_office::views::replica::Confirmed;
use crate::box_office::views::replica::follower::{Ended, Follower, OwnerClock, millis};
use crate::box_office::views::update::{ShownView, Stamp, share_sections};
use crate::box_office::{Unavailable, View};

/// A view from the store may be shown for as long as other cold reads.
const COLD_FOR: Duration = Duration::from_secs(1);
/// How long the owner may take to answer.
const ASK_TIMEOUT: Duration = Duration::from_secs(1);
/// The most owners asked for one view: a former owner, and those named in the replies.
const MAX_ASKED: usize = 3;
/// The least time between two requests.
const REST: Duration = Duration::from_millis(100);
/// The same after a request that had no answer from the owner or the store.
const LONG_REST: Duration = Duration::from_millis(300);

impl Follower {
    /// Asks the owner, or reads the store, and notifies waiting readers.
    pub(crate) async fn resync(&mut self, reason: Resync) -> Result<(), Ended> {
        metrics::resync(reason);
        self.reason = None;
        self.followed.is_used.store(false, Ordering::Relaxed);
        self.followed.is_outdated.store(false, Ordering::SeqCst);
        let asked = match self.ask_owner().await {
            Ok(true) => Ok(()),
            Ok(false) => {
                self.owner = None;
                self.read_store().await
            }
            Err(ended) => return Err(ended),
        };
        let now_ms = self.now_ms();
        let rest = if asked.is_ok() { REST } else { LONG_REST };
        self.rest_until_ms = now_ms + millis(rest);
        self.ask_at_ms = self.ask_at_ms.max(self.rest_until_ms);
        let failed = asked.err();
        let is_none = matches!(failed, Some(Unavailable::NoSuchOffering));
        self.followed.tell(failed);
        if is_none { Err(Ended) } else { Ok(()) }
    }

    /// Asks the owner; returns true if its view is shown.
    async fn ask_owner(&mut self) -> Result<bool, Ended> {
        let (shared, offering) = (Arc::clone(&self.shared), self.offering);
        let cluster = &shared.cluster;
        for _ in 0..MAX_ASKED {
            self.see_whether_here()?;
            let owner = match cluster.owner(offering, &*shared.journal).await {
                Ok(Some(owner)) if owner.incarnation != cluster.me().incarnation => owner,
                // The store decides whether the offering can be read.
                Ok(_) | Err(_) => return Ok(false),
            };
            let ours_ms = self.now_ms();
            let question = PeerRequest::Show { offering };
            match ask_peer(cluster, &owner, &question, ASK_TIMEOUT).await {
                Ok(PeerReply::Shown(shown)) => {
                    let ShownView { stamp, now_ms: theirs_ms, view } = *shown;
                    self.owner = Some(OwnerClock { owner: stamp.owner, theirs_ms, ours_ms });
                    return Ok(view.offering == offering && self.adopt(view, stamp, ours_ms));
                }
                Ok(PeerReply::NotOwner(other)) => {
                    cluster.forget(offering, &owner);
                    if let Some(other) = other.filter(|o| o.incarnation != cluster.me().incarnation)
                    {
                        cluster.learn(offering, other);
                    }
                }
                Err(Failure::NotReceived) => cluster.forget(offering, &owner),
                Ok(_) | Err(_) => return Ok(false),
            }
        }
        Ok(false)
    }

    /// Takes over the view that an owner sent. Returns false if a newer view is known: that
    /// instance is then no longer the owner.
    fn adopt(&mut self, view: View, stamp: Stamp, asked_at_ms: u64) -> bool {
        let view = match self.followed.shown.load_full() {
            // A view of the store may be of a later row of a queue alone, which shows the same.
            Some(old) if old.view.seq > view.seq && !old.view.shows_the_same(&view) => {
                return false;
            }
            Some(old) => share_sections(view, &old.view),
            None => view,
        };
        self.renew_at_ms = asked_at_ms + millis(self.shared.settings.follow_for) / 6;
        self.ask_at_ms = 0;
        self.show(Arc::new(view), stamp);
        true
    }

    async fn read_store(&mut self) -> Result<(), Unavailable> {
        let Some(offices) = self.offices.upgrade() else {
            return Err(Unavailable::Stopping);
        };
        let cold = offices.cold().get(&self.shared, self.offering).await?;
        let read_at_ms = millis(cold.read_at);
        let view = match self.followed.shown.load_full() {
            // That view was received after the store was read.
            Some(old) if old.view.seq > cold.view.seq => Arc::clone(&old.view),
            Some(old) => Arc::new(share_sections(View::clone(&cold.view), &old.view)),
            None => Arc::clone(&cold.view),
        };
        let good_until_ms = read_at_ms + millis(COLD_FOR);
        self.put(Confirmed { view, confirmed_at_ms: read_at_ms, good_until_ms });
        self.ask_at_ms = good_until_ms;
        self.renew_at_ms = good_until_ms;
        Ok(())
    }

    /// Ends the follower of an offering that is live here, because its box office shows it.
    fn see_whether_here(&self) -> Result<(), Ended> {
        let Some(offices) = self.offices.upgrade() else {
            return Err(Ended);
        };
        let here = offices.handle(self.offering).is_some_and(|handle| handle.view.load().is_some());
        if here || offices.is_stopping() { Err(Ended) } else { Ok(()) }
    }
}
