//! Queues that stand still, that run too fast, and that change hands.

use super::super::sample::line;
use super::*;
use crate::inventory::QueueRules;

fn open() -> QueueProgress {
    let rules = QueueRules { passes_per_minute: 60, active_limit: 10, ..QueueRules::default() };
    QueueProgress { rules, entered: 100, waiting: 100, places_left: 50, places: 50, ..line(0) }
}

fn at(seconds: u64) -> Duration {
    Duration::from_secs(1_000 + seconds)
}

struct Queue {
    watch: Watch,
    event: OfferingId,
    now: QueueProgress,
}

impl Queue {
    fn new() -> Self {
        Self { watch: Watch::default(), event: OfferingId::new(), now: open() }
    }

    fn look(&self, seconds: u64) -> Found {
        let wall = TimestampMs::try_from(seconds).expect("a small number") * 1_000;
        self.watch.find([(self.event, &self.now)].into_iter(), wall, at(seconds))
    }
}

#[test]
fn a_queue_that_admits_nobody_though_it_could_is_stalled_from_the_next_pass_on() {
    let mut queue = Queue::new();
    assert_eq!(queue.look(0).stalled, Duration::ZERO);
    assert_eq!(queue.look(1).stalled, Duration::ZERO, "the pass of this second");
    assert_eq!(queue.look(31).stalled, Duration::from_secs(30));
    queue.now.totals.admitted = 1;
    assert_eq!(queue.look(32).stalled, Duration::ZERO);
    assert_eq!(queue.look(42).stalled, Duration::from_secs(9));
}

#[test]
fn a_queue_that_may_admit_nobody_is_not_stalled() {
    for change in [
        (|queue| queue.waiting = 0) as fn(&mut QueueProgress),
        |queue| queue.rules.paused = true,
        |queue| queue.on_sale = false,
        |queue| queue.sessions = 10,
        |queue| queue.places_left = 0,
        |queue| queue.idle = 50,
        |queue| (queue.places_left, queue.idle, queue.rules.admit_percent) = (50, 25, 50),
        |queue| queue.phase = QueuePhase::Drawing,
    ] {
        let mut queue = Queue::new();
        change(&mut queue.now);
        queue.now.opens_at = Some(1_000_000);
        queue.look(0);
        assert_eq!(queue.look(600).stalled, Duration::ZERO, "{:?}", queue.now);
        // From the time on at which it may, it has its second for the next pass.
        queue.now = open();
        assert_eq!(queue.look(601).stalled, Duration::ZERO);
        assert_eq!(queue.look(612).stalled, Duration::from_secs(10));
    }
}

#[test]
fn a_draw_that_is_due_and_not_made_is_a_stall_unless_it_waits_for_its_public_value() {
    let mut queue = Queue::new();
    (queue.now.phase, queue.now.opens_at) = (QueuePhase::PreQueue, Some(100_000));
    queue.look(0);
    assert_eq!(queue.look(100).stalled, Duration::ZERO, "before the close");
    queue.now.phase = QueuePhase::Drawing;
    queue.look(101);
    assert_eq!(queue.look(132).stalled, Duration::from_secs(30));
    queue.now.rules.public_source = Some("a beacon".into());
    assert_eq!(queue.look(200).stalled, Duration::ZERO);
}

#[test]
fn the_rate_and_its_burst_are_allowed_and_more_is_not() {
    let mut queue = Queue::new();
    // Ten at once, and then one a second.
    for second in 0..200 {
        queue.now.totals.admitted = 10 + u32::try_from(second).expect("small");
        assert_eq!(queue.look(second).over_rate, 0, "second {second}");
    }
    // A second owner admits as many again.
    for second in 200..261 {
        queue.now.totals.admitted += 2;
        queue.look(second);
    }
    assert!(queue.look(261).over_rate > 40);
    // A minute later all is as it should be, and a raised rate counts at once.
    queue.look(325);
    assert_eq!(queue.look(326).over_rate, 0);
    queue.now.rules.passes_per_minute = 6_000;
    queue.now.totals.admitted += 900;
    assert_eq!(queue.look(327).over_rate, 0);
}

#[test]
fn what_was_admitted_elsewhere_or_in_an_earlier_queue_is_not_over_the_rate() {
    let mut queue = Queue::new();
    queue.now.totals.admitted = 5_000;
    assert_eq!(queue.look(0), Found::default(), "it was taken over");
    (queue.now.generation, queue.now.totals.admitted) = (2, 9_000);
    assert_eq!(queue.look(1), Found::default(), "it is another queue");
    queue.watch.find(std::iter::empty(), 2_000, at(2));
    assert!(queue.watch.queues.lock().expect("no panic").is_empty(), "handed over, forgotten");
}
