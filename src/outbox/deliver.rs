//! One round of deliveries to one destination: claims what is due, makes it, and records what became
//! of it.

use std::time::Duration;

use futures_util::{StreamExt, stream};

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
    /// There may be more.
    Busy,
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
    let claimed = store.delivery_claim(name, now, until, at_once * CLAIMS_AHEAD).await?;
    if claimed.is_empty() {
        return Ok(Round::Idle);
    }
    let begin_until = now + millis(LEASE / 2);
    let ends: Vec<_> = stream::iter(claimed)
        .map(|delivery| async move {
            if clock.now_ms() > begin_until {
                return give_back(store, clock, &delivery).await;
            }
            one(store, clock, destination, &delivery).await
        })
        .buffer_unordered(at_once)
        .collect()
        .await;
    let mut round = Round::Busy;
    for end in ends {
        if !end? {
            round = Round::Away;
        }
    }
    Ok(round)
}

/// Ends the claim on a delivery that was not begun.
async fn give_back(
    store: &Store,
    clock: &dyn Clock,
    delivery: &DeliveryRow,
) -> Result<bool, StoreError> {
    let now = clock.now_ms();
    store.delivery_postpone(delivery, now, delivery.error.as_deref(), now).await?;
    Ok(true)
}

/// Makes one delivery; returns `false` if the destination is away.
async fn one(
    store: &Store,
    clock: &dyn Clock,
    destination: &dyn Destination,
    delivery: &DeliveryRow,
) -> Result<bool, StoreError> {
    let outcome = destination.deliver(delivery).await;
    let now = clock.now_ms();
    let (state, next_try_at, error) = match &outcome {
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
    metrics::attempt(destination.family(), &outcome, state);
    if state == DeliveryState::Parked {
        tracing::warn!(delivery = %delivery.id, destination = delivery.destination,
            kind = delivery.kind, attempts = delivery.attempts, error,
            "a delivery was parked: an administrator may have it tried again");
    }
    match &outcome {
        Outcome::Away(_) => store.delivery_postpone(delivery, next_try_at, error, now).await?,
        _counted => store.delivery_settle(delivery, state, next_try_at, error, now).await?,
    };
    Ok(!matches!(outcome, Outcome::Away(_)))
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
