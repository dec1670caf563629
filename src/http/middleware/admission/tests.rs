use super::*;

const TARGET: Duration = Duration::from_millis(25);

/// Admits an order together with its body; `None` if it is refused.
fn enter(admission: &Admission, work: Work, now: Duration) -> Option<Admitted<'_>> {
    let admitted = admission.enter(work, now).ok()?;
    admitted.begin(|| now);
    Some(admitted)
}

/// Returns an admission after 40 windows with too many orders in flight, each window with the given
/// number of claims per event, and the current time.
fn overloaded(events: &[(OfferingId, usize)]) -> (Admission, Duration) {
    let admission = Admission::new(Some(TARGET));
    let mut now = Duration::ZERO;
    for _ in 0..40 {
        now += WINDOW;
        let mut inside = Vec::new();
        for (event, count) in events {
            inside.extend((0..*count).filter_map(|_| enter(&admission, Work::Claim(*event), now)));
        }
        for order in inside {
            order.answered(now + 8 * TARGET, Ending::Decided);
        }
    }
    (admission, now)
}

#[test]
fn everything_comes_in_until_it_takes_too_long() {
    let event = OfferingId::random();
    let admission = Admission::new(Some(TARGET));
    let now = Duration::from_millis(1);
    let inside: Vec<_> =
        (0..1_000).filter_map(|_| enter(&admission, Work::Claim(event), now)).collect();
    assert_eq!(inside.len(), 1_000);
    let (admission, _) = overloaded(&[(event, 1_000)]);
    assert!(admission.most.load(Relaxed) < 1_000);
}

#[test]
fn too_much_is_refused_but_for_what_was_promised_and_for_small_events() {
    let (hot, small) = (OfferingId::random(), OfferingId::random());
    let (admission, now) = overloaded(&[(small, 3), (hot, 1_000)]);
    let most = admission.most.load(Relaxed);
    let inside: Vec<_> =
        (0..1_000).filter_map(|_| enter(&admission, Work::Claim(hot), now)).collect();
    assert_eq!(inside.len(), most);
    let refused = admission.enter(Work::Claim(hot), now).err();
    let seconds = refused.map(|refused| refused.retry_after.as_secs());
    assert!(seconds.is_some_and(|s| (1..=2 * LONGEST_RETRY_S).contains(&s)), "{seconds:?}");
    assert!(enter(&admission, Work::Claim(small), now).is_some());
    let promise = enter(&admission, Work::Promise, now);
    assert!(promise.is_some());
    // The number of other payments does not matter.
    let paying: Vec<_> =
        (0..4 * most).filter_map(|_| enter(&admission, Work::Promise, now)).collect();
    assert_eq!(paying.len(), 4 * most);
    assert!(enter(&admission, Work::Claim(small), now).is_some());
    drop(paying);
    // An admitted order that turns out to be a claim.
    assert!(admission.claim(hot).is_err());
    assert!(enter(&admission, Work::Other, now).is_some());
    // There is room again when they are answered.
    drop((inside, promise));
    assert!(enter(&admission, Work::Claim(hot), now).is_some());
}

#[test]
fn another_hot_event_has_no_more_than_half() {
    let (hot, other) = (OfferingId::random(), OfferingId::random());
    let (admission, now) = overloaded(&[(hot, 1_000)]);
    let _inside: Vec<_> =
        (0..1_000).filter_map(|_| enter(&admission, Work::Claim(hot), now)).collect();
    // The event sells one place, so that it is known; nothing of the rush that follows is answered
    // yet.
    let first = enter(&admission, Work::Claim(other), now).expect("it has had nothing");
    first.answered(now, Ending::Decided);
    let rush: Vec<_> =
        (0..10_000).filter_map(|_| enter(&admission, Work::Claim(other), now)).collect();
    let half = admission.most_ahead.load(Relaxed);
    assert!((1..=half).contains(&(rush.len() as u64)), "{} of {half}", rush.len());
}

