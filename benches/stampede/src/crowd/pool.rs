//! The connections of a worker: kept alive, the last used first, bounded in number, and only to
//! targets that answer.

use std::cell::RefCell;
use std::net::SocketAddr;
use std::time::Duration;

use tokio::sync::{Notify, Semaphore};
use tokio::time::Instant;

use super::targets::Targets;
use crate::connection::{Connection, Failure};

/// A connection that was idle for longer is first checked for having been closed by the server.
const TRUSTED: Duration = Duration::from_secs(1);

pub(super) struct Pool {
    targets: Vec<Target>,
    /// The state of each target, as far as known.
    pub(super) states: Targets,
    came_back: Notify,
    permits: Semaphore,
}

struct Target {
    address: SocketAddr,
    host: String,
    idle: RefCell<Vec<(Connection, Instant)>>,
}

impl Pool {
    pub(super) fn new(addresses: &[SocketAddr], most: u32) -> Self {
        let target = |address: &SocketAddr| Target {
            address: *address,
            host: address.to_string(),
            idle: RefCell::default(),
        };
        Self {
            targets: addresses.iter().map(target).collect(),
            states: Targets::all_up(addresses.len()),
            came_back: Notify::new(),
            permits: Semaphore::new(most as usize),
        }
    }

    pub(super) fn targets(&self) -> usize {
        self.targets.len()
    }

    /// Records that the target answered.
    pub(super) fn answered(&self, target: usize) {
        if self.states.answered(target) {
            self.came_back.notify_waiters();
        }
    }

    /// Waits for `at_most`, or until a target that was down answers.
    pub(super) async fn wait_for_a_target(&self, at_most: Duration) {
        let _ = tokio::time::timeout(at_most, self.came_back.notified()).await;
    }

    /// The host for the head of requests to a target.
    pub(super) fn host(&self, target: usize) -> &str {
        &self.targets[target].host
    }

    /// Waits for the right to use one connection.
    pub(super) async fn permit(&self) -> tokio::sync::SemaphorePermit<'_> {
        self.permits.acquire().await.expect("it is never closed")
    }

    pub(super) async fn take(&self, target: usize) -> Result<Connection, Failure> {
        let target = &self.targets[target];
        loop {
            let Some((kept, since)) = target.idle.borrow_mut().pop() else { break };
            if since.elapsed() < TRUSTED || !kept.was_closed() {
                return Ok(kept);
            }
        }
        Connection::open(target.address).await
    }

    pub(super) fn give_back(&self, target: usize, connection: Connection) {
        if connection.is_usable() {
            self.targets[target].idle.borrow_mut().push((connection, Instant::now()));
        }
    }
}
