//! The usual implementations with Redis before the database.

use std::time::Duration;

use redis::aio::MultiplexedConnection;
use redis::{RedisResult, Script};
use sea_orm::sqlx::PgPool;
use tokio::sync::mpsc;
use uuid::Uuid;

use super::postgres;

/// Longer than any client holds the lock; it expires, so that a crash does not block other clients
/// for good.
const LOCK_TTL_MS: u64 = 10_000;
const RETRY: Duration = Duration::from_millis(1);
/// The most holds that the writer behind the counter inserts at once.
const MOST_AT_ONCE: usize = 1_000;

pub async fn connect(url: &str) -> MultiplexedConnection {
    let client = redis::Client::open(url).expect("a URL of Redis");
    client.get_multiplexed_async_connection().await.expect("Redis answers")
}

/// `SET NX` around check and insert: retries until it holds the lock.
pub async fn under_lock(
    redis: &mut MultiplexedConnection,
    pool: &PgPool,
    stock: i32,
    customer: Uuid,
    quantity: i32,
) -> Option<Uuid> {
    let key = format!("baseline:lock:{stock}");
    let token = Uuid::new_v4().to_string();
    loop {
        let mut set = redis::cmd("SET");
        set.arg(&key).arg(&token).arg("NX").arg("PX").arg(LOCK_TTL_MS);
        let taken: RedisResult<Option<String>> = set.query_async(redis).await;
        if taken.expect("Redis answers").is_some() {
            break;
        }
        tokio::time::sleep(RETRY).await;
    }
    let held = postgres::check_and_insert(pool, stock, customer, quantity).await;
    // Deletes only its own lock: after the TTL another client may hold it.
    let unlock = Script::new(
        "if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('DEL', KEYS[1]) end return 0",
    );
    let _: RedisResult<i64> = unlock.key(&key).arg(&token).invoke_async(redis).await;
    held.expect("Postgres answers")
}

/// A counter that is decremented atomically, and a writer that inserts the hold after the answer.
#[derive(Clone)]
pub struct Counter {
    redis: MultiplexedConnection,
    take: Script,
    later: mpsc::UnboundedSender<(Uuid, i32, Uuid, i32)>,
}

impl Counter {
    pub async fn new(redis: &str, pool: PgPool, events: usize) -> Self {
        let mut connection = connect(redis).await;
        for stock in 1..=events {
            let mut set = redis::cmd("SET");
            let set = set.arg(format!("baseline:stock:{stock}")).arg(2_000_000_000);
            let done: RedisResult<()> = set.query_async(&mut connection).await;
            done.expect("Redis answers");
        }
        let (later, mut waiting) = mpsc::unbounded_channel();
        tokio::spawn(async move {
            let mut holds = Vec::new();
            while waiting.recv_many(&mut holds, MOST_AT_ONCE).await > 0 {
                postgres::insert_all(&pool, &holds).await.expect("Postgres answers");
                holds.clear();
            }
        });
        let take = Script::new(
            "local left = tonumber(redis.call('GET', KEYS[1]) or '0')
             if left < tonumber(ARGV[1]) then return 0 end
             redis.call('DECRBY', KEYS[1], ARGV[1]) return 1",
        );
        Self { redis: connection, take, later }
    }

    pub async fn hold(&self, stock: i32, customer: Uuid, quantity: i32) -> Option<Uuid> {
        let mut redis = self.redis.clone();
        let key = format!("baseline:stock:{stock}");
        let taken: RedisResult<i64> =
            self.take.key(key).arg(quantity).invoke_async(&mut redis).await;
        if taken.expect("Redis answers") == 0 {
            return None;
        }
        let id = Uuid::new_v4();
        // Acknowledged now; lost, if the process or Redis ends before the hold is written.
        self.later.send((id, stock, customer, quantity)).expect("the writer lives");
        Some(id)
    }
}
