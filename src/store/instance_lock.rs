//! One process per database: until instances share offerings through leases, a second one on the
//! same database is a mistake, and it is told so before it touches anything.

use std::fs::{File, TryLockError};
use std::path::Path;
use std::time::Duration;

use sea_orm::sqlx::postgres::PgConnectOptions;
use sea_orm::sqlx::{self, ConnectOptions, Connection, PgConnection};
use tokio::sync::watch;

use super::StoreError;
use super::connect::postgres_options;
use super::sqlite_file::sqlite_file;

/// Held as long as it lives; the operating system and Postgres let go of it when a process dies.
#[derive(Debug)]
pub struct InstanceLock {
    held: Held,
}

#[derive(Debug)]
enum Held {
    /// Beside a SQLite file.
    File(#[expect(dead_code, reason = "held, not read")] File),
    /// A session of its own on Postgres, and the task that keeps it.
    Session(Keeper),
}

#[derive(Debug)]
struct Keeper {
    task: tokio::task::JoinHandle<()>,
    lost: watch::Receiver<bool>,
}

impl Drop for Keeper {
    fn drop(&mut self) {
        // With the task goes its session.
        self.task.abort();
    }
}

/// "admitone" in ASCII.
const ADVISORY_KEY: i64 = 0x6164_6d69_746f_6e65;
/// A process that was killed a moment ago may still have its session.
const ATTEMPTS: u32 = 30;
const PAUSE: Duration = Duration::from_millis(100);
/// How often the session is asked whether it is still there.
const WATCH: Duration = Duration::from_millis(250);

impl InstanceLock {
    /// Locks a SQLite database, by a file beside the one that the database really is: under whatever
    /// name a second process finds it, it finds the same lock.
    ///
    /// # Errors
    /// [`StoreError::Locked`], with what to do.
    pub fn of_sqlite(url: &str) -> Result<Self, StoreError> {
        let mut lock = sqlite_file(url)?.into_os_string();
        lock.push(".lock");
        Self::of_file(Path::new(&lock))
    }

    /// Locks the file `path`, made if it is missing.
    ///
    /// # Errors
    /// [`StoreError::Locked`], with what to do.
    pub fn of_file(path: &Path) -> Result<Self, StoreError> {
        let shown = path.display();
        let file = File::create(path)
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

    /// Locks a Postgres database. When the session breaks, because the server was restarted, it is
    /// locked again as soon as the server is back, or [lost](Self::lost) to who was quicker.
    ///
    /// # Errors
    /// [`StoreError::Locked`], with what to do; [`StoreError::Unavailable`].
    pub async fn of_postgres(url: &str) -> Result<Self, StoreError> {
        // By its name a session is known again as our own.
        let name = format!("admitone lock {:016x}", rand::random::<u64>());
        let options = postgres_options(url)?.application_name(&name);
        for _ in 0..ATTEMPTS {
            if let Attempt::Locked(session) = try_lock(&options).await? {
                let (tell, lost) = watch::channel(false);
                let task = tokio::spawn(async move {
                    keep(options, name, session).await;
                    tell.send_replace(true);
                    // Open until the lock is dropped: a closed channel would say nothing.
                    tell.closed().await;
                });
                return Ok(Self { held: Held::Session(Keeper { task, lost }) });
            }
            tokio::time::sleep(PAUSE).await;
        }
        Err(StoreError::Locked(
            "another admitone process uses this database (DATABASE_URL): stop it first; this \
             version runs one instance per database"
                .into(),
        ))
    }
}

impl InstanceLock {
    /// Ends when another process has taken the lock while the database was away. Two that go on
    /// would take every event from each other again and again.
    pub async fn lost(&self) {
        if let Held::Session(keeper) = &self.held {
            let mut lost = keeper.lost.clone();
            // An error would say that the keeper's task is gone, and with it the runtime.
            let _ = lost.wait_for(|lost| *lost).await;
        } else {
            std::future::pending::<()>().await;
        }
    }
}

/// The lock's session, or the session that has it.
enum Attempt {
    Locked(PgConnection),
    TakenBy(Option<Holder>),
}

/// A session of Postgres and the name it gave itself.
type Holder = (i32, Option<String>);

async fn try_lock(options: &PgConnectOptions) -> Result<Attempt, sqlx::Error> {
    let mut session = options.connect().await?;
    let locked: bool = sqlx::query_scalar("SELECT pg_try_advisory_lock($1)")
        .bind(ADVISORY_KEY)
        .fetch_one(&mut session)
        .await?;
    if locked {
        return Ok(Attempt::Locked(session));
    }
    let holder = sqlx::query_as(
        "SELECT a.pid, a.application_name FROM pg_locks l JOIN pg_stat_activity a USING (pid)
         WHERE l.locktype = 'advisory' AND l.granted AND l.objsubid = 1
           AND (l.classid::bigint << 32 | l.objid::bigint) = $1
           AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())",
    )
    .bind(ADVISORY_KEY)
    .fetch_optional(&mut session)
    .await?;
    Ok(Attempt::TakenBy(holder))
}

/// Ends when another process has the lock. Meanwhile the journal fences: a second process would
/// cost time, never correctness.
async fn keep(options: PgConnectOptions, name: String, mut session: PgConnection) {
    loop {
        while session.ping().await.is_ok() {
            tokio::time::sleep(WATCH).await;
        }
        session = loop {
            tokio::time::sleep(PAUSE).await;
            match try_lock(&options).await {
                Ok(Attempt::Locked(session)) => break session,
                Ok(Attempt::TakenBy(Some((pid, Some(holder))))) if holder == name => {
                    // Our own session of before, which the server has not missed yet.
                    end_session(&options, pid).await;
                }
                Ok(Attempt::TakenBy(Some(_))) => return,
                // It was given back in this moment, or the server is away.
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
