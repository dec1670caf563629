//! Handoff of offerings to other instances: on shutdown, for balance, and by hand. The successor
//! loads first; then the last batch is flushed, the lease entry changes hands, the successor takes
//! over, and the requests that waited here are forwarded to it in order. If any step fails, the
//! owner continues: the journal names the owner.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use futures_util::{StreamExt, stream};

use crate::box_office::forwarding::queue::ask_peer;
use crate::box_office::office::handoff::{Handoff, STEP_TIMEOUT, in_service};
use crate::box_office::office::restore::restore;
use crate::box_office::office::{Stop, Superseded};
use crate::box_office::permits::Urgency;
use crate::box_office::protocol::{PeerReply, PeerRequest};
use crate::box_office::shared::{Shared, Warm};
use crate::box_office::telemetry::metrics;
use crate::box_office::{BoxOffices, Unavailable};
use crate::cluster::Member;
use crate::ids::OfferingId;
use crate::journal::{LoadError, Owner};

/// Timeout of the load that comes first, while the owner sells on: an event with a million holds
/// takes seconds.
const PREPARE_TIMEOUT: Duration = Duration::from_secs(60);
/// A state that was loaded ahead is dropped after this time.
const WARM_FOR: Duration = Duration::from_secs(15);
/// Offerings that a stopping instance hands off at the same time.
const AT_ONCE: usize = 16;
/// Milliseconds; an offering that was unused for this long is released, and not handed off.
const BUSY_WITHIN_MS: u64 = 10_000;

/// Why an offering was not moved.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MoveError {
    /// There is no live instance of that name.
    #[error("there is no live instance of that name: there are {}", .0.join(", "))]
    NoSuchInstance(Vec<String>),
    /// It cannot be moved at the moment.
    #[error(transparent)]
    Unavailable(#[from] Unavailable),
    /// The pin that keeps it there cannot be stored.
    #[error("the lease store is away: nothing can be moved by hand until it is back")]
    LeasesAway,
}

impl BoxOffices {
    /// Moves an offering to the instance of this name, from any instance, and pins it there.
    ///
    /// # Errors
    /// [`MoveError`].
    pub async fn move_to(
        self: &Arc<Self>,
        offering: OfferingId,
        name: &str,
    ) -> Result<Owner, MoveError> {
        let shared = self.shared();
        let cluster = &shared.cluster;
        let Some(to) = cluster.member_named(name) else {
            let view = cluster.view();
            let names = view.live_members().map(|member| member.name.to_string()).collect();
            return Err(MoveError::NoSuchInstance(names));
        };
        // The offering must exist before a pin is stored for it.
        shared.journal.head(offering).await.map_err(|error| match error {
            LoadError::NotFound => Unavailable::NoSuchOffering,
            _ => Unavailable::Recovering,
        })?;
        cluster.pin(offering, Some(Arc::clone(&to.name))).await.map_err(|error| {
            tracing::warn!(%offering, %error, "an offering could not be pinned");
            MoveError::LeasesAway
        })?;
        if self.is_live(offering) {
            return Ok(self.move_mine(offering, name).await?);
        }
        let owner = cluster.owner(offering, &*shared.journal).await;
        let owner = owner.map_err(|_| Unavailable::Recovering)?;
        let (asked, question) = match owner {
            Some(owner) if owner.incarnation != to.incarnation => {
                (owner, PeerRequest::Move { offering, to: Arc::clone(&to.name) })
            }
            Some(_) | None => (to.owning(crate::ids::Epoch(0)), PeerRequest::Adopt { offering }),
        };
        let answer = if asked.incarnation == cluster.me().incarnation {
            self.adopt(offering).await
        } else {
            ask_peer(cluster, &asked, &question, PREPARE_TIMEOUT + STEP_TIMEOUT)
                .await
                .map_err(|_| Unavailable::Moving)?
        };
        let owner = in_service(answer)?;
        cluster.learn(offering, owner.clone());
        Ok(owner)
    }

