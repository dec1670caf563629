//! Reads the settings from their sources: flags over environment over file over defaults. Every error
//! names the key, its source, and the remedy.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fmt;
use std::net::IpAddr;
use std::path::{Path, PathBuf};

use super::keys::{Key, keys};
use super::{Config, MailMode};

/// The file that is read when none is named, if it exists.
pub const DEFAULT_FILE: &str = "admitone.toml";
const FILE_ENV: &str = "ADMITONE_CONFIG";
/// Prefix of settings of the project's own tests, which the server ignores.
const TEST_PREFIX: &str = "ADMITONE_TEST_";

/// A setting that cannot be accepted.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct ConfigError(String);

/// Sources of settings.
#[derive(Debug, Default)]
pub struct Sources {
    /// Flags, by [`Key::name`].
    pub flags: BTreeMap<&'static str, String>,
    /// The file named by a flag.
    pub file: Option<PathBuf>,
    /// The environment.
    pub environment: BTreeMap<String, String>,
}

impl Sources {
    /// Returns the variables of a process for [`Self::environment`]. Ignores variables that are not
    /// UTF-8, unless they are settings: then leaving one out would start a server with other settings
    /// than those given.
    ///
    /// # Errors
    /// The first setting that is not UTF-8, without its value.
    pub fn read_environment(
        variables: impl IntoIterator<Item = (OsString, OsString)>,
    ) -> Result<BTreeMap<String, String>, ConfigError> {
        let mut environment = BTreeMap::new();
        for (name, value) in variables {
            let name = name.to_string_lossy().into_owned();
            match value.into_string() {
                Ok(value) => {
                    environment.insert(name, value);
                }
                Err(_) if is_setting(&name) => {
                    return Err(ConfigError(format!(
                        "{name}: the value is not text in UTF-8: correct it or unset it"
                    )));
                }
                Err(_) => {}
            }
        }
        Ok(environment)
    }
}

fn is_setting(variable: &str) -> bool {
    let ours = variable.starts_with("ADMITONE_") && !variable.starts_with(TEST_PREFIX);
    ours || keys().any(|key| key.env == variable)
}

/// The source of a value.
#[derive(Clone, Copy)]
enum Origin<'a> {
    Flag,
    Environment,
    File(&'a Path),
}

impl Config {
    /// Returns the settings, checked one by one and together.
    ///
    /// # Errors
    /// The first setting that is wrong.
    pub fn load(sources: &Sources) -> Result<Self, ConfigError> {
        refuse_unknown_variables(&sources.environment)?;
        let (path, file) = read_file(sources)?;
        let mut config = Self::default();
        for key in keys() {
            let flag = sources.flags.get(key.name).map(|value| (value, Origin::Flag));
            // An empty variable is how compose files and shells express "not set".
            let variable = sources.environment.get(key.env).filter(|value| !value.is_empty());
            let variable = variable.map(|value| (value, Origin::Environment));
            let line = file.get(key.name).map(|value| (value, Origin::File(&path)));
            let Some((value, origin)) = flag.or(variable).or(line) else { continue };
            (key.set)(&mut config, value).map_err(|reason| wrong(key, origin, value, &reason))?;
        }
        config.check_together()?;
        Ok(config)
    }

    /// Checks the settings that serving needs, and reading a journal or migrating does not.
    ///
    /// # Errors
    /// The missing setting.
    pub fn check_serving(&self) -> Result<(), ConfigError> {
        if self.is_postgres() && self.jwt_secret.is_empty() {
            return Err(ConfigError(
                "ADMITONE_JWT_SECRET is not set: with Postgres it must be, to 32 bytes or more that \
                 only you know, such as the output of `openssl rand -hex 32`"
                    .into(),
            ));
        }
        self.check_cluster()?;
        self.check_mail()
    }

    /// Checks the settings that a worker needs: those of an instance among several.
    ///
    /// # Errors
    /// The missing setting.
    pub fn check_worker(&self) -> Result<(), ConfigError> {
        let refuse = |why: &str| Err(ConfigError(why.into()));
        if !self.is_postgres() {
            return refuse(
                "admitone worker needs Postgres: a SQLite file belongs to one process, and `admitone \
                 serve` does the work of a worker itself; set DATABASE_URL to that of the instances",
            );
        }
        if !self.is_cluster() {
            return refuse(
                "REDIS_URL is not set: a worker finds the instances through Redis, so set REDIS_URL and \
                 ADMITONE_CLUSTER_SECRET to those of the instances; an instance without them needs no \
                 worker and does the work itself",
            );
        }
        if self.public_url.is_none() && self.mail_mode() != MailMode::Off {
            return refuse(
                "ADMITONE_PUBLIC_URL is not set: a worker writes mails, whose links need the address at \
                 which people reach the instances, such as https://tickets.example.com",
            );
        }
        self.check_serving()
    }

