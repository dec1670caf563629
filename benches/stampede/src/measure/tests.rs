//! Tests which requests count, from which time on, and under which outcome.

use super::*;

const MS: Duration = Duration::from_millis(1);

#[test]
fn latency_counts_from_the_intended_time_and_rates_from_the_measured_time() {
    let mut figures = Figures::new(Window { from: MS * 1_000, to: MS * 2_000 });
    // First: meant before the window, not measured. Second: within it. Third: meant within it, and
    // answered after its end.
    figures.ended(Op::Hold, MS * 500, MS * 1_500, End::Success, Sent::First);
    figures.ended(Op::Hold, MS * 1_000, MS * 1_250, End::Success, Sent::First);
    figures.ended(Op::Hold, MS * 1_900, MS * 2_900, End::Success, Sent::First);
    figures.ended(Op::Hold, MS * 1_100, MS * 1_101, End::Refused("SOLD_OUT"), Sent::First);
    figures.ended(Op::Hold, MS * 1_100, MS * 1_101, End::TurnedAway("BUSY"), Sent::First);
    figures.ended(Op::Hold, MS * 1_100, MS * 1_101, End::Error("no connection"), Sent::First);
    let hold = &figures.ops[&Op::Hold];
    assert_eq!((hold.attempts, hold.successes, hold.successes_in_time), (5, 2, 1));
    assert_eq!(hold.refused["SOLD_OUT"] + hold.turned_away["BUSY"], 2);
    assert_eq!(hold.errors["no connection"], 1);
    let within = |us: u64, about: u64| us.abs_diff(about) <= about / 500;
    assert!(within(hold.latencies.at_us(0.5), 250_000), "{}", hold.latencies.at_us(0.5));
    assert!(within(hold.latencies.max_us(), 1_000_000), "{}", hold.latencies.max_us());
    assert_eq!(figures.intervals.of(Op::Hold)[1].successes, 2, "intervals show the warm-up too");
    assert_eq!(figures.sold_out_at, Some(MS * 1_101));
}

#[test]
fn workers_add_up() {
    let window = Window { from: Duration::ZERO, to: MS * 1_000 };
    let (mut one, mut other) = (Figures::new(window), Figures::new(window));
    one.ended(Op::Pay, MS, MS * 3, End::Success, Sent::First);
    other.ended(Op::Pay, MS, MS * 5, End::Success, Sent::Again);
    other.ended(Op::Hold, MS, MS * 5, End::Refused("SOLD_OUT"), Sent::First);
    other.begun = 2;
    one.add(&other);
    assert_eq!((one.ops[&Op::Pay].successes, one.begun), (2, 2));
    assert_eq!(one.ops[&Op::Hold].refused["SOLD_OUT"], 1);
    assert_eq!(one.ops[&Op::Pay].latencies.len(), 2);
    assert_eq!(one.intervals.of_all()[0].refused, 1);
    assert_eq!(one.sold_out_at, Some(MS * 5));
}

#[test]
fn a_request_that_is_sent_again_is_one_request_and_a_repeat() {
    let mut figures = Figures::new(Window { from: Duration::ZERO, to: MS * 1_000 });
    figures.ended(Op::Pay, MS, MS * 10, End::Error("connection broken"), Sent::First);
    figures.ended(Op::Pay, MS, MS * 30, End::TurnedAway("OUTCOME_UNKNOWN"), Sent::Again);
    figures.ended(Op::Pay, MS, MS * 90, End::Success, Sent::Again);
    let pay = &figures.ops[&Op::Pay];
    assert_eq!((pay.attempts, pay.repeats, pay.successes), (1, 2, 1));
    assert_eq!(figures.intervals.of(Op::Pay)[0].repeats, 2);
    assert!(pay.latencies.at_us(0.5) > 88_000, "from when it was meant to be sent first");
}

#[test]
fn an_interval_that_the_run_ends_in_is_not_shown() {
    let mut figures = Figures::new(Window { from: MS * 500, to: MS * 3_500 });
    for ms in [0, 999, 2_999, 3_000, 3_499, 9_000] {
        figures.ended(Op::Hold, MS * ms, MS * ms, End::Success, Sent::First);
    }
    let shown = |figures: &Figures| -> Vec<u64> {
        figures.intervals.of(Op::Hold).iter().map(|interval| interval.successes).collect()
    };
    assert_eq!(shown(&figures), [2, 0, 1]);
    figures.cut(MS * 2_300);
    assert_eq!(shown(&figures), [2, 0], "interrupted");
    assert_eq!(figures.intervals.of(Op::Pay).len(), 2, "one for each, also where nothing happened");
}

#[test]
fn long_runs_have_longer_intervals_and_not_more() {
    let hours = Duration::from_secs(5 * 3_600);
    let figures = Figures::new(Window { from: Duration::ZERO, to: hours });
    assert_eq!(figures.intervals.width(), Duration::from_secs(30));
    assert_eq!(figures.intervals.len(), 600);
}

#[test]
fn the_last_two_seconds_are_known() {
    let mut figures = Figures::new(Window { from: Duration::ZERO, to: MS * 60_000 });
    let mut pay_at = |ms: u32| {
        figures.ended(Op::Pay, MS * ms, MS * ms, End::Success, Sent::First);
        [0, 1, 2].map(|back| {
            let second = u64::from(ms / 1_000).checked_sub(back);
            second.and_then(|second| figures.recent.of(second)).map(|known| known.successes)
        })
    };
    assert_eq!(pay_at(500), [Some(1), None, None]);
    assert_eq!(pay_at(1_200), [Some(1), Some(1), None]);
    assert_eq!(pay_at(1_300), [Some(2), Some(1), None]);
    assert_eq!(pay_at(9_000), [Some(1), Some(0), None]);
}
