//! Parses the texts of settings, and words the errors of those that are invalid.

use std::net::{SocketAddr, ToSocketAddrs};
use std::time::Duration;

use tracing_subscriber::filter::LevelFilter;

use crate::config::{MailMode, Secret};

pub(super) fn address(value: &str) -> Result<SocketAddr, String> {
    value
        .to_socket_addrs()
        .ok()
        .and_then(|mut addresses| addresses.next())
        .ok_or_else(|| "is not HOST:PORT, such as 127.0.0.1:8080".into())
}

pub(super) fn text(value: &str, max: usize) -> Result<String, String> {
    if value.trim().is_empty() {
        return Err("is empty: give a value or unset it".into());
    }
    if value.len() > max {
        return Err(format!("is longer than {max} bytes"));
    }
    Ok(value.to_owned())
}

/// Checks that a secret is acceptable: 32 bytes or more that are not all the same, and not blank.
///
/// # Errors
/// The fault of the secret, without showing it.
pub fn check_secret(value: &str) -> Result<(), String> {
    let length = value.len();
    let advice = "use 32 or more that nobody can guess (openssl rand -hex 32)";
    if length < 32 {
        return Err(format!("has {length} bytes: {advice}"));
    }
    if value.trim().is_empty() {
        return Err(format!("is nothing but blanks: {advice}"));
    }
    if is_repetition(value.as_bytes()) {
        return Err(format!("is one character or word over and over: {advice}"));
    }
    Ok(())
}

/// True if a text is the beginning of itself, twice or more often.
fn is_repetition(text: &[u8]) -> bool {
    (1..=text.len() / 2)
        .any(|period| text.iter().zip(&text[period..]).all(|(one, next)| one == next))
}