    /// Checks that mails can be sent where they are wanted, and that their absence is intended.
    fn check_mail(&self) -> Result<(), ConfigError> {
        let refuse = |why: &str| Err(ConfigError(why.into()));
        if self.mail.is_none() && self.smtp_url.is_none() && self.is_postgres() {
            return refuse(
                "ADMITONE_SMTP_URL is not set: customers are told of tickets and offers by mail, so set \
                 it to the mail server, such as smtps://user:password@mail.example.com, or say \
                 ADMITONE_MAIL=off (no mails) or ADMITONE_MAIL=keep (shown at /dev/mail only)",
            );
        }
        if self.mail_mode() != MailMode::Smtp {
            return Ok(());
        }
        if self.smtp_url.is_none() {
            return refuse(
                "ADMITONE_MAIL is smtp and ADMITONE_SMTP_URL is not set: set it to the mail server, such \
                 as smtps://user:password@mail.example.com",
            );
        }
        if self.mail_from.is_none() {
            return refuse(
                "ADMITONE_MAIL_FROM is not set: mails need a sender, such as tickets@example.com",
            );
        }
        if self.public_url.is_none() && !self.listen.ip().is_loopback() {
            return refuse(
                "ADMITONE_PUBLIC_URL is not set: links in mails need the address at which people reach \
                 the server, such as https://tickets.example.com",
            );
        }
        Ok(())
    }

    /// Checks the settings that several instances need, and that one alone must not have.
    fn check_cluster(&self) -> Result<(), ConfigError> {
        if !self.is_cluster() {
            return match self.cluster_secret {
                None => Ok(()),
                Some(_) => Err(ConfigError(
                    "ADMITONE_CLUSTER_SECRET is set and REDIS_URL is not: several instances find \
                     each other through Redis, so set REDIS_URL too; for one instance unset both"
                        .into(),
                )),
            };
        }
        if !self.is_postgres() {
            return Err(ConfigError(
                "REDIS_URL is set and DATABASE_URL names no Postgres: several instances share one \
                 Postgres, so set DATABASE_URL to postgres://user:password@host/database; for one \
                 instance unset REDIS_URL"
                    .into(),
            ));
        }
        if self.cluster_secret.is_none() {
            return Err(ConfigError(
                "ADMITONE_CLUSTER_SECRET is not set: instances know each other by it, so set it, the \
                 same for all, to the output of `openssl rand -hex 32`"
                    .into(),
            ));
        }
        // A worker has no clients.
        if self.trusted_proxies.is_none() && !self.is_worker {
            return Err(ConfigError(
                "ADMITONE_TRUSTED_PROXIES is not set: several instances have a load balancer in front, \
                 and limits count the clients behind it, so set it to the networks that it connects \
                 from, such as 10.0.0.0/8, or to none if clients connect directly"
                    .into(),
            ));
        }
        let address = self.advertise.clone().unwrap_or_else(|| self.listen.to_string());
        if is_reachable(&address) {
            return Ok(());
        }
        let why = match &self.advertise {
            Some(address) => format!("ADMITONE_ADVERTISE: {address:?} is no address to connect to"),
            None => format!("ADMITONE_LISTEN is {address}, which is no address to connect to"),
        };
        Err(ConfigError(format!(
            "{why}: set ADMITONE_ADVERTISE to the HOST:PORT at which other instances reach this one, \
             such as 10.0.0.7:8080"
        )))
    }

    fn check_together(&self) -> Result<(), ConfigError> {
        let fixed_ports = self.listen.port() != 0;
        if fixed_ports && self.metrics_listen == Some(self.listen) {
            return Err(ConfigError(format!(
                "ADMITONE_METRICS_LISTEN: {} is the address of the API too: give metrics a port of \
                 their own, or set it to off",
                self.listen
            )));
        }
        if self.stripe_webhook_secret.is_some() && self.stripe_secret_key.is_none() {
            return Err(ConfigError(
                "ADMITONE_STRIPE_WEBHOOK_SECRET is set and ADMITONE_STRIPE_SECRET_KEY is not: \
                 payments by Stripe need the key, so set it too, or unset both"
                    .into(),
            ));
        }
        self.social.check(self.public_url.as_deref()).map_err(ConfigError)?;
        if self.refresh_token_ttl < self.access_token_ttl {
            return Err(ConfigError(
                "ADMITONE_REFRESH_TOKEN_TTL is shorter than ADMITONE_ACCESS_TOKEN_TTL: a refresh \
                 token must outlive the access token it renews"
                    .into(),
            ));
        }
        Ok(())
    }
}

