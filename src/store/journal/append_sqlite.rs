//! Appends on SQLite. One writer for all offerings commits all waiting appends together, so that
//! one fsync serves them all. An append that is fenced or refused does not take the others with it:
//! a fenced append has written nothing, and one with relational rows has its own savepoint.

use std::time::Duration;

use sea_orm::sqlx::error::BoxDynError;
use sea_orm::sqlx::pool::PoolConnection;
use sea_orm::sqlx::sqlite::{SqliteArguments, SqliteConnection};
use sea_orm::sqlx::{self, Arguments, AssertSqlSafe, Sqlite, SqlitePool};
use tokio::sync::{mpsc, oneshot};

use crate::journal::{Append, AppendError, Appended};
use crate::store::journal::projection::{Projection, sqlite};
use crate::store::journal::signed;

/// Most appends in one transaction.
const MAX_GROUP: usize = 256;
/// Each box office has one append in flight, so this is the number of busy offerings that fit.
const QUEUE: usize = 65_536;

/// Both statements in one trip to the connection's thread. `changes()` returns how many rows the
/// update changed.
const SWAP: &str = "
UPDATE heads SET seq = $2, epoch = $3, hash = $8, next_due_at = $10,
    owner = CASE WHEN epoch = $3 THEN owner ELSE $4 END,
    owner_address = CASE WHEN epoch = $3 THEN owner_address ELSE $11 END
WHERE offering_id = $1 AND seq = $2 - 1 AND epoch = $12 AND hash = $13;
INSERT INTO journal (offering_id, seq, epoch, owner, batch_id, at, format, hash, payload)
SELECT $1, $2, $3, $4, $5, $6, $7, $8, $9 WHERE changes() = 1
RETURNING CAST(unixepoch('subsec') * 1000 AS INTEGER)";

struct Waiting {
    append: Append,
    reply: oneshot::Sender<Result<Appended, AppendError>>,
}

/// The queue to the writer, which ends when the last of these is dropped.
pub(crate) struct Appender {
    queue: mpsc::Sender<Waiting>,
}

impl Appender {
    /// Starts the writer on the current runtime.
    pub(crate) fn start(writes: SqlitePool) -> Self {
        let (queue, mut waiting) = mpsc::channel(QUEUE);
        tokio::spawn(async move {
            let mut group = Vec::new();
            while waiting.recv_many(&mut group, MAX_GROUP).await > 0 {
                commit_group(&writes, std::mem::take(&mut group)).await;
            }
        });
        Self { queue }
    }

    /// Queues the append and waits for its group. An append that times out stays in the queue: its
    /// outcome is unknown until an append queued after it is answered.
    pub(crate) async fn append(
        &self,
        append: Append,
        timeout: Duration,
    ) -> Result<Appended, AppendError> {
        let (reply, done) = oneshot::channel();
        if self.queue.send(Waiting { append, reply }).await.is_err() {
            return Err(AppendError::Unavailable(anyhow::anyhow!("the writer has stopped")));
        }
        match tokio::time::timeout(timeout, done).await {
            Ok(Ok(result)) => result,
            Ok(Err(gone)) => Err(AppendError::OutcomeUnknown(gone.into())),
            Err(elapsed) => Err(AppendError::OutcomeUnknown(elapsed.into())),
        }
    }
}

async fn commit_group(writes: &SqlitePool, group: Vec<Waiting>) {
    let mut connection = match begin(writes).await {
        Ok(connection) => connection,
        Err(error) => return refuse(group, &error),
    };
    let mut done = Vec::with_capacity(group.len());
    let mut broken = None;
    for Waiting { append, reply } in group {
        let result = match &broken {
            None => append_one(&mut connection, &append, &mut broken).await,
            Some(_) => Err(AppendError::Fenced),
        };
        done.push((reply, result));
    }
    // A group that met an error of the file is given up: it must not be committed in part.
    let ended = match broken {
        None => execute(&mut connection, "COMMIT").await.map_err(|error| (error.into(), true)),
        Some(error) => Err((error, false)),
    };
    if ended.is_err() {
        // The connection may be in any state, so it is closed; that rolls back an open transaction.
        connection.close_on_drop();
    }
    drop(connection);
    for (reply, result) in done {
        let result = match &ended {
            Ok(()) => result,
            // The group cannot be committed later, but only the file knows whether it is on disk
            // now.
            Err((error, true)) => {
                Err(AppendError::OutcomeUnknown(anyhow::anyhow!("COMMIT failed: {error}")))
            }
            Err((error, false)) => {
                Err(AppendError::Unavailable(anyhow::anyhow!("the group was rolled back: {error}")))
            }
        };
        // The caller may have stopped waiting.
        let _ = reply.send(result);
    }
}

