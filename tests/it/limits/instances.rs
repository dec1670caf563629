//! Limits that three instances count together in Redis.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use admitone::clock::{Clock, SystemClock};
use admitone::cluster::Tally;
use admitone::ids::UserId;
use admitone::limits::{Class, Limits, MAX_BITS, Principal};
use admitone::proof_of_work::{Flaw, solve};
use futures_util::future::join_all;

use crate::cluster::CLUSTER_SECRET;
use crate::support::private_redis::PrivateRedis;
use crate::support::process::Server;
use crate::support::test_db::{TestDb, eventually};

async fn three(redis: &PrivateRedis) -> Vec<Limits> {
    let instance = async || {
        let clock = Arc::new(SystemClock::new());
        let tally = Tally::connect(&redis.url(), "").await.unwrap();
        Limits::shared("a secret", clock, Arc::new(tally), Arc::new(|| 3))
    };
    vec![instance().await, instance().await, instance().await]
}

/// Sends so many requests to each at once; returns how many were within the limit. The others are told a
/// wait of no more than `most`.
async fn within(limits: &[Limits], of: Principal, each: usize, most: Duration) -> u32 {
    let calls = limits.iter().flat_map(|one| (0..each).map(|_| one.count(Class::General, of)));
    let told = join_all(calls).await.into_iter().flatten();
    let (passed, refused): (Vec<_>, Vec<_>) = told.partition(|standing| standing.is_within);
    for standing in refused {
        assert!(!standing.wait().is_zero() && standing.wait() <= most, "{standing:?}");
    }
    u32::try_from(passed.len()).unwrap()
}

