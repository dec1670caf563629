//! A waiting room while its owner is killed, stands still, is cut off, hands over, and while Redis is
//! away: everybody keeps their place, in the same order, under the same rules.

use std::sync::Arc;
use std::time::Duration;

use admitone::clock::{Clock, SystemClock};
use admitone::http::respond::rfc3339;
use reqwest::Method;
use serde_json::{Value, json};

use super::Site;
use crate::support::customers::{Shop, seed};
use crate::support::line_history::LineHistory;
use crate::support::test_db::eventually;

const PEOPLE: u64 = 80;
/// Long enough for a first fault before the draw.
const PRE_QUEUE_MS: i64 = 6_000;

/// Opens three instances and the waiting room of their event.
async fn site() -> Site {
    let mut site = Site::open("2s").await;
    let bases: Vec<String> = site.servers.iter().map(|server| server.base.clone()).collect();
    let mut shop = Shop::over(&bases, site.event, site.shop.seats);
    shop.line = Some(LineHistory::default());
    site.shop = Arc::new(shop);
    site.shop.watch_doors();
    let opens_at = SystemClock::new().now_ms() + PRE_QUEUE_MS;
    let rules = json!({
        "enabled": true,
        "opensAt": rfc3339(opens_at),
        "passesPerMinute": 600,
        "activeLimit": 8,
    });
    open_room(&site, &rules).await;
    site.sell_to(PEOPLE, seed());
    site
}

async fn open_room(site: &Site, rules: &Value) {
    let url = format!("{}/api/admin/events/{}/queue", site.servers[0].base, site.event);
    let token = site.servers[0].mint().admin().token;
    let answer = reqwest::Client::new().put(url).bearer_auth(token).json(rules).send().await;
    let answer = answer.expect("an answer");
    assert!(answer.status().is_success(), "{:?}", answer.text().await);
}

async fn close(site: Site) {
    let facts = site.close().await.line.expect("there is a line");
    assert!(facts.drawn > 0, "some came before the draw: {facts:?}");
    assert!(facts.entered > facts.drawn as usize, "others after it: {facts:?}");
    assert!(facts.admitted > 20 && facts.left > 0, "{facts:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_line_outlives_its_owners() {
    let mut site = site().await;
    // Once before the draw, which the next owner makes, and then again and again.
    let owner = site.owner().await;
    site.servers[owner].kill();
    site.until_sold(20).await;
    site.servers[owner].start_again();
    site.servers[owner].until_ready().await;
    for _ in 0..3 {
        let owner = site.owner().await;
        site.servers[owner].kill();
        site.until_sold(40).await;
        assert_ne!(site.owner().await, owner);
        site.servers[owner].start_again();
        site.servers[owner].until_ready().await;
    }
    close(site).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_line_goes_on_without_redis_through_handovers_and_beside_an_owner_that_was_cut_off() {
    let mut site = site().await;
    site.until_sold(20).await;
    site.redis.stop();
    site.until_sold(40).await;
    site.redis.up();
    let owner = site.owner().await;
    let to = ["a", "b", "c"][site.other_than(owner)];
    let path = format!("/api/admin/offerings/{}/move", site.event);
    eventually("it can be moved again", async || {
        let (status, _) = site.administer(owner, &path, Some(json!({ "instance": to }))).await;
        status == 200
    })
    .await;
    site.until_sold(40).await;
    // It stands still beyond its lease, and for a moment there are two.
    let owner = site.owner().await;
    site.servers[owner].signal("-STOP");
    eventually("another takes over", async || site.owner().await != owner).await;
    site.until_sold(20).await;
    site.servers[owner].signal("-CONT");
    site.servers[owner].until_ready().await;
    site.until_sold(40).await;
    let owner = site.owner().await;
    let links = &site.links[owner];
    links.redis.cut();
    links.postgres.cut();
    links.others.cut();
    eventually("another takes over", async || site.owner().await != owner).await;
    site.until_sold(20).await;
    let links = &site.links[owner];
    links.redis.heal();
    links.postgres.heal();
    links.others.heal();
    site.servers[owner].until_ready().await;
    site.until_sold(40).await;
    close(site).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn people_near_the_front_see_the_line_as_it_was_while_its_owner_is_gone() {
    let mut site = Site::open("2s").await;
    open_room(&site, &json!({ "enabled": true, "paused": true })).await;
    let (owner, customer) = (site.owner().await, site.servers[0].mint().customer());
    let base = site.servers[site.other_than(owner)].base.clone();
    let client = reqwest::Client::new();
    let ask = async |method: Method, what: &str| {
        let url = format!("{base}/api/queue/{}/{what}", site.event);
        let answer = client.request(method, url).bearer_auth(&customer.token).send().await;
        let answer = answer.expect("this instance lives");
        (answer.status().as_u16(), answer.json::<Value>().await.expect("JSON"))
    };
    let (status, entered) = ask(Method::POST, "enqueue").await;
    assert_eq!((status, &entered["data"]["position"]), (200, &json!(0)), "{entered}");
    let kept_place = async || {
        let (status, answer) = ask(Method::GET, "status").await;
        assert_eq!(status, 200, "{answer}");
        assert_eq!(answer["data"]["entryNumber"], entered["data"]["entryNumber"]);
        assert_eq!(answer["data"]["status"], "WAITING");
        answer["data"]["asOf"].as_str().expect("a time").to_owned()
    };
    let before = kept_place().await;
    site.servers[owner].kill();
    for _ in 0..10 {
        // The pace of the customer; it waits for nothing.
        tokio::time::sleep(Duration::from_millis(200)).await;
        assert!(kept_place().await >= before);
    }
    // Now there is no journal to read it from either.
    site.postgres.stop();
    let other = &site.servers[site.other_than(owner)];
    other.until_unready().await;
    // It may have taken the line over before.
    eventually("it cannot read the line any more", async || {
        let before = kept_place().await;
        tokio::time::sleep(Duration::from_millis(1_200)).await;
        kept_place().await == before
    })
    .await;
    let at_last = kept_place().await;
    for _ in 0..10 {
        tokio::time::sleep(Duration::from_millis(200)).await;
        assert_eq!(kept_place().await, at_last, "its age is told");
    }
    let (status, progress) = ask(Method::GET, "progress").await;
    assert_eq!((status, progress["data"]["asOf"].as_str()), (200, Some(at_last.as_str())));
    site.postgres.up();
    eventually("the line is read again", async || kept_place().await > at_last).await;
}
