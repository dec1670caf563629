//! What an instance learns of another by calling it: that it lives, is gone, is silent, or does not
//! accept this one as a member.

use std::sync::{Arc, PoisonError};
use std::time::Duration;

use futures_util::future::join_all;

use crate::cluster::membership::View;
use crate::cluster::{
    Cluster, HELLO, HELLO_TIMEOUT, JoinError, Member, NetworkError, Notice, Owner, TokenProof,
    Verdict, metrics,
};
use crate::ids::{Epoch, InstanceId};

/// Attempts of an instance to reach itself before it gives up.
const ATTEMPTS: u32 = 20;

impl Cluster {
    /// Marks an instance dead because its port refuses connections: it stays dead until it renews its
    /// lease.
    pub fn mark_dead(&self, incarnation: InstanceId) {
        if !self.view.load().is_suspect(incarnation) {
            let (name, address) = self.called(incarnation);
            tracing::warn!(%name, %address, %incarnation,
                "an instance is gone: its port refuses connections");
        }
        self.change_view(|view, now| view.suspect(incarnation, now));
    }

    /// Logs, once, that an instance refuses our questions, which its operator has to fix.
    pub fn mark_refusing(&self, other: &Owner, why: &NetworkError) {
        if self.is_news(other.incarnation, Notice::Refuses) {
            tracing::error!(incarnation = %other.incarnation, address = %other.address, %why,
                "an instance refuses what this one asks: run all with one ADMITONE_CLUSTER_SECRET \
                 and one version");
        }
    }

    /// Records that an instance did not answer. While the lease store works, the lease decides;
    /// without the store, an instance is replaced once it has been silent for the lifetime of a
    /// lease.
    pub fn mark_silent(&self, incarnation: InstanceId) {
        let replaced = self.away_for().is_some() || self.view.load().is_young(self.now());
        let ttl = self.settings.lease_ttl;
        if !self.view.load().is_silent(incarnation) {
            let (name, address) = self.called(incarnation);
            tracing::warn!(%name, %address, %incarnation, "an instance does not answer");
        }
        self.change_view(|view, now| {
            if view.silent(incarnation, now) >= ttl && replaced {
                view.suspect(incarnation, now);
            }
        });
    }

    /// Records that an instance answered.
    pub fn mark_alive(&self, incarnation: InstanceId) {
        let view = self.view.load();
        if view.is_silent(incarnation) || view.is_suspect(incarnation) {
            self.change_view(|view, _| view.answered(incarnation));
        }
    }

    /// Calls every member once, and this instance at its own address as the others would: a wrong
    /// setting is reported at the start, and not as one failure after the other when the sale opens.
    ///
    /// Returns the other members that answered.
    pub(crate) async fn greet(&self) -> Result<Vec<Member>, JoinError> {
        let me = self.me();
        self.find_ourselves(&me).await?;
        let others = |member: &&Member| member.incarnation != me.incarnation;
        let members: Vec<Member> = self.view().live_members().filter(others).cloned().collect();
        let greeted = join_all(members.into_iter().map(|member| async {
            let asked = self.network.ask(Arc::clone(&member.address), HELLO.into(), HELLO_TIMEOUT);
            (asked.await, member)
        }));
        let mut met = Vec::new();
        for (answered, member) in greeted.await {
            let address = Arc::clone(&member.address);
            match answered {
                Ok(answer) if answer[..] == member.incarnation.0.as_bytes()[..] => met.push(member),
                Err(NetworkError::WrongSecret(_)) => {
                    return Err(JoinError::WrongSecret { name: member.name, address });
                }
                Err(error @ NetworkError::NotTaken(..)) => {
                    self.mark_refusing(&member.owning(Epoch(0)), &error);
                }
                // A process that was there before the member, or none: the member's lease expires.
                Ok(_) | Err(NetworkError::Refused(_)) => self.mark_dead(member.incarnation),
                Err(error) => tracing::warn!(name = %member.name, %address, %error,
                    "an instance cannot be reached from here: correct its ADMITONE_ADVERTISE, or \
                     the network"),
            }
        }
        Ok(met)
    }

