//! Which instance an offering belongs to: from memory, from the lease store, or from the journal
//! where neither knows. Also the steps by which an entry changes hands.

use std::sync::Arc;

use super::lease::{Claim, LeaseError};
use super::membership::View;
use super::{Cluster, Known, Member, Owner, Permission, Route, placement};
use crate::ids::{Epoch, OfferingId};
use crate::journal::{Journal, LoadError};
use crate::planted::{Bug, is_planted};

impl Cluster {
    /// Returns where a request for `offering`, which is not live here, belongs.
    ///
    /// # Errors
    /// [`LoadError`]: only the journal knows the owner, and cannot be read or does not exist.
    pub async fn route(
        &self,
        offering: OfferingId,
        journal: &dyn Journal,
    ) -> Result<Route, LoadError> {
        let owner = self.owner(offering, journal).await?;
        Ok(self.route_to(owner, offering).await)
    }

    /// As [`Self::route`], but ignores the remembered owner: for callers that contact no other
    /// instance, and so would not learn that the remembered owner has released the offering.
    ///
    /// # Errors
    /// As for [`Self::route`].
    pub async fn route_now(
        &self,
        offering: OfferingId,
        journal: &dyn Journal,
    ) -> Result<Route, LoadError> {
        let owner = self.owner_now(offering, journal).await?;
        Ok(self.route_to(owner, offering).await)
    }

    async fn route_to(&self, owner: Option<Owner>, offering: OfferingId) -> Route {
        match owner {
            Some(owner) if owner.incarnation != self.me.load().incarnation => Route::There(owner),
            // This instance owns the offering and cannot serve it: another one must wake it.
            Some(_) if self.is_ailing() => {
                self.release(offering).await;
                self.place_of(offering)
            }
            Some(_) => Route::Here,
            None => self.place_of(offering),
        }
    }

    /// Returns the owner of `offering` by all that is known; `None` if no live instance owns it.
    ///
    /// # Errors
    /// As for [`Self::route`].
    pub async fn owner(
        &self,
        offering: OfferingId,
        journal: &dyn Journal,
    ) -> Result<Option<Owner>, LoadError> {
        if let Some(owner) = self.known_owner(offering) {
            return Ok(Some(owner));
        }
        self.owner_now(offering, journal).await
    }

    /// As [`Self::owner`], but ignores the remembered owner.
    ///
    /// # Errors
    /// As for [`Self::route`].
    pub async fn owner_now(
        &self,
        offering: OfferingId,
        journal: &dyn Journal,
    ) -> Result<Option<Owner>, LoadError> {
        let owner = match self.entry(offering).await {
            Ok(Some(owner)) => Some(owner),
            Ok(None) if !self.view.load().is_young(self.now()) => None,
            // The lease store is away, or has just come back empty: the journal knows the last owner.
            Ok(None) | Err(_) => self.last_owner(offering, journal).await?,
        };
        if let Some(owner) = &owner
            && owner.incarnation != self.me.load().incarnation
        {
            self.learn(offering, owner.clone());
        }
        Ok(owner)
    }

    /// Returns where the placement wants `offering`, among the members that live and answer.
    #[must_use]
    pub fn place_of(&self, offering: OfferingId) -> Route {
        match self.choice_within_reach(offering) {
            Some(member) if member.incarnation != self.me.load().incarnation => {
                // No instance has taken over yet, so there is no epoch.
                Route::There(member.owning(Epoch(0)))
            }
            Some(_) | None => Route::Here,
        }
    }

    /// Returns the live member that `offering` belongs on: where it is pinned, or else placed.
    #[must_use]
    pub fn choice(&self, offering: OfferingId) -> Option<Member> {
        let view = self.view.load();
        placed(offering, &view, |_| true)
    }

    /// As [`Self::choice`], among the members that no probe has timed out on lately: a member that
    /// this instance cannot reach is of no use to its clients, even if its lease is valid.
    #[must_use]
    pub fn choice_within_reach(&self, offering: OfferingId) -> Option<Member> {
        let (view, now, ttl) = (self.view.load(), self.now(), self.settings.lease_ttl);
        let answers = |member: &Member| !view.was_silent_within(ttl, member.incarnation, now);
        let within_reach = placed(offering, &view, answers);
        // A leaving member takes no new offerings: then silent members are tried again.
        within_reach.filter(|member| !member.leaving).or_else(|| placed(offering, &view, |_| true))
    }

    /// Asks whether this instance may take `offering` over.
    ///
    /// # Errors
    /// [`LoadError`]: only the journal knows the owner, and cannot be read or does not exist.
    pub async fn claim(
        &self,
        offering: OfferingId,
        journal: &dyn Journal,
    ) -> Result<Permission, LoadError> {
        if self.alone {
            return Ok(Permission::Granted);
        }
        let me = self.me();
        let (suspects, young) = {
            let view = self.view.load();
            (view.suspects(), view.is_young(self.clock.monotonic()))
        };
        let claimed = self.in_time(self.leases.claim(offering, Member::clone(&me), suspects)).await;
        let owner = match claimed {
            Ok(Claim::Granted) if !young => None,
            Ok(Claim::OwnedBy(owner)) => Some(owner),
            Ok(Claim::NoLease) => {
                self.nudge.notify_one();
                return Ok(Permission::NotNow);
            }
            // The lease store has lost the owner, or does not answer: the journal knows the last one.
            Ok(Claim::Granted) | Err(_) => self.last_owner(offering, journal).await?,
        };
        Ok(match owner {
            Some(owner) if owner.incarnation != me.incarnation => {
                self.learn(offering, owner.clone());
                Permission::OwnedBy(owner)
            }
            Some(_) | None => Permission::Granted,
        })
    }

