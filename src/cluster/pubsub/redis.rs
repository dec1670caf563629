//! A feed over Redis pub/sub: one connection to listen, subscribed to the topics that this process
//! listens to, and one to publish. Both are made anew whenever they break; messages published
//! meanwhile are dropped.
//!
//! Channels: `feed:<offering>` and `chat:<room>` behind the prefix of the leases' keys. Pub/sub ignores database
//! numbers: instances on different databases of one Redis receive each other's messages, about
//! topics that they do not have.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::StreamExt;
use redis::aio::{MultiplexedConnection, PubSub, PubSubSink};
use redis::{AsyncConnectionConfig, Client, RedisError, RedisResult};
use tokio::sync::{Notify, mpsc};
use tokio::task::JoinHandle;
use uuid::Uuid;

use crate::cluster::lease::redis_client;
use crate::cluster::pubsub::{self, Listeners, Received, Subscription};
use crate::random;

/// Timeout of connecting, and of each answer.
const REPLY_TIMEOUT: Duration = Duration::from_millis(800);
/// Interval between pings of the listening connection.
const WATCH: Duration = Duration::from_millis(500);
/// The longest pause between attempts to connect.
const PAUSE: Duration = Duration::from_millis(200);
/// Messages that may wait for the publishing connection; more are dropped.
const MAX_WAITING: usize = 1_024;
/// Messages sent in one exchange.
const MAX_SENT: usize = 64;

/// The feed of instances that share a Redis.
pub struct RedisPubSub {
    listeners: Arc<Listeners>,
    /// Notified when a listener subscribes to a topic.
    changed: Arc<Notify>,
    waiting: mpsc::Sender<(Uuid, Bytes)>,
    tasks: [JoinHandle<()>; 2],
}

impl Drop for RedisPubSub {
    fn drop(&mut self) {
        for task in &self.tasks {
            task.abort();
        }
    }
}

/// Shared by both connections.
struct Target {
    client: Client,
    /// Prefix of every channel name.
    base: String,
}

impl RedisPubSub {
    /// Connects as soon as Redis answers. The connections live on the caller's runtime. `prefix` is
    /// that of the leases, and `kind` that of the channels.
    ///
    /// # Errors
    /// The fault of the URL, without showing it.
    pub fn start(url: &str, prefix: &str, kind: &str) -> Result<Self, String> {
        let base = format!("{}{kind}:", crate::cluster::lease::redis_base(prefix));
        let target = Arc::new(Target { client: redis_client(url)?, base });
        let (listeners, changed) = (Arc::new(Listeners::default()), Arc::new(Notify::new()));
        let (waiting, to_send) = mpsc::channel(MAX_WAITING);
        let listening = listen(Arc::clone(&target), Arc::clone(&listeners), Arc::clone(&changed));
        let tasks = [tokio::spawn(listening), tokio::spawn(send(target, to_send))];
        Ok(Self { listeners, changed, waiting, tasks })
    }
}

impl pubsub::PubSub for RedisPubSub {
    fn publish(&self, topic: Uuid, message: Bytes) {
        if self.waiting.try_send((topic, message)).is_err() {
            tracing::debug!(%topic, "a message for the feed is dropped: too many wait");
        }
    }

    fn subscribe(&self, topic: Uuid) -> Subscription {
        let subscription = self.listeners.subscribe(topic);
        self.changed.notify_one();
        subscription
    }
}

impl Target {
    fn channel(&self, topic: Uuid) -> String {
        format!("{}{topic}", self.base)
    }
}

async fn listen(target: Arc<Target>, listeners: Arc<Listeners>, changed: Arc<Notify>) {
    let mut was_connected = false;
    loop {
        let connected = in_time(target.client.get_async_pubsub()).await;
        let ended = match connected {
            Ok(connection) => hear(&target, connection, &listeners, &changed).await,
            Err(error) => {
                tracing::debug!(%error, "no connection to listen to the feed");
                tokio::time::sleep(random::jittered(PAUSE)).await;
                continue;
            }
        };
        if let Err(error) = ended {
            tracing::warn!(%error, was_connected, "the feed is interrupted");
        }
        was_connected = true;
        tokio::time::sleep(random::jittered(PAUSE)).await;
    }
}