/// Parses a filter whose every part names its level. `tracing` takes an unknown word for a module to
/// be logged in full, so that a misspelt level would turn everything else off.
pub(super) fn log_filter(value: &str) -> Result<String, String> {
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

pub(super) fn database_url(value: &str) -> Result<Secret, String> {
    if let Some(named) = value.strip_prefix("sqlite:") {
        // The store detects other forms of these when it opens the file.
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

/// Parses the URL of the Redis that instances share.
pub(super) fn redis_url(value: &str) -> Result<Secret, String> {
    crate::cluster::lease::check_redis_url(value)?;
    Ok(Secret::new(value))
}

/// Parses the URL of a mail server.
pub(super) fn smtp_url(value: &str) -> Result<Secret, String> {
    crate::mail::settings::MailServer::parse(value)?;
    Ok(Secret::new(value))
}

/// Parses the sender of mails.
pub(super) fn mail_from(value: &str) -> Result<String, String> {
    crate::mail::settings::check_sender(value)?;
    Ok(value.trim().to_owned())
}

/// Parses what becomes of mails.
pub(super) fn mail_mode(value: &str) -> Result<MailMode, String> {
    match value.to_ascii_lowercase().as_str() {
        "smtp" => Ok(MailMode::Smtp),
        "keep" => Ok(MailMode::Keep),
        "off" => Ok(MailMode::Off),
        _ => Err("is neither smtp, keep nor off".into()),
    }
}

/// Returns the URL of a collector's trace endpoint: the given URL, and the path defined by the
/// protocol.
pub(super) fn collector(value: &str) -> Result<String, String> {
    const PATH: &str = "/v1/traces";
    let example = "write http://HOST:4318";
    if value.starts_with("https:") {
        return Err(format!(
            "asks for TLS, which traces are not sent with: run a collector beside this process and \
             let that one go on with TLS; {example}"
        ));
    }
    let is_url = value.starts_with("http://");
    let url = value.parse::<reqwest::Url>().ok().filter(|url| is_url && url.has_host());
    let url = url.ok_or_else(|| format!("is not the URL of a collector: {example}"))?;
    if !url.username().is_empty() || url.password().is_some() {
        return Err(format!("holds a name or a password, which would not be sent: {example}"));
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Err(format!("has more than a host, a port and a path: {example}"));
    }
    let base = url.as_str().trim_end_matches('/');
    Ok(if base.ends_with(PATH) { base.to_owned() } else { format!("{base}{PATH}") })
}

pub(super) fn ratio(value: &str) -> Result<f64, String> {
    let ratio = value.parse().ok().filter(|ratio| (0.0..=1.0).contains(ratio));
    ratio.ok_or_else(|| "is not a number from 0 to 1, such as 0.01 for one in a hundred".into())
}

/// Parses the name of an instance: it is used in keys, paths and logs.
pub(super) fn instance_name(value: &str) -> Result<String, String> {
    let allowed = |c: char| c.is_ascii_alphanumeric() || ".:_-".contains(c);
    if (1..=64).contains(&value.len()) && value.chars().all(allowed) {
        return Ok(value.to_owned());
    }
    Err("is not a name of 1 to 64 letters, digits, dots, colons, dashes and underscores, such as \
         tickets-1"
        .into())
}

/// Parses the name of a time zone.
pub(super) fn time_zone(value: &str) -> Result<String, String> {
    let found: Result<chrono_tz::Tz, _> = value.trim().parse();
    found
        .map(|zone| zone.name().to_owned())
        .map_err(|_| "expected the name of a time zone such as Asia/Seoul".to_owned())
}

pub(super) fn boolean(value: &str) -> Result<bool, String> {
    match value.to_ascii_lowercase().as_str() {
        "true" | "1" | "yes" | "on" => Ok(true),
        "false" | "0" | "no" | "off" => Ok(false),
        _ => Err("is neither true nor false".into()),
    }
}

pub(super) fn number<N>(value: &str, min: N, max: N) -> Result<N, String>
where
    N: std::str::FromStr + PartialOrd + std::fmt::Display + Copy,
{
    value
        .parse()
        .ok()
        .filter(|number| (&min..=&max).contains(&number))
        .ok_or_else(|| format!("is not a whole number from {min} to {max}"))
}

pub(super) fn duration(value: &str, min: &str, max: &str) -> Result<Duration, String> {
    let bounds = parse_duration(min).zip(parse_duration(max));
    parse_duration(value)
        .filter(|duration| bounds.is_some_and(|(min, max)| (min..=max).contains(duration)))
        .ok_or_else(|| {
            format!("is not a duration from {min} to {max}: a whole number of ms, s, m, h or d")
        })
}

/// Parses `500ms`, `20s`, `5m`, `1h`, `7d`; `None` for anything else.
pub fn parse_duration(value: &str) -> Option<Duration> {
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

pub(super) fn origins(value: &str) -> Result<Vec<String>, String> {
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

pub(super) fn origin(value: &str) -> Result<String, String> {
    match &mut *origins(value)? {
        [origin] => Ok(std::mem::take(origin)),
        _ => Err("is not an address such as https://tickets.example.com".into()),
    }
}

/// Parses a secret that another service has issued.
pub(super) fn word(value: &str) -> Result<Secret, String> {
    if (8..=255).contains(&value.len()) && value.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Ok(Secret::new(value));
    }
    Err("is not one word of 8 to 255 visible characters".into())
}

/// Parses a colour of CSS, which goes into a style sheet as it is.
pub(super) fn color(value: &str) -> Result<String, String> {
    let digits = value.strip_prefix('#').unwrap_or_default();
    if digits.len() == 6 && digits.bytes().all(|digit| digit.is_ascii_hexdigit()) {
        return Ok(value.to_owned());
    }
    Err("is not a colour such as #3355dd".into())
}

/// Parses an id that another service has issued.
pub(super) fn id(value: &str) -> Result<String, String> {
    if (1..=255).contains(&value.len()) && value.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Ok(value.to_owned());
    }
    Err("is not one word of 1 to 255 visible characters".into())
}

/// Parses the address of a provider of identities. Without TLS anyone on the way could sign in as anyone,
/// so only this machine may do without.
pub(super) fn issuer(value: &str) -> Result<String, String> {
    let example = "write https://id.example.com";
    let url = value.parse::<reqwest::Url>().map_err(|_| format!("is not a URL: {example}"))?;
    if !crate::accounts::is_safe_address(&url) {
        return Err(format!("is not an address at https: {example}"));
    }
    let is_plain = url.query().is_none() && url.fragment().is_none();
    if !is_plain || !url.username().is_empty() || url.password().is_some() {
        return Err(format!("has more than a host, a port and a path: {example}"));
    }
    // Issuers are compared as they are written, so no slash is added or taken away.
    Ok(value.to_owned())
}

/// Parses Apple's key.
pub(super) fn apple_key(value: &str) -> Result<Secret, String> {
    crate::accounts::check_private_key(value)?;
    Ok(Secret::new(value))
}

/// Reads a file that holds a secret.
pub(super) fn file(path: &str) -> Result<String, String> {
    let read = std::fs::read_to_string(path);
    read.map(|text| text.trim().to_owned()).map_err(|error| format!("cannot be read: {error}"))
}
