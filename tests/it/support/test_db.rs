//! A database for every test: on Postgres a copy of a migrated template, on SQLite a file in a
//! temporary directory. Dropped when the test is over.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use admitone::store::{Options, Store};
use sea_orm::sqlx::{self, Connection, Executor, PgConnection};
use tempfile::TempDir;

use crate::support::private_postgres::PrivatePostgres;
use crate::support::tls;

/// The server for the tests that need Postgres; `tests/run` sets it.
pub const POSTGRES_URL: &str = "ADMITONE_TEST_POSTGRES_URL";

/// The name of an SQLite file.
const SQLITE_FILE: &str = "test.db";

/// Runs the same test body on both databases, as `<name>::on_postgres` and `<name>::on_sqlite`.
macro_rules! on_both_databases {
    ($($(#[$meta:meta])* async fn $name:ident($db:ident: TestDb) $body:block)+) => {$(
        $(#[$meta])*
        mod $name {
            use super::*;

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn on_postgres() {
                body($crate::support::test_db::TestDb::postgres().await).await;
            }

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn on_sqlite() {
                body($crate::support::test_db::TestDb::sqlite().await).await;
            }

            async fn body($db: $crate::support::test_db::TestDb) $body
        }
    )+};
}

/// An empty, migrated database.
pub struct TestDb {
    url: String,
    place: Place,
}

enum Place {
    Postgres { server: String, name: String },
    Private(PrivatePostgres),
    Sqlite { dir: TempDir },
}

impl TestDb {
    /// Creates a database on the server that `tests/run` started.
    pub async fn postgres() -> Self {
        tls::install();
        let server = postgres_server();
        let template = template(&server).await;
        let name = fresh_name();
        let mut admin = PgConnection::connect(&server).await.expect("the test server answers");
        run(&mut admin, format!("CREATE DATABASE {name} TEMPLATE {template}")).await;
        Self { url: with_database(&server, &name), place: Place::Postgres { server, name } }
    }

    /// Creates a database without any table.
    pub async fn postgres_unmigrated() -> Self {
        tls::install();
        let server = postgres_server();
        let name = fresh_name();
        let mut admin = PgConnection::connect(&server).await.expect("the test server answers");
        run(&mut admin, format!("CREATE DATABASE {name}")).await;
        Self { url: with_database(&server, &name), place: Place::Postgres { server, name } }
    }

    /// Creates a database on a server of its own, with these settings.
    pub async fn private(settings: &'static [&'static str]) -> Self {
        tls::install();
        let server = PrivatePostgres::start_with(settings);
        let db = Self { url: server.url(), place: Place::Private(server) };
        db.store().await.migrate().await.expect("the schema can be made");
        db
    }

    /// Crashes the database's own server, and waits until it answers again.
    pub async fn crash(&self) {
        let Place::Private(server) = &self.place else { panic!("the server is others' too") };
        server.crash().await;
        eventually("it is back", async || PgConnection::connect(self.url()).await.is_ok()).await;
    }

    /// Creates a migrated SQLite file: a copy of one that was migrated once.
    pub async fn sqlite() -> Self {
        let db = Self::sqlite_unmigrated();
        std::fs::copy(sqlite_template().await, db.sqlite_path()).expect("the template is there");
        db
    }

    /// Returns an SQLite file that does not exist yet.
    pub fn sqlite_unmigrated() -> Self {
        tls::install();
        let dir = tempfile::tempdir().expect("a temporary directory");
        let url = format!("sqlite://{}?mode=rwc", dir.path().join(SQLITE_FILE).display());
        Self { url, place: Place::Sqlite { dir } }
    }

    fn sqlite_path(&self) -> PathBuf {
        let Place::Sqlite { dir } = &self.place else { panic!("not a file") };
        dir.path().join(SQLITE_FILE)
    }

    pub fn url(&self) -> &str {
        &self.url
    }

    pub fn is_postgres(&self) -> bool {
        !matches!(self.place, Place::Sqlite { .. })
    }

    /// Returns a store with few connections, since many tests run at a time.
    pub async fn store(&self) -> Store {
        self.store_with(|_| {}).await
    }

    pub async fn store_with(&self, change: impl FnOnce(&mut Options)) -> Store {
        let mut options = Options::new(self.url());
        options.pool_size = 8;
        change(&mut options);
        Store::connect(&options).await.expect("the test database answers")
    }

    /// Runs plain SQL behind the store's back; returns the number of rows affected.
    pub async fn sql(&self, sql: &str) -> u64 {
        let sql = sqlx::AssertSqlSafe(sql.to_owned());
        if self.is_postgres() {
            let mut connection = PgConnection::connect(self.url()).await.expect("connects");
            connection.execute(sql).await.expect("valid SQL").rows_affected()
        } else {
            let mut connection = self.sqlite_connection().await;
            connection.execute(sql).await.expect("valid SQL").rows_affected()
        }
    }

    /// Returns the single value of a query.
    pub async fn count(&self, sql: &str) -> i64 {
        let sql = sqlx::AssertSqlSafe(sql.to_owned());
        if self.is_postgres() {
            let mut connection = PgConnection::connect(self.url()).await.expect("connects");
            sqlx::query_scalar(sql).fetch_one(&mut connection).await.expect("valid SQL")
        } else {
            let mut connection = self.sqlite_connection().await;
            sqlx::query_scalar(sql).fetch_one(&mut connection).await.expect("valid SQL")
        }
    }

    /// Returns the texts of a query with one column.
    pub async fn texts(&self, sql: &str) -> Vec<String> {
        let sql = sqlx::AssertSqlSafe(sql.to_owned());
        if self.is_postgres() {
            let mut connection = PgConnection::connect(self.url()).await.expect("connects");
            sqlx::query_scalar(sql).fetch_all(&mut connection).await.expect("valid SQL")
        } else {
            let mut connection = self.sqlite_connection().await;
            sqlx::query_scalar(sql).fetch_all(&mut connection).await.expect("valid SQL")
        }
    }

    async fn sqlite_connection(&self) -> sqlx::SqliteConnection {
        sqlx::SqliteConnection::connect(self.url()).await.expect("the file can be opened")
    }
}

impl Drop for TestDb {
    fn drop(&mut self) {
        let Place::Postgres { server, name } = &self.place else { return };
        let (server, name) = (server.clone(), name.clone());
        // A thread with a runtime of its own, because the test's runtime may be ending or busy.
        let dropping = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            runtime.expect("a runtime").block_on(async {
                if let Ok(mut admin) = PgConnection::connect(&server).await {
                    let sql = format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)");
                    // A server that a test has stopped takes its databases with it.
                    let _ = admin.execute(sqlx::AssertSqlSafe(sql)).await;
                }
            });
        });
        let _ = dropping.join();
    }
}

