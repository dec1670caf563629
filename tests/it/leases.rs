//! Leases on a real Redis: holders, expiry, claims, and the errors when Redis is in a bad state.

use std::sync::Arc;
use std::time::Duration;

use admitone::cluster::lease::{Claim, Heartbeat, Lease, LeaseError, Leases, RedisLeases};
use admitone::cluster::{Member, Owner};
use admitone::ids::{Epoch, InstanceId, OfferingId};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::support::private_redis::PrivateRedis;
use crate::support::test_db::eventually;

/// The server for the tests that need Redis; `tests/run` sets it.
const REDIS_URL: &str = "ADMITONE_TEST_REDIS_URL";

const LONG: Duration = Duration::from_secs(60);
const SHORT: Duration = Duration::from_millis(200);

/// A key prefix of one test.
struct Place {
    url: String,
    prefix: String,
}

impl Place {
    fn shared() -> Self {
        let url = std::env::var(REDIS_URL).unwrap_or_else(|_| {
            panic!("this test needs Redis ({REDIS_URL} is not set): run it with tests/run")
        });
        Self { url, prefix: format!("test-{:016x}", rand::random::<u64>()) }
    }

    /// Returns a process called `name` with its view of the leases; it has no lease yet.
    async fn process(&self, name: &str) -> Process {
        let leases = RedisLeases::connect(&self.url, &self.prefix, name.into()).await.unwrap();
        Process { leases, me: member(name) }
    }

    /// The same with a lease that outlives the test.
    async fn member(&self, name: &str) -> Process {
        let process = self.process(name).await;
        assert_eq!(process.renew(LONG).await.lease, Lease::Granted);
        process
    }
}

struct Process {
    leases: RedisLeases,
    me: Member,
}

fn member(name: &str) -> Member {
    let address = format!("{name}.example:8080").into();
    Member {
        name: name.into(),
        incarnation: InstanceId::random(),
        address,
        weight: 1,
        leaving: false,
    }
}

impl Process {
    async fn renew(&self, ttl: Duration) -> Heartbeat {
        self.leases.renew(self.me.clone(), ttl, None).await.unwrap()
    }

    async fn replace(&self, dead: InstanceId) -> Lease {
        self.leases.renew(self.me.clone(), LONG, Some(dead)).await.unwrap().lease
    }

    async fn claim(&self, offering: OfferingId, dead: &[InstanceId]) -> Claim {
        self.leases.claim(offering, self.me.clone(), dead.to_vec()).await.unwrap()
    }

    async fn publish(&self, offering: OfferingId, epoch: u64) -> Owner {
        self.leases.publish(offering, self.owning(epoch)).await.unwrap()
    }

    async fn owner(&self, offering: OfferingId) -> Option<Owner> {
        self.leases.owner(offering).await.unwrap()
    }

    async fn transfer(&self, offering: OfferingId, to: &Self) -> bool {
        self.leases.transfer(offering, self.me.incarnation, to.me.clone()).await.unwrap()
    }

    fn owning(&self, epoch: u64) -> Owner {
        self.me.owning(Epoch(epoch))
    }
}

/// Returns the answer; fails the test if it takes longer than `seconds`.
async fn within<T>(seconds: u64, asked: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(seconds), asked).await.expect("an answer in time")
}

fn names(heartbeat: &Heartbeat) -> Vec<&str> {
    let mut names: Vec<&str> = heartbeat.members.iter().map(|one| &*one.member.name).collect();
    names.sort_unstable();
    names
}

fn beat_of(heartbeat: &Heartbeat, member: &Member) -> u64 {
    let same = |one: &&admitone::cluster::lease::Standing| one.member.name == member.name;
    heartbeat.members.iter().find(same).unwrap().beat
}

