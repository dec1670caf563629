//! Appends on SQLite: one writer for all offerings that commits whatever has come in together, so
//! that one fsync serves them all. Each append stands in a savepoint of its own: one that is fenced
//! or refused does not take the others with it.

use sea_orm::{DatabaseConnection, DatabaseTransaction, DbErr, TransactionTrait};
use tokio::sync::{mpsc, oneshot};

use super::journal::swap;
use super::{projection, sqlstate};
use crate::journal::{Append, AppendError, Appended};

/// The most appends in one transaction.
const MAX_GROUP: usize = 256;
/// Box offices have one append in flight each, so this is as many busy offerings.
const QUEUE: usize = 65_536;

struct Waiting {
    append: Append,
    reply: oneshot::Sender<Result<Appended, AppendError>>,
}

/// The way to the writer, which ends when the last of these is dropped.
pub(super) struct Appender {
    queue: mpsc::Sender<Waiting>,
}

impl Appender {
    /// Starts the writer on the current runtime.
    pub(super) fn start(writes: DatabaseConnection) -> Self {
        let (queue, mut waiting) = mpsc::channel(QUEUE);
        tokio::spawn(async move {
            let mut group = Vec::new();
            while waiting.recv_many(&mut group, MAX_GROUP).await > 0 {
                commit_group(&writes, std::mem::take(&mut group)).await;
            }
        });
        Self { queue }
    }

    /// There is no timeout: the file is here, and an append either gets its turn or fails.
    pub(super) async fn append(&self, append: Append) -> Result<Appended, AppendError> {
        let (reply, done) = oneshot::channel();
        if self.queue.send(Waiting { append, reply }).await.is_err() {
            return Err(AppendError::Unavailable(anyhow::anyhow!("the writer has stopped")));
        }
        done.await.unwrap_or_else(|gone| Err(AppendError::OutcomeUnknown(gone.into())))
    }
}

async fn commit_group(writes: &DatabaseConnection, group: Vec<Waiting>) {
    let transaction = match writes.begin().await {
        Ok(transaction) => transaction,
        Err(error) => return refuse(group, &error),
    };
    let mut done = Vec::with_capacity(group.len());
    for Waiting { append, reply } in group {
        let result = append_one(&transaction, &append).await;
        done.push((reply, result));
    }
    let committed = transaction.commit().await;
    for (reply, result) in done {
        let result = match &committed {
            Ok(()) => result,
            // Our own process holds the only writer, so nobody can commit it later; but whether
            // it is on disk now only the file knows.
            Err(error) => Err(AppendError::OutcomeUnknown(error.clone().into())),
        };
        // Whoever waited may have gone.
        let _ = reply.send(result);
    }
}

async fn append_one(
    transaction: &DatabaseTransaction,
    append: &Append,
) -> Result<Appended, AppendError> {
    let unavailable = |error: DbErr| AppendError::Unavailable(error.into());
    let savepoint = transaction.begin().await.map_err(unavailable)?;
    let written = match swap(&savepoint, append).await {
        Ok(Some(appended)) => projection::write(&savepoint, append).await.map(|()| Some(appended)),
        other => other,
    };
    match written {
        Ok(Some(appended)) => {
            savepoint.commit().await.map_err(unavailable)?;
            Ok(appended)
        }
        Ok(None) => {
            savepoint.rollback().await.map_err(unavailable)?;
            Err(AppendError::Fenced)
        }
        Err(error) => {
            savepoint.rollback().await.map_err(unavailable)?;
            let refused = sqlstate(&error)
                .is_some_and(|code| code.starts_with("22") || code.starts_with("23"));
            Err(if refused { AppendError::BadData(error.into()) } else { unavailable(error) })
        }
    }
}

fn refuse(group: Vec<Waiting>, error: &DbErr) {
    for waiting in group {
        let _ = waiting.reply.send(Err(AppendError::Unavailable(error.clone().into())));
    }
}
