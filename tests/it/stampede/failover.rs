//! A crowd at two instances, of which one dies.

use super::{run, stampede, stampede_anywhere};
use crate::cluster::CLUSTER_SECRET;
use crate::support::private_redis::PrivateRedis;
use crate::support::process::Server;
use crate::support::test_app::ADMIN_PASSWORD;
use crate::support::test_db::{TestDb, eventually};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_handed_on_between_instances_is_what_was_asked() {
    let (db, redis) = (TestDb::postgres().await, PrivateRedis::start());
    let mut servers = ["a", "b"].map(|name| {
        let settings = [
            ("REDIS_URL", format!("redis://127.0.0.1:{}", redis.port())),
            ("ADMITONE_CLUSTER_SECRET", CLUSTER_SECRET.into()),
            ("ADMITONE_INSTANCE", name.into()),
            ("ADMITONE_LEASE_TTL", "2s".into()),
            ("ADMITONE_ADMIN_PASSWORD", ADMIN_PASSWORD.into()),
            ("ADMITONE_ADMIN_EMAIL", "admin@admitone.local".into()),
        ];
        let mut server = Server::with_settings(db.url(), &settings);
        server.start_again();
        server
    });
    for server in &mut servers {
        server.until_ready().await;
    }
    let dir = tempfile::tempdir().unwrap();
    let (path, begun) = (dir.path().join("run.jsonl"), dir.path().join("begun"));
    let arguments = format!(
        "failover --rate 60 --duration 5s --warm-up 0s --events 4 --buyers 8 --max-lag 1m \
         --target {} --journal {}",
        servers[1].base,
        path.display()
    );
    let mut command = stampede(&servers[0].base, &arguments);
    command.arg("--at").arg(format!("2.5:touch {}", begun.display()));
    let running = tokio::spawn(run(command));
    eventually("half of it has passed", async || begun.exists()).await;
    servers[1].kill();
    let (code, text) = running.await.unwrap();
    assert_eq!(code, 0, "{text}");
    assert!(text.contains("zero violations"), "{text}");
    // The instance starts again at the address that the journal records.
    servers[1].start_again();
    servers[1].until_ready().await;
    let (code, text) = run(stampede_anywhere(&format!("audit {}", path.display()))).await;
    assert_eq!(code, 0, "{text}");
    assert!(text.contains("zero violations"), "{text}");
}
