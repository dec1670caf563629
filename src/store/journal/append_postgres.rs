//! Appends on Postgres. The swap of the head, the journal row and every relational row that follows
//! from it are one statement. A stalled client cannot keep the head locked between two round trips,
//! there is one wait for the disk, and the statement is executed whole or not at all.

use std::sync::Arc;
use std::time::Duration;

use sea_orm::sqlx::error::BoxDynError;
use sea_orm::sqlx::postgres::{PgArguments, PgConnection, PgDatabaseError, PgSeverity};
use sea_orm::sqlx::{self, Arguments, AssertSqlSafe};

use crate::journal::{Append, AppendError, Appended};
use crate::store::journal::append_pool::AppendPool;
use crate::store::journal::projection::{Projection, postgres};
use crate::store::journal::{append_queue, signed};

/// Most retries after a deadlock or a serialization failure.
const MAX_RETRIES: u32 = 5;

/// `$1` to `$9` are the row's columns, the other parameters are the head's. A takeover sets the
/// owner.
const SWAP: &str = "
WITH h AS (
    UPDATE heads SET seq = $2, epoch = $3, hash = $8, next_due_at = $10,
        owner = CASE WHEN epoch = $3 THEN owner ELSE $4 END,
        owner_address = CASE WHEN epoch = $3 THEN owner_address ELSE $11 END
    WHERE offering_id = $1 AND seq = $2 - 1 AND epoch = $12 AND hash = $13 RETURNING 1
)";

const INSERT: &str = "
INSERT INTO journal (offering_id, seq, epoch, owner, batch_id, at, format, hash, payload)
SELECT $1, $2, $3, $4, $5, $6, $7, $8, $9 FROM h";

const RETURNING: &str = " RETURNING (extract(epoch FROM clock_timestamp()) * 1000)::bigint";

/// Most appends of one thread that are under way on their own; further appends go together.
const ALONE: usize = 2;

/// Appends, on its own or together with other waiting appends. An error reports the outcome as
/// precisely as it is known.
pub(crate) async fn append(
    pool: &Arc<AppendPool>,
    timeout: Duration,
    append: Append,
) -> Result<Appended, AppendError> {
    let Some(_turn) = pool.turn(ALONE) else {
        if append_queue::may_join(&append) {
            return append_queue::join(&pool.queue(timeout), append).await;
        }
        return append_alone(pool, timeout, &append).await;
    };
    append_alone(pool, timeout, &append).await
}

/// Appends with a statement of its own.
pub(crate) async fn append_alone(
    pool: &AppendPool,
    timeout: Duration,
    append: &Append,
) -> Result<Appended, AppendError> {
    for retry in 0.. {
        // Nothing has been sent while there is no connection.
        let connection = pool.acquire().await;
        let mut connection = connection.map_err(|e| AppendError::Unavailable(e.into()))?;
        let executed = tokio::time::timeout(timeout, execute(&mut connection, append)).await;
        let error = match executed {
            Err(elapsed) => return Err(AppendError::OutcomeUnknown(elapsed.into())),
            Ok(Ok(Some(database_now))) => {
                connection.give_back();
                return Ok(Appended { database_now });
            }
            Ok(Ok(None)) => {
                connection.give_back();
                return Err(AppendError::Fenced);
            }
            Ok(Err(error)) => error,
        };
        match verdict(&error) {
            Verdict::Again if retry < MAX_RETRIES => {
                connection.give_back();
                let pause = Duration::from_millis(rand::random_range(1..=4_u64 << retry));
                tokio::time::sleep(pause).await;
            }
            Verdict::Again | Verdict::Refused => {
                connection.give_back();
                return Err(AppendError::Unavailable(error.into()));
            }
            Verdict::BadData => {
                connection.give_back();
                return Err(AppendError::BadData(error.into()));
            }
            Verdict::Unknown => return Err(AppendError::OutcomeUnknown(error.into())),
        }
    }
    unreachable!("the last retry returns")
}

/// Returns the database's clock in milliseconds, or `None` when the head has changed.
async fn execute(
    connection: &mut PgConnection,
    append: &Append,
) -> Result<Option<i64>, sqlx::Error> {
    let mut parts = postgres::Parts { sql: SWAP.to_owned(), ..postgres::Parts::default() };
    bind(&mut parts.arguments, append).map_err(sqlx::Error::Encode)?;
    if let Some(rows) = Projection::of(&append.row, &append.record) {
        postgres::add_parts(&rows, &mut parts).map_err(sqlx::Error::Encode)?;
    }
    for end in [INSERT, &parts.condition, RETURNING] {
        parts.sql.push_str(end);
    }
    // `fetch_optional` reads on until the server is ready again, which is after its COMMIT.
    sqlx::query_scalar_with(AssertSqlSafe(parts.sql), parts.arguments)
        .fetch_optional(connection)
        .await
}

fn bind(arguments: &mut PgArguments, append: &Append) -> Result<(), BoxDynError> {
    let row = &append.row;
    arguments.add(row.offering.0)?;
    arguments.add(signed(row.seq.0))?;
    arguments.add(signed(row.epoch.0))?;
    arguments.add(row.owner.0)?;
    arguments.add(row.batch_id.0)?;
    arguments.add(row.at)?;
    arguments.add(i32::from(row.format))?;
    arguments.add(&row.hash[..])?;
    arguments.add(&row.payload[..])?;
    arguments.add(append.next_due_at)?;
    arguments.add(&*append.owner_address)?;
    arguments.add(signed(append.previous.epoch.0))?;
    arguments.add(&append.previous.hash[..])
}

/// What an error reveals about the statement that failed with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// Nothing was written, for a reason that passes at once.
    Again,
    /// Nothing was written, because of the data.
    BadData,
    /// Nothing was written.
    Refused,
    /// The statement may have been executed.
    Unknown,
}

/// Classifies an error. An ERROR of the server's own means that the server rolled the statement
/// back, in COMMIT as before it. FATAL and PANIC end the session at any point, even after COMMIT,
/// and so leave the outcome open.
pub(crate) fn verdict(error: &sqlx::Error) -> Verdict {
    let sqlx::Error::Database(error) = error else {
        // The driver refused the statement before anything was sent.
        let unsent = matches!(error, sqlx::Error::Encode(_) | sqlx::Error::InvalidArgument(_));
        return if unsent { Verdict::BadData } else { Verdict::Unknown };
    };
    let Some(error) = error.try_downcast_ref::<PgDatabaseError>() else { return Verdict::Unknown };
    match (error.severity(), error.code()) {
        (PgSeverity::Fatal | PgSeverity::Panic, _) => Verdict::Unknown,
        (_, "40001" | "40P01") => Verdict::Again,
        (_, code) if code.starts_with("22") || code.starts_with("23") => Verdict::BadData,
        _ => Verdict::Refused,
    }
}
