//! The table of all keys: under which name each setting is set, what it means, and how its text is
//! read. Flags, environment, file, help and error messages are all made from it.

use std::net::{SocketAddr, ToSocketAddrs};
use std::time::Duration;

use tracing_subscriber::filter::LevelFilter;

use super::{Config, LogFormat, Secret};

/// One setting.
pub struct Key {
    /// As the TOML file says it; the flag is the same with dashes.
    pub name: &'static str,
    /// As the environment says it.
    pub env: &'static str,
    /// What stands for the value in the help.
    pub value: &'static str,
    /// What it is, and its default.
    pub help: &'static str,
    /// Secrets have no flag (everybody can read a command line) and are never shown.
    pub secret: bool,
    /// Reads the text into the config, or says what the text should have been.
    pub set: fn(&mut Config, &str) -> Result<(), String>,
}

macro_rules! key {
    ($name:literal, $env:literal, $value:literal, $help:literal, $set:expr) => {
        Key { name: $name, env: $env, value: $value, help: $help, secret: false, set: $set }
    };
    (secret $name:literal, $env:literal, $value:literal, $help:literal, $set:expr) => {
        Key { name: $name, env: $env, value: $value, help: $help, secret: true, set: $set }
    };
}

const NOT_OFFERED: &str =
    "is for several instances, which are not offered by this version: unset it to run one";

