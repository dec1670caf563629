//! Log lines on standard error, and panics as log lines.

use std::io::{self, IsTerminal};

use tracing_subscriber::filter::Targets;
use tracing_subscriber::fmt;
use tracing_subscriber::layer::{Layer, SubscriberExt};
use tracing_subscriber::util::SubscriberInitExt;

use super::line::{JsonLine, TextLine};
use super::{metrics, targets};
use crate::config::{Config, LogFormat};

const QUIET: &str = "actix_server=warn,sea_orm_migration=warn,sqlx::postgres::notice=warn,actix_http::h1::dispatcher=off";

/// Starts logging as configured. A second call in one process (tests) changes nothing.
pub fn start(config: &Config) {
    // Libraries that announce every start, or log every malformed request as an error; the filter of
    // the settings follows, and so takes precedence.
    let of_today = targets::current(&config.log);
    let filter: Targets =
        format!("{QUIET},{}", of_today.directives).parse().expect("settings are checked");
    let ansi = io::stderr().is_terminal();
    let lines = fmt::layer().with_ansi(ansi).with_writer(io::stderr);
    let lines = match config.log_format {
        LogFormat::Text => lines.event_format(TextLine::new(ansi)).boxed(),
        LogFormat::Json => lines.json().event_format(JsonLine::new()).boxed(),
    };
    // An error means that the process's subscriber was set elsewhere: that one stays.
    let _ = tracing_subscriber::registry().with(filter).with(lines).try_init();
    for (old, new) in of_today.renamed {
        tracing::warn!(%old, %new, "ADMITONE_LOG names a module that moved: use its new path");
    }
    std::panic::set_hook(Box::new(|panic| {
        let place = panic.location().map(ToString::to_string).unwrap_or_default();
        let message = panic.payload_as_str().unwrap_or("a panic");
        metrics::panic();
        tracing::error!(place, message, "panic");
    }));
}
