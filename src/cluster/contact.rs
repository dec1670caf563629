//! What an instance learns of another by speaking to it: that it lives, is gone, is silent, or does
//! not take it for one of its own.

use std::sync::{Arc, PoisonError};
use std::time::Duration;

use futures_util::future::join_all;

use super::membership::View;
use super::{Cluster, HELLO, HELLO_PATIENCE, JoinError, Member, NetworkError, Notice, Owner};
use crate::ids::{Epoch, InstanceId};

/// Why an address is not ours.
const ANOTHER: &str = "what listens there is another process";

impl Cluster {
    /// Nobody listens where this instance did: it is dead until it renews its lease.
    pub fn met_dead(&self, incarnation: InstanceId) {
        if !self.view.load().is_suspect(incarnation) {
            tracing::warn!(%incarnation, "an instance is gone: its port refuses connections");
        }
        self.change_view(|view, now| view.suspect(incarnation, now));
    }

    /// An instance refuses what it is asked: whoever runs it has to mend that. Logged once.
    pub fn met_refusing(&self, other: &Owner, why: &NetworkError) {
        if self.is_news(other.incarnation, Notice::Refuses) {
            tracing::error!(incarnation = %other.incarnation, address = %other.address, %why,
                "an instance refuses what this one asks: run all with one ADMITONE_CLUSTER_SECRET \
                 and one version");
        }
    }

    /// An instance did not answer. While the lease store works, its lease decides; without one, it
    /// is replaced when it has been silent as long as a lease lives.
    pub fn met_silent(&self, incarnation: InstanceId) {
        let replaced = self.away_for().is_some() || self.view.load().is_young(self.now());
        let ttl = self.settings.lease_ttl;
        if !self.view.load().is_silent(incarnation) {
            tracing::warn!(%incarnation, "an instance does not answer");
        }
        self.change_view(|view, now| {
            if view.silent(incarnation, now) >= ttl && replaced {
                view.suspect(incarnation, now);
            }
        });
    }

    /// It answers.
    pub fn met_alive(&self, incarnation: InstanceId) {
        let view = self.view.load();
        if view.is_silent(incarnation) || view.is_suspect(incarnation) {
            self.change_view(|view, _| view.answered(incarnation));
        }
    }

    /// Speaks to every member once, to ourselves as the others would: what would look like one
    /// failure after the other when the sale opens is told at the start.
    ///
    /// Returns the others that answered.
    pub(super) async fn greet(&self) -> Result<Vec<Member>, JoinError> {
        let me = self.me();
        let members: Vec<Member> = self.view().live_members().cloned().collect();
        let greeted = join_all(members.into_iter().map(|member| async {
            let asked = self.network.ask(Arc::clone(&member.address), HELLO.into(), HELLO_PATIENCE);
            (asked.await, member)
        }));
        let mut met = Vec::new();
        for (answered, member) in greeted.await {
            let is_me = member.incarnation == me.incarnation;
            let address = Arc::clone(&member.address);
            match answered {
                Ok(answer) if answer[..] == member.incarnation.0.as_bytes()[..] => {
                    met.extend((!is_me).then_some(member));
                }
                Ok(_) if is_me => return Err(JoinError::NotAtItsAddress(address, ANOTHER)),
                Err(NetworkError::Refused(_)) if is_me => {
                    return Err(JoinError::NotAtItsAddress(address, "nobody listens there"));
                }
                Err(NetworkError::WrongSecret(_) | NetworkError::NotTaken(..)) if is_me => {
                    return Err(JoinError::NotAtItsAddress(address, ANOTHER));
                }
                Err(NetworkError::WrongSecret(_)) => {
                    return Err(JoinError::WrongSecret { name: member.name, address });
                }
                Err(error @ NetworkError::NotTaken(..)) => {
                    self.met_refusing(&member.owning(Epoch(0)), &error);
                }
                // A process that was there before it, or none: its lease runs out.
                Ok(_) | Err(NetworkError::Refused(_)) => self.met_dead(member.incarnation),
                Err(error) => tracing::warn!(name = %member.name, %address, %error,
                    "an instance cannot be reached from here: correct its ADMITONE_ADVERTISE, or \
                     the network"),
            }
        }
        Ok(met)
    }

    /// Whether this is the first time.
    pub(super) fn is_news(&self, incarnation: InstanceId, notice: Notice) -> bool {
        let mut noticed = self.noticed.lock().unwrap_or_else(PoisonError::into_inner);
        noticed.insert((incarnation, notice))
    }

    pub(super) fn change_view(&self, change: impl FnOnce(&mut View, Duration)) {
        let _turn = self.changing.lock().unwrap_or_else(PoisonError::into_inner);
        let mut view = View::clone(&self.view.load());
        change(&mut view, self.clock.monotonic());
        self.view.store(Arc::new(view));
        self.viewed.notify_waiters();
    }
}
