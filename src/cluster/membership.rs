//! The members, as this instance knows them: from the last heartbeat, and from its own calls since.
//! Pure: the caller passes the time and each observation.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use super::Member;
use super::lease::{Heartbeat, Pins, Standing};
use crate::ids::InstanceId;

/// The state after one heartbeat; replaced as a whole.
#[derive(Clone, Debug, Default)]
pub struct View {
    /// Members, sorted by name.
    pub members: Vec<Known>,
    /// Offerings that stay where they were moved.
    pub pins: Arc<Pins>,
    /// The lease store's memory, see [`Heartbeat::memory`].
    memory: Option<u64>,
    /// Monotonic end of the grace period after the store lost its data: until then, a missing member
    /// may just not have renewed yet.
    grace_until: Duration,
    /// Monotonic time at which a member last joined, left, or changed weight.
    pub changed_at: Duration,
    /// Processes that were found dead, even if their leases are valid.
    suspects: HashMap<InstanceId, Suspicion>,
    /// Processes that have not answered.
    silent: HashMap<InstanceId, Silence>,
}

/// A member and how long it counts as one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Known {
    /// The member.
    pub member: Member,
    /// Expiry of its lease on our monotonic clock.
    pub expires_at: Duration,
    /// See [`Standing::beat`].
    pub beat: u64,
}

/// Monotonic times of the first and the last unanswered call, with no answer in between.
#[derive(Clone, Copy, Debug)]
struct Silence {
    since: Duration,
    last: Duration,
}

#[derive(Clone, Copy, Debug)]
struct Suspicion {
    beat: u64,
    since: Duration,
}

impl View {
    /// Returns the view after a heartbeat received at `now`. `ttl` is the time to live of a lease.
    #[must_use]
    pub fn after(&self, heartbeat: &Heartbeat, now: Duration, ttl: Duration) -> Self {
        let forgot = self.memory.is_some_and(|memory| memory != heartbeat.memory);
        let grace_until = if forgot { now + ttl } else { self.grace_until };
        let mut members: Vec<Known> = heartbeat
            .members
            .iter()
            .map(|Standing { member, left, beat }| Known {
                member: member.clone(),
                expires_at: now + *left,
                beat: *beat,
            })
            .collect();
        if now < grace_until {
            // The store has come back empty: a member that is missing in it may not have noticed yet.
            let back =
                |known: &Known| members.iter().any(|found| found.member.name == known.member.name);
            let missing: Vec<_> =
                self.members.iter().filter(|known| !back(known)).cloned().collect();
            members.extend(missing.into_iter().map(|known| Known { beat: 0, ..known }));
        }
        members.sort_by(|a, b| a.member.name.cmp(&b.member.name));
        let same = members.iter().map(|known| &known.member);
        let changed = !same.eq(self.members.iter().map(|known| &known.member));
        let mut suspects = self.suspects.clone();
        suspects.retain(|incarnation, suspicion| {
            let known = members.iter().find(|known| known.member.incarnation == *incarnation);
            // A suspect that has renewed its lease since is alive after all.
            match known {
                Some(known) => known.beat <= suspicion.beat,
                None => now.saturating_sub(suspicion.since) < 2 * ttl,
            }
        });
        let mut silent = self.silent.clone();
        silent.retain(|_, silence| now.saturating_sub(silence.last) < 2 * ttl);
        Self {
            members,
            pins: Arc::new(heartbeat.pins.clone()),
            memory: Some(heartbeat.memory),
            grace_until,
            changed_at: if changed { now } else { self.changed_at },
            suspects,
            silent,
        }
    }

    /// True if the lease store lost its data so recently that a missing entry proves nothing.
    #[must_use]
    pub fn is_young(&self, now: Duration) -> bool {
        now < self.grace_until
    }

    /// Returns the live member with this incarnation.
    #[must_use]
    pub fn live(&self, incarnation: InstanceId) -> Option<&Member> {
        self.live_members().find(|member| member.incarnation == incarnation)
    }

    /// Returns all members that are believed to live.
    pub fn live_members(&self) -> impl Iterator<Item = &Member> {
        let believed = |known: &&Known| !self.is_suspect(known.member.incarnation);
        self.members.iter().filter(believed).map(|known| &known.member)
    }

    /// True if this process was found dead.
    #[must_use]
    pub fn is_suspect(&self, incarnation: InstanceId) -> bool {
        self.suspects.contains_key(&incarnation)
    }

    /// Returns all processes that were found dead, in a stable order.
    #[must_use]
    pub fn suspects(&self) -> Vec<InstanceId> {
        let mut suspects: Vec<_> = self.suspects.keys().copied().collect();
        suspects.sort_unstable();
        suspects
    }

