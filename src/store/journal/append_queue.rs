//! The queue of appends that wait for the next statement of their thread.

use tokio::sync::{mpsc, oneshot};

use crate::journal::{Append, AppendError, Appended, Record};
use crate::store::journal::projection::Projection;

pub(crate) type Reply = oneshot::Sender<Result<Appended, AppendError>>;

/// An append that waits for the next statement.
pub(crate) struct Waiting {
    pub(crate) append: Append,
    pub(crate) reply: Reply,
}

/// The queue into a thread's next statement.
pub(crate) type Queue = mpsc::UnboundedSender<Waiting>;

/// True if an append may join a group: it is no takeover, and writes nothing but its journal row.
pub(crate) fn may_join(append: &Append) -> bool {
    matches!(*append.record, Record::Batch(_))
        && append.previous.epoch == append.row.epoch
        && Projection::of(&append.row, &append.record).is_none()
}

/// Queues the append for the next statement, and waits for its result.
pub(crate) async fn join(queue: &Queue, append: Append) -> Result<Appended, AppendError> {
    let (reply, done) = oneshot::channel();
    if queue.send(Waiting { append, reply }).is_err() {
        return Err(AppendError::Unavailable(anyhow::anyhow!("the writer has stopped")));
    }
    done.await.unwrap_or_else(|gone| Err(AppendError::OutcomeUnknown(gone.into())))
}
