//! Appends of many offerings in one statement. A thread sends a few appends to Postgres on their
//! own, as fast as possible. While these are under way, the appends of other offerings wait and
//! then go together, so that a thousand events that sell at once cost one wait for the disk each
//! time and not a thousand.
//!
//! Only appends without relational rows go together. No offering waits for another's lock: a head
//! that another transaction has locked, or that has changed, is left out, and its append goes on
//! its own.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::Weak;
use std::time::Duration;

use crate::journal::{AppendError, Appended};
use crate::store::journal::append_pool::AppendPool;
use crate::store::journal::append_postgres::{Verdict, append_alone, verdict};
use crate::store::journal::append_queue::{Queue, Waiting};
use crate::store::journal::signed;
use sea_orm::sqlx;
use sea_orm::sqlx::postgres::PgConnection;
use tokio::sync::mpsc;
use uuid::Uuid;

/// Most appends in one statement.
const MAX_GROUP: usize = 128;

const SQL: &str = "
WITH x AS (
    SELECT * FROM unnest($1::uuid[], $2::bigint[], $3::bigint[], $4::uuid[], $5::uuid[],
        $6::bigint[], $7::int[], $8::bytea[], $9::bytea[], $10::bigint[], $11::bytea[])
        AS x (offering, seq, epoch, owner, batch, at, format, hash, payload, due, previous)
), free AS (
    SELECT h.offering_id FROM x JOIN heads h ON h.offering_id = x.offering
    WHERE h.seq = x.seq - 1 AND h.epoch = x.epoch AND h.hash = x.previous
    FOR UPDATE OF h SKIP LOCKED
), h AS (
    UPDATE heads SET seq = x.seq, hash = x.hash, next_due_at = x.due
    FROM free JOIN x ON x.offering = free.offering_id
    WHERE heads.offering_id = free.offering_id AND heads.seq = x.seq - 1
        AND heads.epoch = x.epoch AND heads.hash = x.previous
    RETURNING heads.offering_id
)
INSERT INTO journal (offering_id, seq, epoch, owner, batch_id, at, format, hash, payload)
SELECT x.offering, x.seq, x.epoch, x.owner, x.batch, x.at, x.format, x.hash, x.payload
FROM h JOIN x ON x.offering = h.offering_id
RETURNING offering_id, (extract(epoch FROM clock_timestamp()) * 1000)::bigint";

impl AppendPool {
    /// Returns the queue into this runtime's next group.
    pub(crate) fn queue(self: &Arc<Self>, timeout: Duration) -> Queue {
        let start = || start(Arc::downgrade(self), timeout);
        self.pool().queue.get_or_init(start).clone()
    }
}

/// Starts the writer on the current runtime; the writer ends with the pool.
pub(crate) fn start(pool: Weak<AppendPool>, timeout: Duration) -> Queue {
    let (queue, mut waiting) = mpsc::unbounded_channel();
    tokio::spawn(async move {
        let mut group = Vec::new();
        while waiting.recv_many(&mut group, MAX_GROUP).await > 0 {
            let Some(pool) = pool.upgrade() else { return };
            write(&pool, timeout, std::mem::take(&mut group)).await;
        }
    });
    queue
}

async fn write(pool: &Arc<AppendPool>, timeout: Duration, group: Vec<Waiting>) {
    let mut connection = match pool.acquire().await {
        Ok(connection) => connection,
        Err(error) => {
            // Nothing has been sent.
            let error = error.to_string();
            for one in group {
                let error = anyhow::anyhow!("no connection: {error}");
                let _ = one.reply.send(Err(AppendError::Unavailable(error)));
            }
            return;
        }
    };
    let written = match tokio::time::timeout(timeout, execute(&mut connection, &group)).await {
        Ok(Ok(written)) => {
            connection.give_back();
            written
        }
        Ok(Err(error)) => match verdict(&error) {
            // Nothing was written: each append goes on its own and finds its own error.
            Verdict::Again | Verdict::BadData | Verdict::Refused => {
                connection.give_back();
                HashMap::new()
            }
            Verdict::Unknown => return unknown(group, &error.to_string()),
        },
        Err(elapsed) => return unknown(group, &elapsed.to_string()),
    };
    for Waiting { append, reply } in group {
        match written.get(&append.row.offering.0) {
            Some(now) => {
                // The caller may have stopped waiting.
                let _ = reply.send(Ok(Appended { database_now: *now }));
            }
            None => {
                let pool = Arc::clone(pool);
                tokio::spawn(async move {
                    let _ = reply.send(append_alone(&pool, timeout, &append).await);
                });
            }
        }
    }
}

fn unknown(group: Vec<Waiting>, error: &str) {
    for one in group {
        let error = anyhow::anyhow!("{error}");
        let _ = one.reply.send(Err(AppendError::OutcomeUnknown(error)));
    }
}

/// Returns the database's clock, in milliseconds, for each offering whose row was written.
async fn execute(
    connection: &mut PgConnection,
    group: &[Waiting],
) -> Result<HashMap<Uuid, i64>, sqlx::Error> {
    let rows = || group.iter().map(|one| &one.append.row);
    let written: Vec<(Uuid, i64)> = sqlx::query_as(SQL)
        .bind(rows().map(|row| row.offering.0).collect::<Vec<_>>())
        .bind(rows().map(|row| signed(row.seq.0)).collect::<Vec<_>>())
        .bind(rows().map(|row| signed(row.epoch.0)).collect::<Vec<_>>())
        .bind(rows().map(|row| row.owner.0).collect::<Vec<_>>())
        .bind(rows().map(|row| row.batch_id.0).collect::<Vec<_>>())
        .bind(rows().map(|row| row.at).collect::<Vec<_>>())
        .bind(rows().map(|row| i32::from(row.format)).collect::<Vec<_>>())
        .bind(rows().map(|row| &row.hash[..]).collect::<Vec<_>>())
        .bind(rows().map(|row| &row.payload[..]).collect::<Vec<_>>())
        .bind(group.iter().map(|one| one.append.next_due_at).collect::<Vec<_>>())
        .bind(group.iter().map(|one| &one.append.previous.hash[..]).collect::<Vec<_>>())
        .fetch_all(connection)
        .await?;
    Ok(written.into_iter().collect())
}
