//! The task that keeps one followed offering up to date: listens to its owner, and asks whenever it
//! has missed something, heard nothing for too long, or is told that the owner is another one. Where
//! nobody owns the offering it reads the store, and only while somebody looks.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::sync::watch;

use super::{Attempt, Confirmed, Followed};
use crate::box_office::bulletin::{Bulletin, Shown, Stamp, Version, share_sections};
use crate::box_office::lanes::{Failure, question_of};
use crate::box_office::metrics::{self, Resync};
use crate::box_office::publishing::SAY_EVERY;
use crate::box_office::registry::Shared;
use crate::box_office::wire::{Answer, Question, decode};
use crate::box_office::{Unavailable, View};
use crate::cluster::feed::{Heard, Subscription};
use crate::ids::{InstanceId, OfferingId};

/// A view that its owner confirmed no longer ago may be shown.
const GOOD_FOR: Duration = Duration::from_secs(2);
/// What was read from the store may be shown as long as other cold reads are.
const COLD_FOR: Duration = Duration::from_secs(1);
/// How long the owner may take to answer.
const ASK_PATIENCE: Duration = Duration::from_secs(1);
/// Owners asked for one view: one that was, and the one that it names.
const MAX_ASKED: usize = 3;
/// The least time between two times of asking.
const REST: Duration = Duration::from_millis(100);
/// The same after nobody could say anything.
const LONG_REST: Duration = Duration::from_millis(300);

/// Keeps one offering up to date.
pub(super) struct Follower {
    shared: Arc<Shared>,
    offering: OfferingId,
    followed: Arc<Followed>,
    heard: Subscription,
    owner: Option<Acquainted>,
    /// Why to ask.
    reason: Option<Resync>,
    /// Not before, however many reasons there are.
    rest_until_ms: u64,
    /// When to ask, if somebody looks, for want of news.
    ask_at_ms: u64,
    /// When to ask, if somebody looks, to be told further news.
    renew_at_ms: u64,
}

/// An owner whose clock is known: what was `theirs_ms` to it was `ours_ms` to us, or later.
#[derive(Clone, Copy)]
struct Acquainted {
    owner: InstanceId,
    theirs_ms: u64,
    ours_ms: u64,
}

impl Acquainted {
    /// When that was, at the earliest.
    fn ours(&self, theirs_ms: u64) -> u64 {
        (self.ours_ms + theirs_ms).saturating_sub(self.theirs_ms)
    }
}

/// There is nothing to follow any more: it is live here, it does not exist, or the process stops.
struct Ended;

