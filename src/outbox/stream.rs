//! The event stream in Redis, which any number of consumer groups may read. Redis may lose it: the
//! feed of each event has everything, in order.

use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use redis::aio::MultiplexedConnection;
use redis::{AsyncConnectionConfig, Client, RedisResult};
use tokio::sync::Mutex;

use super::{Destination, Outcome, Subscription};
use crate::cluster::{redis_base, redis_client};
use crate::store::{DeliveryRow, StoreError};

/// Timeout of connecting, and of each answer.
const TIMEOUT: Duration = Duration::from_secs(2);
/// Entries that the stream keeps at least; Redis drops older ones.
const KEPT: usize = 1_000_000;
/// A Redis that refuses an entry may take it later, when it has memory again.
const PAUSES: [Duration; 6] = [
    Duration::from_secs(1),
    Duration::from_secs(5),
    Duration::from_secs(30),
    Duration::from_secs(300),
    Duration::from_secs(3_600),
    Duration::from_secs(6 * 3_600),
];

/// The stream of a Redis.
pub struct Stream {
    client: Client,
    /// The key of the stream.
    key: String,
    connection: Mutex<Option<MultiplexedConnection>>,
}

impl Stream {
    /// Returns the stream below the prefix of the leases. Connects at the first delivery.
    ///
    /// # Errors
    /// The fault of the URL, without showing it.
    pub fn new(url: &str, prefix: &str) -> Result<Self, String> {
        let key = format!("{}events", redis_base(prefix));
        Ok(Self { client: redis_client(url)?, key, connection: Mutex::new(None) })
    }

    async fn append(&self, delivery: &DeliveryRow) -> RedisResult<()> {
        let mut connection = self.connect().await?;
        let mut entry = redis::cmd("XADD");
        entry.arg(&self.key).arg("MAXLEN").arg("~").arg(KEPT).arg("*");
        entry.arg("id").arg(&delivery.message_id).arg("type").arg(&delivery.kind);
        if let Some(offering) = delivery.offering {
            entry.arg("eventId").arg(offering.to_string());
        }
        entry.arg("body").arg(&delivery.body);
        entry.exec_async(&mut connection).await
    }

    async fn connect(&self) -> RedisResult<MultiplexedConnection> {
        let mut kept = self.connection.lock().await;
        if let Some(connection) = kept.as_ref() {
            return Ok(connection.clone());
        }
        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(Some(TIMEOUT))
            .set_response_timeout(Some(TIMEOUT));
        let made = self.client.get_multiplexed_async_connection_with_config(&config).await?;
        Ok(kept.insert(made).clone())
    }
}

impl Destination for Stream {
    fn family(&self) -> &'static str {
        "stream"
    }

    fn subscriptions(&self) -> BoxFuture<'_, Result<Vec<Subscription>, StoreError>> {
        let all = Subscription {
            destination: "stream".into(),
            kinds: None,
            offering: None,
            is_personal: false,
        };
        std::future::ready(Ok(vec![all])).boxed()
    }

    fn deliver<'a>(&'a self, delivery: &'a DeliveryRow) -> BoxFuture<'a, Outcome> {
        async move {
            match self.append(delivery).await {
                Ok(()) => Outcome::Delivered,
                Err(error) if is_refusal(&error) => {
                    Outcome::Later { error: error.to_string(), after: None }
                }
                Err(error) => {
                    // The next delivery connects anew.
                    *self.connection.lock().await = None;
                    Outcome::Away(error.to_string())
                }
            }
        }
        .boxed()
    }

    fn pauses(&self) -> &[Duration] {
        &PAUSES
    }

    fn at_once(&self) -> usize {
        64
    }
}

/// True if Redis answered: the connection is good.
fn is_refusal(error: &redis::RedisError) -> bool {
    !(error.is_io_error() || error.is_timeout() || error.is_connection_dropped())
}