/// The fields that instances of other versions read. A field may be added; these stay as they are.
#[tokio::test]
async fn what_instances_keep_in_redis_has_the_fields_that_every_version_reads() {
    let place = Place::shared();
    let (member, offering) = (place.member("a").await, OfferingId::random());
    member.publish(offering, 7).await;
    member.leases.pin(offering, Some("a".into())).await.unwrap();
    let client = redis::Client::open(&*place.url).unwrap();
    let mut connection = client.get_multiplexed_async_connection().await.unwrap();
    let base = format!("{{admitone}}:{}:", place.prefix);
    let mut read = async |command: &str, key: &str| -> Vec<String> {
        let mut read = redis::cmd(command);
        read.arg(format!("{base}{key}")).query_async(&mut connection).await.unwrap()
    };
    let incarnation = member.me.incarnation.to_string();
    let (lease, entry) = ("member:a", format!("owner:{offering}"));
    let lease = read("HGETALL", lease).await;
    let field = |name: &str| {
        let at = lease.iter().step_by(2).position(|field| field == name);
        lease[at.unwrap_or_else(|| panic!("{name} is not in {lease:?}")) * 2 + 1].clone()
    };
    for (name, value) in [
        ("incarnation", &*incarnation),
        ("address", "a.example:8080"),
        ("weight", "1"),
        ("leaving", "0"),
        ("beat", "1"),
    ] {
        assert_eq!(field(name), value, "{name}");
    }
    assert!(field("grant").parse::<u64>().is_ok());
    let entry = read("HGETALL", &entry).await;
    let address = "a.example:8080";
    let written = ["name", "a", "incarnation", &incarnation, "address", address, "epoch", "7"];
    assert_eq!(entry, written);
    assert_eq!(read("SMEMBERS", "members").await, ["a"]);
    assert_eq!(read("HGETALL", "pins").await, [&*offering.to_string(), "a"]);
}

#[tokio::test]
async fn a_lease_is_granted_once_and_then_kept_with_what_is_new_about_its_holder() {
    let place = Place::shared();
    let (mut a, b) = (place.member("a").await, place.member("b:8080").await);
    let seen = b.renew(LONG).await;
    assert_eq!((names(&seen), beat_of(&seen, &a.me)), (vec!["a", "b:8080"], 1));
    assert_eq!(seen.lease, Lease::Kept);

    a.me.address = "elsewhere:1".into();
    a.me.weight = 7;
    a.me.leaving = true;
    assert_eq!(a.renew(LONG).await.lease, Lease::Kept);
    let seen = b.renew(LONG).await;
    let standing = seen.members.iter().find(|one| one.member.name == a.me.name).unwrap();
    assert_eq!((&standing.member, standing.beat), (&a.me, 2));
    assert!(standing.left <= LONG && standing.left > LONG / 2, "{:?}", standing.left);
}

#[tokio::test]
async fn a_name_belongs_to_one_process_until_that_is_known_to_be_dead() {
    let place = Place::shared();
    let (old, new) = (place.member("a").await, place.process("a").await);
    assert_eq!(new.renew(LONG).await.lease, Lease::TakenBy(old.me.clone()));
    assert_eq!(new.replace(InstanceId::random()).await, Lease::TakenBy(old.me.clone()));
    assert_eq!(old.renew(LONG).await.lease, Lease::Kept, "the other's attempts changed nothing");
    assert_eq!(new.replace(old.me.incarnation).await, Lease::Granted);
    let seen = old.renew(LONG).await;
    assert_eq!(seen.lease, Lease::TakenBy(new.me.clone()));
    assert_eq!(names(&seen), ["a"]);
    old.leases.resign(old.me.clone()).await.unwrap();
    assert_eq!(new.renew(LONG).await.lease, Lease::Kept, "only the holder can resign");
}

#[tokio::test]
async fn a_lease_that_is_not_renewed_runs_out() {
    let place = Place::shared();
    let (a, b, other) =
        (place.process("a").await, place.member("b").await, place.process("a").await);
    assert_eq!(a.renew(SHORT).await.lease, Lease::Granted);
    let beat = beat_of(&a.renew(SHORT).await, &a.me);
    eventually("the others see that it is gone", async || names(&b.renew(LONG).await) == ["b"])
        .await;
    let again = a.renew(SHORT).await;
    assert_eq!(again.lease, Lease::Granted, "whoever comes back learns that it was away");
    assert!(beat_of(&again, &a.me) > beat, "a renewal is known by its number");
    eventually("the name is free", async || other.renew(LONG).await.lease == Lease::Granted).await;
}

