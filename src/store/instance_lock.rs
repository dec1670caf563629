//! One process per database: until instances share offerings through leases, a second one on the
//! same database is a mistake, and it is told so before it touches anything.

use std::fs::{File, TryLockError};
use std::path::Path;
use std::time::Duration;

use sea_orm::sqlx::postgres::PgConnectOptions;
use sea_orm::sqlx::{self, ConnectOptions, Connection, PgConnection};

use super::StoreError;
use super::connect::postgres_options;
use super::sqlite_file::sqlite_file;

/// Held as long as it lives; the operating system and Postgres let go of it when a process dies.
#[derive(Debug)]
pub struct InstanceLock {
    _held: Held,
}

#[derive(Debug)]
#[expect(dead_code, reason = "held, not read")]
enum Held {
    /// Beside a SQLite file.
    File(File),
    /// A session of its own on Postgres, and the task that keeps it.
    Session(Keeper),
}

#[derive(Debug)]
struct Keeper(tokio::task::JoinHandle<()>);

impl Drop for Keeper {
    fn drop(&mut self) {
        // With the task goes its session.
        self.0.abort();
    }
}

/// "admitone" in ASCII.
const ADVISORY_KEY: i64 = 0x6164_6d69_746f_6e65;
/// A process that was killed a moment ago may still have its session.
const ATTEMPTS: u32 = 30;
const PAUSE: Duration = Duration::from_millis(100);
/// How often the session is asked whether it is still there.
const WATCH: Duration = Duration::from_secs(2);

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
            Ok(()) => Ok(Self { _held: Held::File(file) }),
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
    /// locked again as soon as the server is back.
    ///
    /// # Errors
    /// [`StoreError::Locked`], with what to do; [`StoreError::Unavailable`].
    pub async fn of_postgres(url: &str) -> Result<Self, StoreError> {
        let options = postgres_options(url)?.application_name("admitone lock");
        for _ in 0..ATTEMPTS {
            if let Some(session) = try_lock(&options).await? {
                let keeper = Keeper(tokio::spawn(keep(options, session)));
                return Ok(Self { _held: Held::Session(keeper) });
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

async fn try_lock(options: &PgConnectOptions) -> Result<Option<PgConnection>, sqlx::Error> {
    let mut session = options.connect().await?;
    let locked: bool = sqlx::query_scalar("SELECT pg_try_advisory_lock($1)")
        .bind(ADVISORY_KEY)
        .fetch_one(&mut session)
        .await?;
    Ok(locked.then_some(session))
}

/// Meanwhile the journal fences: a second process would cost time, never correctness.
async fn keep(options: PgConnectOptions, mut session: PgConnection) {
    loop {
        while session.ping().await.is_ok() {
            tokio::time::sleep(WATCH).await;
        }
        let mut told = false;
        session = loop {
            tokio::time::sleep(PAUSE).await;
            match try_lock(&options).await {
                Ok(Some(session)) => break session,
                Ok(None) if !told => {
                    told = true;
                    tracing::error!("another process has locked the database while it was away");
                }
                Ok(None) | Err(_) => {}
            }
        };
    }
}