    /// Calls our own address as the others will. A host name may take a moment to be known.
    async fn find_ourselves(&self, me: &Member) -> Result<(), JoinError> {
        let mut why = "";
        for attempt in 0..ATTEMPTS {
            if attempt > 0 {
                tokio::time::sleep(HELLO_TIMEOUT).await;
            }
            let asked = self.network.ask(Arc::clone(&me.address), HELLO.into(), HELLO_TIMEOUT);
            why = match asked.await {
                Ok(answer) if answer[..] == me.incarnation.0.as_bytes()[..] => return Ok(()),
                Ok(_) | Err(NetworkError::WrongSecret(_) | NetworkError::NotTaken(..)) => {
                    why = "what listens there is another process";
                    break;
                }
                Err(NetworkError::Refused(_)) => {
                    why = "nobody listens there";
                    break;
                }
                Err(NetworkError::Unreachable(_)) => "it cannot be reached",
                Err(NetworkError::NoAnswer(_)) => "nothing answers there",
            };
        }
        Err(JoinError::NotAtItsAddress(Arc::clone(&me.address), why))
    }

    /// Asks members to prove that they have our `ADMITONE_JWT_SECRET`. Leaves in `unproven` the
    /// members that must be asked again: they have another secret, or did not answer. Returns whether
    /// this instance may serve: no member has another secret, except those that are out of service
    /// for it.
    pub async fn compare_token_secrets(
        &self,
        proof: &TokenProof,
        unproven: &mut Vec<Member>,
    ) -> bool {
        let me = self.me().incarnation;
        unproven.retain(|member| self.view().live(member.incarnation).is_some());
        let asked = join_all(unproven.drain(..).map(|member| async {
            let (question, address) = (TokenProof::question(me), Arc::clone(&member.address));
            let answer = self.network.ask(address, question.clone(), HELLO_TIMEOUT).await;
            (answer.map(|answer| proof.check(&question, member.incarnation, &answer)), member)
        }));
        let mut rivals = Vec::new();
        for (answer, member) in asked.await {
            match answer {
                Ok(Some(Verdict::Same)) => {}
                Ok(Some(Verdict::Different)) => {
                    rivals.push(member.clone());
                    unproven.push(member);
                }
                Ok(Some(Verdict::Excluded)) => unproven.push(member),
                // A version that cannot prove it.
                Ok(None) | Err(NetworkError::NotTaken(..) | NetworkError::WrongSecret(_)) => {
                    tracing::warn!(name = %member.name, address = %member.address,
                        "an instance cannot tell whether it has this one's ADMITONE_JWT_SECRET: it \
                         is of an older version");
                }
                Err(_) => unproven.push(member),
            }
        }
        let mut known = self.token_rivals.lock().unwrap_or_else(PoisonError::into_inner);
        for rival in rivals.iter().filter(|rival| !known.contains(rival)) {
            tracing::error!(name = %rival.name, address = %rival.address,
                "this instance is not ready: {}", how_to_mend(rival));
        }
        if rivals.is_empty() && !known.is_empty() {
            tracing::info!("all members have this instance's ADMITONE_JWT_SECRET");
        }
        *known = rivals;
        known.is_empty()
    }

    /// True if a member other than `asker` was found to have another token secret than this instance.
    #[must_use]
    pub fn is_excluded_but_for(&self, asker: InstanceId) -> bool {
        let rivals = self.token_rivals.lock().unwrap_or_else(PoisonError::into_inner);
        rivals.iter().any(|rival| rival.incarnation != asker)
    }

    /// Returns why this instance must not serve although it could: one sentence that states the
    /// remedy.
    #[must_use]
    pub fn token_dispute(&self) -> Option<String> {
        let rivals = self.token_rivals.lock().unwrap_or_else(PoisonError::into_inner);
        rivals.first().map(how_to_mend)
    }

    /// Returns the name and address of an instance, for logs.
    fn called(&self, incarnation: InstanceId) -> (Arc<str>, Arc<str>) {
        let view = self.view.load();
        let known = view.members.iter().find(|known| known.member.incarnation == incarnation);
        known.map_or_else(
            || ("unknown".into(), "unknown".into()),
            |known| (Arc::clone(&known.member.name), Arc::clone(&known.member.address)),
        )
    }

