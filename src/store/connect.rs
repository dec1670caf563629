//! Connects to the database and migrates its schema.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use migration::{Migrator, MigratorTrait};
use sea_orm::sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sea_orm::sqlx::sqlite::{SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};
use sea_orm::sqlx::{self, ConnectOptions, Connection};
use sea_orm::{
    ConnectionTrait, DbErr, RuntimeErr, SqlxPostgresConnector, SqlxSqliteConnector, Statement,
};

use super::connection::{ACQUIRE_TIMEOUT, TRUSTED_IDLE, make_durable};
use super::sqlite_file::sqlite_options;
use super::{Appends, Inner, Store, StoreError, private_file};
use crate::store::journal::append_pool::AppendPool;
use crate::store::journal::append_sqlite;
use crate::store::tables::payment_group::{self, PaymentGroups, Writes};
use crate::store::tables::words_group::WordsGroups;

/// Connections that read from a SQLite file beside the writer's.
const SQLITE_READERS: u32 = 4;
/// Key of the advisory lock for migrations on Postgres ("admitone" in ASCII, minus one).
const MIGRATION_LOCK: i64 = 0x6164_6d69_746f_6e64;
/// Key of the advisory lock for the first start (minus two).
const FIRST_START_LOCK: i64 = 0x6164_6d69_746f_6e63;

/// Settings of connections whose statements address every row by its key. A plan made while a table
/// was nearly empty is kept as long as the statement, and would scan the whole table for ever;
/// planning anew for each execution costs more than the execution.
const KEYED: [(&str, &str); 4] = [
    ("enable_seqscan", "off"),
    ("enable_hashjoin", "off"),
    ("enable_mergejoin", "off"),
    ("plan_cache_mode", "force_generic_plan"),
];

/// How to connect.
#[derive(Clone, Debug)]
pub struct Options {
    /// `postgres://…` or `sqlite://path?mode=rwc`.
    pub url: String,
    /// Connections to Postgres, at least 2. Half of them serve appends only, so that a flood of
    /// reads cannot keep a decision from becoming durable.
    pub pool_size: u32,
    /// Threads that append. The connections for appends are divided among them, at least one for
    /// each. The thread that takes offerings over may open as many connections as one of these
    /// threads.
    pub append_threads: usize,
    /// How long an append may take before its outcome counts as unknown.
    pub append_timeout: Duration,
    /// When Postgres itself cancels an append; by default at four fifths of the client's timeout,
    /// so that a slow append mostly fails with a known outcome.
    pub server_timeout: Option<Duration>,
}

impl Options {
    /// Default options for a URL.
    pub fn new(url: impl Into<String>) -> Self {
        Self {
            url: url.into(),
            pool_size: 16,
            append_threads: 1,
            append_timeout: Duration::from_secs(5),
            server_timeout: None,
        }
    }
}

/// How the schema of the database compares with the schema this version knows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SchemaStatus {
    /// Migration steps that are applied, oldest first.
    pub applied: Vec<String>,
    /// Migration steps that are not applied.
    pub pending: Vec<String>,
}

impl Store {
    /// Connects and leaves the schema as it is.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when the database cannot be reached or opened;
    /// [`StoreError::Locked`] when its URL names no file that lasts.
    pub async fn connect(options: &Options) -> Result<Self, StoreError> {
        let inner = if options.url.starts_with("postgres") {
            connect_postgres(options).await?
        } else {
            connect_sqlite(options).await?
        };
        Ok(Self { inner: Arc::new(inner) })
    }

    /// Applies all pending migration steps.
    ///
    /// # Errors
    /// [`StoreError::NewerSchema`] when the database is ahead of this version.
    pub async fn migrate(&self) -> Result<(), StoreError> {
        self.schema_status().await?;
        if !self.is_postgres() {
            return Ok(Migrator::up(self.writes(), None).await?);
        }
        // A session of its own, without timeouts: building an index may take long.
        let options = postgres_options(&self.inner.url)?;
        let pool = PgPoolOptions::new().max_connections(1).connect_with(options).await?;
        let lock = self.turn(MIGRATION_LOCK).await?;
        let session = SqlxPostgresConnector::from_sqlx_postgres_pool(pool.clone());
        let migrated = Migrator::up(&session, None).await;
        pool.close().await;
        lock.close().await?;
        Ok(migrated?)
    }