#[tokio::test]
async fn a_lease_granted_in_an_answer_that_was_lost_is_still_told_as_granted() {
    let place = Place::shared();
    let a = place.member("a").await;
    a.leases.resign(a.me.clone()).await.unwrap();
    // The process made this request but never received the answer.
    let unheard = place.process("a").await;
    unheard.leases.renew(a.me.clone(), LONG, None).await.unwrap();
    assert_eq!(a.renew(LONG).await.lease, Lease::Granted);
    assert_eq!(a.renew(LONG).await.lease, Lease::Kept);
}

#[tokio::test]
async fn who_resigns_is_gone_at_once() {
    let place = Place::shared();
    let (a, b) = (place.member("a").await, place.member("b").await);
    let offering = OfferingId::new();
    a.publish(offering, 1).await;
    a.leases.resign(a.me.clone()).await.unwrap();
    assert_eq!(names(&b.renew(LONG).await), ["b"]);
    assert_eq!(b.claim(offering, &[]).await, Claim::Granted);
}

#[tokio::test]
async fn whoever_has_no_lease_claims_nothing() {
    let place = Place::shared();
    let (a, b) = (place.process("a").await, place.member("b").await);
    let offering = OfferingId::new();
    assert_eq!(a.claim(offering, &[]).await, Claim::NoLease);
    let namesake = place.member("a").await;
    assert_eq!(a.claim(offering, &[]).await, Claim::NoLease, "the lease is another's");
    assert_eq!(namesake.claim(offering, &[]).await, Claim::Granted);
    assert_eq!(b.claim(offering, &[]).await, Claim::OwnedBy(namesake.owning(0)));
}

#[tokio::test]
async fn a_claim_respects_an_owner_as_long_as_it_lives() {
    let place = Place::shared();
    let (a, b) = (place.process("a").await, place.member("b").await);
    let (offering, other) = (OfferingId::new(), OfferingId::new());
    a.renew(SHORT).await;
    a.publish(offering, 5).await;
    let second = async || b.claim(offering, &[InstanceId::random()]).await;
    let first = second().await;
    assert!(
        matches!(first, Claim::Granted) || first == Claim::OwnedBy(a.owning(5)),
        "on a slow machine the lease has run out: {first:?}"
    );
    eventually("the owner's lease runs out", async || second().await == Claim::Granted).await;
    assert_eq!(b.owner(offering).await, Some(b.owning(5)), "the epoch stays as it was");
    assert_eq!(b.claim(offering, &[]).await, Claim::Granted, "it is ours already");
    assert_eq!(b.claim(other, &[]).await, Claim::Granted, "nobody had it");
    assert_eq!(b.owner(other).await, Some(b.owning(0)));
}

#[tokio::test]
async fn a_claim_passes_over_an_owner_that_was_met_dead_or_was_started_anew() {
    let place = Place::shared();
    let (a, b, c) = (place.member("a").await, place.member("b").await, place.member("c").await);
    let offering = OfferingId::new();
    a.publish(offering, 3).await;
    assert_eq!(c.claim(offering, &[b.me.incarnation]).await, Claim::OwnedBy(a.owning(3)));
    let dead = [b.me.incarnation, a.me.incarnation];
    assert_eq!(b.claim(offering, &dead).await, Claim::Granted);
    assert_eq!(a.claim(offering, &[]).await, Claim::OwnedBy(b.owning(3)));

    let anew = place.process("b").await;
    assert_eq!(anew.replace(b.me.incarnation).await, Lease::Granted);
    assert_eq!(c.owner(offering).await, None, "the process that owned it has gone");
    assert_eq!(c.claim(offering, &[]).await, Claim::Granted);
}

