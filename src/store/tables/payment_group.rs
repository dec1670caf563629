//! Payments in groups. All payments that arrive while a group is written are written together, so
//! that one statement and one wait for the disk serve many payments. A group handles only the
//! ordinary case (a new key, a reservation that waits, enough money in the wallet); the payments
//! that it leaves out are decided one by one, each with its reason.

mod postgres;
pub(crate) mod requests;
mod sqlite;

use requests::Authorizing;
pub use requests::Beginning;
use requests::{Begun, Result, begun_row};
use std::collections::HashSet;

use sea_orm::sqlx::{PgPool, SqlitePool};
use tokio::sync::{mpsc, oneshot};

use crate::ids::PaymentId;
use crate::store::tables::payment_row::PaymentRow;

/// Most payments in one statement.
const MAX_GROUP: usize = 256;
const QUEUE: usize = 16_384;
/// Number of writers: one for each kind of group.
pub(crate) const WRITERS: u32 = 2;

/// The database that groups are written to.
#[derive(Clone)]
pub(crate) enum Writes {
    Postgres(PgPool),
    Sqlite(SqlitePool),
}

struct Waiting<T, R> {
    asked: T,
    reply: oneshot::Sender<Option<R>>,
}

/// The queues to the writers, which end when this value is dropped.
pub(crate) struct PaymentGroups {
    beginnings: mpsc::Sender<Waiting<Beginning, PaymentRow>>,
    authorizings: mpsc::Sender<Waiting<Authorizing, ()>>,
}

impl PaymentGroups {
    /// Starts the writers on the current runtime.
    pub(crate) fn start(writes: Writes) -> Self {
        let (beginnings, waiting) = mpsc::channel(QUEUE);
        tokio::spawn(begin_all(writes.clone(), waiting));
        let (authorizings, waiting) = mpsc::channel(QUEUE);
        tokio::spawn(authorize_all(writes, waiting));
        Self { beginnings, authorizings }
    }

    /// Begins a payment. Returns `None` when the payment has to be handled on its own; it may have
    /// been begun here all the same.
    pub(crate) async fn begin(&self, asked: Beginning) -> Option<PaymentRow> {
        ask(&self.beginnings, asked).await
    }

    /// Sets money of a wallet aside; returns `None` as [`Self::begin`] does.
    pub(crate) async fn authorize(&self, asked: Authorizing) -> Option<()> {
        ask(&self.authorizings, asked).await
    }
}

async fn ask<T, R>(queue: &mpsc::Sender<Waiting<T, R>>, asked: T) -> Option<R> {
    let (reply, answer) = oneshot::channel();
    queue.send(Waiting { asked, reply }).await.ok()?;
    answer.await.ok()?
}

async fn begin_all(writes: Writes, mut waiting: mpsc::Receiver<Waiting<Beginning, PaymentRow>>) {
    let mut group = Vec::new();
    while waiting.recv_many(&mut group, MAX_GROUP).await > 0 {
        let asked: Vec<_> = group.iter().map(|one| &one.asked).collect();
        let begun = match &writes {
            Writes::Postgres(pool) => postgres::begin(pool, &asked).await,
            Writes::Sqlite(pool) => sqlite::begin(pool, &asked).await,
        };
        let mut begun = begun.unwrap_or_else(|error| {
            tracing::debug!(%error, "payments could not be begun in a group");
            Vec::new()
        });
        for Waiting { asked, reply } in group.drain(..) {
            // Of two requests with one id, which means one key, the first gets the row.
            let at = begun.iter().position(|row| row.id == asked.id);
            // The caller may have stopped waiting.
            let _ = reply.send(at.map(|at| begun.swap_remove(at)));
        }
    }
}

async fn authorize_all(writes: Writes, mut waiting: mpsc::Receiver<Waiting<Authorizing, ()>>) {
    let mut group: Vec<Waiting<Authorizing, ()>> = Vec::new();
    loop {
        // Requests that were left over go on at once; otherwise the writer waits for the next one.
        if group.is_empty() && waiting.recv_many(&mut group, MAX_GROUP).await == 0 {
            return;
        }
        while group.len() < MAX_GROUP
            && let Ok(more) = waiting.try_recv()
        {
            group.push(more);
        }
        // A statement changes a wallet once: further payments of the same customer go into the
        // next.
        let mut seen = HashSet::new();
        let (now, later): (Vec<_>, Vec<_>) =
            group.into_iter().partition(|one| seen.insert(one.asked.user));
        group = later;
        let asked: Vec<_> = now.iter().map(|one| one.asked).collect();
        let done = match &writes {
            Writes::Postgres(pool) => postgres::authorize(pool, &asked).await,
            Writes::Sqlite(pool) => sqlite::authorize(pool, &asked).await,
        };
        let done: HashSet<PaymentId> = match done {
            Ok(done) => done.into_iter().collect(),
            Err(error) => {
                tracing::debug!(%error, "payments could not be authorized in a group");
                HashSet::new()
            }
        };
        for Waiting { asked, reply } in now {
            let _ = reply.send(done.contains(&asked.id).then_some(()));
        }
    }
}
