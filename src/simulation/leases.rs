//! The lease store of a simulation. It keeps its promises as Redis does: by its own clock, until it
//! loses all data or grants something twice. It also checks that no instance acts in another's name.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;

use super::world::World;
use crate::cluster::Member;
use crate::cluster::lease::{Claim, Heartbeat, Lease, LeaseError, Leases, Pins, Standing};
use crate::ids::{Epoch, InstanceId, OfferingId};
use crate::journal::Owner;

/// The lease store.
pub(super) struct LeaseStore {
    world: Arc<World>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    memory: u64,
    instances: BTreeMap<Arc<str>, Held>,
    owners: BTreeMap<OfferingId, (Arc<str>, Owner)>,
    pins: Pins,
    down: bool,
}

struct Held {
    member: Member,
    until: Duration,
    beat: u64,
}

impl State {
    fn lives(&self, name: &str, incarnation: InstanceId, now: Duration) -> bool {
        self.instances
            .get(name)
            .is_some_and(|held| held.member.incarnation == incarnation && now < held.until)
    }
}

impl LeaseStore {
    pub(super) fn new(world: Arc<World>) -> Arc<Self> {
        Arc::new(Self { world, state: Mutex::default() })
    }

    pub(super) fn set_down(&self, down: bool) {
        self.lock().down = down;
    }

    /// Deletes everything, as if the store came back empty.
    pub(super) fn forget_all(&self) {
        let mut state = self.lock();
        let memory = state.memory + 1;
        *state = State { memory, down: state.down, ..State::default() };
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// An instance's connection to the [`LeaseStore`].
pub(super) struct SimLeases {
    store: Arc<LeaseStore>,
    me: InstanceId,
    /// Heartbeats so far.
    beats: AtomicU64,
}

impl SimLeases {
    pub(super) fn new(store: Arc<LeaseStore>, me: InstanceId) -> Arc<Self> {
        Arc::new(Self { store, me, beats: AtomicU64::new(0) })
    }

    async fn run<T>(
        &self,
        script: impl FnOnce(&mut State, Duration) -> T,
    ) -> Result<T, LeaseError> {
        let away = || LeaseError::Away(anyhow::anyhow!("simulated"));
        let world = &self.store.world;
        tokio::time::sleep(world.way()).await;
        let faults = world.faults();
        if self.store.lock().down || world.happens(faults.lost) {
            tokio::time::sleep(world.millis(1, 300)).await;
            return Err(away());
        }
        let done = script(&mut self.store.lock(), world.elapsed());
        tokio::time::sleep(world.micros(50, 500)).await;
        if world.happens(faults.unanswered) {
            return Err(away());
        }
        Ok(done)
    }

    /// Checks that an instance acts only under its own incarnation.
    fn expect_own(&self, incarnation: InstanceId, what: &str) {
        if incarnation != self.me {
            let me = self.me;
            self.store.world.violated(format_args!("{me} {what} in the name of {incarnation}"));
        }
    }
}

impl Leases for SimLeases {
    fn renew(
        &self,
        me: Member,
        ttl: Duration,
        dead: Option<InstanceId>,
    ) -> BoxFuture<'_, Result<Heartbeat, LeaseError>> {
        self.expect_own(me.incarnation, "renews a lease");
        // Never goes back, not even after the store was emptied.
        let beats = self.beats.fetch_add(1, Ordering::Relaxed) + 1;
        self.run(move |state, now| {
            state.instances.retain(|_, held| now < held.until);
            let lease = match state.instances.get_mut(&me.name) {
                Some(held)
                    if held.member.incarnation != me.incarnation
                        && Some(held.member.incarnation) != dead =>
                {
                    Lease::TakenBy(held.member.clone())
                }
                Some(held) if held.member.incarnation == me.incarnation => {
                    let beat = beats.max(held.beat + 1);
                    *held = Held { member: me, until: now + ttl, beat };
                    Lease::Kept
                }
                Some(_) | None => {
                    let held = Held { member: me.clone(), until: now + ttl, beat: beats };
                    state.instances.insert(Arc::clone(&me.name), held);
                    Lease::Granted
                }
            };
            let members = state.instances.values().map(|held| Standing {
                member: held.member.clone(),
                left: held.until - now,
                beat: held.beat,
            });
            let members = members.collect();
            Heartbeat { lease, members, memory: state.memory, pins: state.pins.clone() }
        })
        .boxed()
    }

    fn resign(&self, me: Member) -> BoxFuture<'_, Result<(), LeaseError>> {
        self.expect_own(me.incarnation, "resigns");
        self.run(move |state, now| {
            if state.lives(&me.name, me.incarnation, now) {
                state.instances.remove(&me.name);
            }
        })
        .boxed()
    }

