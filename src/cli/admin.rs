//! `admitone admin`: administration by the operator of the server, when no administrator can log in.

use std::fs;
use std::io::{BufRead, ErrorKind, Write, stderr, stdin};
use std::sync::Arc;

use anyhow::{Context, Result, anyhow, bail};
use clap::{Arg, ArgAction, ArgMatches, Command};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::accounts::{Accounts, generated_password, normalise_email};
use crate::audit_log::{self, Act};
use crate::clock::{Clock, SystemClock};
use crate::config::{Config, MailMode};
use crate::http::error::ApiError;
use crate::ids::{OfferingId, UserId};
use crate::inventory::TimestampMs;
use crate::roles::{NewGrant, RoleError, Roles};
use crate::server::{self, StartError};
use crate::store::{
    AuditOutcome, GrantFilter, GrantRole, GrantRow, InstanceLock, Store, StoreError, sqlite_file,
};

pub(super) fn command() -> Command {
    let with_role = |name: &'static str, about: &'static str| {
        Command::new(name)
            .about(about)
            .arg(email())
            .arg(
                Arg::new("role")
                    .value_name("ROLE")
                    .required(true)
                    .value_parser(GrantRole::ALL.map(GrantRole::as_str))
                    .ignore_case(true)
                    .help("What the account may do"),
            )
            .arg(
                Arg::new("offering")
                    .value_name("OFFERING")
                    .help("The id of the event or class; left out for ADMIN"),
            )
    };
    let command = Command::new("admin").about("Help people who cannot log in or lack a role");
    let unconfirmed = Arg::new("unconfirmed")
        .long("unconfirmed")
        .action(ArgAction::SetTrue)
        .help("Give it to an account whose address is not confirmed");
    let command = command
        .subcommand(with_role("grant", "Give an account a role").arg(unconfirmed))
        .subcommand(with_role("revoke", "Take a role from an account"));
    command.subcommand(
        Command::new("reset-password")
            .about(
                "Give an account a new password and end all its logins; with Postgres while \
                     servers run, with SQLite while none does",
            )
            .arg(email())
            .arg(
                Arg::new("stdin")
                    .long("stdin")
                    .action(ArgAction::SetTrue)
                    .help("Read the new password, one line, instead of generating one"),
            ),
    )
}

fn email() -> Arg {
    Arg::new("email").value_name("EMAIL").required(true).help("The account's e-mail address")
}