    /// True the first time that this notice is given about this instance.
    pub(crate) fn is_news(&self, incarnation: InstanceId, notice: Notice) -> bool {
        let mut noticed = self.noticed.lock().unwrap_or_else(PoisonError::into_inner);
        noticed.insert((incarnation, notice))
    }

    pub(crate) fn change_view(&self, change: impl FnOnce(&mut View, Duration)) {
        let _turn = self.changing.lock().unwrap_or_else(PoisonError::into_inner);
        let mut view = View::clone(&self.view.load());
        change(&mut view, self.clock.monotonic());
        metrics::members(view.live_members().count());
        self.view.store(Arc::new(view));
        self.viewed.notify_waiters();
    }
}

fn how_to_mend(rival: &Member) -> String {
    format!(
        "the instance {} at {} has another ADMITONE_JWT_SECRET, so tokens and ticket codes of the one \
         are worthless to the other: give all instances the same secret, and restart the one that was \
         wrong",
        rival.name, rival.address
    )
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use futures_util::future::BoxFuture;

    use super::*;
    use crate::clock::ManualClock;
    use crate::cluster::lease::{Alone, Heartbeat, Lease, Pins, Standing};
    use crate::cluster::{Network, Route, Settings};
    use crate::ids::OfferingId;

    /// A network on which no instance can be reached.
    struct Nameless;

    impl Network for Nameless {
        fn ask(
            &self,
            address: Arc<str>,
            _: Bytes,
            _: Duration,
        ) -> BoxFuture<'static, Result<Bytes, NetworkError>> {
            Box::pin(std::future::ready(Err(NetworkError::Unreachable(address))))
        }
    }

    fn member(name: &str) -> Member {
        let address = format!("{name}:1").into();
        let incarnation = InstanceId::random();
        Member { name: name.into(), incarnation, address, weight: 1, leaving: false }
    }

    fn cluster_of(me: &Member, others: &[&Member]) -> (Arc<Cluster>, Arc<ManualClock>) {
        let clock = Arc::new(ManualClock::at(0));
        let (leases, network) = (Arc::new(Alone), Arc::new(Nameless));
        let settings = Settings::default();
        let cluster = Cluster::of_many(me.clone(), settings, clock.clone(), leases, network);
        let all = others.iter().copied().chain([me]);
        let left = Duration::from_secs(1_000);
        let members = all.map(|it| Standing { member: it.clone(), left, beat: 1 }).collect();
        let heartbeat = Heartbeat { lease: Lease::Kept, members, memory: 1, pins: Pins::new() };
        cluster.change_view(|view, now| *view = view.after(&heartbeat, now, settings.lease_ttl));
        (cluster, clock)
    }

    #[tokio::test(start_paused = true)]
    async fn who_cannot_be_found_at_its_own_address_does_not_join() {
        let me = member("a");
        let (cluster, _) = cluster_of(&me, &[]);
        let refused = cluster.greet().await.unwrap_err().to_string();
        assert!(
            refused.contains("not at a:1") && refused.contains("cannot be reached"),
            "{refused}"
        );
    }

    #[test]
    fn nothing_is_placed_on_who_was_asked_in_vain_until_it_answers_or_time_has_passed() {
        let (me, other) = (member("a"), member("b"));
        let (cluster, clock) = cluster_of(&me, &[&other]);
        let theirs = std::iter::repeat_with(OfferingId::random)
            .find(|offering| matches!(cluster.place_of(*offering), Route::There(_)))
            .unwrap();
        cluster.mark_silent(other.incarnation);
        assert_eq!(cluster.place_of(theirs), Route::Here);
        assert_eq!(cluster.choice(theirs), Some(other.clone()), "it belongs there all the same");
        cluster.mark_alive(other.incarnation);
        assert!(matches!(cluster.place_of(theirs), Route::There(_)));
        cluster.mark_silent(other.incarnation);
        clock.advance_ms(10_000);
        assert!(matches!(cluster.place_of(theirs), Route::There(_)), "it is given another chance");
    }
}
