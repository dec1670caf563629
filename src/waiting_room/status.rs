//! What a customer is told: the place, what it is worth, and when to ask again.

use crate::ids::OfferingId;
use crate::inventory::{Draw, QueueEntryView, QueuePhase, QueuePlace, QueueProgress, TimestampMs};
use crate::random;

use super::pace::Estimate;

/// The state of a line as this instance last saw it.
#[derive(Clone, Debug)]
pub struct Seen {
    /// The event.
    pub event: OfferingId,
    /// The state.
    pub progress: QueueProgress,
    /// When the owner had this state.
    pub as_of: TimestampMs,
}

/// What the places left mean for someone in line. Counts, not predictions: people buy several places,
/// or none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outlook {
    /// The sale has not begun.
    NotOnSale,
    /// More places are left than people are ahead.
    Places,
    /// Fewer places are left than people are ahead.
    Few,
    /// None is left now, but some are not paid yet and may come back.
    SoldOutForNow,
    /// All are sold: only returns can bring one back.
    SoldOut,
}

/// Where a customer is, and what they are told about it.
#[derive(Clone, Debug)]
pub struct RoomStatus {
    /// The entry.
    pub entry: QueueEntryView,
    /// How many are ahead at most; `None` before the draw, and for those who do not wait.
    pub ahead: Option<u32>,
    /// The estimated wait; `None` if the line stands still, has not begun, or is likely to stop before.
    pub estimate: Option<Estimate>,
    /// Seconds until the customer should ask again.
    pub next_poll_s: u32,
    /// The pass, while the customer has an open session.
    pub pass: Option<String>,
    /// What the places left mean.
    pub outlook: Outlook,
    /// The line.
    pub seen: std::sync::Arc<Seen>,
}

impl Outlook {
    /// The outlook of someone behind `ahead` others.
    #[must_use]
    pub fn of(progress: &QueueProgress, ahead: u32) -> Self {
        match (progress.places_left, progress.places_held) {
            (0, 0) if progress.on_sale => Self::SoldOut,
            (0, _) if progress.on_sale => Self::SoldOutForNow,
            _ if !progress.on_sale => Self::NotOnSale,
            (left, _) if left > ahead => Self::Places,
            _ => Self::Few,
        }
    }
}

/// The number of people in `ahead` places at most: all others who wait.
#[must_use]
pub fn people_in(ahead: u32, progress: &QueueProgress) -> u32 {
    ahead.min(progress.waiting.saturating_sub(1))
}

/// How many are ahead of this entry at most.
pub(super) fn ahead(entry: &QueueEntryView, progress: &QueueProgress) -> Option<u32> {
    match place_now(entry, progress) {
        QueuePlace::InLine { place } => {
            // Empty places count until the line reaches them. A smaller bound, such as how many wait in
            // all, would rise when others enter.
            Some(place.saturating_sub(progress.next).saturating_add(progress.ahead))
        }
        QueuePlace::Ahead { before } => Some(before),
        QueuePlace::BeforeDraw
        | QueuePlace::Aside
        | QueuePlace::Inside { .. }
        | QueuePlace::Lapsed
        | QueuePlace::Served
        | QueuePlace::Left
        | QueuePlace::Voided => None,
    }
}

/// The place of an entry that was read before the draw, as soon as it is known: anybody can compute
/// it.
pub(super) fn place_now(entry: &QueueEntryView, progress: &QueueProgress) -> QueuePlace {
    match (entry.place, progress.seed, progress.closed) {
        (QueuePlace::BeforeDraw, Some(seed), Some((count, _))) => {
            QueuePlace::InLine { place: Draw::new(seed, count).place_of(entry.number) }
        }
        // Who comes while the list is drawn stands behind all of it.
        (QueuePlace::BeforeDraw, None, Some((count, _))) if entry.number >= count => {
            QueuePlace::InLine { place: entry.number }
        }
        (place, _, _) => place,
    }
}