    /// Moves an offering that is live here to the instance of this name.
    pub(crate) async fn move_mine(
        &self,
        offering: OfferingId,
        name: &str,
    ) -> Result<Owner, Unavailable> {
        let cluster = &self.shared().cluster;
        let to = cluster.member_named(name).ok_or(Unavailable::Moving)?;
        if to.incarnation == cluster.me().incarnation {
            self.look(offering, Urgency::Urgent, |_| ()).await?;
            return cluster.remembered(offering).ok_or(Unavailable::Moving);
        }
        self.hand_off(offering, &to).await
    }

    /// Loads an offering that this instance is about to take over.
    pub(crate) async fn prepare(&self, offering: OfferingId) -> PeerReply {
        let shared = self.shared();
        match warm_up(shared, offering).await {
            Ok(warm) => {
                self.warm().insert(offering, warm);
                PeerReply::Prepared
            }
            Err(error) => {
                tracing::warn!(%offering, %error, "an offering could not be loaded ahead");
                PeerReply::Failed(Unavailable::Recovering)
            }
        }
    }

    /// Takes over an offering that was handed to this instance.
    pub(crate) async fn adopt(&self, offering: OfferingId) -> PeerReply {
        if self.handle(offering).is_some_and(|handle| handle.is_leaving.load(Ordering::Relaxed)) {
            // Each instance would wait for the other to take it.
            return PeerReply::Failed(Unavailable::Moving);
        }
        match self.look(offering, Urgency::Urgent, |_| ()).await {
            Ok(()) => match self.shared().cluster.remembered(offering) {
                Some(owner) => PeerReply::InService(owner),
                None => PeerReply::Failed(Unavailable::Moving),
            },
            Err(why) => PeerReply::Failed(why),
        }
    }

    /// Hands off an offering that is live here to `to`.
    pub(crate) async fn hand_off(
        &self,
        offering: OfferingId,
        to: &Member,
    ) -> Result<Owner, Unavailable> {
        let shared = self.shared();
        let (cluster, began) = (&shared.cluster, shared.guard.monotonic());
        let successor = to.owning(crate::ids::Epoch(0));
        let prepared =
            ask_peer(cluster, &successor, &PeerRequest::Prepare { offering }, PREPARE_TIMEOUT)
                .await;
        if !matches!(prepared, Ok(PeerReply::Prepared)) {
            tracing::warn!(%offering, to = %to.name, answer = ?prepared,
                "the successor could not load an offering ahead: it stays here");
            return Err(Unavailable::Moving);
        }
        let Some(address) = self.address(offering) else { return Err(Unavailable::Moving) };
        // The time for the batch in flight, and for the steps of changing hands.
        let timeout = shared.settings.answer_timeout + STEP_TIMEOUT;
        let handed = tokio::time::timeout(timeout, address.send(Handoff { to: to.clone() })).await;
        let owner = handed
            .map_or(Err(Unavailable::Moving), |told| told.unwrap_or(Err(Unavailable::Moving)))?;
        metrics::handoff_done(shared.guard.monotonic().saturating_sub(began));
        tracing::info!(%offering, to = %to.name, epoch = %owner.epoch, "handed over");
        Ok(owner)
    }

    /// Hands off busy offerings and releases the rest, as an instance does that is about to stop.
    /// Offerings that cannot be handed off are released at [`Self::shutdown`].
    pub async fn hand_off_all(&self) {
        if self.shared().cluster.is_alone() {
            return;
        }
        let offerings = self.live_offerings();
        tracing::info!(count = offerings.len(), "handing over what is live here");
        stream::iter(offerings)
            .for_each_concurrent(AT_ONCE, |offering| self.part_with(offering))
            .await;
    }

