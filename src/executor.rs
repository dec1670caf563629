//! Runs tasks that belong to no actor: on the threads of a server, or on the one thread of a
//! simulation. A task spawned through here runs the same in both.

use std::panic::{AssertUnwindSafe, catch_unwind};

use tokio::runtime::Handle;
use tokio::task::JoinHandle;

/// An executor of tasks.
#[derive(Clone, Debug)]
pub enum Executor {
    /// A multi-thread runtime that outlives the tasks spawned on it.
    Threads(Handle),
    /// The `LocalSet` that the caller is polled in. It ends when that is dropped, at any await.
    Here,
}

/// The error of work that panicked, or whose runtime is gone.
#[derive(Debug, thiserror::Error)]
#[error("the task panicked or its runtime is gone")]
pub struct Died;

impl Executor {
    /// Spawns a task.
    pub fn spawn<F>(&self, task: F) -> JoinHandle<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        match self {
            Self::Threads(runtime) => runtime.spawn(task),
            Self::Here => tokio::task::spawn_local(task),
        }
    }

    /// Runs long computations where they do not block other tasks.
    ///
    /// # Errors
    /// [`Died`].
    pub async fn compute<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, Died> {
        match self {
            Self::Threads(runtime) => runtime.spawn_blocking(work).await.map_err(|_| Died),
            Self::Here => catch_unwind(AssertUnwindSafe(work)).map_err(|_| Died),
        }
    }
}