    /// Runs `work`, which must be done once per database, while no other process runs such work: of
    /// several processes that start at once, the first finds an empty store, and the others find
    /// the rows it has made.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn in_turn<T>(&self, work: impl Future<Output = T>) -> Result<T, StoreError> {
        if !self.is_postgres() {
            // No other process has the file open.
            return Ok(work.await);
        }
        let lock = self.turn(FIRST_START_LOCK).await?;
        let done = work.await;
        // If the session is broken, Postgres has already released the lock; the work stays done.
        let _ = lock.close().await;
        Ok(done)
    }

    /// Waits for an advisory lock on Postgres. Closing the returned session releases it.
    async fn turn(&self, lock: i64) -> Result<sqlx::PgConnection, StoreError> {
        let options = postgres_options(&self.inner.url)?;
        let mut session = sqlx::PgConnection::connect_with(&options).await?;
        sqlx::query("SELECT pg_advisory_lock($1)").bind(lock).execute(&mut session).await?;
        Ok(session)
    }

    /// Reverts the last `steps` migration steps, including their data.
    ///
    /// # Errors
    /// As for [`Self::migrate`].
    pub async fn migrate_down(&self, steps: u32) -> Result<(), StoreError> {
        self.schema_status().await?;
        Migrator::down(self.writes(), Some(steps)).await?;
        Ok(())
    }

    /// Compares the schema with the schema this version knows.
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

async fn connect_postgres(options: &Options) -> Result<Inner, StoreError> {
    let base = postgres_options(&options.url)?;
    let server_timeout = options.server_timeout.unwrap_or(options.append_timeout * 4 / 5);
    let server_ms = server_timeout.as_millis().max(1).to_string();
    let of_appends = base.clone().options(KEYED).options([
        ("statement_timeout", server_ms.as_str()),
        ("lock_timeout", server_ms.as_str()),
        ("idle_in_transaction_session_timeout", server_ms.as_str()),
    ]);
    let of_groups = base
        .clone()
        .options(KEYED)
        .options([("statement_timeout", "5000"), ("lock_timeout", "1000")]);
    // Creating a large event takes long; no other statement here does.
    let of_others = base.options([
        ("statement_timeout", "30000"),
        ("lock_timeout", "5000"),
        ("idle_in_transaction_session_timeout", "30000"),
    ]);
    let for_appends = (options.pool_size / 2).max(1);
    let per_runtime = (for_appends as usize / options.append_threads.max(1)).max(1);
    let for_others = options.pool_size.saturating_sub(for_appends).max(1);
    let pool = postgres_pool(for_others).connect_with(of_others).await?;
    let appends = AppendPool::new(of_appends, per_runtime);
    let for_groups = postgres_pool(payment_group::WRITERS).connect_lazy_with(of_groups);
    let connection = SqlxPostgresConnector::from_sqlx_postgres_pool(pool);
    Ok(Inner {
        url: options.url.clone(),
        payments: PaymentGroups::start(Writes::Postgres(for_groups)),
        words: WordsGroups::start(connection.clone()),
        reads: connection.clone(),
        writes: connection,
        appends: Appends::Postgres(Arc::new(appends)),
        append_timeout: options.append_timeout,
    })
}

pub(super) fn postgres_options(url: &str) -> Result<PgConnectOptions, StoreError> {
    let options: PgConnectOptions = url.parse()?;
    Ok(options.application_name("admitone").disable_statement_logging())
}

fn postgres_pool(connections: u32) -> PgPoolOptions {
    PgPoolOptions::new()
        .max_connections(connections)
        .acquire_timeout(ACQUIRE_TIMEOUT)
        .test_before_acquire(false)
        .before_acquire(|connection, metadata| {
            Box::pin(async move {
                // `false` makes the pool try another connection.
                Ok(metadata.idle_for < TRUSTED_IDLE || connection.ping().await.is_ok())
            })
        })
        .after_connect(|connection, _| Box::pin(make_durable(connection)))
}

async fn connect_sqlite(options: &Options) -> Result<Inner, StoreError> {
    let named = sqlite_options(&options.url)?;
    // If the file cannot be made, SQLite reports that below.
    let _ = private_file::make_if_missing(named.get_filename());
    let file = named
        .create_if_missing(true)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full)
        .busy_timeout(Duration::from_secs(5))
        .foreign_keys(false)
        .disable_statement_logging();
    let pool = |connections| {
        // A connection to a file does not go stale, and a new one has to prepare all statements
        // anew.
        SqlitePoolOptions::new()
            .max_connections(connections)
            .acquire_timeout(Duration::from_secs(10))
            .idle_timeout(None)
            .max_lifetime(None)
            .test_before_acquire(false)
    };
    let writes = pool(1).connect_with(file.clone()).await?;
    let reads = pool(SQLITE_READERS).connect_lazy_with(file.pragma("query_only", "ON"));
    let appends = append_sqlite::Appender::start(writes.clone());
    let payments = PaymentGroups::start(Writes::Sqlite(writes.clone()));
    let writes = SqlxSqliteConnector::from_sqlx_sqlite_pool(writes);
    Ok(Inner {
        url: options.url.clone(),
        reads: SqlxSqliteConnector::from_sqlx_sqlite_pool(reads),
        payments,
        words: WordsGroups::start(writes.clone()),
        writes,
        appends: Appends::Sqlite(appends),
        append_timeout: options.append_timeout,
    })
}

impl From<sqlx::Error> for StoreError {
    fn from(error: sqlx::Error) -> Self {
        DbErr::Conn(RuntimeErr::SqlxError(error.into())).into()
    }
}
