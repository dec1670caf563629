//! The lock on a database. One process may use a database, or the instances of one cluster, which
//! share the database through leases. Any other process was started by mistake and is refused
//! before it touches anything.

use std::fs::{File, TryLockError};
use std::path::Path;
use std::time::Duration;

use sea_orm::sqlx::postgres::PgConnectOptions;
use sea_orm::sqlx::{self, ConnectOptions, Connection, PgConnection};
use tokio::sync::watch;

use super::connect::postgres_options;
use super::sqlite_file::sqlite_file;
use super::{StoreError, private_file};
use crate::ids::InstanceId;

/// The lock on a database, held until this value is dropped. The operating system and Postgres
/// release it when the process dies.
#[derive(Debug)]
pub struct InstanceLock {
    held: Held,
}

#[derive(Debug)]
enum Held {
    /// A lock on a file beside a SQLite file.
    File(#[expect(dead_code, reason = "held, not read")] File),
    /// A dedicated session on Postgres and the task that keeps it.
    Session(HeartbeatLoop),
}

#[derive(Debug)]
struct HeartbeatLoop {
    options: Box<PgConnectOptions>,
    task: tokio::task::JoinHandle<()>,
    lost: watch::Receiver<bool>,
}

impl Drop for HeartbeatLoop {
    fn drop(&mut self) {
        // The task owns the session, which ends with it.
        self.task.abort();
    }
}

/// Prefix of the names of sessions that hold the lock; the instance's id follows.
const SESSION: &str = "admitone ";
/// Key of the advisory lock: "admitone" in ASCII.
const ADVISORY_KEY: i64 = 0x6164_6d69_746f_6e65;
/// A process that was killed a moment ago may still have its session.
const ATTEMPTS: u32 = 30;
const PAUSE: Duration = Duration::from_millis(100);
/// How often the session is pinged.
const WATCH: Duration = Duration::from_millis(250);

impl InstanceLock {
    /// Locks a SQLite database through a file beside the database's real path: a second process
    /// finds the same lock under every name of the database.
    ///
    /// # Errors
    /// [`StoreError::Locked`], with advice.
    pub fn of_sqlite(url: &str) -> Result<Self, StoreError> {
        let mut lock = sqlite_file(url)?.into_os_string();
        lock.push(".lock");
        Self::of_file(Path::new(&lock))
    }

    /// Locks the file `path`, and creates the file if it is missing.
    ///
    /// # Errors
    /// [`StoreError::Locked`], with advice.
    pub fn of_file(path: &Path) -> Result<Self, StoreError> {
        let shown = path.display();
        let file = private_file::create(path)
            .map_err(|error| StoreError::Locked(format!("cannot write {shown}: {error}")))?;
        match file.try_lock() {
            Ok(()) => Ok(Self { held: Held::File(file) }),
            Err(TryLockError::WouldBlock) => Err(StoreError::Locked(format!(
                "another process uses this data directory ({shown} is locked): stop it first, or \
                 set ADMITONE_DATA_DIR to a directory of its own"
            ))),
            Err(TryLockError::Error(error)) => {
                Err(StoreError::Locked(format!("cannot lock {shown}: {error}")))
            }
        }
    }

    /// Locks a Postgres database for this process alone. When the session breaks because the server
    /// restarts, the lock is taken again as soon as the server is back, or is [lost](Self::lost) to
    /// a process that was quicker.
    ///
    /// # Errors
    /// [`StoreError::Locked`], with advice; [`StoreError::Unavailable`].
    pub async fn of_postgres(url: &str) -> Result<Self, StoreError> {
        Self::of_session(url, Mode::Exclusive, InstanceId::random()).await
    }

    /// Locks a Postgres database in shared mode: for this process and all others that lock it in
    /// shared mode, the instances of a cluster.
    ///
    /// # Errors
    /// As for [`Self::of_postgres`].
    pub async fn of_postgres_shared(url: &str, me: InstanceId) -> Result<Self, StoreError> {
        Self::of_session(url, Mode::Shared, me).await
    }

    async fn of_session(url: &str, mode: Mode, me: InstanceId) -> Result<Self, StoreError> {
        // The name lets this process recognise its own session, and other instances this
        // instance's.
        let name = format!("{SESSION}{me}");
        let options = postgres_options(url)?.application_name(&name);
        let mut last_holder = None;
        for _ in 0..ATTEMPTS {
            match try_lock(&options, mode).await? {
                Attempt::Locked(session) => {
                    let (tell, lost) = watch::channel(false);
                    let same = options.clone();
                    let task = tokio::spawn(async move {
                        keep(options, mode, name, session).await;
                        tell.send_replace(true);
                        // Open until the lock is dropped: a closed channel would carry no
                        // information.
                        tell.closed().await;
                    });
                    return Ok(Self {
                        held: Held::Session(HeartbeatLoop { task, lost, options: Box::new(same) }),
                    });
                }
                Attempt::TakenBy(holder) => last_holder = holder.or(last_holder),
            }
            tokio::time::sleep(PAUSE).await;
        }
        Err(StoreError::Locked(taken(mode, last_holder.as_ref()).into()))
    }
}

/// The list of all processes that hold the same lock.
#[derive(Clone, Debug)]
pub struct Neighbours {
    options: Option<PgConnectOptions>,
}

impl InstanceLock {
    /// Returns a handle that lists the processes that share the lock.
    #[must_use]
    pub fn neighbours(&self) -> Neighbours {
        let options = match &self.held {
            Held::File(_) => None,
            Held::Session(keeper) => Some(PgConnectOptions::clone(&keeper.options)),
        };
        Neighbours { options }
    }
}

impl Neighbours {
    /// Returns the processes that hold this very lock: their database is really this one, and not a
    /// copy of it.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn instances(&self) -> Result<Vec<InstanceId>, StoreError> {
        let Some(options) = &self.options else { return Ok(Vec::new()) };
        let mut session = options.connect().await?;
        let holders = sqlx::query_as(HOLDERS).bind(ADVISORY_KEY).fetch_all(&mut session).await?;
        let name = |(_, name, _): Holder| name?.strip_prefix(SESSION)?.parse().ok();
        Ok(holders.into_iter().filter_map(name).collect())
    }
}