#[tokio::test]
async fn publishing_never_goes_back_to_an_older_epoch() {
    let place = Place::shared();
    let (a, mut b) = (place.member("a").await, place.member("b").await);
    let offering = OfferingId::new();
    assert_eq!(a.publish(offering, 2).await, a.owning(2), "there was no entry");
    assert_eq!(b.publish(offering, 1).await, a.owning(2), "older");
    assert_eq!(b.publish(offering, 2).await, a.owning(2), "as old, and another's");
    assert_eq!(b.publish(offering, 3).await, b.owning(3), "newer");
    b.me.address = "elsewhere:1".into();
    assert_eq!(b.publish(offering, 3).await, b.owning(3), "as old, and ours");
    assert_eq!(a.owner(offering).await, Some(b.owning(3)));
    assert_eq!(b.publish(offering, 2).await, b.owning(3), "ours, and older");
    // The tenth epoch is later than the ninth, although "10" sorts before "9".
    b.publish(offering, 9).await;
    assert_eq!(a.publish(offering, 10).await, a.owning(10));
    // A claim takes an entry over without an epoch of its own; the journal's takeover decides.
    b.claim(offering, &[a.me.incarnation]).await;
    assert_eq!(a.publish(offering, 10).await, b.owning(10));
}

#[tokio::test]
async fn only_the_owner_transfers_and_only_to_who_lives() {
    let place = Place::shared();
    let (a, b, gone) =
        (place.member("a").await, place.member("b").await, place.process("gone").await);
    let offering = OfferingId::new();
    assert!(!a.transfer(offering, &b).await, "there is no entry");
    a.publish(offering, 4).await;
    assert!(!b.transfer(offering, &b).await, "it is not ours");
    assert!(!a.transfer(offering, &gone).await, "no lease");
    let namesake = Process { leases: place.process("b").await.leases, me: member("b") };
    assert!(!a.transfer(offering, &namesake).await, "another process's lease");
    assert!(a.transfer(offering, &b).await);
    assert_eq!(a.owner(offering).await, Some(b.owning(4)));
    assert_eq!(a.publish(offering, 4).await, b.owning(4), "and it stays transferred");
}

#[tokio::test]
async fn an_entry_is_released_by_its_owner_alone() {
    let place = Place::shared();
    let (a, b) = (place.member("a").await, place.member("b").await);
    let offering = OfferingId::new();
    a.publish(offering, 4).await;
    b.leases.release(offering, b.me.incarnation).await.unwrap();
    assert_eq!(b.owner(offering).await, Some(a.owning(4)));
    a.leases.release(offering, a.me.incarnation).await.unwrap();
    assert_eq!(b.owner(offering).await, None);
    assert_eq!(b.claim(offering, &[]).await, Claim::Granted);
    assert_eq!(b.owner(offering).await, Some(b.owning(0)));
}

#[tokio::test]
async fn pins_are_known_to_all_until_they_are_taken_out() {
    let place = Place::shared();
    let (a, b) = (place.member("a").await, place.member("b").await);
    let (one, two) = (OfferingId::new(), OfferingId::new());
    a.leases.pin(one, Some("b".into())).await.unwrap();
    a.leases.pin(two, Some("a".into())).await.unwrap();
    a.leases.pin(two, Some("host-7:8080".into())).await.unwrap();
    let pins = b.renew(LONG).await.pins;
    assert_eq!(pins, [(one, Arc::from("b")), (two, Arc::from("host-7:8080"))].into());
    b.leases.pin(one, None).await.unwrap();
    assert_eq!(a.renew(LONG).await.pins, [(two, Arc::from("host-7:8080"))].into());
}

#[tokio::test]
async fn clusters_with_prefixes_of_their_own_do_not_see_each_other() {
    let (here, there) = (Place::shared(), Place::shared());
    let (a, b) = (here.member("a").await, there.member("b").await);
    assert_eq!(names(&a.renew(LONG).await), ["a"]);
    let offering = OfferingId::new();
    a.publish(offering, 1).await;
    assert_eq!(b.owner(offering).await, None);
    assert_ne!(a.renew(LONG).await.memory, b.renew(LONG).await.memory);
}

