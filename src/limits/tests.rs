//! Limits that one process counts, by a clock that is moved by hand.

use std::net::Ipv4Addr;

use super::key::MAX_KEYS;
use super::*;
use crate::clock::ManualClock;
use crate::ids::UserId;
use crate::proof_of_work::solve;

fn limits() -> (Limits, Arc<ManualClock>) {
    let clock = Arc::new(ManualClock::at(1_790_000_000_000));
    (Limits::alone("a secret", clock.clone()), clock)
}

fn network(last: u8) -> IpAddr {
    Ipv4Addr::new(192, 0, 2, last).into()
}

async fn passes(limits: &Limits, class: Class, of: Principal) -> u32 {
    let mut passed = 0;
    while limits.count(class, of).await.is_some_and(|standing| standing.is_within) {
        passed += 1;
    }
    passed
}

#[tokio::test]
async fn each_class_has_its_numbers_and_each_principal_its_own_count() {
    let (limits, clock) = limits();
    let (kim, campus) = (Principal::Person(UserId::random()), Principal::Network(network(1)));
    for (class, person, crowd) in [
        (Class::Strict, 20, 20),
        (Class::General, 100, 1_000),
        (Class::Guest, 200, 2_000),
        (Class::Relaxed, 200, 2_000),
        (Class::Staff, 600, 600),
        (Class::Hot, 1_200, 120_000),
    ] {
        assert_eq!(passes(&limits, class, kim).await, person, "{class:?}");
        assert_eq!(passes(&limits, class, campus).await, crowd, "{class:?}");
        assert!(limits.count(class, Principal::Network(network(2))).await.unwrap().is_within);
    }
    assert_eq!(limits.count(Class::Free, kim).await, None);
    clock.advance_ms(60_000);
    assert_eq!(passes(&limits, Class::General, kim).await, 100, "a person has all of it again");
    assert_eq!(passes(&limits, Class::General, campus).await, 100, "a crowd what came back");
}

async fn solved(limits: &Limits, class: Class, from: IpAddr) -> String {
    let challenge = limits.challenge(class, from).await;
    solve(&challenge.text, challenge.bits)
}

#[tokio::test]
async fn a_proof_is_for_one_request_of_the_network_and_class_of_its_challenge() {
    let (limits, clock) = limits();
    let of = Principal::Network(network(1));
    passes(&limits, Class::Strict, of).await;
    let proof = solved(&limits, Class::Strict, network(1)).await;
    for (class, from) in [(Class::General, network(1)), (Class::Strict, network(2))] {
        assert_eq!(limits.redeem(class, from, &proof).await, Err(Flaw::NotYours), "{class:?}");
    }
    assert_eq!(limits.redeem(Class::Strict, network(1), "chal_x.1").await, Err(Flaw::NotYours));
    let standing = limits.redeem(Class::Strict, network(1), &proof).await.unwrap().unwrap();
    assert!(standing.is_within && standing.remaining() == 0);
    assert_eq!(passes(&limits, Class::Strict, of).await, 0, "it pays for its own request alone");
    assert_eq!(limits.redeem(Class::Strict, network(1), &proof).await, Err(Flaw::NotYours), "used");
    let late = solved(&limits, Class::Strict, network(1)).await;
    clock.advance_ms(600_000);
    assert_eq!(limits.redeem(Class::Strict, network(1), &late).await, Err(Flaw::Expired));
}

#[tokio::test]
async fn a_proof_gives_a_crowd_one_limit_more_and_counts_its_own_request() {
    let (limits, _) = limits();
    let of = Principal::Network(network(1));
    passes(&limits, Class::General, of).await;
    let proof = solved(&limits, Class::General, network(1)).await;
    assert!(limits.redeem(Class::General, network(1), &proof).await.unwrap().unwrap().is_within);
    assert_eq!(passes(&limits, Class::General, of).await, 99);
}

#[tokio::test]
async fn the_more_proofs_a_network_shows_the_more_work_the_next_one_is() {
    let (limits, clock) = limits();
    let of = Principal::Network(network(1));
    passes(&limits, Class::Guest, of).await;
    let early = solved(&limits, Class::Guest, network(1)).await;
    for _ in 0..96 {
        // As after a proof: finding so many takes too long for a test.
        let key = proofs_of(Class::Guest, network(1));
        limits.local.attempts.attempt(key, (u32::MAX, WINDOW), clock.monotonic()).unwrap();
    }
    assert_eq!(limits.challenge(Class::Guest, network(1)).await.bits, MAX_BITS);
    assert_eq!(limits.challenge(Class::Guest, network(2)).await.bits, BITS, "another network");
    assert_eq!(limits.redeem(Class::Guest, network(1), &early).await, Err(Flaw::TooEasy));
    clock.advance_ms(60_000);
    assert_eq!(limits.challenge(Class::Guest, network(1)).await.bits, BITS, "a minute later");
}