impl Follower {
    pub(super) fn new(
        shared: Arc<Shared>,
        offering: OfferingId,
        followed: Arc<Followed>,
    ) -> Self {
        // Before anything is asked: what is said after the answer is heard.
        let heard = shared.cluster.feed().subscribe(offering);
        let now_ms = millis(shared.guard.monotonic());
        followed.read_at_ms.store(now_ms, Ordering::Relaxed);
        Self {
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

    pub(super) async fn run(mut self) {
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
            let pause = Duration::from_millis(self.wake_at_ms(now_ms).saturating_sub(now_ms).max(1));
            tokio::select! {
                biased;
                heard = self.heard.next() => self.hear(heard),
                () = self.followed.wanted.notified() => self.is_wanted(),
                () = tokio::time::sleep(pause) => {}
            }
        }
    }

    fn now_ms(&self) -> u64 {
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

    /// When there may be something to do even if nothing is heard.
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
        // A watcher may come or go unnoticed.
        unused_at_ms.clamp(now_ms, now_ms + 1_000)
    }

    /// Somebody found nothing good enough; perhaps it is by now.
    fn is_wanted(&mut self) {
        let outdated = self.followed.is_outdated.load(Ordering::SeqCst);
        if self.reason.is_none() && (outdated || self.followed.current(self.now_ms()).is_none()) {
            self.reason = Some(if outdated { Resync::Outdated } else { Resync::Stale });
        } else if self.reason.is_none() {
            self.followed.attempts.send_replace(Attempt::default());
        }
    }

    fn hear(&mut self, heard: Heard) {
        let reason = match heard {
            Heard::Interrupted => Some(Resync::Interrupted),
            Heard::Message(message) => match decode(&message) {
                Some(bulletin) => self.take_in(bulletin),
                // Of a newer version: its owner can still be asked.
                None => None,
            },
        };
        self.reason = self.reason.or(reason);
    }

    /// Takes in what an owner says; says why to ask, if it does not follow what is known.
    fn take_in(&mut self, bulletin: Bulletin) -> Option<Resync> {
        let base = Arc::clone(&self.followed.shown.load_full()?.view);
        let known = Version::of(&base);
        let (stamp, version) = match &bulletin {
            Bulletin::Over { owner } => {
                return (Some(*owner) == self.owner_id()).then_some(Resync::Owner);
            }
            Bulletin::Unchanged { stamp, version } => (*stamp, *version),
            Bulletin::Changed { stamp, delta } => (*stamp, delta.after),
        };
        if Some(stamp.owner) != self.owner_id() {
            // Its clock is not known, and an owner that was fenced may not know it yet.
            return (version.seq > known.seq).then_some(Resync::Owner);
        }
        if version == known {
            self.show(base, stamp);
            return None;
        }
        if version.seq < known.seq {
            return None;
        }
        let Bulletin::Changed { delta, .. } = bulletin else { return Some(Resync::Gap) };
        if delta.before != known {
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

    /// Shows what the owner has said, as long as it is good.
    fn show(&mut self, view: Arc<View>, stamp: Stamp) {
        let Some(owner) = self.owner else { return };
        let said_at_ms = owner.ours(stamp.said_at_ms);
        let lease_ttl = self.shared.cluster.settings().lease_ttl;
        let good_until_ms = (said_at_ms + millis(GOOD_FOR.min(lease_ttl)))
            // Whoever cannot prove any more that it is the owner may be none.
            .min(owner.ours(stamp.proven_at_ms) + millis(lease_ttl));
        let ask_after = (SAY_EVERY + SAY_EVERY / 2).min(lease_ttl / 2);
        self.ask_at_ms = self.ask_at_ms.max(said_at_ms + millis(ask_after));
        self.put(Confirmed { view, confirmed_at_ms: said_at_ms, good_until_ms });
    }

    fn put(&self, mut new: Confirmed) {
        let old = self.followed.shown.load_full();
        let is_same = old.as_ref().is_some_and(|old| Version::of(&old.view) == Version::of(&new.view));
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

    /// Asks whoever owns the offering, or reads it from the store, and tells whoever waits.
    async fn resync(&mut self, reason: Resync) -> Result<(), Ended> {
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
        self.followed.attempts.send_replace(Attempt { failed });
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
            let question = Question::Show { offering };
            match question_of(cluster, &owner, &question, ASK_PATIENCE).await {
                Ok(Answer::Shown(shown)) => {
                    let Shown { stamp, now_ms: theirs_ms, view } = *shown;
                    self.owner = Some(Acquainted { owner: stamp.owner, theirs_ms, ours_ms });
                    return Ok(view.offering == offering && self.adopt(view, stamp, ours_ms));
                }
                Ok(Answer::NotOwner(other)) => {
                    cluster.forget(offering, &owner);
                    if let Some(other) = other.filter(|o| o.incarnation != cluster.me().incarnation)
                    {
                        cluster.learn(offering, other);
                    }
                }
                Err(Failure::NotAsked) => cluster.forget(offering, &owner),
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
        let Some(offices) = self.shared.offices.get().and_then(std::sync::Weak::upgrade) else {
            return Err(Unavailable::Stopping);
        };
        let cold = offices.cold().get(&self.shared, self.offering).await?;
        let read_at_ms = millis(cold.read_at);
        let view = match self.followed.shown.load_full() {
            // It was seen after the store was read.
            Some(old) if old.view.seq > cold.view.seq => Arc::clone(&old.view),
            Some(old) => Arc::new(share_sections(View::clone(&cold.view), &old.view)),
            None => cold.view,
        };
        let good_until_ms = read_at_ms + millis(COLD_FOR);
        self.put(Confirmed { view, confirmed_at_ms: read_at_ms, good_until_ms });
        self.ask_at_ms = good_until_ms;
        self.renew_at_ms = good_until_ms;
        Ok(())
    }

    /// What is live here its box office shows.
    fn see_whether_here(&self) -> Result<(), Ended> {
        let Some(offices) = self.shared.offices.get().and_then(std::sync::Weak::upgrade) else {
            return Err(Ended);
        };
        let here = offices.desk(self.offering).is_some_and(|desk| desk.view.load().is_some());
        if here || offices.is_stopping() { Err(Ended) } else { Ok(()) }
    }
}

/// However it ends: nobody may wait for it any more.
impl Drop for Follower {
    fn drop(&mut self) {
        if let Some(offices) = self.shared.offices.get().and_then(std::sync::Weak::upgrade) {
            offices.unfollow(self.offering, &self.followed);
        }
        self.followed.has_ended.store(true, Ordering::SeqCst);
        self.followed.views().take();
        self.followed.attempts.send_modify(|_| ());
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
