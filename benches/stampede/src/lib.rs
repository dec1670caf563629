//! `stampede`: a load generator that audits the answers it gets. It knows the server only by its
//! API, as its clients do: crowds of virtual buyers send requests, every answer is kept, and at the
//! end each acknowledged hold, reservation and payment is looked up in the event's journal, which
//! is also searched for effects without a request.
//!
//! It never touches the server's database, and a run whose audit fails has failed, however fast.

pub mod api;
pub mod audit;
pub mod buyer;
pub mod connection;
pub mod crowd;
pub mod environment;
pub mod ledger;
pub mod line;
pub mod listener;
pub mod measure;
pub mod options;
pub mod people;
pub mod report;
pub mod run;
pub mod setup;
pub mod timer;
pub mod workload;

use std::ffi::OsString;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// Runs the command line. Exit codes: 0 done and the audit found nothing; 1 it could not be done,
/// or the audit found a violation; 2 the command line is wrong; 3 the results are void, because the
/// generator itself could not keep up.
#[must_use]
pub fn main(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    let task = match options::parse(arguments) {
        Ok(task) => task,
        Err(error) => {
            // To clap, help and version are errors; they go to standard output.
            let _ = error.print();
            return if error.use_stderr() { ExitCode::from(2) } else { ExitCode::SUCCESS };
        }
    };
    let ended = match task {
        options::Task::Run(options) => run::run(*options),
        options::Task::Audit(options) => run::audit_again(&options),
        options::Task::Line(options) => line::run(&options).map(|()| run::Verdict::Sound),
    };
    match ended {
        Ok(run::Verdict::Sound) => ExitCode::SUCCESS,
        Ok(run::Verdict::Violated) => ExitCode::FAILURE,
        Ok(run::Verdict::Void) => ExitCode::from(3),
        Err(error) => {
            say(&format!("stampede: {error:#}"));
            ExitCode::FAILURE
        }
    }
}

/// The path of the server's program, which cargo builds beside this one; benches start it.
///
/// # Panics
/// If it has not been built.
#[must_use]
pub fn server_program() -> PathBuf {
    let this = std::env::current_exe().expect("a running program has a path");
    let found = this.ancestors().skip(1).take(2).map(|dir| dir.join("admitone"));
    let found = found.into_iter().find(|program| Path::is_file(program));
    found.expect("the server is built first: cargo build --release --bin admitone")
}

/// Writes one line to standard error, where progress and complaints go.
fn say(line: &str) {
    let _ = writeln!(io::stderr(), "{line}");
}