    /// Publishes that this instance has taken over `offering`. Returns the owner if that is another
    /// instance by now.
    pub async fn publish(&self, offering: OfferingId, epoch: Epoch) -> Option<Owner> {
        let mine = self.me.load().owning(epoch);
        self.learn(offering, mine.clone());
        if self.alone {
            return None;
        }
        match self.in_time(self.leases.publish(offering, mine)).await {
            Ok(owner) if owner.incarnation != self.me.load().incarnation => {
                self.learn(offering, owner.clone());
                Some(owner)
            }
            // If the store is away, the entry is published when the store is back.
            Ok(_) | Err(_) => None,
        }
    }

    /// Removes our entry: this instance no longer owns `offering`, and no other does yet.
    pub async fn release(&self, offering: OfferingId) {
        let me = self.me.load().incarnation;
        if let Some(mut known) = self.owners.get_mut(&offering) {
            known.owner.take_if(|owner| owner.incarnation == me);
        }
        let me = match self.remembered(offering) {
            Some(owner) if is_planted(Bug::ReleaseOfAnothersLease) => owner.incarnation,
            Some(_) | None => me,
        };
        if !self.alone
            && let Err(error) = self.in_time(self.leases.release(offering, me)).await
        {
            tracing::debug!(%offering, %error, "the entry of an offering is left behind");
        }
    }

    /// Transfers our entry to another member.
    ///
    /// # Errors
    /// The lease store is away, or the entry is not ours, or the other member's lease has expired.
    pub async fn transfer(&self, offering: OfferingId, to: &Member) -> Result<(), LeaseError> {
        let me = self.me.load().incarnation;
        if self.in_time(self.leases.transfer(offering, me, to.clone())).await? {
            return Ok(());
        }
        // Our entry may have been lost, or never have arrived.
        if let Some(mine) = self.remembered(offering)
            && mine.incarnation == me
            && self.publish(offering, mine.epoch).await.is_none()
            && self.in_time(self.leases.transfer(offering, me, to.clone())).await?
        {
            return Ok(());
        }
        Err(LeaseError::Unusable("the entry is not ours, or the other's lease has run out".into()))
    }

    /// Undoes [`Self::transfer`], as far as possible.
    pub async fn take_back(&self, offering: OfferingId, from: &Member) {
        let me = Member::clone(&self.me.load());
        let taken = self.in_time(self.leases.transfer(offering, from.incarnation, me)).await;
        if !matches!(taken, Ok(true)) {
            tracing::debug!(%offering, ?taken, "the entry stays another instance's");
        }
    }

    /// Pins an offering to the instance that it is moved to; `None` returns it to the placement.
    ///
    /// # Errors
    /// The lease store is away.
    pub async fn pin(&self, offering: OfferingId, to: Option<Arc<str>>) -> Result<(), LeaseError> {
        self.in_time(self.leases.pin(offering, to)).await?;
        self.nudge.notify_one();
        Ok(())
    }

    /// Remembers the owner of `offering`, unless a later epoch is already known.
    pub fn learn(&self, offering: OfferingId, owner: Owner) {
        let mut known = self.owners.entry(offering).or_default();
        if owner.epoch >= known.epoch || is_planted(Bug::CacheGoesBackAnEpoch) {
            *known = Known { epoch: owner.epoch, owner: Some(owner) };
        }
    }

    /// Forgets `owner`, which turned out not to own `offering`, unless another owner is known by now.
    /// The epoch is kept, so that an owner of an earlier epoch is still rejected.
    pub fn forget(&self, offering: OfferingId, owner: &Owner) {
        if let Some(mut known) = self.owners.get_mut(&offering) {
            known.owner.take_if(|known| known == owner);
        }
    }

    /// Returns the last known owner, unless it turned out not to own the offering.
    #[must_use]
    pub fn remembered(&self, offering: OfferingId) -> Option<Owner> {
        self.owners.get(&offering).and_then(|known| known.owner.clone())
    }

    /// Returns a remembered owner other than this instance that is believed to live.
    fn known_owner(&self, offering: OfferingId) -> Option<Owner> {
        let owner = self.remembered(offering)?;
        let other = owner.incarnation != self.me.load().incarnation;
        (other && self.view.load().live(owner.incarnation).is_some()).then_some(owner)
    }

    /// Returns the owner in the lease store's entry, if its lease is valid and it is not a suspect.
    async fn entry(&self, offering: OfferingId) -> Result<Option<Owner>, LeaseError> {
        let owner = self.in_time(self.leases.owner(offering)).await?;
        Ok(owner.filter(|owner| !self.view.load().is_suspect(owner.incarnation)))
    }

    /// Returns the instance that appended the last takeover, unless it is a suspect.
    async fn last_owner(
        &self,
        offering: OfferingId,
        journal: &dyn Journal,
    ) -> Result<Option<Owner>, LoadError> {
        let owner = journal.owner(offering).await?;
        Ok(owner.filter(|owner| !self.view.load().is_suspect(owner.incarnation)))
    }
}

fn placed(offering: OfferingId, view: &View, is_asked: impl Fn(&Member) -> bool) -> Option<Member> {
    let among = || view.live_members().filter(|member| is_asked(member));
    let pinned = view
        .pins
        .get(&offering)
        .and_then(|name| among().find(|member| member.name == *name && !member.leaving));
    pinned.or_else(|| placement::place(offering, among())).cloned()
}
