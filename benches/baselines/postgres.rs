//! The usual implementations with Postgres alone. Statements are prepared once per connection; a
//! worker has its own pool, so that no connection crosses threads.

use sea_orm::sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sea_orm::sqlx::{self, ConnectOptions, Connection, Executor, PgConnection, PgPool};
use uuid::Uuid;

use super::{EVENTS, PLACES};

const POOL: u32 = 8;

/// Creates the tables that all implementations share: stock with a count, places as rows, holds.
pub async fn make_tables(url: &str) {
    let mut admin = PgConnection::connect(url).await.expect("Postgres answers");
    let sql = format!(
        "DROP TABLE IF EXISTS baseline_stock, baseline_places, baseline_holds;
         CREATE TABLE baseline_stock (id int PRIMARY KEY, available int NOT NULL) WITH (fillfactor = 50);
         INSERT INTO baseline_stock SELECT id, 2000000000 FROM generate_series(1, {EVENTS}) id;
         CREATE TABLE baseline_places (id int PRIMARY KEY, stock int NOT NULL, hold uuid);
         INSERT INTO baseline_places SELECT id, 1, NULL FROM generate_series(1, {PLACES}) id;
         CREATE INDEX ON baseline_places (stock, id) WHERE hold IS NULL;
         CREATE TABLE baseline_holds (id uuid PRIMARY KEY, stock int NOT NULL, customer uuid NOT NULL,
             quantity int NOT NULL, expires_at timestamptz NOT NULL);
         ANALYZE;"
    );
    admin.execute(sqlx::AssertSqlSafe(sql)).await.expect("the tables are made");
}

pub fn pool(url: &str) -> PgPool {
    let options: PgConnectOptions = url.parse().expect("a URL of Postgres");
    PgPoolOptions::new()
        .max_connections(POOL)
        .connect_lazy_with(options.disable_statement_logging())
}

/// Locks the row, checks it, takes the places, inserts the hold, commits.
pub async fn for_update(
    pool: &PgPool,
    stock: i32,
    customer: Uuid,
    quantity: i32,
) -> sqlx::Result<Option<Uuid>> {
    let mut transaction = pool.begin().await?;
    let available: i32 =
        sqlx::query_scalar("SELECT available FROM baseline_stock WHERE id = $1 FOR UPDATE")
            .bind(stock)
            .fetch_one(&mut *transaction)
            .await?;
    if available < quantity {
        return Ok(None);
    }
    let id = Uuid::new_v4();
    // Both in one round trip, while the lock is held.
    sqlx::query(
        "WITH taken AS (UPDATE baseline_stock SET available = available - $4 WHERE id = $2)
         INSERT INTO baseline_holds VALUES ($1, $2, $3, $4, now() + interval '5 min')",
    )
    .bind(id)
    .bind(stock)
    .bind(customer)
    .bind(quantity)
    .execute(&mut *transaction)
    .await?;
    transaction.commit().await?;
    Ok(Some(id))
}

/// Takes the places in one statement, on the condition that enough are available.
pub async fn conditional(
    pool: &PgPool,
    stock: i32,
    customer: Uuid,
    quantity: i32,
) -> sqlx::Result<Option<Uuid>> {
    let id = Uuid::new_v4();
    let done = sqlx::query(
        "WITH taken AS (UPDATE baseline_stock SET available = available - $4
                        WHERE id = $2 AND available >= $4 RETURNING 1)
         INSERT INTO baseline_holds
         SELECT $1, $2, $3, $4, now() + interval '5 min' FROM taken",
    )
    .bind(id)
    .bind(stock)
    .bind(customer)
    .bind(quantity)
    .execute(pool)
    .await?;
    Ok((done.rows_affected() == 1).then_some(id))
}

/// A row for each place: takes one that no other client is taking. The start of the search is
/// random; otherwise all clients would search the same rows.
pub async fn skip_locked(
    pool: &PgPool,
    stock: i32,
    customer: Uuid,
    from: i32,
) -> sqlx::Result<Option<Uuid>> {
    let id = Uuid::new_v4();
    let done = sqlx::query(
        "WITH free AS (SELECT id FROM baseline_places
                       WHERE stock = $2 AND hold IS NULL AND id >= $4
                       ORDER BY id LIMIT 1 FOR UPDATE SKIP LOCKED),
              taken AS (UPDATE baseline_places SET hold = $1 FROM free
                        WHERE baseline_places.id = free.id RETURNING 1)
         INSERT INTO baseline_holds
         SELECT $1, $2, $3, 1, now() + interval '5 min' FROM taken",
    )
    .bind(id)
    .bind(stock)
    .bind(customer)
    .bind(from)
    .execute(pool)
    .await?;
    Ok((done.rows_affected() == 1).then_some(id))
}

/// Checks and inserts, under a lock that the caller holds elsewhere.
pub async fn check_and_insert(
    pool: &PgPool,
    stock: i32,
    customer: Uuid,
    quantity: i32,
) -> sqlx::Result<Option<Uuid>> {
    let available: i32 = sqlx::query_scalar("SELECT available FROM baseline_stock WHERE id = $1")
        .bind(stock)
        .fetch_one(pool)
        .await?;
    if available < quantity {
        return Ok(None);
    }
    conditional(pool, stock, customer, quantity).await
}

/// Inserts holds that were acknowledged before, many in one statement.
pub async fn insert_all(pool: &PgPool, holds: &[(Uuid, i32, Uuid, i32)]) -> sqlx::Result<()> {
    let ids: Vec<Uuid> = holds.iter().map(|hold| hold.0).collect();
    let stocks: Vec<i32> = holds.iter().map(|hold| hold.1).collect();
    let customers: Vec<Uuid> = holds.iter().map(|hold| hold.2).collect();
    let quantities: Vec<i32> = holds.iter().map(|hold| hold.3).collect();
    sqlx::query(
        "INSERT INTO baseline_holds
         SELECT id, stock, customer, quantity, now() + interval '5 min'
         FROM unnest($1::uuid[], $2::int[], $3::uuid[], $4::int[]) AS h(id, stock, customer, quantity)",
    )
    .bind(ids)
    .bind(stocks)
    .bind(customers)
    .bind(quantities)
    .execute(pool)
    .await?;
    Ok(())
}
