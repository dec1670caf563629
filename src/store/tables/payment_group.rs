//! Payments in groups: whatever has come in while a group was written is written together, so that
//! one statement and one wait for the disk serve many payments. Only the ordinary way goes through
//! here (a new key, a reservation that waits, enough in the wallet); what a group leaves out is
//! decided one by one, with its reason.

mod postgres;
mod sqlite;

use std::collections::HashSet;

use sea_orm::sqlx::{self, PgPool, SqlitePool};
use tokio::sync::{mpsc, oneshot};

use crate::ids::{PaymentId, ReservationId, UserId};
use crate::inventory::TimestampMs;
use crate::store::tables::payment::PaymentRow;

/// The most in one statement.
const MAX_GROUP: usize = 256;
const QUEUE: usize = 16_384;
/// Writers: one for each kind of group.
pub(crate) const WRITERS: u32 = 2;

/// Where groups are written.
#[derive(Clone)]
pub(crate) enum Writes {
    Postgres(PgPool),
    Sqlite(SqlitePool),
}

/// A payment to begin: what it is for is read from the reservation.
#[derive(Clone, Copy, Debug)]
pub struct Beginning {
    /// Derived from the key.
    pub id: PaymentId,
    /// Whose reservation it must be.
    pub user: UserId,
    /// What is paid for.
    pub reservation: ReservationId,
    /// How.
    pub method: &'static str,
    /// Now.
    pub now: TimestampMs,
    /// When the recovery scan may first look at it.
    pub retry_at: TimestampMs,
}

/// A payment whose money is to be set aside.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Authorizing {
    pub(crate) id: PaymentId,
    pub(crate) user: UserId,
    pub(crate) now: TimestampMs,
}

struct Waiting<T, R> {
    asked: T,
    reply: oneshot::Sender<Option<R>>,
}

/// The ways to the writers, which end when these are dropped.
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

    /// Begins a payment; `None` when it has to be looked at by itself, whatever became of it here.
    pub(crate) async fn begin(&self, asked: Beginning) -> Option<PaymentRow> {
        ask(&self.beginnings, asked).await
    }

    /// Sets money aside; `None` as for [`Self::begin`].
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
        let asked: Vec<_> = group.iter().map(|one| one.asked).collect();
        let begun = match &writes {
            Writes::Postgres(pool) => postgres::begin(pool, &asked).await,
            Writes::Sqlite(pool) => sqlite::begin(pool, &asked).await,
        };
        let mut begun = begun.unwrap_or_else(|error| {
            tracing::debug!(%error, "payments could not be begun in a group");
            Vec::new()
        });
        for Waiting { asked, reply } in group.drain(..) {
            // Of two with one id, which is one key, the first is given the row.
            let at = begun.iter().position(|row| row.id == asked.id);
            // Whoever asked may have gone.
            let _ = reply.send(at.map(|at| begun.swap_remove(at)));
        }
    }
}

async fn authorize_all(writes: Writes, mut waiting: mpsc::Receiver<Waiting<Authorizing, ()>>) {
    let mut group: Vec<Waiting<Authorizing, ()>> = Vec::new();
    loop {
        // What was left over goes on at once; else whoever comes is waited for.
        if group.is_empty() && waiting.recv_many(&mut group, MAX_GROUP).await == 0 {
            return;
        }
        while group.len() < MAX_GROUP
            && let Ok(more) = waiting.try_recv()
        {
            group.push(more);
        }
        // A wallet changes once in a statement: others of the same customer come next.
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

/// A row as the beginning of a payment gives it back.
type Begun = (uuid::Uuid, uuid::Uuid, uuid::Uuid, uuid::Uuid, i64, String, Option<i64>);

fn begun_row(row: Begun) -> PaymentRow {
    let (id, reservation, offering, user, amount, currency, next_try_at) = row;
    PaymentRow {
        id: PaymentId(id),
        reservation: ReservationId(reservation),
        offering: crate::ids::OfferingId(offering),
        user: UserId(user),
        state: crate::store::tables::payment::PaymentState::Created,
        amount,
        currency,
        attempts: 0,
        next_try_at,
    }
}

type Result<T> = std::result::Result<T, sqlx::Error>;
