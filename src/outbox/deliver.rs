//! One round of deliveries to one destination: claims what is due, makes it, and records what became
//! of it.

use std::time::Duration;

use futures_util::{StreamExt, stream};
use tokio::sync::mpsc;

use super::{Destination, Outcome, metrics};
use crate::clock::Clock;
use crate::inventory::TimestampMs;
use crate::store::{DeliveryRow, DeliveryState, Store, StoreError};

/// How long a claim lasts. A delivery is begun in the first half only, so that it comes to its end
/// before another process may claim it: no destination takes longer than the other half.
const LEASE: Duration = Duration::from_secs(120);
/// Claims at a time for each delivery that may be under way.
const CLAIMS_AHEAD: usize = 4;
/// How long a destination that is away is left alone.
pub(crate) const AWAY_FOR: Duration = Duration::from_secs(15);

/// The end of a round.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Round {
    /// Nothing was due.
    Idle,
    /// There may be more. The database took this long to hand out the deliveries.
    Busy(Duration),
    /// The destination as a whole is away.
    Away,
}

/// Makes some of the deliveries that are due.
///
/// # Errors
/// [`StoreError`]; what was claimed is tried again when the claim is over.
pub(crate) async fn round(
    store: &Store,
    clock: &dyn Clock,
    destination: &dyn Destination,
    name: &str,
) -> Result<Round, StoreError> {
    let (at_once, now) = (destination.at_once(), clock.now_ms());
    let until = now + millis(LEASE);
    let asked_at = clock.monotonic();
    let claimed = store.delivery_claim(name, now, until, at_once * CLAIMS_AHEAD).await?;
    let waited = clock.monotonic().saturating_sub(asked_at);
    if claimed.is_empty() {
        return Ok(Round::Idle);
    }
    let begin_until = now + millis(LEASE / 2);
    let attempts = stream::iter(claimed).map(|delivery| async move {
        let is_in_time = clock.now_ms() <= begin_until;
        let outcome = if is_in_time { Some(destination.deliver(&delivery).await) } else { None };
        (delivery, outcome)
    });
    let (ended, mut to_record) = mpsc::unbounded_channel();
    let making = async move {
        let mut attempts = attempts.buffer_unordered(at_once);
        while let Some(end) = attempts.next().await {
            // The other side ends after this one.
            let _ = ended.send(end);
        }
    };
    // What ended meanwhile is recorded together: each record is a wait for the disk. The attempts go on
    // beside it, since one that stood still could hold the connection that the record needs.
    let recording = async {
        let (mut round, mut failed) = (Round::Busy(waited), None);
        let mut group = Vec::new();
        while to_record.recv_many(&mut group, at_once * CLAIMS_AHEAD).await > 0 {
            if group.iter().any(|(_, outcome)| matches!(outcome, Some(Outcome::Away(_)))) {
                round = Round::Away;
            }
            // What cannot be recorded is made again when its claim is over; the others end first.
            let recorded = record(store, clock.now_ms(), destination, group.drain(..)).await;
            failed = recorded.err().or(failed);
        }
        failed.map_or(Ok(round), Err)
    };
    futures_util::join!(making, recording).1
}

/// Records the ends of attempts; those that were not begun are given back.
async fn record(
    store: &Store,
    now: TimestampMs,
    destination: &dyn Destination,
    ended: impl Iterator<Item = (DeliveryRow, Option<Outcome>)>,
) -> Result<(), StoreError> {
    let is_made = |(_, outcome): &(_, _)| outcome == &Some(Outcome::Delivered);
    let (made, others): (Vec<_>, Vec<_>) = ended.partition(is_made);
    let made: Vec<_> = made.iter().map(|(delivery, _)| delivery).collect();
    for _ in &made {
        metrics::attempt(destination.family(), &Outcome::Delivered, DeliveryState::Done);
    }
    let mut recorded = store.delivery_settle_made(&made, now).await;
    for (delivery, outcome) in others {
        // One that fails keeps no other from its end.
        let one = match outcome {
            None => give_back(store, now, &delivery).await,
            Some(outcome) => record_one(store, now, destination, &delivery, &outcome).await,
        };
        recorded = recorded.and(one);
    }
    recorded
}

/// Ends the claim on a delivery that was not begun.
async fn give_back(
    store: &Store,
    now: TimestampMs,
    delivery: &DeliveryRow,
) -> Result<(), StoreError> {
    store.delivery_postpone(delivery, now, delivery.error.as_deref(), now).await?;
    Ok(())
}

async fn record_one(
    store: &Store,
    now: TimestampMs,
    destination: &dyn Destination,
    delivery: &DeliveryRow,
    outcome: &Outcome,
) -> Result<(), StoreError> {
    let (state, next_try_at, error) = match outcome {
        Outcome::Delivered => (DeliveryState::Done, now, None),
        Outcome::Unneeded(reason) => (DeliveryState::Done, now, Some(*reason)),
        Outcome::Never(error) => (DeliveryState::Parked, now, Some(&**error)),
        Outcome::Away(error) => (DeliveryState::Waiting, now + millis(AWAY_FOR), Some(&**error)),
        Outcome::Later { error, after } => {
            match pause(destination.pauses(), delivery.attempts, *after) {
                Some(pause) => (DeliveryState::Waiting, now + millis(pause), Some(&**error)),
                None => (DeliveryState::Parked, now, Some(&**error)),
            }
        }
    };
    metrics::attempt(destination.family(), outcome, state);
    if state == DeliveryState::Parked {
        tracing::warn!(delivery = %delivery.id, destination = delivery.destination,
            kind = delivery.kind, attempts = delivery.attempts, error,
            "a delivery was parked: an administrator may have it tried again");
    }
    match outcome {
        Outcome::Away(_) => store.delivery_postpone(delivery, next_try_at, error, now).await?,
        _counted => store.delivery_settle(delivery, state, next_try_at, error, now).await?,
    };
    Ok(())
}

/// Returns the pause after the failed attempt of this number; `None` after the last.
fn pause(pauses: &[Duration], attempts: i32, asked: Option<Duration>) -> Option<Duration> {
    let done = usize::try_from(attempts).unwrap_or_default().saturating_sub(1);
    let pause = pauses.get(done)?;
    Some(asked.map_or(*pause, |asked| asked.min(Duration::from_secs(24 * 3_600))))
}

fn millis(duration: Duration) -> TimestampMs {
    TimestampMs::try_from(duration.as_millis()).unwrap_or(TimestampMs::MAX / 4)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_follow_the_table_and_then_a_delivery_is_parked() {
        let pauses = [Duration::from_secs(300), Duration::from_secs(900)];
        assert_eq!(pause(&pauses, 1, None), Some(pauses[0]));
        assert_eq!(pause(&pauses, 2, None), Some(pauses[1]));
        assert_eq!(pause(&pauses, 3, None), None);
        let asked = Duration::from_secs(7);
        assert_eq!(pause(&pauses, 1, Some(asked)), Some(asked));
        assert_eq!(pause(&pauses, 3, Some(asked)), None);
    }
}