fn postgres_server() -> String {
    std::env::var(POSTGRES_URL).unwrap_or_else(|_| {
        panic!("this test needs Postgres ({POSTGRES_URL} is not set): run it with tests/run")
    })
}

fn with_database(server: &str, name: &str) -> String {
    let (base, rest) = server.rsplit_once('/').expect("the URL names a database");
    let parameters = rest.split_once('?').map(|(_, parameters)| format!("?{parameters}"));
    format!("{base}/{name}{}", parameters.unwrap_or_default())
}

fn fresh_name() -> String {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let next = NEXT.fetch_add(1, Ordering::Relaxed);
    format!("admitone_{}_{next}_{:08x}", std::process::id(), rand::random::<u32>())
}

/// Returns the migrated template, which the first test process creates; its name contains a hash of
/// the migrations, so that a server can be kept while they change.
async fn template(server: &str) -> String {
    let name = format!("admitone_template_{}", &migrations_hash()[..16]);
    let mut admin = PgConnection::connect(server).await.expect("the test server answers");
    run(&mut admin, "SELECT pg_advisory_lock(4711)".into()).await;
    let exists: Option<i32> = sqlx::query_scalar("SELECT 1 FROM pg_database WHERE datname = $1")
        .bind(&name)
        .fetch_optional(&mut admin)
        .await
        .expect("pg_database can be read");
    if exists.is_none() {
        let building = fresh_name();
        run(&mut admin, format!("CREATE DATABASE {building}")).await;
        let mut options = Options::new(with_database(server, &building));
        options.pool_size = 2;
        let store = Store::connect(&options).await.expect("the new database answers");
        store.migrate().await.expect("the schema can be made");
        drop(store);
        until_idle(&mut admin, &building).await;
        run(&mut admin, format!("ALTER DATABASE {building} RENAME TO {name}")).await;
    }
    run(&mut admin, "SELECT pg_advisory_unlock(4711)".into()).await;
    name
}

/// Ends the sessions that the store left open, because a template must have none.
async fn until_idle(admin: &mut PgConnection, database: &str) {
    let sql = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE datname = $1";
    eventually("the template has no sessions", async || {
        let sessions: i64 =
            sqlx::query_scalar(sql).bind(database).fetch_one(&mut *admin).await.expect("counts");
        sessions == 0
    })
    .await;
}

/// Returns the migrated file, which the first test of this state of the migrations makes. Two that make it
/// at once make the same.
async fn sqlite_template() -> PathBuf {
    let dir = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let template = dir.join(format!("admitone_template_{}.db", &migrations_hash()[..16]));
    if !template.exists() {
        let building = TestDb::sqlite_unmigrated();
        building.store().await.migrate().await.expect("the schema can be made");
        // One file without a log beside it, complete once it has its name.
        let whole = dir.join(format!("{}.db", fresh_name()));
        building.sql(&format!("VACUUM INTO '{}'", whole.display())).await;
        std::fs::rename(whole, &template).expect("the template gets its name");
    }
    template
}

fn migrations_hash() -> String {
    let dir = concat!(env!("CARGO_MANIFEST_DIR"), "/migration/src");
    let mut files: Vec<_> = std::fs::read_dir(dir)
        .expect("the migrations are beside the tests")
        .map(|entry| entry.expect("a readable directory").path())
        .collect();
    files.sort();
    let mut hasher = blake3::Hasher::new();
    for file in files {
        hasher.update(&std::fs::read(file).expect("a readable file"));
    }
    hasher.finalize().to_hex().to_string()
}

async fn run(connection: &mut PgConnection, sql: String) {
    connection.execute(sqlx::AssertSqlSafe(sql)).await.expect("valid SQL");
}

/// Waits until `condition` holds; fails the test with `what` after 30 seconds.
pub async fn eventually(what: &str, mut condition: impl AsyncFnMut() -> bool) {
    let holds = async {
        while !condition().await {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    if tokio::time::timeout(Duration::from_secs(30), holds).await.is_err() {
        panic!("timed out: {what}");
    }
}
