//! Answers and salts in groups. At the second at which recruitment opens, each application writes a row
//! of answers before its command; all that arrive while a group is written are written together, by one
//! transaction and one wait for the disk.

use entities::{answer_salt, enrollment_answers, enrollment_reason};
use sea_orm::sea_query::OnConflict;
use sea_orm::{ColumnTrait, DatabaseConnection, DbErr, EntityTrait, QueryFilter, TransactionTrait};
use tokio::sync::{mpsc, oneshot};

use crate::ids::{AnswersId, ReasonId};
use crate::store::StoreError;

/// Most rows in one transaction.
const MAX_GROUP: usize = 64;
const QUEUE: usize = 4_096;

/// A row to write.
#[derive(Clone, Debug)]
pub(crate) enum Words {
    Answers(enrollment_answers::ActiveModel),
    /// Written only if the person has none.
    Salt(answer_salt::ActiveModel),
    /// Answers to delete, since their command took no effect.
    UnusedAnswers(AnswersId),
    /// A reason to delete, likewise.
    UnusedReason(ReasonId),
}

struct Waiting {
    words: Words,
    reply: oneshot::Sender<Result<(), StoreError>>,
}

/// The queue to the writer, which ends when this value is dropped.
pub(crate) struct WordsGroups(mpsc::Sender<Waiting>);

impl WordsGroups {
    /// Starts the writer on the current runtime.
    pub(crate) fn start(writes: DatabaseConnection) -> Self {
        let (queue, waiting) = mpsc::channel(QUEUE);
        tokio::spawn(write_all(writes, waiting));
        Self(queue)
    }

    /// Returns when the row is durable.
    pub(crate) async fn write(&self, words: Words) -> Result<(), StoreError> {
        let (reply, written) = oneshot::channel();
        let stopped = || DbErr::Custom("the store is stopping".into());
        self.0.send(Waiting { words, reply }).await.map_err(|_| stopped())?;
        written.await.map_err(|_| stopped())?
    }

    /// Deletes unused words soon. If that fails, or the queue is full, the sweep does it.
    pub(crate) fn forget(&self, unused: Words) {
        let (reply, _) = oneshot::channel();
        let _ = self.0.try_send(Waiting { words: unused, reply });
    }
}

async fn write_all(writes: DatabaseConnection, mut waiting: mpsc::Receiver<Waiting>) {
    let mut group = Vec::new();
    while waiting.recv_many(&mut group, MAX_GROUP).await > 0 {
        let words: Vec<_> = group.iter().map(|one| one.words.clone()).collect();
        let is_written = match write(&writes, words).await {
            Ok(()) => true,
            Err(error) => {
                tracing::debug!(%error, "answers could not be written in a group");
                false
            }
        };
        for Waiting { words, reply } in group.drain(..) {
            let written = match is_written {
                true => Ok(()),
                // One row that the database refuses must not take the others with it.
                false => write(&writes, vec![words]).await.map_err(StoreError::from),
            };
            // The caller may have stopped waiting.
            let _ = reply.send(written);
        }
    }
}

async fn write(writes: &DatabaseConnection, words: Vec<Words>) -> Result<(), DbErr> {
    let (mut answers, mut salts) = (Vec::new(), Vec::new());
    let (mut unused_answers, mut unused_reasons) = (Vec::new(), Vec::new());
    for one in words {
        match one {
            Words::Answers(row) => answers.push(row),
            Words::Salt(row) => salts.push(row),
            Words::UnusedAnswers(id) => unused_answers.push(id.0),
            Words::UnusedReason(id) => unused_reasons.push(id.0),
        }
    }
    let transaction = writes.begin().await?;
    if !answers.is_empty() {
        enrollment_answers::Entity::insert_many(answers)
            .exec_without_returning(&transaction)
            .await?;
    }
    if !salts.is_empty() {
        answer_salt::Entity::insert_many(salts)
            .on_conflict(OnConflict::new().do_nothing().to_owned())
            .exec_without_returning(&transaction)
            .await?;
    }
    if !unused_answers.is_empty() {
        enrollment_answers::Entity::delete_many()
            .filter(enrollment_answers::Column::Id.is_in(unused_answers))
            .exec(&transaction)
            .await?;
    }
    if !unused_reasons.is_empty() {
        enrollment_reason::Entity::delete_many()
            .filter(enrollment_reason::Column::Id.is_in(unused_reasons))
            .exec(&transaction)
            .await?;
    }
    transaction.commit().await
}