#[tokio::test]
async fn entries_do_not_pile_up_for_ever() {
    let place = Place::shared();
    let a = place.member("a").await;
    let offering = OfferingId::new();
    a.claim(offering, &[]).await;
    let client = redis::Client::open(place.url.as_str()).unwrap();
    let mut redis = client.get_multiplexed_async_connection().await.unwrap();
    let key = format!("{{admitone}}:{}:owner:{offering}", place.prefix);
    let left: i64 = redis::cmd("PTTL").arg(&key).query_async(&mut redis).await.unwrap();
    assert!((23 * 3_600_000..=24 * 3_600_000).contains(&left), "{left}");
    redis::cmd("PEXPIRE").arg(&key).arg(60_000).exec_async(&mut redis).await.unwrap();
    a.publish(offering, 0).await;
    let left: i64 = redis::cmd("PTTL").arg(&key).query_async(&mut redis).await.unwrap();
    assert!(left > 23 * 3_600_000, "published again, it lives again: {left}");
}

#[tokio::test]
async fn what_others_put_under_our_keys_is_removed_and_stops_nobody() {
    let place = Place::shared();
    let (a, b) = (place.member("a").await, place.member("b").await);
    let client = redis::Client::open(place.url.as_str()).unwrap();
    let mut redis = client.get_multiplexed_async_connection().await.unwrap();
    let key = |name: &str| format!("{{admitone}}:{}:{name}", place.prefix);
    let (offering, id) = (OfferingId::new(), a.me.incarnation.to_string());
    let entry = key(&format!("owner:{offering}"));
    for garbage in [
        vec!["SET", "member:x", "garbage"],
        vec!["HSET", "member:y", "incarnation", &id],
        vec!["HSET", "member:z", "incarnation", &id, "address", "z", "weight", "1", "leaving", "0"],
        vec![
            "HSET",
            "member:v w",
            "incarnation",
            &id,
            "address",
            "v",
            "weight",
            "1",
            "leaving",
            "0",
        ],
        vec!["SADD", "members", "x", "y", "z", "v w", "nobody"],
        vec!["SET", "member:b", "garbage"],
        vec!["HSET", "pins", "no offering", "a"],
        vec!["SET", "memory", "garbage"],
    ] {
        let mut command = redis::cmd(garbage[0]);
        command.arg(key(garbage[1])).arg(&garbage[2..]);
        command.exec_async(&mut redis).await.unwrap();
        let seen = a.renew(LONG).await;
        assert!(names(&seen).iter().all(|name| ["a", "b"].contains(name)), "{seen:?}");
        assert!(seen.pins.is_empty(), "{seen:?}");
    }
    assert_eq!(b.renew(LONG).await.lease, Lease::Granted, "its lease was overwritten");
    assert_eq!(names(&a.renew(LONG).await), ["a", "b"]);
    for (garbage, values) in [
        ("SET", vec!["garbage"]),
        ("HSET", vec!["incarnation", id.as_str()]),
        ("HSET", vec!["name", "a", "incarnation", &id, "address", "a:1", "epoch", "many"]),
        ("HSET", vec!["name", "a", "incarnation", "x", "address", "a:1", "epoch", "1"]),
    ] {
        redis::cmd("DEL").arg(&entry).exec_async(&mut redis).await.unwrap();
        redis::cmd(garbage).arg(&entry).arg(&values).exec_async(&mut redis).await.unwrap();
        assert_eq!(b.owner(offering).await, None, "{values:?}");
        redis::cmd(garbage).arg(&entry).arg(&values).exec_async(&mut redis).await.unwrap();
        assert_eq!(b.claim(offering, &[]).await, Claim::Granted, "{values:?}");
    }
    let no_text: &[u8] = b"q\xff";
    let member = [&b"{admitone}:"[..], place.prefix.as_bytes(), b":member:", no_text].concat();
    let mut commands = redis::pipe();
    commands.cmd("HSET").arg(key("pins")).arg(offering.to_string()).arg(no_text);
    commands.cmd("SADD").arg(key("members")).arg(no_text);
    commands.cmd("HSET").arg(&member).arg("incarnation").arg(&id).arg("address").arg("q:1");
    commands.arg("weight").arg(1).arg("leaving").arg(0).arg("beat").arg(1).arg("grant").arg(1);
    commands.cmd("PEXPIRE").arg(&member).arg(60_000);
    commands.exec_async(&mut redis).await.unwrap();
    let seen = a.renew(LONG).await;
    assert_eq!((names(&seen), seen.pins.len()), (vec!["a", "b"], 0));
    for kind in ["members", "pins", "memory"] {
        redis::cmd("DEL").arg(key(kind)).exec_async(&mut redis).await.unwrap();
        redis::cmd("LPUSH").arg(key(kind)).arg("garbage").exec_async(&mut redis).await.unwrap();
        a.renew(LONG).await;
        b.renew(LONG).await;
        assert_eq!(names(&a.renew(LONG).await), ["a", "b"], "{kind}");
    }
}