/// Every setting there is.
pub const KEYS: &[Key] = &[
    key!(
        "listen",
        "ADMITONE_LISTEN",
        "HOST:PORT",
        "Where the API listens [127.0.0.1:8080]",
        |c, v| { address(v).map(|v| c.listen = v) }
    ),
    key!(
        "metrics_listen",
        "ADMITONE_METRICS_LISTEN",
        "HOST:PORT",
        "Where Prometheus scrapes, or off [127.0.0.1:9464]",
        |c, v| {
            if v == "off" {
                c.metrics_listen = None;
                return Ok(());
            }
            address(v).map(|v| c.metrics_listen = Some(v))
        }
    ),
    key!(
        "advertise",
        "ADMITONE_ADVERTISE",
        "HOST:PORT",
        "The address that the journal notes as this instance's [the address it listens on]",
        |c, v| text(v, 255).map(|v| c.advertise = Some(v))
    ),
    key!(
        "data_dir",
        "ADMITONE_DATA_DIR",
        "DIR",
        "Where the embedded database and the generated secret live [./data]",
        |c, v| text(v, 4_096).map(|v| c.data_dir = v.into())
    ),
    key!(
        "database_url",
        "DATABASE_URL",
        "URL",
        "postgres://user:password@host/database or sqlite://path [SQLite in the data directory]",
        |c, v| database_url(v).map(|v| c.database_url = v)
    ),
    key!(
        "redis_url",
        "REDIS_URL",
        "URL",
        "Several instances sharing the work: not offered by this version, so leave it unset",
        |_, _| Err(NOT_OFFERED.into())
    ),
    key!(secret
        "cluster_secret",
        "ADMITONE_CLUSTER_SECRET",
        "SECRET",
        "Belongs to several instances: not offered by this version, so leave it unset",
        |_, _| Err(NOT_OFFERED.into())
    ),
    key!(secret
        "jwt_secret",
        "ADMITONE_JWT_SECRET",
        "SECRET",
        "Signs access tokens and ticket codes; 32 bytes or more, for example from `openssl rand -hex \
         32` [generated into the data directory with SQLite; required with Postgres]",
        |c, v| {
            check_secret(v)?;
            c.jwt_secret = Secret::new(v);
            Ok(())
        }
    ),
    key!(
        "log",
        "ADMITONE_LOG",
        "FILTER",
        "What is logged: off, error, warn, info, debug, trace, or by module, such as \
         info,admitone::access=debug [info]",
        |c, v| log_filter(v).map(|v| c.log = v)
    ),
    key!(
        "log_format",
        "ADMITONE_LOG_FORMAT",
        "text|json",
        "How log lines are written, to standard error [text]",
        |c, v| {
            c.log_format = match v {
                "text" => LogFormat::Text,
                "json" => LogFormat::Json,
                _ => return Err("is neither text nor json".into()),
            };
            Ok(())
        }
    ),
    key!(
        "demo",
        "ADMITONE_DEMO",
        "true|false",
        "Make a demo event on an empty store [true]",
        |c, v| boolean(v).map(|v| c.demo = v)
    ),
    key!(
        "admin_email",
        "ADMITONE_ADMIN_EMAIL",
        "EMAIL",
        "The first administrator, made on an empty store [admin@admitone.local]",
        |c, v| { crate::accounts::normalise_email(v).map(|v| c.admin_email = v) }
    ),
    key!(secret
        "admin_password",
        "ADMITONE_ADMIN_PASSWORD",
        "PASSWORD",
        "Its password, 8 to 128 characters [generated and printed once]",
        |c, v| {
            crate::accounts::check_password(v)?;
            c.admin_password = Some(Secret::new(v));
            Ok(())
        }
    ),
    key!("workers", "ADMITONE_WORKERS", "N", "HTTP threads [one per core]", |c, v| {
        number(v, 1, 1_024).map(|v| c.workers = v)
    }),
    key!(
        "box_office_threads",
        "ADMITONE_BOX_OFFICE_THREADS",
        "N",
        "Threads that events live on [half the cores]",
        |c, v| number(v, 1, 1_024).map(|v| c.box_office_threads = v)
    ),
    key!(
        "database_pool",
        "ADMITONE_DATABASE_POOL",
        "N",
        "Connections to Postgres; each event thread gets at least one [16]",
        |c, v| number(v, 2, 1_000).map(|v| c.database_pool = v)
    ),
    key!(
        "max_pending",
        "ADMITONE_MAX_PENDING",
        "N",
        "Commands of one event that may wait; more are answered 503 at once [16384]",
        |c, v| number(v, 64, 1_048_576).map(|v| c.max_pending = v)
    ),
    key!(
        "append_timeout",
        "ADMITONE_APPEND_TIMEOUT",
        "DURATION",
        "How long the database may take to keep a batch before its outcome counts as unknown [5s]",
        |c, v| duration(v, "100ms", "60s").map(|v| c.append_timeout = v)
    ),
    key!(
        "access_token_ttl",
        "ADMITONE_ACCESS_TOKEN_TTL",
        "DURATION",
        "Life of an access token, 1m to 24h. An hour: nobody has to log in again during a sale, and \
         a stolen token is soon worthless [1h]",
        |c, v| duration(v, "1m", "24h").map(|v| c.access_token_ttl = v)
    ),
    key!(
        "refresh_token_ttl",
        "ADMITONE_REFRESH_TOKEN_TTL",
        "DURATION",
        "Life of a refresh token, 1h to 90d [7d]",
        |c, v| duration(v, "1h", "90d").map(|v| c.refresh_token_ttl = v)
    ),
    key!(
        "password_hashers",
        "ADMITONE_PASSWORD_HASHERS",
        "N",
        "Passwords hashed at a time, 19 MiB each [one per core]",
        |c, v| number(v, 1, 256).map(|v| c.password_hashers = v)
    ),
    key!(
        "login_attempts_per_minute",
        "ADMITONE_LOGIN_ATTEMPTS_PER_MINUTE",
        "N",
        "Failed logins per e-mail address in a minute; a network address may fail, and register, 20 \
         times as often [10]",
        |c, v| number(v, 1, 100_000).map(|v| c.login_attempts_per_minute = v)
    ),
    key!(
        "cors_origins",
        "ADMITONE_CORS_ORIGINS",
        "ORIGIN,…",
        "Web pages of these origins may call the API, such as https://tickets.example [none]",
        |c, v| origins(v).map(|v| c.cors_origins = v)
    ),
    key!(
        "request_timeout",
        "ADMITONE_REQUEST_TIMEOUT",
        "DURATION",
        "After which a request is answered 503, its body included, 1s to 10m [30s]",
        |c, v| duration(v, "1s", "10m").map(|v| c.request_timeout = v)
    ),
    key!(
        "shutdown_grace",
        "ADMITONE_SHUTDOWN_GRACE",
        "DURATION",
        "How long a stop waits for answers under way, 1s to 10m [20s]",
        |c, v| duration(v, "1s", "10m").map(|v| c.shutdown_grace = v)
    ),
];

fn address(value: &str) -> Result<SocketAddr, String> {
    value
        .to_socket_addrs()
        .ok()
        .and_then(|mut addresses| addresses.next())
        .ok_or_else(|| "is not HOST:PORT, such as 127.0.0.1:8080".into())
}

fn text(value: &str, max: usize) -> Result<String, String> {
    if value.trim().is_empty() {
        return Err("is empty: give a value or unset it".into());
    }
    if value.len() > max {
        return Err(format!("is longer than {max} bytes"));
    }
    Ok(value.to_owned())
}

