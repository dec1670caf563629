//! `admitone serve` and `admitone worker`: run until they are stopped.

use anyhow::{Result, bail};
use tokio::signal::unix::{SignalKind, signal};

use crate::config::Config;
use crate::server::{Parts, Server, banner};
use crate::telemetry;

/// Starts, waits for SIGTERM or SIGINT, stops.
pub(super) fn run(config: Config) -> Result<()> {
    telemetry::start_log(&config);
    for warning in config.warnings() {
        tracing::warn!("{warning}");
    }
    super::block_on(async {
        // Before the start, so that a signal during it is not lost.
        let mut terminate = signal(SignalKind::terminate())?;
        let mut interrupt = signal(SignalKind::interrupt())?;
        let mut running = Server::start(config, Parts::default()).await?;
        super::print(&banner(&running));
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
            why = running.ended() => bail!("stopped: {why}"),
        }
        tokio::select! {
            () = running.shutdown() => Ok(()),
            // A second signal means that the operator does not want to wait.
            _ = terminate.recv() => Ok(()),
            _ = interrupt.recv() => Ok(()),
        }
    })
}
