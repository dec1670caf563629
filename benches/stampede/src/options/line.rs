//! The options of `stampede line`.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Arg, ArgMatches, Error, value_parser};

use super::{Place, valued, wrong};

/// The options of this command.
#[derive(Clone, Debug)]
#[expect(missing_docs, reason = "the command line says it")]
pub struct LineOptions {
    pub place: Place,
    pub token_secret: String,
    pub people: u32,
    pub clients: u32,
    pub threads: u32,
    /// People a second who enter while others hold places.
    pub entering: f64,
    /// How long holds are measured, each time.
    pub holding: Duration,
    pub json: Option<PathBuf>,
}

pub(super) fn arguments() -> Vec<Arg> {
    let count =
        |name, help, most| valued(name, "N", help).value_parser(value_parser!(u32).range(1..=most));
    vec![
        count("people", "How many enter [1000000]", 3_900_000),
        count("clients", "Connections, each as fast as it is answered [4096]", 60_000),
        count("threads", "Threads of the generator [2]", 256),
        valued("entering", "N", "People a second who enter while others hold places [20000]")
            .value_parser(super::rate),
        valued("holding", "TIME", "How long holds are measured, each of three times [15s]")
            .value_parser(super::duration),
        valued("json", "FILE", "Writes the results for machines")
            .value_parser(value_parser!(PathBuf)),
    ]
}

pub(super) fn read(arguments: &ArgMatches) -> Result<LineOptions, Error> {
    let number = |name: &str| arguments.get_one::<u32>(name).copied();
    let secret = std::env::var("ADMITONE_JWT_SECRET").ok().filter(|secret| !secret.is_empty());
    let token_secret = secret.ok_or_else(|| {
        wrong(
            "ADMITONE_JWT_SECRET is not set: a million people do not register, so their tokens are \
             signed here. Start the server with the same secret",
        )
    })?;
    Ok(LineOptions {
        place: super::place(arguments)?,
        token_secret,
        people: number("people").unwrap_or(1_000_000),
        clients: number("clients").unwrap_or(4_096),
        threads: number("threads").unwrap_or(2),
        entering: arguments.get_one("entering").copied().unwrap_or(20_000.0),
        holding: arguments.get_one("holding").copied().unwrap_or(Duration::from_secs(15)),
        json: arguments.get_one::<PathBuf>("json").cloned(),
    })
}
