//! The connection to Redis: watched, and made anew when it breaks. While there is none, calls fail at
//! once, with the reason.

use std::sync::Arc;
use std::time::Duration;

use redis::aio::MultiplexedConnection;
use redis::{
    AsyncConnectionConfig, Client, FromRedisValue, InfoDict, Script, ScriptInvocation, Value,
};
use tokio::sync::{Notify, watch};
use tokio::task::JoinHandle;

use super::refusal::Refusal;
use super::scripts;
use crate::random;

/// Timeout of connecting, and of each answer.
const TIMEOUT: Duration = Duration::from_millis(800);
/// Interval between pings of an idle connection.
const WATCH: Duration = Duration::from_millis(250);
/// The longest pause between attempts to connect.
const PAUSE: Duration = Duration::from_millis(200);
/// The oldest version that is tested against.
const OLDEST: (u64, u64) = (6, 2);

type State = Result<MultiplexedConnection, Refusal>;

/// A connection, or the reason why there is none.
pub(in crate::cluster) struct Link {
    state: watch::Receiver<State>,
    target: Arc<Target>,
    /// Notified when a call fails: the connection is checked at once.
    doubt: Arc<Notify>,
    keeper: JoinHandle<()>,
}

impl Drop for Link {
    fn drop(&mut self) {
        self.keeper.abort();
    }
}

/// The Redis to connect to, and how to check that it is usable.
struct Target {
    client: Client,
    /// Host and port, for messages.
    address: String,
    base: String,
    check: Script,
}

impl Link {
    /// Connects, and keeps the connection on the caller's runtime. `base` is the prefix of all keys.
    pub(in crate::cluster) async fn connect(client: Client, base: String) -> Result<Self, Refusal> {
        let address = client.get_connection_info().addr().to_string();
        let target = Arc::new(Target { client, address, base, check: scripts::check() });
        let (tell, state) = watch::channel(Ok(target.establish().await?));
        let doubt = Arc::new(Notify::new());
        let keeper = tokio::spawn(keep(Arc::clone(&target), tell, Arc::clone(&doubt)));
        Ok(Self { state, target, doubt, keeper })
    }

    /// Runs a script and returns its result.
    pub(in crate::cluster) async fn run<T: FromRedisValue>(
        &self,
        call: &ScriptInvocation<'_>,
    ) -> Result<T, Refusal> {
        // The borrow is not held while waiting.
        let connection = self.state.borrow().clone();
        let answer = run(&mut connection?, call, &self.target.address).await;
        let answer = answer.inspect_err(|_| self.doubt.notify_one())?;
        redis::from_redis_value(answer).map_err(|error| {
            Refusal::Unusable(format!(
                "Redis at {} has under the keys of admitone what admitone did not put there \
                 ({error}): give admitone a database of its own, redis://host:port/number",
                self.target.address
            ))
        })
    }
}

async fn run(
    connection: &mut MultiplexedConnection,
    call: &ScriptInvocation<'_>,
    address: &str,
) -> Result<Value, Refusal> {
    // One timeout for the whole call: a script that Redis has forgotten takes three exchanges.
    match tokio::time::timeout(TIMEOUT, call.invoke_async(connection)).await {
        Ok(answer) => answer.map_err(|error| Refusal::of(&error, address)),
        Err(_) => Err(Refusal::Away(format!("Redis at {address} takes too long to answer"))),
    }
}

/// Watches the connection and reconnects when it breaks, as long as the link lives.
async fn keep(target: Arc<Target>, tell: watch::Sender<State>, doubt: Arc<Notify>) {
    loop {
        let connected = tell.borrow().clone();
        if let Ok(mut connection) = connected {
            let refusal = target.until_broken(&mut connection, &doubt).await;
            tracing::warn!(?refusal, "the connection to Redis is lost");
            tell.send_modify(|state| *state = Err(refusal));
        }
        match target.establish().await {
            Ok(connection) => {
                tracing::info!(address = target.address, "connected to Redis again");
                tell.send_modify(|state| *state = Ok(connection));
            }
            Err(refusal) => {
                tell.send_modify(|state| *state = Err(refusal));
                tokio::time::sleep(random::jittered(PAUSE)).await;
            }
        }
    }
}

