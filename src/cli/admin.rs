//! `admitone admin`: administration by the operator of the server, when no administrator can log in.

use std::io::{BufRead, stdin};
use std::sync::Arc;

use anyhow::{Context, Result, bail};
use clap::{Arg, ArgAction, ArgMatches, Command};

use crate::accounts::{AccountError, Accounts, generated_password};
use crate::clock::SystemClock;
use crate::config::Config;
use crate::server::{self, StartError};
use crate::store::{InstanceLock, Store, StoreError};

pub(super) fn command() -> Command {
    Command::new("admin").about("Help somebody who cannot log in").subcommand(
        Command::new("reset-password")
            .about(
                "Give an account a new password and end all its logins; with Postgres while \
                     servers run, with SQLite while none does",
            )
            .arg(
                Arg::new("email")
                    .value_name("EMAIL")
                    .required(true)
                    .help("The account's e-mail address"),
            )
            .arg(
                Arg::new("stdin")
                    .long("stdin")
                    .action(ArgAction::SetTrue)
                    .help("Read the new password, one line, instead of generating one"),
            ),
    )
}

pub(super) fn run(config: &Config, arguments: &ArgMatches) -> Result<()> {
    let Some(arguments) = arguments.subcommand_matches("reset-password") else {
        bail!("say what: admin reset-password EMAIL");
    };
    let email = arguments.get_one::<String>("email").context("whose password?")?;
    let given = if arguments.get_flag("stdin") { Some(first_line()?) } else { None };
    let password = given.clone().unwrap_or_else(generated_password);
    super::block_on(async {
        let (_lock, store) = open(config).await?;
        let runtime = tokio::runtime::Handle::current();
        let accounts = Accounts::new(store, Arc::new(SystemClock::new()), config, runtime);
        let user = match accounts.reset_password(email, password.clone()).await {
            Ok(user) => user,
            Err(AccountError::NotFound) => bail!("there is no account of {email}"),
            Err(error) => return Err(error.into()),
        };
        let shown = match given {
            Some(_) => "(the one you gave)".to_owned(),
            None => format!("{password} (shown this once)"),
        };
        super::print(&format!(
            "password of {}: {shown}\nall its logins have ended; servers that run refuse their \
             tokens within 2 s\n",
            user.email
        ));
        Ok(())
    })
}

fn first_line() -> Result<String> {
    let mut line = String::new();
    stdin().lock().read_line(&mut line).context("the password cannot be read")?;
    Ok(line.trim_end_matches(['\r', '\n']).to_owned())
}

/// Runs beside servers on Postgres; needs a SQLite file to itself, because one process at a time may
/// have it.
async fn open(config: &Config) -> Result<(Option<InstanceLock>, Store)> {
    let (lock, store) = if config.is_postgres() {
        (None, server::connect(config).await?)
    } else {
        match server::connect_alone(config).await {
            Ok((lock, store)) => (Some(lock), store),
            Err(StartError::Store(StoreError::Locked(why))) => bail!(
                "a server uses this SQLite database ({why}): stop the server, run this again, start \
                 the server; with Postgres it works while servers run"
            ),
            Err(error) => return Err(error.into()),
        }
    };
    let schema = store.schema_status().await?;
    if schema.applied.is_empty() {
        bail!("this database is empty: name the server's with DATABASE_URL or --data-dir");
    }
    if !schema.pending.is_empty() {
        bail!(
            "the schema is of an older version: start this version's server once, then run this again"
        );
    }
    Ok((lock, store))
}
