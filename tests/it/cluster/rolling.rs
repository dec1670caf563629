//! What is done on purpose in the middle of a sale, and that nobody should notice.

use std::sync::atomic::Ordering;

use serde_json::json;

use super::Site;
use crate::shop::seed;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn three_instances_are_replaced_one_by_one_and_nobody_sees_an_error() {
    let mut site = Site::open("2s").await;
    site.sell(seed());
    site.until_sold(100).await;
    for index in 0..site.servers.len() {
        assert!(site.servers[index].stop().await, "it stops in an orderly way");
        site.until_sold(50).await;
        site.servers[index].start_again();
        site.servers[index].until_ready().await;
        site.until_sold(50).await;
    }
    let doors = site.shop.closed_doors.load(Ordering::Relaxed);
    println!("{doors} connections were refused and went to another door");
    let facts = site.close().await;
    assert_eq!(facts.unavailable, 0, "no answer 503");
    assert_eq!(facts.lost, 0, "no request without an answer");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_event_that_is_moved_by_hand_stays_where_it_was_moved_to() {
    let mut site = Site::open("2s").await;
    site.sell(seed());
    site.until_sold(50).await;
    for _ in 0..4 {
        let owner = site.owner().await;
        let to = site.other_than(owner);
        let name = ["a", "b", "c"][to];
        let path = format!("/api/admin/offerings/{}/move", site.event);
        let asked = site.other_than(to);
        let (status, answer) =
            site.administer(asked, &path, Some(json!({ "instance": name }))).await;
        assert_eq!(status, 200, "{answer}");
        assert_eq!(answer["data"]["owner"]["name"], name, "{answer}");
        site.until_sold(50).await;
        assert_eq!(site.owner().await, to);
    }
    let facts = site.close().await;
    assert_eq!((facts.unavailable, facts.lost), (0, 0), "nobody noticed");
}