    /// Moves offerings that are live here and belong elsewhere, a few at a time, once the members
    /// have been the same for a while. Sticky: only a member that joins or leaves, or a pin, makes
    /// a difference.
    pub(crate) async fn rebalance(&self) {
        let cluster = &self.shared().cluster;
        if cluster.is_alone() || cluster.away_for().is_some() || !cluster.lease_is_valid() {
            return;
        }
        let (view, now) = (cluster.view(), self.shared().guard.monotonic());
        let rest_ms = u64::try_from(cluster.settings().renew_every().as_millis() * 2);
        let rest_ms = rest_ms.unwrap_or(u64::MAX);
        let settled = now.saturating_sub(view.changed_at) >= cluster.settings().settle;
        let ailing = cluster.is_ailing();
        if view.is_young(now) || self.is_stopping() || (cluster.me().leaving && !ailing) {
            return;
        }
        let now_ms = self.monotonic_ms();
        let misplaced = self.live_offerings().into_iter().filter(|offering| {
            let Some(handle) = self.handle(*offering) else { return false };
            let since_ms = handle.in_service_at_ms.load(Ordering::Relaxed);
            // The instance that gave it to us may know of a pin that has not reached us yet.
            let rested = since_ms > 0 && now_ms.saturating_sub(since_ms) >= rest_ms;
            // An offering moved by hand need not wait for the members to settle.
            (ailing || (rested && (settled || view.pins.contains_key(offering))))
                && self.has_better_place(*offering)
        });
        let misplaced: Vec<_> = misplaced.take(MAX_PER_ROUND).collect();
        stream::iter(misplaced)
            .for_each_concurrent(cluster.settings().max_moves, |offering| self.part_with(offering))
            .await;
    }

    /// Publishes the offerings owned here to the lease store. A box office that is not the owner by
    /// the lease store then asks the journal.
    pub(crate) async fn publish_again(&self) {
        let cluster = &self.shared().cluster;
        stream::iter(self.live_offerings())
            .for_each_concurrent(AT_ONCE, |offering| async move {
                let mine = cluster.remembered(offering);
                let Some(mine) = mine.filter(|it| it.incarnation == cluster.me().incarnation)
                else {
                    return;
                };
                if cluster.publish(offering, mine.epoch).await.is_some()
                    && let Some(address) = self.address(offering)
                {
                    address.do_send(Superseded);
                }
            })
            .await;
    }

    /// True if the placement wants the offering on another instance, and that one can be reached.
    /// If this instance is ailing, any better place that can be reached counts.
    fn has_better_place(&self, offering: OfferingId) -> bool {
        let cluster = &self.shared().cluster;
        let wanted = cluster.choice_within_reach(offering);
        let is_final = cluster.is_ailing() || wanted == cluster.choice(offering);
        is_final && wanted.is_some_and(|to| to.incarnation != cluster.me().incarnation)
    }

    async fn part_with(&self, offering: OfferingId) {
        let Some(to) = self.shared().cluster.choice_within_reach(offering) else { return };
        if to.incarnation == self.shared().cluster.me().incarnation {
            return;
        }
        if !self.is_busy(offering, BUSY_WITHIN_MS) {
            return self.let_go(offering).await;
        }
        if let Err(error) = self.hand_off(offering, &to).await {
            tracing::warn!(%offering, to = %to.name, %error, "not handed over");
        }
    }

    /// Puts an idle offering to sleep, so that the instance to which it belongs wakes it.
    async fn let_go(&self, offering: OfferingId) {
        if let Some(address) = self.remove(offering) {
            let _ = address.send(Stop).await;
            self.shared().cluster.release(offering).await;
        }
    }

    /// Drops states that were loaded ahead but not used.
    pub(crate) fn forget_warm(&self) {
        let now = self.shared().guard.monotonic();
        self.warm().retain(|_, warm| now.saturating_sub(warm.at) < WARM_FOR);
    }
}

/// Offerings moved for balance in one round, which comes every second.
const MAX_PER_ROUND: usize = 64;

async fn warm_up(shared: &Arc<Shared>, offering: OfferingId) -> Result<Warm, LoadError> {
    let (inventory, loaded) = restore(shared, offering).await?;
    Ok(Warm { inventory, head: loaded.head, at: shared.guard.monotonic() })
}
