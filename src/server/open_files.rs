//! How many files the process may have open, and how many of them connections may use.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::config::Config;
use crate::http::middleware::connections::{Limits, MAX_ENDING};

/// The limit if the system names none, or a larger one.
const MOST: u64 = 1_048_576;

/// The most connections if none are configured: each takes memory too.
const DEFAULT_MOST: usize = 65_536;

/// Raises the limit as far as the system allows, and returns it. The limit that a shell or a service
/// manager sets (1,024 as a rule) is meant for programs that use `select`.
pub(super) fn raise_limit() -> u64 {
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    let wanted = maximum.unwrap_or(MOST).min(MOST);
    if current.is_some_and(|current| current < wanted) {
        let raised = Rlimit { current: Some(wanted), maximum };
        if let Err(error) = setrlimit(Resource::Nofile, raised) {
            tracing::warn!(%error, "the limit of open files cannot be raised (ulimit -n)");
        }
    }
    getrlimit(Resource::Nofile).current.unwrap_or(MOST).min(MOST)
}

/// Returns the limits of connections for `files` descriptors. The rest is for the database, Redis,
/// other instances, metrics, and connections that are accepted to make others end.
pub(super) fn limits(config: &Config, files: u64) -> Limits {
    let files = usize::try_from(files).unwrap_or(usize::MAX);
    let threads = config.workers + config.box_office_threads;
    let kept = 96 + MAX_ENDING + 4 * threads + 2 * config.database_pool as usize;
    let room = files.saturating_sub(kept).max(files / 2);
    let connections =
        config.max_connections.unwrap_or(room.min(DEFAULT_MOST)).clamp(1, room.max(1));
    let streams = config.max_streams.unwrap_or(connections / 4 * 3).min(connections);
    Limits {
        connections,
        connections_per_address: config.connections_per_address.unwrap_or(connections.div_ceil(2)),
        streams,
        streams_per_address: config.streams_per_address.unwrap_or(streams.div_ceil(2)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn connections_leave_descriptors_for_the_rest() {
        let config = Config { workers: 2, box_office_threads: 1, ..Config::default() };
        let limits = limits(&config, 1_024);
        assert_eq!(limits.connections, 1_024 - 96 - MAX_ENDING - 12 - 32);
        assert_eq!(limits.streams, limits.connections / 4 * 3);
        assert_eq!(limits.streams_per_address, limits.streams.div_ceil(2));
    }

    #[test]
    fn without_a_setting_there_are_not_more_connections_than_memory_is_for() {
        let config = Config { workers: 2, box_office_threads: 1, ..Config::default() };
        assert_eq!(limits(&config, MOST).connections, 65_536);
        let config = Config { max_connections: Some(500_000), ..config };
        assert_eq!(limits(&config, MOST).connections, 500_000);
    }

    #[test]
    fn what_is_set_counts_as_far_as_there_are_descriptors() {
        let config = Config {
            max_connections: Some(10_000),
            connections_per_address: Some(usize::MAX),
            max_streams: Some(7),
            ..Config::default()
        };
        let large = limits(&config, 100_000);
        assert_eq!((large.connections, large.streams), (10_000, 7));
        assert_eq!(large.connections_per_address, usize::MAX);
        let small = limits(&config, 64);
        assert_eq!((small.connections, small.streams), (32, 7));
    }
}