/// When to ask again, in seconds: drawn at random, so that people who came together do not ask
/// together.
pub(super) fn next_poll_s(
    place: QueuePlace,
    estimate: Option<Estimate>,
    progress: &QueueProgress,
    now: TimestampMs,
) -> u32 {
    let (least, most) = match place {
        QueuePlace::Inside { .. } => (15, 30),
        QueuePlace::Lapsed | QueuePlace::Served | QueuePlace::Left | QueuePlace::Voided => (60, 60),
        QueuePlace::BeforeDraw => match (progress.phase, progress.opens_at) {
            (QueuePhase::PreQueue, Some(opens_at)) => {
                // Everybody learns of the draw within ten seconds after it.
                let left = (opens_at - now + 2_000).max(0) / 1_000;
                let left = u64::try_from(left).unwrap_or(0);
                if left > 60 { (30, 60) } else { (left + 1, left + 10) }
            }
            (QueuePhase::PreQueue, None) => (30, 60),
            (QueuePhase::Drawing | QueuePhase::Open, _) => (2, 5),
        },
        QueuePlace::InLine { .. } | QueuePlace::Ahead { .. } | QueuePlace::Aside => {
            // A paused line may go on at any moment, and then from its front.
            let is_near = |ahead: u32| ahead < progress.rules.passes_per_minute;
            let ahead = match place {
                QueuePlace::InLine { place } => place.saturating_sub(progress.next),
                _ => 0,
            };
            match estimate.map(|estimate| estimate.low) {
                None if is_near(ahead) => (8, 12),
                Some(0..=9) => (2, 3),
                Some(10..=59) => (5, 10),
                Some(60..=299) => (15, 30),
                _ => (30, 60),
            }
        }
    };
    u32::try_from(random::within(least..=most)).unwrap_or(60)
}

#[cfg(test)]
mod tests {
    use super::super::sample::line;
    use super::*;
    use crate::ids::QueueEntryId;

    #[test]
    fn polls_far_from_the_front_are_30_to_60_seconds_apart() {
        let far = Some(Estimate { seconds: 2_400, low: 2_400, high: None });
        let place = QueuePlace::InLine { place: 4_000 };
        let polls: Vec<u32> = (0..500).map(|_| next_poll_s(place, far, &line(0), 0)).collect();
        assert!(polls.iter().all(|seconds| (30..=60).contains(seconds)));
        assert!(polls.contains(&30) && polls.contains(&60), "drawn over the whole range");
        let near = Some(Estimate { seconds: 5, low: 5, high: None });
        assert!(next_poll_s(place, near, &line(0), 0) <= 3);
    }

    #[test]
    fn a_position_does_not_rise_when_others_leave_and_enter() {
        let (id, place) = (QueueEntryId::random(), QueuePlace::InLine { place: 9_000 });
        let entry = QueueEntryView { generation: 1, id, number: 9_000, place, turns_left: 3 };
        let mut told = Vec::new();
        for (next, entered, waiting) in
            [(0, 10_000, 10_000), (10, 10_000, 6_000), (10, 14_000, 10_000), (20, 14_000, 9_990)]
        {
            let progress = QueueProgress { entered, waiting, ..line(next) };
            told.push(ahead(&entry, &progress));
        }
        assert_eq!(told, [9_000, 8_990, 8_990, 8_980].map(Some));
    }

    #[test]
    fn prospects_say_what_is_left_and_predict_nothing() {
        let mut state = QueueProgress { places_left: 300, ..line(0) };
        assert_eq!(Outlook::of(&state, 299), Outlook::Places);
        assert_eq!(Outlook::of(&state, 4_000), Outlook::Few);
        for (waiting, outlook) in
            [(10_000, Outlook::Few), (301, Outlook::Few), (300, Outlook::Places)]
        {
            state.waiting = waiting;
            assert_eq!(Outlook::of(&state, people_in(4_000, &state)), outlook, "{waiting} wait");
        }
        (state.places_left, state.places_held) = (0, 5);
        assert_eq!(Outlook::of(&state, 0), Outlook::SoldOutForNow);
        state.places_held = 0;
        assert_eq!(Outlook::of(&state, 0), Outlook::SoldOut);
        state.on_sale = false;
        assert_eq!(Outlook::of(&state, 0), Outlook::NotOnSale);
    }
}
