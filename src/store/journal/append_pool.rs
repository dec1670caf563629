//! The connections to Postgres that appends are made on. The driver's own pool asks the server for
//! a sign of life after every use, which costs a hot event a second round trip per batch; and a
//! socket is served by the runtime it was opened in, so that a connection opened elsewhere wakes
//! two threads where one would do. Here each runtime that appends has connections of its own, which
//! are asked only when they have been idle.

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

use crate::store::connect::{ACQUIRE_TIMEOUT, TRUSTED_IDLE, make_durable};
use crate::store::journal::append_group::{self, Queue};

/// A connection that is not used for so long is closed.
const MAX_IDLE: Duration = Duration::from_secs(600);
/// A connection is not used for longer, so that servers behind one name are found anew.
const MAX_AGE: Duration = Duration::from_secs(1_800);

/// A bounded number of connections for each runtime that appends, made when they are needed.
pub(crate) struct AppendPool {
    options: PgConnectOptions,
    per_runtime: usize,
    pools: Mutex<HashMap<runtime::Id, Arc<RuntimePool>>>,
}

/// The connections of one runtime. Nobody else uses them: one runtime that is stuck, or gone, must
/// not keep others from appending.
struct RuntimePool {
    slots: Arc<Semaphore>,
    idle: Mutex<Vec<Open>>,
    /// Appends on their way by themselves.
    alone: AtomicUsize,
    /// To the writer of groups, once there was a group.
    queue: OnceLock<Queue>,
}

/// An append on its way by itself, until it is dropped.
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

    /// A connection of one's own, within the time that callers wait for one.
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

    /// The right to append by itself, if fewer than `most` of this runtime do.
    pub(crate) fn turn(&self, most: usize) -> Option<Turn> {
        let pool = self.pool();
        let before = pool.alone.fetch_add(1, Ordering::Relaxed);
        // Dropped at once, it gives back what it took.
        Some(Turn(pool)).filter(|_| before < most)
    }

    /// The way into this runtime's next group.
    pub(crate) fn queue(self: &Arc<Self>, timeout: Duration) -> Queue {
        let start = || append_group::start(Arc::downgrade(self), timeout);
        self.pool().queue.get_or_init(start).clone()
    }

    fn pool(&self) -> Arc<RuntimePool> {
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
    // Nothing panics while it is held.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A connection that goes back to the pool only when it is told so. Dropped in the middle of a
/// statement it is closed without a farewell: the next append must not wait behind this one.
pub(crate) struct Leased {
    pool: Arc<RuntimePool>,
    open: Option<Open>,
    _slot: OwnedSemaphorePermit,
}

impl Leased {
    /// For the next one; the server has answered all it was asked.
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