/// Listens until the connection breaks.
async fn hear(
    target: &Target,
    connection: PubSub,
    listeners: &Listeners,
    changed: &Notify,
) -> RedisResult<()> {
    let (mut sink, mut messages) = connection.split();
    let mut subscribed = BTreeSet::new();
    follow_changes(target, &mut sink, listeners, &mut subscribed).await?;
    // Messages published before this point are lost.
    listeners.interrupt();
    let mut watch = tokio::time::interval(WATCH);
    watch.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            biased;
            // Polled first, so that an endless stream of messages does not starve it.
            _ = watch.tick() => {
                in_time(sink.ping::<redis::Value>()).await?;
                follow_changes(target, &mut sink, listeners, &mut subscribed).await?;
            }
            () = changed.notified() => {
                follow_changes(target, &mut sink, listeners, &mut subscribed).await?;
            }
            message = messages.next() => {
                let ended = std::io::ErrorKind::UnexpectedEof;
                let Some(message) = message else { return Err(broken(ended)) };
                let name = message.get_channel_name();
                let topic = name.strip_prefix(&target.base).and_then(|id| id.parse().ok());
                if let Some(topic) = topic {
                    let said = Bytes::copy_from_slice(message.get_payload_bytes());
                    listeners.tell(topic, Received::Message(said));
                }
            }
        }
    }
}

/// Subscribes to exactly the topics that have listeners.
async fn follow_changes(
    target: &Target,
    sink: &mut PubSubSink,
    listeners: &Listeners,
    subscribed: &mut BTreeSet<Uuid>,
) -> RedisResult<()> {
    let wanted: BTreeSet<_> = listeners.listened().into_iter().collect();
    let names = |of: Vec<&Uuid>| -> Vec<String> {
        of.into_iter().map(|topic| target.channel(*topic)).collect()
    };
    let new = names(wanted.difference(subscribed).collect());
    let old = names(subscribed.difference(&wanted).collect());
    if !new.is_empty() {
        in_time(sink.subscribe(new)).await?;
    }
    if !old.is_empty() {
        in_time(sink.unsubscribe(old)).await?;
    }
    *subscribed = wanted;
    Ok(())
}

/// Publishes waiting messages, until the feed is dropped.
async fn send(target: Arc<Target>, mut waiting: mpsc::Receiver<(Uuid, Bytes)>) {
    let mut connection: Option<MultiplexedConnection> = None;
    let mut messages = Vec::with_capacity(MAX_SENT);
    loop {
        messages.clear();
        if waiting.recv_many(&mut messages, MAX_SENT).await == 0 {
            return;
        }
        let open = match connection.as_mut() {
            Some(open) => open,
            None => match connect(&target).await {
                Ok(made) => connection.insert(made),
                Err(error) => {
                    let dropped = messages.len();
                    tracing::debug!(%error, dropped, "nothing can be published");
                    continue;
                }
            },
        };
        let mut pipeline = redis::pipe();
        for (topic, message) in &messages {
            let channel = target.channel(*topic);
            pipeline.cmd("PUBLISH").arg(channel).arg(&message[..]).ignore();
        }
        if let Err(error) = in_time(pipeline.exec_async(open)).await {
            tracing::debug!(%error, "the connection to publish over is lost");
            connection = None;
        }
    }
}

async fn connect(target: &Target) -> RedisResult<MultiplexedConnection> {
    let config = AsyncConnectionConfig::new()
        .set_connection_timeout(Some(REPLY_TIMEOUT))
        .set_response_timeout(Some(REPLY_TIMEOUT));
    target.client.get_multiplexed_async_connection_with_config(&config).await
}

async fn in_time<T>(asked: impl Future<Output = RedisResult<T>>) -> RedisResult<T> {
    let late = std::io::ErrorKind::TimedOut;
    tokio::time::timeout(REPLY_TIMEOUT, asked).await.unwrap_or_else(|_| Err(broken(late)))
}

fn broken(why: std::io::ErrorKind) -> RedisError {
    std::io::Error::from(why).into()
}
