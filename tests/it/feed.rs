//! Reads anywhere: the view that an instance shows of an offering that another one owns, over a
//! real Redis, and while Redis is away.

use std::sync::atomic::Ordering;
use std::time::Duration;

use admitone::box_office::{SubmitError, Unavailable};
use admitone::ids::{HoldId, OfferingId, SectionId, Seq, UserId};
use admitone::inventory::{Change, Command, LineRequest, Request};
use tokio::time::Instant;

use crate::support::private_redis::PrivateRedis;
use crate::support::test_db::eventually;
use crate::support::two_instances::TwoInstances;

/// The most that an answer may lag behind the durable rows.
const STALE_AT_MOST: Duration = Duration::from_secs(2);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hold_at_the_owner_shows_elsewhere_at_once_and_nothing_is_loaded() {
    let stage = TwoInstances::shared().await;
    stage.hold(&stage.a).await;
    stage.shows(&stage.b, Seq(3)).await;
    // Messages sent before the subscription started are noticed with the next message.
    tokio::time::sleep(Duration::from_millis(1_500)).await;
    let (loads, asked) = (stage.loads(), stage.asked());
    for _ in 0..5 {
        let seq = stage.hold(&stage.a).await;
        let began = Instant::now();
        stage.shows(&stage.b, seq).await;
        assert!(began.elapsed() < Duration::from_secs(1), "{:?}", began.elapsed());
    }
    for _ in 0..10_000 {
        stage.seq_at(&stage.b).await;
    }
    assert_eq!(stage.loads(), loads, "nothing was loaded");
    assert_eq!(stage.asked(), asked, "and nobody was asked: it came over the feed");
    stage.agree().await;
    assert_eq!(stage.b.offices.live(), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn under_load_a_follower_keeps_up_without_asking() {
    let stage = TwoInstances::shared().await;
    stage.shows(&stage.b, Seq(2)).await;
    tokio::time::sleep(Duration::from_millis(1_500)).await;
    let asked = stage.asked();
    let began = Instant::now();
    let mut last = Seq(0);
    while began.elapsed() < Duration::from_secs(2) {
        last = stage.hold(&stage.a).await;
        stage.seq_at(&stage.b).await;
    }
    stage.shows(&stage.b, last).await;
    stage.agree().await;
    // The count of loads is not compared, because the owner loads for its snapshots.
    assert_eq!(stage.asked(), asked, "{last} rows");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_missed_change_is_noticed_and_made_up_for() {
    let stage = TwoInstances::shared().await;
    stage.shows(&stage.b, Seq(2)).await;
    tokio::time::sleep(Duration::from_millis(1_500)).await;
    let (loads, asked) = (stage.loads(), stage.asked());
    stage.a.feed.to_lose.store(1, Ordering::SeqCst);
    let missed = stage.hold(&stage.a).await;
    let began = Instant::now();
    stage.shows(&stage.b, missed).await;
    assert!(began.elapsed() < STALE_AT_MOST, "{:?}", began.elapsed());
    assert!(stage.asked() > asked, "by asking the owner");
    let seq = stage.hold(&stage.a).await;
    stage.shows(&stage.b, seq).await;
    assert_eq!(stage.loads(), loads, "the store was not needed");
    stage.agree().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_redis_reads_go_on_and_stay_young_and_the_feed_comes_back() {
    let mut redis = PrivateRedis::start();
    let stage = TwoInstances::on(&redis.url()).await;
    stage.shows(&stage.b, Seq(2)).await;
    redis.stop();
    for _ in 0..3 {
        let seq = stage.hold(&stage.a).await;
        let began = Instant::now();
        while stage.seq_at(&stage.b).await < seq {
            assert!(began.elapsed() < STALE_AT_MOST, "{:?}", began.elapsed());
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
    redis.up();
    eventually("the feed is back", async || {
        let asked = stage.asked();
        let seq = stage.hold(&stage.a).await;
        let began = Instant::now();
        stage.shows(&stage.b, seq).await;
        tokio::time::sleep(Duration::from_millis(1_600)).await;
        // The follower did not ask for the row, nor for a sign of life after it.
        stage.asked() == asked && began.elapsed() < Duration::from_secs(3)
    })
    .await;
    stage.agree().await;
    assert_eq!(stage.epoch().await, 1, "and the owner has stayed the same");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn while_redis_hangs_reads_stay_young_and_afterwards_the_feed_goes_on() {
    let redis = PrivateRedis::start();
    let stage = TwoInstances::on(&redis.url()).await;
    stage.shows(&stage.b, Seq(2)).await;
    redis.freeze();
    for _ in 0..3 {
        let seq = stage.hold(&stage.a).await;
        let began = Instant::now();
        while stage.seq_at(&stage.b).await < seq {
            assert!(began.elapsed() < STALE_AT_MOST, "{:?}", began.elapsed());
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
    redis.thaw();
    eventually("the feed is back", async || {
        let asked = stage.asked();
        let seq = stage.hold(&stage.a).await;
        stage.shows(&stage.b, seq).await;
        stage.asked() == asked
    })
    .await;
    stage.agree().await;
    assert_eq!(stage.epoch().await, 1, "and the owner has stayed the same");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_followed_goes_on_from_the_same_row_when_it_changes_hands() {
    let stage = TwoInstances::shared().await;
    let seq = stage.hold(&stage.a).await;
    stage.shows(&stage.b, seq).await;
    let mut views = stage.b.offices.watch(stage.offering).await.unwrap();
    let shown = views.borrow_and_update().seq;
    assert_eq!(shown, seq);
    stage.a.offices.move_to(stage.offering, "b").await.unwrap();
    // An offering that is live here is served from here, so its watchers must subscribe again.
    let ended = async { while views.changed().await.is_ok() {} };
    tokio::time::timeout(STALE_AT_MOST, ended).await.expect("it ends soon");
    assert_eq!(views.borrow().seq, seq);
    let views = stage.b.offices.watch(stage.offering).await.unwrap();
    assert_eq!(views.borrow().seq, seq.next(), "a takeover follows");
    // The same in the other direction.
    let seq = stage.hold(&stage.b).await;
    stage.shows(&stage.a, seq).await;
    assert_eq!((stage.a.offices.live(), stage.b.offices.live()), (0, 1));
    stage.agree().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_watches_takes_nothing_over() {
    let url = std::env::var("ADMITONE_TEST_REDIS_URL").unwrap();
    let stage = TwoInstances::asleep_on(&url).await;
    let mut views = stage.b.offices.watch(stage.offering).await.unwrap();
    assert_eq!(views.borrow_and_update().seq, Seq(1));
    assert_eq!(stage.a.offices.watch(stage.offering).await.unwrap().borrow().seq, Seq(1));
    tokio::time::sleep(Duration::from_millis(1_500)).await;
    assert_eq!(stage.epoch().await, 0, "nobody has woken it");
    stage.a.offices.move_to(stage.offering, "a").await.unwrap();
    let seq = stage.hold(&stage.a).await;
    let began = Instant::now();
    while views.borrow_and_update().seq < seq {
        views.changed().await.unwrap();
    }
    assert!(began.elapsed() < STALE_AT_MOST, "{:?}", began.elapsed());
    let seq = stage.hold(&stage.a).await;
    while views.borrow_and_update().seq < seq {
        views.changed().await.unwrap();
    }
    assert_eq!(stage.epoch().await, 1);
    assert_eq!(stage.b.offices.live(), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_dead_owner_is_replaced_by_the_store() {
    let stage = TwoInstances::shared().await;
    let seq = stage.hold(&stage.a).await;
    stage.shows(&stage.b, seq).await;
    stage.wires.offices.lock().unwrap().remove("a");
    stage.a.feed.to_lose.store(u32::MAX, Ordering::SeqCst);
    let loads = stage.loads();
    let seq = stage.hold(&stage.a).await;
    let began = Instant::now();
    while stage.seq_at(&stage.b).await < seq {
        assert!(began.elapsed() < 2 * STALE_AT_MOST, "{:?}", began.elapsed());
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert!(stage.loads() > loads);
    assert_eq!(stage.b.offices.live(), 0, "a read takes nothing over");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn seats_of_a_row_that_is_new_have_their_labels() {
    let stage = TwoInstances::shared().await;
    stage.shows(&stage.b, Seq(2)).await;
    // The messages that announce the row are lost.
    stage.a.feed.to_lose.store(u32::MAX, Ordering::SeqCst);
    let name = "B".to_owned();
    stage.submit(&stage.a, Command::AddRow { section: SectionId(0), name, seats: 2 }).await;
    let seats = LineRequest::Seats(vec![admitone::ids::SeatId(10)]);
    let (hold, customer) = (HoldId::random(), UserId::random());
    let command = Command::PlaceHold { hold, customer, lines: vec![seats] };
    let (_, changes) = stage.submit(&stage.b, command).await;
    let Some(Change::HoldPlaced { lines, .. }) = changes.first() else { panic!("{changes:?}") };
    let view = stage.b.offices.view_covering(stage.offering, lines).await.unwrap();
    assert_eq!(view.label(lines[0].seats[0]), Some(("Stalls", "B", 1)));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_does_not_exist_is_not_followed() {
    let stage = TwoInstances::shared().await;
    let nothing = OfferingId::random();
    for _ in 0..100 {
        let shown = stage.b.offices.view(nothing).await;
        assert_eq!(shown.unwrap_err(), Unavailable::NoSuchOffering);
        let watched = stage.b.offices.watch(nothing).await;
        assert_eq!(watched.unwrap_err(), Unavailable::NoSuchOffering);
    }
    let (hold, customer) = (HoldId::random(), UserId::random());
    let request = Request { command: Command::ReleaseHold { hold, customer }, idempotency: None };
    let asked = stage.b.offices.submit(nothing, request).await;
    assert!(matches!(asked, Err(SubmitError::Unavailable(Unavailable::NoSuchOffering))));
    eventually("nothing of it is left in Redis", async || {
        stage.b.cluster.owner_now(nothing, &*stage.journal).await.unwrap().is_none()
    })
    .await;
}
