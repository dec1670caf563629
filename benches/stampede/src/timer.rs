//! Waits until the next arrival is due. Tokio's timers have a resolution of a millisecond, which is
//! many times an answer's latency: on Linux a kernel timer wakes the worker instead.

use std::time::Duration;

use tokio::time::Instant;

/// Sleeps with microsecond resolution, as far as the machine allows.
pub struct Timer {
    #[cfg(target_os = "linux")]
    fd: Option<tokio::io::unix::AsyncFd<std::os::fd::OwnedFd>>,
}

impl Timer {
    /// A timer of the current runtime.
    #[must_use]
    pub fn new() -> Self {
        #[cfg(target_os = "linux")]
        {
            use rustix::time::{TimerfdClockId, TimerfdFlags, timerfd_create};
            let flags = TimerfdFlags::NONBLOCK | TimerfdFlags::CLOEXEC;
            let fd = timerfd_create(TimerfdClockId::Monotonic, flags).ok();
            #[expect(
                deprecated,
                reason = "its successor is unsafe, for a promise that an owned descriptor keeps"
            )]
            let register = tokio::io::unix::AsyncFd::new;
            Self { fd: fd.and_then(|fd| register(fd).ok()) }
        }
        #[cfg(not(target_os = "linux"))]
        Self {}
    }

    /// Waits until `then`; returns at once when it is past.
    pub async fn sleep_until(&self, then: Instant) {
        let left = then.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return;
        }
        #[cfg(target_os = "linux")]
        if self.sleep_fine(left).await.is_some() {
            return;
        }
        tokio::time::sleep(left).await;
    }

    #[cfg(target_os = "linux")]
    async fn sleep_fine(&self, left: Duration) -> Option<()> {
        use rustix::time::{Itimerspec, TimerfdTimerFlags, Timespec, timerfd_settime};
        let fd = self.fd.as_ref()?;
        let once = Itimerspec {
            it_interval: Timespec { tv_sec: 0, tv_nsec: 0 },
            it_value: Timespec {
                tv_sec: i64::try_from(left.as_secs()).ok()?,
                tv_nsec: i64::from(left.subsec_nanos()),
            },
        };
        timerfd_settime(fd.get_ref(), TimerfdTimerFlags::empty(), &once).ok()?;
        // The descriptor is readable once the timer has fired, and no longer when the timer is set
        // again.
        let mut ready = fd.readable().await.ok()?;
        ready.clear_ready();
        Some(())
    }
}

impl Default for Timer {
    fn default() -> Self {
        Self::new()
    }
}
