//! One process per database: until instances share offerings through leases, a second one on the
//! same database is a mistake, and it is told so before it touches anything.

use std::fs::{File, TryLockError};
use std::path::Path;
use std::time::Duration;

use sea_orm::{ConnectOptions, ConnectionTrait, Database, DatabaseConnection, Statement};

use super::StoreError;

/// Held as long as it lives; the operating system and Postgres let go of it when a process dies.
pub enum InstanceLock {
    /// Beside a SQLite file.
    File(File),
    /// A session of its own on Postgres.
    Session(DatabaseConnection),
}

/// "admitone" in ASCII.
const ADVISORY_KEY: i64 = 0x6164_6d69_746f_6e65;
/// A process that was killed a moment ago may still have its session.
const ATTEMPTS: u32 = 30;

impl InstanceLock {
    /// Locks the file `path`, made if it is missing.
    ///
    /// # Errors
    /// [`StoreError::Locked`], with what to do.
    pub fn of_file(path: &Path) -> Result<Self, StoreError> {
        let shown = path.display();
        let file = File::create(path)
            .map_err(|error| StoreError::Locked(format!("cannot write {shown}: {error}")))?;
        match file.try_lock() {
            Ok(()) => Ok(Self::File(file)),
            Err(TryLockError::WouldBlock) => Err(StoreError::Locked(format!(
                "another process uses this data directory ({shown} is locked): stop it first, or \
                 set ADMITONE_DATA_DIR to a directory of its own"
            ))),
            Err(TryLockError::Error(error)) => {
                Err(StoreError::Locked(format!("cannot lock {shown}: {error}")))
            }
        }
    }

    /// Locks a Postgres database.
    ///
    /// # Errors
    /// [`StoreError::Locked`], with what to do; [`StoreError::Unavailable`].
    pub async fn of_postgres(url: &str) -> Result<Self, StoreError> {
        let mut options = ConnectOptions::new(url);
        options
            .max_connections(1)
            .idle_timeout(None)
            .max_lifetime(None)
            .connect_timeout(Duration::from_secs(5))
            .sqlx_logging(false)
            .map_sqlx_postgres_opts(|postgres| postgres.application_name("admitone lock"));
        let session = Database::connect(options).await?;
        for _ in 0..ATTEMPTS {
            let sql = format!("SELECT pg_try_advisory_lock({ADVISORY_KEY}) AS locked");
            let statement = Statement::from_string(session.get_database_backend(), sql);
            let row = session.query_one_raw(statement).await?;
            if row.is_some_and(|row| row.try_get("", "locked").unwrap_or(false)) {
                return Ok(Self::Session(session));
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        Err(StoreError::Locked(
            "another admitone process uses this database (DATABASE_URL): stop it first; this \
             version runs one instance per database"
                .into(),
        ))
    }
}