pub(super) fn run(config: &Config, arguments: &ArgMatches) -> Result<()> {
    match arguments.subcommand() {
        Some(("reset-password", arguments)) => reset_password(config, arguments),
        Some(("grant", arguments)) => change_role(config, arguments, Change::Grant),
        Some(("revoke", arguments)) => change_role(config, arguments, Change::Revoke),
        _ => bail!("say what: admin reset-password EMAIL, admin grant EMAIL ROLE"),
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Change {
    Grant,
    Revoke,
}

/// Gives or takes a role, and writes that to the audit log.
fn change_role(config: &Config, arguments: &ArgMatches, change: Change) -> Result<()> {
    let email = arguments.get_one::<String>("email").context("whose role?")?;
    let (role, offering) = role_of(arguments)?;
    super::block_on(async {
        let (_lock, store) = open(config).await?;
        let address = normalise_email(email).map_err(anyhow::Error::msg)?;
        let Some(user) = store.user_by_email(&address).await? else {
            bail!("there is no account of {email}");
        };
        if let Some(offering) = offering
            && store.event_get(offering).await?.is_none()
        {
            bail!("there is no event or class with the id {offering}");
        }
        if change == Change::Grant
            && user.email_confirmed_at.is_none()
            && !arguments.get_flag("unconfirmed")
        {
            unconfirmed(config, &user.email)?;
        }
        let roles = Roles::new(store.clone(), config.jwt_secret.expose());
        let now = SystemClock::new().now_ms();
        let (action, done) = match change {
            Change::Grant => ("grant.give", "has"),
            Change::Revoke => ("grant.revoke", "has no longer"),
        };
        let values = json!({ "userId": user.id, "role": role, "offeringId": offering });
        let (before, after) = match change {
            Change::Grant => (None, Some(values)),
            Change::Revoke => (Some(values), None),
        };
        let begun = begin(&store, action, user.id, (offering, before, after), now).await?;
        let changed = match change {
            Change::Grant => {
                let new = NewGrant { user: user.id, role, offering };
                roles.grant(new, None, None, now).await.map(|(grant, _)| grant)
            }
            Change::Revoke => revoke(&store, &roles, user.id, (role, offering)).await,
        };
        match changed {
            Ok(grant) => complete(&store, begun, audit_log::DONE, Some(grant.id.to_string())).await,
            Err(error) => {
                let said = anyhow::Error::msg(error.to_string());
                complete(&store, begun, ApiError::from(error).code().as_str(), None).await;
                return Err(said);
            }
        }
        super::print(&format!(
            "{} {done} the role {}; servers that run know it within 2 s\n",
            user.email,
            role.as_str()
        ));
        Ok(())
    })
}

/// Returns the role and the offering that a command names.
fn role_of(arguments: &ArgMatches) -> Result<(GrantRole, Option<OfferingId>)> {
    let role = arguments.get_one::<String>("role").map(|name| name.to_uppercase());
    let role = role.and_then(|name| GrantRole::parse(&name)).context("which role?")?;
    let offering = arguments.get_one::<String>("offering");
    let offering: Option<OfferingId> = offering
        .map(|id| id.parse())
        .transpose()
        .context("OFFERING is the id of an event or class")?;
    match (role, offering) {
        (GrantRole::Admin, Some(_)) => bail!("ADMIN is for no offering: leave OFFERING out"),
        (GrantRole::Organiser | GrantRole::Finance | GrantRole::Door, None) => {
            bail!("{} is for one offering: name its id", role.as_str())
        }
        _ => Ok((role, offering)),
    }
}

/// Refuses a role for an account with an address that is not confirmed: it need not be the account of the
/// person who has the address. Only warns where it is said that mails are off, as no address can be
/// confirmed then. This command may run without the server's settings of mails, so that silence is no word.
fn unconfirmed(config: &Config, email: &str) -> Result<()> {
    let why = format!("the address {email} has not been confirmed: anyone may have registered it");
    if config.mail != Some(MailMode::Off) {
        bail!("{why}; ask the person to confirm it, or add --unconfirmed");
    }
    let _ = writeln!(stderr(), "warning: {why}");
    Ok(())
}

async fn revoke(
    store: &Store,
    roles: &Roles,
    user: UserId,
    (role, offering): (GrantRole, Option<OfferingId>),
) -> Result<GrantRow, RoleError> {
    let offerings = offering.map(|one| vec![one]);
    let filter = GrantFilter { user: Some(user), role: Some(role), offerings, after: None };
    let found = store.grant_list(&filter, 1).await?;
    let grant = found.first().ok_or(RoleError::NoSuchGrant)?;
    roles.revoke(grant.id, None).await
}

/// The values before and after an act, and the offering that it is about.
type Values = (Option<OfferingId>, Option<Value>, Option<Value>);

async fn begin(
    store: &Store,
    action: &str,
    target: UserId,
    (offering, before, after): Values,
    now: TimestampMs,
) -> Result<Uuid, StoreError> {
    let act = Act {
        address: Some("command line".into()),
        action: action.to_owned(),
        offering,
        target: Some(target.to_string()),
        before,
        after,
        ..Act::default()
    };
    audit_log::begin(store, act, now).await
}

/// Completes an act; the code of a refusal is that of the API.
async fn complete(store: &Store, act: Uuid, outcome: &str, target: Option<String>) {
    let with = AuditOutcome { outcome: outcome.to_owned(), target, ..AuditOutcome::default() };
    audit_log::complete(store, act, with).await;
}

fn reset_password(config: &Config, arguments: &ArgMatches) -> Result<()> {
    let email = arguments.get_one::<String>("email").context("whose password?")?;
    let given = if arguments.get_flag("stdin") { Some(first_line()?) } else { None };
    let password = given.clone().unwrap_or_else(generated_password);
    super::block_on(async {
        let (_lock, store) = open(config).await?;
        let runtime = tokio::runtime::Handle::current();
        let clock = SystemClock::new();
        let now = clock.now_ms();
        let accounts = Accounts::new(store.clone(), Arc::new(clock), config, runtime);
        let known = match normalise_email(email) {
            Ok(address) => store.user_by_email(&address).await?,
            Err(_) => None,
        };
        let Some(known) = known else { bail!("there is no account of {email}") };
        let act =
            begin(&store, "account.reset-password", known.id, (None, None, None), now).await?;
        let user = match accounts.reset_password(email, password.clone()).await {
            Ok(user) => user,
            Err(error) => {
                let said = anyhow::Error::msg(error.to_string());
                complete(&store, act, ApiError::from(error).code().as_str(), None).await;
                return Err(said);
            }
        };
        complete(&store, act, audit_log::DONE, None).await;
        let shown = match given {
            Some(_) => "(the one you gave)".to_owned(),
            None => format!("{password} (shown this once)"),
        };
        let linked = store.social_identity_list(user.id).await?;
        let linked: Vec<&str> = linked.iter().map(|identity| identity.provider.as_str()).collect();
        let others = match linked.is_empty() {
            true => String::new(),
            false => format!("it can be signed in to by {} as before\n", linked.join(" and ")),
        };
        super::print(&format!(
            "password of {}: {shown}\n{others}all its logins have ended; servers that run refuse their \
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

/// Refuses a SQLite file that does not exist, and says why one cannot be seen.
fn check_exists(config: &Config) -> Result<()> {
    let place = match config.database_url.expose() {
        "" => format!("in {}", config.data_dir.display()),
        url => format!("at {url}"),
    };
    let missing = || {
        anyhow!("there is no database {place}: name the server's with DATABASE_URL or --data-dir")
    };
    let is_away = config.database_url.expose().is_empty()
        && fs::metadata(&config.data_dir).is_err_and(|error| error.kind() == ErrorKind::NotFound);
    if is_away {
        return Err(missing());
    }
    let file = sqlite_file(config.database().expose())?;
    match fs::metadata(&file) {
        Ok(found) if found.is_file() => Ok(()),
        Ok(_) => Err(missing()),
        Err(error) if error.kind() == ErrorKind::NotFound => Err(missing()),
        Err(error) => Err(anyhow!("cannot open the database {}: {error}", file.display())),
    }
}

/// Runs beside servers on Postgres; needs a SQLite file to itself, because one process at a time may
/// have it. Makes no database: there would be no account in it.
async fn open(config: &Config) -> Result<(Option<InstanceLock>, Store)> {
    if !config.is_postgres() {
        check_exists(config)?;
    }
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
