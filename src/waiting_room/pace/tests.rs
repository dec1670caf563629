use super::super::sample::line;
use super::*;
use crate::inventory::QueueRules;

/// As [`line`], at ten passes a second.
fn fast(next: u32) -> QueueProgress {
    let rules = QueueRules { passes_per_minute: 600, ..QueueRules::default() };
    QueueProgress { rules, ..line(next) }
}

#[test]
fn before_the_line_has_a_pace_the_ruled_rate_is_told() {
    let pace = Pace::default();
    // 100 passes a minute: 599 ahead, and one's own.
    let estimate = pace.estimate(&line(0), 599, 0).unwrap();
    assert_eq!((estimate.seconds, estimate.low), (360, 360));
    assert_eq!(estimate.high, Some(1_080));
}

#[test]
fn a_steady_line_is_estimated_by_its_pace() {
    let mut pace = Pace::default();
    for second in 0..=60 {
        pace.observe(&fast(5 * second), i64::from(second) * 1_000);
    }
    let estimate = pace.estimate(&fast(300), 499, 60_000).unwrap();
    assert_eq!((estimate.seconds, estimate.low, estimate.high), (100, 100, Some(100)));
}

#[test]
fn an_uneven_line_has_a_spread() {
    let mut pace = Pace::default();
    let mut next = 0;
    for second in 0..=60 {
        pace.observe(&fast(next), second * 1_000);
        next += if second < 30 { 2 } else { 8 };
    }
    let estimate = pace.estimate(&fast(next), 499, 60_000).unwrap();
    assert!(estimate.low < estimate.seconds, "{estimate:?}");
    assert!(estimate.high.is_some_and(|high| high > estimate.seconds), "{estimate:?}");
}

#[test]
fn nobody_is_told_a_wait_while_the_line_stands_still() {
    let mut pace = Pace::default();
    for second in 0..=60 {
        pace.observe(&line(100), second * 1_000);
    }
    assert_eq!(pace.estimate(&line(100), 10, 60_000), None);
    let mut paused = line(0);
    paused.rules.paused = true;
    assert_eq!(Pace::default().estimate(&paused, 10, 0), None);
}

#[test]
fn a_line_is_not_told_to_be_faster_than_its_rate_because_it_began_with_a_burst() {
    let mut pace = Pace::default();
    for second in 0..=30 {
        // A hundred at once, then ten a second.
        pace.observe(
            &fast(if second == 0 { 0 } else { 100 + 10 * second }),
            i64::from(second) * 1_000,
        );
    }
    let estimate = pace.estimate(&fast(400), 999, 30_000).unwrap();
    assert_eq!(estimate.seconds, 100);
    assert!(estimate.low < 100, "it was faster in its first stretch: {estimate:?}");
}

#[test]
fn the_time_before_the_line_began_to_move_is_no_part_of_its_pace() {
    let mut pace = Pace::default();
    for second in 0..=45 {
        let moved = u32::try_from((second - 30).max(0)).unwrap();
        pace.observe(&fast(5 * moved), second * 1_000);
    }
    let estimate = pace.estimate(&fast(75), 499, 45_000).unwrap();
    assert_eq!(estimate.seconds, 100);
}

#[test]
fn nobody_is_told_a_wait_for_a_turn_that_comes_after_the_last_place() {
    let mut pace = Pace::default();
    for second in 0..=60 {
        pace.observe(&fast(5 * second), i64::from(second) * 1_000);
    }
    // 300 were admitted, and each of the 280 who have acted took two places: with 440 left, 200 more
    // will come before they are gone, those who are inside already included.
    let state = QueueProgress { places: 1_000, places_left: 440, idle: 20, ..fast(300) };
    assert!(pace.estimate(&state, 179, 60_000).is_some());
    assert_eq!(pace.estimate(&state, 200, 60_000), None);
    // Half of the places in line are gaps.
    let gaps = QueueProgress { waiting: 4_850, ..state.clone() };
    assert!(pace.estimate(&gaps, 300, 60_000).is_some());
    // As long as few have acted, nothing is known of them.
    let early = QueueProgress { idle: 295, ..state };
    assert!(pace.estimate(&early, 5_000, 60_000).is_some());
}

#[test]
fn another_queue_of_the_event_begins_anew() {
    let mut pace = Pace::default();
    for second in 0..=60 {
        pace.observe(&line(50 * second), i64::from(second) * 1_000);
    }
    let second = QueueProgress { generation: 2, ..line(0) };
    pace.observe(&second, 61_000);
    let estimate = pace.estimate(&second, 599, 61_000).unwrap();
    assert_eq!(estimate.seconds, 360, "by the rule, not by the pace of the line before");
}
