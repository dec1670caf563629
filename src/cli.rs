//! The command line: its commands, their settings, and the exit codes: 0 done, 1 failed, 2 the
//! command line or a setting is wrong.

mod admin;
mod archive;
mod journal;
mod migrate;
mod output;
mod queue;
mod serve;
mod simulate;
mod worker;

use output::{block_on, print};
use std::ffi::OsString;
use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Arg, ArgAction, ArgMatches, Command};

use crate::config::{Config, ConfigError, DEFAULT_FILE, Sources, keys};

const EXAMPLES: &str = "\
Examples:
  admitone                                     serve from ./data, nothing else needed
  ADMITONE_DEMO=false admitone serve           the same without the demo event
  DATABASE_URL=postgres://me@db/tickets \\
    ADMITONE_JWT_SECRET=$(openssl rand -hex 32) admitone serve
  ADMITONE_LISTEN=127.0.0.1:8090 admitone worker
                                               send messages and drive payments, sell nothing
  admitone migrate status                      which schema steps are applied
  admitone journal show <event id> --from 10   what happened to an event, and when
  admitone journal verify --all                whether any journal was tampered with
  admitone queue verify --file record.ndjson   whether a waiting room kept to its order
  admitone admin reset-password <e-mail>       a new password for somebody who cannot log in
  admitone archive --to /backup/admitone       old rows of journals go into files

Settings come from flags, then the environment, then the TOML file (--config, ADMITONE_CONFIG, or
admitone.toml where you are), then defaults. In the file they have the flag's name with
underscores: listen = \"0.0.0.0:8080\". ";

/// Runs the command line and returns the exit code of the process.
#[must_use]
pub fn run(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    let matches = match command().try_get_matches_from(arguments) {
        Ok(matches) => matches,
        Err(error) => {
            // Help and version are errors to clap, and go to standard output.
            let _ = error.print();
            return if error.use_stderr() { ExitCode::from(2) } else { ExitCode::SUCCESS };
        }
    };
    let config = match load(&matches) {
        Ok(config) => config,
        Err(error) => {
            complain(&error.to_string());
            return ExitCode::from(2);
        }
    };
    let done = match matches.subcommand() {
        None | Some(("serve" | "worker", _)) => serve::run(config),
        Some(("migrate", arguments)) => migrate::run(&config, arguments),
        Some(("journal", arguments)) => journal::run(&config, arguments),
        Some(("queue", arguments)) => queue::run(&config, arguments),
        Some(("archive", arguments)) => archive::run(&config, arguments),
        Some(("simulate", arguments)) => simulate::run(&config, arguments),
        Some(("admin", arguments)) => admin::run(&config, arguments),
        Some((other, _)) => Err(anyhow::anyhow!("there is no command {other}")),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            complain(&format!("{error:#}"));
            ExitCode::FAILURE
        }
    }
}

fn command() -> Command {
    let mut command = Command::new("admitone")
        .version(env!("CARGO_PKG_VERSION"))
        .about(
            "A reservation engine: sells seats to crowds that arrive all at once, never one twice",
        )
        .subcommand(
            Command::new("serve").about("Serve the API (what is done when nothing is said)"),
        )
        .subcommand(worker::command())
        .subcommand(showing(&["data_dir", "log", "log_format"], migrate::command()))
        .subcommand(showing(&["data_dir", "log", "log_format"], journal::command()))
        .subcommand(showing(&["data_dir", "log", "log_format"], queue::command()))
        .subcommand(showing(&["data_dir", "log", "log_format"], archive::command()))
        .subcommand(showing(&["log", "log_format"], simulate::command()))
        .subcommand(showing(&["data_dir", "log", "log_format"], admin::command()))
        .arg(
            Arg::new("config")
                .long("config")
                .value_name("FILE")
                .global(true)
                .help(format!("A TOML file with settings [{DEFAULT_FILE}, if there is one]")),
        );
    let mut secrets = String::new();
    for key in keys() {
        if key.secret {
            secrets.push_str(&format!("\n  {:<24} {}", key.env, key.help));
            continue;
        }
        command = command.arg(
            Arg::new(key.name)
                .long(key.name.replace('_', "-"))
                .value_name(key.value)
                .global(true)
                .action(ArgAction::Set)
                .help_heading("Settings")
                .help(format!("{} ({})", key.help, key.env)),
        );
    }
    let heading =
        "Settings of the environment and the file only, since anybody can read a command line:";
    command.after_help(format!("{heading}{secrets}\n\n{EXAMPLES}")).max_term_width(100)
}

/// Returns a command that takes all settings, as all commands do, and whose help shows only these, and
/// where the database is for those that need one.
fn showing(settings: &[&str], mut command: Command) -> Command {
    let database = keys().find(|key| key.name == "database_url");
    if let Some(key) = database.filter(|_| settings.contains(&"data_dir")) {
        let said =
            format!("Settings of the environment and the file only:\n  {}  {}", key.env, key.help);
        let inner = said.clone();
        command = command.after_help(said).mut_subcommands(|it| it.after_help(inner.clone()));
    }
    let hidden = keys().filter(|key| !key.secret && !settings.contains(&key.name));
    command.args(
        hidden
            .map(|key| Arg::new(key.name).long(key.name.replace('_', "-")).global(true).hide(true)),
    )
}

fn load(matches: &ArgMatches) -> Result<Config, ConfigError> {
    // Global flags are the same on every level; the innermost has them all.
    let innermost = innermost(matches);
    let flags = keys()
        .filter(|key| !key.secret)
        .filter_map(|key| Some((key.name, innermost.get_one::<String>(key.name)?.clone())))
        .collect();
    let file = innermost.get_one::<String>("config").map(PathBuf::from);
    let environment = Sources::read_environment(std::env::vars_os())?;
    let config = Config::load(&Sources { flags, file, environment })?;
    match matches.subcommand_name() {
        None | Some("serve") => config.check_serving()?,
        Some("worker") => {
            let config = config.for_worker();
            config.check_worker()?;
            return Ok(config);
        }
        Some(_) => {}
    }
    Ok(config)
}

fn innermost(matches: &ArgMatches) -> &ArgMatches {
    match matches.subcommand() {
        Some((_, inner)) => innermost(inner),
        None => matches,
    }
}

/// Writes to standard error, with the name of the program before each line.
fn complain(reason: &str) {
    for line in reason.lines() {
        let _ = writeln!(io::stderr(), "admitone: {line}");
    }
}