#[tokio::test]
async fn a_redis_that_comes_back_empty_is_used_again_soon_and_known_by_another_memory() {
    let mut redis = PrivateRedis::start();
    let place = Place { url: redis.url(), prefix: String::new() };
    let (a, b) = (place.member("a").await, place.member("b").await);
    let (offering, before) = (OfferingId::new(), a.renew(LONG).await);
    a.publish(offering, 6).await;
    assert_eq!(b.renew(LONG).await.memory, before.memory);

    redis.stop();
    for _ in 0..3 {
        match within(1, b.leases.owner(offering)).await {
            Err(LeaseError::Away(_)) => {}
            other => panic!("{other:?}"),
        }
    }
    redis.up();
    within(3, async {
        for one in [&a, &b] {
            eventually("it is used again", async || one.leases.owner(offering).await.is_ok()).await;
        }
    })
    .await;

    assert_eq!(b.owner(offering).await, None, "it has forgotten");
    let after = a.renew(LONG).await;
    assert_eq!(after.lease, Lease::Granted);
    assert_ne!(after.memory, before.memory);
    assert!(beat_of(&after, &a.me) > beat_of(&before, &a.me));
    assert_eq!(a.publish(offering, 6).await, a.owning(6));
}

#[tokio::test]
async fn a_connection_that_broke_unnoticed_is_replaced_before_it_is_needed() {
    let mut server = PrivateRedis::start();
    let place = Place { url: server.url(), prefix: "idle".into() };
    let a = place.member("a").await;
    server.stop();
    server.up();
    let client = redis::Client::open(server.url()).unwrap();
    let mut other = client.get_multiplexed_async_connection().await.unwrap();
    eventually("it is connected and watched again", async || {
        let clients = redis::cmd("CLIENT").arg("LIST").query_async::<String>(&mut other).await;
        clients.unwrap().contains("cmd=ping")
    })
    .await;
    assert_eq!(a.renew(LONG).await.lease, Lease::Granted);
}

#[tokio::test]
async fn a_redis_that_hangs_is_given_up_soon_and_used_again_when_it_goes_on() {
    let redis = PrivateRedis::start();
    let place = Place { url: redis.url(), prefix: "hangs".into() };
    let a = place.member("a").await;
    redis.freeze();
    for _ in 0..2 {
        let renewed = within(2, a.leases.renew(a.me.clone(), LONG, None)).await;
        assert!(matches!(renewed, Err(LeaseError::Away(_))), "{renewed:?}");
    }
    let connecting = RedisLeases::connect(&place.url, "hangs", "b".into());
    match within(2, connecting).await.map(drop) {
        Err(LeaseError::Away(_)) => {}
        other => panic!("{other:?}"),
    }
    redis.thaw();
    let again = async || a.leases.renew(a.me.clone(), LONG, None).await.is_ok();
    eventually("it is used again", again).await;
    assert_eq!(a.renew(LONG).await.lease, Lease::Kept);
}