/// A request comes back after this time, where all count together.
const SHARE: Duration = Duration::from_millis(600);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn three_instances_let_no_more_pass_than_the_limit_and_what_comes_back() {
    let mut redis = PrivateRedis::start();
    let limits = three(&redis).await;
    let of = Principal::Person(UserId::random());
    let clock = SystemClock::new();
    let begun = clock.monotonic();
    let passed = within(&limits, of, 100, SHARE).await;
    let back = u32::try_from((clock.monotonic() - begun).as_millis() / 600).unwrap() + 1;
    assert!((100..=100 + back).contains(&passed), "{passed}, and {back} may have come back");
    for one in &limits {
        // One may have come back meanwhile, and few more.
        while within(std::slice::from_ref(one), of, 1, SHARE).await == 1 {}
    }
    let other = Principal::Person(UserId::random());
    assert!(limits[0].count(Class::General, other).await.unwrap().is_within);
    assert!(!limits.iter().any(Limits::is_cut_off));
    // Without Redis each counts for itself, and asks again later.
    redis.stop();
    let third = Principal::Person(UserId::random());
    let alone = within(&limits[..1], third, 150, 3 * SHARE).await;
    assert!((33..=34).contains(&alone), "its share of 100: {alone}");
    let alone = within(&limits, third, 150, 3 * SHARE).await;
    assert!((66..=68).contains(&alone), "the shares of the two others: {alone}");
    assert!(limits.iter().all(Limits::is_cut_off));
    redis.up();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_redis_that_is_away_is_a_warning_and_requests_are_answered() {
    let (db, mut redis) = (TestDb::postgres().await, PrivateRedis::start());
    let settings = [
        ("REDIS_URL", redis.url()),
        ("ADMITONE_CLUSTER_SECRET", CLUSTER_SECRET.into()),
        ("ADMITONE_INSTANCE", "a".into()),
        ("ADMITONE_RATE_LIMITS", "on".into()),
    ];
    let mut server = Server::with_settings(db.url(), &settings);
    server.start_again();
    server.until_ready().await;
    let answered = async || {
        let answer = reqwest::get(format!("{}/api/events", server.base)).await.unwrap();
        let limit = answer.headers()["ratelimit-policy"].to_str().unwrap().to_owned();
        (answer.status().as_u16(), limit)
    };
    assert_eq!(answered().await, (200, "\"relaxed\";q=2000;w=600".to_owned()));
    let warning = "limits are counted by this instance alone";
    assert!(!server.written().contains(warning), "{}", server.written());
    redis.stop();
    eventually("the log warns", async || {
        assert_eq!(answered().await.0, 200);
        server.written().contains(warning)
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_proof_counts_once_and_a_lock_is_one_at_all_instances() {
    let redis = PrivateRedis::start();
    let limits = three(&redis).await;
    let campus: IpAddr = "192.0.2.1".parse().unwrap();
    // Of `hot` too, which each counts by itself.
    for class in [Class::Strict, Class::General, Class::Hot] {
        let challenge = limits[0].challenge(class, campus).await;
        let proof = solve(&challenge.text, challenge.bits);
        let redeemed = join_all(limits.iter().map(|one| one.redeem(class, campus, &proof))).await;
        let good = redeemed.iter().filter(|one| matches!(one, Ok(Some(it)) if it.is_within));
        let used = redeemed.iter().filter(|one| **one == Err(Flaw::NotYours)).count();
        assert_eq!((good.count(), used), (1, 2), "{class:?}");
    }
    // The solver's own request is counted, and no other takes its place.
    let of = Principal::Network(campus);
    while limits[0].count(Class::General, of).await.unwrap().is_within {}
    let challenge = limits[1].challenge(Class::General, campus).await;
    let proof = solve(&challenge.text, challenge.bits);
    let standing = limits[2].redeem(Class::General, campus, &proof).await.unwrap().unwrap();
    assert!(standing.is_within);
    assert_eq!(standing.remaining(), 99);
    // Every instance asks for more work after many proofs, and a proof of less does not count.
    let early = limits[0].challenge(Class::Strict, campus).await;
    let early = solve(&early.text, early.bits);
    for nth in 0..96 {
        // As after a proof: finding so many takes too long for a test.
        let proofs = (u32::MAX, Duration::from_secs(60));
        limits[nth % 3].attempt("proofs", b"strict 192.0.2.1", proofs).await.unwrap();
    }
    assert_eq!(limits[1].challenge(Class::Strict, campus).await.bits, MAX_BITS);
    let refused = limits[2].redeem(Class::Strict, campus, &early).await;
    assert_eq!(refused, Err(Flaw::TooEasy));
    let five = (5, Duration::from_secs(1_800));
    let tries = (0..20).map(|nth| limits[nth % 3].attempt("login", b"kim", five));
    let let_in = join_all(tries).await.into_iter().filter(Result::is_ok).count();
    assert_eq!(let_in, 5);
    limits[1].forget("login", b"kim").await;
    assert_eq!(limits[2].attempt("login", b"kim", five).await, Ok(1));
    limits[0].undo("login", b"kim").await;
    assert_eq!(limits[1].attempt("login", b"kim", five).await, Ok(1));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_proof_that_redis_has_taken_counts_no_more_while_redis_is_away() {
    let mut redis = PrivateRedis::start();
    let limits = three(&redis).await;
    let campus: IpAddr = "192.0.2.1".parse().unwrap();
    let challenge = limits[0].challenge(Class::Strict, campus).await;
    let proof = solve(&challenge.text, challenge.bits);
    assert!(limits[0].redeem(Class::Strict, campus, &proof).await.is_ok());
    redis.stop();
    assert_eq!(limits[0].redeem(Class::Strict, campus, &proof).await, Err(Flaw::NotYours));
    redis.up();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_there_may_be_few_of_is_counted_from_the_first_by_all_instances() {
    let mut server = PrivateRedis::start();
    let limits = three(&server).await;
    let most = (5, Duration::from_secs(3_600));
    let may = async |nth: usize| limits[nth % 3].may_have("mails", b"kim", most).await;
    assert!(may(0).await);
    let client = redis::Client::open(server.url()).unwrap();
    let mut connection = client.get_multiplexed_async_connection().await.unwrap();
    let key: Vec<String> =
        redis::cmd("KEYS").arg("*mails*").query_async(&mut connection).await.unwrap();
    let [key] = &key[..] else { panic!("one count: {key:?}") };
    // As if most of the hour were over.
    let _: bool =
        redis::cmd("PEXPIRE").arg(key).arg(600_000).query_async(&mut connection).await.unwrap();
    let allowed = join_all((1..12).map(may)).await.into_iter().filter(|may| *may).count();
    assert_eq!(allowed, 4, "five in all, at once and at three instances");
    let left: i64 = redis::cmd("PTTL").arg(key).query_async(&mut connection).await.unwrap();
    assert!((1..=600_000).contains(&left), "the others do not begin it anew: {left} ms");
    limits[1].give_back("mails", b"kim").await;
    assert!(may(2).await && !may(0).await);
    let firsts = join_all(limits.iter().map(|one| one.is_first("mail", b"one"))).await;
    assert_eq!(firsts.into_iter().filter(|is_first| *is_first).count(), 1);
    // Without Redis each counts for itself.
    server.stop();
    for nth in 0..15 {
        assert!(may(nth).await, "{nth}");
    }
    for nth in 0..3 {
        assert!(!may(nth).await, "{nth}");
    }
    server.up();
}