/// Returns advice on a lock that another process holds.
fn taken(wanted: Mode, holder: Option<&Holder>) -> &'static str {
    match (wanted, holder.map(|(_, _, mode)| mode.as_str())) {
        (Mode::Shared, _) => {
            "another admitone process uses this database (DATABASE_URL) without REDIS_URL: stop it \
             first, and start it again with the REDIS_URL and ADMITONE_CLUSTER_SECRET of this one"
        }
        (Mode::Exclusive, Some("ShareLock")) => {
            "instances of a cluster use this database (DATABASE_URL): stop them first; to join them, \
             set their REDIS_URL and ADMITONE_CLUSTER_SECRET"
        }
        (Mode::Exclusive, _) => {
            "another admitone process uses this database (DATABASE_URL): stop it first; several \
             instances share one only if all have the same REDIS_URL"
        }
    }
}

impl InstanceLock {
    /// Returns when another process has taken the lock while the database was unreachable. If both
    /// processes went on, they would take every event from each other again and again.
    pub async fn lost(&self) {
        if let Held::Session(keeper) = &self.held {
            let mut lost = keeper.lost.clone();
            // An error would mean that the keeper's task has ended, and with it the runtime.
            let _ = lost.wait_for(|lost| *lost).await;
        } else {
            std::future::pending::<()>().await;
        }
    }
}

/// The session that now holds the lock, or the session that holds it instead.
enum Attempt {
    Locked(PgConnection),
    TakenBy(Option<Holder>),
}

/// Which other processes may hold the lock at the same time.
#[derive(Clone, Copy, Debug)]
enum Mode {
    /// No other process.
    Exclusive,
    /// Every other process that takes it in shared mode.
    Shared,
}

/// A Postgres session's process id, the name it gave itself, and Postgres's name of its lock mode.
type Holder = (i32, Option<String>, String);

const HOLDERS: &str = "SELECT a.pid, a.application_name, l.mode \
     FROM pg_locks l JOIN pg_stat_activity a USING (pid) \
     WHERE l.locktype = 'advisory' AND l.granted AND l.objsubid = 1 \
       AND (l.classid::bigint << 32 | l.objid::bigint) = $1 \
       AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())";

async fn try_lock(options: &PgConnectOptions, mode: Mode) -> Result<Attempt, sqlx::Error> {
    let mut session = options.connect().await?;
    let locked: bool = sqlx::query_scalar(match mode {
        Mode::Exclusive => "SELECT pg_try_advisory_lock($1)",
        Mode::Shared => "SELECT pg_try_advisory_lock_shared($1)",
    })
    .bind(ADVISORY_KEY)
    .fetch_one(&mut session)
    .await?;
    if locked {
        return Ok(Attempt::Locked(session));
    }
    let holder = sqlx::query_as(HOLDERS).bind(ADVISORY_KEY).fetch_optional(&mut session).await?;
    Ok(Attempt::TakenBy(holder))
}

/// Keeps the lock, and returns when another process has it. Until this process stops, the journal
/// fences: a second process costs time, never correctness.
async fn keep(options: PgConnectOptions, mode: Mode, name: String, mut session: PgConnection) {
    loop {
        while session.ping().await.is_ok() {
            tokio::time::sleep(WATCH).await;
        }
        session = loop {
            tokio::time::sleep(PAUSE).await;
            match try_lock(&options, mode).await {
                Ok(Attempt::Locked(session)) => break session,
                Ok(Attempt::TakenBy(Some((pid, Some(holder), _)))) if holder == name => {
                    // Our own earlier session, whose end the server has not noticed yet.
                    end_session(&options, pid).await;
                }
                Ok(Attempt::TakenBy(Some(_))) => return,
                // The lock was released at this moment, or the server is unreachable.
                Ok(Attempt::TakenBy(None)) | Err(_) => {}
            }
        };
    }
}

async fn end_session(options: &PgConnectOptions, pid: i32) {
    if let Ok(mut session) = options.connect().await {
        let ended = sqlx::query("SELECT pg_terminate_backend($1)").bind(pid);
        if let Err(error) = ended.execute(&mut session).await {
            tracing::warn!(%error, "a stale session keeps the database's lock");
        }
    }
}