    fn claim(
        &self,
        offering: OfferingId,
        me: Member,
        dead: Vec<InstanceId>,
    ) -> BoxFuture<'_, Result<Claim, LeaseError>> {
        self.expect_own(me.incarnation, "claims");
        let doubled = self.store.world.happens(self.store.world.faults().granted_twice);
        self.run(move |state, now| {
            if !state.lives(&me.name, me.incarnation, now) {
                return Claim::NoLease;
            }
            let entry = state.owners.get(&offering).cloned();
            let epoch = entry.as_ref().map_or(Epoch(0), |(_, owner)| owner.epoch);
            if let Some((name, owner)) = entry
                && owner.incarnation != me.incarnation
                && !dead.contains(&owner.incarnation)
                && state.lives(&name, owner.incarnation, now)
                && !doubled
            {
                return Claim::OwnedBy(owner);
            }
            let owner = (Arc::clone(&me.name), me.owning(epoch));
            state.owners.insert(offering, owner);
            Claim::Granted
        })
        .boxed()
    }

    fn publish(
        &self,
        offering: OfferingId,
        owner: Owner,
    ) -> BoxFuture<'_, Result<Owner, LeaseError>> {
        self.expect_own(owner.incarnation, "publishes");
        self.run(move |state, _| {
            let name = state
                .instances
                .values()
                .find(|held| held.member.incarnation == owner.incarnation)
                .map(|held| Arc::clone(&held.member.name));
            let known = state.owners.get(&offering).map(|(_, owner)| owner);
            let stands = known.is_some_and(|known| {
                known.epoch > owner.epoch
                    || (known.epoch == owner.epoch && known.incarnation != owner.incarnation)
            });
            if let Some(name) = name.filter(|_| !stands) {
                state.owners.insert(offering, (name, owner.clone()));
            }
            state.owners.get(&offering).map_or(owner, |(_, owner)| owner.clone())
        })
        .boxed()
    }

    fn release(
        &self,
        offering: OfferingId,
        me: InstanceId,
    ) -> BoxFuture<'_, Result<(), LeaseError>> {
        self.expect_own(me, "releases an entry");
        self.run(move |state, _| {
            if state.owners.get(&offering).is_some_and(|(_, owner)| owner.incarnation == me) {
                state.owners.remove(&offering);
            }
        })
        .boxed()
    }

    fn transfer(
        &self,
        offering: OfferingId,
        from: InstanceId,
        to: Member,
    ) -> BoxFuture<'_, Result<bool, LeaseError>> {
        // No check of the sender: the instance that gave an entry may also take it back.
        self.run(move |state, now| {
            let Some((_, owner)) = state.owners.get(&offering) else { return false };
            let epoch = owner.epoch;
            if owner.incarnation != from || !state.lives(&to.name, to.incarnation, now) {
                return false;
            }
            state.owners.insert(offering, (Arc::clone(&to.name), to.owning(epoch)));
            true
        })
        .boxed()
    }

    fn owner(&self, offering: OfferingId) -> BoxFuture<'_, Result<Option<Owner>, LeaseError>> {
        self.run(move |state, now| {
            let (name, owner) = state.owners.get(&offering)?;
            state.lives(name, owner.incarnation, now).then(|| owner.clone())
        })
        .boxed()
    }

    fn pin(
        &self,
        offering: OfferingId,
        to: Option<Arc<str>>,
    ) -> BoxFuture<'_, Result<(), LeaseError>> {
        self.run(move |state, _| {
            match to {
                Some(name) => state.pins.insert(offering, name),
                None => state.pins.remove(&offering),
            };
        })
        .boxed()
    }
}