async fn begin(writes: &SqlitePool) -> Result<PoolConnection<Sqlite>, sqlx::Error> {
    let mut connection = writes.acquire().await?;
    if let Err(error) = execute(&mut connection, "BEGIN IMMEDIATE").await {
        connection.close_on_drop();
        return Err(error);
    }
    Ok(connection)
}

/// Appends inside the group's transaction. An error that is not specific to this append goes to
/// `broken`.
async fn append_one(
    connection: &mut SqliteConnection,
    append: &Append,
    broken: &mut Option<anyhow::Error>,
) -> Result<Appended, AppendError> {
    let rows = Projection::of(&append.row, &append.record);
    let refused = |error: sqlx::Error| {
        if is_bad_data(&error) {
            return AppendError::BadData(error.into());
        }
        let told = AppendError::Unavailable(anyhow::anyhow!("{error}"));
        *broken = Some(error.into());
        told
    };
    let written = match rows {
        None => swap(connection, append).await,
        Some(rows) => append_in_savepoint(connection, append, &rows).await,
    };
    written.map_err(refused)?.ok_or(AppendError::Fenced)
}

async fn append_in_savepoint(
    connection: &mut SqliteConnection,
    append: &Append,
    rows: &Projection,
) -> Result<Option<Appended>, sqlx::Error> {
    // Encoded first: a refusal at this point has touched nothing.
    let (sql, arguments) = sqlite::statements(rows).map_err(sqlx::Error::Encode)?;
    execute(connection, "SAVEPOINT append").await?;
    let written = match swap(connection, append).await {
        Ok(Some(appended)) => {
            project(connection, rows, sql, arguments).await.map(|()| Some(appended))
        }
        other => other,
    };
    if written.is_err() {
        execute(connection, "ROLLBACK TO append").await?;
    }
    execute(connection, "RELEASE append").await?;
    written
}

async fn project(
    connection: &mut SqliteConnection,
    rows: &Projection,
    sql: String,
    arguments: SqliteArguments,
) -> Result<(), sqlx::Error> {
    let returned = sqlx::query_with(AssertSqlSafe(sql), arguments).fetch_all(connection).await?;
    sqlite::check_captures(rows, returned.len()).map_err(sqlx::Error::Encode)
}

/// Swaps the head and writes the row; returns `None` when the head has changed.
async fn swap(
    connection: &mut SqliteConnection,
    append: &Append,
) -> Result<Option<Appended>, sqlx::Error> {
    let mut arguments = SqliteArguments::default();
    bind(&mut arguments, append).map_err(sqlx::Error::Encode)?;
    let now: Option<i64> =
        sqlx::query_scalar_with(SWAP, arguments).fetch_optional(connection).await?;
    Ok(now.map(|database_now| Appended { database_now }))
}

fn bind(arguments: &mut SqliteArguments, append: &Append) -> Result<(), BoxDynError> {
    let row = &append.row;
    arguments.add(row.offering.0)?;
    arguments.add(signed(row.seq.0))?;
    arguments.add(signed(row.epoch.0))?;
    arguments.add(row.owner.0)?;
    arguments.add(row.batch_id.0)?;
    arguments.add(row.at)?;
    arguments.add(i32::from(row.format))?;
    arguments.add(row.hash.to_vec())?;
    arguments.add(row.payload.to_vec())?;
    arguments.add(append.next_due_at)?;
    arguments.add(append.owner_address.to_string())?;
    arguments.add(signed(append.previous.epoch.0))?;
    arguments.add(append.previous.hash.to_vec())
}

async fn execute(connection: &mut SqliteConnection, sql: &'static str) -> Result<(), sqlx::Error> {
    sqlx::query(sql).execute(connection).await.map(|_| ())
}

/// True if the error is about the values and not about the file: a refusal by this process, or
/// SQLITE_TOOBIG, SQLITE_CONSTRAINT, SQLITE_MISMATCH.
fn is_bad_data(error: &sqlx::Error) -> bool {
    if matches!(error, sqlx::Error::Encode(_)) {
        return true;
    }
    let code = error.as_database_error().and_then(|error| error.code()?.parse::<i32>().ok());
    matches!(code.map(|code| code & 0xff), Some(18..=20))
}

fn refuse(group: Vec<Waiting>, error: &sqlx::Error) {
    for waiting in group {
        let error = anyhow::anyhow!("no transaction: {error}");
        let _ = waiting.reply.send(Err(AppendError::Unavailable(error)));
    }
}