impl Target {
    /// Returns a connection to a Redis that has passed the checks.
    async fn establish(&self) -> Result<MultiplexedConnection, Refusal> {
        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(Some(TIMEOUT))
            .set_response_timeout(Some(TIMEOUT));
        let connected = self.client.get_multiplexed_async_connection_with_config(&config).await;
        let mut connection = connected.map_err(|error| self.refusal(&error))?;
        let info = redis::cmd("INFO").arg("server").query_async(&mut connection).await;
        self.check_server(&info.map_err(|error| self.refusal(&error))?)?;
        self.check(&mut connection).await?;
        Ok(connection)
    }

    fn check_server(&self, info: &InfoDict) -> Result<(), Refusal> {
        if info.get::<String>("redis_mode").is_some_and(|mode| mode == "cluster") {
            return Err(Refusal::cluster(&self.address));
        }
        let said: Option<String> = info.get("redis_version");
        let said = said.unwrap_or_else(|| "of no known version".into());
        let mut numbers = said.split('.').map_while(|number| number.parse::<u64>().ok());
        let version = numbers.next().zip(numbers.next());
        if version.is_some_and(|version| version >= OLDEST) {
            return Ok(());
        }
        let (major, minor) = OLDEST;
        Err(Refusal::Unusable(format!(
            "Redis at {} is {said}: run Redis {major}.{minor} or later, or Valkey",
            self.address
        )))
    }

    async fn check(&self, connection: &mut MultiplexedConnection) -> Result<(), Refusal> {
        let mut call = self.check.key(&self.base);
        call.arg(random::within(0..=u64::MAX));
        run(connection, &call, &self.address).await.map(drop)
    }

    /// Returns the reason once the connection does not answer any more.
    async fn until_broken(
        &self,
        connection: &mut MultiplexedConnection,
        doubt: &Notify,
    ) -> Refusal {
        loop {
            let answered = tokio::select! {
                () = tokio::time::sleep(WATCH) => {
                    let pong = redis::cmd("PING").exec_async(connection).await;
                    pong.map_err(|error| self.refusal(&error))
                }
                // A primary that has become a replica still answers a ping; the check writes, and so
                // notices it.
                () = doubt.notified() => self.check(connection).await,
            };
            if let Err(refusal) = answered {
                return refusal;
            }
        }
    }

    fn refusal(&self, error: &redis::RedisError) -> Refusal {
        Refusal::of(error, &self.address)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn servers_that_cannot_be_used_are_told_by_what_they_say_of_themselves() {
        let client = Client::open("redis://:hunter2@localhost:7").unwrap();
        let address = client.get_connection_info().addr().to_string();
        let target = Target { client, address, base: String::new(), check: scripts::check() };
        for (info, says) in [
            ("redis_version:6.2.0\r\nredis_mode:standalone\r\n", None),
            ("redis_version:7.2.4\r\nserver_name:valkey\r\nvalkey_version:8.0.1\r\n", None),
            ("redis_version:10.0\r\n", None),
            ("redis_version:6.0.16\r\n", Some("is 6.0.16: run Redis 6.2 or later")),
            ("redis_version:255\r\n", Some("is 255: run Redis")),
            ("something:else\r\n", Some("of no known version")),
            ("redis_version:7.0.0\r\nredis_mode:cluster\r\n", Some("is a Redis Cluster")),
        ] {
            let checked = target.check_server(&InfoDict::new(info));
            match (checked, says) {
                (Ok(()), None) => {}
                (Err(Refusal::Unusable(why)), Some(says)) => {
                    assert!(why.contains(says) && why.contains("localhost:7"), "{info}: {why}");
                    assert!(!why.contains("hunter2"), "{why}");
                }
                (checked, _) => panic!("{info}: {checked:?}"),
            }
        }
    }
}
