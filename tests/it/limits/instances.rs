//! Limits that three instances count together in Redis.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use admitone::clock::{Clock, SystemClock};
use admitone::cluster::{Cluster, Tally};
use admitone::ids::{InstanceId, UserId};
use admitone::limits::{Class, Limits, Principal};
use admitone::proof_of_work::{Flaw, solve};
use futures_util::future::join_all;

use crate::support::private_redis::PrivateRedis;

async fn three(redis: &PrivateRedis) -> Vec<Limits> {
    let instance = async |name: &str| {
        let clock = Arc::new(SystemClock::new());
        let tally = Tally::connect(&redis.url(), "").await.unwrap();
        let cluster = Cluster::alone(InstanceId::random(), name.into(), clock.clone());
        Limits::shared("a secret", clock, Arc::new(tally), cluster)
    };
    vec![instance("a").await, instance("b").await, instance("c").await]
}

/// Sends so many requests to each at once; returns how many were within the limit.
async fn within(limits: &[Limits], of: Principal, each: usize) -> u32 {
    let calls = limits.iter().flat_map(|one| (0..each).map(|_| one.count(Class::General, of)));
    let passed = join_all(calls).await.into_iter().flatten().filter(|standing| standing.is_within);
    u32::try_from(passed.count()).unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn three_instances_let_no_more_pass_than_the_limit_and_what_comes_back() {
    let mut redis = PrivateRedis::start();
    let limits = three(&redis).await;
    let of = Principal::Person(UserId::random());
    let clock = SystemClock::new();
    let begun = clock.monotonic();
    let passed = within(&limits, of, 100).await;
    let back = u32::try_from((clock.monotonic() - begun).as_millis() / 600).unwrap() + 1;
    assert!((100..=100 + back).contains(&passed), "{passed}, and {back} may have come back");
    let other = Principal::Person(UserId::random());
    assert!(limits[0].count(Class::General, other).await.unwrap().is_within);
    // Without Redis each counts for itself, and asks again later.
    redis.stop();
    let alone = within(&limits[..1], other, 150).await;
    assert!((100..=101).contains(&alone), "{alone}");
    redis.up();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_proof_counts_once_and_a_lock_is_one_at_all_instances() {
    let redis = PrivateRedis::start();
    let limits = three(&redis).await;
    let campus: IpAddr = "192.0.2.1".parse().unwrap();
    let exhaust = async || {
        let of = Principal::Network(campus);
        while limits[0].count(Class::Strict, of).await.unwrap().is_within {}
    };
    exhaust().await;
    let challenge = limits[0].challenge(Class::Strict, campus);
    let proof = solve(&challenge.text, challenge.bits);
    let redeemed =
        join_all(limits.iter().map(|one| one.redeem(Class::Strict, campus, &proof))).await;
    let good = redeemed.iter().filter(|one| matches!(one, Ok(Some(it)) if it.is_within)).count();
    let used = redeemed.iter().filter(|one| **one == Err(Flaw::NotYours)).count();
    assert_eq!((good, used), (1, 2));
    let five = (5, Duration::from_secs(1_800));
    let tries = (0..20).map(|nth| limits[nth % 3].attempt("login", b"kim", five));
    let let_in = join_all(tries).await.into_iter().filter(Result::is_ok).count();
    assert_eq!(let_in, 5);
    limits[1].forget("login", b"kim").await;
    assert_eq!(limits[2].attempt("login", b"kim", five).await, Ok(1));
    limits[0].undo("login", b"kim").await;
    assert_eq!(limits[1].attempt("login", b"kim", five).await, Ok(1));
}
