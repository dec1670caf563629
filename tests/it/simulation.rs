//! The simulated cluster, over many seeds, and the proof that it would find the bugs that a change
//! might bring: every planted bug is caught.

use std::time::Duration;

use admitone::planted::{Bug, plant};
use admitone::simulation::{Plan, Report, run};

/// Set to run other seeds than those of every test run, for example a night's worth:
/// `ADMITONE_TEST_SEEDS=100000..200000 tests/run -E 'test(simulation)'`.
const SEEDS: &str = "ADMITONE_TEST_SEEDS";
/// Steps of the clients in a short run, of which there are many: most faults show early.
const STEPS: u32 = 90;
/// Steps in a long run: some faults show only after hundreds of rows and many owners.
const LONG: u32 = 5_000;

fn plan(seed: u64) -> Plan {
    Plan { seed, steps: STEPS, keeps_trace: false }
}

fn shown(report: &Report, steps: u32) -> String {
    let seed = report.seed;
    let violations = report.violations.join("\n");
    format!("seed {seed}: admitone simulate --seed {seed} --steps {steps} --trace\n{violations}")
}

/// Runs one of four parts of the seeds, so that the parts run side by side.
fn seeds_hold(part: u64) {
    let (first, last) = match std::env::var(SEEDS) {
        Ok(range) => {
            let (first, last) = range.split_once("..").expect("FIRST..LAST");
            (first.parse().expect("a number"), last.parse().expect("a number"))
        }
        Err(_) => (0, 600),
    };
    let (mut rows, mut takeovers, mut told, mut lasted) = (0, 0, [0; 4], Duration::ZERO);
    for seed in (first..last).filter(|seed| seed % 4 == part) {
        let report = run(&plan(seed));
        assert!(report.violations.is_empty(), "{}", shown(&report, STEPS));
        rows += report.rows;
        takeovers += report.takeovers;
        lasted += report.lasted;
        for (sum, count) in told.iter_mut().zip(report.told) {
            *sum += count;
        }
    }
    let [done, refused, undone, unknown] = told;
    println!(
        "{rows} rows, {takeovers} takeovers, {done} done, {refused} refused, {undone} not decided, \
         {unknown} unknown, {} s of virtual time",
        lasted.as_secs()
    );
    assert!(done > 0 && refused > 0 && undone > 0 && unknown > 0 && takeovers > 0);
}

#[test]
fn seeds_hold_1_of_4() {
    seeds_hold(0);
}

#[test]
fn seeds_hold_2_of_4() {
    seeds_hold(1);
}

#[test]
fn seeds_hold_3_of_4() {
    seeds_hold(2);
}

#[test]
fn seeds_hold_4_of_4() {
    seeds_hold(3);
}

fn long_runs_hold(seeds: std::ops::Range<u64>) {
    for seed in seeds {
        let report = run(&Plan { steps: LONG, ..plan(seed) });
        assert!(report.violations.is_empty(), "{}", shown(&report, LONG));
        assert!(report.rows > 1_000 && report.takeovers > 50, "seed {seed}: it is a long one");
    }
}

#[test]
fn long_runs_hold_1_of_2() {
    long_runs_hold(1..3);
}

#[test]
fn long_runs_hold_2_of_2() {
    long_runs_hold(3..5);
}

#[test]
fn the_same_seed_is_the_same_run() {
    for seed in 0..20 {
        let (first, second) = (run(&plan(seed)), run(&plan(seed)));
        assert_eq!(first.trace_hash, second.trace_hash, "seed {seed}");
        assert!(first.events > 50, "seed {seed}: there is something to compare");
    }
    assert_ne!(run(&plan(1)).trace_hash, run(&plan(2)).trace_hash);
}

/// The most seeds that a planted bug may survive.
const MAX_SEEDS: u64 = 1_200;

/// Defines a test for each bug, so that they run side by side; the list is checked for completeness.
macro_rules! planted {
    ($($name:ident = $bug:ident;)*) => {
        $(#[test]
        fn $name() {
            is_caught(Bug::$bug);
        })*

        #[test]
        fn every_bug_is_planted() {
            assert_eq!(Bug::ALL, &[$(Bug::$bug),*]);
        }
    };
}

planted! {
    planted_no_epoch_in_swap = NoEpochInSwap;
    planted_fence_by_predecessor_alone = FenceByPredecessorAlone;
    planted_unknown_append_resolved_by_rereading = UnknownAppendResolvedByRereading;
    planted_ack_before_append = AckBeforeAppend;
    planted_lost_idempotency_key = LostIdempotencyKey;
    planted_off_by_one_expiry = OffByOneExpiry;
    planted_takeover_without_record = TakeoverWithoutRecord;
    planted_reply_released_on_failure = ReplyReleasedOnFailure;
    planted_cache_goes_back_an_epoch = CacheGoesBackAnEpoch;
    planted_release_of_anothers_lease = ReleaseOfAnothersLease;
    planted_renewal_after_loss = RenewalAfterLoss;
    planted_handoff_drops_the_queue = HandoffDropsTheQueue;
    planted_late_waitlist_offer = LateWaitlistOffer;
    planted_snapshot_ahead_of_tail = SnapshotAheadOfTail;
    planted_refusal_without_proof = RefusalWithoutProof;
    planted_delta_on_any_view = DeltaOnAnyView;
    planted_refusal_moves_time = RefusalMovesTime;
    planted_snapshot_is_trusted = SnapshotIsTrusted;
    planted_ticket_cancelled_twice = TicketCancelledTwice;
    planted_line_jumped = LineJumped;
    planted_line_from_the_back = LineFromTheBack;
    planted_version_ignored = VersionIgnored;
    planted_unpaid_stays_approved = UnpaidStaysApproved;
    planted_hold_without_pass = HoldWithoutPass;
    planted_active_limit_ignored = ActiveLimitIgnored;
    planted_admits_beyond_stock = AdmitsBeyondStock;
    planted_rate_ignored = RateIgnored;
    planted_line_skips_one = LineSkipsOne;
}

fn is_caught(bug: Bug) {
    plant(Some(bug));
    let found = (1..=MAX_SEEDS).find_map(|nth| {
        // The core detects a state that contradicts itself, and panics.
        match std::panic::catch_unwind(|| run(&plan(nth))) {
            Ok(report) => report.violations.into_iter().next().map(|what| (nth, what)),
            Err(_) => Some((nth, "a panic".into())),
        }
    });
    plant(None);
    let (seeds, what) = found.unwrap_or_else(|| panic!("{bug:?} lives through {MAX_SEEDS} seeds"));
    let what: String = what.chars().take(100).collect();
    println!("{bug:?}: caught after {seeds} seeds: {what} …");
}
