//! Threads of low priority for work that keeps processors busy and is not a sale: a sale that needs the
//! processors goes first.

use std::num::NonZero;

use tokio::runtime::{Builder, Runtime};

/// How much lower the priority of the threads is. It counts on Linux alone.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Share {
    /// A third of what a thread of usual priority gets, and all that no other wants.
    Third = 5,
    /// A ninth.
    Ninth = 10,
}

#[cfg(target_os = "linux")]
const LOWEST: i32 = 19;

/// The threads. None starts before there is work.
pub(crate) struct QuietThreads(Option<Runtime>);

impl QuietThreads {
    /// At most `threads` of them.
    pub(crate) fn new(threads: usize, share: Share) -> Self {
        // Only the runtime's threads for blocking work are used.
        let runtime = Builder::new_current_thread()
            .thread_name("quiet")
            .max_blocking_threads(threads.max(1))
            .on_thread_start(move || lower_priority(share))
            .build();
        Self(Some(runtime.expect("a runtime without drivers needs nothing of the machine")))
    }

    /// Half as many as there are processors.
    pub(crate) fn half(share: Share) -> Self {
        Self::new(std::thread::available_parallelism().map_or(1, NonZero::get) / 2, share)
    }

    /// Starts the work as soon as a thread is free.
    pub(crate) fn start(&self, work: impl FnOnce() + Send + 'static) {
        self.runtime().spawn_blocking(work);
    }

    /// Does the work; returns `None` if it panicked.
    pub(crate) async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Option<T> {
        self.runtime().spawn_blocking(work).await.ok()
    }

    fn runtime(&self) -> &Runtime {
        self.0.as_ref().expect("there until dropped")
    }
}

impl Drop for QuietThreads {
    fn drop(&mut self) {
        if let Some(runtime) = self.0.take() {
            // Waits for no thread: this may run on one that must not block.
            runtime.shutdown_background();
        }
    }
}

fn lower_priority(share: Share) {
    // Elsewhere than on Linux this would be the priority of the whole process.
    #[cfg(target_os = "linux")]
    {
        use rustix::process::{getpriority_process, setpriority_process};
        let lower = getpriority_process(None).map(|own| (own + share as i32).min(LOWEST));
        if let Err(error) = lower.and_then(|nice| setpriority_process(None, nice)) {
            tracing::debug!(%error, "a thread keeps its usual priority");
        }
    }
    #[cfg(not(target_os = "linux"))]
    let _ = share;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn work_runs_at_low_priority_and_a_panic_ends_only_itself() {
        let threads = QuietThreads::half(Share::Ninth);
        assert_eq!(threads.run(|| panic!("for the test")).await, None::<()>);
        let priority = threads.run(|| rustix::process::getpriority_process(None)).await;
        let priority = priority.expect("no panic").expect("a priority");
        let own = rustix::process::getpriority_process(None).expect("a priority");
        let expected = if cfg!(target_os = "linux") { (own + 10).min(19) } else { own };
        assert_eq!(priority, expected);
    }
}
