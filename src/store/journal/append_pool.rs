//! The connections to Postgres for appends. The driver's own pool pings the server after every use,
//! which costs a hot event a second round trip per batch; and a socket is served by the runtime it
//! was opened in, so that a connection opened elsewhere wakes two threads where one would do. Here
//! each runtime that appends has connections of its own, which are pinged only after they have been
//! idle.

use std::collections::HashMap;
use std::ops::{Deref, DerefMut};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use sea_orm::sqlx::postgres::{PgConnectOptions, PgConnection};
use sea_orm::sqlx::{self, Connection};
use tokio::runtime;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, timeout};

use crate::store::connection::{ACQUIRE_TIMEOUT, TRUSTED_IDLE, make_durable};
use crate::store::journal::append_queue::Queue;

/// A connection that was not used for this long is closed.
const MAX_IDLE: Duration = Duration::from_secs(600);
/// A connection is not used for longer than this, so that servers behind one name are found anew.
const MAX_AGE: Duration = Duration::from_secs(1_800);

/// A bounded number of connections for each runtime that appends, opened when they are needed.
pub(crate) struct AppendPool {
    options: PgConnectOptions,
    per_runtime: usize,
    pools: Mutex<HashMap<runtime::Id, Arc<RuntimePool>>>,
}

/// The connections of one runtime. Other runtimes do not use them: a runtime that is stuck, or has
/// ended, must not keep others from appending.
pub(crate) struct RuntimePool {
    slots: Arc<Semaphore>,
    idle: Mutex<Vec<Open>>,
    /// Number of appends that are under way on their own.
    alone: AtomicUsize,
    /// The queue to the writer of groups, once there was a group.
    pub(crate) queue: OnceLock<Queue>,
}

/// The permit of an append to go on its own, until it is dropped.
pub(crate) struct Turn(Arc<RuntimePool>);

impl Drop for Turn {
    fn drop(&mut self) {
        self.0.alone.fetch_sub(1, Ordering::Relaxed);
    }
}

struct Open {
    connection: PgConnection,
    opened: Instant,
    used: Instant,
}

impl AppendPool {
    pub(crate) fn new(options: PgConnectOptions, per_runtime: usize) -> Self {
        Self { options, per_runtime, pools: Mutex::default() }
    }

    /// Returns a connection for the caller alone, or fails after [`ACQUIRE_TIMEOUT`].
    pub(crate) async fn acquire(&self) -> Result<Leased, sqlx::Error> {
        let leased = timeout(ACQUIRE_TIMEOUT, self.acquire_now()).await;
        leased.unwrap_or(Err(sqlx::Error::PoolTimedOut))
    }

    async fn acquire_now(&self) -> Result<Leased, sqlx::Error> {
        let pool = self.pool();
        let slots = Arc::clone(&pool.slots);
        let slot = slots.acquire_owned().await.map_err(|_| sqlx::Error::PoolClosed)?;
        while let Some(mut open) = pool.take() {
            if open.used.elapsed() < TRUSTED_IDLE || open.connection.ping().await.is_ok() {
                return Ok(Leased { pool, open: Some(open), _slot: slot });
            }
        }
        let mut connection = PgConnection::connect_with(&self.options).await?;
        make_durable(&mut connection).await?;
        let now = Instant::now();
        let open = Open { connection, opened: now, used: now };
        Ok(Leased { pool, open: Some(open), _slot: slot })
    }

    /// Returns the permit to append on its own, if fewer than `most` appends of this runtime have
    /// one.
    pub(crate) fn turn(&self, most: usize) -> Option<Turn> {
        let pool = self.pool();
        let before = pool.alone.fetch_add(1, Ordering::Relaxed);
        // A permit that is dropped at once takes its count back.
        Some(Turn(pool)).filter(|_| before < most)
    }

    pub(crate) fn pool(&self) -> Arc<RuntimePool> {
        let home = runtime::Handle::current().id();
        let new = || RuntimePool {
            slots: Arc::new(Semaphore::new(self.per_runtime)),
            idle: Mutex::default(),
            alone: AtomicUsize::new(0),
            queue: OnceLock::new(),
        };
        Arc::clone(lock(&self.pools).entry(home).or_insert_with(|| Arc::new(new())))
    }
}

impl RuntimePool {
    fn take(&self) -> Option<Open> {
        let mut idle = lock(&self.idle);
        idle.retain(|open| open.used.elapsed() < MAX_IDLE && open.opened.elapsed() < MAX_AGE);
        idle.pop()
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // Nothing panics while the lock is held.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A connection that goes back to the pool only by `give_back`. Dropped in the middle of a
/// statement, the connection is closed without a goodbye message: the next append must not wait
/// behind this one.
pub(crate) struct Leased {
    pool: Arc<RuntimePool>,
    open: Option<Open>,
    _slot: OwnedSemaphorePermit,
}

impl Leased {
    /// Gives the connection to the next append; the server has answered everything it was asked.
    pub(crate) fn give_back(mut self) {
        if let Some(mut open) = self.open.take() {
            open.used = Instant::now();
            lock(&self.pool.idle).push(open);
        }
    }
}

impl Deref for Leased {
    type Target = PgConnection;
    fn deref(&self) -> &PgConnection {
        &self.open.as_ref().expect("only giving back takes it").connection
    }
}

impl DerefMut for Leased {
    fn deref_mut(&mut self) -> &mut PgConnection {
        &mut self.open.as_mut().expect("only giving back takes it").connection
    }
}