    /// Records that a process was found dead: it counts as dead until it renews its lease.
    pub fn suspect(&mut self, incarnation: InstanceId, now: Duration) {
        let known = self.members.iter().find(|known| known.member.incarnation == incarnation);
        let beat = known.map_or(0, |known| known.beat);
        self.suspects.insert(incarnation, Suspicion { beat, since: now });
    }

    /// Records that a process did not answer; returns how long it has been silent.
    pub fn silent(&mut self, incarnation: InstanceId, now: Duration) -> Duration {
        let silence = self.silent.entry(incarnation).or_insert(Silence { since: now, last: now });
        silence.last = now;
        now.saturating_sub(silence.since)
    }

    /// True if a call to this process went unanswered within `span`, and none has been answered
    /// since.
    #[must_use]
    pub fn was_silent_within(
        &self,
        span: Duration,
        incarnation: InstanceId,
        now: Duration,
    ) -> bool {
        let silence = self.silent.get(&incarnation);
        silence.is_some_and(|silence| now.saturating_sub(silence.last) < span)
    }

    /// True if this process has not answered lately.
    #[must_use]
    pub fn is_silent(&self, incarnation: InstanceId) -> bool {
        self.silent.contains_key(&incarnation)
    }

    /// Records an answer of this process.
    pub fn answered(&mut self, incarnation: InstanceId) {
        self.silent.remove(&incarnation);
        self.suspects.remove(&incarnation);
    }

    /// Returns the next time after `now` at which a lease other than that of `but` expires unless it
    /// is renewed.
    #[must_use]
    pub fn next_expiry(&self, but: InstanceId, now: Duration) -> Option<Duration> {
        let others = self.members.iter().filter(|known| known.member.incarnation != but);
        others.map(|known| known.expires_at).filter(|at| *at > now).min()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cluster::lease::Lease;

    const TTL: Duration = Duration::from_secs(10);

    fn member(name: &str) -> Member {
        let incarnation = InstanceId::random();
        Member { name: name.into(), incarnation, address: "".into(), weight: 1, leaving: false }
    }

    fn heartbeat(memory: u64, members: &[(&Member, u64)]) -> Heartbeat {
        let standing = |(member, beat): &(&Member, u64)| Standing {
            member: (*member).clone(),
            left: TTL,
            beat: *beat,
        };
        Heartbeat {
            lease: Lease::Kept,
            members: members.iter().map(standing).collect(),
            memory,
            pins: Pins::new(),
        }
    }

    fn seconds(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn a_store_that_comes_back_empty_makes_nobody_dead_at_once() {
        let (a, b) = (member("a"), member("b"));
        let view = View::default().after(&heartbeat(1, &[(&a, 1), (&b, 1)]), seconds(0), TTL);
        assert!(!view.is_young(seconds(0)), "what was there before us is believed");
        let view = view.after(&heartbeat(2, &[(&a, 1)]), seconds(5), TTL);
        assert!(view.is_young(seconds(5)) && view.live(b.incarnation).is_some());
        let back = view.after(&heartbeat(2, &[(&a, 2), (&b, 1)]), seconds(7), TTL);
        assert_eq!(back.members.len(), 2);
        assert_eq!(back.changed_at, seconds(0), "nobody came or went");
        let gone = view.after(&heartbeat(2, &[(&a, 4)]), seconds(15), TTL);
        assert!(gone.live(b.incarnation).is_none(), "it had its time to come back");
    }

    #[test]
    fn who_was_met_dead_is_dead_until_it_renews_its_lease() {
        let (a, b) = (member("a"), member("b"));
        let mut view = View::default().after(&heartbeat(1, &[(&a, 1), (&b, 7)]), seconds(0), TTL);
        view.suspect(b.incarnation, seconds(1));
        assert!(view.live(b.incarnation).is_none());
        let view = view.after(&heartbeat(1, &[(&a, 2), (&b, 7)]), seconds(2), TTL);
        assert!(view.live(b.incarnation).is_none(), "its lease is the one it died with");
        let view = view.after(&heartbeat(1, &[(&a, 3), (&b, 8)]), seconds(3), TTL);
        assert!(view.live(b.incarnation).is_some());
    }

    #[test]
    fn a_new_process_of_a_name_replaces_the_old_one() {
        let (old, new) = (member("a"), member("a"));
        let view = View::default().after(&heartbeat(1, &[(&old, 3)]), seconds(0), TTL);
        let view = view.after(&heartbeat(2, &[(&new, 1)]), seconds(1), TTL);
        assert_eq!(view.members.len(), 1);
        let nobody = InstanceId::random();
        assert_eq!(view.next_expiry(nobody, seconds(2)), Some(seconds(1) + TTL));
        assert_eq!(view.next_expiry(nobody, seconds(1) + TTL), None, "it is past");
        assert!(view.live(old.incarnation).is_none() && view.live(new.incarnation).is_some());
    }
}
