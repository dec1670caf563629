//! Connecting, and bringing the schema up to date.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use migration::{Migrator, MigratorTrait};
use sea_orm::sqlx::sqlite::{SqliteJournalMode, SqliteSynchronous};
use sea_orm::{ConnectOptions, ConnectionTrait, Database, DatabaseConnection, DbErr, Statement};

use super::{Inner, Store, StoreError, sqlite};

/// How to connect.
#[derive(Clone, Debug)]
pub struct Options {
    /// `postgres://…` or `sqlite://path?mode=rwc`.
    pub url: String,
    /// Connections to Postgres.
    pub pool_size: u32,
    /// How long an append may take before its outcome counts as unknown.
    pub append_timeout: Duration,
}

impl Options {
    /// The defaults for a URL.
    pub fn new(url: impl Into<String>) -> Self {
        Self { url: url.into(), pool_size: 16, append_timeout: Duration::from_secs(5) }
    }
}

/// How the database's schema compares with the one this version knows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SchemaStatus {
    /// Steps that are applied, oldest first.
    pub applied: Vec<String>,
    /// Steps that are not.
    pub pending: Vec<String>,
}

impl Store {
    /// Connects; the schema is left as it is.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when the database cannot be reached or opened.
    pub async fn connect(options: &Options) -> Result<Self, StoreError> {
        let postgres = options.url.starts_with("postgres");
        let (reads, writes) = if postgres {
            let pool = postgres_pool(options).await?;
            (pool.clone(), pool)
        } else {
            let writes = sqlite_pool(&options.url, 1).await?;
            (sqlite_pool(&options.url, 4).await?, writes)
        };
        let appender = (!postgres).then(|| sqlite::Appender::start(writes.clone()));
        let append_timeout = options.append_timeout;
        Ok(Self { inner: Arc::new(Inner { reads, writes, appender, append_timeout }) })
    }

    /// Applies all pending steps.
    ///
    /// # Errors
    /// [`StoreError::NewerSchema`] when the database is ahead of this version.
    pub async fn migrate(&self) -> Result<(), StoreError> {
        self.schema_status().await?;
        Migrator::up(self.writes(), None).await?;
        Ok(())
    }

    /// Takes back the last `steps` steps, data included.
    ///
    /// # Errors
    /// As for [`Self::migrate`].
    pub async fn migrate_down(&self, steps: u32) -> Result<(), StoreError> {
        self.schema_status().await?;
        Migrator::down(self.writes(), Some(steps)).await?;
        Ok(())
    }

    /// Compares the schema with the one this version knows.
    ///
    /// # Errors
    /// [`StoreError::NewerSchema`] when the database is ahead of this version.
    pub async fn schema_status(&self) -> Result<SchemaStatus, StoreError> {
        let known: Vec<String> =
            Migrator::migrations().iter().map(|step| step.name().to_owned()).collect();
        let applied = self.applied_steps().await?;
        let known_set: BTreeSet<_> = known.iter().collect();
        if let Some(step) = applied.iter().find(|step| !known_set.contains(step)) {
            return Err(StoreError::NewerSchema { step: step.clone() });
        }
        let pending = known.into_iter().filter(|step| !applied.contains(step)).collect();
        Ok(SchemaStatus { applied, pending })
    }

    async fn applied_steps(&self) -> Result<Vec<String>, StoreError> {
        let exists = if self.is_postgres() {
            "SELECT 1 FROM information_schema.tables
             WHERE table_name = 'seaql_migrations' AND table_schema = current_schema()"
        } else {
            "SELECT 1 FROM sqlite_master WHERE name = 'seaql_migrations'"
        };
        let exists = Statement::from_string(self.backend(), exists);
        if self.writes().query_one_raw(exists).await?.is_none() {
            return Ok(Vec::new());
        }
        let rows = Statement::from_string(
            self.backend(),
            "SELECT version FROM seaql_migrations ORDER BY version",
        );
        let rows = self.writes().query_all_raw(rows).await?;
        Ok(rows.iter().map(|row| row.try_get("", "version")).collect::<Result<_, DbErr>>()?)
    }
}

async fn postgres_pool(options: &Options) -> Result<DatabaseConnection, DbErr> {
    let mut connect = ConnectOptions::new(&options.url);
    // The server gives up before the client does, so that a statement whose client has timed out
    // does not linger for long.
    let server_timeout_ms = options.append_timeout.as_millis().max(100).to_string();
    connect
        .max_connections(options.pool_size)
        .min_connections(1)
        .acquire_timeout(options.append_timeout.min(Duration::from_secs(3)))
        .connect_timeout(Duration::from_secs(3))
        .test_before_acquire(false)
        .sqlx_logging(false)
        .map_sqlx_postgres_opts(move |postgres| {
            postgres.application_name("admitone").options([
                ("statement_timeout", server_timeout_ms.as_str()),
                ("lock_timeout", server_timeout_ms.as_str()),
                ("idle_in_transaction_session_timeout", server_timeout_ms.as_str()),
                // What was answered is on disk, whatever the server's default.
                ("synchronous_commit", "on"),
            ])
        });
    Database::connect(connect).await
}

async fn sqlite_pool(url: &str, connections: u32) -> Result<DatabaseConnection, DbErr> {
    let mut connect = ConnectOptions::new(url);
    connect
        .max_connections(connections)
        .min_connections(1)
        .acquire_timeout(Duration::from_secs(10))
        .idle_timeout(None)
        .max_lifetime(None)
        .test_before_acquire(false)
        .sqlx_logging(false)
        .map_sqlx_sqlite_opts(|sqlite| {
            sqlite
                .create_if_missing(true)
                .journal_mode(SqliteJournalMode::Wal)
                .synchronous(SqliteSynchronous::Full)
                .busy_timeout(Duration::from_secs(5))
        });
    Database::connect(connect).await
}
