//! Which instances may join a cluster.

use admitone::cluster::{PATH, PROTOCOL, SEAL_HEADER, Seal};
use serde_json::Value;

use super::{CLUSTER_SECRET, Site, instance};
use crate::support::private_postgres::PrivatePostgres;
use crate::support::private_redis::PrivateRedis;
use crate::support::test_db::eventually;

async fn ask(base: &str, seal: Option<&str>, question: &[u8]) -> (u16, Value) {
    let mut request = reqwest::Client::new().post(format!("{base}{PATH}")).body(question.to_vec());
    if let Some(seal) = seal {
        request = request.header(SEAL_HEADER, seal);
    }
    let answer = request.send().await.expect("an answer");
    let status = answer.status().as_u16();
    let body = answer.bytes().await.expect("a body");
    (status, serde_json::from_slice(&body).unwrap_or_default())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn calls_between_instances_need_the_secret_and_go_round_in_no_circles() {
    let site = Site::open("2s").await;
    let base = &site.servers[0].base;
    let (ours, theirs) =
        (Seal::new(CLUSTER_SECRET), Seal::new("the secret of somebody else, longer"));
    let hello = admitone::cluster::HELLO;
    for seal in [None, Some(""), Some("1.00"), Some(theirs.of(hello).as_str())] {
        let (status, answer) = ask(base, seal, hello).await;
        assert_eq!((status, answer["error"]["code"].as_str()), (403, Some("NOT_OF_THIS_CLUSTER")));
    }
    let (status, _) = ask(base, Some(&ours.of(b"something else")), hello).await;
    assert_eq!(status, 403, "a seal is of one question");
    let (status, _) = ask(base, Some(&ours.of(hello)), hello).await;
    assert_eq!(status, 200);
    // Calls for an offering, forwarded nine times: the variant, sender, offering and hop count.
    let mut circling = vec![0, 16];
    circling.extend([7; 16]);
    circling.push(16);
    circling.extend(site.event.0.as_bytes());
    circling.extend([9, 0, 0]);
    for _ in 0..2 {
        let (status, answer) = ask(base, Some(&ours.of(&circling)), &circling).await;
        assert_eq!((status, answer["error"]["code"].as_str()), (508, Some("LOOP_DETECTED")));
    }
    let logged = site.servers[0].written().matches("in circles").count();
    assert_eq!(logged, 1, "it is logged once");
    let (status, answer) = ask(base, Some(&ours.of(b"\xff\xff")), b"\xff\xff").await;
    assert_eq!((status, answer["error"]["code"].as_str()), (400, Some("OTHER_PROTOCOL")));
    assert_eq!(PROTOCOL, 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_client_says_about_owners_is_ignored() {
    let site = Site::open("2s").await;
    let url = format!("{}/api/events/{}/availability", site.servers[0].base, site.event);
    let answer = reqwest::Client::new()
        .get(url)
        .header("Owner", "127.0.0.1:1")
        .header("X-Admitone-Owner", "127.0.0.1:1")
        .header(SEAL_HEADER, "1.00")
        .send()
        .await
        .expect("an answer");
    assert_eq!(answer.status(), 200);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_second_of_two_instances_with_one_name_refuses_to_start() {
    let (redis, postgres) = (PrivateRedis::start(), PrivatePostgres::start());
    let (mut first, _links) = instance(&redis, &postgres, "twin", "2s").await;
    first.start_again();
    first.until_ready().await;
    let (mut second, _more_links) = instance(&redis, &postgres, "twin", "2s").await;
    second.start_again();
    assert!(!second.until_ended().await);
    let said = second.written();
    assert!(said.contains("an instance called twin is running at 127.0.0.1:"), "{said}");
    assert!(said.contains("ADMITONE_INSTANCE"), "{said}");
    assert!(first.is_running(), "the first one goes on");
    // An instance killed a moment ago can be replaced at once, though its lease is still valid.
    first.kill();
    second.start_again();
    second.until_ready().await;
    assert!(!second.written().contains("ADMITONE_ADMIN_PASSWORD"), "{}", second.written());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_name_whose_process_hangs_is_taken_when_its_lease_runs_out() {
    let (redis, postgres) = (PrivateRedis::start(), PrivatePostgres::start());
    let (mut first, _links) = instance(&redis, &postgres, "twin", "2s").await;
    first.start_again();
    first.until_ready().await;
    first.signal("-STOP");
    let (mut second, _more_links) = instance(&redis, &postgres, "twin", "2s").await;
    second.start_again();
    second.until_ready().await;
    first.signal("-CONT");
    first.until_ended().await;
    let said = first.written();
    assert!(said.contains("another process has taken the name of this instance"), "{said}");
    assert!(said.contains("stopped: another process has the name of this instance"), "{said}");
    assert!(second.is_running());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_that_the_others_could_not_talk_to_refuses_to_start() {
    let (redis, postgres) = (PrivateRedis::start(), PrivatePostgres::start());
    let (mut first, links) = instance(&redis, &postgres, "a", "2s").await;
    first.start_again();
    first.until_ready().await;
    let (mut second, _more_links) = instance(&redis, &postgres, "b", "2s").await;
    second.set("ADMITONE_CLUSTER_SECRET", "another secret than that of the others".into());
    second.start_again();
    assert!(!second.until_ended().await);
    let said = second.written();
    assert!(said.contains("the instance a at 127.0.0.1:"), "{said}");
    assert!(said.contains("has another ADMITONE_CLUSTER_SECRET"), "{said}");
    second.set("ADMITONE_CLUSTER_SECRET", CLUSTER_SECRET.into());

    let nobody = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    for (address, why) in [(nobody, "nobody listens"), (links.others.address, "another process")] {
        second.set("ADMITONE_ADVERTISE", address.to_string());
        second.start_again();
        assert!(!second.until_ended().await);
        let said = second.written();
        assert!(said.contains(&format!("this instance is not at {address}")), "{said}");
        assert!(said.contains(why) && said.contains("ADMITONE_ADVERTISE"), "{said}");
    }
    second.set("ADMITONE_ADVERTISE", format!("127.0.0.1:{}", second.port()));
    second.set("ADMITONE_LEASE_TTL", "1s".into());
    second.set("ADMITONE_ADMIN_PASSWORD", "another than that of the first start".into());
    second.start_again();
    second.until_ready().await;
    assert!(second.written().contains("ADMITONE_ADMIN_PASSWORD is ignored, and is not"));
    // The instance is ready before its whole banner is printed.
    eventually("the banner names the cluster", async || {
        second.written().contains("Cluster   b at 127.0.0.1:")
    })
    .await;
    let warned = "the lease of another instance lives longer than ours";
    assert_eq!(second.written().matches(warned).count(), 1, "{}", second.written());
    assert!(first.is_running());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn instances_that_share_only_one_of_redis_and_postgres_are_told_so() {
    let (redis, postgres) = (PrivateRedis::start(), PrivatePostgres::start());
    let (mut first, _links) = instance(&redis, &postgres, "a", "2s").await;
    first.start_again();
    first.until_ready().await;
    let elsewhere = PrivatePostgres::start();
    let (mut second, _more_links) = instance(&redis, &elsewhere, "b", "2s").await;
    second.start_again();
    assert!(!second.until_ended().await);
    let said = second.written();
    assert!(said.contains("the instance a at 127.0.0.1:"), "{said}");
    assert!(said.contains("uses another database, or a copy"), "{said}");
    let other_redis = PrivateRedis::start();
    let (mut third, _still_more_links) = instance(&other_redis, &postgres, "c", "1s").await;
    third.start_again();
    third.until_ready().await;
    for one in [&first, &third] {
        let is_warned = async || one.written().contains("is not in this Redis");
        eventually("it is warned of the other", is_warned).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_redis_that_cannot_be_used_is_named_at_the_start() {
    let postgres = PrivatePostgres::start();
    let redis = PrivateRedis::start_with(&["--requirepass", "open sesame"]);
    let (mut server, _links) = instance(&redis, &postgres, "a", "2s").await;
    server.start_again();
    assert!(!server.until_ended().await);
    assert!(server.written().contains("wants a password"), "{}", server.written());
    drop(redis);
    let gone = PrivateRedis::start();
    let (mut server, links) = instance(&gone, &postgres, "a", "2s").await;
    drop((gone, links.redis));
    server.start_again();
    assert!(!server.until_ended().await);
    assert!(server.written().contains("REDIS_URL"), "{}", server.written());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_with_another_token_secret_is_not_ready_says_why_and_stops_nobody_else() {
    let (redis, postgres) = (PrivateRedis::start(), PrivatePostgres::start());
    let (mut first, _links) = instance(&redis, &postgres, "a", "2s").await;
    first.start_again();
    first.until_ready().await;
    let (mut wrong, _more_links) = instance(&redis, &postgres, "b", "2s").await;
    let other = "another secret for tokens, which is as long as it has to be";
    wrong.set("ADMITONE_JWT_SECRET", other.into());
    wrong.start_again();
    let health = async |server: &crate::support::process::Server| {
        let answer = reqwest::get(format!("{}/health/ready", server.base)).await.ok()?;
        answer.json::<Value>().await.ok()
    };
    let mut said = Value::Null;
    eventually("it says that it is not ready, and why", async || {
        said = health(&wrong).await.unwrap_or_default()["error"]["details"].clone();
        said["tokens"] == "down"
    })
    .await;
    let reason = said["reason"].as_str().unwrap();
    assert!(reason.starts_with("the instance a at 127.0.0.1:"), "{reason}");
    assert!(reason.contains("give all instances the same secret"), "{reason}");
    let written = wrong.written();
    assert!(written.contains("another ADMITONE_JWT_SECRET"), "{written}");
    assert!(!written.contains(other), "{written}");
    let answer = reqwest::get(format!("{}/api/events", wrong.base)).await.unwrap();
    assert_eq!(
        answer.status(),
        503,
        "it serves nobody with tokens that are worth nothing elsewhere"
    );

    let (mut third, _its_links) = instance(&redis, &postgres, "c", "2s").await;
    third.start_again();
    third.until_ready().await;
    assert_eq!(health(&first).await.unwrap()["data"]["tokens"], "up", "those that run go on");
    wrong.kill();
    wrong.set("ADMITONE_JWT_SECRET", crate::support::process::SECRET.into());
    wrong.start_again();
    wrong.until_ready().await;
}
