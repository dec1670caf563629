use super::*;

const TARGET: Duration = Duration::from_millis(25);

/// An admission in which so many windows went by with too many in flight, each of which let `hot`
/// claims of one event in and `small` of another.
fn overloaded(hot: (OfferingId, usize), small: (OfferingId, usize)) -> Admission {
    let admission = Admission::new(Some(TARGET));
    let mut now = Duration::ZERO;
    for _ in 0..40 {
        now += WINDOW;
        let most = admission.most.load(Relaxed);
        let mut inside = Vec::new();
        for (event, count) in [small, hot] {
            for _ in 0..count {
                inside.extend(admission.enter(Work::Claim(event), now));
            }
        }
        assert!(inside.len() <= 2 * most);
        for order in inside {
            order.answered(8 * TARGET);
        }
    }
    admission
}

#[test]
fn everything_comes_in_until_it_takes_too_long() {
    let (hot, small) = (OfferingId::random(), OfferingId::random());
    let admission = Admission::new(Some(TARGET));
    let now = Duration::from_millis(1);
    let inside: Vec<_> =
        (0..1_000).map(|_| admission.enter(Work::Claim(hot), now).is_ok()).collect();
    assert!(inside.into_iter().all(|admitted| admitted));
    let admission = overloaded((hot, 1_000), (small, 3));
    assert_eq!(admission.most.load(Relaxed), limit::LEAST);
}

#[test]
fn too_much_is_refused_but_for_what_was_promised_and_for_small_events() {
    let (hot, small) = (OfferingId::random(), OfferingId::random());
    let admission = overloaded((hot, 1_000), (small, 3));
    let now = micros_of(&admission);
    let inside: Vec<_> =
        (0..200).filter_map(|_| admission.enter(Work::Claim(hot), now).ok()).collect();
    assert_eq!(inside.len(), limit::LEAST);
    // One of the event that has had all of it, one of the other, and somebody who pays.
    let refused = admission.enter(Work::Claim(hot), now).err();
    let seconds = refused.map(|refused| refused.retry_after.as_secs());
    assert!(seconds.is_some_and(|s| (1..=2 * LONGEST_RETRY_S).contains(&s)), "{seconds:?}");
    assert!(admission.enter(Work::Claim(small), now).is_ok());
    let promise = admission.enter(Work::Promise, now);
    assert!(promise.is_ok());
    // Which turns out to be a claim.
    assert!(admission.claim(hot).is_err());
    assert!(admission.enter(Work::Other, now).is_ok());
    // There is room again when they are answered.
    drop(inside);
    assert!(admission.enter(Work::Claim(hot), now).is_ok());
}

#[test]
fn the_more_are_refused_the_later_they_are_asked_to_come_back() {
    let (hot, small) = (OfferingId::random(), OfferingId::random());
    let admission = overloaded((hot, 64 * 8), (small, 0));
    // Seven of eight were.
    assert_eq!(admission.retry_s.load(Relaxed), 7);
}

#[test]
fn without_a_target_everything_comes_in() {
    let event = OfferingId::random();
    let admission = Admission::new(None);
    for round in 0..100_000_u32 {
        let now = Duration::from_millis(round.into());
        let admitted = admission.enter(Work::Claim(event), now).map(|admitted| {
            admitted.answered(Duration::from_secs(10));
            std::mem::forget(admitted);
        });
        assert!(admitted.is_ok());
    }
}

fn micros_of(admission: &Admission) -> Duration {
    Duration::from_micros(admission.begun_us.load(Relaxed))
}
