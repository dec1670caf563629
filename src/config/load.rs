//! Reads the settings from their sources: flags over environment over file over defaults. Every error
//! names the key, its source, and the remedy.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fmt;
use std::path::{Path, PathBuf};

use super::Config;
use super::keys::{Key, keys};

/// The file that is read when none is named, if it exists.
pub const DEFAULT_FILE: &str = "admitone.toml";
const FILE_ENV: &str = "ADMITONE_CONFIG";
/// Prefix of settings of the project's own tests, which the server ignores.
const TEST_PREFIX: &str = "ADMITONE_TEST_";

/// Settings that cannot be accepted, a line for each.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct ConfigError(pub(super) String);

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
        self.objects.check().map_err(ConfigError)?;
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
