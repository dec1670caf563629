//! The one timer of all box offices: runs the due work of live ones, wakes sleeping ones that have
//! some, puts idle ones to sleep, and compares the clocks. Deadlines do not depend on it, because
//! due work runs before any decision anyway; the timer only frees places while no requests come.

use std::sync::{Arc, Weak};
use std::time::Duration;

use crate::box_office::BoxOffices;
use crate::box_office::shared::Shared;

/// Timeout of one search for due work.
const LONGEST_SWEEP: Duration = Duration::from_secs(5);
/// Interval of the work that is not needed on every tick.
const SLOW_EVERY: Duration = Duration::from_secs(1);

/// Rounds after which owners publish what they own, even if no entry seems to be lost.
const PUBLISH_EVERY: u64 = 600;

impl BoxOffices {
    /// Starts the timer, which runs until the box offices are dropped or stop.
    pub(crate) fn start_sweeper(&self) {
        let shared = Arc::clone(self.shared());
        if !shared.cluster.is_alone() {
            shared.executor.spawn(keep_place(self.weak()));
        }
        shared.executor.spawn(run(self.weak(), shared.settings.sweep_interval));
    }
}

async fn run(offices: Weak<BoxOffices>, interval: Duration) {
    let slow_every = SLOW_EVERY.as_nanos().div_ceil(interval.as_nanos().max(1)).max(1);
    let mut tick: u128 = 0;
    let mut answered_at = shared_of(&offices).map(|shared| shared.guard.monotonic());
    let mut timer = tokio::time::interval(interval);
    timer.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        timer.tick().await;
        let Some(offices) = Weak::upgrade(&offices) else { return };
        if offices.is_stopping() {
            return;
        }
        offices.nudge_due();
        if tick.is_multiple_of(slow_every) {
            offices.forget_closed();
            // A connection that was cut without notice must not stop the timer.
            let timeout = offices.shared().cluster.settings().lease_ttl / 4;
            let measured = tokio::time::timeout(timeout, offices.measure_clock()).await;
            let now = offices.shared().guard.monotonic();
            if measured == Ok(true) {
                answered_at = Some(now);
            }
            report_ability(&offices, now, answered_at);
            let swept = tokio::time::timeout(LONGEST_SWEEP, offices.sweep_due()).await;
            if swept.is_err() {
                tracing::debug!("looking for due work takes long");
            }
            offices.passivate_idle().await;
            offices.forget_warm();
            offices.shared().forward_queues.forget_unused();
            offices.publish_gauges();
        }
        tick += 1;
    }
}

fn shared_of(offices: &Weak<BoxOffices>) -> Option<Arc<Shared>> {
    offices.upgrade().map(|offices| Arc::clone(offices.shared()))
}

/// Reports whether this instance can do its work. If its database has not answered for half the
/// life of a lease, or its clock is not trusted, it lets others do its work.
fn report_ability(offices: &BoxOffices, now: Duration, answered_at: Option<Duration>) {
    let cluster = &offices.shared().cluster;
    let silence = now.saturating_sub(answered_at.unwrap_or(now));
    let complaint = if silence >= cluster.settings().lease_ttl / 2 {
        Some("its database does not answer")
    } else if !offices.clock_trusted() {
        Some("its clock is not the database's: set it right, and run an NTP client")
    } else if cluster.token_dispute().is_some() {
        Some("its ADMITONE_JWT_SECRET is not that of the others")
    } else {
        None
    };
    cluster.set_ailing(complaint);
}

/// Keeps two obligations of owners to the other instances: the lease store knows what they own, and
/// they own no more than their share.
async fn keep_place(offices: Weak<BoxOffices>) {
    let mut published = None;
    let mut rounds: u64 = 0;
    loop {
        tokio::time::sleep(SLOW_EVERY).await;
        let Some(offices) = Weak::upgrade(&offices) else { return };
        if offices.is_stopping() {
            return;
        }
        let forgotten = offices.shared().cluster.forgotten();
        if published != Some(forgotten) || rounds.is_multiple_of(PUBLISH_EVERY) {
            offices.publish_again().await;
            published = Some(forgotten);
        }
        offices.rebalance().await;
        rounds += 1;
    }
}