#[test]
fn made_up_events_have_one_share_together_and_take_nothing_from_small_ones() {
    let (hot, small) = (OfferingId::random(), OfferingId::random());
    let (admission, now) = overloaded(&[(small, 3), (hot, 1_000)]);
    let _inside: Vec<_> =
        (0..1_000).filter_map(|_| enter(&admission, Work::Claim(hot), now)).collect();
    let made_up = || enter(&admission, Work::Claim(OfferingId::random()), now);
    let let_in: Vec<_> = (0..1_000).filter_map(|_| made_up()).collect();
    assert_eq!(let_in.len() as u64, admission.small.load(Relaxed));
    for order in let_in {
        // There is no such event.
        order.answered(now, Ending::Dismissed);
    }
    assert!(enter(&admission, Work::Claim(small), now).is_some());
    assert_eq!(admission.shares.len(), 2);
}

#[test]
fn who_sends_slowly_is_no_load() {
    let admission = Admission::new(Some(TARGET));
    let slow: Vec<_> =
        (0..1_000).filter_map(|_| admission.enter(Work::Promise, Duration::ZERO).ok()).collect();
    let event = OfferingId::random();
    for window in 1..50 {
        let now = window * WINDOW;
        let order = enter(&admission, Work::Claim(event), now).expect("there is room");
        order.answered(now + Duration::from_millis(1), Ending::Decided);
    }
    assert_eq!(admission.in_flight.load(Relaxed), 0);
    // The orders took five seconds, most of it spent by their clients on sending.
    for order in slow {
        order.begin(|| 50 * WINDOW);
        order.answered(50 * WINDOW + Duration::from_millis(1), Ending::Decided);
    }
    assert_eq!(admission.most.load(Relaxed), MOST);
}

#[test]
fn the_more_are_refused_the_later_they_are_asked_to_come_back() {
    let (admission, now) = overloaded(&[(OfferingId::random(), 64 * 8)]);
    let inside: Vec<_> = (0..10_000)
        .filter_map(|_| enter(&admission, Work::Claim(OfferingId::random()), now))
        .collect();
    let refused = 10_000 - inside.len();
    for order in inside {
        order.answered(now + 8 * TARGET, Ending::Decided);
    }
    admission.look(now + WINDOW);
    assert!(admission.retry_s.load(Relaxed) > 1, "{refused} were refused");
}

#[test]
fn the_limit_is_forgotten_while_nobody_but_the_dashboard_comes() {
    let (admission, now) = overloaded(&[(OfferingId::random(), 1_000)]);
    assert!(admission.most.load(Relaxed) < 1_000);
    admission.measure(now + 300 * WINDOW);
    assert_eq!(admission.most.load(Relaxed), MOST);
}

#[test]
fn what_makes_no_sense_takes_nobodys_room() {
    let event = OfferingId::random();
    let (admission, now) = overloaded(&[(event, 1_000)]);
    let most = admission.most.load(Relaxed);
    // This many of them are in flight at any time, and all others are answered at once.
    let mut flood = Vec::new();
    for window in 1..=3 {
        let now = now + window * WINDOW;
        for order in std::mem::take(&mut flood) {
            let order: Admitted<'_> = order;
            order.answered(now, Ending::Dismissed);
        }
        admission.look(now);
        flood.extend((0..4 * most).filter_map(|_| enter(&admission, Work::Promise, now)));
        let order = enter(&admission, Work::Claim(event), now);
        assert_eq!(order.is_some(), window > 1, "{window}");
        drop(order);
    }
}

#[test]
fn what_makes_no_sense_does_not_hide_a_crowd() {
    let event = OfferingId::random();
    let admission = Admission::new(Some(TARGET));
    for window in 1..40 {
        let now = window * WINDOW;
        let inside: Vec<_> =
            (0..1_000).filter_map(|_| enter(&admission, Work::Claim(event), now)).collect();
        for _ in 0..20_000 {
            let made_up = enter(&admission, Work::Promise, now).expect("it is never refused");
            made_up.answered(now + Duration::from_micros(200), Ending::Dismissed);
        }
        for order in inside {
            order.answered(now + 8 * TARGET, Ending::Decided);
        }
    }
    assert!(admission.most.load(Relaxed) < 1_000);
}

#[test]
fn without_a_target_everything_comes_in() {
    let event = OfferingId::random();
    let admission = Admission::new(None);
    for round in 0..100_000_u32 {
        let now = Duration::from_millis(round.into());
        let order = enter(&admission, Work::Claim(event), now).expect("everything does");
        order.answered(now + Duration::from_secs(10), Ending::Decided);
        std::mem::forget(order);
    }
}