#[tokio::test]
async fn a_flood_of_proofs_keeps_none_from_counting_that_redis_takes() {
    let (limits, clock) = limits();
    let shown = |used: u8| {
        let (class, proofs) = (Class::Strict, (proofs_of(Class::Strict, network(1)), u32::MAX));
        let (of, used) = (Principal::Network(network(1)), [used; 16]);
        let (rate, limit) = (class.rate(of).unwrap(), class.limit(of).unwrap());
        Shown { class, used, proofs, key: Key::of(class.as_str(), of), rate, limit }
    };
    let settle = |used: u8, answer| limits.settle(&shown(used), answer, clock.monotonic());
    assert!(settle(0xf0, Some(Ok(0))).unwrap().is_within);
    assert_eq!(settle(0xf0, None), Err(Flaw::NotYours), "Redis has taken it");
    // As of many proofs that Redis takes: there is room for the time in which it is away.
    for nth in 0..MAX_KEYS as u128 {
        limits.local.used.set_if_roomy(nth.to_be_bytes(), clock.monotonic());
    }
    assert!(settle(0xf1, None).unwrap().is_within);
    // As of many while it was away. Now it answers, and its word counts.
    let mut nth = u128::from(u64::MAX);
    while limits.local.used.set(nth.to_be_bytes(), clock.monotonic()) != Marked::Full {
        nth += 1;
    }
    assert!(settle(0xf2, Some(Ok(0))).unwrap().is_within);
    assert_eq!(settle(0xf2, Some(Err(NotRedeemed::Used))), Err(Flaw::NotYours));
    assert_eq!(settle(0xf1, Some(Ok(0))), Err(Flaw::NotYours), "it was used here meanwhile");
    assert_eq!(settle(0xf3, None), Err(Flaw::NotYours), "better than to take it twice");
    clock.advance_ms(i64::try_from(REMEMBERED.as_millis()).unwrap());
    assert!(settle(0xf3, None).unwrap().is_within, "the marks have ended");
    assert!(!limits.local.used.has([0xf1; 16], clock.monotonic()));
}

#[tokio::test]
async fn proofs_that_are_too_easy_take_no_room() {
    let (limits, clock) = limits();
    let easy = solved(&limits, Class::Guest, network(1)).await;
    for _ in 0..96 {
        // As after a proof: finding so many takes too long for a test.
        let key = proofs_of(Class::Guest, network(1));
        limits.local.attempts.attempt(key, (u32::MAX, WINDOW), clock.monotonic()).unwrap();
    }
    assert_eq!(limits.redeem(Class::Guest, network(1), &easy).await, Err(Flaw::TooEasy));
    // It was not used: when fewer are shown it is hard enough again.
    clock.advance_ms(60_000);
    assert!(limits.redeem(Class::Guest, network(1), &easy).await.unwrap().unwrap().is_within);
}

#[tokio::test]
async fn attempts_are_few_until_the_last_one_is_long_ago_or_one_ends_well() {
    let (limits, clock) = limits();
    let five = (5, Duration::from_secs(1_800));
    for nth in 1..=5 {
        clock.advance_ms(60_000);
        assert_eq!(limits.attempt("login", b"kim", five).await, Ok(nth));
    }
    clock.advance_ms(600_000);
    assert_eq!(limits.attempt("login", b"kim", five).await, Err(Duration::from_secs(1_200)));
    assert_eq!(limits.attempt("login", b"lee", five).await, Ok(1), "another one");
    assert_eq!(limits.attempt("device", b"kim", five).await, Ok(1), "another kind");
    clock.advance_ms(1_200_000);
    assert_eq!(limits.attempt("login", b"kim", five).await, Ok(1));
    limits.forget("login", b"kim").await;
    assert_eq!(limits.attempt("login", b"kim", five).await, Ok(1));
}

