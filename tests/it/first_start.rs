//! Instances that start at once on an empty database create one administrator and one demo event.

use admitone::config::{Config, MailMode, Secret};
use admitone::server::{Parts, Server};
use futures_util::future::join_all;

use crate::support::private_redis::PrivateRedis;
use crate::support::test_app::SECRET;
use crate::support::test_db::TestDb;

#[tokio::test(flavor = "multi_thread")]
async fn three_instances_on_an_empty_database_make_everything_once() {
    let (db, redis) = (TestDb::postgres_unmigrated().await, PrivateRedis::start());
    let dirs = [(); 3].map(|()| tempfile::tempdir().unwrap());
    let starting = dirs.iter().map(|dir| {
        let config = Config {
            listen: ([127, 0, 0, 1], 0).into(),
            metrics_listen: None,
            data_dir: dir.path().into(),
            database_url: Secret::new(db.url()),
            redis_url: Some(Secret::new(redis.url())),
            cluster_secret: Some(Secret::new(SECRET)),
            trusted_proxies: Some("none".parse().unwrap()),
            jwt_secret: Secret::new(SECRET),
            workers: 1,
            database_pool: 4,
            log: "warn".into(),
            mail: Some(MailMode::Off),
            demo: Some(true),
            ..Config::default()
        };
        config.check_serving().unwrap();
        Server::start(config, Parts::default())
    });
    let running = join_all(starting).await;
    let running: Vec<_> = running.into_iter().map(|one| one.expect("it starts")).collect();

    let administrators = running.iter().filter(|one| one.first_start.admin.is_some()).count();
    assert_eq!((administrators, db.count("SELECT count(*) FROM users").await), (1, 1));
    assert_eq!(db.count("SELECT count(*) FROM sessions").await, 0, "no one has logged in");
    let demo = running[0].first_start.demo;
    assert!(demo.is_some());
    assert!(running.iter().all(|one| one.first_start.demo == demo), "all show the same event");
    assert_eq!(db.count("SELECT count(*) FROM events").await, 6, "the demonstration, once");
    for one in running {
        one.shutdown().await;
    }
}