async fn refusal(url: &str) -> String {
    match RedisLeases::connect(url, "", "a".into()).await.map(drop) {
        Err(LeaseError::Unusable(why)) => {
            assert!(why.contains("REDIS_URL"), "{url}: {why}");
            assert!(!why.contains("battery-staple") && !why.contains('\n'), "{why}");
            why
        }
        other => panic!("{url}: {other:?}"),
    }
}

#[tokio::test]
async fn passwords_that_are_missing_wrong_or_too_many_are_said_to_be() {
    let locked = PrivateRedis::start_with(&["--requirepass", "correct-horse"]);
    let open = PrivateRedis::start();
    let right = locked.url_as(":correct-horse");
    RedisLeases::connect(&right, "", "a".into()).await.map(drop).unwrap();
    for (url, says) in [
        (locked.url(), "wants a password"),
        (locked.url_as(":battery-staple"), "does not accept the password"),
        (locked.url_as("nobody:battery-staple"), "does not accept the password"),
        (open.url_as(":battery-staple"), "leave it out if that Redis has none"),
    ] {
        let why = refusal(&url).await;
        assert!(why.contains(says), "{url}: {why}");
    }
}

#[tokio::test]
async fn a_redis_that_cannot_keep_leases_is_said_to_be_unusable() {
    let primary = PrivateRedis::start();
    let port = primary.port().to_string();
    let replica = PrivateRedis::start_with(&["--replicaof", "127.0.0.1", &port]);
    let cluster = PrivateRedis::start_with(&["--cluster-enabled", "yes"]);
    let user = ["--user", "guest", "on", ">battery-staple", "~*", "+@all", "-evalsha", "-eval"];
    let strict = PrivateRedis::start_with(&user);
    let old = PrivateRedis::start_with(&["--rename-command", "EVALSHA", ""]);
    for (url, says) in [
        (replica.url(), "is a replica: set REDIS_URL to its primary"),
        (cluster.url(), "is a Redis Cluster"),
        (strict.url_as("guest:battery-staple"), "does not let the user"),
        (old.url(), "does not run scripts"),
        (format!("{}/99", primary.url()), "DB index is out of range"),
    ] {
        let why = refusal(&url).await;
        assert!(why.contains(says), "{url}: {why}");
    }
}

#[tokio::test]
async fn a_password_that_is_set_while_connected_is_asked_for() {
    let mut server = PrivateRedis::start();
    let place = Place { url: server.url(), prefix: "later".into() };
    let a = place.member("a").await;
    server.stop();
    server.start_again_with(&["--requirepass", "correct-horse"]);
    eventually("it is said what is missing", async || {
        let renewed = a.leases.renew(a.me.clone(), LONG, None).await;
        matches!(renewed, Err(LeaseError::Unusable(why)) if why.contains("wants a password"))
    })
    .await;
    server.stop();
    server.start_again_with(&[]);
    let again = async || a.leases.renew(a.me.clone(), LONG, None).await.is_ok();
    eventually("it is used again", again).await;
}

#[tokio::test]
async fn what_is_no_redis_or_not_there_is_said_to_be() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let web_server = tokio::spawn(async move {
        loop {
            let (mut client, _) = listener.accept().await.unwrap();
            let _ = client.read(&mut [0; 64]).await;
            let _ = client.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").await;
        }
    });
    match RedisLeases::connect(&format!("redis://{address}"), "", "a".into()).await.map(drop) {
        Err(LeaseError::Unusable(why)) => {
            assert!(why.contains(&format!("what listens at {address} does not speak")), "{why}");
        }
        other => panic!("{other:?}"),
    }
    web_server.abort();
    // Waits until the port has no listener.
    let _ = web_server.await;
    match RedisLeases::connect(&format!("redis://:hunter2@{address}"), "", "a".into()).await {
        Err(LeaseError::Away(why)) => {
            let why = why.to_string();
            let says = format!("Redis at {address} does not answer");
            assert!(why.contains(&says) && why.contains("start it, or correct REDIS_URL"), "{why}");
            assert!(!why.contains("hunter2"), "{why}");
        }
        other => panic!("{:?}", other.map(drop)),
    }
}
