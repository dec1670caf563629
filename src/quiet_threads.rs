//! Threads of low priority: what they do is work that no one waits for at a screen, and a sale that
//! needs the processors goes first.

use std::num::NonZero;
use std::thread;

use tokio::runtime::{Builder, Runtime};

/// How much lower the priority is. The scheduler of Linux gives such a thread a ninth of what it gives
/// one of usual priority, and all that no other wants.
#[cfg(target_os = "linux")]
const NICE: i32 = 10;
#[cfg(target_os = "linux")]
const LOWEST: i32 = 19;

/// The threads: at most half as many as there are processors.
pub(super) struct QuietThreads(Option<Runtime>);

impl QuietThreads {
    /// Starts no thread before there is work.
    ///
    /// # Errors
    /// The machine gives no more.
    pub(super) fn new() -> std::io::Result<Self> {
        let processors = thread::available_parallelism().map_or(1, NonZero::get);
        // Only the runtime's threads for blocking work are used.
        let runtime = Builder::new_current_thread()
            .thread_name("quiet")
            .max_blocking_threads((processors / 2).max(1))
            .on_thread_start(lower_priority)
            .build()?;
        Ok(Self(Some(runtime)))
    }

    /// Does the work; returns `None` if it panicked.
    pub(super) async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Option<T> {
        let runtime = self.0.as_ref().expect("there until dropped");
        runtime.spawn_blocking(work).await.ok()
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

fn lower_priority() {
    // Elsewhere than on Linux this would be the priority of the whole process.
    #[cfg(target_os = "linux")]
    {
        use rustix::process::{getpriority_process, setpriority_process};
        let lower = getpriority_process(None).map(|own| (own + NICE).min(LOWEST));
        if let Err(error) = lower.and_then(|nice| setpriority_process(None, nice)) {
            tracing::debug!(%error, "a thread keeps its usual priority");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn work_runs_at_low_priority_and_a_panic_ends_only_itself() {
        let threads = QuietThreads::new().expect("threads");
        assert_eq!(threads.run(|| panic!("for the test")).await, None::<()>);
        let priority = threads.run(|| rustix::process::getpriority_process(None)).await;
        let priority = priority.expect("no panic").expect("a priority");
        let own = rustix::process::getpriority_process(None).expect("a priority");
        let expected = if cfg!(target_os = "linux") { (own + 10).min(19) } else { own };
        assert_eq!(priority, expected);
    }
}