/// True if another instance could connect to `address`: a host and a port, and a host that means the
/// same on every machine.
fn is_reachable(address: &str) -> bool {
    let Some((host, port)) = address.rsplit_once(':') else { return false };
    // With port 0 the system chooses, and the server advertises the chosen port.
    let is_host = !host.is_empty() && !host.contains(['/', '@', ' ']);
    let host = host.trim_start_matches('[').trim_end_matches(']');
    let unspecified = host.parse::<IpAddr>().is_ok_and(|ip| ip.is_unspecified());
    is_host && !unspecified && port.parse::<u16>().is_ok()
}

fn wrong(key: &Key, origin: Origin<'_>, value: &str, reason: &str) -> ConfigError {
    let name = match origin {
        Origin::Flag => format!("--{}", key.name.replace('_', "-")),
        Origin::Environment => key.env.to_owned(),
        Origin::File(path) => format!("{} in {}", key.name, path.display()),
    };
    // The URL of a database holds a password, and another URL, or what should be a file's name, may by
    // mistake.
    let may_hold_secret = ["_url", "_endpoint", "_issuer", "_file"];
    if key.secret || may_hold_secret.iter().any(|end| key.name.ends_with(end)) {
        ConfigError(format!("{name}: the value {reason}"))
    } else {
        ConfigError(format!("{name}: {value:?} {reason}"))
    }
}

fn refuse_unknown_variables(environment: &BTreeMap<String, String>) -> Result<(), ConfigError> {
    for name in environment.keys() {
        if is_setting(name) && name != FILE_ENV && keys().all(|key| key.env != name) {
            let near = nearest(name, keys().map(|key| key.env));
            return Err(ConfigError(format!("{name}: there is no such setting{near}")));
        }
    }
    Ok(())
}

fn read_file(sources: &Sources) -> Result<(PathBuf, BTreeMap<String, String>), ConfigError> {
    let named = sources
        .file
        .clone()
        .or_else(|| sources.environment.get(FILE_ENV).filter(|v| !v.is_empty()).map(PathBuf::from));
    let path = named.clone().unwrap_or_else(|| PathBuf::from(DEFAULT_FILE));
    if named.is_none() && !path.exists() {
        return Ok((path, BTreeMap::new()));
    }
    let shown = path.display();
    let text = std::fs::read_to_string(&path).map_err(|error| {
        ConfigError(format!("the file {shown} (--config, {FILE_ENV}) cannot be read: {error}"))
    })?;
    let table: toml::Table = text.parse().map_err(|error| {
        ConfigError(format!("the file {shown} is not TOML: {}", one_line(&error)))
    })?;
    let mut values = BTreeMap::new();
    for (name, value) in table {
        if keys().all(|key| key.name != name) {
            let near = nearest(&name, keys().map(|key| key.name));
            return Err(ConfigError(format!("{name} in {shown}: there is no such setting{near}")));
        }
        let value = plain(&value).ok_or_else(|| {
            ConfigError(format!("{name} in {shown}: write a text, a number, true or false"))
        })?;
        values.insert(name, value);
    }
    Ok((path, values))
}

fn plain(value: &toml::Value) -> Option<String> {
    match value {
        toml::Value::String(text) => Some(text.clone()),
        toml::Value::Integer(number) => Some(number.to_string()),
        toml::Value::Float(number) => Some(number.to_string()),
        toml::Value::Boolean(truth) => Some(truth.to_string()),
        toml::Value::Array(items) => {
            let items: Option<Vec<&str>> = items.iter().map(toml::Value::as_str).collect();
            items.map(|items| items.join(","))
        }
        toml::Value::Datetime(_) | toml::Value::Table(_) => None,
    }
}

fn one_line(error: &impl fmt::Display) -> String {
    error.to_string().lines().map(str::trim).collect::<Vec<_>>().join(" ")
}

/// Returns `: did you mean …?` if a known name is close to the given one.
fn nearest<'a>(name: &str, known: impl Iterator<Item = &'a str>) -> String {
    known
        .map(|known| (distance(name, known), known))
        .min()
        .filter(|(distance, _)| *distance <= 3)
        .map_or_else(
            || ": `admitone --help` lists them all".to_owned(),
            |(_, known)| format!(": did you mean {known}?"),
        )
}

/// Returns the Levenshtein distance, computed one row at a time.
fn distance(a: &str, b: &str) -> usize {
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.bytes().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, y) in b.bytes().enumerate() {
            let substituted = diagonal + usize::from(x != y);
            diagonal = row[j + 1];
            row[j + 1] = substituted.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests;
