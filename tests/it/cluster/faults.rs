//! Faults of instances, of Redis and Postgres, and of the network between them.

use std::time::Duration;

use super::Site;
use crate::support::customers::seed;
use crate::support::test_db::eventually;

/// A time longer than a lease lives in these tests.
const BEYOND_A_LEASE: Duration = Duration::from_millis(3_500);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn owners_that_are_killed_lose_nothing() {
    let mut site = Site::open("2s").await;
    site.sell(seed());
    for _ in 0..5 {
        site.until_sold(60).await;
        let owner = site.owner().await;
        site.servers[owner].kill();
        // The others need not wait for the dead owner's lease to expire, nor for its return.
        site.until_sold(60).await;
        assert_ne!(site.owner().await, owner);
        site.servers[owner].start_again();
        site.servers[owner].until_ready().await;
    }
    site.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_owner_that_stands_still_beyond_its_lease_is_replaced_and_finds_its_way_back() {
    let mut site = Site::open("2s").await;
    site.sell(seed());
    for _ in 0..2 {
        site.until_sold(60).await;
        let owner = site.owner().await;
        site.servers[owner].signal("-STOP");
        eventually("another takes over", async || site.owner().await != owner).await;
        // Customers connected to the stopped instance wait there; the others go on.
        site.until_sold(20).await;
        site.servers[owner].signal("-CONT");
        site.servers[owner].until_ready().await;
        site.until_sold(60).await;
    }
    site.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn owners_sell_on_without_redis_and_keep_what_they_own_when_it_comes_back_empty() {
    let mut site = Site::open("2s").await;
    site.sell(seed());
    site.until_sold(60).await;
    site.until_placed().await;
    let (owner, epoch) = (site.owner().await, site.epoch().await);
    site.redis.stop();
    site.until_sold(100).await;
    tokio::time::sleep(BEYOND_A_LEASE).await;
    site.until_sold(100).await;
    assert_eq!((site.owner().await, site.epoch().await), (owner, epoch), "nobody took over");
    site.redis.up();
    site.until_sold(100).await;
    tokio::time::sleep(BEYOND_A_LEASE).await;
    site.until_sold(100).await;
    assert_eq!((site.owner().await, site.epoch().await), (owner, epoch), "nobody took over");
    // The leases work again: an owner that is killed now is replaced.
    site.servers[owner].kill();
    site.until_sold(60).await;
    assert_ne!(site.owner().await, owner);
    let facts = site.close().await;
    println!("{} answers 503 in all", facts.unavailable);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_owner_that_dies_while_redis_is_away_is_replaced() {
    let mut site = Site::open("2s").await;
    site.sell(seed());
    site.until_sold(60).await;
    site.redis.stop();
    site.until_sold(60).await;
    let owner = site.owner().await;
    site.servers[owner].kill();
    site.until_sold(60).await;
    assert_ne!(site.owner().await, owner);
    site.redis.up();
    site.servers[owner].start_again();
    site.servers[owner].until_ready().await;
    site.until_sold(60).await;
    site.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn postgres_away_is_answered_503_and_everything_goes_on_when_it_is_back() {
    let mut site = Site::open("2s").await;
    site.sell(seed());
    site.until_sold(60).await;
    site.postgres.stop();
    for server in &site.servers {
        server.until_unready().await;
    }
    site.postgres.up();
    for server in &mut site.servers {
        server.until_ready().await;
    }
    site.until_sold(100).await;
    let facts = site.close().await;
    assert!(facts.unavailable > 0, "it was said that it is away");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_owner_cut_off_from_everything_commits_nothing_and_comes_back_in_peace() {
    let mut site = Site::open("2s").await;
    site.sell(seed());
    site.until_sold(60).await;
    let owner = site.owner().await;
    let links = &site.links[owner];
    links.redis.cut();
    links.postgres.cut();
    links.others.cut();
    eventually("another takes over", async || site.owner().await != owner).await;
    site.until_sold(20).await;
    site.links[owner].redis.heal();
    site.links[owner].postgres.heal();
    site.links[owner].others.heal();
    site.servers[owner].until_ready().await;
    site.until_sold(60).await;
    site.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_instance_that_cannot_reach_the_database_gives_its_events_to_others() {
    let mut site = Site::open("2s").await;
    site.sell(seed());
    site.until_sold(60).await;
    let owner = site.owner().await;
    site.links[owner].postgres.cut();
    // Its lease stays valid and is not ended by others: the instance reports that it cannot work.
    eventually("another takes over", async || site.owner().await != owner).await;
    site.until_sold(60).await;
    site.links[owner].postgres.heal();
    site.servers[owner].until_ready().await;
    site.until_sold(60).await;
    site.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn wires_that_fail_in_one_direction_or_are_slow_cost_time_and_nothing_else() {
    let mut site = Site::open("2s").await;
    site.sell(seed());
    site.until_sold(60).await;
    // The owner's appends reach Postgres, but the answers do not come back.
    let owner = site.owner().await;
    site.links[owner].postgres.cut_back();
    tokio::time::sleep(BEYOND_A_LEASE).await;
    site.links[owner].postgres.heal();
    site.until_sold(60).await;
    // Its heartbeats do not reach Redis; all other traffic passes.
    let owner = site.owner().await;
    site.links[owner].redis.cut_forth();
    tokio::time::sleep(BEYOND_A_LEASE).await;
    site.until_sold(40).await;
    site.links[owner].redis.heal();
    site.until_sold(60).await;
    // The other instances' requests reach it, but its answers do not come back.
    let owner = site.owner().await;
    site.links[owner].others.cut_back();
    site.until_sold(20).await;
    site.links[owner].others.heal();
    for links in &site.links {
        links.postgres.delay(Duration::from_millis(20));
        links.redis.delay(Duration::from_millis(20));
        links.others.delay(Duration::from_millis(20));
    }
    site.until_sold(60).await;
    for links in &site.links {
        links.postgres.heal();
        links.redis.heal();
        links.others.heal();
    }
    site.until_sold(60).await;
    site.close().await;
}
