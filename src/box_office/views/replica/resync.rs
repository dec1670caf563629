//! How a follower finds out how an offering stands when what it hears does not tell: from whoever
//! owns it, or from the store.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use crate::box_office::forwarding::queue::{Failure, ask_peer};
use crate::box_office::protocol::{PeerReply, PeerRequest};
use crate::box_office::telemetry::metrics::{self, Resync};
use crate::box_office::views::replica::Confirmed;
use crate::box_office::views::replica::follower::{Ended, Follower, OwnerClock, millis};
use crate::box_office::views::update::{Stamp, StampedViewMessage, share_sections};
use crate::box_office::{Unavailable, View};

/// What was read from the store may be shown as long as other cold reads are.
const COLD_FOR: Duration = Duration::from_secs(1);
/// How long the owner may take to answer.
const ASK_TIMEOUT: Duration = Duration::from_secs(1);
/// Owners asked for one view: one that was, and the one that it names.
const MAX_ASKED: usize = 3;
/// The least time between two times of asking.
const REST: Duration = Duration::from_millis(100);
/// The same after nobody could say anything.
const LONG_REST: Duration = Duration::from_millis(300);

impl Follower {
    /// Asks whoever owns the offering, or reads it from the store, and tells whoever waits.
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

    /// Says whether an owner has answered.
    async fn ask_owner(&mut self) -> Result<bool, Ended> {
        let (shared, offering) = (Arc::clone(&self.shared), self.offering);
        let cluster = &shared.cluster;
        for _ in 0..MAX_ASKED {
            self.see_whether_here()?;
            let owner = match cluster.owner(offering, &*shared.journal).await {
                Ok(Some(owner)) if owner.incarnation != cluster.me().incarnation => owner,
                // Whether it can be read the store says.
                Ok(_) | Err(_) => return Ok(false),
            };
            let ours_ms = self.now_ms();
            let question = PeerRequest::Show { offering };
            match ask_peer(cluster, &owner, &question, ASK_TIMEOUT).await {
                Ok(PeerReply::StampedViewMessage(shown)) => {
                    let StampedViewMessage { stamp, now_ms: theirs_ms, view } = *shown;
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

    /// Takes what an owner has answered, unless more is known than that: then it is none any more.
    fn adopt(&mut self, view: View, stamp: Stamp, asked_at_ms: u64) -> bool {
        let view = match self.followed.shown.load_full() {
            Some(old) if old.view.seq > view.seq => return false,
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
            // It was seen after the store was read.
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

    /// What is live here its box office shows.
    fn see_whether_here(&self) -> Result<(), Ended> {
        let Some(offices) = self.offices.upgrade() else {
            return Err(Ended);
        };
        let here = offices.handle(self.offering).is_some_and(|handle| handle.view.load().is_some());
        if here || offices.is_stopping() { Err(Ended) } else { Ok(()) }
    }
}