/// Whether a secret can be one: 32 bytes or more that are not all the same, and not blank.
///
/// # Errors
/// What is wrong with it, without showing it.
pub fn check_secret(value: &str) -> Result<(), String> {
    let length = value.len();
    let advice = "use 32 or more that nobody can guess (openssl rand -hex 32)";
    if length < 32 {
        return Err(format!("has {length} bytes: {advice}"));
    }
    if value.trim().is_empty() {
        return Err(format!("is nothing but blanks: {advice}"));
    }
    let mut characters = value.chars();
    let first = characters.next();
    if characters.all(|character| Some(character) == first) {
        return Err(format!("is one character over and over: {advice}"));
    }
    Ok(())
}

/// A filter whose every part names its level. `tracing` takes a word that it does not know for a
/// module to be logged in full, so that a misspelt level would turn everything else off.
fn log_filter(value: &str) -> Result<String, String> {
    let example = "write info, or warn,admitone=debug";
    let parts: Vec<&str> =
        value.split(',').map(str::trim).filter(|part| !part.is_empty()).collect();
    if parts.is_empty() {
        return Err(format!("names no level: {example}"));
    }
    if let Some(part) = parts.iter().find(|part| part.contains('[')) {
        return Err(format!(
            "is not a log filter ({part} asks for spans, only modules are told apart): {example}"
        ));
    }
    let filter = parts.join(",");
    filter
        .parse::<tracing_subscriber::filter::Targets>()
        .map_err(|error| format!("is not a log filter ({error}): {example}"))?;
    for part in parts {
        let level = part.rsplit_once('=').map_or(part, |(_, level)| level);
        if level.is_empty() || level.parse::<LevelFilter>().is_err() {
            return Err(format!(
                "is not a log filter ({part} is no level of off, error, warn, info, debug, trace, \
                 and names none): {example}"
            ));
        }
    }
    Ok(filter)
}

fn database_url(value: &str) -> Result<Secret, String> {
    if let Some(named) = value.strip_prefix("sqlite:") {
        // What else means one of these, the store finds out when it opens the file.
        let (file, parameters) = named.split_once('?').unwrap_or((named, ""));
        let file = file.trim_start_matches('/');
        if file == ":memory:" || parameters.split('&').any(|one| one == "mode=memory") {
            return Err(
                "is a database in memory, which would forget what it has promised: name a \
                        file, such as sqlite://path"
                    .into(),
            );
        }
        if file.is_empty() {
            return Err("names no file: write sqlite://path, or unset it to use the data \
                        directory's"
                .into());
        }
        return Ok(Secret::new(value));
    }
    if ["postgres://", "postgresql://"].iter().any(|scheme| value.starts_with(scheme)) {
        return Ok(Secret::new(value));
    }
    Err("does not start with postgres:// or sqlite:, the databases this version works with".into())
}

fn boolean(value: &str) -> Result<bool, String> {
    match value.to_ascii_lowercase().as_str() {
        "true" | "1" | "yes" | "on" => Ok(true),
        "false" | "0" | "no" | "off" => Ok(false),
        _ => Err("is neither true nor false".into()),
    }
}

fn number<N>(value: &str, min: N, max: N) -> Result<N, String>
where
    N: std::str::FromStr + PartialOrd + std::fmt::Display + Copy,
{
    value
        .parse()
        .ok()
        .filter(|number| (&min..=&max).contains(&number))
        .ok_or_else(|| format!("is not a whole number from {min} to {max}"))
}

fn duration(value: &str, min: &str, max: &str) -> Result<Duration, String> {
    let bounds = parse_duration(min).zip(parse_duration(max));
    parse_duration(value)
        .filter(|duration| bounds.is_some_and(|(min, max)| (min..=max).contains(duration)))
        .ok_or_else(|| format!("is not a duration from {min} to {max}, such as 500ms, 20s, 5m, 1h"))
}

fn parse_duration(value: &str) -> Option<Duration> {
    let digits = value.find(|c: char| !c.is_ascii_digit())?;
    let number: u64 = value[..digits].parse().ok()?;
    let unit_ms: u64 = match &value[digits..] {
        "ms" => 1,
        "s" => 1_000,
        "m" => 60_000,
        "h" => 3_600_000,
        "d" => 86_400_000,
        _ => return None,
    };
    Some(Duration::from_millis(number.checked_mul(unit_ms)?))
}

fn origins(value: &str) -> Result<Vec<String>, String> {
    let origins: Vec<String> =
        value.split(',').map(|origin| origin.trim().trim_end_matches('/').to_owned()).collect();
    let good = |origin: &String| {
        let host = origin.strip_prefix("https://").or_else(|| origin.strip_prefix("http://"));
        host.is_some_and(|host| !host.is_empty() && !host.contains(['/', '*', ' ']))
    };
    if origins.iter().all(good) {
        return Ok(origins);
    }
    Err("is not a list of origins such as https://tickets.example,http://localhost:3000".into())
}
