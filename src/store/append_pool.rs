//! The connections to Postgres that appends are made on. The driver's own pool asks the server for
//! a sign of life after every use, which costs a hot event a second round trip per batch; and a
//! socket is served by the runtime it was opened in, so that a connection opened elsewhere wakes
//! two threads where one would do. Here a connection comes back to the runtime it was opened in,
//! and is asked only when it has been idle.

use std::ops::{Deref, DerefMut};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use sea_orm::sqlx::postgres::{PgConnectOptions, PgConnection};
use sea_orm::sqlx::{self, Connection};
use tokio::runtime;
use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::{Instant, timeout};

use super::connect::{ACQUIRE_TIMEOUT, TRUSTED_IDLE, make_durable};

/// A connection that is not used for so long is closed.
const MAX_IDLE: Duration = Duration::from_secs(600);
/// A connection is not used for longer, so that servers behind one name are found anew.
const MAX_AGE: Duration = Duration::from_secs(1_800);

/// A bounded number of connections, made when they are needed.
pub(super) struct AppendPool {
    options: PgConnectOptions,
    size: usize,
    slots: Semaphore,
    idle: Mutex<Vec<Open>>,
}

struct Open {
    connection: PgConnection,
    home: runtime::Id,
    opened: Instant,
    used: Instant,
}

impl AppendPool {
    pub(super) fn new(options: PgConnectOptions, size: usize) -> Self {
        Self { options, size, slots: Semaphore::new(size), idle: Mutex::default() }
    }

    /// A connection of one's own, within the time that callers wait for one.
    pub(super) async fn acquire(&self) -> Result<Leased<'_>, sqlx::Error> {
        let leased = timeout(ACQUIRE_TIMEOUT, self.acquire_now()).await;
        leased.unwrap_or(Err(sqlx::Error::PoolTimedOut))
    }

    async fn acquire_now(&self) -> Result<Leased<'_>, sqlx::Error> {
        let slot = self.slots.acquire().await.map_err(|_| sqlx::Error::PoolClosed)?;
        let home = runtime::Handle::current().id();
        while let Some(mut open) = self.take(home) {
            if open.used.elapsed() < TRUSTED_IDLE || open.connection.ping().await.is_ok() {
                return Ok(Leased { pool: self, open: Some(open), _slot: slot });
            }
        }
        let mut connection = PgConnection::connect_with(&self.options).await?;
        make_durable(&mut connection).await?;
        let now = Instant::now();
        let open = Open { connection, home, opened: now, used: now };
        Ok(Leased { pool: self, open: Some(open), _slot: slot })
    }

    /// One that was opened here; one of another runtime only where no more may be opened.
    fn take(&self, home: runtime::Id) -> Option<Open> {
        let mut idle = self.idle();
        idle.retain(|open| open.used.elapsed() < MAX_IDLE && open.opened.elapsed() < MAX_AGE);
        if let Some(here) = idle.iter().rposition(|open| open.home == home) {
            return Some(idle.swap_remove(here));
        }
        let in_use = self.size - self.slots.available_permits();
        if idle.len() + in_use <= self.size { None } else { idle.pop() }
    }

    fn idle(&self) -> MutexGuard<'_, Vec<Open>> {
        // Nothing panics while it is held.
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A connection that goes back to the pool only when it is told so. Dropped in the middle of a
/// statement it is closed without a farewell: the next append must not wait behind this one.
pub(super) struct Leased<'pool> {
    pool: &'pool AppendPool,
    open: Option<Open>,
    _slot: SemaphorePermit<'pool>,
}

impl Leased<'_> {
    /// For the next one; the server has answered all it was asked.
    pub(super) fn give_back(mut self) {
        if let Some(mut open) = self.open.take() {
            open.used = Instant::now();
            self.pool.idle().push(open);
        }
    }
}

impl Deref for Leased<'_> {
    type Target = PgConnection;
    fn deref(&self) -> &PgConnection {
        &self.open.as_ref().expect("only giving back takes it").connection
    }
}

impl DerefMut for Leased<'_> {
    fn deref_mut(&mut self) -> &mut PgConnection {
        &mut self.open.as_mut().expect("only giving back takes it").connection
    }
}
