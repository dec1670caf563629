//! Shell commands that run at a given second of the run, for example to break something.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use serde::Serialize;
use tokio::time::Instant;

use crate::say;

/// A command and how it ended.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Ran {
    /// Seconds into the run.
    pub at: f64,
    /// The command, as on the command line.
    pub command: String,
    /// The exit status, or why the command could not be run.
    pub ended: String,
}

/// The longest wait for the end of a command, from its start.
const PATIENCE: Duration = Duration::from_secs(120);

/// Interval between checks of the clock.
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// Runs each command at its time, unless the run is over before; completes when all commands have
/// ended.
pub fn start(
    commands: &[(Duration, String)],
    started: Instant,
    is_over: &Arc<AtomicBool>,
) -> impl Future<Output = Vec<Ran>> + use<> {
    let run = |(at, command): (Duration, String)| {
        let is_over = Arc::clone(is_over);
        tokio::task::spawn_blocking(move || {
            while started.elapsed() < at {
                if is_over.load(Ordering::Relaxed) {
                    let ended = "not run: the run was over".into();
                    return Ran { at: at.as_secs_f64(), command, ended };
                }
                std::thread::sleep(LOOK_EVERY.min(at.saturating_sub(started.elapsed())));
            }
            say(&format!("stampede: at {} s: {command}", at.as_secs_f64()));
            let began = Instant::now();
            let child = std::process::Command::new("sh").arg("-c").arg(&command).spawn();
            let ended = child.map_or_else(
                |error| format!("could not be run: {error}"),
                |mut child| loop {
                    match child.try_wait() {
                        Ok(Some(status)) => break status.to_string(),
                        Ok(None) if began.elapsed() < PATIENCE => {
                            std::thread::sleep(LOOK_EVERY);
                        }
                        Ok(None) => break "still running".into(),
                        Err(error) => break error.to_string(),
                    }
                },
            );
            Ran { at: at.as_secs_f64(), command, ended }
        })
    };
    let running: Vec<_> = commands.iter().cloned().map(run).collect();
    async move {
        let mut ran = Vec::new();
        for command in running {
            // The task does not panic.
            ran.extend(command.await);
        }
        ran
    }
}