#[tokio::test]
async fn twenty_a_minute_are_twenty_however_evenly_they_come() {
    let (limits, clock) = limits();
    let most = (20, Duration::from_secs(60));
    let may = async |what: &[u8]| limits.may_have("mails-of-network", what, most).await;
    // One every 50 s is far below.
    for nth in 0..40 {
        assert!(may(b"campus").await, "{nth}");
        clock.advance_ms(50_000);
    }
    clock.advance_ms(60_000);
    for nth in 0..20 {
        assert!(may(b"campus").await, "{nth}");
        clock.advance_ms(2_500);
    }
    assert!(!may(b"campus").await, "the first of them was 50 s ago");
    assert!(may(b"other").await);
    limits.give_back("mails-of-network", b"campus").await;
    assert!(may(b"campus").await && !may(b"campus").await, "one did not happen after all");
    clock.advance_ms(9_999);
    assert!(!may(b"campus").await);
    clock.advance_ms(1);
    assert!(may(b"campus").await, "a minute after the first");
}

#[tokio::test]
async fn a_flood_of_mails_ends_no_lock_and_each_mail_counts_once() {
    let (limits, clock) = limits();
    let (five, an_hour) = ((5, Duration::from_secs(1_800)), Duration::from_secs(3_600));
    while limits.attempt("login", b"kim", five).await.is_ok() {}
    assert!(limits.may_have("mails-to-guests", b"kim", (1, an_hour)).await);
    clock.advance_ms(1_000);
    // The mails, and as many addresses. Each is all that there may be, and lasts longer than the lock.
    let count = u32::try_from(MAX_KEYS).unwrap() + 1_000;
    for nth in 0..count {
        let what = nth.to_be_bytes();
        assert!(limits.is_first("guest-mail", &what).await);
        assert!(!limits.is_first("guest-mail", &what).await, "tried again");
    }
    assert!(!limits.may_have("mails-to-guests", b"kim", (1, an_hour)).await, "mails end no count");
    for nth in 0..count {
        assert!(limits.may_have("mails-to-guests", &nth.to_be_bytes(), (1, an_hour)).await);
    }
    assert!(limits.is_first("guest-mail", &0_u32.to_be_bytes()).await, "the oldest made room");
    assert!(!limits.is_first("guest-mail", &(count - 1).to_be_bytes()).await);
    limits.attempt("login", b"lee", five).await.unwrap();
    assert!(limits.local.len() <= MAX_KEYS);
    assert!(limits.attempt("login", b"kim", five).await.is_err());
}

#[tokio::test]
async fn invented_addresses_do_not_fill_the_memory_nor_free_the_one_over_its_limit() {
    let (limits, _) = limits();
    let greedy = Principal::Network(network(1));
    passes(&limits, Class::Strict, greedy).await;
    let count = u32::try_from(MAX_KEYS).unwrap() + 1_000;
    for nth in 0..count {
        let invented = IpAddr::from(Ipv4Addr::from_bits(0x0b00_0000 + nth));
        limits.count(Class::Strict, Principal::Network(invented)).await;
        let five = (5, Duration::from_secs(60));
        let login = Key::hashed("login", &nth.to_be_bytes());
        let _ = limits.local.attempts.attempt(login, five, Duration::ZERO);
    }
    assert!(limits.local.len() <= MAX_KEYS);
    assert!(!limits.count(Class::Strict, greedy).await.unwrap().is_within);
}

#[tokio::test]
async fn a_flood_of_other_attempts_ends_no_lock_and_one_of_locks_ends_the_oldest() {
    let (limits, clock) = limits();
    let (five, one) = ((5, Duration::from_secs(1_800)), (1, Duration::from_secs(1_800)));
    let lock = async |name: &[u8]| while limits.attempt("login", name, five).await.is_ok() {};
    let is_locked = async |name: &[u8]| limits.attempt("login", name, five).await.is_err();
    let count = u32::try_from(MAX_KEYS).unwrap() + 1_000;
    lock(b"kim").await;
    clock.advance_ms(1_000);
    lock(b"lee").await;
    // Few of many: proofs, and first wrong passwords.
    for nth in 0..count {
        let what = nth.to_be_bytes();
        limits.attempt("proofs", &what, (u32::MAX, WINDOW)).await.unwrap();
        limits.attempt("login", &what, five).await.unwrap();
    }
    assert!(limits.local.len() <= MAX_KEYS);
    assert!(is_locked(b"kim").await && is_locked(b"lee").await);
    // Locks that end later: of all there is room for one more, so that the older of the two goes.
    clock.advance_ms(1_000);
    for nth in 0..u32::try_from(MAX_KEYS / 2).unwrap() - 1 {
        limits.attempt("told-of-lock", &nth.to_be_bytes(), one).await.unwrap();
    }
    for nth in 0..count {
        limits.attempt("proofs", &nth.to_be_bytes(), (u32::MAX, WINDOW)).await.unwrap();
    }
    assert!(is_locked(b"lee").await, "there is room for it");
    assert!(!is_locked(b"kim").await, "it would have ended first");
}
