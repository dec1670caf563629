//! Messages of many people become one transaction: the messages that arrive while one is stored are
//! stored together by the next. A message is told to listeners only once it is stored.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};

use super::error::ChatError;
use super::hub::Hub;
use super::said::{Said, SeenMessage};
use crate::community::metrics;
use crate::ids::RoomId;
use crate::store::{ChatWrite, ChatWritten, StoreError};

/// Writes that may wait.
const MAX_WAITING: usize = 2_048;
/// How long the database may take for the writes of one transaction.
const PATIENCE: Duration = Duration::from_secs(5);
/// Writes of one transaction.
const AT_ONCE: usize = 256;

struct Job {
    write: ChatWrite,
    author_name: Arc<str>,
    reply: oneshot::Sender<Result<ChatWritten, ChatError>>,
}

/// The way to the one task that writes messages.
pub(super) struct Writer(mpsc::Sender<Job>);

impl Writer {
    /// Starts the task. To be called in the runtime.
    pub(super) fn start(hub: Arc<Hub>) -> Self {
        let (jobs, waiting) = mpsc::channel(MAX_WAITING);
        tokio::spawn(work(hub, waiting));
        Self(jobs)
    }

    /// Makes a write, and tells listeners of it. `author_name` is the name of the message's author.
    pub(super) async fn write(
        &self,
        write: ChatWrite,
        author_name: Arc<str>,
    ) -> Result<ChatWritten, ChatError> {
        let (reply, written) = oneshot::channel();
        let job = Job { write, author_name, reply };
        self.0.try_send(job).map_err(|_| ChatError::Busy)?;
        written.await.map_err(|_| ChatError::Busy)?
    }
}

async fn work(hub: Arc<Hub>, mut waiting: mpsc::Receiver<Job>) {
    let mut jobs = Vec::with_capacity(AT_ONCE);
    while waiting.recv_many(&mut jobs, AT_ONCE).await > 0 {
        let writes: Vec<ChatWrite> = jobs.iter().map(|job| job.write.clone()).collect();
        let mut written = write(&hub, &writes).await;
        if matches!(written, Err(ChatError::Busy)) {
            // Its answer may be lost: what is stored already is found and not stored again.
            written = write(&hub, &writes).await;
        }
        match written {
            Ok(written) => told(&hub, jobs.drain(..).zip(written.into_iter().map(Ok))),
            Err(ChatError::Busy) => {
                let refused = jobs.drain(..).map(|job| (job, Err(ChatError::Busy)));
                told(&hub, refused);
            }
            Err(error) => {
                // One that cannot be stored must not stop the others.
                tracing::debug!(%error, writes = writes.len(), "messages are stored one by one");
                for job in jobs.drain(..) {
                    let written = write(&hub, std::slice::from_ref(&job.write)).await;
                    let none = || ChatError::from(StoreError::Damaged("no answer".into()));
                    let written = written.and_then(|mut all| all.pop().ok_or_else(none));
                    told(&hub, std::iter::once((job, written)));
                }
            }
        }
    }
}

/// Stores messages; [`ChatError::Busy`] if the database does not answer.
async fn write(hub: &Hub, writes: &[ChatWrite]) -> Result<Vec<ChatWritten>, ChatError> {
    match tokio::time::timeout(PATIENCE, hub.site.store.chat_write(writes)).await {
        Ok(Ok(written)) => Ok(written),
        Ok(Err(StoreError::Unavailable(error))) => {
            tracing::debug!(%error, writes = writes.len(), "messages cannot be stored");
            Err(ChatError::Busy)
        }
        Ok(Err(error)) => Err(error.into()),
        Err(_) => Err(ChatError::Busy),
    }
}

/// Tells listeners what is stored, and then those who have asked for it.
fn told(hub: &Hub, written: impl Iterator<Item = (Job, Result<ChatWritten, ChatError>)>) {
    let mut by_room: BTreeMap<RoomId, Vec<SeenMessage>> = BTreeMap::new();
    let mut replies = Vec::new();
    for (Job { write, author_name, reply }, written) in written {
        metrics::written(match &written {
            Ok(ChatWritten::Done(_)) => "stored",
            Ok(ChatWritten::Before(_)) => "repeated",
            Ok(_) => "refused",
            Err(_) => "failed",
        });
        if let Ok(ChatWritten::Done(row)) = &written {
            let author_name = Some(author_name).filter(|name| !name.is_empty());
            let seen = SeenMessage { row: row.clone(), author_name };
            by_room.entry(write.room()).or_default().push(seen);
        }
        replies.push((reply, written));
    }
    for (room, changes) in by_room {
        hub.say(room, Said::Changes(changes));
    }
    for (reply, written) in replies {
        // One who has gone reads it in the history.
        let _ = reply.send(written);
    }
}
